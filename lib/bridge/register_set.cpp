#include "bridge/register_set.hpp"

namespace bridge {

void RegisterSet::configure(const Profile& profile, uint8_t outlet) {
  *this = RegisterSet();
  profile_ = &profile;
  address_offset_ = static_cast<uint16_t>(profile.address_offset * (outlet > 0 ? outlet - 1 : 0));
}

void RegisterSet::forget_refusals() {
  refused_ = 0;
  alone_ = 0;
}

uint16_t RegisterSet::address(const RegisterRow& reg) const {
  const bool is_shared = (reg.flags & kRowShared) != 0;
  return static_cast<uint16_t>(reg.address + (is_shared ? 0 : address_offset_));
}

const ExtraRow* RegisterSet::extra(uint8_t row, ExtraKind kind) const {
  if ((profile_->registers[row].flags & kRowHasExtra) == 0) return nullptr;
  for (const ExtraRow& item : profile_->extras) {
    if (item.row == row && item.kind == kind) return &item;
  }
  return nullptr;
}

// --- what there is

void RegisterSet::apply_gates() {
  absent_ = 0;
  variant_low_ = 0;
  variant_high_ = 0;
  uint8_t variant = 0;
  for (size_t i = 0; i < profile_->extras.size(); ++i) {
    const ExtraRow& item = profile_->extras[i];
    if (item.kind == ExtraKind::kExistsWhen && !holds(item.when)) absent_ |= bit(item.row);
    if (item.kind != ExtraKind::kVariant) continue;
    const bool is_first = i == 0 || profile_->extras[i - 1].row != item.row ||
                          profile_->extras[i - 1].kind != ExtraKind::kVariant;
    variant = is_first ? 1 : static_cast<uint8_t>(variant + 1);
    const bool is_chosen = ((variant_low_ | variant_high_) & bit(item.row)) != 0;
    if (is_chosen || !holds(item.when)) continue;
    if ((variant & 1U) != 0) variant_low_ |= bit(item.row);
    if ((variant & 2U) != 0) variant_high_ |= bit(item.row);
  }
}

bool RegisterSet::exists(uint8_t row) const {
  if (row == kNoRegister || (absent_ & bit(row)) != 0) return false;
  const uint16_t min_layout = profile_->registers[row].min_layout;
  // A layout that could not be read: try, the device refuses what it does not have.
  return min_layout == 0 || layout_ == 0 || layout_ >= min_layout;
}

bool RegisterSet::is_usable(uint8_t row) const { return exists(row) && (refused_ & bit(row)) == 0; }

/// A session counter is only read where there is no lifetime counter.
bool RegisterSet::is_needed(uint8_t row) const {
  if (!is_usable(row)) return false;
  const RegisterRow& reg = profile_->registers[row];
  if (reg.meaning == Meaning::kNone) return true;
  if (reg.meaning == Meaning::kEnergySession && has(Meaning::kEnergyTotal)) return false;
  if (reg.rank == 0 || reg.watch != kNotWatched) return true;
  for (uint8_t other = 0; other < size(); ++other) {
    const RegisterRow& better = profile_->registers[other];
    if (better.meaning != reg.meaning || better.rank >= reg.rank || !is_usable(other)) continue;
    // The total and the phases of a power complement each other.
    if (reg.meaning != Meaning::kPower || better.elements == reg.elements) return false;
  }
  return true;
}

uint8_t RegisterSet::find(Meaning meaning) const {
  uint8_t best = kNoRegister;
  for (uint8_t row = 0; row < size(); ++row) {
    const RegisterRow& reg = profile_->registers[row];
    if (reg.meaning != meaning || !is_usable(row)) continue;
    if (best == kNoRegister || reg.rank < profile_->registers[best].rank) best = row;
  }
  return best;
}

bool RegisterSet::has_total(Meaning meaning) const {
  for (uint8_t row = 0; row < size(); ++row) {
    const RegisterRow& reg = profile_->registers[row];
    if (reg.meaning == meaning && reg.elements == 1 && is_usable(row)) return true;
  }
  return false;
}

void RegisterSet::read_alone(const ReadBlock& block) {
  for (uint8_t i = 0; i < block.rows; ++i) alone_ |= bit(static_cast<uint8_t>(block.first_row + i));
}

// --- requests

modbus::Function RegisterSet::read_function_of(const RegisterRow& reg) const {
  if ((reg.flags & kRowReadOther) == 0) return read_function(reg.space);
  return read_function(reg.space == Space::kInput ? Space::kHolding : Space::kInput);
}

ReadBlock RegisterSet::single(uint8_t row) const {
  const RegisterRow& reg = profile_->registers[row];
  ReadBlock block;
  block.first_row = row;
  block.rows = 1;
  block.count = static_cast<uint16_t>((reg.elements - 1) * reg.stride + reg.words);
  if (const ExtraRow* along = extra(row, ExtraKind::kReadAlong)) {
    block.lead = static_cast<uint16_t>(along->a);
    block.count = static_cast<uint16_t>(block.count + along->a + along->b);
    return block;
  }
  const bool has_holes = reg.elements > 1 && reg.stride != reg.words;
  block.is_part = reg.elements > 1 && (block.count > profile_->max_read_registers ||
                                       (has_holes && !profile_->read_across_gaps));
  if (block.is_part) block.count = reg.words;
  return block;
}

/// @param end  First address behind the block.
bool RegisterSet::can_join(uint8_t row, const ReadBlock& block, uint32_t end) const {
  const RegisterRow& reg = profile_->registers[row];
  const RegisterRow& first = profile_->registers[block.first_row];
  const ReadBlock own = single(row);
  if (reg.space != first.space || read_function_of(reg) != read_function_of(first)) return false;
  if (((reg.flags ^ first.flags) & kRowShared) != 0 && address_offset_ != 0) return false;
  if (((alone_ >> row | alone_ >> block.first_row) & 1U) != 0) return false;
  if (block.is_part || own.is_part || block.lead != 0 || own.lead != 0) return false;
  if (extra(row, ExtraKind::kReadAlong) != nullptr ||
      extra(block.first_row, ExtraKind::kReadAlong) != nullptr)
    return false;
  if (reg.address > end && !profile_->read_across_gaps) return false;
  return static_cast<uint32_t>(reg.address) + own.count <=
         static_cast<uint32_t>(first.address) + profile_->max_read_registers;
}

bool RegisterSet::next_block(Poll poll, Poll or_poll, Cursor& cursor, ReadBlock& out) const {
  const auto is_asked = [&](uint8_t row) {
    const Poll of = profile_->registers[row].poll;
    return of == poll || of == or_poll;
  };
  uint8_t row = cursor.row;
  while (row < size() && !(is_asked(row) && is_needed(row))) ++row;
  if (row >= size()) return false;
  out = single(row);
  if (out.is_part) {
    out.element = row == cursor.row ? cursor.element : 0;
    const bool is_last = out.element + 1 >= profile_->registers[row].elements;
    cursor.row = static_cast<uint8_t>(is_last ? row + 1 : row);
    cursor.element = static_cast<uint8_t>(is_last ? 0 : out.element + 1);
    return true;
  }
  const uint32_t begin = profile_->registers[row].address;
  uint32_t end = begin + out.count - out.lead;
  for (uint8_t next = static_cast<uint8_t>(row + 1); next < size(); ++next) {
    if (!is_asked(next) || !is_usable(next) || !can_join(next, out, end)) break;
    const uint32_t next_end = uint32_t{profile_->registers[next].address} + single(next).count;
    if (next_end > end) end = next_end;
    if (!is_needed(next)) continue;
    out.rows = static_cast<uint8_t>(next + 1 - out.first_row);
    out.count = static_cast<uint16_t>(end - begin);
  }
  cursor.row = static_cast<uint8_t>(out.first_row + out.rows);
  cursor.element = 0;
  return true;
}

modbus::Request RegisterSet::read_request(const ReadBlock& block) const {
  const RegisterRow& reg = profile_->registers[block.first_row];
  modbus::Request request;
  request.function = read_function_of(reg);
  request.address = static_cast<uint16_t>(address(reg) + block.element * reg.stride - block.lead);
  request.count = block.count;
  return request;
}

modbus::Request RegisterSet::write_request(uint8_t row, uint8_t element, uint64_t bits) const {
  const RegisterRow& reg = profile_->registers[row];
  modbus::Request request;
  request.address = static_cast<uint16_t>(address(reg) + element * reg.stride);
  request.count = 1;
  if (reg.space == Space::kCoil) {
    request.function = modbus::Function::kWriteSingleCoil;
    request.values[0] = bits != 0 ? 1 : 0;
    return request;
  }
  if (reg.type == WordType::kF64) {
    const uint32_t narrow = static_cast<uint32_t>(bits);
    float single = 0;
    std::memcpy(&single, &narrow, sizeof(single));
    const double wide = static_cast<double>(single);
    std::memcpy(&bits, &wide, sizeof(bits));
  }
  const bool is_low_first = (reg.flags & kRowLowWordFirst) != 0;
  request.count = reg.words;
  for (uint8_t i = 0; i < reg.words && i < modbus::kMaxWriteRegisters; ++i) {
    const uint8_t from_low = is_low_first ? i : static_cast<uint8_t>(reg.words - 1 - i);
    uint16_t word = static_cast<uint16_t>(bits >> (16U * from_low));
    if ((reg.flags & kRowLowByteFirst) != 0) word = static_cast<uint16_t>(word << 8U | word >> 8U);
    request.values[i] = word;
  }
  request.function = reg.words > 1 || (reg.flags & kRowWriteMultiple) != 0
                         ? modbus::Function::kWriteMultipleRegisters
                         : modbus::Function::kWriteSingleRegister;
  return request;
}

}  // namespace bridge
