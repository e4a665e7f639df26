#include "ocpp/engine.hpp"
#include "ocpp/meter_values.hpp"
#include "ocpp/stop_data.hpp"
#include "ocpp_messages/authorize.hpp"
#include "ocpp_messages/boot_notification.hpp"
#include "ocpp_messages/diagnostics_status_notification.hpp"
#include "ocpp_messages/firmware_status_notification.hpp"
#include "ocpp_messages/heartbeat.hpp"
#include "ocpp_messages/meter_values.hpp"
#include "ocpp_messages/start_transaction.hpp"
#include "ocpp_messages/status_notification.hpp"
#include "ocpp_messages/stop_transaction.hpp"

#include <algorithm>

LOG_MODULE("ocpp.scheduler");

namespace ocpp {

using common::Instant;

namespace {

messages::ChargePointErrorCode to_message(charger::Error error) {
  using messages::ChargePointErrorCode;
  switch (error) {
    case charger::Error::kNone:
      return ChargePointErrorCode::NoError;
    case charger::Error::kConnectorLockFailure:
      return ChargePointErrorCode::ConnectorLockFailure;
    case charger::Error::kEvCommunicationError:
      return ChargePointErrorCode::EVCommunicationError;
    case charger::Error::kGroundFailure:
      return ChargePointErrorCode::GroundFailure;
    case charger::Error::kHighTemperature:
      return ChargePointErrorCode::HighTemperature;
    case charger::Error::kInternalError:
      return ChargePointErrorCode::InternalError;
    case charger::Error::kOtherError:
      return ChargePointErrorCode::OtherError;
    case charger::Error::kOverCurrentFailure:
      return ChargePointErrorCode::OverCurrentFailure;
    case charger::Error::kOverVoltage:
      return ChargePointErrorCode::OverVoltage;
    case charger::Error::kPowerMeterFailure:
      return ChargePointErrorCode::PowerMeterFailure;
    case charger::Error::kPowerSwitchFailure:
      return ChargePointErrorCode::PowerSwitchFailure;
    case charger::Error::kReaderFailure:
      return ChargePointErrorCode::ReaderFailure;
    case charger::Error::kResetFailure:
      return ChargePointErrorCode::ResetFailure;
    case charger::Error::kUnderVoltage:
      return ChargePointErrorCode::UnderVoltage;
    case charger::Error::kWeakSignal:
      return ChargePointErrorCode::WeakSignal;
  }
  return ChargePointErrorCode::OtherError;
}

messages::Reason to_message(StopReason reason) {
  using messages::Reason;
  switch (reason) {
    case StopReason::kLocal:
      return Reason::Local;
    case StopReason::kEmergencyStop:
      return Reason::EmergencyStop;
    case StopReason::kEvDisconnected:
      return Reason::EVDisconnected;
    case StopReason::kHardReset:
      return Reason::HardReset;
    case StopReason::kOther:
      return Reason::Other;
    case StopReason::kPowerLoss:
      return Reason::PowerLoss;
    case StopReason::kReboot:
      return Reason::Reboot;
    case StopReason::kRemote:
      return Reason::Remote;
    case StopReason::kSoftReset:
      return Reason::SoftReset;
    case StopReason::kUnlockCommand:
      return Reason::UnlockCommand;
    case StopReason::kDeAuthorized:
      return Reason::DeAuthorized;
  }
  return Reason::Other;
}

messages::ChargePointStatus to_message(ChargePointStatus status) {
  static_assert(static_cast<int>(ChargePointStatus::Faulted) ==
                        static_cast<int>(messages::ChargePointStatus::Faulted) &&
                    static_cast<int>(ChargePointStatus::SuspendedEVSE) ==
                        static_cast<int>(messages::ChargePointStatus::SuspendedEVSE),
                "both enums follow the specification's order");
  return static_cast<messages::ChargePointStatus>(status);
}

/// Registers are 64-bit here and 32-bit on the wire: 2,147 MWh.
int32_t to_wire_wh(int64_t wh) {
  return static_cast<int32_t>(std::min<int64_t>(std::max<int64_t>(wh, 0), INT32_MAX));
}

template <size_t N>
void set_if_given(messages::Optional<common::FixedString<N>>& out,
                  const common::FixedString<N>& value) {
  if (!value.empty()) out = value;
}

}  // namespace

/// One CALL at a time. In this order: BootNotification; what the CSMS triggered; Authorize, because
/// a person waits; StatusNotification; Heartbeat; transaction messages. Each of the first kinds is
/// rare, so none starves the rest.
void Engine::send_next_call() {
  if (!is_link_up || !calls.is_idle()) return;
  if (registration.wants_boot()) {
    return send_boot();
  }
  const RegistrationState state = registration.state();
  if (state == RegistrationState::kPending || state == RegistrationState::kAccepted) {
    if (send_triggered()) return;
  }
  if (!is_online) return;
  if (send_authorize()) return;
  if (is_list_conflict_) return send_list_conflict();
  if (const StatusReport* report = status.front(); report != nullptr) {
    const StatusReport copy = *report;
    status.pop();
    return send_status(copy);
  }
  if (send_data_transfer()) return;
  if (send_file_status(false)) return;
  if (registration.wants_heartbeat()) return send_heartbeat();
  if (send_transaction_message()) return;
  (void)send_dead_letter();
}

Instant Engine::call_deadline() const {
  // An answer that is not on flash yet would be lost with the power, connected or not.
  Instant next = acknowledgement_.is_waiting ? retry_messages_at_ : Instant::never();
  if (!is_link_up) return next;
  next = common::earlier(next, calls.deadline());
  // While something is in flight, its answer or timeout is what comes next.
  if (calls.is_in_flight() || !outbox.empty()) return next;
  next = common::earlier(next, registration.deadline());
  if (is_online && is_store_ready && store.has_pending() && !is_clock_wanted_) {
    next = common::earlier(next, retry_messages_at_);
  }
  return next;
}

void Engine::send_boot() {
  const Identity& identity = options.identity;
  messages::BootNotificationReq request;
  request.charge_point_vendor = identity.vendor;
  request.charge_point_model = identity.model;
  set_if_given(request.charge_point_serial_number, identity.serial_number);
  set_if_given(request.firmware_version, identity.firmware_version);
  set_if_given(request.meter_type, identity.meter_type);
  set_if_given(request.meter_serial_number, identity.meter_serial_number);
  calls.send_short(request, CallContext());
  registration.on_boot_sent();
}

void Engine::send_heartbeat() {
  registration.arm_heartbeat(configuration.milliseconds(Key::HeartbeatInterval));
  calls.send_short(messages::HeartbeatReq(), CallContext());
}

void Engine::send_status(const StatusReport& report) {
  messages::StatusNotificationReq request;
  request.connector_id = report.connector_id;
  request.error_code = to_message(report.error);
  request.status = to_message(report.status);
  if (const common::UtcTime at = clock.utc(report.at); at.is_known()) request.timestamp = at;
  if (report.note == StatusNote::kEvSideDisconnected) {
    request.info = common::FixedString<50>("EV side disconnected");
  }
  if (report.connector_id != 0 && report.error != charger::Error::kNone) {
    const charger::ChargerState& state = connector(report.connector_id).charger_state();
    set_if_given(request.info, state.info);
    set_if_given(request.vendor_error_code, state.vendor_error_code);
  }
  CallContext context;
  context.connector_id = report.connector_id;
  calls.send_short(request, context);
}

/// The CSMS's word and its list disagree about an id tag (3.5.2).
void Engine::send_list_conflict() {
  is_list_conflict_ = false;
  messages::StatusNotificationReq request;
  request.connector_id = 0;
  request.error_code = messages::ChargePointErrorCode::LocalListConflict;
  request.status = to_message(status.status(0));
  if (const common::UtcTime at = clock.utc(); at.is_known()) request.timestamp = at;
  calls.send_short(request, CallContext());
}

bool Engine::send_triggered() {
  if (is_heartbeat_triggered) {
    is_heartbeat_triggered = false;
    calls.send_short(messages::HeartbeatReq(), CallContext());
    return true;
  }
  for (uint8_t id = 0; triggered_status != 0; ++id) {
    if ((triggered_status & 1U << id) == 0) continue;
    triggered_status = static_cast<uint16_t>(triggered_status & ~(1U << id));
    StatusReport report;
    report.connector_id = id;
    report.status = status.status(id);
    report.error = status.error(id);
    report.at = now();
    send_status(report);
    return true;
  }
  for (uint8_t id = 1; id <= options.connectors; ++id) {
    if (!connector(id).has_triggered_sample()) continue;
    connector(id).drop_triggered_sample();
    if (send_triggered_meter_values(connector(id))) return true;
  }
  return send_file_status(true) || (ports.extension != nullptr && ports.extension->send());
}

bool Engine::send_file_status(bool is_triggered) {
  uint8_t step = 0;
  CallContext context;
  // What is due anyway tells as much.
  if (is_triggered ? firmware.is_triggered : firmware.next_to_tell(step)) {
    firmware.is_triggered = false;
    messages::FirmwareStatusNotificationReq request;
    request.status = is_triggered ? firmware.status() : FirmwareUpdate::status_of(step);
    if (!is_triggered) context.sequence = firmware.receipt(step);
    calls.send_short(request, context);
    return true;
  }
  if (is_triggered ? diagnostics.is_triggered : diagnostics.next_to_tell(step)) {
    diagnostics.is_triggered = false;
    messages::DiagnosticsStatusNotificationReq request;
    request.status = is_triggered ? diagnostics.status() : Diagnostics::status_of(step);
    if (!is_triggered) context.sequence = diagnostics.receipt(step);
    calls.send_short(request, context);
    return true;
  }
  return false;
}

bool Engine::send_triggered_meter_values(Connector& source) {
  const MeasuredValues measured =
      source.measure(configuration.measurands(Key::MeterValuesSampledData));
  SampledValues values(measured, SampleContext::kTrigger);
  messages::MeterValue value;
  value.timestamp = clock.utc(source.last_sample().taken_at);
  if (measured.empty() || !value.timestamp.is_known()) return false;
  value.sampled_value = values.view();
  messages::MeterValuesReq request;
  request.connector_id = source.id();
  if (source.has_transaction() && source.has_transaction_id())
    request.transaction_id = source.transaction_id();
  request.meter_value = common::Span<const messages::MeterValue>(&value, 1);
  CallContext context;
  context.connector_id = source.id();
  return calls.send(request, context) == common::Status::kOk;
}

bool Engine::send_authorize() {
  for (uint8_t id = 1; id <= options.connectors; ++id) {
    const PendingAuthorization& request = pending[id - 1];
    if (!request.is_waiting) continue;
    messages::AuthorizeReq authorize;
    authorize.id_tag = request.id_tag;
    CallContext context;
    context.connector_id = id;
    context.id_tag = request.id_tag;
    calls.send_short(authorize, context);
    return true;
  }
  return false;
}

bool Engine::send_data_transfer() {
  if (!data_transfers.is_waiting()) return false;
  calls.send_short(data_transfers.request(), CallContext());
  data_transfers.on_sent();
  return true;
}

bool Engine::send_transaction_message() {
  if (!is_store_ready || !store.has_pending() || acknowledgement_.is_waiting || is_clock_wanted_)
    return false;
  if (now() < retry_messages_at_) return false;
  if (clock.is_known() && !is_boot_time_stored_) {
    is_boot_time_stored_ = store.set_boot_time(now(), clock.utc()) == common::Status::kOk;
  }
  PendingMessage message;
  const common::Status peeked = store.next_pending(message);
  if (peeked != common::Status::kOk) {
    is_clock_wanted_ = peeked == common::Status::kAgain;
    if (!is_clock_wanted_) retry_messages_at_ = now() + 1000;
    return false;
  }
  CallContext context;
  context.sequence = message.sequence;
  const common::Status sent = send_message(message, context);
  if (sent == common::Status::kOk) return true;
  retry_messages_at_ = now() + 1000;
  if (sent != common::Status::kIo)
    (void)give_up_message(message.sequence, DeadLetterReason::kUnencodable);
  return false;
}

namespace {

/// Apart from send_message(), so that only stops with data take its stack.
[[gnu::noinline]] common::Status send_stop_with_data(Engine& engine,
                                                     messages::StopTransactionReq& request,
                                                     uint32_t local_transaction,
                                                     const CallContext& context) {
  StopData data(engine.store, local_transaction);
  const common::Status found = data.prepare();
  if (found == common::Status::kOk) {
    request.transaction_data = data.view();
  } else if (found != common::Status::kNotFound) {
    return common::Status::kIo;
  }
  // What does not fit is left out, but for the begin and the end (errata 3.14, 3.91).
  common::Status sent = common::Status::kOk;
  do {
    sent = engine.calls.send(request, context);
    if (data.is_broken()) {
      // A reading is on flash and could not be read: not to be left out.
      engine.calls.abandon();
      engine.outbox.clear();
      return common::Status::kIo;
    }
  } while (sent == common::Status::kNoSpace && data.thin());
  return sent;
}

}  // namespace

common::Status Engine::send_message(const PendingMessage& message, CallContext context) {
  common::Status sent = common::Status::kInvalidArgument;
  switch (message.type) {
    case RecordType::kStart: {
      messages::StartTransactionReq request;
      request.connector_id = message.start.connector_id;
      request.id_tag = message.start.id_tag;
      request.meter_start = to_wire_wh(message.start.meter_start_wh);
      if (message.start.has_reservation_id) request.reservation_id = message.start.reservation_id;
      request.timestamp = message.utc;
      context.connector_id = message.start.connector_id;
      context.id_tag = message.start.id_tag;
      sent = calls.send(request, context);
      break;
    }
    case RecordType::kMeterValues: {
      const MeterValuesRecord& record = message.meter_values;
      SampledValues values(record.values, record.context);
      messages::MeterValue value;
      value.timestamp = message.utc;
      value.sampled_value = values.view();
      messages::MeterValuesReq request;
      request.connector_id = record.connector_id;
      if (message.has_transaction_id) request.transaction_id = message.transaction_id;
      request.meter_value = common::Span<const messages::MeterValue>(&value, 1);
      context.connector_id = record.connector_id;
      sent = calls.send(request, context);
      break;
    }
    case RecordType::kStop: {
      messages::StopTransactionReq request;
      if (message.stop.has_id_tag) request.id_tag = message.stop.id_tag;
      request.meter_stop = to_wire_wh(message.stop.meter_stop_wh);
      request.timestamp = message.utc;
      request.transaction_id = message.transaction_id;
      request.reason = to_message(message.stop.reason);
      if (message.stop.has_id_tag) context.id_tag = message.stop.id_tag;
      sent = message.has_stop_data
                 ? send_stop_with_data(*this, request, message.local_transaction, context)
                 : calls.send(request, context);
      break;
    }
    case RecordType::kCheckpoint:
    case RecordType::kTransactionAssigned:
    case RecordType::kDelivered:
    case RecordType::kRegister:
    case RecordType::kBootTime:
    case RecordType::kDeadLetter:
    case RecordType::kLettersCleared:
    case RecordType::kMeterValuesV1:
    case RecordType::kStopData:
      break;
  }
  return sent;
}

bool Engine::give_up_message(uint32_t sequence, DeadLetterReason reason) {
  LOG_ERROR(ports.log, "record %lu moved to the dead letters",
            static_cast<unsigned long>(sequence));
  if (store.move_to_dead_letters(sequence, reason) != common::Status::kOk) return false;
  // The CSMS will never know of this transaction: nobody pays for what is drawn from here on.
  if (Connector* started = started_by(sequence)) started->invalidate(StopReason::kOther);
  return true;
}

}  // namespace ocpp
