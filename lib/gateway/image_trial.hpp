#pragma once

#include "common/time.hpp"
#include "platform/firmware.hpp"

namespace gateway {

/// A new firmware image that does not even start the gateway is given up, like one that does not reach the CSMS. While the
/// gateway runs the engine judges: it keeps the image once the CSMS has answered, and gives it up after the same time.
class ImageTrial {
 public:
  static constexpr int64_t kTrialMs = 15 * 60 * 1000;

  /// @param firmware  Outlives this; nullptr = there are no images.
  explicit ImageTrial(platform::Firmware* firmware) : firmware_(firmware) {}

  void begin(common::Instant now) {
    if (firmware_ != nullptr && firmware_->boot() == platform::Firmware::Boot::kTrial)
      ends_at_ = now + kTrialMs;
  }
  /// @param is_running  The gateway has started.
  /// @return  True when the image was given up: restart.
  bool step(bool is_running, common::Instant now) {
    if (is_running) ends_at_ = common::Instant::never();
    if (now < ends_at_) return false;
    ends_at_ = now + kTrialMs;
    return firmware_->roll_back() == common::Status::kOk;
  }

 private:
  platform::Firmware* const firmware_;
  common::Instant ends_at_ = common::Instant::never();
};

}  // namespace gateway
