#pragma once

#include "common/span.hpp"

namespace security {

/// Hashes of OCPP's CertificateHashDataType (security whitepaper edition 3, 5.2; RFC 6960, 4.1.1).
enum class HashAlgorithm : uint8_t { kSha256, kSha384, kSha512 };

constexpr size_t hash_bytes(HashAlgorithm algorithm) {
  return algorithm == HashAlgorithm::kSha256 ? 32 : (algorithm == HashAlgorithm::kSha384 ? 48 : 64);
}

/// Names a certificate by its issuer and serial number. Bytes, not hexadecimal digits.
struct CertificateHash {
  static constexpr size_t kMaxHashBytes = 64;
  static constexpr size_t kMaxSerialBytes = 20;

  HashAlgorithm algorithm = HashAlgorithm::kSha256;
  uint8_t serial_size = 0;  ///< Bytes, 1..20, without leading zeros; the number 0 is one byte.
  uint8_t issuer_name[kMaxHashBytes] = {};  ///< Of the issuer's DER name; hash_bytes() are used.
  uint8_t issuer_key[kMaxHashBytes] = {};   ///< Of the issuer's key without tag and length.
  uint8_t serial[kMaxSerialBytes] = {};     ///< Big-endian.
};

}  // namespace security
