#pragma once

#include "platform/file_transfer.hpp"

#include <cstdint>
#include <set>
#include <string>

namespace simulation {

/// Statuses of orders to fetch or send a file, as they leave: each step once it was reached, in an order that can be,
/// and from the beginning only for a new order (OCPP 1.6 ed. 2, 4.4, 4.5; errata 3.31, 3.50).
class FileBooks {
 public:
  enum class Job : uint8_t { kFirmware, kDiagnostics };
  explicit FileBooks(Job job) : job_(job) {}

  /// An order is on its way, whatever becomes of it.
  void on_order() { is_ordered_ = true; }
  /// TriggerMessage is on its way: a status may come that tells nothing new.
  void on_trigger() { is_triggered_ = true; }
  /// A setting could not be stored: a step may be repeated after a restart.
  void on_store_failure() { may_repeat_ = true; }
  /// @return A sentence when it cannot come now.
  std::string on_status(const std::string& status);
  static bool is_final(const std::string& status);

 private:
  bool can_follow(const std::string& before, const std::string& status) const;

  Job job_;
  bool is_ordered_ = false;
  bool is_triggered_ = false;
  bool may_repeat_ = false;
  std::set<std::string> last_{"Idle"};  ///< What the last step may have been.
};

/// Firmware images of a server. Some are of no use.
struct FirmwareImage {
  static constexpr int kCount = 8;
  static constexpr int kSound = 0;
  static constexpr int kCrashes = 5;  ///< When it starts.
  static constexpr int kDamaged = 6;  ///< Its checksum is wrong.
  static constexpr int kMissing = 7;  ///< The server has none.

  static std::string url(int number);
  static std::string version(int number);
  /// @param number  Not kMissing.
  static std::string content(int number);
  /// Whether a device may ever run this version.
  static bool is_runnable(const std::string& version);
};

/// Diagnostics of a few hundred lines.
class SimDiagnostics final : public platform::TextSource {
 public:
  static constexpr int kLines = 200;

  common::Status rewind(common::UtcTime, common::UtcTime) override {
    at_ = 0;
    return common::Status::kOk;
  }
  common::TextSpan piece() override { return at_ < kLines ? line() : common::TextSpan(); }
  void next() override { ++at_; }

  static common::TextSpan line() { return common::text("{\"line\":\"of diagnostics\"}\n"); }

 private:
  int at_ = 0;
};

}  // namespace simulation
