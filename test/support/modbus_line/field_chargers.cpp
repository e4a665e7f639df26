#include "modbus_line/field_chargers.hpp"

#include "modbus_line/image.hpp"

#include <algorithm>
#include <cstdlib>

namespace modbus_line {

using common::Instant;

namespace {

constexpr int32_t kLowestMa = 6000;
constexpr uint8_t kNoFunction = 1;
constexpr uint8_t kNoAddress = 2;
constexpr uint8_t kNoValue = 3;
constexpr uint8_t kFailure = 4;

int32_t current_of(const ChargerModel& charger, int phase) {
  return phase < charger.ev_phases ? charger.current_ma() : 0;
}

double power_w(const ChargerModel& charger) {
  return charger.current_ma() * 0.23 * charger.ev_phases;
}

}  // namespace

// ---------------------------------------------------------------------------------------------------- DaheimLaden

void DaheimLaden::on_power_up() {
  limit_deci_a_ = 0;
  failsafe_deci_a_ = 60;
  watchdog_s_ = 60;
  is_alone_ = false;
  fed_at_ = started_at();
}

void DaheimLaden::on_request(Instant now) {
  fed_at_ = now;
  is_alone_ = false;
}

void DaheimLaden::on_time(Instant now) {
  if (watchdog_s_ != 0 && now - fed_at_ > watchdog_time_ms()) is_alone_ = true;
}

int32_t DaheimLaden::offered_ma() const {
  constexpr int32_t kHardwareMa = 16000;
  if (is_alone_) return std::min(failsafe_ma(), kHardwareMa);
  if (limit_deci_a_ == 0) return kHardwareMa;
  const int32_t ma = std::min(limit_deci_a_ * 100, kHardwareMa);
  return ma < kLowestMa ? 0 : ma;
}

uint8_t DaheimLaden::read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out,
                          Instant) {
  if (function != 3) return kNoFunction;
  Image image(address, count, out);
  image.u16(0, !plugged ? 1 : offered_ma() == 0 ? 2 : ev_wants ? 4 : 5);
  image.u16(2, plugged ? 1 : 0);
  for (int phase = 0; phase < 3; ++phase) {
    image.u16(static_cast<uint16_t>(6 + 2 * phase), current_of(*this, phase) / 100);
    image.u16(static_cast<uint16_t>(109 + 2 * phase), 2300);
  }
  image.u32(12, power_w(*this));
  image.u32(28, energy_total_vah / 100);
  image.u16(32, 160);
  image.u16(36, 320);
  image.text(38, 16, "DL123", true);
  image.text(54, 16, tag_.c_str(), true);
  image.u16(87, failsafe_deci_a_);
  image.u16(89, watchdog_s_);
  image.u16(91, limit_deci_a_);
  image.zeros(0, 130);
  return image.is_complete() ? 0 : kNoAddress;
}

uint8_t DaheimLaden::write(uint16_t address, uint16_t value, Instant) {
  switch (address) {
    case 87:
      failsafe_deci_a_ = value;
      return 0;
    case 89:
      watchdog_s_ = value;
      return 0;
    case 91:
      if (refuses_limit) return kFailure;
      if (value > 320) return kNoValue;
      if (!ignores_limit) limit_deci_a_ = value;
      return 0;
    default:
      return kNoAddress;
  }
}

ChargerModel::Role DaheimLaden::role(uint16_t address) const {
  if (address == 91) return Role::kLimit;
  if (address >= 54 && address < 70) return Role::kTag;
  return address == 87 || address == 89 ? Role::kSetting : Role::kOther;
}

bool DaheimLaden::hold_tag(const char* tag) {
  tag_ = tag;
  return true;
}

// ---------------------------------------------------------------------------------------------------- EVSE-WB-DIN

int32_t EvseWbDin::offered_ma() const {
  const int32_t ma = limit_ * (is_fine_ ? 10 : 1000);
  return ma < kLowestMa ? 0 : ma;
}

uint8_t EvseWbDin::read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out,
                        Instant) {
  if (function != 3) return kNoFunction;
  Image image(address, count, out);
  const bool is_closed = plugged && ev_wants && (offered_ma() > 0 || is_welded);
  image.u16(1000, limit_);
  image.u16(1001, offered_ma() / 1000);
  image.u16(1002, !plugged ? 1 : ev_wants ? 3 : 2);
  image.u16(1003, 32);
  image.u16(1005, 18);
  image.u16(1006, offered_ma() > 0 && plugged ? 2 : 1);
  image.u16(1007, is_closed ? 1 : 0);
  image.u16(2000, default_a_);
  image.u16(2005, is_fine_ ? 1 << 7 : 0);
  image.zeros(1000, 1009);
  image.zeros(2000, 2017);
  return image.is_complete() ? 0 : kNoAddress;
}

uint8_t EvseWbDin::write(uint16_t address, uint16_t value, Instant) {
  switch (address) {
    case 1000:
      if (refuses_limit) return kFailure;
      if (!ignores_limit) limit_ = value;
      return 0;
    case 1004:
      if ((value & 1) != 0) limit_ = 0;
      return 0;
    case 2000:
      if (value > 80) return kNoValue;
      ++retentive_writes;
      default_a_ = value;
      return 0;
    default:
      return kNoAddress;
  }
}

ChargerModel::Role EvseWbDin::role(uint16_t address) const {
  if (address == 1000) return Role::kLimit;
  return address == 2000 ? Role::kRetentive : Role::kOther;
}

// --------------------------------------------------------------------------------------------------------- KEBA

void KebaP30::on_power_up() {
  is_enabled_ = true;
  limit_ma_ = kHardwareMa;
  failsafe_ma_ = 0;
  watchdog_s_ = 0;
  is_alone_ = false;
  tag_ = 0;
}

void KebaP30::on_time(Instant now) {
  now_ = now;
  if (now >= tag_until_) tag_ = 0;
  if (watchdog_s_ != 0 && now - fed_at_ > watchdog_time_ms()) is_alone_ = true;
}

int32_t KebaP30::offered_ma() const {
  const int32_t ma = is_alone_ ? failsafe_ma_ : is_enabled_ ? limit_ma_ : 0;
  return ma < kLowestMa ? 0 : std::min<int32_t>(ma, kHardwareMa);
}

uint8_t KebaP30::read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out,
                      Instant now) {
  if (function != 3) return kNoFunction;
  if (count > 2) return kNoValue;
  Image image(address, count, out);
  constexpr int kStarting = 0, kNotReady = 1, kReady = 2, kCharging = 3, kSuspended = 5;
  int state = kSuspended;
  if (is_booting(now)) {
    state = kStarting;
  } else if (!plugged) {
    state = kNotReady;
  } else if (offered_ma() > 0 || current_ma() > 0) {
    state = ev_wants ? kCharging : kReady;
  }
  image.u32(1000, state);
  image.u32(1004, plugged ? 7 : 3);
  image.u32(1006, 0);
  for (int phase = 0; phase < 3; ++phase) {
    image.u32(static_cast<uint16_t>(1008 + 2 * phase), current_of(*this, phase));
    image.u32(static_cast<uint16_t>(1040 + 2 * phase), 230);
  }
  image.u32(1014, 17619300);
  image.u32(1016, 317201);
  image.u32(1018, 30010);
  image.u32(1020, power_w(*this) * 1000);
  image.u32(1036, energy_total_vah * 10);
  image.u32(1046, 1000);
  image.u32(1100, limit_ma_);
  image.u32(1110, kHardwareMa);
  image.u32(1500, tag_);
  image.u32(1502, 0);
  image.u32(1600, failsafe_ma_);
  image.u32(1602, watchdog_s_);
  return image.is_complete() ? 0 : kNoAddress;
}

uint8_t KebaP30::write(uint16_t address, uint16_t value, Instant now) {
  const bool is_current = value >= kLowestMa && value <= 63000;
  switch (address) {
    case 5004:
      if (refuses_limit) return kFailure;
      if (!is_current) return kNoValue;
      if (!ignores_limit) limit_ma_ = value;
      return 0;
    case 5014:
      if (value > 1) return kNoValue;
      is_enabled_ = value == 1;
      return 0;
    case 5016:
      if (value != 0 && !is_current) return kNoValue;
      failsafe_ma_ = value;
      return 0;
    case 5018:
      if (value != 0 && (value < 10 || value > 600)) return kNoValue;
      watchdog_s_ = value;
      fed_at_ = now;
      is_alone_ = false;
      return 0;
    default:
      return kNoAddress;
  }
}

ChargerModel::Role KebaP30::role(uint16_t address) const {
  if (address == 5004) return Role::kLimit;
  if (address == 1500 || address == 1501) return Role::kTag;
  return address == 5016 || address == 5018 ? Role::kSetting : Role::kOther;
}

/// The first four bytes of a number in hex; other cards have one of their characters.
bool KebaP30::hold_tag(const char* tag) {
  const std::string text(tag);
  tag_ = 0;
  for (size_t i = 0; i < 4; ++i)
    tag_ = tag_ << 8U | (i < text.size() ? static_cast<unsigned char>(text[i]) : 1U);
  tag_until_ = now_ + 5000;
  return true;
}

// ------------------------------------------------------------------------------------------------------ Mennekes

void MennekesCompact::on_power_up() {
  limit_[0] = 0x4180;
  limit_[1] = 0;
  is_released_ = false;
  is_alone_ = false;
  fed_at_ = started_at();
}

void MennekesCompact::on_time(Instant now) {
  if (now - fed_at_ > watchdog_time_ms()) is_alone_ = true;
}

int32_t MennekesCompact::offered_ma() const {
  const double limit_a = Image::value(limit_);
  int32_t ma = limit_a <= 0 ? kHardwareMa : static_cast<int32_t>(limit_a * 1000 + 0.5);
  if (!is_released_) ma = 0;
  if (is_alone_ && fallback_a_ != 0) ma = failsafe_ma();
  return ma < kLowestMa ? 0 : std::min(ma, kHardwareMa);
}

uint8_t MennekesCompact::read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out,
                              Instant now) {
  if (function != 3) return kNoFunction;
  Image image(address, count, out);
  const bool is_offered = offered_ma() > 0;
  const int pilot = (!plugged ? 10 : ev_wants ? 12 : 11) + (is_offered ? 16 : 0);
  image.u16(0x0000, 0x0103);
  image.u16(0x0100, is_booting(now) ? 0
                    : !plugged      ? 1
                    : !is_offered   ? (ev_wants ? 3 : 2)
                    : ev_wants      ? 5
                                    : 4);
  image.u16(0x0108, pilot);
  image.f32(0x0114, offered_ma() * 0.001);
  image.f32(0x0302, Image::value(limit_));
  image.f32(0x0306, 16);
  image.u16(0x030C, 1);
  image.f32(0x030E, fallback_a_);
  for (int phase = 0; phase < 3; ++phase) {
    const auto at = static_cast<uint16_t>(2 * phase);
    image.f32(static_cast<uint16_t>(0x0500 + at), current_of(*this, phase) * 0.001);
    image.f32(static_cast<uint16_t>(0x0506 + at), 230);
    image.f32(static_cast<uint16_t>(0x050C + at), current_of(*this, phase) * 0.23);
  }
  image.f32(0x0512, power_w(*this));
  image.f32(0x073A, fallback_a_);
  image.u16(0x0D05, is_released_ ? 1 : 0);
  image.u16(0x0E00, 0);
  image.f32(0x1000, energy_total_vah / 1000);
  return image.is_complete() ? 0 : kNoAddress;
}

uint8_t MennekesCompact::write(uint16_t address, uint16_t value, Instant now) {
  switch (address) {
    case 0x0302:
    case 0x0303:
      if (refuses_limit) return kFailure;
      if (!ignores_limit) limit_[address - 0x0302] = value;
      return 0;
    case 0x0D00:
      if (value != 0x55AA) return kNoValue;
      fed_at_ = now;
      is_alone_ = false;
      return 0;
    case 0x0D05:
      if (value > 1) return kNoValue;
      is_released_ = value == 1;
      return 0;
    default:
      return kNoAddress;
  }
}

ChargerModel::Role MennekesCompact::role(uint16_t address) const {
  return address == 0x0302 || address == 0x0303 ? Role::kLimit : Role::kOther;
}

// --------------------------------------------------------------------------------------------------------- Alfen

void AlfenEve::on_power_up() {
  limit_[0] = limit_[1] = 0;
  is_expired_ = false;
  written_at_ = started_at();
}

void AlfenEve::on_time(Instant now) {
  if (now - written_at_ > kValidMs) is_expired_ = true;
}

int32_t AlfenEve::offered_ma() const {
  const int32_t ma =
      is_expired_ ? failsafe_ma() : static_cast<int32_t>(Image::value(limit_) * 1000 + 0.5);
  return ma < kLowestMa ? 0 : std::min(ma, 32000);
}

uint8_t AlfenEve::read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out,
                       Instant now) {
  if (function != 3) return kNoFunction;
  Image image(address, count, out);
  for (int phase = 0; phase < 3; ++phase) {
    const auto at = static_cast<uint16_t>(2 * phase);
    image.f32(static_cast<uint16_t>(306 + at), 230);
    image.f32(static_cast<uint16_t>(320 + at), current_of(*this, phase) * 0.001);
  }
  image.f32(344, power_w(*this));
  image.f64(374, energy_total_vah);
  image.u16(1200, 1);
  const char letter = !plugged ? 'A' : ev_wants ? 'C' : 'B';
  const char state[] = {letter, offered_ma() > 0 ? '2' : '1', '\0'};
  image.text(1201, 5, state);
  image.f32(1206, offered_ma() * 0.001);
  const int64_t left_ms = std::max<int64_t>(0, kValidMs - (now - written_at_));
  image.u32(1208, static_cast<double>(left_ms / 1000));
  image.f32(1210, Image::value(limit_));
  image.f32(1212, safe_a_);
  image.u16(1214, is_expired_ ? 0 : 1);
  image.u16(1215, 3);
  return image.is_complete() ? 0 : kNoAddress;
}

uint8_t AlfenEve::write(uint16_t address, uint16_t value, Instant now) {
  if (address != 1210 && address != 1211) return kNoAddress;
  if (refuses_limit) return kFailure;
  if (!ignores_limit) limit_[address - 1210] = value;
  written_at_ = now;
  is_expired_ = false;
  return 0;
}

ChargerModel::Role AlfenEve::role(uint16_t address) const {
  return address == 1210 || address == 1211 ? Role::kLimit : Role::kOther;
}

// --------------------------------------------------------------------------------------------------------- meter

uint8_t Sdm630::read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out, Instant) {
  if (function != 4) return kNoFunction;
  if (count > 80) return kNoValue;
  Image image(address, count, out);
  for (int phase = 0; phase < 3; ++phase) {
    const auto at = static_cast<uint16_t>(2 * phase);
    image.f32(at, 230);
    image.f32(static_cast<uint16_t>(6 + at), current_of(charger_, phase) * 0.001);
    image.f32(static_cast<uint16_t>(12 + at), current_of(charger_, phase) * 0.23);
  }
  image.f32(0x34, power_w(charger_));
  image.f32(0x3E, 1);
  image.f32(0x46, 50);
  image.f32(0x48, charger_.energy_total_vah / 1000);
  image.zeros(0, 0x17F);
  return image.is_complete() ? 0 : kNoAddress;
}

}  // namespace modbus_line
