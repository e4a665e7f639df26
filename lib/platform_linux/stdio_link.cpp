#include "platform_linux/stdio_link.hpp"

#include <cerrno>
#include <unistd.h>

namespace platform_linux {

using common::Result;
using common::Status;

namespace {

/// poll() promises room for this much on a pipe (PIPE_BUF), so that write() does not block.
constexpr size_t kChunkBytes = 4096;

bool is_ready(int fd, short events) {
  pollfd state{fd, events, 0};
  return ::poll(&state, 1, 0) > 0;
}

}  // namespace

StdioLink::~StdioLink() { flush(); }

void StdioLink::flush() {
  while (!output_.empty() && is_output_open_ && is_ready(output_fd_, POLLOUT)) {
    const common::ByteSpan chunk = output_.front(kChunkBytes);
    const ssize_t count = ::write(output_fd_, chunk.data(), chunk.size());
    if (count > 0) {
      output_.drop_front(static_cast<size_t>(count));
    } else if (count < 0 && errno != EAGAIN && errno != EINTR) {
      is_output_open_ = false;
      output_.clear();
    }
  }
}

Result<size_t> StdioLink::write(common::ByteSpan data) {
  flush();
  if (!is_output_open_) return Status::kClosed;
  if (!output_.push(data)) return Status::kAgain;
  flush();
  return data.size();
}

Result<size_t> StdioLink::read(common::MutableByteSpan buffer) {
  flush();
  if (!is_input_open_) return Status::kClosed;
  if (!is_ready(input_fd_, POLLIN)) return Status::kAgain;
  const ssize_t count = ::read(input_fd_, buffer.data(), buffer.size());
  if (count > 0) return static_cast<size_t>(count);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return Status::kAgain;
  is_input_open_ = false;
  return Status::kClosed;
}

void StdioLink::collect(std::vector<pollfd>& out) {
  if (is_input_open_) out.push_back({input_fd_, POLLIN, 0});
  if (is_output_open_ && !output_.empty()) out.push_back({output_fd_, POLLOUT, 0});
}

}  // namespace platform_linux
