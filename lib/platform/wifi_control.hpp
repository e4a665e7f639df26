#pragma once

#include "platform/wifi_radio.hpp"

namespace platform {

/// Wi-Fi as far as somebody who sets it up needs it.
/// @par Context  Loop thread; no call blocks.
class WifiControl {
 public:
  using Found = FoundNetwork;

  virtual ~WifiControl() = default;
  /// Tries this network now, before all others; it is one of the settings.
  /// @param ssid      1..32 bytes.
  /// @param password  8..63 bytes; empty = an open network.
  virtual void join(common::TextSpan ssid, common::TextSpan password) = 0;
  /// The networks of the settings have changed: the one of the last join() is no longer wanted.
  virtual void on_networks_changed() = 0;
  /// Whether the network of the last join(), or one of the settings, has given an address.
  virtual bool is_joined() const = 0;
  /// Starts to look for networks; what was found before is forgotten.
  virtual void start_scan() = 0;
  /// @return kOk: `out` has network number `index`; kAgain: still looking; kNotFound: there are no more.
  virtual common::Status network(size_t index, Found& out) = 0;
};

}  // namespace platform
