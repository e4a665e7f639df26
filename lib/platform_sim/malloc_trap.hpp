#pragma once

#include <cstddef>
#include <cstdint>

namespace platform_sim {

/// Counts every heap allocation (malloc family and operator new) of this thread while an object exists, to show
/// that nothing allocates after begin(). Without sanitizers it interposes malloc; under AddressSanitizer it uses
/// the sanitizer's hooks. Simulated ports exempt their own allocations.
///
///     platform_sim::MallocTrap trap;
///     charge_point.step(now);
///     const size_t allocations = trap.count();   // before any CHECK: doctest allocates
class MallocTrap {
 public:
  enum class OnAllocation : uint8_t { kCount, kAbort };

  /// @param on_allocation  kAbort prints the size and aborts: the debugger or core file shows the caller.
  explicit MallocTrap(OnAllocation on_allocation = OnAllocation::kCount);
  ~MallocTrap();
  MallocTrap(const MallocTrap&) = delete;
  MallocTrap& operator=(const MallocTrap&) = delete;

  /// Allocations seen by this thread since construction.
  size_t count() const;

  /// Allocations in its scope do not count.
  class Exempt {
   public:
    Exempt();
    ~Exempt();
    Exempt(const Exempt&) = delete;
    Exempt& operator=(const Exempt&) = delete;
  };

 private:
  size_t count_before_;
  OnAllocation mode_before_;
};

}  // namespace platform_sim
