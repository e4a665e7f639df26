#pragma once

#include "common/time.hpp"
#include "platform/tls_authority.hpp"
#include "security/path_validator.hpp"

namespace security {

/// The roots of a PEM text, read one at a time. Needs no memory of its own, so that a bundle of an operating system can
/// be used as it is.
class PemRoots final : public RootSource {
 public:
  /// @param pem  Outlives this object. What is not a certificate is skipped.
  explicit PemRoots(common::TextSpan pem);

  size_t count() const override { return count_; }
  /// Best asked in the order of the text. @param id  index + 1.
  common::Status load(size_t index, Buffer& der, uint32_t& id) override;

 private:
  const common::TextSpan pem_;
  size_t count_ = 0;
  size_t next_index_ = 0;  ///< What begins at or behind next_offset_.
  size_t next_offset_ = 0;
};

/// Asks another authority first, and accepts besides what leads to the roots of a PEM text.
class PemAuthority final : public platform::TlsAuthority {
 public:
  /// @param pem    Outlives this object; may be empty.
  /// @param first  Outlives this object; nullptr = there is none.
  /// @param at     Time that certificates must be valid at.
  PemAuthority(common::TextSpan pem, platform::TlsAuthority* first, common::UtcTime at,
               bool allow_wildcard)
      : roots_(pem), first_(first), at_(at), allow_wildcard_(allow_wildcard) {}

  size_t root_count() const { return roots_.count(); }
  /// Verdict::root is 0 where a root of the text was used.
  Verdict judge_server(common::Span<const common::ByteSpan> chain, common::TextSpan host) override;
  uint32_t client() override { return first_ == nullptr ? 0 : first_->client(); }
  common::Result<size_t> client_certificate(uint32_t client, size_t index,
                                            common::MutableByteSpan out) override;
  common::Status with_client_key(uint32_t client, KeyUser& user) override;

 private:
  PemRoots roots_;
  platform::TlsAuthority* const first_;
  const common::UtcTime at_;
  const bool allow_wildcard_;
};

}  // namespace security
