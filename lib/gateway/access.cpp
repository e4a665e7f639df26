#include "gateway/access.hpp"

#include <cstdio>

namespace gateway {
namespace {

using common::Status;
using common::TextSpan;

constexpr AuthMode kModes[] = {AuthMode::kReader, AuthMode::kChargerReader, AuthMode::kChargerList,
                               AuthMode::kFree, AuthMode::kRemote};

}  // namespace

const char* to_string(AuthMode mode) {
  switch (mode) {
    case AuthMode::kReader:
      return "reader";
    case AuthMode::kChargerReader:
      return "charger_reader";
    case AuthMode::kChargerList:
      return "charger_list";
    case AuthMode::kFree:
      return "free";
    case AuthMode::kRemote:
      return "remote";
  }
  return "?";
}

bool find_mode(TextSpan word, AuthMode& out) {
  for (const AuthMode mode : kModes) {
    if (!common::equals(word, common::text(to_string(mode)))) continue;
    out = mode;
    return true;
  }
  return false;
}

ConnectorAccess read_access(const Settings& settings, uint8_t connector_id) {
  ConnectorAccess access;
  if (!find_mode(settings.text("auth", connector_id).span(), access.mode))
    (void)find_mode(settings.text("auth").span(), access.mode);
  access.id_tag.assign_truncated(settings.text("id_tag", connector_id).span());
  access.books_unauthorised =
      common::equals(settings.text("unauthorised", connector_id).span(), common::text("free_vend"));
  return access;
}

Status check_access(AuthMode mode, const bridge::Access& charger, uint8_t connector_id,
                    common::FixedString<95>& error) {
  const char* lack = nullptr;
  if (mode == AuthMode::kChargerReader && !charger.reads_tags) lack = "no tag reader that it shows";
  if (mode == AuthMode::kChargerList && !charger.authorizes)
    lack = "no authorization that it shows";
  if (lack == nullptr) return Status::kOk;
  char text[96];
  std::snprintf(text, sizeof text, "connector %u: auth %s: the charger has %s",
                static_cast<unsigned>(connector_id), to_string(mode), lack);
  error.assign_truncated(common::text(text));
  return Status::kUnsupported;
}

}  // namespace gateway
