#include "platform/web_socket_link.hpp"

namespace platform {

const char* to_string(LinkFailure failure) {
  switch (failure) {
    case LinkFailure::kNone:
      return "none";
    case LinkFailure::kConnection:
      return "connection";
    case LinkFailure::kUnauthorized:
      return "unauthorized";
    case LinkFailure::kInvalidServerCertificate:
      return "invalid_server_certificate";
    case LinkFailure::kInvalidTlsVersion:
      return "invalid_tls_version";
    case LinkFailure::kInvalidTlsCipherSuite:
      return "invalid_tls_cipher_suite";
    case LinkFailure::kRefusedClientCertificate:
      return "refused_client_certificate";
    case LinkFailure::kMissingCredentials:
      return "missing_credentials";
    case LinkFailure::kTls:
      return "tls";
  }
  return "?";
}

}  // namespace platform
