#include "ocpp/connector.hpp"

#include "common/crc32.hpp"
#include "ocpp/meter_values.hpp"

#include <algorithm>

LOG_MODULE("ocpp.connector");

namespace ocpp {
namespace {

using common::Instant;

constexpr int64_t kStartReadingMs =
    30000;  ///< Longest wait for the meter before a transaction is given up.
constexpr int64_t kReadingAgeMs = 10000;    ///< A meter start is never older.
constexpr int64_t kStopReadingMs = 10000;   ///< Longest wait for the current to end.
constexpr int64_t kUnplugReadingMs = 2000;  ///< The same once the cable is out.
constexpr int64_t kResumeReadingMs = 30000;
constexpr int64_t kSampleWaitMs =
    2000;                            ///< A sample that is due waits this long for a fresh reading.
constexpr int64_t kFreshMs = 1000;   ///< A reading this old serves for a sample that is due now.
constexpr int64_t kSettleMs = 5000;  ///< Time between the permission and power, not worth a status.
constexpr int64_t kRetryMs = 1000;
struct StopDecisionKey {
  explicit StopDecisionKey(uint8_t id)
      : text{'s', 't', 'o', 'p', static_cast<char>('0' + id), '\0'} {}
  char text[6];
};

constexpr int32_t kQuietMa = 1000;  ///< Below this the session's energy does not change any more.

}  // namespace

const char* to_string(SessionState state) {
  switch (state) {
    case SessionState::kIdle:
      return "idle";
    case SessionState::kAwaitingPlug:
      return "awaiting plug";
    case SessionState::kStarting:
      return "starting";
    case SessionState::kRunning:
      return "running";
    case SessionState::kStopping:
      return "stopping";
    case SessionState::kFinished:
      return "finished";
    case SessionState::kResuming:
      return "resuming";
  }
  return "?";
}

void Connector::begin(const Services& services, uint8_t id, Instant now) {
  services_ = &services;
  id_ = id;
  capabilities_ = services.charger.capabilities(id);
  session_since_ = now;
  arm_clock_sample(now);
}

void Connector::resume(const OpenTransaction& open, StopReason reason_if_gone, bool must_stop,
                       Instant now) {
  local_transaction_ = open.start.local_transaction;
  has_transaction_id_ = open.is_assigned;
  transaction_id_ = open.transaction_id;
  id_tag_ = open.start.id_tag;
  parent_id_tag_ = open.parent_id_tag;
  session_marker_ = open.start.session_marker;
  meter_start_wh_ = open.start.meter_start_wh;
  last_register_wh_ = std::max(open.last_meter_wh, meter_start_wh_);
  last_register_time_ = open.last_meter_time;
  started_utc_ = open.start.time.utc;
  const common::UtcTime utc = services_->clock.utc(now);
  started_at_ =
      utc.is_known() && started_utc_.is_known() ? now + (started_utc_ - utc) : Instant{-1};
  is_energy_blocked_ = open.is_assigned && open.status != IdTagStatus::kAccepted;
  stop_reason_ = reason_if_gone;
  must_stop_ = must_stop;
  stop_id_tag_.clear();
  if (is_energy_blocked_ && services_->configuration.flag(Key::StopTransactionOnInvalidId)) {
    must_stop_ = true;
    stop_reason_ = StopReason::kDeAuthorized;
  }
  if (load_stop_decision()) must_stop_ = true;
  is_plugged_ = true;  // until the charger says otherwise
  set_session(SessionState::kResuming, "restart", now);
  request_sample(now);
}

void Connector::set_session(SessionState state, const char* cause, Instant now) {
  if (state != session_) {
    LOG_INFO(services_->log, "connector %u, transaction %lu: %s -> %s (%s)", id_,
             static_cast<unsigned long>(local_transaction_), to_string(session_), to_string(state),
             cause);
  }
  session_ = state;
  session_since_ = now;
  retry_at_ = Instant::never();
  is_offer_stale_ = true;
  update_status(cause, now);
}

// -------------------------------------------------------------------------------------- inputs

void Connector::on_charger_state(const charger::ChargerState& state, Instant now) {
  const bool is_other_plug_in = is_plugged_ && state.plug == charger::Plug::kPlugged &&
                                state.session_marker != 0 && charger_state_.session_marker != 0 &&
                                state.session_marker != charger_state_.session_marker;
  charger_state_ = state;
  // The limits of the charger's own hardware are known only once it was read.
  const charger::Capabilities capabilities = services_->charger.capabilities(id_);
  if (capabilities.min_ma != capabilities_.min_ma || capabilities.max_ma != capabilities_.max_ma) {
    capabilities_.min_ma = capabilities.min_ma;
    capabilities_.max_ma = capabilities.max_ma;
    is_offer_stale_ = true;
  }
  if (state.health != charger::Health::kUnknown) services_->status.release(id_, now);

  const bool is_plug_known =
      state.plug != charger::Plug::kUnknown &&
      (state.health == charger::Health::kOk || state.health == charger::Health::kStale);
  if (is_plug_known && session_ == SessionState::kResuming) {
    is_plugged_ = state.plug == charger::Plug::kPlugged;
    if (is_plugged_) plugged_at_ = now;
    if (is_first_report_) {
      // A charger that was silent until now has a reading to give: it is waited for from here on.
      is_first_report_ = false;
      resume_by_ = now + kResumeReadingMs;
      request_sample(now);
    }
    resolve_resume(now);
  } else if (is_plug_known) {
    const bool is_plugged = state.plug == charger::Plug::kPlugged;
    // Unplugged and plugged again between two reports: the charger counts plug-ins.
    if (is_other_plug_in) on_unplugged(now);
    if (is_plugged != is_plugged_ || is_other_plug_in) {
      if (is_plugged) {
        on_plugged(now);
      } else {
        on_unplugged(now);
      }
    }
    is_first_report_ = false;
  }
  update_status("charger", now);
}

void Connector::on_plugged(Instant now) {
  is_plugged_ = true;
  plugged_at_ = now;
  if (session_ == SessionState::kAwaitingPlug) {
    set_session(SessionState::kStarting, "plugged", now);
    request_sample(now);
  }
}

void Connector::on_unplugged(Instant now) {
  is_plugged_ = false;
  switch (session_) {
    case SessionState::kIdle:
    case SessionState::kAwaitingPlug:
    case SessionState::kResuming:
      break;
    case SessionState::kStarting:
      abandon("unplugged", now);
      break;
    case SessionState::kRunning:
      if (services_->configuration.flag(Key::StopTransactionOnEVSideDisconnect)) {
        was_unplugged_ = true;
        (void)stop(StopReason::kEvDisconnected, IdTag(), now);
      }
      break;
    case SessionState::kStopping:
      was_unplugged_ = true;
      break;
    case SessionState::kFinished:
      set_session(SessionState::kIdle, "unplugged", now);
      break;
  }
}

void Connector::on_meter_sample(const charger::MeterSample& sample, Instant now) {
  sample_ = sample;
  has_sample_ = true;
  if (sample.has(charger::kMeterEnergyImport)) {
    last_register_wh_ = std::max(last_register_wh_, sample.energy_import_wh);
    if (session_ == SessionState::kRunning) {
      (void)services_->store.journal_register(local_transaction_, sample.energy_import_wh,
                                              services_->stamp(sample.taken_at));
    }
  }
  // W limits follow the measured voltage and the phases in use.
  if (session_ == SessionState::kRunning && services_->profiles.size() > 0) is_offer_stale_ = true;
  if (session_ == SessionState::kResuming) resolve_resume(now);
  if (triggered_ == Triggered::kAwaited && sample.taken_at + kFreshMs >= triggered_at_)
    triggered_ = Triggered::kReady;
}

bool Connector::can_authorize() const {
  const bool is_heard = charger_state_.health == charger::Health::kOk ||
                        charger_state_.health == charger::Health::kStale;
  return is_operative_ && is_heard && !charger_state_.is_faulted &&
         (session_ == SessionState::kIdle || session_ == SessionState::kFinished);
}

common::Status Connector::authorize(const IdTag& id_tag, const IdTag& parent_id_tag, Instant now) {
  if (!can_authorize()) return common::Status::kInvalidState;
  id_tag_ = id_tag;
  parent_id_tag_ = parent_id_tag;
  if (is_plugged_) {
    set_session(SessionState::kStarting, "authorized", now);
    request_sample(now);
  } else {
    set_session(SessionState::kAwaitingPlug, "authorized", now);
  }
  return common::Status::kOk;
}

void Connector::cancel(const char* cause, Instant now) {
  if (session_ == SessionState::kAwaitingPlug || session_ == SessionState::kStarting)
    abandon(cause, now);
}

common::Status Connector::stop(StopReason reason, const IdTag& id_tag, Instant now) {
  if (session_ != SessionState::kRunning && session_ != SessionState::kResuming) {
    return common::Status::kInvalidState;
  }
  stop_reason_ = reason;
  stop_id_tag_ = id_tag.empty() ? id_tag_ : id_tag;
  stop_time_ = services_->stamp(now);
  stop_at_ = now;
  settle_until_ = Instant{};
  store_stop_decision();
  set_session(SessionState::kStopping, reason == StopReason::kEvDisconnected ? "unplugged" : "stop",
              now);
  update_offer(now);
  request_sample(now);
  return common::Status::kOk;
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

void Connector::on_assigned(uint32_t local_transaction, int32_t transaction_id,
                            const AuthorizationResult& result, Instant now) {
  if (local_transaction_ != local_transaction) return;
  has_transaction_id_ = true;
  transaction_id_ = transaction_id;
  if (!result.parent_id_tag.empty()) parent_id_tag_ = result.parent_id_tag;
  if (result.is_accepted()) return;
  LOG_WARN(services_->log, "connector %u, transaction %lu: the CSMS does not accept the id tag",
           id_, static_cast<unsigned long>(local_transaction_));
  if (services_->configuration.flag(Key::StopTransactionOnInvalidId)) {
    if (session_ == SessionState::kResuming) {
      must_stop_ = true;
      stop_reason_ = StopReason::kDeAuthorized;
    } else {
      (void)stop(StopReason::kDeAuthorized, IdTag(), now);
    }
  } else {
    is_energy_blocked_ = true;
    is_offer_stale_ = true;
  }
}

void Connector::set_operative(bool is_operative, Instant now) {
  is_operative_ = is_operative;
  if (!is_operative) cancel("made inoperative", now);
  update_status("availability", now);
}

void Connector::trigger_meter_values(Instant now) {
  triggered_ = Triggered::kAwaited;
  triggered_at_ = now;
  request_sample(now);
}

void Connector::on_configuration(Key key, Instant now) {
  if (key == Key::MeterValueSampleInterval && session_ == SessionState::kRunning) arm_samples(now);
  if (key == Key::ClockAlignedDataInterval) arm_clock_sample(now);
}

void Connector::on_clock(Instant now) {
  is_offer_stale_ = true;
  arm_clock_sample(now);
}

// ---------------------------------------------------------------------------------------- time

Instant Connector::step(Instant now) {
  advance(now);
  sample_periodically(now);
  sample_on_clock(now);
  if (triggered_ == Triggered::kAwaited && now >= triggered_at_ + kSampleWaitMs) {
    triggered_ = has_sample_ ? Triggered::kReady : Triggered::kNo;
  }
  if (is_offer_stale_ || now >= limit_change_at_ ||
      profiles_revision_ != services_->profiles.revision()) {
    update_offer(now);
  }
  if (settle_until_ != Instant{} && now >= settle_until_) {
    settle_until_ = Instant{};
    update_status("charger", now);
  }
  return deadline();
}

void Connector::advance(Instant now) {
  switch (session_) {
    case SessionState::kIdle: {
      // Plugged but never authorized: with one reader for several connectors the next driver's tag
      // must not start a transaction on this cable (errata 3.20).
      const int64_t timeout_ms = services_->configuration.milliseconds(Key::ConnectionTimeOut);
      if (is_plugged_ && timeout_ms > 0 &&
          services_->configuration.number(Key::NumberOfConnectors) > 1 &&
          now >= std::max(plugged_at_, session_since_) + timeout_ms) {
        set_session(SessionState::kFinished, "nobody authorized in time", now);
      }
      break;
    }
    case SessionState::kAwaitingPlug: {
      const int64_t timeout_ms = services_->configuration.milliseconds(Key::ConnectionTimeOut);
      if (timeout_ms > 0 && now >= session_since_ + timeout_ms) abandon("ConnectionTimeOut", now);
      break;
    }
    case SessionState::kStarting:
      if (!charger_state_.is_faulted &&
          (!has_register_meter() ||
           has_reading(std::max(plugged_at_, Instant{now.ms - kReadingAgeMs})))) {
        start(now);
      } else if (now >= session_since_ + kStartReadingMs) {
        abandon(charger_state_.is_faulted ? "the charger is faulted" : "no meter reading", now);
      } else if (now >= retry_at_) {
        request_sample(now);
      }
      break;
    case SessionState::kStopping:
      if (is_last_reading_in(now)) {
        if (!is_store_failing_ || now >= retry_at_) finish(now);
      } else if (now >= retry_at_) {
        request_sample(now);
      }
      break;
    case SessionState::kResuming:
      resolve_resume(now);
      break;
    case SessionState::kRunning:
    case SessionState::kFinished:
      break;
  }
}

bool Connector::has_reading(Instant since) const {
  return has_sample_ && sample_.has(charger::kMeterEnergyImport) && sample_.taken_at >= since;
}

void Connector::request_sample(Instant now) {
  retry_at_ = now + kRetryMs;
  services_->charger.request_sample(id_, now);
}

void Connector::start(Instant now) {
  StartRecord record;
  record.connector_id = id_;
  record.id_tag = id_tag_;
  record.meter_start_wh = last_register_wh_;
  record.time = services_->stamp(now);
  record.session_marker = charger_state_.session_marker;
  const common::Result<uint32_t> local_transaction = services_->store.begin_transaction(record);
  if (!local_transaction.ok()) {
    LOG_ERROR(services_->log, "connector %u: the start cannot be stored (%s)", id_,
              to_string(local_transaction.status()));
    abandon("no record", now);
    return;
  }
  local_transaction_ = local_transaction.value();
  has_transaction_id_ = false;
  is_energy_blocked_ = false;
  was_unplugged_ = false;
  session_marker_ = record.session_marker;
  meter_start_wh_ = record.meter_start_wh;
  started_at_ = now;
  started_utc_ = record.time.utc;
  settle_until_ = now + kSettleMs;
  services_->profiles.bind_pending(id_, local_transaction_, now);
  set_session(SessionState::kRunning, "transaction started", now);
  arm_samples(now);
  push_event(EventType::kTransactionStarted);
}

bool Connector::is_last_reading_in(Instant now) const {
  if (!has_register_meter()) return true;
  if (now >= stop_at_ + (is_plugged_ ? kStopReadingMs : kUnplugReadingMs)) return true;
  if (!has_reading(stop_at_)) return false;
  if (!is_plugged_ || !sample_.has(charger::kMeterCurrent)) return true;
  return std::all_of(sample_.current_ma, sample_.current_ma + 3,
                     [](int32_t ma) { return ma < kQuietMa; });
}

void Connector::finish(Instant now) {
  StopRecord record;
  record.local_transaction = local_transaction_;
  record.has_id_tag = true;
  record.id_tag = stop_id_tag_;
  record.meter_stop_wh = last_register_wh_;
  record.reason = stop_reason_;
  record.time = stop_time_;
  const common::Status stored = services_->store.end_transaction(record);
  if (stored != common::Status::kOk && stored != common::Status::kNotFound) {
    LOG_ERROR(services_->log,
              "connector %u, transaction %lu: the stop cannot be stored (%s), trying again", id_,
              static_cast<unsigned long>(local_transaction_), to_string(stored));
    is_store_failing_ = true;
    retry_at_ = now + kRetryMs;
    return;
  }
  is_store_failing_ = false;
  push_event(EventType::kTransactionStopped);
  services_->profiles.drop_transaction(id_, local_transaction_, now);
  local_transaction_ = 0;
  has_transaction_id_ = false;
  is_energy_blocked_ = false;
  was_unplugged_ = false;
  must_stop_ = false;
  next_sample_at_ = Instant::never();
  settle_until_ = Instant{};
  set_session(is_plugged_ ? SessionState::kFinished : SessionState::kIdle, "transaction stopped",
              now);
}

void Connector::abandon(const char* cause, Instant now) {
  services_->profiles.drop_pending(id_, now);
  id_tag_.clear();
  parent_id_tag_.clear();
  set_session(is_plugged_ ? SessionState::kFinished : SessionState::kIdle, cause, now);
}

void Connector::resolve_resume(Instant now) {
  if (is_first_report_)
    return;  // plug unknown: the transaction stays open, the charger does what it did
  const bool is_same_session =
      is_plugged_ && (session_marker_ == 0 || charger_state_.session_marker == 0 ||
                      session_marker_ == charger_state_.session_marker);
  if (is_same_session && !must_stop_) {
    settle_until_ = now + kSettleMs;
    set_session(SessionState::kRunning, "resumed", now);
    arm_samples(now);
    return;
  }
  // The energy since the last journaled register belongs to this session: nobody else was
  // authorized.
  if (has_register_meter() && !has_reading(session_since_) && now < resume_by_) return;
  if (is_same_session) {
    (void)stop(stop_reason_, IdTag(stop_id_tag_), now);
    return;
  }
  if (stop_id_tag_.empty()) stop_id_tag_ = id_tag_;
  stop_time_ = last_register_time_;
  stop_at_ = now;
  set_session(SessionState::kStopping, "the session ended while the gateway was off", now);
  finish(now);
}

// ------------------------------------------------------------------------------------- samples

void Connector::arm_samples(Instant now) {
  const int64_t interval_ms = services_->configuration.milliseconds(Key::MeterValueSampleInterval);
  next_sample_at_ = interval_ms == 0 ? Instant::never() : now + interval_ms;
  is_sample_asked_ = false;
}

void Connector::sample_periodically(Instant now) {
  if (session_ != SessionState::kRunning || now < next_sample_at_) return;
  if (!has_reading(Instant{next_sample_at_.ms - kFreshMs}) &&
      now < next_sample_at_ + kSampleWaitMs) {
    if (!is_sample_asked_) request_sample(now);
    is_sample_asked_ = true;
    return;
  }
  // A reading that is late goes out with its own time, but never twice.
  if (has_sample_ && sample_.taken_at != last_appended_ &&
      charger_state_.health == charger::Health::kOk) {
    append_sample(SampleContext::kSamplePeriodic, sample_.taken_at);
  }
  const int64_t interval_ms =
      std::max<int64_t>(1000, services_->configuration.milliseconds(Key::MeterValueSampleInterval));
  next_sample_at_ = next_sample_at_ + interval_ms;
  if (next_sample_at_ <= now) next_sample_at_ = now + interval_ms;
  is_sample_asked_ = false;
}

void Connector::arm_clock_sample(Instant now) {
  next_clock_sample_at_ = Instant::never();
  is_clock_sample_asked_ = false;
  const int64_t interval_ms = services_->configuration.milliseconds(Key::ClockAlignedDataInterval);
  if (interval_ms == 0 || !services_->clock.is_known()) return;
  constexpr int64_t kDayMs = 86400000;
  const int64_t utc_ms = services_->clock.utc(now).ms;
  const int64_t midnight_ms = utc_ms - utc_ms % kDayMs;
  const int64_t next_ms = midnight_ms + ((utc_ms - midnight_ms) / interval_ms + 1) * interval_ms;
  next_clock_sample_at_ =
      services_->clock.instant(common::UtcTime{std::min(next_ms, midnight_ms + kDayMs)});
}

void Connector::sample_on_clock(Instant now) {
  if (now < next_clock_sample_at_) return;
  if (!has_reading(Instant{next_clock_sample_at_.ms - kFreshMs}) &&
      now < next_clock_sample_at_ + kSampleWaitMs) {
    if (!is_clock_sample_asked_) services_->charger.request_sample(id_, now);
    is_clock_sample_asked_ = true;
    return;
  }
  if (has_reading(Instant{next_clock_sample_at_.ms - kFreshMs})) {
    append_sample(SampleContext::kSampleClock, next_clock_sample_at_);
  }
  arm_clock_sample(std::max(now, next_clock_sample_at_));
}

void Connector::append_sample(SampleContext context, Instant at) {
  MeterValuesRecord record;
  record.local_transaction = local_transaction_;
  record.connector_id = id_;
  record.context = context;
  record.time = services_->stamp(at);
  record.sample = sample_;
  record.has_offered_ma = true;
  record.offered_ma = offer_.permit ? offer_.limit_ma : 0;
  const Key list = context == SampleContext::kSampleClock ? Key::MeterValuesAlignedData
                                                          : Key::MeterValuesSampledData;
  SampledValues values(sample_, services_->configuration.measurands(list), context,
                       capabilities_.phases, true, record.offered_ma,
                       services_->nominal_voltage_mv);
  if (values.empty()) return;
  const common::Status stored = services_->store.append_meter_values(record);
  if (stored != common::Status::kOk) {
    LOG_WARN(services_->log, "connector %u: a meter value was not stored (%s)", id_,
             to_string(stored));
  }
  last_appended_ = sample_.taken_at;
}

// ---------------------------------------------------------------------------- offer and status

ChargingSession Connector::charging_session(Instant now) const {
  ChargingSession session;
  session.connector_id = id_;
  session.local_transaction = local_transaction_;
  session.started_at = local_transaction_ != 0 ? started_utc_ : services_->clock.utc(now);
  if (local_transaction_ != 0 && !started_utc_.is_known() && services_->clock.is_known()) {
    session.started_at = services_->clock.utc(started_at_);
  }
  session.electrical.voltage_mv = services_->nominal_voltage_mv;
  session.electrical.phases = std::max<uint8_t>(1, std::min<uint8_t>(3, capabilities_.phases));
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
  if (has_sample_ && sample_.has(charger::kMeterCurrent) && session_ == SessionState::kRunning) {
    uint8_t in_use = 0;
    for (const int32_t ma : sample_.current_ma) in_use += ma >= kQuietMa ? 1 : 0;
    if (in_use > 0) session.electrical.phases = std::min(in_use, session.electrical.phases);
  }
  return session;
}

void Connector::update_offer(Instant now) {
  is_offer_stale_ = false;
  limit_change_at_ = Instant::never();
  profiles_revision_ = services_->profiles.revision();
  // The charger goes on as it was until the session is known.
  if (session_ == SessionState::kResuming || !services_->may_offer) return;

  charger::Offer offer;
  offer.phases = capabilities_.phases;
  if (session_ == SessionState::kRunning && !is_energy_blocked_) {
    const common::UtcTime utc = services_->clock.utc(now);
    const ChargingSession session = charging_session(now);
    const ProfileLimit allowed = limit(services_->profiles.all(), session, utc, sharers_);
    offer.permit = true;
    offer.limit_ma = capabilities_.max_ma;
    if (allowed.per_phase_ua != kUnlimited) {
      offer.limit_ma = static_cast<uint32_t>(
          std::min<int64_t>(capabilities_.max_ma, allowed.per_phase_ua / 1000));
    }
    if (offer.limit_ma < capabilities_.min_ma)
      offer.limit_ma = 0;  // less than an EV can take is a pause
    offer.phases = std::min(offer.phases, allowed.phases);
    if (utc.is_known())
      limit_change_at_ =
          services_->clock.instant(next_change(services_->profiles.all(), session, utc));
  }
  if (is_offer_sent_ && offer == offer_) return;
  if (offer.permit && offer.limit_ma > 0 && offer_.limit_ma == 0) settle_until_ = now + kSettleMs;
  offer_ = offer;
  is_offer_sent_ = true;
  LOG_INFO(services_->log, "connector %u: %s, %lu mA, %u phases", id_,
           offer.permit ? "permitted" : "not permitted", static_cast<unsigned long>(offer.limit_ma),
           offer.phases);
  services_->charger.set_offer(id_, offer, now);
  update_status("offer", now);
}

void Connector::update_status(const char* cause, Instant now) {
  const charger::ChargerState& state = charger_state_;
  StatusInputs in;
  in.is_plugged = is_plugged_;
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
  in.is_faulted = state.is_faulted || (is_lost && in.phase == UsePhase::kTransaction);
  in.is_operative = is_operative_ && !is_lost && state.health != charger::Health::kUnknown;

  // Right after the permission the charger and the EV take some seconds: that is no suspension.
  const bool is_settling = now < settle_until_ && in.phase == UsePhase::kTransaction &&
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
  services_->status.set(id_, connector_status(in), error, note, detail_crc, cause, now);
}

void Connector::push_event(EventType type) {
  Event event;
  event.type = type;
  event.connector_id = id_;
  event.local_number = local_transaction_;
  event.id_tag = mask(id_tag_);
  services_->events.push(event);
}

Instant Connector::deadline() const {
  Instant next = common::earlier(
      is_clock_sample_asked_ ? next_clock_sample_at_ + kSampleWaitMs : next_clock_sample_at_,
      limit_change_at_);
  if (is_offer_stale_) next = Instant{};
  if (settle_until_ != Instant{}) next = common::earlier(next, settle_until_);
  if (triggered_ == Triggered::kAwaited)
    next = common::earlier(next, triggered_at_ + kSampleWaitMs);
  const int64_t timeout_ms = services_->configuration.milliseconds(Key::ConnectionTimeOut);
  switch (session_) {
    case SessionState::kIdle:
      if (is_plugged_ && timeout_ms > 0 &&
          services_->configuration.number(Key::NumberOfConnectors) > 1) {
        next = common::earlier(next, std::max(plugged_at_, session_since_) + timeout_ms);
      }
      break;
    case SessionState::kAwaitingPlug:
      if (timeout_ms > 0) next = common::earlier(next, session_since_ + timeout_ms);
      break;
    case SessionState::kStarting:
      next = common::earlier(next, common::earlier(retry_at_, session_since_ + kStartReadingMs));
      break;
    case SessionState::kRunning:
      next = common::earlier(next,
                             is_sample_asked_ ? next_sample_at_ + kSampleWaitMs : next_sample_at_);
      break;
    case SessionState::kStopping:
      next = common::earlier(next, retry_at_);
      break;
    case SessionState::kFinished:
      break;
    case SessionState::kResuming:
      if (!is_first_report_) next = common::earlier(next, resume_by_);
      break;
  }
  return next;
}

}  // namespace ocpp
