#include "doctest_main/doctest_main.hpp"
#include "platform/csms_url.hpp"

#include <string>

using common::Status;
using common::text;
using platform::CsmsUrl;
using platform::parse_csms_url;

namespace {

std::string target_of(const char* url, const char* identity) {
  CsmsUrl out;
  common::FixedString<95> error;
  if (parse_csms_url(text(url), text(identity), out, error) != Status::kOk) return error.c_str();
  return out.target.c_str();
}

std::string error_of(const char* url, const char* identity = "CP1") {
  CsmsUrl out;
  common::FixedString<95> error;
  return parse_csms_url(text(url), text(identity), out, error) == Status::kOk ? "" : error.c_str();
}

/// "wss|host:port|target" of what a redirect leads to, or the error.
std::string redirect_of(const char* location, bool from_tls) {
  CsmsUrl from;
  CsmsUrl out;
  common::FixedString<95> error;
  const char* const url = from_tls ? "wss://csms.example:4443/a" : "ws://csms.example/a";
  REQUIRE(parse_csms_url(text(url), text("CP1"), from, error) == Status::kOk);
  if (platform::parse_redirect(text(location), from, out, error) != Status::kOk)
    return error.c_str();
  return std::string(out.is_tls ? "wss|" : "ws|") + out.host.c_str() + ":" +
         std::to_string(out.port) + "|" + out.target.c_str();
}

std::string authorization(const char* identity, const std::string& password) {
  return platform::basic_authorization(
             text(identity), common::as_bytes(common::TextSpan(password.data(), password.size())))
      .c_str();
}

}  // namespace

// Rules: J-3.1.1-1 PD-8
TEST_CASE("the identity becomes the last segment of the path") {
  CHECK(target_of("ws://host", "CP1") == "/CP1");
  CHECK(target_of("ws://host/", "CP1") == "/CP1");
  CHECK(target_of("ws://host:9000/ocpp/1.6", "CP1") == "/ocpp/1.6/CP1");
  CHECK(target_of("wss://host/ocpp/", "CP1") == "/ocpp/CP1");
}

TEST_CASE("exactly one trailing slash is stripped") {
  CHECK(target_of("ws://host/ocpp//", "CP1") == "/ocpp//CP1");
}

TEST_CASE("a query stays behind the identity") {
  CHECK(target_of("ws://host/ocpp?token=a/b", "CP1") == "/ocpp/CP1?token=a/b");
  CHECK(target_of("ws://host?token=x", "CP1") == "/CP1?token=x");
}

// Rules: FP-22
TEST_CASE("a pasted URL that already ends in the identity is not given it twice") {
  CHECK(target_of("ws://host/ocpp/CP1", "CP1") == "/ocpp/CP1");
  CHECK(target_of("ws://host/ocpp/CP%201/", "CP 1") == "/ocpp/CP%201");
  CHECK(target_of("ws://host/ocpp/XCP1", "CP1") == "/ocpp/XCP1/CP1");
}

// Rules: J-3.1.1-1 PD-8 FP-22
TEST_CASE("everything outside the unreserved characters is percent-encoded") {
  CHECK(target_of("ws://host", "A-z_0.9~") == "/A-z_0.9~");
  CHECK(target_of("ws://host", "a b%c+d?e#\xC3\xA9") == "/a%20b%25c%2Bd%3Fe%23%C3%A9");
}

TEST_CASE("host, port and host header") {
  CsmsUrl out;
  common::FixedString<95> error;
  REQUIRE(parse_csms_url(text("WSS://csms.example"), text("x"), out, error) == Status::kOk);
  CHECK(out.is_tls);
  CHECK(out.port == 443);
  CHECK(std::string(out.host_header.c_str()) == "csms.example");
  REQUIRE(parse_csms_url(text("ws://csms.example:80"), text("x"), out, error) == Status::kOk);
  CHECK(std::string(out.host_header.c_str()) == "csms.example");
  REQUIRE(parse_csms_url(text("ws://csms.example:443/"), text("x"), out, error) == Status::kOk);
  CHECK_FALSE(out.is_tls);
  CHECK(out.port == 443);
  CHECK(std::string(out.host_header.c_str()) == "csms.example:443");
  REQUIRE(parse_csms_url(text("ws://[::1]:8080/x"), text("y"), out, error) == Status::kOk);
  CHECK(std::string(out.host.c_str()) == "::1");
  CHECK(std::string(out.host_header.c_str()) == "[::1]:8080");
  CHECK(std::string(out.target.c_str()) == "/x/y");
}

TEST_CASE("what cannot be used is refused with one sentence") {
  CHECK(error_of("") == "no CSMS URL is set");
  CHECK(error_of("http://host") == "the CSMS URL must begin with ws:// or wss://");
  CHECK(error_of("ws://") == "the CSMS URL has no host name");
  CHECK(error_of("ws:///path") == "the CSMS URL has no host name");
  CHECK(error_of("ws://:80/") == "the CSMS URL has no host name");
  for (const char* url :
       {"ws://host:", "ws://host:0", "ws://host:65536", "ws://host:80x", "ws://h:999999"}) {
    CHECK(error_of(url) == "the port in the CSMS URL is not a number from 1 to 65535");
  }
  CHECK(error_of("ws://user:secret@host") ==
        "the CSMS URL must not contain a user or password; set the password instead");
  CHECK(error_of("ws://ho st") == "the CSMS URL contains a space or a control character");
  CHECK(error_of("ws://host/\r\nX: y") == "the CSMS URL contains a space or a control character");
  CHECK(error_of("ws://host/#x") == "the CSMS URL must not contain '#'");
  CHECK(error_of("ws://[::1") == "the CSMS URL has a '[' without ']'");
  CHECK(error_of("ws://[::1]x") == "the CSMS URL has text after ']'");
  CHECK(error_of("ws://ho\"st") ==
        "the host name in the CSMS URL has a character that is not allowed");
  CHECK(error_of("ws://host", "") == "no charge point identity is set");
  CHECK(error_of("ws://host", "a/b") == "the charge point identity must not contain '/'");
  CHECK(error_of("ws://host", std::string(49, 'x').c_str()) ==
        "the charge point identity is longer than 48 bytes");
}

TEST_CASE("the longest settings fit") {
  std::string url = "ws://h/" + std::string(248, 'p');
  REQUIRE(url.size() == 255);
  CHECK(target_of(url.c_str(), std::string(48, ' ').c_str()).size() == 1 + 248 + 1 + 3 * 48);
}

// Rules: J-6.2.2-1 FP-21 PD-8
TEST_CASE("Basic authorization carries the raw identity and any password bytes") {
  CHECK(authorization("Aladdin", "open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  CHECK(authorization("a", "b") == "Basic YTpi");
  CHECK(authorization("a", "bc") == "Basic YTpiYw==");
  CHECK(authorization("a", "bcd") == "Basic YTpiY2Q=");
  CHECK(authorization("CP 1", std::string("\x00\xFF\x80", 3)) == "Basic Q1AgMToA/4A=");
  CHECK(authorization(std::string(48, 'i').c_str(), std::string(64, 'p')).size() == 6 + 152);
}

// Rules: FP-22
TEST_CASE("a redirect leads to another server or path, never from wss to ws") {
  CHECK(redirect_of("https://b.example/x/CP1?t=1#f", true) == "wss|b.example:443|/x/CP1?t=1");
  CHECK(redirect_of("WSS://b.example:9?t", false) == "wss|b.example:9|/?t");
  CHECK(redirect_of("http://b.example", false) == "ws|b.example:80|/");
  CHECK(redirect_of("/other/CP1", true) == "wss|csms.example:4443|/other/CP1");
  CHECK(redirect_of("ws://csms.example/a/CP1", true) ==
        "the CSMS redirects from wss to ws, which is not followed");
  CHECK(redirect_of("//b.example/", true) ==
        "the CSMS redirects to an address that is no WebSocket's");
  CHECK(redirect_of("CP1", true) == "the CSMS redirects to an address that is no WebSocket's");
  CHECK(redirect_of("https://b.example/a b", true) ==
        "the CSMS redirects to an address with a space or a control character");
  CHECK(redirect_of("https://user@b.example/", true) ==
        "the CSMS URL must not contain a user or password; set the password instead");
  CHECK(redirect_of(("/" + std::string(420, 'x')).c_str(), true) ==
        "the address that the CSMS redirects to is too long");
}
