#include "bridge/energy_register.hpp"

#include "common/crc32.hpp"

namespace bridge {

namespace {

// Record, little endian: magic, version, source, device, value (8), base (8), CRC-32 of the rest. A longer record of a later
// version starts with the same fields.
constexpr uint8_t kMagic = 0xE5;
constexpr uint8_t kVersion = 1;
constexpr size_t kBodyBytes = 20;

void put(uint8_t* out, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) out[i] = static_cast<uint8_t>(value >> (8 * i));
}

uint64_t get(const uint8_t* in, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) value |= static_cast<uint64_t>(in[i]) << (8 * i);
  return value;
}

}  // namespace

common::Status EnergyRegister::restore(common::ByteSpan record) {
  if (record.size() != kRecordBytes || record[0] != kMagic || record[1] != kVersion)
    return common::Status::kCorrupt;
  if (get(record.data() + kBodyBytes, 4) != common::crc32(record.first(kBodyBytes)))
    return common::Status::kCorrupt;
  const int64_t value = static_cast<int64_t>(get(record.data() + 4, 8));
  const int64_t base = static_cast<int64_t>(get(record.data() + 12, 8));
  if (value < 0 || base < 0) return common::Status::kCorrupt;
  known_ = true;
  has_base_ = true;
  base_has_time_ = false;
  base_source_ = record[2];
  base_device_ = record[3];
  value_wh_ = value;
  base_wh_ = base;
  glitches_ = 0;
  return common::Status::kOk;
}

size_t EnergyRegister::save(common::MutableByteSpan out) const {
  if (out.size() < kRecordBytes || !known_) return 0;
  out[0] = kMagic;
  out[1] = kVersion;
  out[2] = base_source_;
  out[3] = base_device_;
  put(out.data() + 4, static_cast<uint64_t>(value_wh_), 8);
  put(out.data() + 12, static_cast<uint64_t>(base_wh_), 8);
  put(out.data() + kBodyBytes, common::crc32(common::ByteSpan(out.data(), kBodyBytes)), 4);
  return kRecordBytes;
}

int64_t EnergyRegister::plausible_wh(int64_t elapsed_ms) const {
  // 1.2 * W * ms -> Wh
  const int64_t possible = settings_.max_power_w * elapsed_ms / 3000000;
  return (possible < kMaxGapWh ? possible : kMaxGapWh) + 2 * settings_.resolution_wh;
}

/// Where a counter of decimal digits that reads base_wh_ wraps.
int64_t EnergyRegister::decimal_range_wh() const {
  int64_t range_wh = kLeastDecimalRangeWh;
  while (range_wh <= base_wh_) range_wh *= 10;
  return range_wh;
}

void EnergyRegister::accept(int64_t counter_wh, common::Instant now) {
  known_ = true;
  has_base_ = true;
  base_has_time_ = true;
  base_source_ = settings_.source;
  // Who does not tell its number may be the same.
  if (settings_.device != 0) base_device_ = settings_.device;
  base_wh_ = counter_wh;
  base_at_ = now;
  glitches_ = 0;
}

EnergyRegister::Update EnergyRegister::update(int64_t counter_wh, common::Instant now) {
  if (counter_wh < 0) return Update::kIgnored;
  if (!has_base_ || base_source_ != settings_.source) {
    const bool is_first = !known_;
    if (is_first) value_wh_ = counter_wh;
    base_device_ = 0;
    accept(counter_wh, now);
    return is_first ? Update::kBooked : Update::kRebased;
  }
  if (settings_.device != 0 && base_device_ != 0 && base_device_ != settings_.device) {
    accept(counter_wh, now);
    return Update::kOtherDevice;
  }
  const int64_t plausible = base_has_time_ ? plausible_wh(now - base_at_) : kMaxGapWh;
  int64_t delta = counter_wh - base_wh_;
  Update result = delta == 0 ? Update::kUnchanged : Update::kBooked;
  if (delta < 0 && settings_.range_wh > 0 && base_wh_ > settings_.range_wh / 10 * 9 &&
      delta + settings_.range_wh <= plausible) {
    delta += settings_.range_wh;
    result = Update::kWrapped;
  } else if (delta < 0 && !settings_.may_restart && delta + decimal_range_wh() <= plausible) {
    delta += decimal_range_wh();
    result = Update::kWrapped;
  } else if (delta < 0 && counter_wh <= plausible && (base_has_time_ || settings_.may_restart)) {
    delta = counter_wh;
    result = Update::kRestarted;
  }
  if (delta < 0 || delta > plausible) {
    const int64_t new_delta = counter_wh - doubtful_wh_;
    const bool goes_on =
        glitches_ > 0 && new_delta >= 0 && new_delta <= plausible_wh(now - doubtful_at_);
    if (!goes_on) {
      doubtful_wh_ = counter_wh;
      doubtful_at_ = now;
    }
    ++glitches_;
    if (glitches_ <= kGlitchSamples) return Update::kIgnored;
    if (goes_on) value_wh_ += new_delta;
    accept(counter_wh, now);
    return Update::kRebased;
  }
  value_wh_ += delta;
  accept(counter_wh, now);
  return result;
}

}  // namespace bridge
