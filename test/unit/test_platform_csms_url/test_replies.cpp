#include "doctest_main/doctest_main.hpp"
#include "platform/ftp_reply.hpp"
#include "platform/http_reply.hpp"

#include <string>

using platform::FtpReply;
using platform::HttpBody;
using platform::HttpReply;
using platform::RangeVerdict;

namespace {

common::ByteSpan bytes(const std::string& text) {
  return common::as_bytes(common::TextSpan(text.data(), text.size()));
}

/// Feeds it in two parts, then byte by byte, and checks that all splits give the same.
HttpReply read(const std::string& head) {
  HttpReply whole;
  const size_t taken = whole.feed(bytes(head));
  for (size_t split = 0; split <= head.size(); ++split) {
    HttpReply reply;
    size_t count = reply.feed(bytes(head.substr(0, split)));
    count += reply.feed(bytes(head.substr(split)));
    REQUIRE(count == taken);
    REQUIRE(reply.state() == whole.state());
    REQUIRE(reply.status() == whole.status());
    REQUIRE(reply.length() == whole.length());
    REQUIRE(common::equals(reply.location(), whole.location()));
  }
  return whole;
}

std::string string(common::TextSpan text) { return std::string(text.data(), text.size()); }

bool is_malformed(const std::string& head) {
  return read(head).state() == HttpReply::State::kMalformed;
}

/// A 200 with these header lines.
HttpReply with(const std::string& headers, const char* status = "200 OK") {
  return read("HTTP/1.1 " + std::string(status) + "\r\n" + headers + "\r\n");
}

/// The content of a body in pieces of `step` bytes; "?" at its end when it is not complete, "!" when malformed.
std::string content(const HttpReply& reply, const std::string& body, size_t step) {
  HttpBody reader;
  reader.begin(reply);
  std::string out;
  for (size_t at = 0; at < body.size() && reader.state() == HttpBody::State::kReading;) {
    common::ByteSpan piece;
    const size_t taken = reader.feed(bytes(body).subspan(at, step), piece);
    out.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    REQUIRE(taken > 0);
    at += taken;
  }
  if (reader.state() == HttpBody::State::kMalformed) return out + "!";
  return reader.state() == HttpBody::State::kDone ? out : out + "?";
}

std::string chunks(const std::string& body) {
  const HttpReply reply = with("Transfer-Encoding: chunked\r\n");
  const std::string whole = content(reply, body, body.size());
  for (size_t step = 1; step < body.size(); ++step) REQUIRE(content(reply, body, step) == whole);
  return whole;
}

}  // namespace

TEST_CASE("what a transfer needs of a response, whatever its pieces") {
  const HttpReply reply = read(
      "HTTP/1.1 206 Partial Content\r\nServer: x\r\nContent-Length:  90 \r\nContent-Range: bytes "
      "10-99/100\r\nETag: \"a:b\"\r\nLast-Modified: Mon, 23 Nov 2026 08:00:00 GMT\r\n\r\nBODY");
  CHECK(reply.state() == HttpReply::State::kDone);
  CHECK(reply.status() == 206);
  CHECK(reply.length() == 90);
  CHECK(reply.range_first() == 10);
  CHECK(reply.range_total() == 100);
  CHECK(string(reply.validator()) == "\"a:b\"");
  CHECK_FALSE(reply.is_encoded());
  HttpReply left;
  CHECK(left.feed(bytes("HTTP/1.0 200\n\nBODY")) == 14);
  CHECK(left.state() == HttpReply::State::kDone);
}

TEST_CASE("a weak or over-long validator is not used") {
  CHECK(string(with("ETag: W/\"x\"\r\nLast-Modified: then\r\n").validator()) == "then");
  CHECK(with("ETag: \"" + std::string(95, 'x') + "\"\r\n").validator().empty());
}

TEST_CASE("interim responses are read over") {
  const HttpReply reply = read(
      "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nHTTP/1.1 103 Early\r\nLocation: "
      "/x\r\n\r\nHTTP/1.1 405 No\r\n\r\n");
  CHECK(reply.has_continue());
  CHECK(reply.status() == 405);
  CHECK(reply.length() == HttpReply::kUnknown);
  CHECK(reply.location().empty());
}

TEST_CASE("malformed and ambiguous responses are refused") {
  for (const char* line : {"", "HTTP/2 200", "HTTP/1.1 20", "HTTP/1.1 2000", "HTTP/1.1 099 x",
                           "HTTP/1.1 600 x", "HTTP/1.1 101 Switch", "ICY 200 OK", "220 ftp"})
    CHECK(is_malformed(std::string(line) + "\r\n\r\n"));
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  for (const char* header : {"Content-Length: -1", "Content-Length: 5x", "Content-Length: ",
                             "Content-Length: 4294967295", "Content-Length: 1\r\nContent-Length: 2",
                             "Transfer-Encoding: gzip, chunked",
                             "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                             "Transfer-Encoding: chunked\r\nContent-Length: 5", " folded: x",
                             "no colon", ": x", "A : x", "A: x\ry"})
    CHECK_MESSAGE(is_malformed(ok + header + "\r\n\r\n"), header);
  CHECK(is_malformed(ok + "Location: /" + std::string(720, 'x') + "\r\n\r\n"));
  std::string endless = ok;
  while (endless.size() <= HttpReply::kMaxHeadBytes)
    endless += "A: " + std::string(500, 'x') + "\n";
  HttpReply reply;
  (void)reply.feed(bytes(endless));
  CHECK(reply.state() == HttpReply::State::kMalformed);
  CHECK(with("X: " + std::string(5000, 'x') + "\r\n").state() == HttpReply::State::kDone);
}

TEST_CASE("which part of the file the server sends") {
  using Kind = RangeVerdict::Kind;
  const auto judge = [](const char* status, const char* headers, uint32_t offset) {
    return platform::judge_range(with(headers, status), offset);
  };
  RangeVerdict is = judge("206 P", "Content-Range: bytes 10-99/100\r\n", 10);
  CHECK(is.kind == Kind::kBody);
  CHECK(is.begins_at == 10);
  CHECK(is.total_bytes == 100);
  is = judge("206 P", "Content-Range: bytes 10-99/*\r\nContent-Length: 90\r\n", 10);
  CHECK(is.total_bytes == 100);
  is = judge("200 OK", "Content-Length: 100\r\n", 10);
  CHECK(is.kind == Kind::kBody);
  CHECK(is.begins_at == 0);
  CHECK(is.total_bytes == 100);
  CHECK(judge("416 R", "Content-Range: bytes */10\r\n", 10).kind == Kind::kComplete);
  CHECK(judge("416 R", "Content-Range: bytes */9\r\n", 10).kind == Kind::kBeginAnew);
  CHECK(judge("416 R", "", 10).kind == Kind::kBeginAnew);
  CHECK(judge("416 R", "", 0).kind == Kind::kRefused);
  // Another part, none, several parts, and what is no range.
  for (const char* range :
       {"bytes 9-99/100", "bytes 11-99/100", "bytes 10-9/100", "bytes 10-100/100", "bytes 10-/100",
        "items 10-99/100", "bytes 10-99/100x", "bytes 4294967295-9/*"})
    CHECK(judge("206 P", (std::string("Content-Range: ") + range + "\r\n").c_str(), 10).kind ==
          Kind::kBeginAnew);
  CHECK(judge("206 P", "Content-Type: multipart/byteranges\r\n", 10).kind == Kind::kBeginAnew);
  CHECK(judge("206 P", "", 0).kind == Kind::kRefused);
  CHECK(judge("404 N", "", 10).kind == Kind::kRefused);
}

TEST_CASE("a body of known length ends where it must") {
  const HttpReply reply = with("Content-Length: 4\r\n");
  CHECK(content(reply, "BODYmore", 8) == "BODY");
  CHECK(content(reply, "BODYmore", 3) == "BODY");
  CHECK(content(reply, "BOD", 1) == "BOD?");
  CHECK(content(with("Content-Length: 0\r\n"), "x", 1).empty());
}

TEST_CASE("a body of chunks, whatever its pieces") {
  CHECK(chunks("4\r\nBODY\r\n0a;x=y\r\n0123456789\r\n0\r\nA: b\r\n\r\nmore") == "BODY0123456789");
  CHECK(chunks("4\nBODY\n0\n\n") == "BODY");
  CHECK(chunks("4\r\nBODY\r\n0\r\n") == "BODY?");
  CHECK(chunks("\r\n") == "!");
  CHECK(chunks("-4\r\nBODY\r\n") == "!");
  CHECK(chunks("4x\r\nBODY\r\n") == "!");
  CHECK(chunks("4\r\nBODYxx") == "BODY!");
  CHECK(chunks("100000000\r\n") == "!");
  CHECK(chunks("0\r\n" + std::string(2000, 'x')) == "!");
}

TEST_CASE("replies of an FTP server, whatever their pieces") {
  const std::string all = "220-hello\r\n  230 not yet\r\n220-\r\n220 ready\r\n331\n550 none\r\n";
  for (size_t step = 1; step <= all.size(); ++step) {
    FtpReply reply;
    std::string seen;
    for (size_t at = 0; at < all.size();) {
      at += reply.feed(bytes(all.substr(at, step)));
      if (reply.state() != FtpReply::State::kDone) continue;
      seen += std::to_string(reply.code()) + string(reply.text()) + ";";
      reply.clear();
    }
    CHECK(seen == "220ready;331;550none;");
  }
}

TEST_CASE("what is no FTP reply is refused") {
  for (const std::string line : {"", "hello", "22", "099 x", "600 x", "220x", "HTTP/1.1 200 OK"}) {
    FtpReply reply;
    (void)reply.feed(bytes(line + "\r\n"));
    CHECK(reply.state() == FtpReply::State::kMalformed);
  }
  FtpReply endless;
  (void)endless.feed(bytes("220-x\r\n" + std::string(20000, 'x')));
  CHECK(endless.state() == FtpReply::State::kMalformed);
  FtpReply cut;
  (void)cut.feed(bytes("220 " + std::string(5000, 'x') + "\r\n"));
  CHECK(cut.state() == FtpReply::State::kDone);
}

TEST_CASE("ports and sizes in FTP replies") {
  using common::text;
  CHECK(platform::parse_extended_passive(text("Entering (|||6446|)")) == 6446);
  for (const char* bad :
       {"", "(", "(|||", "(||||)", "(|||65536|)", "(|||64", "(||1|64|)", "(11164461)"})
    CHECK(platform::parse_extended_passive(text(bad)) == 0);
  CHECK(platform::parse_passive(text("Passive Mode (127,0,0,1,4,5).")) == 1029);
  CHECK(platform::parse_passive(text("=127,0,0,1,4,5")) == 1029);
  for (const char* bad : {"", "(1,2,3,4,5)", "(1,2,3,4,256,1)", "(1,2,3,4,5,)", "(1.2.3.4,5,6)"})
    CHECK(platform::parse_passive(text(bad)) == 0);
  uint32_t size = 0;
  CHECK(platform::parse_size(text("4294967294"), size));
  CHECK(size == 4294967294U);
  CHECK_FALSE(platform::parse_size(text("4294967295"), size));
  CHECK_FALSE(platform::parse_size(text("12x"), size));
  CHECK_FALSE(platform::parse_size(text(""), size));
}
