#pragma once

#include "common/span.hpp"
#include "common/time.hpp"
#include "platform/tls_authority.hpp"
#include "security/buffer.hpp"
#include "security/certificate.hpp"

namespace security {

/// Where trust ends.
class RootSource {
 public:
  virtual ~RootSource() = default;
  virtual size_t count() const = 0;
  /// Reads the DER of a root. @param id  Its name, not 0.
  /// @retval kNoSpace  No memory now. @return Otherwise not kOk: it cannot be read, and is as if it were not there.
  virtual common::Status load(size_t index, Buffer& der, uint32_t& id) = 0;
};

/// What a path must be good for.
struct PathDemand {
  Purpose purpose = Purpose::kServer;
  common::UtcTime at;     ///< Time of validity that counts.
  common::TextSpan host;  ///< kServer only.
  bool allow_wildcard = true;
  /// A first certificate that is not valid yet is accepted: it may be kept for later.
  bool allow_future = false;
};

struct Path {
  CertificateFault fault = CertificateFault::kNone;
  uint32_t root = 0;  ///< Of RootSource.
  uint8_t size = 0;   ///< Certificates of the chain that are on the path, without the root.
  /// Their indices in the chain, the first certificate's first.
  uint8_t order[platform::TlsAuthority::kMaxChain] = {};
};

/// Finds a path from the first certificate of a chain to a root, and checks it: RFC 5280, 6.1 without policies and
/// without name constraints (a certificate with critical ones is refused as malformed). The others of the chain may
/// stand in any order, and some may be of no use; several with one name are tried one after another, as are roots.
/// A certificate that is itself installed as a root is trusted as it is.
///
/// @par Bounds  platform::TlsAuthority::kMaxChain certificates, kMaxSignatures checks of a signature.
/// @par Heap    About 1 KiB per certificate of the chain, and one root at a time.
Path find_path(common::Span<const common::ByteSpan> chain, RootSource& roots,
               const PathDemand& demand);

constexpr size_t kMaxSignatures = 12;

}  // namespace security
