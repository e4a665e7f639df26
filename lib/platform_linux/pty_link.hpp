#pragma once

#include "platform/clock.hpp"
#include "platform/serial_link.hpp"
#include "platform_linux/output_buffer.hpp"
#include "platform_linux/poll_source.hpp"
#include "platform_linux/unique_fd.hpp"

#include <string>

namespace platform_linux {

/// The console as a pseudo-terminal that stands for a board's USB serial port. Keeps the slave side open itself, so
/// that clients come and go unnoticed, and keeps the pair across LinuxDevice::reboot(), as the USB bridge of a
/// board does.
/// @par Context  Loop thread; no call blocks.
class PtyLink final : public platform::SerialLink, public PollSource {
 public:
  static constexpr size_t kOutputBytes = 65536;
  /// With no reader for this long, the unread bytes are dropped, as a UART with no listener drops them.
  static constexpr int64_t kNoReader_ms = 2000;
  /// Carries the pair's descriptors across exec: "master slave".
  static constexpr const char* kInheritVariable = "VEVGW_CONSOLE_PTY";

  /// @param clock  Outlives the link.
  explicit PtyLink(const platform::Clock& clock) : clock_(clock) {}
  /// Removes the symbolic link if it still points here.
  ~PtyLink() override;

  /// Opens the pair, or takes over the one of the program that called LinuxDevice::reboot().
  /// @param symlink_path  Made to point at the slave, replacing an old symbolic link; empty = none. A file or
  ///                      folder of that name is left alone and reported.
  /// @retval kIo  See last_error(). Call before other threads start (sets an environment variable).
  common::Status open(const std::string& symlink_path);
  /// Path of the slave, for instance /dev/pts/4.
  const std::string& slave_path() const { return slave_path_; }
  const std::string& last_error() const { return last_error_; }

  /// A pseudo-terminal has no line to configure: always kOk.
  common::Status configure(const platform::SerialSettings&) override { return common::Status::kOk; }
  /// Takes all of data, or nothing (kAgain) while kOutputBytes wait.
  common::Result<size_t> write(common::ByteSpan data) override;
  common::Result<size_t> read(common::MutableByteSpan buffer) override;
  bool is_drained() override { return output_.empty(); }

  void collect(std::vector<pollfd>& out) override;
  void on_wake() override { flush(); }

 private:
  common::Status fail(const std::string& what);
  bool inherit();
  common::Status create();
  common::Status publish();
  void flush();

  const platform::Clock& clock_;
  UniqueFd master_;
  UniqueFd slave_;
  std::string slave_path_;
  std::string symlink_path_;
  std::string last_error_;
  OutputBuffer output_{kOutputBytes};
  common::Instant stuck_since_ = common::Instant::never();
};

}  // namespace platform_linux
