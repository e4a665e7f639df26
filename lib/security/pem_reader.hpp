#pragma once

#include "common/fixed_string.hpp"
#include "platform/tls_authority.hpp"
#include "security/buffer.hpp"
#include "security/credentials.hpp"

namespace security {

/// Base64 (RFC 4648, 4) as it arrives: white space between the digits is skipped, and so are line ends written as
/// a backslash and a letter, which some servers send for want of an escape.
class Base64Decoder {
 public:
  /// @return False when the character does not belong here, or out is full.
  bool put(char c, Buffer& out);
  /// @return Whether the text was complete; padding may be missing.
  bool is_complete() const {
    return digits_ > 0 && digits_ % 4 != 1 && (pads_ == 0 || (digits_ + pads_) % 4 == 0);
  }

 private:
  uint32_t bits_ = 0;
  uint32_t digits_ = 0;
  uint8_t pads_ = 0;
  bool after_backslash_ = false;
};

/// The certificates of a PEM text (RFC 7468), as DER in one buffer.
class CertificateList {
 public:
  /// Longest DER of one certificate: what 5,500 characters of PEM can hold (InstallCertificate).
  static constexpr size_t kMaxCertificateBytes = 4096;
  /// Longest DER of a chain in all: 10,000 characters of PEM (CertificateSigned).
  static constexpr size_t kMaxChainBytes = 7424;

  /// Reads all certificates; other parts, and text between them, are skipped.
  /// @param most_bytes  Of DER in all.
  /// @return kNone, kMalformed (also: none found), kTooLarge, kNoMemory.
  CertificateFault read(PemText& text, size_t most_bytes);
  size_t count() const { return count_; }
  common::ByteSpan operator[](size_t index) const {
    return buffer_.bytes().subspan(ends_[index], ends_[index + 1] - ends_[index]);
  }
  void release();

 private:
  enum class State : uint8_t { kOutside, kBody };

  CertificateFault put(char c);
  CertificateFault on_label();

  Buffer buffer_;
  size_t count_ = 0;
  uint16_t ends_[platform::TlsAuthority::kMaxChain + 1] = {};  ///< ends_[0] = 0.

  Base64Decoder base64_;
  State state_ = State::kOutside;
  bool is_certificate_ = false;
  bool in_label_ = false;
  uint8_t dashes_ = 0;
  common::FixedString<31> label_;
};

/// Decodes base64 text whole. @return kNone, kMalformed, kTooLarge (more than most_bytes), kNoMemory.
CertificateFault decode_base64(PemText& text, size_t most_bytes, Buffer& out);

}  // namespace security
