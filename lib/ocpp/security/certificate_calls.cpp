// Certificates: CALLs about them, answers that come later, and the renewal of our own (security whitepaper ed. 3, A02, A03, M03 to M05).
#include "ocpp/handlers/handlers.hpp"
#include "ocpp/security/hex.hpp"
#include "ocpp/security/security_extension.hpp"

#include <algorithm>

LOG_MODULE("ocpp.security.certificates");

namespace ocpp {

using common::Instant;
using common::Status;
using security::CertificateFault;
using security::Credentials;
using security::InstallResult;
using security::RootUse;

namespace {

constexpr int64_t kDayMs = 86'400'000;
constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kMinuteMs = 60'000;
/// A certificate that ends within a month is renewed (A03.FR.02).
constexpr int64_t kRenewBeforeMs = 31 * kDayMs;
constexpr size_t kMaxRequestBytes = 1600;

constexpr Refusal kBusy{true, messages::RpcErrorCode::InternalError,
                        "another certificate is being checked"};

RootUse to_use(messages::CertificateUse use) {
  return use == messages::CertificateUse::CentralSystemRootCertificate ? RootUse::kCentralSystem
                                                                       : RootUse::kManufacturer;
}

/// The roots of one use as GetInstalledCertificateIds lists them.
struct RootListing {
  Credentials& credentials;
  RootUse use;
  char name[2 * security::CertificateHash::kMaxHashBytes];
  char key[2 * security::CertificateHash::kMaxHashBytes];

  static bool next(void* self, size_t index, messages::CertificateHashData& item) {
    auto& listing = *static_cast<RootListing*>(self);
    if (index >= listing.credentials.root_count(listing.use)) return false;
    security::CertificateHash hash;
    if (listing.credentials.root_hash(listing.use, index, security::HashAlgorithm::kSha256, hash) !=
        Status::kOk) {
      return false;
    }
    const size_t bytes = hash_bytes(hash.algorithm);
    item.hash_algorithm = messages::HashAlgorithm::SHA256;
    item.issuer_name_hash = messages::Text::plain_ascii(
        to_hex(common::ByteSpan(hash.issuer_name, bytes), common::Span<char>(listing.name)));
    item.issuer_key_hash = messages::Text::plain_ascii(
        to_hex(common::ByteSpan(hash.issuer_key, bytes), common::Span<char>(listing.key)));
    char serial[2 * security::CertificateHash::kMaxSerialBytes];
    common::TextSpan digits =
        to_hex(common::ByteSpan(hash.serial, hash.serial_size), common::Span<char>(serial));
    if (digits.size() > 1 && digits[0] == '0') digits = digits.subspan(1);  // as a number
    item.serial_number.assign_truncated(digits);
    return true;
  }
};

/// @return false: it names no certificate that could be installed.
bool to_hash(const messages::CertificateHashData& data, security::CertificateHash& out) {
  out.algorithm = static_cast<security::HashAlgorithm>(data.hash_algorithm);
  const size_t bytes = hash_bytes(out.algorithm);
  common::FixedString<128> digits;
  size_t size = 0;
  if (data.issuer_name_hash.copy_to(digits) != Status::kOk ||
      !from_hex(digits.span(), common::MutableByteSpan(out.issuer_name), size) || size != bytes) {
    return false;
  }
  if (data.issuer_key_hash.copy_to(digits) != Status::kOk ||
      !from_hex(digits.span(), common::MutableByteSpan(out.issuer_key), size) || size != bytes) {
    return false;
  }
  common::TextSpan serial = data.serial_number.span();
  while (serial.size() > 1 && serial[0] == '0') serial = serial.subspan(1);
  if (!from_hex(serial, common::MutableByteSpan(out.serial), size) || size == 0) return false;
  out.serial_size = static_cast<uint8_t>(size);
  return true;
}

}  // namespace

bool SecurityExtension::defer(const InboundCall& call, Action action) {
  if (deferred_.is_waiting || deferred_.raw_id.assign(call.raw_id()) != Status::kOk) return false;
  deferred_.is_waiting = true;
  deferred_.action = action;
  return true;
}

template <typename Conf>
void SecurityExtension::answer_deferred(const Conf& conf) {
  deferred_.is_waiting = false;
  RpcFrame frame;
  frame.raw_id = deferred_.raw_id.span();
  frame.action = common::text(to_string(deferred_.action));
  InboundCall(*engine_, frame).answer(conf);
}

/// Without a request of ours no certificate is expected: whoever sends one is told that it is none for us.
void SecurityExtension::handle_certificate_signed(const InboundCall& call) {
  messages::CertificateSignedReq request;
  if (const messages::DecodeError error = decode(call.payload(), request); !error.ok()) {
    call.refuse(error);
    return;
  }
  messages::CertificateSignedConf conf;
  conf.status = messages::CertificateSignedStatus::Rejected;
  const char* why = nullptr;
  if (!credentials_.has_request()) {
    why = "none was asked for";
  } else if (request.certificate_chain.size() > kMaxChainBytes) {
    why = "longer than CertificateSignedMaxChainSize";
  }
  if (why != nullptr) {
    report(SecurityEvent::InvalidChargePointCertificate, why);
    call.answer(conf);
    return;
  }
  if (!defer(call, Action::CertificateSigned)) {
    call.refuse(kBusy.code, common::text(kBusy.reason));
    return;
  }
  MessageText chain(request.certificate_chain);
  if (credentials_.begin_accept_client(chain, time_to_judge_by()) == Status::kOk) return;
  answer_deferred(conf);
}

void SecurityExtension::handle_install_certificate(const InboundCall& call) {
  messages::InstallCertificateReq request;
  if (const messages::DecodeError error = decode(call.payload(), request); !error.ok()) {
    call.refuse(error);
    return;
  }
  if (!defer(call, Action::InstallCertificate)) {
    call.refuse(kBusy.code, common::text(kBusy.reason));
    return;
  }
  MessageText pem(request.certificate);
  if (begin_install(to_use(request.certificate_type), pem) == Status::kOk) return;
  messages::InstallCertificateConf conf;
  conf.status = messages::InstallCertificateStatus::Failed;
  answer_deferred(conf);
}

Status SecurityExtension::begin_install(RootUse use, security::PemText& pem) {
  const bool must_replace = options_.checks_additional_root && use == RootUse::kCentralSystem;
  RETURN_IF_ERROR(credentials_.begin_install_root(use, pem, must_replace, time_to_judge_by()));
  root_use_ = use;
  return Status::kOk;
}

void SecurityExtension::handle_delete_certificate(const InboundCall& call) {
  messages::DeleteCertificateReq request;
  if (const messages::DecodeError error = decode(call.payload(), request); !error.ok()) {
    call.refuse(error);
    return;
  }
  messages::DeleteCertificateConf conf;
  conf.status = messages::DeleteCertificateStatus::NotFound;
  security::CertificateHash hash;
  if (to_hash(request.certificate_hash_data, hash)) {
    switch (credentials_.remove_root(hash)) {
      case security::DeleteResult::kAccepted:
        conf.status = messages::DeleteCertificateStatus::Accepted;
        report(SecurityEvent::ReconfigurationOfSecurityParameters, "root certificate deleted");
        break;
      case security::DeleteResult::kFailed:
        conf.status = messages::DeleteCertificateStatus::Failed;
        break;
      case security::DeleteResult::kNotFound:
        break;
    }
  }
  call.answer(conf);
}

void SecurityExtension::handle_get_certificates(const InboundCall& call) {
  messages::GetInstalledCertificateIdsReq request;
  if (const messages::DecodeError error = decode(call.payload(), request); !error.ok()) {
    call.refuse(error);
    return;
  }
  RootListing listing{credentials_, to_use(request.certificate_type), {}, {}};
  messages::GetInstalledCertificateIdsConf conf;
  conf.status = messages::GetInstalledCertificateStatus::NotFound;
  if (credentials_.root_count(listing.use) > 0) {
    conf.status = messages::GetInstalledCertificateStatus::Accepted;
    conf.certificate_hash_data = messages::ArrayView<messages::CertificateHashData>::from_source(
        &RootListing::next, &listing);
  }
  call.answer(conf);
}

/// A new pair of keys and a request to sign it; SignCertificate follows.
bool SecurityExtension::begin_request() {
  const Status begun = start_request(false);
  if (begun == Status::kOk) return true;
  LOG_WARN(engine_->ports.log, "no request for a certificate (%s)", to_string(begun));
  return false;
}

Status SecurityExtension::start_request(bool is_local) {
  Credentials::ClientSubject subject;
  subject.common_name.assign_truncated(engine_->options.identity.serial_number.span());
  subject.organization = cpo_name_;
  RETURN_IF_ERROR(credentials_.begin_request(subject, options_.key_type, is_local));
  engine_->wake();
  return Status::kOk;
}

void SecurityExtension::step_credentials() {
  if (!credentials_.has_work()) return;
  // An answer needs its room; the outcome can wait.
  const bool has_room = !deferred_.is_waiting || engine_->outbox.can_take_answer();
  Credentials::Outcome outcome;
  if (has_room && credentials_.poll(outcome)) on_operation(outcome);
}

void SecurityExtension::on_operation(const Credentials::Outcome& outcome) {
  engine_->wake();
  const bool is_accepted = outcome.result == InstallResult::kAccepted;
  // A fault of ours is nobody else's.
  const bool is_invalid =
      outcome.result == InstallResult::kRejected && outcome.fault != CertificateFault::kNone;
  const char* const why = to_string(outcome.fault);
  const bool is_local = local_ == Local::kRunning;
  if (is_local) {
    local_ = Local::kEnded;
    local_outcome_ = outcome;
  }
  switch (outcome.operation) {
    case Credentials::Operation::kInstallRoot: {
      messages::InstallCertificateConf conf;
      conf.status = is_accepted ? messages::InstallCertificateStatus::Accepted
                    : outcome.result == InstallResult::kRejected
                        ? messages::InstallCertificateStatus::Rejected
                        : messages::InstallCertificateStatus::Failed;
      if (is_accepted) {
        report(SecurityEvent::ReconfigurationOfSecurityParameters,
               is_local ? "root certificate installed by console" : "root certificate installed");
        // The next attempt may be minutes away, and somebody is waiting.
        if (is_local && !engine_->is_link_up) request_reconnect();
      } else if (is_invalid && root_use_ == RootUse::kCentralSystem) {
        report(SecurityEvent::InvalidCentralSystemCertificate, why);
      }
      if (deferred_.is_waiting) answer_deferred(conf);
      break;
    }
    case Credentials::Operation::kMakeRequest:
      if (!is_accepted) break;  // what was asked for before may still come
      wants_sign_ = !is_local;
      unanswered_ = 0;
      sign_at_ = engine_->now();  // what was sent before is of no use any more
      // Whoever asked for it has a day; then a renewal that is due may take its place.
      if (is_local) renew_at_ = engine_->now() + kDayMs;
      break;
    case Credentials::Operation::kAcceptClient: {
      messages::CertificateSignedConf conf;
      conf.status = is_accepted ? messages::CertificateSignedStatus::Accepted
                                : messages::CertificateSignedStatus::Rejected;
      if (is_accepted) {
        wants_sign_ = false;
        report(SecurityEvent::ReconfigurationOfSecurityParameters,
               is_local ? "charge point certificate by console" : "charge point certificate");
        if (access_.security_profile() == platform::SecurityProfile::kTlsClientCertificate)
          request_reconnect();
      } else if (is_invalid) {
        report(SecurityEvent::InvalidChargePointCertificate, why);
      }
      if (deferred_.is_waiting) answer_deferred(conf);
      break;
    }
    case Credentials::Operation::kCheckSigner: {
      if (update_->is_checking_signer()) {
        if (update_->on_signer(outcome)) break;
        report(SecurityEvent::InvalidFirmwareSigningCertificate, why);
        update_->reject();
        break;
      }
      messages::SignedUpdateFirmwareConf conf;
      conf.status = messages::SignedUpdateFirmwareStatus::Rejected;
      if (is_accepted) {
        conf.status = update_->accept();
      } else if (is_invalid) {
        conf.status = messages::SignedUpdateFirmwareStatus::InvalidCertificate;
        report(SecurityEvent::InvalidFirmwareSigningCertificate, why);
      }
      if (deferred_.is_waiting) answer_deferred(conf);
      break;
    }
    case Credentials::Operation::kVerifyFirmware:
      if (update_->on_verified(outcome)) break;
      // Noted first: after a power cut in between it is checked, and noted, once more.
      report(SecurityEvent::InvalidFirmwareSignature, why);
      update_->reject();
      break;
  }
}

bool SecurityExtension::send_sign_certificate() {
  if (!wants_sign_ || engine_->now() < sign_at_) return false;
  // The text lies at the end of the outbox, the message is made at its beginning.
  const common::Span<char> space = engine_->outbox.space();
  const common::Span<char> tail =
      space.subspan(space.size() - std::min(space.size(), kMaxRequestBytes));
  const common::Result<size_t> size = credentials_.request_pem(tail);
  sign_at_ = engine_->now() + kMinuteMs;
  if (!size.ok()) {
    wants_sign_ = size.status() != Status::kNotFound;
    // Damaged, it would stand in the way of a renewal for ever.
    if (size.status() == Status::kCorrupt) (void)begin_request();
    return false;
  }
  messages::SignCertificateReq request;
  request.csr = common::TextSpan(tail.data(), size.value());
  if (engine_->calls.send(request, CallContext()) != Status::kOk) return false;
  sign_at_ = engine_->now() + kDayMs;
  return true;
}

/// Accepted means that the certificate comes later. Until it does the request is repeated once a day. One that was not
/// answered is repeated at once, for the connection may have been lost, and then ever more rarely.
void SecurityExtension::on_sign_outcome(const RpcFrame* answer) {
  if (answer != nullptr) {
    unanswered_ = 0;
    return;
  }
  constexpr uint8_t kMostDoublings = 11;  // more than a day
  const int64_t wait_ms = unanswered_ == 0 ? 0 : kMinuteMs << (unanswered_ - 1U);
  sign_at_ = engine_->now() + std::min(wait_ms, kDayMs);
  if (unanswered_ <= kMostDoublings) ++unanswered_;
}

Instant SecurityExtension::step_renewal() {
  const Instant now = engine_->now();
  if (now < renew_at_) return renew_at_;
  renew_at_ = now + kHourMs;
  const common::UtcTime ends = credentials_.client_expires_at();
  const bool is_asked = credentials_.has_request() && !credentials_.has_local_request();
  if (!engine_->clock.is_known() || !ends.is_known() || is_asked || credentials_.is_busy())
    return renew_at_;
  if (ends - engine_->clock.utc() < kRenewBeforeMs) (void)begin_request();
  return renew_at_;
}

}  // namespace ocpp
