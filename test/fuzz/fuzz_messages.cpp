// Fuzz target of the message codec. Input: a line with the name of a message ("Reset.req"), then
// its payload. Whatever the payload, nothing is read or written out of bounds; what is accepted can
// be encoded, and the encoding is accepted too and stays the same when it is encoded again.
//
// With -DFUZZ_STANDALONE it becomes a program for any compiler: it runs the files that it is given,
// and of each as many mutations as the first argument says.
#include "ocpp_messages/all.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace ocpp_messages;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

template <typename Message>
bool encode_again(const std::vector<char>& json, bool strict, std::vector<char>& out) {
  Message message;
  DecodeOptions options;
  options.strict = strict;
  const DecodeError error = decode(common::TextSpan(json.data(), json.size()), message, options);
  if (!error.ok()) {
    require(error.reason()[0] != '\0', "an error has a reason");
    return false;
  }
  std::vector<char> buffer(json.size() * 8 + 256);
  json::Writer writer(common::Span<char>(buffer.data(), buffer.size()));
  const common::Status status = encode(message, writer);
  // A time that UtcTime calls unknown (1970) or outside four-digit years can be read but not
  // written.
  if (status == common::Status::kInvalidArgument) return false;
  require(status == common::Status::kOk, "the encoding fits");
  out.assign(writer.text().begin(), writer.text().end());
  return true;
}

template <typename Message>
void run(const std::vector<char>& json) {
  std::vector<char> first;
  std::vector<char> second;
  const bool strict = encode_again<Message>(json, true, first);
  const bool lenient = encode_again<Message>(json, false, second);
  if (strict) require(lenient && first == second, "lenient accepts what strict accepts");
  if (!lenient) return;
  std::vector<char> third;
  require(encode_again<Message>(second, true, third), "the schema accepts what was encoded");
  require(second == third, "encoding again changes nothing");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const size_t dot = input.find('.');
  const size_t line = input.find('\n');
  Action action{};
  if (line == std::string::npos || dot >= line) return 0;
  if (!from_string(common::TextSpan(input.data(), dot), action)) return 0;
  const bool request = input.compare(dot, line - dot, ".req") == 0;
  const std::vector<char> json(input.begin() + static_cast<std::ptrdiff_t>(line) + 1, input.end());
  switch (action) {
#define CASE(name)                                          \
  case Action::name:                                        \
    request ? run<name##Req>(json) : run<name##Conf>(json); \
    break;
    OCPP_MESSAGES_FOR_EACH_ACTION(CASE)
#undef CASE
  }
  return 0;
}

#ifdef FUZZ_STANDALONE

namespace {

uint32_t random_number(uint32_t& state) {
  state ^= state << 13U;
  state ^= state >> 17U;
  state ^= state << 5U;
  return state;
}

/// One change at a random place behind the first line, with bytes that mean something in JSON.
void mutate(std::string& input, uint32_t& state) {
  const size_t start = input.find('\n') + 1;
  if (start >= input.size()) return;
  const size_t place = start + random_number(state) % (input.size() - start);
  const size_t count = 1 + random_number(state) % 8;
  static const std::string kBytes = "{}[]\",:\\u0019dDeE+-. \n\x80\xC3\xF0truefalsnull";
  switch (random_number(state) % 5) {
    case 0:
      input[place] = kBytes[random_number(state) % kBytes.size()];
      break;
    case 1:
      input.insert(place, 1, kBytes[random_number(state) % kBytes.size()]);
      break;
    case 2:
      input.erase(place, count);
      break;
    case 3:
      input.insert(place,
                   input.substr(start + random_number(state) % (input.size() - start), count));
      break;
    default:
      input[place] = static_cast<char>(random_number(state));
      break;
  }
}

bool run_file(const char* path, long mutations, uint32_t seed) {
  std::FILE* file = std::fopen(path, "rb");
  if (file == nullptr) return false;
  std::string input;
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) input += static_cast<char>(c);
  std::fclose(file);
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
  uint32_t state = seed;
  for (long i = 0; i < mutations; ++i) {
    std::string mutant = input;
    for (uint32_t left = 1 + random_number(state) % 4; left > 0; --left) mutate(mutant, state);
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(mutant.data()), mutant.size());
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s MUTATIONS FILE...\n", argv[0]);
    return 2;
  }
  for (int i = 2; i < argc; ++i) {
    if (!run_file(argv[i], std::atol(argv[1]), 0x9E3779B9U + static_cast<uint32_t>(i))) {
      std::fprintf(stderr, "cannot read %s\n", argv[i]);
      return 1;
    }
  }
  std::printf("%d files, %s mutations each\n", argc - 2, argv[1]);
  return 0;
}

#endif
