#include "bridge/register_set.hpp"
#include "common/crc32.hpp"

/// What the registers of a device say, and what is written to say something.
namespace bridge {

namespace {

/// Nothing real comes near; keeps products with a scale within 64 bits.
constexpr int64_t kLargestRaw = INT64_MAX / INT32_MAX;

double float_of(WordType type, uint64_t bits) {
  if (type == WordType::kF64) {
    double value = 0;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
  const uint32_t narrow = static_cast<uint32_t>(bits);
  float single = 0;
  std::memcpy(&single, &narrow, sizeof(single));
  return static_cast<double>(single);
}

/// @return false when it is not a number or too large for one.
bool to_integer(double value, int64_t& out) {
  constexpr double kLargest = 9.0e15;
  if (!(value > -kLargest && value < kLargest)) return false;
  out = static_cast<int64_t>(value);
  return true;
}

int64_t signed_of(WordType type, uint64_t bits) {
  switch (type) {
    case WordType::kS16:
      return static_cast<int16_t>(bits);
    case WordType::kS32:
      return static_cast<int32_t>(bits);
    default:
      return static_cast<int64_t>(bits);
  }
}

bool is_blank(uint8_t byte) { return byte == 0 || byte == ' '; }

}  // namespace

void RegisterSet::scale(uint8_t row, int64_t& num, int64_t& den) const {
  const RegisterRow& reg = profile_->registers[row];
  num = reg.scale_num;
  den = reg.scale_den;
  uint8_t wanted =
      static_cast<uint8_t>(((variant_low_ >> row) & 1U) | (((variant_high_ >> row) & 1U) << 1U));
  if (wanted == 0) return;
  for (const ExtraRow& item : profile_->extras) {
    if (item.row != row || item.kind != ExtraKind::kVariant || --wanted != 0) continue;
    num = item.a;
    den = item.b;
    return;
  }
}

/// Bits of one element. Wide values: the high register first, whatever the order on the wire.
uint64_t RegisterSet::raw_at(const RegisterRow& reg, common::ByteSpan payload,
                             size_t offset) const {
  if (is_bit(reg.space)) return modbus::bit_at(payload, offset) ? 1 : 0;
  const bool is_low_first = (reg.flags & kRowLowWordFirst) != 0;
  uint64_t bits = 0;
  for (size_t i = 0; i < reg.words; ++i) {
    uint16_t word = modbus::register_at(payload, offset + (is_low_first ? reg.words - 1 - i : i));
    if ((reg.flags & kRowLowByteFirst) != 0) word = static_cast<uint16_t>(word << 8U | word >> 8U);
    bits = (bits << 16U) | word;
  }
  return bits;
}

uint64_t RegisterSet::raw(uint8_t row, common::ByteSpan payload, const ReadBlock& block,
                          uint8_t element) const {
  const RegisterRow& reg = profile_->registers[row];
  if (is_text(reg.type)) {
    uint8_t letters[2 * limits::kMaxTextRegisters];
    const size_t size = text(row, payload, block, letters);
    return size == 0 ? 0 : static_cast<uint64_t>(letters[0] << 8U | (size > 1 ? letters[1] : 0));
  }
  const uint16_t first = profile_->registers[block.first_row].address;
  const size_t skipped = block.is_part ? 0 : static_cast<size_t>(element) * reg.stride;
  return raw_at(reg, payload, static_cast<size_t>(reg.address - first) + block.lead + skipped);
}

size_t RegisterSet::text(uint8_t row, common::ByteSpan payload, const ReadBlock& block,
                         common::MutableByteSpan out) const {
  const RegisterRow& reg = profile_->registers[row];
  const size_t offset =
      static_cast<size_t>(reg.address - profile_->registers[block.first_row].address) + block.lead;
  size_t size = 0;
  for (size_t i = 0; i < reg.words; ++i) {
    uint16_t word = modbus::register_at(payload, offset + i);
    if ((reg.flags & kRowLowByteFirst) != 0) word = static_cast<uint16_t>(word << 8U | word >> 8U);
    const uint8_t high = static_cast<uint8_t>(word >> 8U);
    const uint8_t low = static_cast<uint8_t>(word);
    if (reg.type != WordType::kUtf16 && size < out.size()) out[size++] = high;
    // Of UTF-16 only ASCII is of use; anything else ends the text.
    if (reg.type == WordType::kUtf16 && high != 0) break;
    if (size < out.size()) out[size++] = low;
  }
  if (reg.type == WordType::kHex) return size;
  size_t first = 0;
  while (first < size && is_blank(out[first])) ++first;
  size_t end = first;
  while (end < size && out[end] != 0) ++end;
  while (end > first && is_blank(out[end - 1])) --end;
  for (size_t i = first; i < end; ++i) out[i - first] = out[i];
  return end - first;
}

uint8_t RegisterSet::mark(uint8_t row, common::ByteSpan payload, const ReadBlock& block) const {
  const RegisterRow& reg = profile_->registers[row];
  const size_t offset =
      static_cast<size_t>(reg.address - profile_->registers[block.first_row].address) + block.lead;
  const uint32_t crc = common::crc32(payload.subspan(2 * offset, 2 * size_t{reg.words}));
  return static_cast<uint8_t>(1 + crc % 255);
}

void RegisterSet::note(uint8_t row, uint64_t bits) {
  const RegisterRow& reg = profile_->registers[row];
  if (reg.watch >= limits::kMaxWatchedValues) return;
  const uint64_t kept = is_text(reg.type) ? bits : (bits >> reg.shift) & reg.mask;
  watched_[reg.watch] = static_cast<uint32_t>(kept);
  watched_known_ = static_cast<uint16_t>(watched_known_ | 1U << reg.watch);
}

/// Scaled and rounded towards zero. @return false when it stands for no value.
bool RegisterSet::to_number(uint8_t row, uint64_t bits, int64_t& out) const {
  const RegisterRow& reg = profile_->registers[row];
  int64_t num = 0;
  int64_t den = 1;
  scale(row, num, den);
  bool is_zero = false;
  const bool has_extra = (reg.flags & kRowHasExtra) != 0;
  if (has_extra) {
    for (const ExtraRow& item : profile_->extras) {
      if (item.row != row || static_cast<uint64_t>(item.a) != bits) continue;
      if (item.kind == ExtraKind::kNotAvailable) return false;
      if (item.kind == ExtraKind::kZeroWhen) is_zero = true;
    }
  }
  if (is_zero) {
    out = 0;
  } else if (is_float(reg.type)) {
    const double value =
        float_of(reg.type, bits) * static_cast<double>(num) / static_cast<double>(den);
    if (!to_integer(value, out)) return false;
  } else {
    const int64_t number = signed_of(reg.type, masked(row, bits));
    if (number > kLargestRaw || number < -kLargestRaw) return false;
    out = number * num / den;
  }
  if (!has_extra) return true;
  if (const ExtraRow* offset = extra(row, ExtraKind::kOffset)) out += offset->a;
  const ExtraRow* valid = extra(row, ExtraKind::kValid);
  return valid == nullptr || (out >= valid->a && out <= valid->b);
}

RegisterSet::Values RegisterSet::read(uint8_t row, common::ByteSpan payload,
                                      const ReadBlock& block) {
  const RegisterRow& reg = profile_->registers[row];
  Values result;
  if (reg.watch != kNotWatched) note(row, raw(row, payload, block));
  if (is_text(reg.type)) return result;
  const uint8_t begin = block.is_part ? block.element : 0;
  const uint8_t end = block.is_part ? static_cast<uint8_t>(begin + 1) : reg.elements;
  // A part that was refused must not be made up from another row's.
  if (begin == 0 || row != parts_row_) parts_known_ = 0;
  parts_row_ = row;
  for (uint8_t element = begin; element < end && element < kPhases; ++element) {
    int64_t value = 0;
    if (!to_number(row, raw(row, payload, block, element), value)) continue;
    const size_t phase =
        (reg.flags & kRowReversed) != 0 ? size_t{reg.elements} - 1 - element : element;
    parts_[phase] = value;
    parts_known_ = static_cast<uint8_t>(parts_known_ | 1U << phase);
  }
  if (end < reg.elements || parts_known_ != (1U << reg.elements) - 1U) return result;
  parts_known_ = 0;
  result.count = reg.elements;
  for (uint8_t phase = 0; phase < reg.elements; ++phase) result.value[phase] = parts_[phase];
  return result;
}

// --- conditions

bool RegisterSet::holds(const When& when) const {
  bool holds_any = false;
  for (size_t i = 0; i < when.count; ++i) {
    const Condition& condition = profile_->conditions[when.first + i];
    const uint8_t slot = profile_->registers[condition.row].watch;
    const bool is_known = slot < limits::kMaxWatchedValues && ((watched_known_ >> slot) & 1U) != 0;
    if (!is_known) return false;
    const uint32_t value = watched_[slot] & condition.mask;
    const bool is_inside = value >= condition.low && value <= condition.high;
    holds_any = holds_any || is_inside != ((condition.flags & kConditionNot) != 0);
    if ((condition.flags & kConditionOr) != 0 && i + 1 < when.count) continue;
    if (!holds_any) return false;
    holds_any = false;
  }
  return true;
}

bool RegisterSet::is_known(const When& when) const {
  for (size_t i = 0; i < when.count; ++i) {
    const uint8_t slot = profile_->registers[profile_->conditions[when.first + i].row].watch;
    if (slot >= limits::kMaxWatchedValues || ((watched_known_ >> slot) & 1U) == 0) return false;
  }
  return true;
}

uint32_t RegisterSet::watched(uint8_t row) const {
  const uint8_t slot = row == kNoRegister ? kNotWatched : profile_->registers[row].watch;
  return slot < limits::kMaxWatchedValues ? watched_[slot] : 0;
}

uint32_t RegisterSet::first_value(const When& when) const {
  return when.count == 0 ? 0 : watched(profile_->conditions[when.first].row);
}

// --- writing

uint64_t RegisterSet::to_raw(uint8_t row, int64_t value) const {
  const RegisterRow& reg = profile_->registers[row];
  int64_t num = 1;
  int64_t den = 1;
  scale(row, num, den);
  if (is_float(reg.type)) {
    const float single = static_cast<float>(static_cast<double>(value) * static_cast<double>(den) /
                                            static_cast<double>(num));
    uint32_t bits = 0;
    std::memcpy(&bits, &single, sizeof(bits));
    return bits;
  }
  if (value > kLargestRaw) value = kLargestRaw;
  if (value < 0) value = 0;
  const int64_t raw = value * den / num;
  const uint64_t most = reg.words == 1 ? UINT16_MAX : reg.words == 2 ? UINT32_MAX : INT64_MAX;
  return static_cast<uint64_t>(raw) > most ? most : static_cast<uint64_t>(raw);
}

uint64_t RegisterSet::masked(uint8_t row, uint64_t bits) const {
  const RegisterRow& reg = profile_->registers[row];
  return reg.words > 2 || is_float(reg.type) ? bits : (bits >> reg.shift) & reg.mask;
}

int64_t RegisterSet::to_value(uint8_t row, uint64_t bits) const {
  int64_t value = 0;
  return to_number(row, bits, value) ? value : 0;
}

int64_t RegisterSet::written_value(uint8_t row, uint64_t bits) const {
  int64_t num = 1;
  int64_t den = 1;
  scale(row, num, den);
  if (!is_float(profile_->registers[row].type)) return to_value(row, bits);
  int64_t value = 0;
  // Half a thousandth: 13.1 A is not quite 13.1 in 32 bits.
  const double exact =
      float_of(WordType::kF32, bits) * static_cast<double>(num) / static_cast<double>(den);
  return to_integer(exact + 0.5, value) ? value : 0;
}

}  // namespace bridge
