#pragma once

#include "platform/device.hpp"

namespace platform_sim {

/// A device whose reset cause the test chooses and whose reboot the test observes.
class SimDevice final : public platform::Device {
 public:
  common::FixedString<25> serial_number() const override { return serial_number_; }
  platform::ResetCause reset_cause() const override { return reset_cause_; }
  platform::HeapFigures heap() const override { return heap_; }
  /// Returns, unlike a board: the test sees reboots() and restarts the objects.
  void reboot() override { ++reboots_; }
  void feed_watchdog() override { ++watchdog_feeds_; }

  void set_serial_number(const char* text) { serial_number_ = common::FixedString<25>(text); }
  void set_reset_cause(platform::ResetCause cause) { reset_cause_ = cause; }
  void set_heap(const platform::HeapFigures& heap) { heap_ = heap; }
  uint32_t reboots() const { return reboots_; }
  uint64_t watchdog_feeds() const { return watchdog_feeds_; }

 private:
  common::FixedString<25> serial_number_{"SIM0001"};
  platform::ResetCause reset_cause_ = platform::ResetCause::kPowerOn;
  platform::HeapFigures heap_;
  uint32_t reboots_ = 0;
  uint64_t watchdog_feeds_ = 0;
};

}  // namespace platform_sim
