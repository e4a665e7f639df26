#pragma once

#include <cstdint>
#include <functional>

namespace platform_sim {

/// The power supply of a simulated device. Counts what its stores write and cuts power where the test says;
/// from then on every access fails until restore(). Shared by all stores of one device.
class SimPower {
 public:
  /// Cuts during the write that brings the total over this many bytes: exactly that many reach the medium.
  void cut_after_bytes(uint64_t bytes) { cut_bytes_ = bytes; }
  /// Cuts at the operation with this number, as operations() counts them (append, rename, remove,
  /// set, erase): with nothing of it done, or all of it done but not reported.
  void cut_at_operation(uint64_t operation, bool is_done) {
    cut_operation_ = operation;
    is_cut_operation_done_ = is_done;
  }
  /// Errors of the medium with the power on: `count` accesses fail from the one with this number on, as
  /// accesses() counts them (every call of a store, reads too), and nothing of them is done.
  void fail_accesses(uint64_t first, uint64_t count) {
    fail_from_ = first;
    fail_count_ = count;
  }
  /// Called before each operation, to look at the media as a cut would leave them here; nullptr = nobody looks.
  void set_observer(std::function<void()> observer) { observer_ = std::move(observer); }
  /// Cuts now.
  void cut() { is_on_ = false; }
  /// Power is back; no further cut is planned.
  void restore() {
    is_on_ = true;
    cut_bytes_ = UINT64_MAX;
    cut_operation_ = UINT64_MAX;
  }

  bool is_on() const { return is_on_; }
  uint64_t bytes_written() const { return bytes_; }
  uint64_t operations() const { return operations_; }
  uint64_t accesses() const { return accesses_; }

  /// What a store may do for one operation. For stores only.
  struct Grant {
    bool is_performed;  ///< False: nothing happens.
    bool is_reported;   ///< False: power is gone afterwards; report kIo.
    uint64_t bytes;     ///< How many of the asked bytes reach the medium.
  };
  /// Begins an access. @return False: it fails, report kIo. For stores only.
  bool access() {
    const uint64_t access = accesses_++;
    return is_on_ && (access < fail_from_ || access - fail_from_ >= fail_count_);
  }
  Grant request(uint64_t bytes) {
    if (!is_on_) return Grant{false, false, 0};
    if (observer_) observer_();
    const uint64_t operation = operations_++;
    if (operation == cut_operation_) {
      is_on_ = false;
      if (is_cut_operation_done_) bytes_ += bytes;
      return Grant{is_cut_operation_done_, false, is_cut_operation_done_ ? bytes : 0};
    }
    if (bytes > 0 && bytes_ + bytes > cut_bytes_) {
      const uint64_t granted = cut_bytes_ - bytes_;
      bytes_ = cut_bytes_;
      is_on_ = false;
      return Grant{true, false, granted};
    }
    bytes_ += bytes;
    return Grant{true, true, bytes};
  }

 private:
  std::function<void()> observer_;
  bool is_on_ = true;
  uint64_t bytes_ = 0;
  uint64_t operations_ = 0;
  uint64_t accesses_ = 0;
  uint64_t fail_from_ = UINT64_MAX;
  uint64_t fail_count_ = 0;
  uint64_t cut_bytes_ = UINT64_MAX;
  uint64_t cut_operation_ = UINT64_MAX;
  bool is_cut_operation_done_ = false;
};

}  // namespace platform_sim
