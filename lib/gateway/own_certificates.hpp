#pragma once

#include "gateway/certificate_desk.hpp"
#include "ocpp/security/security_extension.hpp"
#include "security/buffer.hpp"

namespace gateway {

/// The certificates of lib/security. The security extension of OCPP owns the work on them, so that console and CSMS
/// never do it at the same time; both have the same checks and the same security events.
/// @par Heap  From open() to submit() room for the text, in step() for a request; of mbedTLS's heap.
class OwnCertificates final : public CertificateDesk {
 public:
  /// Both outlive it.
  OwnCertificates(ocpp::SecurityExtension& extension, security::Credentials& credentials)
      : extension_(extension), credentials_(credentials) {}

  bool list(json::Writer& out, Error& error) override;
  bool request(common::Instant now, Error& error) override;
  bool open(Text what, Error& error) override;
  bool put(common::TextSpan text) override { return text_.append(common::as_bytes(text)); }
  bool submit(common::Instant now, Error& error) override;
  void drop() override { text_.release(); }
  bool remove(uint32_t id, common::Instant now, Error& error) override;
  Step step(json::Writer& out, Error& error) override;

 private:
  bool has_begun(common::Status begun, Error& error) const;
  bool write_request(json::Writer& out, Error& error);

  ocpp::SecurityExtension& extension_;
  security::Credentials& credentials_;
  security::Buffer text_;
  Text what_ = Text::kClientChain;
};

}  // namespace gateway
