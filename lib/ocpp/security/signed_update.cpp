#include "ocpp/security/signed_update.hpp"

#include <algorithm>

LOG_MODULE("ocpp.security.firmware");

namespace ocpp {

using common::Instant;
using security::CertificateFault;
using Told = messages::SignedFirmwareStatus;

namespace {

constexpr char kSetting[] = "sfw";
constexpr const char* kSignatureSettings[] = {"sfw_sig0", "sfw_sig1"};
constexpr uint8_t kVersion = 1;
constexpr size_t kImageBytes = 18;
constexpr size_t kMaxSignatureBytes = 800;
constexpr size_t kPieceBytes = 4096;
constexpr int64_t kRetryMs = 1000;
constexpr uint32_t kOwnReceipt = 0x80000000U;

/// What FirmwareUpdate does not know. Bits of Record::happened.
enum Bit : uint8_t {
  kDownloadScheduled,
  kPaused,
  kResumed,
  kVerified,
  kInvalid,
  kInstallScheduled,
  kRebooting,
};

/// Every status in the order in which it is told: a bit of ours, or a step of FirmwareUpdate.
struct Rank {
  bool is_own;
  uint8_t index;
  Told status;
};
constexpr Rank kRanks[] = {
    {true, kDownloadScheduled, Told::DownloadScheduled},
    {false, 0, Told::Downloading},
    {true, kPaused, Told::DownloadPaused},
    {true, kResumed, Told::Downloading},
    {false, 1, Told::DownloadFailed},
    {false, 2, Told::Downloaded},
    {true, kVerified, Told::SignatureVerified},
    {true, kInvalid, Told::InvalidSignature},
    {true, kInstallScheduled, Told::InstallScheduled},
    {false, 3, Told::Installing},
    {true, kRebooting, Told::InstallRebooting},
    {false, 4, Told::InstallationFailed},
    {false, 5, Told::Installed},
};

void put(uint8_t* out, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) out[i] = static_cast<uint8_t>(value >> 8U * i);
}

uint64_t take(const uint8_t* in, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) value |= uint64_t{in[i]} << 8U * i;
  return value;
}

}  // namespace

void SignedUpdate::begin() {
  uint8_t image[32];  // room for fields of later versions
  const common::Result<size_t> size =
      engine_.ports.settings.get(kSetting, common::MutableByteSpan(image));
  if (!size.ok() || size.value() < kImageBytes || image[0] != kVersion) return;
  record_.active = image[1];
  record_.request_id = static_cast<int32_t>(take(image + 2, 4));
  record_.install_at.ms = static_cast<int64_t>(take(image + 6, 8));
  record_.happened = image[14];
  record_.told = image[15];
  record_.signature = image[16] & 1U;
  record_.last_status = image[17];
}

common::Status SignedUpdate::store() const {
  uint8_t image[kImageBytes] = {kVersion, record_.active};
  put(image + 2, static_cast<uint32_t>(record_.request_id), 4);
  put(image + 6, static_cast<uint64_t>(record_.install_at.ms), 8);
  image[14] = record_.happened;
  image[15] = record_.told;
  image[16] = record_.signature;
  image[17] = record_.last_status;
  const common::Status stored = engine_.ports.settings.set(kSetting, common::ByteSpan(image));
  if (stored != common::Status::kOk)
    LOG_ERROR(engine_.ports.log, "signed update: not stored (%s)", to_string(stored));
  return stored;
}

common::Status SignedUpdate::prepare(const messages::SignedUpdateFirmwareReq& request,
                                     common::UtcTime at) {
  if (engine_.firmware.is_installing()) return common::Status::kInvalidState;
  const common::Result<size_t> url_size =
      request.firmware.location.copy_to(common::Span<char>(url_));
  if (!url_size.ok() || url_size.value() == 0) return common::Status::kInvalidArgument;
  url_size_ = static_cast<uint16_t>(url_size.value());
  wanted_ = Record();
  wanted_.active = kByCsms;
  wanted_.request_id = request.request_id;
  wanted_.install_at = request.firmware.install_date_time.value_or(common::UtcTime{});
  // The signature of an update that is under way stays until this one is accepted.
  wanted_.signature = is_active() ? 1 - record_.signature : record_.signature;
  order_ = FileOrder();
  order_.retries = std::max<int32_t>(0, request.retries.value_or(order_.retries));
  order_.retry_interval_s =
      std::max<int32_t>(0, request.retry_interval.value_or(order_.retry_interval_s));
  order_.from = request.firmware.retrieve_date_time;
  {
    // In the free part of the outbox, for the stack is small; nothing is queued meanwhile.
    const common::MutableByteSpan room = engine_.spare_buffer().first(kMaxSignatureBytes);
    const common::Result<size_t> size = request.firmware.signature.copy_to(
        common::Span<char>(reinterpret_cast<char*>(room.data()), room.size()));
    if (!size.ok()) return common::Status::kInvalidArgument;
    RETURN_IF_ERROR(engine_.ports.settings.set(kSignatureSettings[wanted_.signature],
                                               room.first(size.value())));
  }
  MessageText certificate(request.firmware.signing_certificate);
  return credentials_.begin_check_signer(certificate, at);
}

messages::SignedUpdateFirmwareStatus SignedUpdate::accept() {
  using Answer = messages::SignedUpdateFirmwareStatus;
  const bool was_busy = !engine_.firmware.is_idle();
  if (engine_.firmware.is_installing()) return Answer::Rejected;
  const Record before = record_;
  record_ = wanted_;
  check_ = Check::kNone;
  const common::UtcTime utc = engine_.clock.utc();
  if (order_.from.is_known() && (!utc.is_known() || utc < order_.from))
    record_.happened = 1U << kDownloadScheduled;
  if (store() != common::Status::kOk) {
    record_ = before;
    return Answer::Rejected;
  }
  order_.url = common::TextSpan(url_, url_size_);
  if (engine_.firmware.order(order_) != common::Status::kOk) {
    record_ = Record();
    (void)store();
    return Answer::Rejected;
  }
  return was_busy ? Answer::AcceptedCanceled : Answer::Accepted;
}

common::Status SignedUpdate::begin_local() {
  if (engine_.firmware.is_installing()) return common::Status::kInvalidState;
  record_ = Record();
  record_.active = kByDevice;
  check_ = Check::kNone;
  retry_at_ = common::Instant{};
  return store();
}

void SignedUpdate::forget() {
  if (!is_active()) return;
  record_ = Record();
  check_ = Check::kNone;
  (void)store();
}

bool SignedUpdate::may_install() const {
  if (!is_active()) return true;
  if (!has(kVerified)) return false;
  if (!record_.install_at.is_known()) return true;
  const common::UtcTime utc = engine_.clock.utc();
  return utc.is_known() && utc >= record_.install_at;
}

void SignedUpdate::reach(uint8_t bit) {
  record_.happened = static_cast<uint8_t>(record_.happened | 1U << bit);
  (void)store();
  engine_.wake();
}

Instant SignedUpdate::step(common::UtcTime at) {
  if (!is_active()) return Instant::never();
  if (!is_local()) follow_download();
  FirmwareUpdate& firmware = engine_.firmware;
  if (firmware.is_activating() && !has(kRebooting)) reach(kRebooting);
  if (firmware.is_downloaded()) {
    if (!has(kVerified) && !has(kInvalid)) return check(at);
    if (has(kInvalid)) {
      firmware.abandon(is_local());  // the power went before it was done
    } else if (!may_install() && engine_.clock.is_known()) {
      return engine_.clock.instant(record_.install_at);
    }
  }
  Status status{};
  uint32_t receipt = 0;
  if (firmware.is_idle() && !next_to_tell(status, receipt)) finish();
  return Instant::never();
}

/// An attempt that failed is a pause until the next one.
void SignedUpdate::follow_download() {
  const FirmwareUpdate& firmware = engine_.firmware;
  const bool is_paused = firmware.is_waiting() && firmware.last_step() == 0;
  if (is_paused && has(kResumed) && is_told(kResumed)) {
    // The pair begins anew.
    constexpr unsigned kPair = 1U << kPaused | 1U << kResumed;
    record_.happened = static_cast<uint8_t>(record_.happened & ~kPair);
    record_.told = static_cast<uint8_t>(record_.told & ~kPair);
  }
  if (is_paused && !has(kPaused)) reach(kPaused);
  if (!is_paused && firmware.last_step() == 0 && has(kPaused) && is_told(kPaused) && !has(kResumed))
    reach(kResumed);
}

Instant SignedUpdate::again() {
  retry_at_ = engine_.now() + kRetryMs;
  return retry_at_;
}

/// The certificate out of the image; its outcome is polled.
void SignedUpdate::check_signer(common::UtcTime at) {
  const common::Result<ImageSignature> found = ImageSignature::find(*engine_.ports.firmware);
  if (found.status() == common::Status::kAgain) engine_.firmware.fetch_again();
  if (found.status() == common::Status::kNotFound) complaint_ = "the image carries no signature";
  if (!found.ok()) {
    (void)again();
    return;
  }
  carried_ = found.value();
  SlotText chain(*engine_.ports.firmware, carried_.image_size, carried_.pem_size);
  if (credentials_.begin_check_signer(chain, at) != common::Status::kOk) {
    (void)again();
    return;
  }
  is_checking_signer_ = true;
  check_ = Check::kSigner;
}

const char* SignedUpdate::take_complaint() {
  const char* const complaint = complaint_;
  complaint_ = nullptr;
  return complaint;
}

bool SignedUpdate::on_signer(const security::Credentials::Outcome& outcome) {
  is_checking_signer_ = false;
  if (check_ != Check::kSigner) return true;  // of an order that was replaced
  check_ = Check::kNone;
  engine_.wake();
  if (outcome.fault == CertificateFault::kNoMemory ||
      outcome.result == security::InstallResult::kFailed) {
    (void)again();
    return true;
  }
  if (outcome.result != security::InstallResult::kAccepted) return false;
  begin_digest();
  return true;
}

void SignedUpdate::begin_digest() {
  credentials_.begin_digest();
  checked_ = 0;
  check_ = Check::kDigest;
}

/// What is in the slot, not what came over the line: that is what will run.
Instant SignedUpdate::check(common::UtcTime at) {
  if (engine_.now() < retry_at_) return retry_at_;
  if (check_ == Check::kNone && is_local()) {
    check_signer(at);
    return check_ == Check::kNone ? retry_at_ : Instant::never();
  }
  if (check_ == Check::kNone) begin_digest();
  const common::MutableByteSpan room = engine_.spare_buffer();
  if (check_ == Check::kDigest) {
    const uint32_t left = is_local() ? carried_.image_size - checked_ : kPieceBytes;
    const common::Result<size_t> size =
        engine_.ports.firmware->read(checked_, room.first(std::min<size_t>(kPieceBytes, left)));
    if (!size.ok() || room.size() < kMaxSignatureBytes) {
      check_ = Check::kNone;
      if (size.status() == common::Status::kNotFound) {
        engine_.firmware.fetch_again();
        return engine_.now();
      }
      return again();
    }
    if (size.value() > 0) {
      credentials_.update_digest(room.first(size.value()));
      checked_ += static_cast<uint32_t>(size.value());
      return engine_.now() + 1;
    }
    credentials_.finish_digest(common::MutableByteSpan(digest_));
    check_ = Check::kWaiting;
  }
  if (check_ == Check::kWaiting) {
    if (verify() != common::Status::kOk) return again();
    check_ = Check::kSignature;
  }
  return Instant::never();  // the outcome is polled
}

common::Status SignedUpdate::verify() {
  const common::ByteSpan digest(digest_);
  if (is_local()) {
    SlotText signature(*engine_.ports.firmware, carried_.image_size + carried_.pem_size,
                       carried_.text_size);
    return credentials_.begin_verify_firmware(digest, signature);
  }
  const common::MutableByteSpan room = engine_.spare_buffer();
  const common::Result<size_t> size = engine_.ports.settings.get(
      kSignatureSettings[record_.signature], room.first(kMaxSignatureBytes));
  security::PlainPemText signature(
      common::TextSpan(reinterpret_cast<const char*>(room.data()), size.value_or(0)));
  return credentials_.begin_verify_firmware(digest, signature);
}

bool SignedUpdate::on_verified(const security::Credentials::Outcome& outcome) {
  if (check_ != Check::kSignature) return true;  // of an order that was replaced
  check_ = Check::kWaiting;
  if (outcome.fault == CertificateFault::kNoMemory ||
      outcome.result == security::InstallResult::kFailed) {
    (void)again();
    engine_.wake();
    return true;
  }
  if (outcome.result != security::InstallResult::kAccepted) {
    return false;
  }
  if (record_.install_at.is_known() && record_.install_at > engine_.clock.utc())
    record_.happened = static_cast<uint8_t>(record_.happened | 1U << kInstallScheduled);
  reach(kVerified);
  return true;
}

void SignedUpdate::reject() {
  reach(kInvalid);
  engine_.firmware.abandon(is_local());
}

bool SignedUpdate::next_to_tell(Status& status, uint32_t& receipt) const {
  if (is_local()) return false;  // the engine tells it as that of a plain update
  uint8_t step = 0;
  const bool has_step = engine_.firmware.next_to_tell(step);
  for (const Rank& rank : kRanks) {
    const bool is_due =
        rank.is_own ? has(rank.index) && !is_told(rank.index) : has_step && step == rank.index;
    if (!is_due) continue;
    status = rank.status;
    if (status == Status::InstallationFailed && !has(kRebooting))
      status = Status::InstallVerificationFailed;  // the image itself is damaged
    receipt = rank.is_own ? kOwnReceipt | rank.index : engine_.firmware.receipt(step);
    return true;
  }
  return false;
}

void SignedUpdate::on_told(uint32_t receipt) {
  // Before FirmwareUpdate forgets what it has reached.
  record_.last_status = static_cast<uint8_t>(reached());
  if ((receipt & kOwnReceipt) == 0) {
    engine_.firmware.on_told(receipt);
  } else {
    record_.told = static_cast<uint8_t>(record_.told | (1U << (receipt & 7U) & record_.happened));
  }
  (void)store();
}

/// The last status in the order of kRanks.
SignedUpdate::Status SignedUpdate::reached() const {
  Status last = Status::Idle;
  const uint8_t step = engine_.firmware.last_step();
  for (const Rank& rank : kRanks) {
    const bool is_there =
        rank.is_own ? has(rank.index) : step != FirmwareUpdate::kNoStep && step == rank.index;
    if (is_there) last = rank.status;
  }
  if (last == Status::InstallationFailed && !has(kRebooting))
    last = Status::InstallVerificationFailed;
  return last;
}

SignedUpdate::Status SignedUpdate::status() const {
  const Status last = is_active() && !is_local() && reached() != Status::Idle
                          ? reached()
                          : static_cast<Status>(record_.last_status);
  if (static_cast<uint8_t>(last) > static_cast<uint8_t>(Status::SignatureVerified))
    return Status::Idle;
  return !is_active() && last == Status::Installed ? Status::Idle : last;
}

void SignedUpdate::finish() {
  record_.active = 0;
  record_.happened = record_.told = 0;
  (void)store();
  credentials_.forget_signer();
}

}  // namespace ocpp
