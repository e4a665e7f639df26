#include "common/fixed_string.hpp"

namespace common::fixed_string {

namespace {

Status store(void* string, size_t capacity, size_t at, TextSpan value) {
  if (value.size() > capacity - at) return Status::kNoSpace;
  char* const data = static_cast<char*>(string) + sizeof(uint16_t);
  if (!value.empty()) std::memmove(data + at, value.data(), value.size());
  at += value.size();
  *static_cast<uint16_t*>(string) = static_cast<uint16_t>(at);
  data[at] = '\0';
  return Status::kOk;
}

}  // namespace

Status assign(void* string, size_t capacity, TextSpan value) {
  return store(string, capacity, 0, value);
}

void assign_truncated(void* string, size_t capacity, TextSpan value) {
  size_t size = value.size();
  if (size > capacity) {
    size = capacity;
    // Step back over continuation bytes so that no code point is split.
    while (size > 0 && (static_cast<uint8_t>(value.data()[size]) & 0xC0U) == 0x80U) --size;
  }
  (void)store(string, capacity, 0, value.first(size));
}

Status append(void* string, size_t capacity, TextSpan value) {
  return store(string, capacity, *static_cast<uint16_t*>(string), value);
}

}  // namespace common::fixed_string
