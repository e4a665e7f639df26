#include "ocpp/connector.hpp"

#include "ocpp/connector_timing.hpp"

#include <algorithm>

LOG_MODULE("ocpp.connector");

namespace ocpp {

using common::Instant;

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

Connector::Connector() : Zeroed(this, sizeof *this) {}

void Connector::begin(const Services& services, uint8_t id) {
  services_ = &services;
  id_ = id;
  capabilities_ = services.charger.capabilities(id);
  session_since_ = now();
  arm_clock_sample(now());
}

void Connector::set_session(SessionState state, const char* cause) {
  LOG_INFO(services_->log, "connector %u, transaction %lu: %s -> %s (%s)", id_,
           static_cast<unsigned long>(local_transaction_), to_string(session_), to_string(state),
           cause);
  session_ = state;
  session_since_ = now();
  retry_at_ = Instant::never();
  is_offer_stale_ = true;
  update_status(cause);
}

// -------------------------------------------------------------------------------------- inputs

void Connector::on_charger_state(const charger::ChargerState& state) {
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
  if (state.health != charger::Health::kUnknown) services_->status.release(id_);

  const bool is_plug_known =
      state.plug != charger::Plug::kUnknown &&
      (state.health == charger::Health::kOk || state.health == charger::Health::kStale);
  if (is_plug_known && session_ == SessionState::kResuming) {
    is_plugged_ = state.plug == charger::Plug::kPlugged;
    if (is_plugged_) plugged_at_ = now();
    if (is_first_report_) {
      // A charger that was silent until now has a reading to give: it is waited for from here on.
      is_first_report_ = false;
      resume_by_ = now() + kResumeReadingMs;
      request_sample();
    }
    resolve_resume();
  } else if (is_plug_known) {
    const bool is_plugged = state.plug == charger::Plug::kPlugged;
    // Unplugged and plugged again between two reports: the charger counts plug-ins.
    if (is_other_plug_in) on_unplugged();
    if (is_plugged != is_plugged_) {
      if (is_plugged) {
        on_plugged();
      } else {
        on_unplugged();
      }
    }
    is_first_report_ = false;
  }
  update_status("charger");
}

void Connector::on_plugged() {
  is_plugged_ = true;
  plugged_at_ = now();
  if (session_ == SessionState::kAwaitingPlug) {
    set_session(SessionState::kStarting, "plugged");
    request_sample();
  }
}

void Connector::on_unplugged() {
  is_plugged_ = false;
  switch (session_) {
    case SessionState::kIdle:
    case SessionState::kAwaitingPlug:
    case SessionState::kResuming:
      break;
    case SessionState::kStarting:
      abandon("unplugged");
      break;
    case SessionState::kRunning:
      if (services_->configuration.flag(Key::StopTransactionOnEVSideDisconnect)) {
        was_unplugged_ = true;
        (void)stop(StopReason::kEvDisconnected, IdTag());
      }
      break;
    case SessionState::kStopping:
      was_unplugged_ = true;
      break;
    case SessionState::kFinished:
      set_session(SessionState::kIdle, "unplugged");
      break;
  }
}

void Connector::on_meter_sample(const charger::MeterSample& sample) {
  sample_ = sample;
  has_sample_ = true;
  is_register_new_ = sample.has(charger::kMeterEnergyImport);
  if (is_register_new_) {
    last_register_wh_ = std::max(last_register_wh_, sample.energy_import_wh);
  }
  // W limits follow the measured voltage and the phases in use.
  if (session_ == SessionState::kRunning && sample.has(charger::kMeterCurrent)) {
    phases_.observe(sample, capabilities_.phases,
                    capabilities_.can_switch_phases && offer_.phases < capabilities_.phases, now());
  }
  if (session_ == SessionState::kRunning && services_->profiles.size() > 0) is_offer_stale_ = true;
  if (session_ == SessionState::kResuming) resolve_resume();
  if (triggered_ == Triggered::kAwaited && sample.taken_at + kFreshMs >= triggered_at_)
    triggered_ = Triggered::kReady;
}

bool Connector::can_authorize() const {
  const bool is_heard = charger_state_.health == charger::Health::kOk ||
                        charger_state_.health == charger::Health::kStale;
  return is_operative_ && is_heard && !charger_state_.is_faulted &&
         (session_ == SessionState::kIdle || session_ == SessionState::kFinished);
}

common::Status Connector::authorize(const IdTag& id_tag, const IdTag& parent_id_tag) {
  if (!can_authorize() ||
      (services_->reservations.is_reserved(id_) &&
       services_->reservations.matching(id_, id_tag, parent_id_tag) == nullptr)) {
    return common::Status::kInvalidState;
  }
  id_tag_ = id_tag;
  parent_id_tag_ = parent_id_tag;
  is_cable_kept_ = false;
  if (is_plugged_) {
    set_session(SessionState::kStarting, "authorized");
    request_sample();
  } else {
    set_session(SessionState::kAwaitingPlug, "authorized");
  }
  return common::Status::kOk;
}

void Connector::cancel(const char* cause) {
  if (session_ == SessionState::kAwaitingPlug || session_ == SessionState::kStarting)
    abandon(cause);
}

common::Status Connector::stop(StopReason reason, const IdTag& id_tag) {
  if (session_ != SessionState::kRunning && session_ != SessionState::kResuming) {
    return common::Status::kInvalidState;
  }
  stop_reason_ = reason;
  stop_id_tag_ = id_tag.empty() ? id_tag_ : id_tag;
  stop_time_ = services_->stamp();
  stop_at_ = now();
  settle_until_ = Instant{};
  store_stop_decision();
  set_session(SessionState::kStopping,
              reason == StopReason::kEvDisconnected ? "unplugged" : "stop");
  update_offer();
  request_sample();
  return common::Status::kOk;
}

void Connector::on_assigned(int32_t transaction_id, const AuthorizationResult& result) {
  has_transaction_id_ = true;
  transaction_id_ = transaction_id;
  if (!result.parent_id_tag.empty()) parent_id_tag_ = result.parent_id_tag;
  if (result.is_accepted()) return;
  LOG_WARN(services_->log, "connector %u, transaction %lu: id tag not accepted by the CSMS", id_,
           static_cast<unsigned long>(local_transaction_));
  invalidate(StopReason::kDeAuthorized);
}

void Connector::invalidate(StopReason reason) {
  is_invalid_ = true;
  invalid_reason_ = reason;
  invalid_wh_ = last_register_wh_;
  enforce_invalid();
}

bool Connector::is_allowance_used() const {
  return !has_register_meter() || last_register_wh_ - invalid_wh_ >=
                                      services_->configuration.number(Key::MaxEnergyOnInvalidId);
}

void Connector::enforce_invalid() {
  if (!is_invalid_ || !is_allowance_used()) return;
  if (!services_->configuration.flag(Key::StopTransactionOnInvalidId)) {
    is_offer_stale_ = is_offer_stale_ || !is_energy_blocked_;
    is_energy_blocked_ = true;
  } else if (session_ == SessionState::kResuming) {
    must_stop_ = true;
    stop_reason_ = invalid_reason_;
  } else {
    (void)stop(invalid_reason_, IdTag());
  }
}

void Connector::set_operative(bool is_operative) {
  is_operative_ = is_operative;
  if (!is_operative) cancel("made inoperative");
  update_status("availability");
}

void Connector::trigger_meter_values() {
  triggered_ = Triggered::kAwaited;
  triggered_at_ = now();
  request_sample();
}

void Connector::on_configuration(Key key) {
  if (key == Key::MeterValueSampleInterval && session_ == SessionState::kRunning) arm_samples();
  if (key == Key::ClockAlignedDataInterval) arm_clock_sample(now());
}

void Connector::on_clock() {
  is_offer_stale_ = true;
  arm_clock_sample(now());
}

// ---------------------------------------------------------------------------------------- time

Instant Connector::step() {
  advance();
  sample_periodically();
  sample_on_clock();
  journal_register();
  if (triggered_ == Triggered::kAwaited && now() >= triggered_at_ + kSampleWaitMs) {
    triggered_ = has_sample_ ? Triggered::kReady : Triggered::kNo;
  }
  if (is_offer_stale_ || now() >= limit_change_at_ ||
      profiles_revision_ != services_->profiles.revision()) {
    update_offer();
  }
  if (settle_until_ != Instant{} && now() >= settle_until_) {
    settle_until_ = Instant{};
    update_status("charger");
  }
  return deadline();
}

void Connector::advance() {
  switch (session_) {
    case SessionState::kIdle: {
      // Plugged but never authorized: with one reader for several connectors the next driver's tag
      // must not start a transaction on this cable (errata 3.20).
      const int64_t timeout_ms = services_->configuration.milliseconds(Key::ConnectionTimeOut);
      if (is_plugged_ && timeout_ms > 0 &&
          services_->configuration.number(Key::NumberOfConnectors) > 1 &&
          now() >= std::max(plugged_at_, session_since_) + timeout_ms) {
        set_session(SessionState::kFinished, "nobody authorized in time");
      }
      break;
    }
    case SessionState::kAwaitingPlug: {
      const int64_t timeout_ms = services_->configuration.milliseconds(Key::ConnectionTimeOut);
      if (timeout_ms > 0 && now() >= session_since_ + timeout_ms) abandon("ConnectionTimeOut");
      break;
    }
    case SessionState::kStarting:
      if (!charger_state_.is_faulted && charger_state_.health == charger::Health::kOk &&
          (!has_register_meter() ||
           has_reading(std::max(plugged_at_, Instant{now().ms - kReadingAgeMs})))) {
        start();
      } else if (now() >= session_since_ + kStartReadingMs) {
        abandon(charger_state_.is_faulted ? "the charger is faulted" : "no meter reading");
      } else if (now() >= retry_at_) {
        request_sample();
      }
      break;
    case SessionState::kStopping:
      if (is_last_reading_in()) {
        if (!is_store_failing_ || now() >= retry_at_) finish();
      } else if (now() >= retry_at_) {
        request_sample();
      }
      break;
    case SessionState::kResuming:
      resolve_resume();
      break;
    case SessionState::kRunning:
      enforce_invalid();
      break;
    case SessionState::kFinished:
      break;
  }
}

bool Connector::has_reading(Instant since) const {
  return has_sample_ && sample_.has(charger::kMeterEnergyImport) && sample_.taken_at >= since;
}

void Connector::request_sample() {
  retry_at_ = now() + kRetryMs;
  services_->charger.request_sample(id_, now());
}

void Connector::start() {
  StartRecord record;
  record.connector_id = id_;
  record.id_tag = id_tag_;
  record.meter_start_wh = last_register_wh_;
  record.time = services_->stamp();
  record.session_marker = charger_state_.session_marker;
  if (const Reservation* used = services_->reservations.matching(id_, id_tag_, parent_id_tag_)) {
    record.has_reservation_id = true;
    record.reservation_id = used->id;
  }
  const common::Result<uint32_t> local_transaction = services_->store.begin_transaction(
      record, measure_boundary(Instant{now().ms - kReadingAgeMs}));
  if (!local_transaction.ok()) {
    LOG_ERROR(services_->log, "connector %u: start not stored (%s)", id_,
              to_string(local_transaction.status()));
    abandon("no record");
    return;
  }
  local_transaction_ = local_transaction.value();
  has_transaction_id_ = false;
  is_invalid_ = false;
  is_energy_blocked_ = false;
  was_unplugged_ = false;
  session_marker_ = record.session_marker;
  meter_start_wh_ = record.meter_start_wh;
  interval_from_wh_[0] = meter_start_wh_;
  started_at_ = now();
  started_utc_ = record.time.utc;
  settle_until_ = now() + kSettleMs;
  if (record.has_reservation_id) services_->reservations.end(record.reservation_id, "used");
  phases_.reset();
  services_->profiles.bind_pending(id_, local_transaction_);
  set_session(SessionState::kRunning, "transaction started");
  arm_samples();
  push_event(EventType::kTransactionStarted);
}

bool Connector::is_last_reading_in() const {
  if (!has_register_meter()) return true;
  if (now() >= stop_at_ + (is_plugged_ ? kStopReadingMs : kUnplugReadingMs)) return true;
  if (!has_reading(stop_at_)) return false;
  if (!is_plugged_ || !sample_.has(charger::kMeterCurrent)) return true;
  return std::all_of(sample_.current_ma, sample_.current_ma + 3,
                     [](int32_t ma) { return ma < kQuietMa; });
}

void Connector::finish() {
  StopRecord record;
  record.local_transaction = local_transaction_;
  record.has_id_tag = true;
  record.id_tag = stop_id_tag_;
  record.meter_stop_wh = last_register_wh_;
  record.reason = stop_reason_;
  record.time = stop_time_;
  const common::Status stored =
      services_->store.end_transaction(record, measure_boundary(stop_at_));
  if (stored != common::Status::kOk && stored != common::Status::kNotFound) {
    LOG_ERROR(services_->log, "connector %u, transaction %lu: stop not stored (%s), trying again",
              id_, static_cast<unsigned long>(local_transaction_), to_string(stored));
    is_store_failing_ = true;
    retry_at_ = now() + kRetryMs;
    return;
  }
  is_store_failing_ = false;
  push_event(EventType::kTransactionStopped);
  services_->profiles.drop_transaction(id_, local_transaction_);
  local_transaction_ = 0;
  has_transaction_id_ = false;
  is_invalid_ = false;
  is_energy_blocked_ = false;
  // The normal end frees the cable. A refused tag keeps it, and so does an unplug at the car unless
  // UnlockConnectorOnEVSideDisconnect is set (3.5.4, 4.10).
  const bool is_cable_kept =
      stop_reason_ == StopReason::kDeAuthorized ||
      (stop_reason_ == StopReason::kEvDisconnected &&
       !services_->configuration.flag(Key::UnlockConnectorOnEVSideDisconnect));
  if (stop_reason_ != StopReason::kUnlockCommand) {
    is_cable_kept_ = capabilities_.has_lock && is_cable_kept;
    if (!is_cable_kept) (void)unlock();
  }
  // A car that came while the last one's transaction was being stopped is a new one.
  const bool is_car_left = is_plugged_ && !was_unplugged_;
  was_unplugged_ = false;
  must_stop_ = false;
  next_sample_at_ = Instant::never();
  settle_until_ = Instant{};
  set_session(is_car_left ? SessionState::kFinished : SessionState::kIdle, "transaction stopped");
}

common::Status Connector::unlock() {
  is_cable_kept_ = false;
  return capabilities_.has_lock ? services_->charger.unlock(id_, now())
                                : common::Status::kUnsupported;
}

void Connector::abandon(const char* cause) {
  services_->profiles.drop_pending(id_);
  id_tag_.clear();
  parent_id_tag_.clear();
  set_session(is_plugged_ ? SessionState::kFinished : SessionState::kIdle, cause);
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
