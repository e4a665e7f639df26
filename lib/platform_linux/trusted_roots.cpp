#include "platform_linux/trusted_roots.hpp"

#include "security/pem_authority.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <unistd.h>

namespace platform_linux {
namespace {

constexpr size_t kMaxPathBytes = 50;
constexpr const char* kPlaces[] = {"/etc/ssl/certs/ca-certificates.crt",  // Debian
                                   "/etc/pki/tls/certs/ca-bundle.crt",    // Fedora
                                   "/etc/ssl/ca-bundle.pem",              // SUSE
                                   "/etc/ssl/cert.pem"};                  // Alpine

bool read_file(const std::string& path, std::string& out) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return false;
  out.assign(std::istreambuf_iterator<char>(file), {});
  return true;
}

}  // namespace

std::string system_roots_file() {
  const char* const wanted = std::getenv("SSL_CERT_FILE");
  if (wanted != nullptr) return wanted;
  for (const char* place : kPlaces) {
    if (::access(place, R_OK) == 0) return place;
  }
  return "";
}

std::string read_trusted_roots(const std::string& name, std::string& out) {
  out.clear();
  if (name == "none") return "";
  const std::string path = name.empty() ? system_roots_file() : name;
  if (path.empty()) return "";
  if (read_file(path, out) &&
      security::PemRoots(common::TextSpan(out.data(), out.size())).count() > 0) {
    return "";
  }
  const bool is_long = path.size() > kMaxPathBytes;  // a status has room for 95 bytes
  return "cannot read certificates from the CA file " +
         (is_long ? "..." + path.substr(path.size() - kMaxPathBytes + 3) : path);
}

}  // namespace platform_linux
