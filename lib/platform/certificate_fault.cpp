#include "platform/certificate_fault.hpp"

namespace platform {

const char* to_string(CertificateFault fault) {
  switch (fault) {
    case CertificateFault::kNone:
      return "none";
    case CertificateFault::kMalformed:
      return "malformed";
    case CertificateFault::kTooLarge:
      return "too_large";
    case CertificateFault::kExpired:
      return "expired";
    case CertificateFault::kNotYetValid:
      return "not_yet_valid";
    case CertificateFault::kUntrusted:
      return "untrusted";
    case CertificateFault::kSelfSigned:
      return "self_signed";
    case CertificateFault::kMissingIssuer:
      return "missing_issuer";
    case CertificateFault::kBadSignature:
      return "bad_signature";
    case CertificateFault::kWrongHost:
      return "wrong_host";
    case CertificateFault::kWeakKey:
      return "weak_key";
    case CertificateFault::kWeakSignature:
      return "weak_signature";
    case CertificateFault::kWrongUsage:
      return "wrong_usage";
    case CertificateFault::kPathTooLong:
      return "path_too_long";
    case CertificateFault::kKeyMismatch:
      return "key_mismatch";
    case CertificateFault::kWrongSubject:
      return "wrong_subject";
    case CertificateFault::kNoRoot:
      return "no_root";
    case CertificateFault::kNoMemory:
      return "no_memory";
  }
  return "";
}

}  // namespace platform
