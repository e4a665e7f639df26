#pragma once

#include "common/fixed_string.hpp"
#include "common/span.hpp"

namespace platform {

/// Why a network did not let the gateway in, or no longer holds it.
enum class JoinFailure : uint8_t {
  kNone,
  kNotFound,       ///< No access point of this name is near.
  kWrongPassword,  ///< The key exchange failed: nearly always a wrong password.
  kRefused,        ///< The access point turned it away: full, filter, other security.
  kNoAddress,      ///< Joined, but DHCP gave no address.
  kTimeout,        ///< Nothing came of it in time.
  kLost,           ///< It was joined, and the connection broke.
};

/// Words for the console and logs, static.
constexpr const char* to_string(JoinFailure failure) {
  switch (failure) {
    case JoinFailure::kNone:
      return "none";
    case JoinFailure::kNotFound:
      return "not found";
    case JoinFailure::kWrongPassword:
      return "wrong password";
    case JoinFailure::kRefused:
      return "refused";
    case JoinFailure::kNoAddress:
      return "no address";
    case JoinFailure::kTimeout:
      return "no answer";
    case JoinFailure::kLost:
      break;
  }
  return "lost";
}

/// A network that is near.
struct FoundNetwork {
  common::FixedString<32> ssid;
  int8_t rssi_dbm = 0;
  bool has_password = false;
};

/// What the radio does as a station.
struct StationStatus {
  enum class State : uint8_t {
    kIdle,
    kJoining,
    kJoined,  ///< With an address.
    kFailed,  ///< `failure` says why; it does not try again by itself.
  };
  State state = State::kIdle;
  JoinFailure failure = JoinFailure::kNone;
  int8_t rssi_dbm = 0;  ///< While joined.
  uint32_t ipv4 = 0;    ///< While joined; the first number of the address is the highest byte.
};

/// A Wi-Fi radio that is station and access point at once. It decides nothing: gateway::NetworkManager does.
/// @par Context  Loop thread. Every call returns at once; what it asks for happens later.
class WifiRadio {
 public:
  /// Of the gateway in its own access point, and of DHCP, DNS and web server there: 192.168.4.1.
  static constexpr uint32_t kAccessPointIpv4 = 0xC0A80401;

  virtual ~WifiRadio() = default;
  /// Once, before anything else. Both are copied.
  /// @param hostname     1..63 bytes, [a-z0-9-]: what DHCP servers show.
  /// @param time_server  Asked for the time (SNTP) while a network is joined; empty = none.
  virtual void configure(common::TextSpan hostname, common::TextSpan time_server) = 0;
  /// Leaves what is joined and tries this network once, its strongest access point.
  /// @param ssid  1..32 bytes. @param password  8..63 bytes; empty = an open network.
  virtual void join(common::TextSpan ssid, common::TextSpan password) = 0;
  virtual void leave() = 0;
  /// Of the last join() or leave(): never of one before it.
  virtual StationStatus station() = 0;
  /// Starts to look for networks; what was found before is forgotten.
  virtual void start_scan() = 0;
  /// @return kOk: `out` has network number `index`; kAgain: still looking; kNotFound: there are no more.
  virtual common::Status found(size_t index, FoundNetwork& out) = 0;
  /// @param password  8..63 bytes: WPA2, always.
  virtual void start_access_point(common::TextSpan ssid, common::TextSpan password) = 0;
  virtual void stop_access_point() = 0;
  virtual bool is_access_point_up() = 0;
  /// Stations that are connected to the access point.
  virtual uint8_t access_point_clients() = 0;
  /// Switches everything off and on again, radio, addresses, sockets; then neither station nor access point is on.
  virtual void restart() = 0;
};

}  // namespace platform
