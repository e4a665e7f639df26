#include "ocpp/handlers/file_orders.hpp"
#include "ocpp_messages/runtime/time_text.hpp"

namespace ocpp {
namespace {

using Name = common::FixedString<63>;

/// "diagnostics-<serial number>-<date and time>.jsonl", of characters that mean nothing to a URL.
Name make_name(const Engine& engine, common::Instant now) {
  Name name("diagnostics-");
  for (const char c : engine.options.identity.serial_number.span()) {
    const char lower = common::ascii_lower(c);
    if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9'))
      (void)name.append(common::TextSpan(&c, 1));
  }
  (void)name.append(common::text("-"));
  const auto time = messages::format_time(engine.clock.utc(now));
  for (const char c : time.span().first(19)) {
    if (c >= '0' && c <= '9') (void)name.append(common::TextSpan(&c, 1));
  }
  (void)name.append(common::text(".jsonl"));
  return name;
}

/// Where the last segment of the path begins when the URL names a file rather than a folder: it has a dot, or a
/// query follows. @return 0 for a folder.
size_t file_at(common::TextSpan url) {
  size_t slashes = 0;
  size_t at = 0;
  bool is_file = false;
  for (size_t i = 0; i < url.size(); ++i) {
    if (url[i] == '?') return slashes >= 3 ? at : 0;
    if (url[i] == '/') {
      ++slashes;
      at = i + 1;
      is_file = false;
    } else if (url[i] == '.') {
      is_file = true;
    }
  }
  return is_file && slashes >= 3 ? at : 0;
}

}  // namespace

/// OCPP 1.6 ed. 2, 5.9. location is a folder, to which a name of ours is added; a URL with a query (a signed
/// one) or with a name that has a dot is taken as it is.
void handle_get_diagnostics(const InboundCall& call, common::Instant now) {
  Engine& engine = call.engine();
  messages::GetDiagnosticsReq request;
  if (const messages::DecodeError error = decode(call.payload(), request); !error.ok()) {
    call.refuse(error);
    return;
  }
  messages::GetDiagnosticsConf conf;
  if (engine.ports.diagnostics == nullptr || engine.ports.transfer == nullptr) {
    call.answer(conf);
    return;
  }
  char url[limits::kMaxLocationBytes];
  const common::Result<size_t> copied = request.location.copy_to(common::Span<char>(url));
  size_t size = copied.ok() ? copied.value() : 0;
  Name name;
  const size_t at = file_at(common::TextSpan(url, size));
  if (at != 0) {
    common::TextSpan last = common::TextSpan(url, size).subspan(at);
    size_t end = 0;
    while (end < last.size() && last[end] != '?') ++end;
    name.assign_truncated(last.first(end));
  } else {
    name = make_name(engine, now);
    const bool has_slash = size > 0 && url[size - 1] == '/';
    if (size == 0 || size + 1 + name.size() > sizeof url) {
      call.refuse(kLocationLength.code, common::text(kLocationLength.reason));
      return;
    }
    if (!has_slash) url[size++] = '/';
    std::copy(name.span().begin(), name.span().end(), url + size);
    size += name.size();
  }
  FileOrder order = make_order(request.retries, request.retry_interval);
  order.url = common::TextSpan(url, size);
  order.from = request.start_time.value_or(common::UtcTime{});
  order.to = request.stop_time.value_or(common::UtcTime{});
  const common::Status accepted = engine.diagnostics.order(order);
  if (accepted == common::Status::kOk) {
    conf.file_name = name;
  } else if (accepted != common::Status::kNotFound) {
    call.refuse(kNotStored.code, common::text(kNotStored.reason));
    return;
  }
  call.answer(conf);
}

}  // namespace ocpp
