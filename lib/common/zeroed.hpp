#pragma once

#include <cstddef>
#include <cstring>

namespace common {

/// First base of a class with many members: fills the object with zeros before they are initialised,
/// so that the compiler can leave out every initialiser that says zero. Nothing relies on it: each member
/// still has its initialiser.
class Zeroed {
 protected:
  Zeroed(void* object, size_t bytes) { std::memset(object, 0, bytes); }
};

}  // namespace common
