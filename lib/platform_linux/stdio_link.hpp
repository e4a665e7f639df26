#pragma once

#include "platform/serial_link.hpp"
#include "platform_linux/output_buffer.hpp"
#include "platform_linux/poll_source.hpp"

namespace platform_linux {

/// The console on standard input and output (or any two descriptors). They stay blocking, since a terminal shares
/// its flags with the shell that started us; poll() decides what can be done.
/// @par Context  Loop thread; no call blocks.
class StdioLink final : public platform::SerialLink, public PollSource {
 public:
  static constexpr size_t kOutputBytes = 65536;

  /// @param input_fd, output_fd  Borrowed; outlive the link.
  explicit StdioLink(int input_fd = 0, int output_fd = 1)
      : input_fd_(input_fd), output_fd_(output_fd) {}
  /// Writes out what can be written without waiting.
  ~StdioLink() override;

  /// There is no line to configure: always kOk.
  common::Status configure(const platform::SerialSettings&) override { return common::Status::kOk; }
  /// Takes all of data, or nothing (kAgain) while kOutputBytes wait. kClosed: the reader is gone.
  common::Result<size_t> write(common::ByteSpan data) override;
  /// kClosed for ever after the end of the input.
  common::Result<size_t> read(common::MutableByteSpan buffer) override;
  bool is_drained() override { return output_.empty(); }

  void collect(std::vector<pollfd>& out) override;
  void on_wake() override { flush(); }

 private:
  void flush();

  const int input_fd_;
  const int output_fd_;
  OutputBuffer output_{kOutputBytes};
  bool is_input_open_ = true;
  bool is_output_open_ = true;
};

}  // namespace platform_linux
