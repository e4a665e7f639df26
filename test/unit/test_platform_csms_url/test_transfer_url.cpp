#include "doctest_main/doctest_main.hpp"
#include "platform/transfer_url.hpp"

#include <string>

using common::Status;
using common::text;
using platform::TransferUrl;

namespace {

/// "host:port|user|password|target", or the error.
std::string parts_of(const std::string& url) {
  TransferUrl out;
  common::FixedString<95> error;
  if (platform::parse_transfer_url(text(url.c_str()), out, error) != Status::kOk)
    return error.c_str();
  return std::string(out.host.c_str()) + ":" + std::to_string(out.port) + "|" + out.user.c_str() +
         "|" + out.password.c_str() + "|" + out.target.c_str();
}

std::string redirect(const char* from, const char* location) {
  TransferUrl url;
  common::FixedString<95> error;
  REQUIRE(platform::parse_transfer_url(text(from), url, error) == Status::kOk);
  if (platform::follow_redirect(text(location), url, error) != Status::kOk) return error.c_str();
  return std::string(url.is_tls() ? "https " : "http ") + url.host.c_str() + ":" +
         std::to_string(url.port) + " " + (url.has_login ? url.password.c_str() : "-") + " " +
         url.target.c_str();
}

}  // namespace

TEST_CASE("the parts of a file's URL") {
  CHECK(parts_of("http://host/a/b.bin") == "host:80|||/a/b.bin");
  CHECK(parts_of("HTTPS://files.example?x=1#part") == "files.example:443|||/?x=1");
  CHECK(parts_of("ftp://[2001:db8::1]:2121/a%20b") == "2001:db8::1:2121|||/a%20b");
  CHECK(parts_of("ftps://host:/") == "host:21|||/");
}

TEST_CASE("user and password of a URL are decoded") {
  CHECK(parts_of("ftp://cp%201:s%3Acret%2F%40@host/f") == "host:21|cp 1|s:cret/@|/f");
  CHECK(parts_of("http://u:p@ss:w@host/f") == "host:80|u|p@ss:w|/f");
  CHECK(parts_of("http://only@host/f") == "host:80|only||/f");
  CHECK(parts_of("http://u%0d%0aX:p@host/f") ==
        "the user or the password in the URL is not encoded as it must be");
  CHECK(parts_of("http://u:%4@host/f") ==
        "the user or the password in the URL is not encoded as it must be");
  CHECK(parts_of("http://u:" + std::string(97, 'p') + "@host/f") ==
        "the user or the password in the URL is too long");
}

TEST_CASE("a URL that cannot be used is told without its text") {
  CHECK(parts_of("gopher://h/x") == "the URL is none of http, https, ftp, ftps");
  CHECK(parts_of("") == "the URL is none of http, https, ftp, ftps");
  CHECK(parts_of("http://") == "the URL has no host name");
  CHECK(parts_of("http://u:p@/x") == "the URL has no host name");
  CHECK(parts_of("http://h:0/") == "the port in the URL is not a number from 1 to 65535");
  CHECK(parts_of("http://h:65536/") == "the port in the URL is not a number from 1 to 65535");
  CHECK(parts_of("http://h:6553600/") == "the port in the URL is not a number from 1 to 65535");
  CHECK(parts_of("http://[::1/") == "the URL has a '[' without ']'");
  CHECK(parts_of("http://[::1]x/") == "the URL has text after ']'");
  CHECK(parts_of("http://h%41/") == "the host name in the URL has a character that is not allowed");
  CHECK(parts_of("http://h/a b") == "the URL contains a space or a control character");
  CHECK(parts_of("http://h/\r\nX: y") == "the URL contains a space or a control character");
  CHECK(parts_of("http://" + std::string(254, 'h')) == "the host name in the URL is too long");
  CHECK(parts_of("http://h/" + std::string(700, 'x')) == "the URL is too long");
}

TEST_CASE("a redirect is resolved against the URL before it") {
  CHECK(redirect("http://h:8080/a/b?q", "/c") == "http h:8080 - /c");
  CHECK(redirect("http://h/a/b?q=/x", "c/d?e#f") == "http h:80 - /a/c/d?e");
  CHECK(redirect("http://h/a/b?q", "?r=http://x") == "http h:80 - /a/b?r=http://x");
  CHECK(redirect("https://h/a", "//other/b") == "https other:443 - /b");
  CHECK(redirect("http://h/a", "https://h/b") == "https h:443 - /b");
  CHECK(redirect("http://h/a", "#x") == "the server redirects to nowhere");
  CHECK(redirect("http://h/a", "/x y") == "the URL contains a space or a control character");
}

TEST_CASE("a redirect never leaves https, nor HTTP") {
  const std::string unsafe = "the server redirects to where it is not safe to go";
  CHECK(redirect("https://h/a", "http://h/a") == unsafe);
  CHECK(redirect("http://h/a", "ftp://h/a") == unsafe);
  CHECK(redirect("http://h/a", "file:///etc/passwd") == unsafe);
}

TEST_CASE("the login goes along to the same server only") {
  CHECK(redirect("http://u:p@h/a", "/b") == "http h:80 p /b");
  CHECK(redirect("http://u:p@h/a", "http://H:80/b") == "http H:80 p /b");
  CHECK(redirect("http://u:p@h/a", "http://h:81/b") == "http h:81 - /b");
  CHECK(redirect("http://u:p@h/a", "https://h/b") == "https h:443 - /b");
  CHECK(redirect("http://u:p@h/a", "http://x/b") == "http x:80 - /b");
  CHECK(redirect("http://u:p@h/a", "http://v:q@h/b") == "http h:80 q /b");
}
