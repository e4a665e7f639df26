#pragma once

#include "common/time.hpp"
#include "platform/file_store.hpp"
#include "platform/key_value_store.hpp"
#include "platform/tls_authority.hpp"
#include "security/certificate_files.hpp"

#include <atomic>

namespace security {

/// Judges servers by the roots on flash, and shows the client certificate that lies there.
/// @par Context  The calls of TlsAuthority: any threads, beside the loop. The others: loop thread.
class StoredAuthority final : public platform::TlsAuthority {
 public:
  /// @param files, keys  Read from the threads of the callers, too.
  StoredAuthority(platform::FileStore& files, platform::KeyValueStore& keys)
      : files_(files), keys_(keys) {}

  Verdict judge_server(common::Span<const common::ByteSpan> chain, common::TextSpan host) override;
  uint32_t client() override;
  common::Result<size_t> client_certificate(uint32_t client, size_t index,
                                            common::MutableByteSpan out) override;
  common::Status with_client_key(uint32_t client, KeyUser& user) override;

  /// The store of keys serves one thread at a time: who writes to it holds this meanwhile.
  /// @return False: a TLS client reads a key at this moment; try again a little later.
  bool lock_keys() { return !keys_in_use_.test_and_set(std::memory_order_acquire); }
  void unlock_keys() { keys_in_use_.clear(std::memory_order_release); }

  /// Validity is checked against this time, to the second: the later one of the clock and the time of the build.
  void set_time(common::UtcTime at);
  /// Whether "*.example.com" in a server's certificate stands for its hosts. True at first.
  void set_wildcards(bool are_allowed) { allow_wildcard_ = are_allowed; }
  /// A client certificate that is shown only where there is no other; 0 = none.
  void avoid_client(uint32_t client) { avoided_client_ = client; }
  uint32_t avoided_client() const { return avoided_client_; }

 private:
  /// Reads an item that may be replaced meanwhile.
  common::Status load(uint32_t id, StoredItem& item, Buffer& content);
  common::Status read_key(uint8_t slot, Buffer& packed);
  common::UtcTime time() const { return common::UtcTime{static_cast<int64_t>(time_s_) * 1000}; }

  platform::FileStore& files_;
  platform::KeyValueStore& keys_;
  // 64 bits are not atomic on the targets; unsigned seconds last until 2106.
  std::atomic<uint32_t> time_s_{0};
  std::atomic<uint32_t> avoided_client_{0};
  std::atomic<bool> allow_wildcard_{true};
  std::atomic_flag keys_in_use_ = ATOMIC_FLAG_INIT;
};

/// Key of a slot in the store of private keys.
struct KeyName {
  explicit KeyName(uint8_t slot) : text{'k', 'e', 'y', static_cast<char>('0' + slot), '\0'} {}
  char text[5];
};

/// Which client certificate is shown at a time: the newest that is valid then, and not the avoided one; where none
/// is valid the newest of all, because the clock may be wrong. Null when there is none.
const StoredItem* choose_client(const CertificateIndex& index, common::UtcTime at,
                                uint32_t avoided);

}  // namespace security
