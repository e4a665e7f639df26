#include "ocpp/handlers/file_orders.hpp"
#include "ocpp_messages/runtime/time_text.hpp"

namespace ocpp {
namespace {

/// A URL under construction.
struct Url {
  char text[limits::kMaxLocationBytes];
  size_t size = 0;
  bool is_cut = false;

  common::TextSpan span() const { return common::TextSpan(text, size); }
  void add(char c) {
    is_cut = is_cut || size == sizeof text;
    if (!is_cut) text[size++] = c;
  }
  void add(common::TextSpan more) {
    for (const char c : more) add(c);
  }
};

/// "diagnostics-<serial number>-<date and time>.jsonl", of characters that mean nothing to a URL.
void add_name(const Engine& engine, Url& url) {
  url.add(common::text("diagnostics-"));
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

/// OCPP 1.6 ed. 2, 5.9. location is a folder, to which a name of ours is added; a URL with a query (a signed
/// one) or with a name that has a dot is taken as it is.
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
  Url url;
  url.size = request.location.copy_to(common::Span<char>(url.text)).value_or(0);
  url.is_cut = url.size == 0;
  common::TextSpan name = file_of(url.span());
  if (name.empty() && !url.is_cut) {
    if (url.text[url.size - 1] != '/') url.add('/');
    const size_t begin = url.size;
    add_name(engine, url);
    name = url.span().subspan(begin);
  }
  if (url.is_cut) {
    call.refuse(kLocationLength.code, common::text(kLocationLength.reason));
    return;
  }
  FileOrder order = make_order(request.retries, request.retry_interval);
  order.url = url.span();
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
