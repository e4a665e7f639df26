#pragma once

#include <cstdint>

namespace platform {

/// Why a certificate, or a chain of them, is not accepted.
enum class CertificateFault : uint8_t {
  kNone,
  kMalformed,    ///< No certificate, or one with critical extensions that are not understood.
  kTooLarge,     ///< Longer, or more certificates, than can be handled.
  kExpired,      ///< A certificate of the path, not only the first.
  kNotYetValid,  ///< As above.
  kUntrusted,    ///< The path ends at a root that is not installed.
  kSelfSigned,   ///< The first certificate is its own root, and not installed.
  kMissingIssuer,  ///< The path breaks off: a certificate between was not sent, or its root is not installed.
  kBadSignature,   ///< The issuer is known, but did not sign this.
  kWrongHost,      ///< Not made out for the host that was asked for.
  kWeakKey,        ///< RSA below 2048 bits, EC below 224 bits, other kinds.
  kWeakSignature,  ///< MD5, SHA-1 and older.
  kWrongUsage,     ///< Key usage or extended key usage forbid it, or an issuer is no CA.
  kPathTooLong,    ///< More certificates below a CA than it allows.
  kKeyMismatch,    ///< Not made for the key that was generated here.
  kWrongSubject,   ///< Common name, organization or serial number are not what was asked for.
  kNoRoot,         ///< Nothing is installed that it could be checked against.
  kNoMemory,       ///< Not judged: no room at the moment, try again.
};

/// Stable lower-case name for logs, the console and the technical information of security events: "wrong_host".
const char* to_string(CertificateFault fault);

}  // namespace platform
