#pragma once

#include "common/fixed_string.hpp"
#include "common/time.hpp"

namespace platform {

class TlsAuthority;

/// Which servers are believed.
struct TlsTrust {
  /// Judges first. Called beside the loop; outlives its user. nullptr = there is none.
  TlsAuthority* authority = nullptr;
  /// PEM file (Linux) or name in the file store (ESP32) of roots that count besides; empty = those of the operating
  /// system (Linux), none (ESP32); "none" = none.
  common::FixedString<127> ca_file;
  bool allow_wildcard = true;  ///< *.example.com in a certificate stands for files.example.com.
  /// It is not earlier than this. Validity of certificates is judged at the later of this and the clock.
  common::UtcTime earliest_utc;
};

}  // namespace platform
