#include "doctest_main/doctest_main.hpp"
#include "json/number.hpp"
#include "json/reader.hpp"
#include "json/string_cursor.hpp"
#include "message_codec/message_codec.hpp"

#include <fstream>
#include <map>
#include <sstream>
#include <string>

using common::TextSpan;
using json::Reader;
using json::Token;

namespace {

std::string str(TextSpan text) { return std::string(text.data(), text.size()); }

std::string read_vectors(const std::string& name) {
  const std::string self = __FILE__;
  const std::string root = self.substr(0, self.rfind("test/unit/"));
  std::ifstream file(root + "test/vectors/messages/" + name);
  REQUIRE_MESSAGE(file.good(), "cannot read test/vectors/messages/" << name);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

std::string unescaped(TextSpan text) {
  std::string out(text.size(), '\0');
  out.resize(json::unescape(text, common::Span<char>(&out[0], out.size())).value_or(0));
  return out;
}

/// The value that the reader stands at, with sorted members, plain strings and exact numbers.
std::string canonical(Reader& reader) {
  switch (reader.token()) {
    case Token::kObjectBegin: {
      std::map<std::string, std::string> members;
      while (reader.next() == Token::kKey) {
        const std::string key = unescaped(reader.text());
        reader.next();
        members[key] = canonical(reader);
      }
      std::string out = "{";
      for (const auto& member : members) out += member.first + ":" + member.second + ",";
      return out + "}";
    }
    case Token::kArrayBegin: {
      std::string out = "[";
      while (reader.next() != Token::kArrayEnd) out += canonical(reader) + ",";
      return out + "]";
    }
    case Token::kString:
      return "'" + unescaped(reader.text()) + "'";
    case Token::kNumber: {
      int64_t value = 0;
      REQUIRE(json::to_scaled(reader.text(), 6, value) == common::Status::kOk);
      return std::to_string(value);
    }
    default:
      return "<" + std::to_string(static_cast<int>(reader.token())) + ">";
  }
}

std::string canonical(const std::string& text) {
  REQUIRE(json::is_valid(TextSpan(text.data(), text.size())));
  Reader reader(TextSpan(text.data(), text.size()));
  reader.next();
  return canonical(reader);
}

struct Vector {
  std::map<std::string, std::string> members;  // raw JSON
  std::string string(const std::string& name) const {
    const auto found = members.find(name);
    if (found == members.end()) return "";
    return unescaped(TextSpan(found->second.data() + 1, found->second.size() - 2));
  }
  bool has(const std::string& name) const { return members.count(name) != 0; }
};

void check(const Vector& vector, bool strict) {
  const std::string message = vector.string("message");
  const size_t dot = message.find('.');
  const std::string action_name = message.substr(0, dot);
  ocpp_messages::Action action{};
  REQUIRE(from_string(TextSpan(action_name.data(), action_name.size()), action));
  const std::string payload =
      vector.has("text") ? vector.string("text") : vector.members.at("payload");
  const message_codec::Outcome outcome =
      message_codec::round_trip(action, message.substr(dot) == ".req", strict, payload);

  const bool refused = vector.has("error") && (strict || vector.string("lenient") != "accepts");
  if (refused) {
    const std::string& error = vector.members.at("error");
    Reader reader(TextSpan(error.data(), error.size()));
    std::map<std::string, std::string> expected;
    for (reader.next(); reader.next() == Token::kKey;) {
      const std::string key = str(reader.text());
      reader.next();
      expected[key] = unescaped(reader.text());
    }
    REQUIRE_FALSE(outcome.error.ok());
    CHECK(std::string(to_string(outcome.error.code())) == expected["code"]);
    CHECK(std::string(outcome.error.path().c_str()) == expected["path"]);
    return;
  }
  REQUIRE_MESSAGE(outcome.error.ok(), outcome.error.description().c_str());
  REQUIRE(outcome.encoded_status == common::Status::kOk);
  const std::string expected = vector.has("encoded") ? vector.members.at("encoded") : payload;
  CHECK(canonical(outcome.encoded) == canonical(expected));
}

size_t check_file(const std::string& name) {
  const std::string text = read_vectors(name);
  Reader reader(TextSpan(text.data(), text.size()));
  REQUIRE(reader.next() == Token::kArrayBegin);
  size_t count = 0;
  while (reader.next() == Token::kObjectBegin) {
    Vector vector;
    while (reader.next() == Token::kKey) {
      const std::string key = str(reader.text());
      vector.members[key] = str(reader.capture());
    }
    const std::string title = vector.string("message") + ": " + vector.string("name");
    CAPTURE(title);
    check(vector, true);
    check(vector, false);
    ++count;
  }
  CHECK(reader.token() == Token::kArrayEnd);
  return count;
}

}  // namespace

TEST_CASE("messages that the schemas accept are decoded and encoded again") {
  CHECK(check_file("accepted.json") > 78);
}

// Rules: J-4.2.3-2 PD-16
TEST_CASE("messages that the schemas refuse get the exact error code and path") {
  CHECK(check_file("refused.json") > 60);
}
