#pragma once

#include "modbus_line/charger_model.hpp"

#include <string>

/// Chargers of the field whose ways differ from a Heidelberg's. Each states what its charger does; whatever nothing is
/// known of is chosen so that it is harder for who drives it.
namespace modbus_line {

/// DaheimLaden Smart: off is a limit of 1 (0.1 A), 0 charges by itself, and 0 is what it holds after power-up. Any
/// request feeds its watchdog. The reader's last card stays until the plug is pulled.
class DaheimLaden final : public ChargerModel {
 public:
  uint8_t read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out,
               common::Instant now) override;
  uint8_t write(uint16_t address, uint16_t value, common::Instant now) override;
  void on_request(common::Instant now) override;
  int32_t offered_ma() const override;
  uint32_t watchdog_time_ms() const override { return uint32_t{watchdog_s_} * 1000; }
  int32_t failsafe_ma() const override { return failsafe_deci_a_ * 100; }
  Role role(uint16_t address) const override;
  bool hold_tag(const char* tag) override;
  void drop_limit() override { limit_deci_a_ = 0; }

 private:
  void on_power_up() override;
  void on_time(common::Instant now) override;
  void on_unplugged() override { tag_.clear(); }

  uint16_t limit_deci_a_ = 0;
  uint16_t failsafe_deci_a_ = 60;
  uint16_t watchdog_s_ = 60;
  bool is_alone_ = false;
  common::Instant fed_at_;
  std::string tag_;
};

/// EVSE-WB-DIN: no meter and no watchdog; after power-up the limit is that of register 2000, which is EEPROM, as all
/// from there on.
class EvseWbDin final : public ChargerModel {
 public:
  /// @param is_fine  Bit 7 of register 2005: the limit counts in 0.01 A, else in 1 A.
  explicit EvseWbDin(bool is_fine)
      : is_fine_(is_fine), limit_(static_cast<uint16_t>(default_a_ * (is_fine ? 100 : 1))) {}

  uint8_t read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out,
               common::Instant now) override;
  uint8_t write(uint16_t address, uint16_t value, common::Instant now) override;
  int32_t offered_ma() const override;
  int32_t failsafe_ma() const override { return default_a_ * 1000; }
  Role role(uint16_t address) const override;
  void drop_limit() override { limit_ = static_cast<uint16_t>(32 * (is_fine_ ? 100 : 1)); }

 private:
  void on_power_up() override { limit_ = static_cast<uint16_t>(default_a_ * (is_fine_ ? 100 : 1)); }

  bool is_fine_;
  uint16_t default_a_ = 6;
  uint16_t limit_;
};

/// KEBA P30 over Modbus TCP: a permission of its own that cannot be read, enabled after power-up; writing the failsafe
/// time feeds the watchdog, which is off from the factory. A card shows for five seconds.
class KebaP30 final : public ChargerModel {
 public:
  uint8_t read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out,
               common::Instant now) override;
  uint8_t write(uint16_t address, uint16_t value, common::Instant now) override;
  int32_t offered_ma() const override;
  uint32_t watchdog_time_ms() const override { return uint32_t{watchdog_s_} * 1000; }
  int32_t failsafe_ma() const override { return failsafe_ma_; }
  Role role(uint16_t address) const override;
  bool hold_tag(const char* tag) override;
  void drop_limit() override { limit_ma_ = kHardwareMa; }

 private:
  static constexpr uint16_t kHardwareMa = 16000;

  void on_power_up() override;
  void on_time(common::Instant now) override;
  void on_unplugged() override { tag_ = 0; }

  bool is_enabled_ = true;
  uint16_t limit_ma_ = kHardwareMa;
  uint16_t failsafe_ma_ = 0;
  uint16_t watchdog_s_ = 0;
  bool is_alone_ = false;
  common::Instant fed_at_;
  common::Instant now_;
  uint32_t tag_ = 0;
  common::Instant tag_until_;
};

/// Mennekes Amtron Compact 2.0s: a limit of 0 is no limit, 0.01 to 5.99 A is none at all; pausing goes through the
/// release. 0x55AA at least every 10 s keeps the master alive, else the fallback that the installer has set holds.
class MennekesCompact final : public ChargerModel {
 public:
  /// @param fallback_a  0 = nothing happens, 1 = pause, 6 to 32 A.
  explicit MennekesCompact(int fallback_a) : fallback_a_(fallback_a) {}

  uint8_t read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out,
               common::Instant now) override;
  uint8_t write(uint16_t address, uint16_t value, common::Instant now) override;
  int32_t offered_ma() const override;
  uint32_t watchdog_time_ms() const override { return 10000; }
  int32_t failsafe_ma() const override { return fallback_a_ < 6 ? 0 : fallback_a_ * 1000; }
  Role role(uint16_t address) const override;
  void drop_limit() override { limit_[0] = limit_[1] = 0; }

 private:
  static constexpr int32_t kHardwareMa = 16000;

  void on_power_up() override;
  void on_time(common::Instant now) override;

  int fallback_a_;
  uint16_t limit_[2] = {0x4180, 0};  ///< 16 A
  bool is_released_ = false;
  bool is_alone_ = false;
  common::Instant fed_at_;
};

/// Alfen Eve: a limit is valid for some time from when it was written, then the installer's safe current holds.
class AlfenEve final : public ChargerModel {
 public:
  explicit AlfenEve(int safe_a) : safe_a_(safe_a) {}

  uint8_t read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out,
               common::Instant now) override;
  uint8_t write(uint16_t address, uint16_t value, common::Instant now) override;
  int32_t offered_ma() const override;
  uint32_t watchdog_time_ms() const override { return kValidMs; }
  int32_t failsafe_ma() const override { return safe_a_ * 1000; }
  Role role(uint16_t address) const override;
  void drop_limit() override { limit_[0] = 0x4180; }

 private:
  static constexpr uint32_t kValidMs = 300000;

  void on_power_up() override;
  void on_time(common::Instant now) override;

  int safe_a_;
  uint16_t limit_[2] = {};
  bool is_expired_ = false;
  common::Instant written_at_;
};

/// An Eastron SDM630 in front of a charger; a meter of its own on the line.
class Sdm630 final : public Device {
 public:
  /// @param charger  Outlives the meter.
  explicit Sdm630(const ChargerModel& charger) : charger_(charger) {}

  uint8_t read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out,
               common::Instant now) override;
  uint8_t write(uint16_t, uint16_t, common::Instant) override { return 2; }

 private:
  const ChargerModel& charger_;
};

}  // namespace modbus_line
