#include "gateway/console.hpp"
#include "gateway/console_arguments.hpp"
#include "gateway/json_members.hpp"
#include "gateway/setting_checks.hpp"

namespace gateway {

using common::Instant;
using common::Status;
using common::TextSpan;

void Console::write_setting(json::Writer& out, const SettingRow& row, uint8_t connector_id) const {
  const common::FixedString<15> name = Settings::concrete_name(row, connector_id);
  SettingText value = parts_.settings.text(name.c_str());
  Settings::hide(row, value);
  member(out, name.c_str(), value.span());
}

bool Console::setting(Arguments& arguments, json::Writer& out, Error& error, Instant) {
  const TextSpan verb = arguments.word();
  const TextSpan name = arguments.word();
  if (is_word(verb, "list")) {
    out.key("settings");
    out.begin_object();
    for (const SettingRow& row : Settings::table()) {
      for (uint8_t id = 1; id <= Settings::value_count(row, connectors_); ++id)
        write_setting(out, row, id);
    }
    out.end_object();
    return true;
  }
  if (is_word(verb, "get") && !name.empty()) {
    const SettingRow* row = Settings::find(name);
    if (row == nullptr) {
      error = Error("no such setting: ");
      (void)error.append(name.first(40));
      return false;
    }
    const uint8_t connector_id =
        row->name[1] == '?' ? static_cast<uint8_t>(name[1] - '0') : uint8_t{1};
    write_setting(out, *row, connector_id);
    member(out, "help", row->help);
    return true;
  }
  if (is_word(verb, "set") && !name.empty()) {
    common::FixedString<95> reason;
    const TextSpan value = arguments.rest();
    const SettingRow* row = Settings::find(name);
    const SettingText before = row == nullptr
                                   ? SettingText()
                                   : parts_.settings.text(common::FixedString<15>(name).c_str());
    if (set_setting(parts_.settings, name, value, reason) == Status::kOk) {
      const SettingText after = parts_.settings.text(common::FixedString<15>(name).c_str());
      out.key("changed");
      out.boolean(!common::equals(before.span(), after.span()));
      member(out, "applies", "after a reboot");
      return true;
    }
    error = Error(reason.span());
  }
  return false;
}

}  // namespace gateway
