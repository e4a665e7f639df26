// The message codec as a filter, for tests in other languages. One line in, one line out:
//   <Action> <req|conf> <strict|lenient> <json>
//   -> ok <json, encoded again>  |  error <code>TAB<path>TAB<reason>  |  encode <status>  |  usage
#include "message_codec/message_codec.hpp"

#include <iostream>

namespace {

std::string answer(const std::string& line) {
  const size_t first = line.find(' ');
  const size_t second = line.find(' ', first + 1);
  const size_t third = line.find(' ', second + 1);
  ocpp_messages::Action action{};
  if (third == std::string::npos ||
      !ocpp_messages::from_string(common::TextSpan(line.data(), first), action)) {
    return "usage";
  }
  const bool request = line.substr(first + 1, second - first - 1) == "req";
  const bool strict = line.substr(second + 1, third - second - 1) == "strict";
  const message_codec::Outcome outcome =
      message_codec::round_trip(action, request, strict, line.substr(third + 1));
  if (!outcome.error.ok()) {
    const std::string path(outcome.error.path().c_str(), outcome.error.path().size());
    return std::string("error ") + to_string(outcome.error.code()) + '\t' + path + '\t' +
           outcome.error.reason();
  }
  if (outcome.encoded_status != common::Status::kOk) {
    return std::string("encode ") + common::to_string(outcome.encoded_status);
  }
  return "ok " + outcome.encoded;
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) std::cout << answer(line) << std::endl;
  return 0;
}
