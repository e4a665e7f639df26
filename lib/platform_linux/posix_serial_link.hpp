#pragma once

#include "common/log.hpp"
#include "platform/clock.hpp"
#include "platform/serial_link.hpp"
#include "platform_linux/poll_source.hpp"
#include "platform_linux/unique_fd.hpp"

#include <string>

namespace platform_linux {

/// A serial port (/dev/ttyUSB0, ...) or the slave side of a pseudo-terminal, as an RS-485 bus or a console.
///
/// When the device disappears (unplugged, other end of the pseudo-terminal closed), read() and write() answer kClosed
/// and try to open the same path again at most once a second. A path may be a symbolic link; it is followed each time.
/// @par Context  Loop thread; no call blocks.
class PosixSerialLink final : public platform::SerialLink, public PollSource {
 public:
  static constexpr int64_t kReopenInterval_ms = 1000;

  /// @param clock, log  Outlive the link.
  PosixSerialLink(std::string path, const platform::Clock& clock, common::LogSink& log);

  /// Opens the device when it is not open, locks it, applies settings and discards pending input.
  /// @retval kInvalidArgument  Baud rate or stop bits outside the range of SerialSettings.
  /// @retval kUnsupported      The device does not keep the settings; never answered for parity on a pseudo-terminal,
  ///                           which carries bytes without parity.
  /// @retval kClosed           Not there, no permission, or used by another program: last_error() says which. The
  ///                           settings are kept and applied once it can be opened.
  common::Status configure(const platform::SerialSettings& settings) override;
  common::Result<size_t> write(common::ByteSpan data) override;
  common::Result<size_t> read(common::MutableByteSpan buffer) override;
  bool is_drained() override;

  void collect(std::vector<pollfd>& out) override;

  bool is_open() const { return fd_.is_valid(); }
  /// One sentence about the last failure; empty while all is well.
  const std::string& last_error() const { return last_error_; }

 private:
  common::Status open();
  common::Status apply();
  common::Status ensure_open();
  common::Status lose(const std::string& reason, common::Status status = common::Status::kClosed);

  const std::string path_;
  const platform::Clock& clock_;
  common::LogSink& log_;
  UniqueFd fd_;
  platform::SerialSettings settings_;
  bool is_configured_ = false;
  bool is_parity_reported_ = false;
  bool wants_to_write_ = false;
  common::Instant next_open_;
  std::string last_error_;
};

}  // namespace platform_linux
