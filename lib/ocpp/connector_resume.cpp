#include "ocpp/connector.hpp"
#include "ocpp/connector_timing.hpp"

#include <algorithm>

LOG_MODULE("ocpp.connector");

namespace ocpp {

using common::Instant;

namespace {

struct StopDecisionKey {
  explicit StopDecisionKey(uint8_t id)
      : text{'s', 't', 'o', 'p', static_cast<char>('0' + id), '\0'} {}
  char text[6];
};

}  // namespace

void Connector::resume(const OpenTransaction& open, StopReason reason_if_gone, bool must_stop) {
  local_transaction_ = open.start.local_transaction;
  has_transaction_id_ = open.is_assigned;
  transaction_id_ = open.transaction_id;
  id_tag_ = open.start.id_tag;
  parent_id_tag_ = open.parent_id_tag;
  session_marker_ = open.start.session_marker;
  meter_start_wh_ = open.start.meter_start_wh;
  last_register_wh_ = std::max(open.last_meter_wh, meter_start_wh_);
  interval_from_wh_[0] = last_register_wh_;
  last_register_time_ = open.last_meter_time;
  started_utc_ = open.start.time.utc;
  const common::UtcTime utc = services_->clock.utc();
  started_at_ =
      utc.is_known() && started_utc_.is_known() ? now() + (started_utc_ - utc) : Instant{-1};
  is_invalid_ = open.is_assigned && open.status != IdTagStatus::kAccepted;
  // Not known any more: as if it never had been valid.
  invalid_wh_ = meter_start_wh_;
  stop_reason_ = reason_if_gone;
  must_stop_ = must_stop;
  stop_id_tag_.clear();
  is_plugged_ = true;  // until the charger says otherwise
  set_session(SessionState::kResuming, "restart");
  enforce_invalid();
  if (load_stop_decision()) must_stop_ = true;
  request_sample();
}

/// Seconds pass between the decision to stop and the stop record with the last reading. Should
/// power fail in between, the transaction must not go on: the decision is kept, as { local
/// transaction, reason, id tag }. It is never erased, the next transaction has another number.
void Connector::store_stop_decision() const {
  uint8_t image[5 + limits::kIdTagBytes];
  for (unsigned i = 0; i < 4; ++i) image[i] = static_cast<uint8_t>(local_transaction_ >> (8U * i));
  image[4] = static_cast<uint8_t>(stop_reason_);
  std::memcpy(image + 5, stop_id_tag_.c_str(), stop_id_tag_.size());
  const common::Status stored = services_->settings.set(
      StopDecisionKey(id_).text, common::ByteSpan(image, 5 + stop_id_tag_.size()));
  if (stored != common::Status::kOk)
    LOG_WARN(services_->log, "the stop is not stored yet (%s)", to_string(stored));
}

bool Connector::load_stop_decision() {
  uint8_t image[5 + limits::kIdTagBytes];
  const common::Result<size_t> size =
      services_->settings.get(StopDecisionKey(id_).text, common::MutableByteSpan(image));
  if (!size.ok() || size.value() < 5) return false;
  uint32_t local_transaction = 0;
  for (unsigned i = 0; i < 4; ++i) local_transaction |= static_cast<uint32_t>(image[i]) << (8U * i);
  if (local_transaction != local_transaction_ ||
      image[4] > static_cast<uint8_t>(StopReason::kDeAuthorized))
    return false;
  stop_reason_ = static_cast<StopReason>(image[4]);
  stop_id_tag_.assign_truncated(
      common::TextSpan(reinterpret_cast<const char*>(image) + 5, size.value() - 5));
  return true;
}

void Connector::resolve_resume() {
  if (is_first_report_)
    return;  // plug unknown: the transaction stays open, the charger does what it did
  const bool is_same_session =
      is_plugged_ && (session_marker_ == 0 || charger_state_.session_marker == 0 ||
                      session_marker_ == charger_state_.session_marker);
  if (is_same_session && !must_stop_) {
    settle_until_ = now() + kSettleMs;
    set_session(SessionState::kRunning, "resumed");
    arm_samples();
    sample_interruption();
    return;
  }
  // The energy since the last journaled register belongs to this session: nobody else was
  // authorized.
  if (has_register_meter() && !has_reading(session_since_) && now() < resume_by_) return;
  if (is_same_session) {
    (void)stop(stop_reason_, IdTag(stop_id_tag_));
    return;
  }
  if (stop_id_tag_.empty()) stop_id_tag_ = id_tag_;
  stop_time_ = last_register_time_;
  stop_at_ = now();
  set_session(SessionState::kStopping, "the session ended while the gateway was off");
  finish();
}

}  // namespace ocpp
