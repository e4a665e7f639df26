#pragma once

#include "common/fixed_string.hpp"
#include "common/span.hpp"
#include "common/status.hpp"

namespace platform {

/// Wi-Fi as far as somebody who sets it up needs it.
/// @par Context  Loop thread; no call blocks.
class WifiControl {
 public:
  struct Found {
    common::FixedString<32> ssid;
    int8_t rssi_dbm = 0;
    bool has_password = false;
  };

  virtual ~WifiControl() = default;
  /// Leaves the network and joins this one; it goes on trying.
  /// @param ssid      1..32 bytes.
  /// @param password  0..63 bytes; empty = an open network.
  virtual void join(common::TextSpan ssid, common::TextSpan password) = 0;
  /// Whether the network of the last join(), or of the settings, has given an address.
  virtual bool is_joined() const = 0;
  /// Starts to look for networks; what was found before is forgotten.
  virtual void start_scan() = 0;
  /// @return kOk: `out` has network number `index`; kAgain: still looking; kNotFound: there are no more.
  virtual common::Status network(size_t index, Found& out) = 0;
};

}  // namespace platform
