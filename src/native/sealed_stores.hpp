#pragma once

#include "platform_linux/file_key_value_store.hpp"
#include "platform_linux/linux_entropy.hpp"
#include "security/buffer.hpp"
#include "security/sealed_key_value_store.hpp"

#include <fstream>
#include <iterator>

namespace native {

/// The stores with passwords and keys in them, sealed when the host gives a device key (systemd: LoadCredentialEncrypted).
class SealedStores {
 public:
  SealedStores(platform_linux::FileKeyValueStore& plain_settings,
               platform_linux::FileKeyValueStore& plain_ocpp,
               platform_linux::FileKeyValueStore& plain_keys, platform::Entropy& entropy)
      : settings(plain_settings, entropy, scratch_, "settings"),
        ocpp(plain_ocpp, entropy, scratch_, "ocpp"),
        keys(plain_keys, entropy, key_scratch_, "keys") {}

  /// @param path  File with 32 bytes; empty = nothing is sealed. @return Empty, or what is wrong.
  std::string use_key_of(const std::string& path) {
    if (path.empty()) return "";
    std::ifstream file(path, std::ios::binary);
    if (!file) return "the device key " + path + " cannot be read";
    std::string key((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const common::ByteSpan bytes(reinterpret_cast<const uint8_t*>(key.data()), key.size());
    const bool is_used = settings.use_key(bytes) == common::Status::kOk &&
                         ocpp.use_key(bytes) == common::Status::kOk &&
                         keys.use_key(bytes) == common::Status::kOk;
    security::wipe(common::MutableByteSpan(reinterpret_cast<uint8_t*>(key.data()), key.size()));
    if (is_used) return "";
    return "the device key " + path + " has " + std::to_string(key.size()) + " bytes, not 32";
  }

 private:
  security::SealedKeyValueStore::Scratch scratch_;
  security::SealedKeyValueStore::Scratch key_scratch_;  ///< Keys are read by the network's thread.

 public:
  security::SealedKeyValueStore settings;
  security::SealedKeyValueStore ocpp;
  security::SealedKeyValueStore keys;
};

}  // namespace native
