// The message codec as a filter, for tests in other languages. One line in, one line out:
//   <Action> <req|conf> <strict|lenient> <json>
//   -> ok <json, encoded again>  |  error <code> <path or -> <reason>  |  encode <status>  |  usage
#include <cstdio>
#include <iostream>
#include <string>

#include "ocpp_messages/all.hpp"

namespace {

using namespace ocpp_messages;

template <typename Message>
std::string run(const std::string& json, bool strict) {
  // Exactly as long as the text, so that a sanitizer sees a read beyond it.
  const std::string copy(json);
  Message message;
  DecodeOptions options;
  options.strict = strict;
  const DecodeError error = decode(common::TextSpan(copy.data(), copy.size()), message, options);
  if (!error.ok()) {
    const std::string path(error.path().c_str(), error.path().size());
    return std::string("error ") + to_string(error.code()) + ' ' + (path.empty() ? "-" : path) + ' ' + error.reason();
  }
  std::string buffer(copy.size() * 7 + 256, '\0');
  json::Writer writer(common::Span<char>(&buffer[0], buffer.size()));
  const common::Status status = encode(message, writer);
  if (status != common::Status::kOk) return std::string("encode ") + common::to_string(status);
  return "ok " + std::string(writer.text().data(), writer.text().size());
}

std::string answer(const std::string& line) {
  const size_t first = line.find(' ');
  const size_t second = line.find(' ', first + 1);
  const size_t third = line.find(' ', second + 1);
  Action action{};
  if (third == std::string::npos || !from_string(common::TextSpan(line.data(), first), action)) return "usage";
  const bool request = line.substr(first + 1, second - first - 1) == "req";
  const bool strict = line.substr(second + 1, third - second - 1) == "strict";
  const std::string json = line.substr(third + 1);
  switch (action) {
#define CASE(name)   \
  case Action::name: \
    return request ? run<name##Req>(json, strict) : run<name##Conf>(json, strict);
    OCPP_MESSAGES_FOR_EACH_ACTION(CASE)
#undef CASE
  }
  return "usage";
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) std::cout << answer(line) << std::endl;
  return 0;
}
