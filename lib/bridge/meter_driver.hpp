#pragma once

#include "bridge/measurement.hpp"
#include "common/log.hpp"
#include "modbus/bus.hpp"

namespace bridge {

/// One energy meter beside the chargers.
struct MeterConfig {
  const char* profile = nullptr;            ///< Name of a built-in meter profile.
  const Profile* loaded_profile = nullptr;  ///< In place of a built-in one; outlives the bridge.
  uint8_t bus = 0;                          ///< Index that add_bus() or add_tcp_bus() returned.
  uint8_t unit_id = 0;                      ///< Modbus unit, 1..255; 0 = the profile's default.
  bool override_serial =
      false;  ///< Use `serial` and `serial_framing` in place of the profile's line settings.
  platform::SerialSettings serial;
  modbus::Framing serial_framing = modbus::Framing::kRtu;  ///< kRtu or kAscii.
  uint32_t poll_ms = 5000;                                 ///< 500 or more.
};

/// Reads a meter's registers in turns and keeps the last complete reading.
///
/// @par Memory  No heap; about 450 bytes. @par Context  One thread; does not block.
class MeterDriver {
 public:
  struct Ports {
    modbus::Bus* bus = nullptr;
    uint8_t unit_index = 0;
    common::LogSink* log = nullptr;
  };

  void configure(const MeterConfig& config, const Profile& profile, const Ports& ports);
  void begin(common::Instant now);
  /// @return When to call again at the latest.
  common::Instant step(common::Instant now);
  void on_completion(uint8_t bus_index, const modbus::Completion& completion, common::Instant now);

  /// Asks for a reading that begins now or later.
  void request(common::Instant now);
  /// What was asked for is still to come, and worth waiting for (2 s at most).
  bool is_awaited(common::Instant now) const;
  /// The last reading; `valid` is 0 before the first.
  const charger::MeterSample& sample() const { return sample_; }
  /// Import counter as the meter shows it, Wh; in sample() when kMeterEnergyImport is set.
  bool is_fresh(common::Instant now) const;
  /// Silent for so long that it is a failure: 30 s, and three polls.
  bool is_lost(common::Instant now) const;
  uint16_t fields() const { return Measurement::fields(registers_); }
  /// Mark of its serial number, see RegisterSet::mark(); 0 = not known.
  uint8_t device() const { return device_; }
  const char* profile() const { return registers_.profile().name; }

 private:
  static constexpr uint8_t kTag = 1;
  enum class Phase : uint8_t { kOnce, kIdle, kCycle };

  void decode(common::ByteSpan payload);
  void on_refused(uint8_t exception_code);
  bool submit(const ReadBlock& block);

  MeterConfig config_;
  Ports ports_;
  RegisterSet registers_;
  Measurement reading_;
  charger::MeterSample sample_;
  Phase phase_ = Phase::kOnce;
  bool is_waiting_ = false;
  bool was_lost_ = false;
  bool must_restart_ = false;
  uint8_t device_ = 0;
  ReadBlock block_;
  RegisterSet::Cursor cursor_;
  common::Instant begun_at_;
  common::Instant next_poll_;
  common::Instant cycle_begun_at_;
  bool is_requested_ = false;
  common::Instant requested_at_;
};

}  // namespace bridge
