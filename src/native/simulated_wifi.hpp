#pragma once

#include "platform/wifi_control.hpp"

namespace native {

/// There is no radio: every network lets in who has a password that it could have (WPA2: 8 bytes or more; open:
/// none), and one network is near. Enough to try setting up without a board.
class SimulatedWifi final : public platform::WifiControl {
 public:
  void join(common::TextSpan ssid, common::TextSpan password) override {
    is_joined_ = !ssid.empty() && (password.empty() || password.size() >= 8);
  }
  bool is_joined() const override { return is_joined_; }
  void start_scan() override {}
  common::Status network(size_t index, Found& out) override {
    if (index > 0) return common::Status::kNotFound;
    out.ssid = common::FixedString<32>("simulated");
    out.rssi_dbm = -50;
    out.has_password = true;
    return common::Status::kOk;
  }

 private:
  bool is_joined_ = false;
};

}  // namespace native
