#pragma once

#include "common/fixed_string.hpp"
#include "common/status.hpp"
#include "common/time.hpp"
#include "platform/file_store.hpp"
#include "security/certificate_hash.hpp"

namespace security {

/// What a person is told of a certificate that is kept.
struct CertificateInfo {
  enum class Kind : uint8_t { kCentralSystemRoot, kManufacturerRoot, kClient, kSigner };
  static constexpr size_t kMaxNameBytes = 111;

  uint32_t id = 0;  ///< Never used twice.
  Kind kind = Kind::kCentralSystemRoot;
  bool is_on_trial =
      false;  ///< No connection has been made with it yet, and another one waits for that.
  bool is_fallback = false;  ///< Goes once a connection has been made with its successor.
  uint8_t chain = 1;         ///< Certificates kept, its own included; the root of a chain is not.
  /// As "O=VEV, CN=SN-1", in ASCII; the end of a longer name is cut off. Empty: damaged.
  common::FixedString<kMaxNameBytes> subject;
  common::FixedString<kMaxNameBytes> issuer;
  uint8_t serial[CertificateHash::kMaxSerialBytes] = {};
  uint8_t serial_size = 0;
  uint8_t sha256[32] = {};  ///< Of its DER.
  common::UtcTime from;
  common::UtcTime until;
};

struct StoredItem;

/// Reads a root, client or signing certificate. Takes heap meanwhile: its content, and 1 KiB to parse it.
/// @retval kInvalidArgument  It is no certificate.
/// @retval kOk               Also when it is damaged: then its names are empty.
common::Status describe(platform::FileStore& files, const StoredItem& item, CertificateInfo& out);

}  // namespace security
