#pragma once

#include "platform/entropy.hpp"
#include "platform/key_value_store.hpp"

namespace security {

/// Keeps in another store what nobody shall read out of the flash: AES-256-GCM with a key of this device. Without such a
/// key it passes everything through.
///
/// Layout of a sealed value: "\x9cSV" version u8 = 1, nonce[12], tag[16], text of the same length as the value. The
/// name of the store and that of the key are authenticated with it: a value that was moved elsewhere is corrupt.
/// What was stored before the device had its key is still read, and sealed at that occasion.
/// @par Context  Loop thread.
class SealedKeyValueStore final : public platform::KeyValueStore {
 public:
  static constexpr size_t kDeviceKeyBytes = 32;
  static constexpr size_t kOverheadBytes = 4 + 12 + 16;
  /// Room for one value; stores of one thread share it.
  struct Scratch {
    uint8_t bytes[kMaxValueBytes];
  };

  /// Keeps references to all. @param name  Of the store, at most 15 bytes: equal values in two stores do not look alike.
  SealedKeyValueStore(platform::KeyValueStore& store, platform::Entropy& entropy, Scratch& scratch,
                      const char* name)
      : store_(store), entropy_(entropy), scratch_(scratch), name_(name) {}
  ~SealedKeyValueStore() override;

  /// From now on everything is sealed. @param device_key  32 bytes. @retval kInvalidArgument  Another size.
  common::Status use_key(common::ByteSpan device_key);
  bool has_key() const { return has_key_; }

  /// @retval kCorrupt  It was sealed with another key, or changed.
  common::Result<size_t> get(const char* key, common::MutableByteSpan buffer) override;
  /// @retval kNoSpace  More than kMaxValueBytes - kOverheadBytes.
  common::Status set(const char* key, common::ByteSpan value) override;
  common::Status erase(const char* key) override { return store_.erase(key); }
  common::Status erase_all() override { return store_.erase_all(); }
  platform::WriteCount written() const override { return store_.written(); }

 private:
  bool is_sealed(size_t size) const;
  /// Opens what is in the scratch, in place. @return Its size.
  common::Result<size_t> unseal(const char* key, size_t size);
  common::Status seal(const char* key, common::ByteSpan value);
  uint8_t* text() { return scratch_.bytes + kOverheadBytes; }

  platform::KeyValueStore& store_;
  platform::Entropy& entropy_;
  Scratch& scratch_;
  const char* const name_;
  uint8_t key_[kDeviceKeyBytes] = {};
  bool has_key_ = false;
};

}  // namespace security
