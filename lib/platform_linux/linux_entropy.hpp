#pragma once

#include "platform/entropy.hpp"

namespace platform_linux {

/// The kernel's random numbers (getrandom).
/// @par Context  Any thread.
class LinuxEntropy final : public platform::Entropy {
 public:
  void fill(common::MutableByteSpan out) override;
};

}  // namespace platform_linux
