#include "doctest_main/doctest_main.hpp"
#include "json/reader.hpp"
#include "json/writer.hpp"

#include <string>

using common::Status;
using common::TextSpan;
using json::Writer;

namespace {

std::string str(TextSpan text) { return std::string(text.data(), text.size()); }

std::string written(void (*write)(Writer&)) {
  char buffer[256];
  Writer writer{common::Span<char>(buffer)};
  write(writer);
  CHECK(writer.status() == Status::kOk);
  return str(writer.text());
}

std::string as_string(const std::string& value) {
  char buffer[64];
  Writer writer{common::Span<char>(buffer)};
  writer.string(TextSpan(value.data(), value.size()));
  REQUIRE(json::is_valid(writer.text()));
  return str(writer.text());
}

}  // namespace

TEST_CASE("commas and colons come by themselves") {
  CHECK(written([](Writer& writer) {
          writer.begin_array();
          writer.integer(2);
          writer.string("id");
          writer.begin_object();
          writer.key("a");
          writer.begin_array();
          writer.end_array();
          writer.key("b");
          writer.begin_object();
          writer.end_object();
          writer.key("c");
          writer.boolean(true);
          writer.key("d");
          writer.null();
          writer.end_object();
          writer.boolean(false);
          writer.raw(common::text("{\"x\":1}"));
          writer.end_array();
        }) == R"([2,"id",{"a":[],"b":{},"c":true,"d":null},false,{"x":1}])");
}

TEST_CASE("integers are written over their whole range") {
  CHECK(written([](Writer& writer) { writer.integer(0); }) == "0");
  CHECK(written([](Writer& writer) { writer.integer(INT64_MAX); }) == "9223372036854775807");
  CHECK(written([](Writer& writer) { writer.integer(INT64_MIN); }) == "-9223372036854775808");
}

TEST_CASE("thousandths are written with the decimals they need, at least one") {
  CHECK(written([](Writer& writer) { writer.thousandths(0); }) == "0.0");
  CHECK(written([](Writer& writer) { writer.thousandths(16000); }) == "16.0");
  CHECK(written([](Writer& writer) { writer.thousandths(16100); }) == "16.1");
  CHECK(written([](Writer& writer) { writer.thousandths(1050); }) == "1.05");
  CHECK(written([](Writer& writer) { writer.thousandths(-1); }) == "-0.001");
  CHECK(written([](Writer& writer) { writer.thousandths(INT64_MIN); }) == "-9223372036854775.808");
}

TEST_CASE("strings are escaped where JSON asks for it") {
  CHECK(as_string("a\"b\\c/d") == R"("a\"b\\c/d")");
  CHECK(as_string("\b\f\n\r\t") == R"("\b\f\n\r\t")");
  CHECK(as_string(std::string("\0\x1F\x7F", 3)) == "\"\\u0000\\u001f\x7F\"");
  CHECK(as_string("\xC3\xA9\xF0\x9F\x98\x80") == "\"\xC3\xA9\xF0\x9F\x98\x80\"");
}

TEST_CASE("bytes that are not UTF-8 become the replacement character") {
  const std::string replacement = "\xEF\xBF\xBD";
  CHECK(as_string("a\x80z") == "\"a" + replacement + "z\"");
  CHECK(as_string("\xC3") == "\"" + replacement + "\"");
  CHECK(as_string("\xED\xA0\x80") == "\"" + replacement + replacement + replacement + "\"");
}

TEST_CASE("a string can be written in pieces") {
  CHECK(written([](Writer& writer) {
          writer.begin_array();
          writer.begin_string();
          writer.append_string(common::text("a\""));
          writer.append_string(common::text(""));
          writer.append_string(common::text("b"));
          writer.end_string();
          writer.string("c");
          writer.end_array();
        }) == R"(["a\"b","c"])");
}

TEST_CASE("a plain string is written as it is") {
  CHECK(written([](Writer& writer) {
          writer.begin_array();
          writer.plain_string(common::text("Energy.Active.Import.Register"));
          writer.plain_string(common::text(""));
          writer.end_array();
        }) == R"(["Energy.Active.Import.Register",""])");
}

TEST_CASE("nothing is written beyond the buffer and the shortage is reported") {
  const std::string whole = R"({"key":["text\n",-12,1.5]})";
  for (size_t size = 0; size <= whole.size(); ++size) {
    CAPTURE(size);
    std::string buffer(size + 1, '#');
    Writer writer(common::Span<char>(&buffer[0], size));
    writer.begin_object();
    writer.key("key");
    writer.begin_array();
    writer.string("text\n");
    writer.integer(-12);
    writer.thousandths(1500);
    writer.end_array();
    writer.end_object();
    CHECK(writer.status() == (size == whole.size() ? Status::kOk : Status::kNoSpace));
    CHECK(buffer[size] == '#');
    if (size == whole.size()) CHECK(str(writer.text()) == whole);
  }
}

TEST_CASE("rewind drops what did not fit") {
  char buffer[12];
  Writer writer{common::Span<char>(buffer)};
  writer.begin_array();
  writer.integer(1);
  const size_t good = writer.size();
  writer.string("far too long for this");
  CHECK(writer.status() == Status::kNoSpace);
  writer.rewind(good);
  writer.integer(2);
  writer.end_array();
  CHECK(writer.status() == Status::kOk);
  CHECK(str(writer.text()) == "[1,2]");
}

TEST_CASE("rewind to the start of an array wants no comma") {
  char buffer[12];
  Writer writer{common::Span<char>(buffer)};
  writer.begin_array();
  const size_t empty = writer.size();
  writer.integer(1);
  writer.rewind(empty, true);
  writer.integer(2);
  writer.end_array();
  CHECK(str(writer.text()) == "[2]");
}
