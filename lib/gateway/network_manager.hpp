#pragma once

#include "common/log.hpp"
#include "gateway/wifi_settings.hpp"
#include "platform/entropy.hpp"
#include "platform/reconnect_backoff.hpp"
#include "platform/wifi_control.hpp"

namespace gateway {

/// Keeps the gateway in one of up to four Wi-Fi networks, and opens one of its own when that fails.
///
///     kOff --network stored--> kScanning --> kJoining --address--> kJoined
///                                  ^          |    ^                  |
///                              due |   failed |    +----- lost -------+   the same network first
///                                  |          v
///                                  +------ kWaiting    after the last candidate: 1 to 60 s, with jitter
///
/// A round looks for networks and tries each stored one: those heard well in the order of the settings, then the weak ones, the strongest
/// first, then those not heard, which may hide their names.
///
/// The access point is up while no network is stored, or none has been joined for `ap_after_min`. It goes kLingerMs
/// after a network was joined and the last client left. While somebody is connected to it rounds are rare: each takes the radio to
/// other channels. Its password is random, one per device, made once and stored.
/// @par Context  Loop thread; does not block, does not allocate. Passwords are never logged.
class NetworkManager final : public platform::WifiControl {
 public:
  enum class State : uint8_t { kOff, kScanning, kJoining, kJoined, kWaiting };

  static constexpr int64_t kScanMs = 10 * 1000;  ///< Longest search.
  static constexpr int64_t kJoinMs = 20 * 1000;  ///< Longest attempt.
  static constexpr int64_t kStableMs = 60 * 1000;
  static constexpr int64_t kLingerMs = 3 * 60 * 1000;
  /// An access point that was asked for stays at least this long.
  static constexpr int64_t kAskedMs = 10 * 60 * 1000;
  /// Between rounds while somebody is connected to the access point.
  static constexpr int64_t kClientPauseMs = 5 * 60 * 1000;
  static constexpr int8_t kWeak_dbm = -80;

  /// All outlive this. @param radio  nullptr = no Wi-Fi: the network is the operating system's.
  /// @param has_other_network  There is one besides Wi-Fi: the gateway is always up, and opens no access point by itself.
  NetworkManager(platform::WifiRadio* radio, bool has_other_network, Settings& settings,
                 platform::Entropy& entropy, common::LogSink& log);

  /// Reads the settings and starts. @param serial_number  For the names of access point and host.
  void begin(common::TextSpan serial_number, common::Instant now);
  /// @return When to call again at the latest.
  common::Instant step(common::Instant now);
  /// The stored networks are others: takes them over. A network that is joined and still stored is kept.
  void reload(common::Instant now);
  /// Opens the access point, or closes it: either holds for kAskedMs at least.
  void set_access_point(bool is_wanted, common::Instant now);
  /// Everything of the network off and on again.
  void restart(common::Instant now);

  bool has_radio() const { return radio_ != nullptr; }
  /// There is a network to reach a CSMS by.
  bool is_up() const { return has_other_network_ || state_ == State::kJoined; }
  State state() const { return state_; }
  /// Counts joined networks, where there is no other: a change means a new address, and that old connections are dead.
  uint32_t joins() const { return has_other_network_ ? 0 : joins_; }
  /// While joined; else only the last failure of its networks matters.
  platform::StationStatus station() const;
  /// Joined, or tried last.
  const common::FixedString<32>& ssid() const { return target_.ssid; }
  size_t network_count() const { return count_; }
  const WifiNetwork& stored(size_t index) const { return networks_[index].config; }
  /// Of its last attempt; kNone = it let the gateway in, or was not tried yet.
  platform::JoinFailure failure(size_t index) const { return networks_[index].failure; }
  /// Of the last search; 0 = not heard.
  int8_t rssi_dbm(size_t index) const { return networks_[index].rssi_dbm; }
  bool is_access_point_up() const;
  uint8_t access_point_clients() const;
  const common::FixedString<32>& access_point_ssid() const { return access_point_ssid_; }
  /// For the console alone, whose user holds the device in the hand.
  const common::FixedString<63>& access_point_password();

  // WifiControl: for those who set Wi-Fi up.
  void join(common::TextSpan ssid, common::TextSpan password) override;
  void on_networks_changed() override { reload(now_); }
  bool is_joined() const override;
  void start_scan() override;
  common::Status network(size_t index, platform::FoundNetwork& out) override;
  /// A search that somebody asked for has ended since the last call.
  bool take_scan_end();

 private:
  struct Entry {
    WifiNetwork config;
    platform::JoinFailure failure = platform::JoinFailure::kNone;
    int8_t rssi_dbm = 0;
  };

  static constexpr size_t kNobody = kMaxWifiNetworks;

  void set_state(State state, common::Instant now, int64_t at_most_ms);
  void load();
  void begin_round(common::Instant now);
  void order_candidates();
  void try_next(common::Instant now);
  void on_failed(platform::JoinFailure failure, common::Instant now);
  void on_joined(const platform::StationStatus& station, common::Instant now);
  void note(platform::JoinFailure failure);
  void on_lost(common::Instant now);
  void end_round(common::Instant now);
  void step_station(common::Instant now);
  void step_scan(common::Instant now);
  void step_access_point(common::Instant now);
  bool needs_access_point(common::Instant now) const;
  bool is_searched() const;

  platform::WifiRadio* const radio_;
  const bool has_other_network_;
  Settings& settings_;
  platform::Entropy& entropy_;
  common::LogSink& log_;
  platform::ReconnectBackoff backoff_;
  State state_ = State::kOff;
  common::Instant deadline_ = common::Instant::never();  ///< Of the state.
  common::Instant now_;                                  ///< Of the last step.
  Entry networks_[kMaxWifiNetworks];
  size_t count_ = 0;
  uint8_t order_[kMaxWifiNetworks] = {};
  size_t order_size_ = 0;
  size_t order_next_ = 0;
  WifiNetwork target_;         ///< Being tried, or joined.
  size_t current_ = kNobody;   ///< Its place among the networks.
  size_t wanted_ = kNobody;    ///< Of join().
  common::Instant wanted_by_;  ///< Then join() is forgotten.
  uint32_t joins_ = 0;
  common::Instant round_at_;   ///< Begin of the last round.
  common::Instant joined_at_;  ///< While joined.
  common::Instant absent_since_;
  bool is_scan_wanted_ = false;
  bool is_scanning_ = false;  ///< For somebody who asked.
  bool has_scan_ended_ = false;
  common::Instant scan_by_;
  bool is_access_point_on_ = false;
  common::Instant access_point_retry_;
  common::Instant access_point_until_;  ///< Not closed, or not opened by itself, before.
  int64_t access_point_after_ms_ = 0;
  common::FixedString<32> access_point_ssid_;
  common::FixedString<63> access_point_password_;
};

/// Name for the console and logs.
const char* to_string(NetworkManager::State state);

}  // namespace gateway
