#pragma once

#include "platform/device.hpp"

#include <string>

namespace platform_linux {

/// The process as a computer. A file in the data folder tells how the last process ended.
class LinuxDevice final : public platform::Device {
 public:
  struct Options {
    std::string
        serial_number;  ///< At most 25 bytes; empty = 12 hex digits hashed from /etc/machine-id.
    std::string marker_file;  ///< Its folder must exist; empty = the reset cause is not tracked.
    char** argv = nullptr;    ///< main()'s; reboot() runs the program again with it.
  };
  /// Exit code when reboot() cannot run the program again; a supervisor may restart on it.
  static constexpr int kRebootFailedExitCode = 75;

  /// Reads how the last process ended, then marks this one as running.
  explicit LinuxDevice(Options options);

  common::FixedString<25> serial_number() const override { return serial_number_; }
  /// kSoftware after reboot() or mark_clean_stop(); kWatchdog after a crash, see note_crashes(); kPowerOn on the first start and after the process was
  /// killed (kill -9 is this platform's power cut); kUnknown when the marker file cannot be read.
  platform::ResetCause reset_cause() const override { return reset_cause_; }
  /// Only `allocated`, libraries and threads included: a heap that grows when it is needed has no free bytes to tell.
  platform::HeapFigures heap() const override;
  /// Its signal; there is no core dump.
  bool crash(platform::CrashSummary& out) const override;
  common::Status erase_crash() override;
  /// Runs the program again in place: same pid, same console (PtyLink, standard input and output).
  /// Every other descriptor is closed, locks are freed, threads end. Does not return; exits with
  /// kRebootFailedExitCode when exec fails.
  void reboot() override;
  /// The operating system restarts nothing that hangs: does nothing.
  void feed_watchdog() override {}

  /// From here on a program error (abort, segmentation fault, ...) leaves a mark that the next start reports as
  /// kWatchdog, and then ends the process as it would have. Handlers that are there already (sanitizers) stay.
  /// One object of the process only; it must live to the end.
  void note_crashes();

  /// Call before a wanted end of the process (SIGTERM), so that the next start reports kSoftware.
  void mark_clean_stop();

 private:
  void write_marker(const char* text);
  static bool write_file(const std::string& path, const std::string& text);

  const Options options_;
  common::FixedString<25> serial_number_;
  platform::ResetCause reset_cause_ = platform::ResetCause::kPowerOn;
};

}  // namespace platform_linux
