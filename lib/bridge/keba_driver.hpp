#pragma once

#include "bridge/direct_driver.hpp"
#include "platform/udp_link.hpp"

namespace bridge {

/// KEBA P20 and P30 (BMW wallbox) over UDP port 7090; the charger answers to that port whatever port it was asked from.
///
///   start, after silence and after a restart: report 1, 2, 3, 100, failsafe -> running
///   running: currtime and ena as the offer says; report 2 each status poll, report 3 each meter poll, report 100 for tags;
///   failsafe again each half of its time. What the charger tells by itself is taken at once.
///
/// 100 ms between commands, 2 s after `ena 0`. currtime in place of curr, failsafe without its last argument's 1: neither
/// wears the charger's EEPROM. When the failsafe has tripped, current and ena are given again.
class KebaDriver final : public DirectDriver {
 public:
  static constexpr const char* kName = "keba-udp";
  static constexpr uint16_t kPort = 7090;
  static constexpr uint32_t kMaxMa = 63000;
  static constexpr size_t kMaxHostBytes = 63;
  static constexpr int64_t kAnswerMs = 1000;
  static constexpr int64_t kGapMs = 100;
  static constexpr int64_t kAfterDisableMs = 2000;
  static constexpr int64_t kObeyMs = 5000;
  static constexpr int64_t kTakeOverMs = 1500;  ///< report 2 shows a command's effect after this.
  static constexpr int64_t kResolveMs =
      5000;  ///< Between two look-ups of a name that is not found.
  static constexpr int64_t kUnlockMs = 20000;  ///< A wish to unlock is kept while current flows.
  static constexpr uint32_t kFailsafeMs = 30000;
  static constexpr uint8_t kTries = 3;

  /// @param udp   Bound by the bridge; shared by all chargers of this kind. Outlives the driver.
  /// @param host  Name or address, with :PORT for a simulated one; copied.
  /// @param tags  Gets tags held to the charger's reader; nullptr = nobody does. Outlives the driver.
  common::Status configure(const ConnectorConfig& config, platform::UdpLink& udp, const char* host,
                           charger::IdReaderObserver* tags, const Ports& ports);

  common::Status unlock(common::Instant now) override;
  void on_datagram(const platform::UdpAddress& from, common::TextSpan text,
                   common::Instant now) override;

 private:
  enum class Ask : uint8_t {
    kNone,
    kProduct,
    kStatus,
    kMeter,
    kSession,
    kFailsafe,
    kCurrent,
    kEnable,
    kDisable,
    kAuthorise,
    kUnlock
  };
  enum class Init : uint8_t { kProduct, kStatus, kMeter, kSession, kFailsafe, kDone };

  void start(common::Instant now) override;
  common::Instant run(common::Instant now) override;
  void on_target(common::Instant now) override;
  void on_silence(common::Instant now) override;
  uint32_t failsafe_after_ms() const override { return failsafe_s() * 1000U; }
  const char* phase_name() const override;
  void fill_own(ConnectorDiagnostics& out) const override;

  void start_init();
  void skip_unknown_report();
  common::Instant find_address(common::Instant now);
  Ask choose(common::Instant now) const;
  Ask choose_control(common::Instant now) const;
  void send(Ask ask, common::Instant now);
  void on_command_answer(bool is_ok, common::Instant now);
  void on_answered(common::Instant now);
  void on_report(int32_t id, common::TextSpan text, common::Instant now);
  void on_status(common::TextSpan text, common::Instant now);
  void on_meter(common::TextSpan text, common::Instant now);
  void on_session(common::TextSpan text, common::Instant now);
  void evaluate(common::Instant now);
  void count_failure(common::Instant now);
  uint32_t failsafe_s() const;

  platform::UdpLink* udp_ = nullptr;
  charger::IdReaderObserver* tags_ = nullptr;
  common::FixedString<kMaxHostBytes> host_;
  uint16_t port_ = kPort;
  platform::UdpAddress address_;
  Init init_ = Init::kProduct;
  Ask pending_ = Ask::kNone;
  uint8_t init_tries_ = 0;
  uint8_t failures_ = 0;
  bool must_write_current_ = false;
  bool must_write_enable_ = false;
  bool is_unlock_wanted_ = false;
  bool has_tripped_ = false;  ///< The failsafe current rules in place of ours.

  // What the charger said last; -1 = not yet.
  int32_t state_ = -1;
  int32_t plug_ = -1;
  int32_t error_ = 0;
  int32_t enable_system_ = -1;
  int32_t enable_user_ = -1;
  int32_t current_user_ma_ = -1;
  int32_t authorise_ = 0;
  int64_t uptime_s_ = -1;
  bool has_session_ = false;
  int32_t session_ = 0;
  charger::IdTag tag_;

  uint32_t timeouts_ = 0;
  common::Instant sent_at_;
  common::Instant not_before_;
  common::Instant control_at_;
  common::Instant status_valid_from_;  ///< What report 2 says of our commands counts from here on.
  common::Instant unlock_until_;
  common::Instant resolve_at_;
  common::Instant next_status_;
  common::Instant next_meter_;
  common::Instant next_session_;
  common::Instant next_failsafe_;
};

}  // namespace bridge
