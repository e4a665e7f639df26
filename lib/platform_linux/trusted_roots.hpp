#pragma once

#include <string>

namespace platform_linux {

/// The operating system's bundle of roots, where this system has one: SSL_CERT_FILE of the environment, or the first of the
/// usual places; empty when there is none.
std::string system_roots_file();

/// Reads the roots that LinkSettings::ca_file names, as PEM text.
/// @param name  A file; empty = the operating system's, "none" = none.
/// @param out   Empty when there are none.
/// @return What is wrong, in a sentence; empty when all is fine.
std::string read_trusted_roots(const std::string& name, std::string& out);

}  // namespace platform_linux
