#pragma once

#include "common/fixed_string.hpp"
#include "common/log.hpp"
#include "common/time.hpp"
#include "platform/network.hpp"
#include "platform/wifi_control.hpp"

namespace platform_esp32 {

/// Wi-Fi station that joins one network and keeps joining, and SNTP.
/// @par Context  Loop task; no call blocks.
class WifiStation final : public platform::Network, public platform::WifiControl {
 public:
  /// Keeps a reference to the log.
  explicit WifiStation(common::LogSink& log) : log_(log) {}

  /// Starts to join. An empty ssid switches Wi-Fi off.
  /// @param time_server  SNTP server; empty = none.
  void begin(const common::FixedString<32>& ssid, const common::FixedString<63>& password,
             const common::FixedString<63>& time_server);
  /// Logs changes; starts over when the driver has not joined for kRetryMs.
  void step(common::Instant now);
  bool is_up() const override { return is_connected_; }
  void join(common::TextSpan ssid, common::TextSpan password) override;
  bool is_joined() const override { return is_connected_; }
  void start_scan() override;
  common::Status network(size_t index, Found& out) override;

 private:
  static constexpr int64_t kRetryMs = 20000;

  common::LogSink& log_;
  common::FixedString<32> ssid_;
  common::FixedString<63> password_;
  common::FixedString<63> time_server_;
  bool is_connected_ = false;
  common::Instant next_retry_;
};

}  // namespace platform_esp32
