#pragma once

#include "security/certificate_files.hpp"
#include "security/path_validator.hpp"

namespace security {

/// Bytes in front of the DER of a stored root: what CertificateHash says about it, for every algorithm, so that
/// telling it needs no parser and no issuer: serial length u8, serial, then the hashes of the issuer's name, then
/// those of its key.
constexpr size_t kSerialFieldBytes = 1 + CertificateHash::kMaxSerialBytes;
constexpr size_t kHashFieldBytes = 32 + 48 + 64;
constexpr size_t kHashesBytes = kSerialFieldBytes + 2 * kHashFieldBytes;

/// @param issuer_key  Certificate::key_bits() of its issuer.
bool append_hashes(const Certificate& root, common::ByteSpan issuer_key, Buffer& out);
/// @param content  Of a stored root.
void read_hash(common::ByteSpan content, HashAlgorithm algorithm, CertificateHash& out);

/// Installed roots as the files have them now.
/// @par Context  Any thread, see certificate_files.hpp.
class StoredRoots final : public RootSource {
 public:
  StoredRoots(platform::FileStore& files, ItemKind kind);

  size_t count() const override { return index_.count(kind_); }
  common::Status load(size_t index, Buffer& der, uint32_t& id) override;

 private:
  platform::FileStore& files_;
  const ItemKind kind_;
  CertificateIndex index_;
};

/// Splits the content of a client or signer item. @return Certificates found; 0 when malformed.
size_t split_chain(common::ByteSpan content,
                   common::ByteSpan (&out)[platform::TlsAuthority::kMaxChain]);

}  // namespace security
