#pragma once

#include "platform/clock.hpp"
#include "platform/wifi_radio.hpp"

namespace platform {

/// A radio where there is none: networks in the air come, go, refuse. For tests, and for a gateway that is a process.
class SimulatedWifi final : public WifiRadio {
 public:
  static constexpr size_t kMaxNetworks = 8;
  static constexpr int64_t kScanMs = 300;
  static constexpr int64_t kJoinMs = 200;

  /// A network in the air.
  struct Network {
    common::FixedString<32> ssid;
    common::FixedString<63> password;  ///< Empty = open.
    int8_t rssi_dbm = -50;
    bool takes_any_password = false;  ///< Every one that WPA2 allows.
    bool gives_address = true;
    bool is_full = false;  ///< Turns everybody away.
    bool is_hidden = false;
  };

  /// The clock outlives this.
  explicit SimulatedWifi(const Clock& clock) : clock_(clock) {}

  /// Adds it, or puts it in the place of the one of that name. @retval kNoSpace  The air is full.
  common::Status add(const Network& network);
  /// @retval kNotFound  There was none.
  common::Status remove(common::TextSpan ssid);
  /// So many are connected to the access point.
  void set_clients(uint8_t count) { clients_ = count; }
  /// From now on the radio does nothing that it is asked for, until it is restarted.
  void hang() { is_hung_ = true; }

  /// @name What was asked of it, for tests
  /// @{
  uint32_t joins() const { return joins_; }
  uint32_t scans() const { return scans_; }
  uint32_t restarts() const { return restarts_; }
  common::TextSpan access_point_password() const { return access_point_password_.span(); }
  common::TextSpan hostname() const { return hostname_.span(); }
  /// @}

  void configure(common::TextSpan hostname, common::TextSpan time_server) override;
  void join(common::TextSpan ssid, common::TextSpan password) override;
  void leave() override { state_ = StationStatus::State::kIdle; }
  StationStatus station() override;
  void start_scan() override;
  common::Status found(size_t index, FoundNetwork& out) override;
  void start_access_point(common::TextSpan ssid, common::TextSpan password) override;
  void stop_access_point() override { is_access_point_up_ = false; }
  bool is_access_point_up() override { return is_access_point_up_; }
  uint8_t access_point_clients() override { return is_access_point_up_ ? clients_ : uint8_t{0}; }
  void restart() override;

 private:
  const Network* find(common::TextSpan ssid) const;
  JoinFailure attempt() const;

  const Clock& clock_;
  Network networks_[kMaxNetworks];
  size_t count_ = 0;
  common::FixedString<63> hostname_;
  common::FixedString<32> ssid_;
  common::FixedString<63> password_;
  StationStatus::State state_ = StationStatus::State::kIdle;
  JoinFailure failure_ = JoinFailure::kNone;
  common::Instant joined_at_;
  common::Instant scanned_at_;
  bool is_access_point_up_ = false;
  common::FixedString<63> access_point_password_;
  uint8_t clients_ = 0;
  bool is_hung_ = false;
  uint32_t joins_ = 0;
  uint32_t scans_ = 0;
  uint32_t restarts_ = 0;
};

}  // namespace platform
