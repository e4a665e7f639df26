#pragma once

#include <cstddef>
#include <cstdint>

namespace platform {

/// What a store has written to its medium since it was made: how flash wears out.
struct WriteCount {
  uint32_t writes = 0;  ///< Changes that reached the medium; on flash about one erased block each.
  uint64_t bytes = 0;

  void add(size_t size) {
    ++writes;
    bytes += size;
  }
};

}  // namespace platform
