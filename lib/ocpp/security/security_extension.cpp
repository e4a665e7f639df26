#include "ocpp/security/security_extension.hpp"

#include "common/crc32.hpp"
#include "ocpp/security/hex.hpp"
#include "ocpp_messages/all.hpp"

#include <cstdio>

LOG_MODULE("ocpp.security");

namespace ocpp {

using common::Instant;
using common::Status;

namespace {

constexpr int64_t kSameEventMs = 3'600'000;
constexpr int64_t kEventRetryMs = 60'000;
constexpr int64_t kLogRetryMs = 1000;
constexpr int64_t kPollMs = 20;
constexpr int64_t kMaintainMs = 20;
/// CALLERRORs after which an event counts as told: it stays in the log, and those behind it get their turn.
constexpr uint8_t kMaxRefusals = 3;
/// Of the hash of a start, that the CSMS is told.
constexpr size_t kAnchorBytes = 16;
/// A smaller change of the clock is drift.
constexpr int64_t kClockChangeMs = 10'000;

bool is_lasting_refusal(const RpcFrame& answer) {
  return common::equals(answer.error_code, common::text("NotImplemented")) ||
         common::equals(answer.error_code, common::text("NotSupported"));
}

}  // namespace

void SecurityExtension::begin(Engine& engine) {
  engine_ = &engine;
  text_.emplace(log_, engine.clock);
  upload_.emplace(engine, *text_);
  upload_->begin();
  update_.emplace(engine, credentials_);
  update_->begin();
  load_cpo_name();
  wants_sign_ = credentials_.has_request() && !credentials_.has_local_request();
  if (engine.clock.is_known())
    clock_offset_ms_ = engine.clock.utc() - common::UtcTime{engine.now().ms};
  begin_log();
}

void SecurityExtension::begin_log() {
  retry_log_at_ = Instant::never();
  const Status status = log_.begin();
  if (status != Status::kOk) {
    LOG_ERROR(engine_->ports.log, "the security log cannot be read (%s)", to_string(status));
    retry_log_at_ = engine_->now() + kLogRetryMs;
    return;
  }
  using platform::ResetCause;
  const ResetCause cause = engine_->options.reset_cause;
  if (options_.was_reset) report(SecurityEvent::SecurityLogWasCleared, "factory reset");
  report(SecurityEvent::StartupOfTheDevice, to_string(cause));
  // Nobody asked for this one, so nobody has noted it.
  if (cause == ResetCause::kWatchdog) report(SecurityEvent::ResetOrReboot, to_string(cause));
  common::FixedString<SecurityEntry::kMaxInfoBytes> why;
  if (log_.take_alarm(why)) report(SecurityEvent::SecurityLogWasCleared, why.span());
}

bool SecurityExtension::is_repeated(SecurityEvent event, common::TextSpan info) {
  Recent& recent = recent_[static_cast<size_t>(event)];
  const uint32_t crc = common::crc32(common::as_bytes(info));
  const Instant now = engine_->now();
  if (recent.crc == crc && recent.at.ms != 0 && now < recent.at + kSameEventMs) return true;
  recent.crc = crc;
  recent.at = now;
  return false;
}

void SecurityExtension::report_recurring(SecurityEvent event, const char* info) {
  if (!is_repeated(event, common::text(info))) report(event, info);
}

void SecurityExtension::report(SecurityEvent event, common::TextSpan info) {
  (void)log_.add(event, info, engine_->now(), engine_->clock.utc());
  engine_->wake();
}

void SecurityExtension::on_event(const Event& event) {
  switch (event.type) {
    case EventType::kResetRequested:
      report(SecurityEvent::ResetOrReboot, event.reset_is_hard ? "hard reset" : "soft reset");
      break;
    case EventType::kFirmwareStatusChanged:
      if (common::equals(common::text(event.key), common::text("Installed")))
        report(SecurityEvent::FirmwareUpdated, engine_->options.identity.firmware_version.span());
      if (common::equals(common::text(event.key), common::text("InstallationFailed")))
        report_outdated_image();
      break;
    case EventType::kClockSet: {
      const int64_t before = clock_offset_ms_;
      clock_offset_ms_ = engine_->clock.utc() - common::UtcTime{engine_->now().ms};
      if (before == 0) break;
      const int64_t jump_ms = clock_offset_ms_ - before;
      if (jump_ms < kClockChangeMs && jump_ms > -kClockChangeMs) break;
      char info[48];
      std::snprintf(info, sizeof info, "changed by %lld s", static_cast<long long>(jump_ms / 1000));
      report(SecurityEvent::SettingSystemTime, info);
      break;
    }
    case EventType::kIdTagAccepted:
    case EventType::kIdTagRejected:
    case EventType::kTransactionStarted:
    case EventType::kTransactionStopped:
    case EventType::kRegistrationChanged:
    case EventType::kConnectorStatusChanged:
    case EventType::kConfigurationChanged:
    case EventType::kDataTransferAnswered:
    case EventType::kDiagnosticsStatusChanged:
      break;
  }
}

/// What was good once is offered again, its weakness with it.
void SecurityExtension::report_outdated_image() {
  const platform::Firmware& firmware = *engine_->ports.firmware;
  const common::Result<uint32_t> outdated = firmware.outdated();
  if (!outdated.ok()) return;
  char info[64];
  std::snprintf(info, sizeof info, "firmware: security version %lu is below %lu",
                static_cast<unsigned long>(outdated.value()),
                static_cast<unsigned long>(firmware.security_version()));
  LOG_ERROR(engine_->ports.log, "%s", info);
  report(SecurityEvent::AttemptedReplayAttacks, info);
}

void SecurityExtension::on_received(common::TextSpan frame, bool is_truncated, Instant now) {
  engine_->clock.set_now(now);
  if (messages_.on_received(frame, is_truncated)) engine_->wake();
}

void SecurityExtension::on_sent(common::TextSpan frame, Instant now) {
  engine_->clock.set_now(now);
  if (messages_.on_sent(frame)) engine_->wake();
}

Instant SecurityExtension::step() {
  const Instant now = engine_->now();
  if (now >= retry_log_at_) begin_log();
  MessageWatch::Text invalid;
  if (messages_.take(now, invalid)) report(SecurityEvent::InvalidMessages, invalid.span());
  if (log_.wants_clock() && engine_->clock.is_known()) report(SecurityEvent::ClockSynchronised, "");
  if (!engine_->is_link_up) deferred_.is_waiting = false;  // nobody waits any more
  Instant next = common::earlier(messages_.next(), upload_->step());
  next = common::earlier(next, retry_log_at_);
  step_credentials();
  next = common::earlier(next, update_->step(time_to_judge_by()));
  if (const char* const complaint = update_->take_complaint()) {
    LOG_ERROR(engine_->ports.log, "firmware: %s", complaint);
    report(SecurityEvent::InvalidFirmwareSignature, complaint);
    update_->reject();
  }
  next = common::earlier(next, step_renewal());
  if (wants_sign_ && engine_->is_online && now < sign_at_) next = common::earlier(next, sign_at_);
  // The restart must not be faster than what is told of it.
  if (engine_->is_online && engine_->firmware.is_activating() && engine_->calls.is_idle())
    (void)send_firmware_status(false);
  if (credentials_.has_work()) next = common::earlier(next, now + kPollMs);
  if (log_.maintain()) next = common::earlier(next, now + kMaintainMs);
  if (log_.has_untold() && engine_->is_online && now < retry_event_at_)
    next = common::earlier(next, retry_event_at_);
  return next;
}

bool SecurityExtension::send() {
  if (send_upload_status(true) || send_firmware_status(true)) return true;
  if (!engine_->is_online || engine_->status.front() != nullptr) return false;
  for (uint8_t id = 1; id <= engine_->options.connectors; ++id) {
    if (engine_->is_authorizing(engine_->connector(id))) return false;
  }
  return send_sign_certificate() || send_upload_status(false) || send_firmware_status(false) ||
         send_event();
}

bool SecurityExtension::send_event() {
  if (!log_.has_untold() || !engine_->clock.is_known() || engine_->now() < retry_event_at_)
    return false;
  SecurityEntry entry;
  const Status status = log_.next_untold(entry);
  if (status != Status::kOk) {
    if (status != Status::kNotFound) retry_event_at_ = engine_->now() + kLogRetryMs;
    return false;
  }
  // What the CSMS was told the log cannot be made to deny: docs/security-log.md.
  char tech_info[SecurityEntry::kMaxInfoBytes + 64];
  messages::SecurityEventNotificationReq request;
  request.type.assign_truncated(common::text(to_string(entry.event)));
  request.timestamp = log_.time_of(entry, engine_->clock, SecurityLog::Reader());
  if (!entry.info.empty()) request.tech_info = entry.info.span();
  if (entry.event == SecurityEvent::StartupOfTheDevice) {
    char digits[2 * kAnchorBytes];
    const common::TextSpan hash =
        to_hex(common::ByteSpan(entry.hash, kAnchorBytes), common::Span<char>(digits));
    const int size = std::snprintf(tech_info, sizeof tech_info, "%s; log %lu:%.*s",
                                   entry.info.c_str(), static_cast<unsigned long>(entry.number),
                                   static_cast<int>(hash.size()), hash.data());
    request.tech_info = common::TextSpan(tech_info, static_cast<size_t>(size));
  }
  CallContext context;
  context.sequence = entry.number;
  engine_->calls.send_short(request, context);
  return true;
}

bool SecurityExtension::send_upload_status(bool is_triggered) {
  uint8_t step = 0;
  CallContext context;
  const bool is_due = upload_->next_to_tell(step);
  if (is_triggered ? !upload_->is_triggered : !is_due) return false;
  messages::LogStatusNotificationReq request;
  request.status = is_triggered ? upload_->status() : upload_->status_of(step);
  if (request.status != messages::UploadLogStatus::Idle) request.request_id = upload_->request_id();
  if (!is_triggered) context.sequence = upload_->receipt(step);
  upload_->is_triggered = false;
  engine_->calls.send_short(request, context);
  return true;
}

bool SecurityExtension::send_firmware_status(bool is_triggered) {
  if (is_triggered ? !update_->is_triggered : !update_->is_active()) return false;
  messages::SignedFirmwareStatusNotificationReq request;
  CallContext context;
  if (is_triggered) {
    update_->is_triggered = false;
    request.status = update_->status();
  } else if (!update_->next_to_tell(request.status, context.sequence)) {
    return false;
  }
  if (request.status != messages::SignedFirmwareStatus::Idle)
    request.request_id = update_->request_id();
  engine_->calls.send_short(request, context);
  return true;
}

bool SecurityExtension::on_outcome(const CallContext& context, const RpcFrame* answer) {
  switch (context.action) {
    case Action::SecurityEventNotification:
      on_event_outcome(context, answer);
      break;
    case Action::LogStatusNotification:
      if (answer != nullptr && context.sequence != 0) upload_->on_told(context.sequence);
      break;
    case Action::SignedFirmwareStatusNotification:
      if (answer != nullptr && context.sequence != 0) update_->on_told(context.sequence);
      break;
    case Action::SignCertificate:
      on_sign_outcome(answer);
      break;
    default:
      return false;
  }
  if (answer == nullptr) return true;
  ActionCounters& counters = engine_->calls.counters(context.action);
  ++(answer->kind == RpcFrame::Kind::kCallError ? counters.failed : counters.answered);
  return true;
}

/// Told is what the CSMS has answered. One that does not know the message would never hear of the events behind this one;
/// they stay in the log.
void SecurityExtension::on_event_outcome(const CallContext& context, const RpcFrame* answer) {
  retry_event_at_ = engine_->now();
  if (answer == nullptr) return;  // lost: again
  if (answer->kind == RpcFrame::Kind::kCallError && !is_lasting_refusal(*answer)) {
    if (refused_event_ != context.sequence) refusals_ = 0;
    refused_event_ = context.sequence;
    if (++refusals_ < kMaxRefusals) {
      retry_event_at_ = engine_->now() + kEventRetryMs * refusals_;
      return;
    }
  }
  (void)log_.on_told(context.sequence);
}

}  // namespace ocpp
