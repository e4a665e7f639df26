#pragma once

#include <poll.h>
#include <vector>

namespace platform_linux {

/// Something whose file descriptors can end a wait.
/// @par Context  Loop thread.
class PollSource {
 public:
  virtual ~PollSource() = default;
  /// Appends what to wait for now; the set may differ from call to call.
  virtual void collect(std::vector<pollfd>& out) = 0;
  /// Called after each wait: moves buffered output on. Must not block.
  virtual void on_wake() {}
};

}  // namespace platform_linux
