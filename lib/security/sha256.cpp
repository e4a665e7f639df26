#include "security/sha256.hpp"

#include <mbedtls/sha256.h>

namespace security {

void sha256(common::ByteSpan data, uint8_t (&out)[32]) {
  (void)mbedtls_sha256_ret(data.data(), data.size(), out, 0);
}

}  // namespace security
