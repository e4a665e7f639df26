#include "ocpp/engine.hpp"

#include <algorithm>

LOG_MODULE("ocpp");

namespace ocpp {

using common::Instant;

namespace {

/// 2020-01-01: a clock that tells an earlier time was never set, and its time must not reach a record.
constexpr common::UtcTime kEarliestUtc{1577836800000};
constexpr char kOperativeKey[] = "operative";
constexpr int64_t kStoreRetryMs = 1000;
constexpr int64_t kStorePatienceMs = 60000;
constexpr int64_t kResetSoftMs = 30000;  ///< Longest wait for the CSMS to take the last messages.
constexpr int64_t kResetHardMs = 15000;  ///< Longest wait for transactions to be stored.
constexpr int64_t kRestartMs = 30000;    ///< Longest wait for the application to restart.
constexpr int64_t kClockJumpMs = 10000;
constexpr int64_t kClockDriftMs = 1000;  ///< Less is network delay, not worth setting the clock.

}  // namespace

Engine::Engine(const Ports& the_ports)
    : ports(the_ports),
      configuration(the_ports.settings, the_ports.log),
      profiles(the_ports.settings, clock, the_ports.log),
      status(events, clock, the_ports.log),
      reservations(the_ports.settings, clock, the_ports.log),
      store(the_ports.files, the_ports.log),
      local_authorization(the_ports.files, configuration, the_ports.log),
      registration(events, clock, the_ports.log),
      calls(outbox, the_ports.entropy, clock, the_ports.log),
      services{the_ports.log,
               the_ports.charger,
               the_ports.settings,
               configuration,
               clock,
               events,
               store,
               profiles,
               status,
               reservations,
               is_online,
               may_offer,
               options.nominal_voltage_mv},
      firmware(*this),
      diagnostics(*this, the_ports.diagnostics) {}

common::Status Engine::begin(const Options& the_options, common::UtcTime utc) {
  if (the_options.connectors < 1 || the_options.connectors > limits::kMaxConnectors ||
      the_options.identity.vendor.empty() || the_options.identity.model.empty() ||
      the_options.nominal_voltage_mv < 1000) {
    return common::Status::kInvalidArgument;
  }
  options = the_options;
  begun_at_ = now();
  uint16_t meter_fields = 0;
  bool has_lock = false;
  bool can_switch_phases = true;
  for (uint8_t id = 1; id <= options.connectors; ++id) {
    const charger::Capabilities capabilities = ports.charger.capabilities(id);
    meter_fields |= capabilities.meter_fields;
    has_lock = has_lock || capabilities.has_lock;
    can_switch_phases = can_switch_phases && capabilities.can_switch_phases;
  }
  configuration.begin(options.connectors, meter_fields, has_lock, can_switch_phases);
  if (ports.transfer != nullptr)
    configuration.set_volatile(Key::SupportedFileTransferProtocols, ports.transfer->protocols());
  status.begin(options.connectors);
  profiles.begin();
  reservations.begin(options.connectors);
  local_authorization.begin(spare_buffer());
  uint8_t bits[2];
  if (const auto size = ports.settings.get(kOperativeKey, common::MutableByteSpan(bits));
      size.ok() && size.value() == sizeof bits) {
    operative_bits = static_cast<uint16_t>(bits[0] | bits[1] << 8U);
  }
  if (utc.is_known()) (void)clock.set(utc);
  for (uint8_t id = 1; id <= options.connectors; ++id) connector(id).begin(services, id);
  open_store();
  firmware.begin();
  diagnostics.begin();
  if (ports.extension != nullptr) ports.extension->begin(*this);
  apply_operative();
  update_reservations();
  has_input_ = true;
  return is_store_ready ? common::Status::kOk : common::Status::kIo;
}

void Engine::open_store() {
  const common::Status loaded = store.load();
  if (loaded != common::Status::kOk) {
    LOG_ERROR(ports.log, "transaction records cannot be read (%s)", to_string(loaded));
    // A charger that still serves a transaction is left alone for a while, then power is withdrawn.
    const bool is_patient = now() < begun_at_ + kStorePatienceMs;
    retry_store_at_ = now() + (is_patient ? kStoreRetryMs : kStorePatienceMs);
    if (!is_patient) allow_offers();
    return;
  }
  retry_store_at_ = Instant::never();
  is_store_ready = true;
  if (store.is_garbage()) options.own_error = charger::Error::kInternalError;
  allow_offers();
  resume_transactions();
}

void Engine::allow_offers() {
  if (may_offer) return;
  may_offer = true;
  for (uint8_t id = 1; id <= options.connectors; ++id) connector(id).refresh_offer();
}

void Engine::resume_transactions() {
  using platform::ResetCause;
  const bool is_power_loss =
      options.reset_cause == ResetCause::kPowerOn || options.reset_cause == ResetCause::kBrownOut;
  const StopReason reason = is_power_loss ? StopReason::kPowerLoss : StopReason::kReboot;
  const bool must_stop = !configuration.flag(Key::TxResumeAfterPowerLoss);
  for (uint8_t id = 1; id <= options.connectors; ++id) {
    const OpenTransaction* open = store.open_on(id);
    if (open == nullptr) continue;
    // The power went between the start and the end of its reservation.
    if (open->start.has_reservation_id) reservations.end(open->start.reservation_id, "used");
    connector(id).resume(*open, reason, must_stop);
  }
  // A damaged log, or fewer connectors than before: nobody else can end these.
  for (size_t i = 0; i < store.open_transactions().size();) {
    const OpenTransaction& open = store.open_transactions()[i];
    if (find_connector(open) != nullptr) {
      ++i;
      continue;
    }
    StopRecord record;
    record.local_transaction = open.start.local_transaction;
    record.has_id_tag = true;
    record.id_tag = open.start.id_tag;
    record.meter_stop_wh = open.last_meter_wh;
    record.reason = reason;
    record.time = open.last_meter_time;
    if (store.end_transaction(record) != common::Status::kOk) ++i;
  }
  profiles.keep_open_transactions(
      [this](uint32_t local) { return local != 0 && store.find_open(local) != nullptr; });
}

Instant Engine::step() {
  if (now() < deadline_ && !has_input_) return deadline_;
  has_input_ = false;
  if (now() >= retry_store_at_) {
    open_store();
    apply_operative();
  }

  if (calls.is_timed_out()) {
    const CallContext context = calls.abandon();
    LOG_WARN(ports.log, "%s was not answered in time", to_string(context.action));
    on_call_lost(context);
  }
  if (acknowledgement_.is_waiting) acknowledge();

  if (configuration.flag(Key::FreeVendEnabled)) start_free_vend();
  Instant next = step_connectors();
  update_reservations();
  next = common::earlier(next, reservations.step());
  update_reservations();  // shows what has expired
  next = common::earlier(next, status.step(configuration.milliseconds(Key::MinimumStatusDuration)));
  profiles.step();
  next = common::earlier(next, profiles.deadline());
  next = common::earlier(next, firmware.step());
  next = common::earlier(next, diagnostics.step());
  if (ports.extension != nullptr) next = common::earlier(next, ports.extension->step());
  if (now() >= local_authorization.deadline())
    local_authorization.write_cache(clock.utc(), now(), spare_buffer());
  next = common::earlier(next, local_authorization.deadline());
  run_reset();
  send_next_call();
  next = common::earlier(next, call_deadline());
  next = common::earlier(next, retry_store_at_);
  next = common::earlier(next, reset_by_);
  if (is_store_ready && store.needs_maintenance() && !calls.is_in_flight()) {
    if (store.maintain()) next = common::earlier(next, now() + 20);
  }
  // What step() itself changed may have made more work due; a deadline in the past is served by the
  // next call.
  deadline_ = next;
  return deadline_;
}

/// Not inline: so many places need it that a call is much the smaller code.
Connector& Engine::connector(uint8_t id) { return connectors[id - 1]; }

uint8_t Engine::sharers() const {
  if (!options.divides_total) return 1;
  uint8_t count = 0;
  for (uint8_t id = 1; id <= options.connectors; ++id) count += connector(id).wants_power() ? 1 : 0;
  return std::max<uint8_t>(1, count);
}

/// A transaction that starts or ends in a step changes the shares of all: they are right before it is over.
Instant Engine::step_connectors() {
  for (int round = 0;; ++round) {
    const uint8_t count = sharers();
    Instant next = Instant::never();
    for (uint8_t id = 1; id <= options.connectors; ++id) {
      connector(id).set_sharers(count);
      next = common::earlier(next, connector(id).step());
    }
    if (sharers() == count || round > 0) return next;
  }
}

void Engine::on_link(bool is_up) {
  if (is_up == is_link_up) return;
  is_link_up = is_up;
  has_input_ = true;
  outbox.clear();
  if (is_up) {
    registration.on_link_up();
  } else if (calls.is_in_flight()) {
    on_call_lost(calls.abandon());
  }
  update_online();
}

void Engine::update_online() {
  const bool was_online = is_online;
  is_online = is_link_up && registration.is_accepted();
  if (is_online == was_online) return;
  LOG_INFO(ports.log, "%s", is_online ? "online" : "offline");
  if (is_online) {
    status.report_all();
    retry_messages_at_ = now();
    return;
  }
  status.go_offline();
  if (data_transfers.is_waiting()) on_data_transfer_answer(nullptr, nullptr);
  for (uint8_t id = 1; id <= options.connectors; ++id) {
    if (is_authorizing(connector(id))) authorize_offline(connector(id));
  }
}

void Engine::on_sent() {
  if (outbox.empty()) return;
  outbox.pop();
  calls.on_sent(configuration.milliseconds(Key::MessageTimeout));
  has_input_ = true;
}

void Engine::on_charger_state(uint8_t connector_id, const charger::ChargerState& state) {
  if (!has_connector(connector_id)) return;
  connector(connector_id).on_charger_state(state);
  has_input_ = true;
}

void Engine::on_meter_sample(uint8_t connector_id, const charger::MeterSample& sample) {
  if (!has_connector(connector_id)) return;
  connector(connector_id).on_meter_sample(sample);
  has_input_ = true;
}

void Engine::set_utc(common::UtcTime utc, const char* source) {
  if (!utc.is_known()) return;
  if (utc < kEarliestUtc) {
    LOG_WARN(ports.log, "the time of %s lies before 2020: not taken", source);
    return;
  }
  const bool was_known = clock.is_known();
  if (was_known && std::abs(clock.utc() - utc) < kClockDriftMs) return;
  const int64_t jump_ms = clock.set(utc);
  has_input_ = true;
  if (!was_known || jump_ms >= kClockJumpMs || jump_ms <= -kClockJumpMs) {
    LOG_INFO(ports.log, "clock set by %s, %lld ms", source, static_cast<long long>(jump_ms));
  }
  Event event;
  event.type = EventType::kClockSet;
  event.utc = utc;
  events.push(event);
  for (uint8_t id = 1; id <= options.connectors; ++id) connector(id).on_clock();
  is_clock_wanted_ = false;
}

Connector* Engine::find_transaction(int32_t transaction_id) {
  for (uint8_t id = 1; id <= options.connectors; ++id) {
    Connector& candidate = connector(id);
    if (candidate.has_transaction() && candidate.has_transaction_id() &&
        candidate.transaction_id() == transaction_id) {
      return &candidate;
    }
  }
  return nullptr;
}

void Engine::on_configuration_changed(Key key) {
  has_input_ = true;
  Event event;
  event.type = EventType::kConfigurationChanged;
  event.key = Configuration::name(key);
  events.push(event);
  if (key == Key::HeartbeatInterval && registration.is_accepted()) {
    registration.arm_heartbeat(configuration.milliseconds(Key::HeartbeatInterval));
  }
  for (uint8_t id = 1; id <= options.connectors; ++id) connector(id).on_configuration(key);
}

common::Status Engine::set_operative(uint8_t connector_id, bool is_operative) {
  const uint16_t mask = connector_id == 0 ? UINT16_MAX : static_cast<uint16_t>(1U << connector_id);
  const auto wanted =
      static_cast<uint16_t>(is_operative ? operative_bits | mask : operative_bits & ~mask);
  if (wanted != operative_bits) {
    const uint8_t bits[2] = {static_cast<uint8_t>(wanted), static_cast<uint8_t>(wanted >> 8U)};
    const common::Status stored = ports.settings.set(kOperativeKey, common::ByteSpan(bits));
    if (stored != common::Status::kOk) {
      LOG_ERROR(ports.log, "availability not stored (%s)", to_string(stored));
      return stored;
    }
    operative_bits = wanted;
  }
  apply_operative();
  has_input_ = true;
  return common::Status::kOk;
}

void Engine::apply_operative() {
  ChargePointStatus own =
      (operative_bits & 1U) != 0 ? ChargePointStatus::Available : ChargePointStatus::Unavailable;
  charger::Error error = options.own_error;
  if (!is_store_ready) {  // without records nothing can start
    own = ChargePointStatus::Faulted;
    error = charger::Error::kInternalError;
  }
  status.set(0, own, error, StatusNote::kNone, 0, "availability");
  for (uint8_t id = 1; id <= options.connectors; ++id) {
    const bool connector_operative = (operative_bits & 1U << id) != 0 && !firmware.is_blocking();
    if (connector(id).is_operative() != connector_operative)
      connector(id).set_operative(connector_operative);
  }
}

bool Engine::is_in_use() const {
  for (uint8_t id = 1; id <= options.connectors; ++id) {
    const SessionState session = connector(id).session();
    if (session != SessionState::kIdle && session != SessionState::kFinished) return true;
  }
  return false;
}

void Engine::flush() {
  profiles.flush();
  local_authorization.write_cache(clock.utc(), now(), spare_buffer());
}

void Engine::request_reset(bool is_hard) {
  const Instant reset_by = now() + (is_hard ? kResetHardMs : kResetSoftMs);
  // A second request neither softens the first nor puts it off.
  reset_by_ = reset_ == Reset::kNone ? reset_by : common::earlier(reset_by_, reset_by);
  reset_ = is_hard || reset_ == Reset::kHard ? Reset::kHard : Reset::kSoft;
  has_input_ = true;
  LOG_INFO(ports.log, "%s reset requested", is_hard ? "hard" : "soft");
  for (uint8_t id = 1; id <= options.connectors; ++id) {
    connector(id).cancel("reset");
    (void)connector(id).stop(is_hard ? StopReason::kHardReset : StopReason::kSoftReset, IdTag());
  }
}

/// The application restarts once the answer has left, every transaction is stored and - soft - the
/// CSMS has it. It is asked again ResetRetries times; until it is given up nothing new begins.
void Engine::run_reset() {
  if (reset_ == Reset::kNone) return;
  if (now() < reset_by_) {
    if (resets_asked_ > 0) return;
    bool is_done = !is_link_up || outbox.empty();
    for (uint8_t id = 1; id <= options.connectors; ++id)
      is_done = is_done && !connector(id).has_transaction();
    if (reset_ == Reset::kSoft && is_online)
      is_done = is_done && !store.has_pending() && !calls.is_in_flight();
    if (!is_done) return;
  }
  if (resets_asked_ > configuration.number(Key::ResetRetries)) {
    LOG_ERROR(ports.log, "no restart: the reset is given up");
    reset_ = Reset::kNone;
    resets_asked_ = 0;
    reset_by_ = Instant::never();
    status.set(0, status.status(0), charger::Error::kResetFailure, StatusNote::kNone, 0, "reset");
    return;
  }
  flush();
  Event event;
  event.type = EventType::kResetRequested;
  event.reset_is_hard = reset_ == Reset::kHard;
  events.push(event);
  ++resets_asked_;
  reset_by_ = now() + kRestartMs;
}

}  // namespace ocpp
