#pragma once

#include "common/status.hpp"
#include "platform/clock.hpp"
#include "platform_linux/poll_source.hpp"
#include "platform_linux/unique_fd.hpp"

#include <vector>

namespace platform_linux {

/// poll() over all links of the gateway, a wake-up, and SIGTERM and SIGINT.
/// @par Context  Loop thread, except wake(). begin() before any other thread starts, so that all inherit the
///               signal mask.
class LinuxWaiter final : public platform::Waiter {
 public:
  /// @param clock  Outlives the waiter.
  explicit LinuxWaiter(const platform::Clock& clock) : clock_(clock) {}
  ~LinuxWaiter() override;

  /// Blocks SIGTERM and SIGINT for the process and turns them into is_stop_requested(); ignores SIGPIPE.
  /// @retval kIo  The kernel gave no descriptor.
  common::Status begin();
  /// @param source  Outlives the waiter, or is removed before.
  void add(PollSource& source) { sources_.push_back(&source); }
  void remove(PollSource& source);

  void wait_until(common::Instant deadline) override;
  /// Ends the present or the next wait. Any thread.
  void wake();
  /// SIGTERM or SIGINT has arrived.
  bool is_stop_requested() const { return is_stop_requested_; }

 private:
  const platform::Clock& clock_;
  std::vector<PollSource*> sources_;
  std::vector<pollfd> fds_;
  UniqueFd wake_fd_;
  UniqueFd signal_fd_;
  bool is_stop_requested_ = false;
};

}  // namespace platform_linux
