#pragma once

#include <cstdint>

namespace platform {

/// What an image of the board says of itself to whoever reads it without running it: the gateway before it installs
/// one, and `vevgw release`. The linker places it behind ESP-IDF's own description, whose security version
/// cannot be set with a framework that is compiled already. Little-endian; an image without one has security version 0.
struct ImageLabel {
  static constexpr uint32_t kMagic = 0x4C564556;  ///< "VEVL"
  static constexpr uint32_t kOffset =
      24 + 8 + 256;  ///< Heads of image and segment, esp_app_desc_t.

  uint32_t magic = kMagic;
  uint32_t size = sizeof(ImageLabel);  ///< Fields are only appended.
  uint32_t security_version = 0;
  uint32_t inverted = ~uint32_t{0};  ///< Of security_version: four letters may stand anywhere.

  constexpr explicit ImageLabel(uint32_t version) : security_version(version), inverted(~version) {}
  constexpr ImageLabel() = default;

  uint32_t security() const {
    return magic == kMagic && inverted == ~security_version ? security_version : 0;
  }
};
static_assert(sizeof(ImageLabel) == 16, "read from images");

}  // namespace platform
