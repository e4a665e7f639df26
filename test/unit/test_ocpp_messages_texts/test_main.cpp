#include "doctest_main/doctest_main.hpp"
#include "ocpp_messages/runtime/text.hpp"
#include "ocpp_messages/runtime/time_text.hpp"
#include "ocpp_messages/runtime/uri.hpp"

#include <string>
#include <vector>

using namespace ocpp_messages;

namespace {

constexpr int64_t kInvalid = INT64_MIN;

int64_t parsed(const char* text, bool strict) {
  common::UtcTime time{kInvalid};
  return parse_time(common::text(text), strict, time) ? time.ms : kInvalid;
}

Text escaped(const char* content) { return Text::from_json(common::text(content), true); }

}  // namespace

// Rules: R-3.15-1 R-3.15-2
TEST_CASE("times are read to the millisecond in UTC") {
  struct Row {
    const char* text;
    int64_t ms;
  };
  for (const Row& row : std::vector<Row>{{"1970-01-01T00:00:00Z", 0},
                                         {"1970-01-01T00:00:00.001Z", 1},
                                         {"1969-12-31T23:59:59.999Z", -1},
                                         {"2000-02-29T12:34:56Z", 951827696000},
                                         {"2026-03-01T08:00:00.5Z", 1772352000500},
                                         {"2026-03-01T08:00:00.123456789Z", 1772352000123},
                                         {"2026-03-01T08:00:00.1239999999999Z", 1772352000123},
                                         {"2026-03-01t08:00:00z", 1772352000000},
                                         {"2026-03-01T10:00:00+02:00", 1772352000000},
                                         {"2026-02-28T22:30:00-09:30", 1772352000000},
                                         {"2016-12-31T23:59:60Z", 1483228800000},
                                         {"2016-12-31T15:59:60.5-08:00", 1483228800500},
                                         {"0000-01-01T00:00:00Z", -62167219200000},
                                         {"9999-12-31T23:59:59.999Z", 253402300799999}}) {
    CAPTURE(row.text);
    CHECK(parsed(row.text, true) == row.ms);
    CHECK(parsed(row.text, false) == row.ms);
  }
}

TEST_CASE("what backends send beside the standard is read when lenient") {
  for (const char* text :
       {"2026-03-01T08:00:00", "2026-03-01 08:00:00Z", "2026-03-01T10:00:00+0200",
        "2026-03-01T10:00:00+02", "2026-03-01T08:00:00.000000000"}) {
    CAPTURE(text);
    CHECK(parsed(text, false) == 1772352000000);
    CHECK(parsed(text, true) == kInvalid);
  }
}

TEST_CASE("what is no time is refused either way") {
  for (const char* text : {"",
                           "2026",
                           "2026-03-01",
                           "2026-03-01T",
                           "2026-03-01T08:00Z",
                           "2026-3-1T08:00:00Z",
                           "2026-13-01T00:00:00Z",
                           "2026-00-01T00:00:00Z",
                           "2026-04-31T00:00:00Z",
                           "2026-02-29T00:00:00Z",
                           "1900-02-29T00:00:00Z",
                           "2026-03-00T00:00:00Z",
                           "2026-03-01T24:00:00Z",
                           "2026-03-01T08:60:00Z",
                           "2026-03-01T08:00:61Z",
                           "2026-03-01T08:00:60Z",
                           "2026-03-01T08:00:00.Z",
                           "2026-03-01T08:00:00,5Z",
                           "2026-03-01T08:00:00+24:00",
                           "2026-03-01T08:00:00+01:60",
                           "2026-03-01T08:00:00+1",
                           "2026-03-01T08:00:00+01:",
                           "2026-03-01T08:00:00Zx",
                           "2026-03-01T08:00:00 Z",
                           "-026-03-01T08:00:00Z",
                           "+2026-03-01T08:00:00Z",
                           "1772352000"}) {
    CAPTURE(text);
    CHECK(parsed(text, false) == kInvalid);
    CHECK(parsed(text, true) == kInvalid);
  }
}

// Rules: R-3.15-1
TEST_CASE("times are written with milliseconds and Z") {
  CHECK(format_time(common::UtcTime{1772352000500}) ==
        common::FixedString<24>("2026-03-01T08:00:00.500Z"));
  CHECK(format_time(common::UtcTime{1}) == common::FixedString<24>("1970-01-01T00:00:00.001Z"));
  CHECK(format_time(common::UtcTime{-62167219200000}) ==
        common::FixedString<24>("0000-01-01T00:00:00.000Z"));
  CHECK(format_time(common::UtcTime{253402300799999}) ==
        common::FixedString<24>("9999-12-31T23:59:59.999Z"));
}

TEST_CASE("an unknown time and years without four digits are not written") {
  CHECK(format_time(common::UtcTime{}).empty());
  CHECK(format_time(common::UtcTime{253402300800000}).empty());
  CHECK(format_time(common::UtcTime{-62167219200001}).empty());
  CHECK(format_time(common::UtcTime{INT64_MIN}).empty());
  CHECK(format_time(common::UtcTime{INT64_MAX}).empty());
}

TEST_CASE("what is written is read as the same time") {
  // Odd steps over 10,000 years meet every day of the year and both kinds of leap centuries.
  constexpr int64_t kStepMs = 86400000LL * 13 + 3723457;
  for (int64_t ms = -62167219200000; ms < 253402300800000; ms += kStepMs) {
    const common::FixedString<24> text = format_time(common::UtcTime{ms});
    if (parsed(text.c_str(), true) != ms) FAIL(text.c_str());
  }
}

TEST_CASE("a plain text gives its content") {
  const Text text("caf\xC3\xA9");
  CHECK(text.length() == 4);
  CHECK(text.size() == 5);
  CHECK(text.equals(common::text("caf\xC3\xA9")));
  CHECK(common::equals(text.plain(), common::text("caf\xC3\xA9")));
  CHECK_FALSE(text.empty());
  CHECK(Text().empty());
  CHECK(Text("").equals(common::text("")));
}

TEST_CASE("a backslash in a plain text is a backslash") {
  CHECK(Text("\\n").size() == 2);
  char buffer[16];
  json::Writer writer{common::Span<char>(buffer)};
  Text("\\n").write_to(writer);
  CHECK(common::equals(writer.text(), common::text(R"("\\n")")));
}

TEST_CASE("a text from JSON gives its content without escapes") {
  const Text text = escaped(R"(a\"\u00e9\ud83d\ude00)");
  CHECK(text.length() == 4);
  CHECK(text.size() == 8);
  CHECK(text.equals(common::text("a\"\xC3\xA9\xF0\x9F\x98\x80")));
  CHECK(text.plain().empty());
  common::FixedString<8> copy;
  CHECK(text.copy_to(copy) == common::Status::kOk);
  CHECK(text.equals(copy.span()));
  char buffer[8];
  CHECK(text.copy_to(common::Span<char>(buffer)).value_or(0) == 8);
}

TEST_CASE("a text that does not fit leaves the destination as it was") {
  common::FixedString<3> copy("abc");
  CHECK(Text("abcd").copy_to(copy) == common::Status::kNoSpace);
  CHECK(escaped(R"(ab\u00e9)").copy_to(copy) == common::Status::kNoSpace);
  CHECK(copy == common::FixedString<3>("abc"));
  char buffer[3];
  CHECK(Text("abcd").copy_to(common::Span<char>(buffer)).status() == common::Status::kNoSpace);
}

TEST_CASE("texts compare by content, not by spelling") {
  CHECK(escaped(R"(\u0041bc)").equals(common::text("Abc")));
  CHECK_FALSE(escaped(R"(\u0041bc)").equals(common::text("Ab")));
  CHECK_FALSE(escaped(R"(\u0041bc)").equals(common::text("Abcd")));
  CHECK_FALSE(Text("abc").equals(common::text("Abc")));
  CHECK(Text("abc").equals_ignore_case(common::text("ABC")));
  CHECK(escaped(R"(\u0041bc)").equals_ignore_case(common::text("aBC")));
  CHECK_FALSE(Text("abc").equals_ignore_case(common::text("abd")));
}

TEST_CASE("a text that was decoded can be encoded") {
  char buffer[32];
  json::Writer writer{common::Span<char>(buffer)};
  escaped(R"(\u0041\u0001\/\")").write_to(writer);
  CHECK(common::equals(writer.text(), common::text(R"("A\u0001/\"")")));
}

TEST_CASE("URIs of uploads and downloads are known as such") {
  for (const char* text :
       {"ftp://user:pass@host:21/dir/", "https://host/a%20b?q=1&r=[x]#f", "http://[::1]:80/x",
        "http://[2001:db8::1]", "sftp://host", "mailto:a@b.c", "urn:x:y", "a:", "file:///a/b",
        "http://h:/", "ftps://u%40x@h/"}) {
    CAPTURE(text);
    // Brackets in a query are the one case above that RFC 3986 does not allow.
    CHECK(is_uri(Text(text)) == (std::string(text).find("[x]") == std::string::npos));
  }
}

TEST_CASE("what is no URI is refused") {
  for (const char* text : {"",
                           "host",
                           "/path",
                           "host/path:x",
                           "1a:b",
                           ":x",
                           "http://a b",
                           "http://a/%",
                           "http://a/%1",
                           "http://a/%zz",
                           "http://a/<>",
                           "http://a/\\",
                           "http://h\xC3\xA9/",
                           "http://[::1",
                           "http://a]b/",
                           "http://h:80a/",
                           "http://h:80a",
                           "http://u@v@h/",
                           "http://a#b#c",
                           "http://[]/",
                           "ht%41p://a",
                           "http://a/\"b\"",
                           "http://a/{b}",
                           "http://a|b/"}) {
    CAPTURE(text);
    CHECK_FALSE(is_uri(Text(text)));
  }
}
