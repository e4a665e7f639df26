#pragma once

#include "common/time.hpp"
#include "security/credentials.hpp"

#include <string>
#include <vector>

// Sanitizers and the optimiser together take ten seconds for each of these files, which spend their time in mbedTLS.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O0")
#endif

/// What `vevgw.security.vectors` made: certificates and bytes by name.
namespace vectors {

using Bytes = std::vector<uint8_t>;

/// When everything is to be checked: 2026-06-01T00:00:00Z.
constexpr common::UtcTime kNow{1780272000000};
constexpr int64_t kDayMs = 86400000;

/// PEM text of certificates, one after another.
std::string pems(const std::vector<std::string>& names);
std::string pem(const std::string& name);
Bytes der(const std::string& name);
Bytes bytes(const std::string& name);
std::string base64(const Bytes& bytes);
common::ByteSpan span(const Bytes& bytes);

/// Signs a certificate for the key of a signing request, by the root called "root".
/// @param subject  As mbedTLS writes names: "CN=...,O=...".
/// @param from     As "20260101000000".
std::string sign_request(const std::string& request_pem, const std::string& subject,
                         const std::string& from, const std::string& until,
                         const std::string& serial = "01");

/// A CA with the key of "root" that is signed by itself with SHA-1, as nobody makes them any more.
std::string self_signed_with_sha1(const std::string& serial);

/// Reports a difference at its place: see EXPECT_WORD.
void expect_word(const std::string& found, const char* expected, const char* file, int line);

}  // namespace vectors

/// CHECK(found == expected) for texts, of which there are so many here that the compiler would take half a minute.
#define EXPECT_WORD(found, expected) ::vectors::expect_word(found, expected, __FILE__, __LINE__)
