#include "common/span.hpp"

#include <cassert>
#include <cstdlib>

namespace common {

void index_fault() {
  assert(false && "index beyond the span");
  std::abort();
}

}  // namespace common
