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

  bool crash(platform::CrashSummary& out) const override {
    if (has_crash_) out = crash_;
    return has_crash_;
  }
  common::Result<size_t> read_crash(uint32_t offset,
                                    common::MutableByteSpan buffer) const override {
    if (!has_crash_) return common::Status::kNotFound;
    if (is_closed_) return common::Status::kUnsupported;
    size_t size = 0;
    for (; size < buffer.size() && offset + size < crash_.dump_bytes; ++size)
      buffer[size] = static_cast<uint8_t>(offset + size);
    return size;
  }
  common::Status erase_crash() override {
    has_crash_ = false;
    return common::Status::kOk;
  }

  /// A crash with a dump whose bytes are their own offsets.
  void set_crash(const platform::CrashSummary& crash) {
    crash_ = crash;
    has_crash_ = true;
  }
  void set_closed(bool is_closed) { is_closed_ = is_closed; }
  void set_serial_number(const char* text) { serial_number_ = common::FixedString<25>(text); }
  void set_reset_cause(platform::ResetCause cause) { reset_cause_ = cause; }
  void set_heap(const platform::HeapFigures& heap) { heap_ = heap; }
  uint32_t reboots() const { return reboots_; }
  uint64_t watchdog_feeds() const { return watchdog_feeds_; }

 private:
  common::FixedString<25> serial_number_{"SIM0001"};
  platform::ResetCause reset_cause_ = platform::ResetCause::kPowerOn;
  platform::HeapFigures heap_;
  platform::CrashSummary crash_;
  bool has_crash_ = false;
  bool is_closed_ = false;  ///< Gives no dump away.
  uint32_t reboots_ = 0;
  uint64_t watchdog_feeds_ = 0;
};

}  // namespace platform_sim
