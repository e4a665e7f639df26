#pragma once

#include <cstddef>
#include <cstdint>

/// How deep calls reach into the stack: paints the free stack below the caller, and afterwards looks for the lowest
/// byte that changed. For 32-bit x86 (`g++ -m32`) in one thread only.
class StackProbe {
 public:
  static constexpr size_t kReach = 16384;  ///< Bytes painted; what goes deeper is reported as this.

  void enable() { is_enabled_ = true; }

  /// Calls the function and keeps the depth below this point, the return address included.
  template <typename Function>
  __attribute__((noinline)) void run(Function function) {
    if (!is_enabled_) {
      function();
      return;
    }
    asm volatile("mov %%esp, %0" : "=r"(top_));
    lowest_ = top_;
    paint();
    function();
    look();
    top_ = nullptr;
  }
  /// Depth of the last run(), bytes.
  size_t depth() const { return static_cast<size_t>(last_top_ - lowest_); }

  /// The body of a port: what happens in its scope is not the engine's stack.
  class Exempt {
   public:
    explicit Exempt(StackProbe& probe) : probe_(probe) {
      if (probe_.top_ != nullptr) probe_.look();
    }
    ~Exempt() {
      if (probe_.top_ != nullptr) probe_.paint();
    }
    Exempt(const Exempt&) = delete;
    Exempt& operator=(const Exempt&) = delete;

   private:
    StackProbe& probe_;
  };

 private:
  static constexpr uint8_t kPaint = 0xA5;

  __attribute__((noinline)) void paint() {
    volatile uint8_t* byte = stack_pointer() - 1;
    for (; byte >= top_ - kReach; --byte) *byte = kPaint;
  }
  __attribute__((noinline)) void look() {
    last_top_ = top_;
    volatile uint8_t* byte = top_ - kReach;
    while (byte < lowest_ && *byte == kPaint) ++byte;
    if (byte < lowest_) lowest_ = byte;
  }
  static volatile uint8_t* stack_pointer() {
    volatile uint8_t* pointer;
    asm volatile("mov %%esp, %0" : "=r"(pointer));
    return pointer;
  }

  bool is_enabled_ = false;
  volatile uint8_t* top_ = nullptr;  ///< Set while run() is on the way.
  volatile uint8_t* last_top_ = nullptr;
  volatile uint8_t* lowest_ = nullptr;
};
