// The way to an established WebSocket: HTTP upgrade, and what went wrong.

#include "platform_linux/connect_diagnosis.hpp"
#include "platform_linux/lws_client.hpp"

#include <algorithm>
#include <cstdlib>

namespace platform_linux {

using common::LogLevel;
using platform::LinkFailure;

namespace {

constexpr const char* kUserAgent = "VEV-Gateway";
/// Of one phase of the handshake; also how long one of several addresses is tried.
constexpr unsigned kPhaseTimeout_s = 15;

/// "HS: ws upgrade response not 101" and the like, for the cases that have no better words.
std::string without_newline(const char* text) {
  std::string out = text == nullptr ? "" : text;
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
  return out;
}

}  // namespace

lws_context* LwsClient::create_context() {
  static const lws_protocols kProtocols[] = {
      {kSubprotocol, &LwsClient::on_lws, 0, 4096, 0, nullptr, 0},
      {nullptr, nullptr, 0, 0, 0, nullptr, 0}};
  lws_context_creation_info info{};
  info.port = CONTEXT_PORT_NO_LISTEN;
  info.protocols = kProtocols;
  info.user = this;
  info.fd_limit_per_thread = 16;
  info.http_proxy_address = "";  // not the one of the environment
  info.ka_time = kKeepAlive_s;
  info.ka_probes = kKeepAliveProbes;
  info.ka_interval = kKeepAliveInterval_s;
  info.timeout_secs = kPhaseTimeout_s;
  info.connect_timeout_secs = kPhaseTimeout_s;
  return lws_create_context(&info);
}

int LwsClient::append_headers(lws* wsi, unsigned char** position, size_t size) {
  unsigned char* const end = *position + size;
  const auto add = [&](const char* name, const std::string& value) {
    return lws_add_http_header_by_name(wsi, reinterpret_cast<const unsigned char*>(name),
                                       reinterpret_cast<const unsigned char*>(value.data()),
                                       static_cast<int>(value.size()), position, end) != 0;
  };
  if (add("User-Agent:", kUserAgent)) return -1;
  return !target_.authorization.empty() && add("Authorization:", target_.authorization) ? -1 : 0;
}

/// Called for any answer, before libwebsockets looks whether it is an upgrade.
void LwsClient::on_http_answer(lws* wsi) {
  http_status_ = static_cast<int>(lws_http_client_http_response(wsi));
  char text[16];
  if (lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_HTTP_RETRY_AFTER) <= 0) return;
  // Seconds; the other form, a date, is not used by servers that shed load.
  char* end = nullptr;
  const long seconds = std::strtol(text, &end, 10);
  if (end != text && *end == '\0' && seconds > 0)
    retry_after_ms_ = std::min(seconds, 86400L) * 1000;
}

int LwsClient::check_subprotocol(lws* wsi) {
  char text[32];
  if (lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_PROTOCOL) > 0)
    return 0;  // compared by libwebsockets
  if (target_.require_subprotocol) {
    fail("the CSMS did not agree to the subprotocol ocpp1.6");
    return -1;
  }
  log(LogLevel::kWarn, "the CSMS did not name the subprotocol ocpp1.6; going on without");
  return 0;
}

std::string LwsClient::host_and_port() const {
  return std::string(target_.url.host.c_str()) + " port " + std::to_string(target_.url.port);
}

void LwsClient::on_connect_error(const char* reason) {
  const std::string why = without_newline(reason);
  wsi_ = nullptr;
  if (!failure_.empty()) {
    is_done_ = true;
  } else if (http_status_ != 0 && http_status_ != 101) {
    fail(explain_http_status(http_status_, location_),
         http_status_ == 401 ? LinkFailure::kUnauthorized : LinkFailure::kConnection);
  } else if (why == "HS: PROTOCOL malformed") {
    fail("the CSMS answered with another subprotocol than ocpp1.6");
  } else if (http_status_ == 101) {
    fail("the CSMS sent a wrong WebSocket answer (" + why + ")");
  } else if (!has_tcp_) {
    const std::string cause = diagnose_connect(*address_);
    fail("cannot connect to " + host_and_port() + (cause.empty() ? "" : ": " + cause));
  } else {
    fail(host_and_port() + " did not complete the WebSocket handshake");
  }
}

}  // namespace platform_linux
