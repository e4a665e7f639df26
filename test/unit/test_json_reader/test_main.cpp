#include "doctest_main/doctest_main.hpp"
#include "json/number.hpp"
#include "json/reader.hpp"
#include "json/string_cursor.hpp"
#include "json/utf8.hpp"

#include <string>
#include <vector>

using common::Status;
using common::TextSpan;
using json::Reader;
using json::Token;

namespace {

TextSpan span(const std::string& text) { return TextSpan(text.data(), text.size()); }

std::string str(TextSpan text) { return std::string(text.data(), text.size()); }

bool valid(const std::string& text) { return json::is_valid(span(text)); }

std::string unescape(const std::string& text) {
  char buffer[64];
  const common::Result<size_t> size = json::unescape(span(text), buffer);
  REQUIRE(size.ok());
  return std::string(buffer, size.value());
}

}  // namespace

TEST_CASE("all kinds of values come as tokens in order") {
  const std::string text = R"( { "a" : [1, -2.5e+3 ,"x"], "b":{}, "c":[true,false,null] } )";
  Reader reader(span(text));
  const std::vector<Token> expected = {
      Token::kObjectBegin, Token::kKey,       Token::kArrayBegin, Token::kNumber,
      Token::kNumber,      Token::kString,    Token::kArrayEnd,   Token::kKey,
      Token::kObjectBegin, Token::kObjectEnd, Token::kKey,        Token::kArrayBegin,
      Token::kTrue,        Token::kFalse,     Token::kNull,       Token::kArrayEnd,
      Token::kObjectEnd,   Token::kEnd,       Token::kEnd};
  for (const Token token : expected) CHECK(reader.next() == token);
  CHECK(reader.depth() == 0);
}

TEST_CASE("text of keys, strings and numbers is given as written") {
  const std::string text = "{\"k\\n\":\"v\xC3\xA9\",\"n\":-0.50}";
  Reader reader(span(text));
  reader.next();
  REQUIRE(reader.next() == Token::kKey);
  CHECK(str(reader.text()) == "k\\n");
  CHECK(reader.has_escapes());
  CHECK(reader.length() == 2);
  REQUIRE(reader.next() == Token::kString);
  CHECK(str(reader.text()) == "v\xC3\xA9");
  CHECK_FALSE(reader.has_escapes());
  CHECK(reader.length() == 2);
  reader.next();
  REQUIRE(reader.next() == Token::kNumber);
  CHECK(str(reader.text()) == "-0.50");
}

TEST_CASE("a call frame is taken apart into raw values") {
  const std::string text = R"([2, "19\"", "Reset", {"type":"Soft","x":[{}]} ])";
  Reader reader(span(text));
  CHECK(reader.next() == Token::kArrayBegin);
  CHECK(str(reader.capture()) == "2");
  CHECK(reader.token() == Token::kNumber);
  CHECK(str(reader.capture()) == R"("19\"")");
  CHECK(str(reader.text()) == R"(19\")");
  CHECK(str(reader.capture()) == R"("Reset")");
  CHECK(str(reader.capture()) == R"({"type":"Soft","x":[{}]})");
  CHECK(reader.capture().empty());
  CHECK(reader.token() == Token::kArrayEnd);
  CHECK(reader.next() == Token::kEnd);
}

TEST_CASE("raw values of every kind are captured whole") {
  const std::string text = R"([true,false,null,"",[],{},0])";
  Reader reader(span(text));
  reader.next();
  for (const char* expected : {"true", "false", "null", "\"\"", "[]", "{}", "0"}) {
    CHECK(str(reader.capture()) == expected);
  }
}

TEST_CASE("the id of a frame that is cut off can still be read") {
  const std::string text = R"([2,"id-7","SetChargingPro)";
  Reader reader(span(text));
  reader.next();
  reader.next();
  REQUIRE(reader.next() == Token::kString);
  CHECK(str(reader.text()) == "id-7");
  CHECK(reader.next() == Token::kError);
  CHECK(reader.capture().empty());
}

TEST_CASE("skip leaves a value behind, whatever is in it") {
  const std::string text = R"({"a":{"b":[1,{"c":2}]},"d":3})";
  Reader reader(span(text));
  reader.next();
  reader.next();
  reader.next();
  CHECK(reader.skip());
  REQUIRE(reader.next() == Token::kKey);
  CHECK(str(reader.text()) == "d");
}

TEST_CASE("what the grammar allows is valid") {
  for (const char* text :
       {"0", "-0", "1.5", "1E5", "1e-5", "\"\"", "[]", "{}", " \t\r\n1\n", "[[],{}]", "true",
        "\"\\u0041\\/\\b\\f\\n\\r\\t\\\\\\\"\"", "\"\\uD83D\\uDE00\"", "\"\xF0\x9F\x98\x80\"",
        "\"\x7F\"", "{\"\":{\"\":0}}"}) {
    CAPTURE(text);
    CHECK(valid(text));
  }
}

TEST_CASE("what the grammar forbids is an error") {
  for (const char* text :
       {"",       " ",         "01",        "-",       "+1",        ".5",          "1.",
        "1e",     "1e+",       "0x1",       "NaN",     "Infinity",  "tru",         "True",
        "nul",    "'a'",       "\"",        "\"\\x\"", "\"\\u12\"", "\"\\u12G4\"", "\"a\nb\"",
        "\"\t\"", "\"\x1F\"",  "\"a\x01\"", "[1,]",    "[,1]",      "[1 2]",       "[1",
        "[1}",    "{\"a\":1]", "{",         "{\"a\"}", "{\"a\":}",  "{\"a\":1,}",  "{a:1}",
        "{1:2}",  "{\"a\" 1}", "1 2",       "[]]",     "{}{}",      "//x",         "\xEF\xBB\xBF{}",
        "]",      "}",         ",",         ":",       "[:]",       "{,}",         "[1,,2]"}) {
    CAPTURE(text);
    CHECK_FALSE(valid(text));
  }
}

TEST_CASE("a NUL byte is not white space") {
  CHECK_FALSE(valid(std::string("1\0", 2)));
  CHECK_FALSE(valid(std::string("\"\0\"", 3)));
}

TEST_CASE("half a surrogate pair is an error") {
  for (const char* text : {"\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\ud800\"", "\"\\udc00\\udc00\"",
                           "\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\ud800\\u\""}) {
    CAPTURE(text);
    CHECK_FALSE(valid(text));
  }
}

TEST_CASE("bytes that are not UTF-8 are an error") {
  for (const char* text :
       {"\"\x80\"", "\"\xC3\"", "\"\xC0\xAF\"", "\"\xE0\x80\x80\"", "\"\xED\xA0\x80\"",
        "\"\xF4\x90\x80\x80\"", "\"\xF8\x88\x80\x80\x80\"", "\"\xFF\"", "\"\xE2\x82\""}) {
    CAPTURE(text);
    CHECK_FALSE(valid(text));
  }
}

TEST_CASE("nesting is bounded") {
  const std::string open(Reader::kMaxDepth, '[');
  const std::string close(Reader::kMaxDepth, ']');
  CHECK(valid(open + close));
  CHECK_FALSE(valid("[" + open + close + "]"));
}

TEST_CASE("every truncation of a document is an error and stays one") {
  const std::string text = R"({"a":[1.5e3,"\u00e9\ud83d\ude00",null],"b":{"c":false}})";
  for (size_t size = 0; size < text.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(valid(text.substr(0, size)));
  }
  Reader reader(common::text("[1"));
  reader.next();
  reader.next();
  CHECK(reader.next() == Token::kError);
  CHECK(reader.next() == Token::kError);
}

TEST_CASE("behind a key what nearly always comes is taken at once") {
  const std::string text =
      R"({"a":16.25,"b":"Soft","c":"So","d":"Softly","e": "Soft","f":"Soft\u0041","g":{}})";
  Reader reader(span(text));
  REQUIRE(reader.next() == Token::kObjectBegin);
  const auto go_to = [&](const char* name) {
    const char* const ahead = reader.key_ahead();
    REQUIRE(ahead != nullptr);
    CHECK_FALSE(reader.take_key(ahead, "x", 1));
    REQUIRE(reader.take_key(ahead, name, 1));
  };
  int32_t number = 0;
  go_to("a");
  CHECK_FALSE(reader.take_string("Soft"));
  CHECK_FALSE(reader.take_object_end());
  REQUIRE(reader.take_number(3, number));
  CHECK(number == 16250);
  go_to("b");
  CHECK_FALSE(reader.take_number(3, number));
  CHECK_FALSE(reader.take_string("Hard"));
  CHECK(reader.take_string("Soft"));
  for (const char* const name : {"c", "d", "e", "f"}) {
    go_to(name);
    CHECK_FALSE(reader.take_string("Soft"));
    CHECK(reader.next_value() == Token::kString);
  }
  go_to("g");
  CHECK(reader.next_value() == Token::kObjectBegin);
  CHECK(reader.key_ahead() == nullptr);
  CHECK(reader.take_object_end());
  CHECK(reader.depth() == 1);
  CHECK(reader.take_object_end());
  CHECK(reader.token() == Token::kObjectEnd);
  CHECK_FALSE(reader.take_object_end());
  CHECK(reader.next() == Token::kEnd);
}

TEST_CASE("a short number is taken exactly or left alone") {
  const auto taken = [](const char* literal, uint8_t decimals) {
    const std::string text = std::string(R"({"a":)") + literal;
    Reader reader(span(text));
    reader.next();
    reader.next();
    const size_t before = reader.position();
    int32_t value = -1;
    const bool is_taken = reader.take_number(decimals, value);
    CHECK(reader.position() == (is_taken ? text.size() - 1 : before));
    CHECK(is_taken == (value != -1));
    return value;
  };
  CHECK(taken("0}", 0) == 0);
  CHECK(taken("0.5,", 3) == 500);
  CHECK(taken("12.340}", 3) == 12340);
  CHECK(taken("999999999}", 0) == 999999999);
  CHECK(taken("999999}", 3) == 999999000);
  for (const char* const literal :
       {"}", "-1}", "1", "01}", "1.}", ".5}", "1e3}", "1E3}", "1.2345}", "1000000}", "\"1\"}"}) {
    CAPTURE(literal);
    CHECK(taken(literal, 3) == -1);
  }
  CHECK(taken("1.0}", 0) == -1);
  CHECK(taken("1000000000}", 0) == -1);
}

TEST_CASE("numbers are exact or refused") {
  struct Row {
    const char* text;
    uint8_t decimals;
    Status status;
    int64_t value;
  };
  for (const Row& row : std::vector<Row>{
           {"0", 0, Status::kOk, 0},
           {"-0", 3, Status::kOk, 0},
           {"0e99999999999", 0, Status::kOk, 0},
           {"12", 0, Status::kOk, 12},
           {"-12.50", 3, Status::kOk, -12500},
           {"1.0", 0, Status::kOk, 1},
           {"1e2", 0, Status::kOk, 100},
           {"1200e-2", 0, Status::kOk, 12},
           {"0.0001e4", 0, Status::kOk, 1},
           {"1.5", 0, Status::kInvalidArgument, 0},
           {"0.0001", 3, Status::kInvalidArgument, 0},
           {"1e-99999999999", 3, Status::kInvalidArgument, 0},
           {"9223372036854775807", 0, Status::kOk, INT64_MAX},
           {"-9223372036854775808", 0, Status::kOk, INT64_MIN},
           {"9223372036854775808", 0, Status::kNoSpace, 0},
           {"-9223372036854775809", 0, Status::kNoSpace, 0},
           {"99999999999999999999", 0, Status::kNoSpace, 0},
           {"1e400", 0, Status::kNoSpace, 0},
           {"9223372036854775807", 3, Status::kNoSpace, 0},
           {"1.00000000000000000000", 0, Status::kOk, 1},
           {"1.00000000000000000001", 0, Status::kInvalidArgument, 0},
           {"000000000000000000000", 0, Status::kOk, 0},
       }) {
    CAPTURE(row.text);
    int64_t value = 0;
    CHECK(json::to_scaled(common::text(row.text), row.decimals, value) == row.status);
    CHECK(value == row.value);
  }
}

TEST_CASE("an integer literal has neither fraction nor exponent") {
  CHECK(json::is_integer_literal(common::text("-12")));
  CHECK_FALSE(json::is_integer_literal(common::text("1.0")));
  CHECK_FALSE(json::is_integer_literal(common::text("1e2")));
  CHECK_FALSE(json::is_integer_literal(common::text("1E2")));
}

TEST_CASE("escapes are resolved") {
  CHECK(unescape("plain") == "plain");
  CHECK(unescape("") == "");
  CHECK(unescape(R"(\"\\\/\b\f\n\r\t)") == "\"\\/\b\f\n\r\t");
  CHECK(unescape(R"(a\u0041b\u00e9\u20AC\ud83d\ude00c)") ==
        "aAb\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"
        "c");
  CHECK(unescape(R"(\u0000)") == std::string(1, '\0'));
}

TEST_CASE("a text that does not fit is not unescaped") {
  char buffer[3];
  CHECK(json::unescape(common::text("abc"), buffer).ok());
  CHECK(json::unescape(common::text("abcd"), buffer).status() == Status::kNoSpace);
  CHECK(json::unescape(common::text("ab\\u00e9"), buffer).status() == Status::kNoSpace);
}

TEST_CASE("escapes that no reader accepts end without reading beyond the text") {
  for (const char* text : {"\\", "\\u", "\\u12", "\\ud800", "\\udc00"}) {
    CAPTURE(text);
    CHECK(unescape(text) == "\xEF\xBF\xBD");
  }
  CHECK(unescape("\\ud800\\u") == "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("every code point goes to UTF-8 and back") {
  for (uint32_t code_point = 0; code_point <= 0x10FFFF; code_point += code_point < 0x900 ? 1 : 97) {
    if (code_point >= 0xD800 && code_point <= 0xDFFF) continue;
    char bytes[4];
    const size_t size = json::encode_utf8(code_point, bytes);
    uint32_t back = 0;
    if (json::decode_utf8(TextSpan(bytes, size), back) != size || back != code_point) {
      FAIL("code point " << code_point);
    }
  }
}
