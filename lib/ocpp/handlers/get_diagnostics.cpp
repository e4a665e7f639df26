#include "ocpp/handlers/file_orders.hpp"
#include "ocpp/handlers/upload_url.hpp"
#include "ocpp_messages/runtime/time_text.hpp"

namespace ocpp {
namespace {

/// "<prefix><serial number>-<date and time>.jsonl", of characters that mean nothing to a URL.
void add_name(const Engine& engine, const char* prefix, UploadUrl& url) {
  url.add(common::text(prefix));
  for (const char c : engine.options.identity.serial_number.span()) {
    const char lower = common::ascii_lower(c);
    if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9')) url.add(c);
  }
  url.add('-');
  const auto time = messages::format_time(engine.clock.utc());
  for (const char c : time.span().first(19)) {
    if (c >= '0' && c <= '9') url.add(c);
  }
  url.add(common::text(".jsonl"));
}

/// The last segment of the path when the URL names a file rather than a folder: it has a dot, or a query
/// follows. Empty for a folder.
common::TextSpan file_of(common::TextSpan url) {
  size_t slashes = 0;
  size_t begin = 0;
  size_t end = 0;
  bool is_file = false;
  for (; end < url.size() && url[end] != '?'; ++end) {
    if (url[end] == '/') {
      ++slashes;
      begin = end + 1;
      is_file = false;
    }
    is_file = is_file || url[end] == '.';
  }
  // Two slashes belong to the scheme.
  return slashes >= 3 && (is_file || end < url.size()) ? url.subspan(begin, end - begin)
                                                       : common::TextSpan();
}

}  // namespace

bool make_upload_url(const Engine& engine, const messages::Text& location, const char* prefix,
                     UploadUrl& out) {
  out.size = location.copy_to(common::Span<char>(out.text)).value_or(0);
  if (out.size == 0) return false;
  out.name = file_of(out.span());
  if (!out.name.empty()) return true;
  if (out.text[out.size - 1] != '/') out.add('/');
  const size_t begin = out.size;
  add_name(engine, prefix, out);
  out.name = out.span().subspan(begin);
  return !out.is_cut;
}

/// OCPP 1.6 ed. 2, 5.9.
void handle_get_diagnostics(const InboundCall& call) {
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
  UploadUrl url;
  if (!make_upload_url(engine, request.location, "diagnostics-", url)) {
    call.refuse(kLocationLength.code, common::text(kLocationLength.reason));
    return;
  }
  FileOrder order = make_order(request.retries, request.retry_interval);
  order.url = url.span();
  order.from = request.start_time.value_or(common::UtcTime{});
  order.to = request.stop_time.value_or(common::UtcTime{});
  const common::Status accepted = engine.diagnostics.order(order);
  if (accepted == common::Status::kOk) {
    conf.file_name = url.name;
  } else if (accepted != common::Status::kNotFound) {
    call.refuse(kNotStored.code, common::text(kNotStored.reason));
    return;
  }
  call.answer(conf);
}

}  // namespace ocpp
