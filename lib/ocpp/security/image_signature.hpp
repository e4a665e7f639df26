#pragma once

#include "platform/firmware.hpp"
#include "security/credentials.hpp"

namespace ocpp {

/// The signature that a file carries itself, for updates that nobody announces with SignedUpdateFirmware: certificates
/// and signature follow the image, `vevgw release` writes it as firmware.signed.bin.
///
///     image, PEM text of the certificates (the signer's first), signature in base64,
///     size of the PEM text u32, size of the signature u32 (little-endian), "VEVGWSIG"
struct ImageSignature {
  uint32_t image_size = 0;
  uint32_t pem_size = 0;
  uint32_t text_size = 0;  ///< Of the signature.

  static constexpr size_t kFootBytes = 16;
  static constexpr uint32_t kMaxPemBytes = 16384;
  static constexpr uint32_t kMaxTextBytes = 800;

  /// Of the file in the other slot. @retval kNotFound  It carries none.  @retval kIo  @retval kAgain  Its end is not known:
  /// the rest is to be downloaded once more.
  static common::Result<ImageSignature> find(platform::Firmware& firmware);
};

/// A part of the other slot as text.
class SlotText final : public security::PemText {
 public:
  /// @param firmware  Outlives it.
  SlotText(platform::Firmware& firmware, uint32_t begin, uint32_t size)
      : firmware_(firmware), at_(begin), end_(begin + size) {}
  /// What cannot be read ends it.
  common::TextSpan next() override;

 private:
  platform::Firmware& firmware_;
  uint32_t at_;
  const uint32_t end_;
  uint8_t piece_[128] = {};
};

}  // namespace ocpp
