#include "gateway/own_certificates.hpp"

#include "gateway/json_members.hpp"

namespace gateway {

using common::Instant;
using common::Status;
using security::CertificateFault;
using security::CertificateInfo;
using security::Credentials;
using security::InstallResult;

namespace {

constexpr size_t kMaxRequestBytes = 1600;

const char* sentence(CertificateFault fault) {
  switch (fault) {
    case CertificateFault::kNone:
      break;
    case CertificateFault::kMalformed:
      return "this is not what was asked for in PEM, or it is damaged";
    case CertificateFault::kTooLarge:
      return "these are more or longer certificates than the gateway takes";
    case CertificateFault::kExpired:
      return "a certificate of it has expired";
    case CertificateFault::kNotYetValid:
      return "a certificate of it is not valid yet by the gateway's clock: status tells that";
    case CertificateFault::kUntrusted:
      return "no installed root stands for it: install its root first";
    case CertificateFault::kSelfSigned:
      return "it is signed by itself alone, and not by an installed root";
    case CertificateFault::kMissingIssuer:
      return "a certificate between it and an installed root is missing, or that root is";
    case CertificateFault::kBadSignature:
      return "its signature is wrong: its issuer did not make it so";
    case CertificateFault::kWrongHost:
      return "it is made out for another host";
    case CertificateFault::kWeakKey:
      return "a key of it is too weak: RSA from 2048 bits, EC from 224 bits";
    case CertificateFault::kWeakSignature:
      return "a signature of it is too weak: SHA-256 or better";
    case CertificateFault::kWrongUsage:
      return "it must not be used for this: look at its CA flag, key usage and extended key usage";
    case CertificateFault::kPathTooLong:
      return "there are more certificates below an authority than that allows";
    case CertificateFault::kKeyMismatch:
      return "it is not made for the key of the open request";
    case CertificateFault::kWrongSubject:
      return "its common name or organization is another than that of the request";
    case CertificateFault::kNoRoot:
      return "no root of the CSMS is installed: certificate install csms";
    case CertificateFault::kNoMemory:
      return "there is no memory for it now: try again";
  }
  return "";
}

const char* name_of(CertificateInfo::Kind kind) {
  switch (kind) {
    case CertificateInfo::Kind::kCentralSystemRoot:
      return "csms";
    case CertificateInfo::Kind::kManufacturerRoot:
      return "manufacturer";
    case CertificateInfo::Kind::kClient:
      return "client";
    case CertificateInfo::Kind::kSigner:
      break;
  }
  return "firmware_signer";
}

void hex_member(json::Writer& out, const char* name, common::ByteSpan bytes) {
  char digits[64];
  member(out, name, to_hex(bytes, common::Span<char>(digits)));
}

void write(json::Writer& out, const CertificateInfo& info) {
  out.begin_object();
  member(out, "id", static_cast<int64_t>(info.id));
  member(out, "type", name_of(info.kind));
  if (info.subject.empty()) {
    flag(out, "damaged", true);
  } else {
    member(out, "subject", info.subject.span());
    member(out, "issuer", info.issuer.span());
    hex_member(out, "serial", common::ByteSpan(info.serial, info.serial_size));
    hex_member(out, "sha256", common::ByteSpan(info.sha256));
  }
  member(out, "from_utc_ms", info.from.ms);
  member(out, "until_utc_ms", info.until.ms);
  if (info.chain > 1) member(out, "chain", static_cast<int64_t>(info.chain));
  if (info.is_on_trial) flag(out, "trial", true);
  if (info.is_fallback) flag(out, "fallback", true);
  out.end_object();
}

}  // namespace

bool OwnCertificates::list(json::Writer& out, Error& error) {
  member(out, "request",
         credentials_.has_local_request() ? "console"
         : credentials_.has_request()     ? "csms"
                                          : "none");
  out.key("certificates");
  out.begin_array();
  CertificateInfo info;
  Status status = Status::kOk;
  for (size_t i = 0; (status = credentials_.describe(i, info)) == Status::kOk; ++i)
    write(out, info);
  out.end_array();
  if (status == Status::kNotFound) return true;
  error = Error(status == Status::kNoSpace ? sentence(CertificateFault::kNoMemory)
                                           : "the certificates cannot be read");
  return false;
}

bool OwnCertificates::has_begun(Status begun, Error& error) const {
  if (begun == Status::kOk) return true;
  const char* why = sentence(CertificateFault::kNoMemory);
  if (begun == Status::kInvalidState) why = "the gateway does not work yet: status tells why";
  if (begun == Status::kInvalidArgument) why = "the gateway has no serial number";
  if (begun == Status::kAgain) {
    why = extension_.is_local_running()
              ? "busy: the command before is still being worked on"
              : "busy: the CSMS has a certificate or an image checked; try again in some seconds";
  }
  error = Error(why);
  return false;
}

bool OwnCertificates::request(Instant now, Error& error) {
  what_ = Text::kClientChain;
  return has_begun(extension_.begin_local_request(now), error);
}

bool OwnCertificates::open(Text what, Error& error) {
  what_ = what;
  if (what == Text::kClientChain && !credentials_.has_request()) {
    error = Error("nothing was asked for: certificate request makes a key and a request");
    return false;
  }
  if (text_.allocate(kMaxTextBytes)) return true;
  error = Error(sentence(CertificateFault::kNoMemory));
  return false;
}

bool OwnCertificates::submit(Instant now, Error& error) {
  security::PlainPemText pem(
      common::TextSpan(reinterpret_cast<const char*>(text_.bytes().data()), text_.bytes().size()));
  Status begun = Status::kOk;
  switch (what_) {
    case Text::kClientChain:
      begun = extension_.begin_local_accept(pem, now);
      break;
    case Text::kCsmsRoot:
      begun = extension_.begin_local_install(security::RootUse::kCentralSystem, pem, now);
      break;
    case Text::kManufacturerRoot:
      begun = extension_.begin_local_install(security::RootUse::kManufacturer, pem, now);
      break;
  }
  text_.release();
  return has_begun(begun, error);
}

bool OwnCertificates::remove(uint32_t id, Instant now, Error& error) {
  if (credentials_.is_busy()) return has_begun(Status::kAgain, error);
  switch (extension_.remove_local(id, now)) {
    case security::DeleteResult::kAccepted:
      return true;
    case security::DeleteResult::kFailed:
      error = Error("the connection to the CSMS rests on this root, or the flash did not take it");
      break;
    case security::DeleteResult::kNotFound:
      error = Error("no root has this id; the own certificate goes by a factory reset alone");
      break;
  }
  return false;
}

bool OwnCertificates::write_request(json::Writer& out, Error& error) {
  if (!text_.allocate(kMaxRequestBytes)) {
    error = Error(sentence(CertificateFault::kNoMemory));
    return false;
  }
  const common::Span<char> room(reinterpret_cast<char*>(text_.data()), text_.capacity());
  const common::Result<size_t> size = credentials_.request_pem(room);
  if (size.ok()) member(out, "csr", common::TextSpan(room.data(), size.value()));
  text_.release();
  if (!size.ok()) error = Error("the request was made, but cannot be read");
  return size.ok();
}

CertificateDesk::Step OwnCertificates::step(json::Writer& out, Error& error) {
  Credentials::Outcome outcome;
  if (!extension_.take_local(outcome)) return Step::kNone;
  if (outcome.result == InstallResult::kAccepted) {
    const bool is_told =
        outcome.operation != Credentials::Operation::kMakeRequest || write_request(out, error);
    return is_told ? Step::kDone : Step::kFailed;
  }
  if (outcome.fault != CertificateFault::kNone) {
    error = Error(sentence(outcome.fault));
  } else {
    error = Error(outcome.result == InstallResult::kRejected
                      ? "there is no room for one more root: certificate delete"
                      : "the flash did not take it: nothing has changed");
  }
  return Step::kFailed;
}

}  // namespace gateway
