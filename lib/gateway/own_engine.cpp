#include "gateway/own_engine.hpp"

namespace gateway {
namespace {

EngineEvent::Kind kind_of(ocpp::EventType type) {
  using Kind = EngineEvent::Kind;
  switch (type) {
    case ocpp::EventType::kIdTagAccepted:
      return Kind::kTagAccepted;
    case ocpp::EventType::kIdTagRejected:
      return Kind::kTagRejected;
    case ocpp::EventType::kTransactionStarted:
      return Kind::kTransactionStarted;
    case ocpp::EventType::kTransactionStopped:
      return Kind::kTransactionStopped;
    case ocpp::EventType::kRegistrationChanged:
      return Kind::kRegistration;
    case ocpp::EventType::kConnectorStatusChanged:
      return Kind::kConnectorStatus;
    case ocpp::EventType::kResetRequested:
      return Kind::kResetRequested;
    case ocpp::EventType::kConfigurationChanged:
      return Kind::kConfigurationChanged;
    case ocpp::EventType::kFirmwareStatusChanged:
      return Kind::kFirmware;
    case ocpp::EventType::kDiagnosticsStatusChanged:
      return Kind::kDiagnostics;
    case ocpp::EventType::kClockSet:
      return Kind::kClockSet;
    case ocpp::EventType::kDataTransferAnswered:
      return Kind::kDataTransferAnswered;
  }
  return Kind::kRegistration;
}

void copy(const ocpp::ConfigurationEntry& from, ConfigurationEntry& to) {
  to.key = from.key;
  to.is_readonly = from.is_readonly;
  to.has_value = from.has_value;
  to.value = from.value;
}

}  // namespace

common::Status OwnEngine::begin(const EngineOptions& options, common::Instant now,
                                common::UtcTime utc) {
  ocpp::Options own;
  own.identity.vendor = options.vendor;
  own.identity.model = options.model;
  own.identity.serial_number = options.serial_number;
  own.identity.firmware_version = options.firmware_version;
  own.connectors = options.connectors;
  own.reset_cause = options.reset_cause;
  own.divides_total = false;  // SiteLimit shares it.
  own.reader_connectors = options.reader_connectors;
  if (options.has_lost_records) own.own_error = charger::Error::kInternalError;
  return charge_point_.begin(own, now, utc);
}

bool OwnEngine::take_event(EngineEvent& event) {
  ocpp::Event own;
  if (!charge_point_.take_event(own)) return false;
  event = EngineEvent{};
  event.kind = kind_of(own.type);
  event.connector_id = own.connector_id;
  event.is_hard = own.reset_is_hard;
  event.local_transaction = own.local_number;
  event.id_tag = own.id_tag;
  event.utc = own.utc;
  if (own.type == ocpp::EventType::kRegistrationChanged) event.text = to_string(own.registration);
  if (own.type == ocpp::EventType::kConnectorStatusChanged) event.text = to_string(own.status);
  if (own.key != nullptr) event.text = own.key;
  if (own.type == ocpp::EventType::kDataTransferAnswered) {
    if (own.key == nullptr) event.text = "no answer";
    event.data = charge_point_.data_transfer_answer();
  }
  return true;
}

EngineSummary OwnEngine::summary(common::Instant now) const {
  EngineSummary summary;
  summary.registration = to_string(charge_point_.registration());
  summary.is_link_up = charge_point_.is_link_up();
  summary.utc = charge_point_.utc(now);
  summary.pending_messages = charge_point_.pending_messages();
  summary.dead_letters = charge_point_.dead_letters();
  const ocpp::TransactionStore::Counters storage = charge_point_.storage();
  summary.flash_bytes = storage.bytes_written;
  summary.transactions = storage.transactions;
  summary.log_bytes = storage.log_bytes;
  summary.log_capacity_bytes = storage.capacity_bytes;
  return summary;
}

bool OwnEngine::lost_message(size_t index, LostMessage& message) {
  static constexpr const char* kReasons[] = {"Other", "CallError", "NotEncodable", "NoTransaction"};
  ocpp::DeadLetter letter;
  if (charge_point_.dead_letter(index, letter) != common::Status::kOk) return false;
  message = LostMessage();
  message.reason = kReasons[static_cast<size_t>(letter.reason)];
  message.has_transaction_id = letter.has_transaction_id;
  message.transaction_id = letter.transaction_id;
  if (letter.type == ocpp::RecordType::kStart) {
    message.action = "StartTransaction";
    message.connector_id = letter.start.connector_id;
    message.local_transaction = letter.start.local_transaction;
    message.id_tag = ocpp::mask(letter.start.id_tag);
    message.has_meter = true;
    message.meter_wh = letter.start.meter_start_wh;
    message.utc = charge_point_.utc(letter.start.time);
  } else if (letter.type == ocpp::RecordType::kStop) {
    message.action = "StopTransaction";
    message.local_transaction = letter.stop.local_transaction;
    message.id_tag = ocpp::mask(letter.stop.id_tag);
    message.has_meter = true;
    message.meter_wh = letter.stop.meter_stop_wh;
    message.utc = charge_point_.utc(letter.stop.time);
  } else {
    message.action = "MeterValues";
    message.connector_id = letter.meter_values.connector_id;
    message.local_transaction = letter.meter_values.local_transaction;
    message.has_meter = letter.meter_values.register_wh(message.meter_wh);
    message.utc = charge_point_.utc(letter.meter_values.time);
  }
  return true;
}

ConnectorSummary OwnEngine::connector(uint8_t connector_id) const {
  ConnectorSummary summary;
  summary.status = to_string(charge_point_.status(connector_id));
  if (connector_id == 0) return summary;
  summary.offer = charge_point_.offer(connector_id);
  ocpp::TransactionView transaction;
  if (!charge_point_.open_transaction(connector_id, transaction)) return summary;
  summary.has_transaction = true;
  summary.is_stopping = transaction.is_stopping;
  summary.has_transaction_id = transaction.has_transaction_id;
  summary.transaction_id = transaction.transaction_id;
  summary.local_transaction = transaction.local_number;
  summary.id_tag = transaction.id_tag;
  summary.meter_start_wh = transaction.meter_start_wh;
  summary.meter_last_wh = transaction.meter_last_wh;
  return summary;
}

ActionCounters OwnEngine::counters(size_t index) const {
  const ocpp::ActionCounters own = charge_point_.counters(index);
  ActionCounters counters;
  counters.action = own.action;
  counters.sent = own.sent;
  counters.answered = own.answered;
  counters.failed = own.failed;
  counters.timed_out = own.timed_out;
  counters.received = own.received;
  counters.refused = own.refused;
  return counters;
}

void OwnEngine::configuration_at(size_t index, ConfigurationEntry& entry) const {
  ocpp::ConfigurationEntry own;
  const size_t count = charge_point_.configuration_count();
  if (index < count) {
    charge_point_.configuration_at(index, own);
  } else {
    extension_->read_key(index - count, own);
  }
  copy(own, entry);
}

common::Status OwnEngine::get_configuration(common::TextSpan key, ConfigurationEntry& entry) const {
  ocpp::ConfigurationEntry own;
  size_t index = 0;
  if (extension_ != nullptr && extension_->find_key(key, index)) {
    extension_->read_key(index, own);
  } else {
    RETURN_IF_ERROR(charge_point_.get_configuration(key, own));
  }
  copy(own, entry);
  return common::Status::kOk;
}

const char* OwnEngine::set_configuration(common::TextSpan key, common::TextSpan value,
                                         common::Instant now) {
  size_t index = 0;
  if (extension_ != nullptr && extension_->find_key(key, index))
    return to_string(extension_->write_key(index, value, now));
  return to_string(charge_point_.set_configuration(key, value, now));
}

}  // namespace gateway
