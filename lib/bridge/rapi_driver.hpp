#pragma once

#include "bridge/direct_driver.hpp"
#include "bridge/rapi_line.hpp"
#include "platform/serial_link.hpp"

namespace bridge {

/// OpenEVSE over its serial port (RAPI, 115200 8N1), one question at a time.
///
///   start, after silence and after $AB: version, capacity, state, heartbeat supervision -> running
///   running: $SC and $FE / $FS as the offer says; $GS, $GG each status poll; $GU, $GP, $GC each meter poll; $SY as heartbeat
///
/// The current is set with V (volatile): without it each change would wear the charger's EEPROM. A pause is $FS (sleep): $FD
/// (disable) puts -12 V on the pilot and hides the plug: it only serves to wake an EV. The energy register counts the charger's session counter: its
/// total moves only when a session ends.
class RapiDriver final : public DirectDriver {
 public:
  static constexpr const char* kName = "openevse-rapi";
  static constexpr uint32_t kMaxMa = 80000;
  static constexpr int64_t kAnswerMs = 500;
  static constexpr int64_t kQuietMs =
      200;  ///< After an answer that did not come: the line must be quiet.
  static constexpr int64_t kObeyMs = 5000;  ///< Time to take over a command.
  static constexpr uint32_t kHeartbeatMs = 30000;
  static constexpr uint8_t kTries = 3;
  static constexpr uint32_t kWakeOffMs = 5000;

  /// @param link  Outlives the driver; nobody else uses it.
  /// @retval kUnsupported, kIo  The serial port cannot be set up.
  common::Status configure(const ConnectorConfig& config, platform::SerialLink& link,
                           const Ports& ports);

 private:
  enum class Ask : uint8_t {
    kNone,
    kVersion,
    kCapacity,
    kSupervision,
    kPulse,
    kAcknowledge,
    kState,
    kMeter,
    kEnergy,
    kTemperature,
    kCurrent,
    kEnable,
    kSleep,
    kDisable,
    kAuthUnlock,
    kBootUnlock
  };
  enum class Init : uint8_t { kVersion, kCapacity, kState, kSupervision, kDone };

  void start(common::Instant now) override;
  common::Instant run(common::Instant now) override;
  void on_target(common::Instant now) override;
  void on_silence(common::Instant now) override;
  WakeLadder::Means wake_means() const override { return {true, kWakeOffMs, true}; }
  void interrupt_pilot(bool, common::Instant now) override { control_at_ = now; }
  uint32_t failsafe_after_ms() const override { return heartbeat_s_ * 1000U; }
  const char* phase_name() const override;
  void fill_own(ConnectorDiagnostics& out) const override;

  void start_init(common::Instant now);
  void receive(common::Instant now);
  void on_line(common::Instant now);
  void on_answer(Ask ask, bool is_ok, common::Instant now);
  void on_state_words(bool is_async, common::Instant now);
  void on_capacity(common::Instant now);
  void on_current(bool is_ok, common::Instant now);
  void on_supervision(bool is_ok, common::Instant now);
  void on_meter();
  void on_temperature();
  Ask choose(common::Instant now) const;
  Ask choose_control(common::Instant now) const;
  void send(Ask ask, common::Instant now);
  common::Instant next_due() const;
  void count_failure(common::Instant now);
  bool is_off() const { return evse_state_ == 0xFE || evse_state_ == 0xFF; }
  bool is_fault_state() const { return evse_state_ >= 5 && evse_state_ < 0xFE; }
  uint32_t target_a() const { return target_ma() / 1000; }

  platform::SerialLink* link_ = nullptr;
  RapiLine line_;
  Init init_ = Init::kVersion;
  Ask pending_ = Ask::kNone;
  uint8_t failures_ = 0;  ///< Commands in a row that were not obeyed.
  bool must_acknowledge_ = false;
  bool must_sleep_ = false;  ///< $FS once, whatever the state.
  bool is_link_bad_ = false;
  uint32_t evse_state_ = 0;
  uint32_t flags_ = 0;
  uint32_t capacity_a_ = 0;  ///< What the pilot offers; 0 = unknown.
  uint32_t heartbeat_s_ = 0;
  uint32_t timeouts_ = 0;
  common::Instant sent_at_;
  common::Instant quiet_until_;
  common::Instant control_at_;  ///< Not before: the last command is still taking effect.
  common::Instant next_state_;
  common::Instant next_meter_;
  common::Instant next_energy_;
  common::Instant next_temperature_;
  common::Instant next_capacity_;
  common::Instant next_pulse_;
};

}  // namespace bridge
