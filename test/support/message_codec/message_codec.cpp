#include "message_codec/message_codec.hpp"

#include "ocpp_messages/all.hpp"

#include <vector>

namespace message_codec {

namespace {

using namespace ocpp_messages;

template <typename Message>
Outcome run(const std::string& json, bool strict) {
  // Exactly as long as the text, so that a sanitizer sees a read beyond it.
  const std::vector<char> text(json.begin(), json.end());
  Message message;
  DecodeOptions options;
  options.strict = strict;
  Outcome outcome;
  outcome.error = decode(common::TextSpan(text.data(), text.size()), message, options);
  if (!outcome.error.ok()) return outcome;
  // A byte grows to six at most, and a time or number by less than 32 bytes; both need more in the
  // input than the difference.
  std::vector<char> buffer(text.size() * 8 + 256);
  json::Writer writer(common::Span<char>(buffer.data(), buffer.size()));
  outcome.encoded_status = encode(message, writer);
  outcome.encoded.assign(writer.text().data(), writer.text().size());
  return outcome;
}

}  // namespace

Outcome round_trip(Action action, bool request, bool strict, const std::string& json) {
  switch (action) {
#define CASE(name)   \
  case Action::name: \
    return request ? run<name##Req>(json, strict) : run<name##Conf>(json, strict);
    OCPP_MESSAGES_FOR_EACH_ACTION(CASE)
#undef CASE
  }
  return Outcome();
}

}  // namespace message_codec
