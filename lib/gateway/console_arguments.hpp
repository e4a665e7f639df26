#pragma once

#include "gateway/console.hpp"
#include "gateway/words.hpp"

namespace gateway {

class Console::Arguments : public Words {
 public:
  using Words::Words;
};

}  // namespace gateway
