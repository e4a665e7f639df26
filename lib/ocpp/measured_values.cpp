#include "ocpp/measured_values.hpp"

namespace ocpp {

bool MeasuredValues::add(MeasurandChoice choice, int64_t number) {
  const auto bits = static_cast<uint64_t>(number);
  uint64_t rest = bits << 1U ^ (number < 0 ? UINT64_MAX : 0);
  size_t size = size_;
  if (size == kMaxBytes) return false;
  bytes_[size++] = choice.code();
  for (;;) {
    if (size == kMaxBytes) return false;
    bytes_[size++] = static_cast<uint8_t>(rest < 0x80U ? rest : rest | 0x80U);
    rest >>= 7U;
    if (rest == 0) break;
  }
  size_ = static_cast<uint8_t>(size);
  return true;
}

bool MeasuredValues::next(size_t& offset, Value& out) const {
  if (offset >= size_) return false;
  out.choice = MeasurandChoice::from_code(bytes_[offset++]);
  uint64_t bits = 0;
  for (unsigned shift = 0; offset < size_ && shift < 64; shift += 7) {
    const uint8_t byte = bytes_[offset++];
    bits |= static_cast<uint64_t>(byte & 0x7FU) << shift;
    if (byte < 0x80U) {
      out.number = static_cast<int64_t>(bits >> 1U ^ ((bits & 1U) != 0 ? UINT64_MAX : 0));
      return true;
    }
  }
  return false;
}

bool MeasuredValues::find(MeasurandChoice choice, int64_t& number) const {
  size_t offset = 0;
  for (Value value; next(offset, value);) {
    if (!(value.choice == choice)) continue;
    number = value.number;
    return true;
  }
  return false;
}

bool MeasuredValues::assign(common::ByteSpan bytes) {
  if (bytes.size() > kMaxBytes) return false;
  size_ = static_cast<uint8_t>(bytes.size());
  if (size_ > 0) std::memcpy(bytes_, bytes.data(), size_);
  return true;
}

}  // namespace ocpp
