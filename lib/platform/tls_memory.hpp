#pragma once

#include <atomic>
#include <cstddef>

namespace platform {

/// Divides the memory for TLS between the link to the CSMS and the transfer of files: a file gets a session only where
/// enough is left for the link, and gives its own back when the link wants to connect and finds too little.
/// @par Context  Calls of the link in one task, of the files in another.
class TlsMemory {
 public:
  struct Free {
    size_t bytes = 0;
    size_t largest_block = 0;
  };
  /// Of the heap that TLS takes its memory from; any task.
  using Measure = Free (*)();

  /// One session at the peak of its handshake, with a chain of EC certificates: security::TlsSession.
  static constexpr size_t kSessionBytes = 50 * 1024;
  /// A record: the largest piece of it.
  static constexpr size_t kBlockBytes = 17 * 1024;
  /// What stays free beside it: sockets, Wi-Fi, and RSA certificates, whose handshakes take up to 20 KiB more.
  static constexpr size_t kReserveBytes = 20 * 1024;

  /// @param measure  nullptr: memory is no matter.
  explicit TlsMemory(Measure measure = nullptr) : measure_(measure) {}

  // For files.
  /// Whether a session may be opened now: there is room for it, and for the link as long as that has none.
  bool admits_file() const {
    const size_t sessions = has_link_ ? kSessionBytes : 2 * kSessionBytes;
    return !is_wanted_ && has(sessions + kReserveBytes);
  }
  /// To be asked while a file moves, and with false at its end.
  /// @return Whether its sessions must be closed at once: the link waits for the memory.
  bool must_give_way(bool has_session) {
    has_file_ = has_session;
    return has_session && is_wanted_;
  }

  // For the link.
  /// Wants to connect by TLS. @return False: it waits for a file to give way, and asks again.
  bool begin_connecting() {
    has_link_ = false;
    is_wanted_ = has_file_ && !has(kSessionBytes);
    return !is_wanted_;
  }
  /// @param has_session  Or needs none.
  void end_connecting(bool has_session) {
    is_wanted_ = false;
    has_link_ = has_session;
  }

 private:
  bool has(size_t bytes) const {
    if (measure_ == nullptr) return true;
    const Free free = measure_();
    return free.bytes >= bytes && free.largest_block >= kBlockBytes;
  }

  const Measure measure_;
  std::atomic<bool> has_link_{false};
  std::atomic<bool> has_file_{false};
  std::atomic<bool> is_wanted_{false};
};

}  // namespace platform
