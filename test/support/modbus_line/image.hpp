#pragma once

#include <cstdint>
#include <cstring>

namespace modbus_line {

/// The registers of one request, as a device fills them; high word first.
class Image {
 public:
  static constexpr uint16_t kMost = 125;

  Image(uint16_t address, uint16_t count, uint16_t* out)
      : address_(address), count_(count), out_(out) {}

  /// These exist, and read 0 unless put otherwise before.
  void zeros(uint16_t first, uint16_t last) {
    for (uint32_t at = first; at <= last; ++at) {
      const uint32_t i = at - address_;
      if (i < count_ && i < kMost && !has_[i]) put(static_cast<uint16_t>(at), 0);
    }
  }
  void u16(uint16_t at, int64_t value) { put(at, static_cast<uint16_t>(value)); }
  void u32(uint16_t at, double value) { u32_bits(at, static_cast<uint32_t>(value)); }
  void f32(uint16_t at, double value) { u32_bits(at, bits(value)); }
  void f64(uint16_t at, double value) {
    uint64_t all = 0;
    std::memcpy(&all, &value, sizeof all);
    u32_bits(at, static_cast<uint32_t>(all >> 32U));
    u32_bits(static_cast<uint16_t>(at + 2), static_cast<uint32_t>(all));
  }
  /// @param wide  UTF-16, else two characters in a register.
  void text(uint16_t at, uint16_t words, const char* characters, bool wide = false) {
    for (uint16_t i = 0; i < words; ++i) {
      unsigned word = next(characters);
      if (!wide) word = word << 8U | next(characters);
      put(static_cast<uint16_t>(at + i), static_cast<uint16_t>(word));
    }
  }
  /// Every register that was asked for exists.
  bool is_complete() const {
    for (uint16_t i = 0; i < count_ && i < kMost; ++i)
      if (!has_[i]) return false;
    return count_ <= kMost;
  }

  static uint32_t bits(double value) {
    const float narrow = static_cast<float>(value);
    uint32_t result = 0;
    std::memcpy(&result, &narrow, sizeof result);
    return result;
  }
  static double value(const uint16_t (&words)[2]) {
    const uint32_t both = static_cast<uint32_t>(words[0]) << 16U | words[1];
    float narrow = 0;
    std::memcpy(&narrow, &both, sizeof narrow);
    return narrow;
  }

 private:
  static unsigned next(const char*& characters) {
    return *characters == '\0' ? 0U : static_cast<unsigned char>(*characters++);
  }
  void u32_bits(uint16_t at, uint32_t all) {
    put(at, static_cast<uint16_t>(all >> 16U));
    put(static_cast<uint16_t>(at + 1), static_cast<uint16_t>(all));
  }
  void put(uint16_t at, uint16_t word) {
    const uint32_t i = static_cast<uint32_t>(at) - address_;
    if (i >= count_ || i >= kMost) return;
    out_[i] = word;
    has_[i] = true;
  }

  uint16_t address_;
  uint16_t count_;
  uint16_t* out_;
  bool has_[kMost] = {};
};

}  // namespace modbus_line
