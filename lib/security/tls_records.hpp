#pragma once

#include <cstddef>
#include <cstdint>

struct mbedtls_ssl_context;

namespace security {

/// Gives the two record buffers of an idle mbedTLS session back and makes them again: 33 of its 35 KiB. mbedTLS 2.28 has
/// no call for it; between two records they hold nothing but the counter of what was received.
class TlsRecords {
 public:
  /// @param ssl  Its handshake is over. @return False, and nothing is changed, where a record is on its way.
  bool drop(mbedtls_ssl_context& ssl);
  /// @return False: there is no memory; ssl is as drop() has left it.
  bool restore(mbedtls_ssl_context& ssl);
  bool is_dropped() const { return is_dropped_; }

 private:
  static constexpr size_t kPointers = 12;

  uint16_t offsets_[kPointers] = {};  ///< In their buffers.
  uint8_t received_[8] = {};          ///< Records, as mbedTLS counts them.
  bool is_dropped_ = false;
};

}  // namespace security
