#include "common/crc32.hpp"
#include "ocpp/connector.hpp"
#include "ocpp/connector_timing.hpp"

#include <algorithm>

LOG_MODULE("ocpp.connector");

namespace ocpp {

using common::Instant;

ChargingSession Connector::charging_session() const {
  ChargingSession session;
  session.connector_id = id_;
  session.local_transaction = local_transaction_;
  session.started_at = local_transaction_ != 0 ? started_utc_ : services_->clock.utc();
  if (local_transaction_ != 0 && !started_utc_.is_known() && services_->clock.is_known()) {
    session.started_at = services_->clock.utc(started_at_);
  }
  session.electrical.voltage_mv = services_->nominal_voltage_mv;
  session.electrical.phases = std::max<uint8_t>(1, std::min<uint8_t>(3, capabilities_.phases));
  session.electrical.can_switch_phases = capabilities_.can_switch_phases;
  if (has_sample_ && sample_.has(charger::kMeterVoltage)) {
    int64_t sum_mv = 0;
    int32_t count = 0;
    for (const int32_t mv : sample_.voltage_mv) {
      if (mv < 50000) continue;  // not connected
      sum_mv += mv;
      ++count;
    }
    if (count > 0) session.electrical.voltage_mv = static_cast<int32_t>(sum_mv / count);
  }
  if (session_ == SessionState::kRunning && phases_.phases() != 0)
    session.electrical.phases = std::min(phases_.phases(), session.electrical.phases);
  return session;
}

/// A limit in W that is too low for all phases may suffice for an EV that uses one, and only its current can tell. Such
/// an EV gets the lowest current until then; should it use more phases, the pause comes with the next reading.
bool Connector::may_try_one_phase(ChargingSession session, common::UtcTime utc) const {
  if (phases_.phases() != 0 || phases_.is_beyond_one() || session.electrical.can_switch_phases ||
      (capabilities_.meter_fields & charger::kMeterCurrent) == 0) {
    return false;
  }
  session.electrical.phases = 1;
  const Microampere allowed =
      LimitTimeline(services_->profiles.all(), session).at(utc, sharers_).per_phase_ua;
  return allowed >= int64_t{capabilities_.min_ma} * 1000;
}

/// @param highest_ma  At most 4,000,000: microamperes then have 32 bits.
static uint32_t to_ma(Microampere per_phase, uint32_t highest_ma) {
  if (per_phase > UINT32_MAX) return highest_ma;
  return std::min(highest_ma, static_cast<uint32_t>(per_phase) / 1000);
}

void Connector::update_offer() {
  is_offer_stale_ = false;
  limit_change_at_ = Instant::never();
  profiles_revision_ = services_->profiles.revision();
  // The charger goes on as it was until the session is known.
  if (session_ == SessionState::kResuming || !services_->may_offer) return;

  charger::Offer offer;
  offer.phases = capabilities_.phases;
  const common::UtcTime utc = services_->clock.utc();
  const ChargingSession session = charging_session();
  LimitTimeline timeline(services_->profiles.all(), session);
  const ProfileLimit allowed = timeline.at(utc, sharers_);
  if (utc.is_known()) limit_change_at_ = services_->clock.instant(timeline.next_change());
  offer.alone_ma = to_ma(timeline.whole().per_phase_ua, charger::kNoCommonLimitMa);
  if (session_ == SessionState::kRunning && !is_energy_blocked_) {
    offer.permit = true;
    offer.limit_ma = to_ma(allowed.per_phase_ua, capabilities_.max_ma);
    // Less than an EV can take is a pause.
    if (offer.limit_ma < capabilities_.min_ma)
      offer.limit_ma = may_try_one_phase(session, utc) ? capabilities_.min_ma : 0;
    offer.phases = std::min(offer.phases, allowed.phases);
  }
  if (is_offer_sent_ && offer == offer_) return;
  if (offer.permit && offer.limit_ma > 0 && offer_.limit_ma == 0) settle_until_ = now() + kSettleMs;
  offer_ = offer;
  is_offer_sent_ = true;
  LOG_INFO(services_->log, "connector %u: %s, %lu mA, %u phases", id_,
           offer.permit ? "permitted" : "not permitted", static_cast<unsigned long>(offer.limit_ma),
           offer.phases);
  services_->charger.set_offer(id_, offer, now());
  update_status("offer");
}

void Connector::update_status(const char* cause) {
  const charger::ChargerState& state = charger_state_;
  StatusInputs in;
  in.is_plugged = is_plugged_;
  in.is_reserved = services_->reservations.is_reserved(id_);
  switch (session_) {
    case SessionState::kIdle:
      in.phase = UsePhase::kNone;
      break;
    case SessionState::kAwaitingPlug:
    case SessionState::kStarting:
      in.phase = UsePhase::kPreparing;
      break;
    case SessionState::kRunning:
    case SessionState::kResuming:
      in.phase = UsePhase::kTransaction;
      break;
    case SessionState::kStopping:
      in.phase = was_unplugged_ ? UsePhase::kFinished : UsePhase::kTransaction;
      in.is_plugged = in.is_plugged || was_unplugged_;
      break;
    case SessionState::kFinished:
      in.phase = UsePhase::kFinished;
      break;
  }
  if (offer_.permit && offer_.limit_ma > 0 && state.energy_offered) {
    in.power = state.ev_requests_energy ? Power::kFlowing : Power::kNotTaken;
  }
  const bool is_lost = state.health == charger::Health::kLost;
  // A silent charger is a warning in a transaction, until the bridge calls it a fault.
  in.is_faulted = state.is_faulted;
  in.is_operative = is_operative_ && !is_lost && state.health != charger::Health::kUnknown;

  // Right after the permission the charger and the EV take some seconds: that is no suspension.
  const bool is_settling = now() < settle_until_ && in.phase == UsePhase::kTransaction &&
                           in.is_plugged && in.power != Power::kFlowing && !in.is_faulted &&
                           (offer_.limit_ma > 0 || is_offer_stale_);
  if (is_settling) return;

  charger::Error error = state.error;
  if (error == charger::Error::kNone && is_lost) error = charger::Error::kOtherError;
  const StatusNote note =
      in.phase != UsePhase::kNone && !is_plugged_ && (has_transaction() || was_unplugged_)
          ? StatusNote::kEvSideDisconnected
          : StatusNote::kNone;
  const uint32_t detail_crc = common::crc32(common::as_bytes(state.vendor_error_code.span()));
  const ChargePointStatus status = connector_status(in);
  if (error == charger::Error::kEvCommunicationError && !may_tell_ev_error(status)) {
    error = in.is_faulted ? charger::Error::kOtherError : charger::Error::kNone;
  }
  services_->status.set(id_, status, error, note, detail_crc, cause);
}

}  // namespace ocpp
