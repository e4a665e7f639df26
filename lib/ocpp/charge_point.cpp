#include "ocpp/charge_point.hpp"

namespace ocpp {

using common::Instant;

ChargePoint::ChargePoint(const Ports& ports) : engine_(ports) {}

common::Status ChargePoint::begin(const Options& options, Instant now, common::UtcTime utc) {
  return at(now).begin(options, utc);
}

Instant ChargePoint::step(Instant now) { return at(now).step(); }

void ChargePoint::on_link(bool is_up, Instant now) { at(now).on_link(is_up); }

bool ChargePoint::can_receive() const { return engine_.outbox.can_take_answer(); }

void ChargePoint::receive(common::TextSpan frame, bool truncated, Instant now) {
  at(now).receive(frame, truncated);
}

common::TextSpan ChargePoint::next_to_send() {
  return engine_.is_link_up ? engine_.outbox.front() : common::TextSpan();
}

void ChargePoint::on_sent(Instant now) { at(now).on_sent(); }

void ChargePoint::on_charger_state(uint8_t connector_id, const charger::ChargerState& state,
                                   Instant now) {
  at(now).on_charger_state(connector_id, state);
}

void ChargePoint::on_meter_sample(uint8_t connector_id, const charger::MeterSample& sample,
                                  Instant now) {
  at(now).on_meter_sample(connector_id, sample);
}

void ChargePoint::on_id_tag(uint8_t connector_id, const charger::IdTag& id_tag, Instant now) {
  at(now).on_id_tag(connector_id, id_tag);
}

void ChargePoint::on_utc(common::UtcTime utc, Instant now) { at(now).set_utc(utc, "the platform"); }

common::Status ChargePoint::add_data_transfer_handler(const DataTransferHandler& handler) {
  return engine_.data_transfers.add(handler);
}

common::Status ChargePoint::send_data_transfer(common::TextSpan vendor_id,
                                               common::TextSpan message_id, common::TextSpan data,
                                               Instant) {
  if (!engine_.is_online) return common::Status::kInvalidState;
  RETURN_IF_ERROR(engine_.data_transfers.put(vendor_id, message_id, data));
  engine_.on_input();
  return common::Status::kOk;
}

common::TextSpan ChargePoint::data_transfer_answer() const {
  return engine_.data_transfers.answer();
}

bool ChargePoint::take_event(Event& out) {
  if (!engine_.events.pop(out)) return false;
  if (engine_.ports.extension != nullptr) engine_.ports.extension->on_event(out);
  return true;
}

size_t ChargePoint::configuration_count() const { return kKeyCount; }

void ChargePoint::configuration_at(size_t index, ConfigurationEntry& out) const {
  engine_.configuration.read(static_cast<Key>(index), out);
}

common::Status ChargePoint::get_configuration(common::TextSpan key, ConfigurationEntry& out) const {
  Key found{};
  if (!Configuration::find(key, found)) return common::Status::kNotFound;
  engine_.configuration.read(found, out);
  return common::Status::kOk;
}

ConfigurationStatus ChargePoint::set_configuration(common::TextSpan key, common::TextSpan value,
                                                   Instant now) {
  Key found{};
  bool is_changed = false;
  const ConfigurationStatus status = engine_.configuration.write(key, value, found, is_changed);
  if (is_changed) at(now).on_configuration_changed(found);
  return status;
}

void ChargePoint::flush(Instant now) { at(now).flush(); }

bool ChargePoint::is_link_up() const { return engine_.is_link_up; }

RegistrationState ChargePoint::registration() const { return engine_.registration.state(); }

uint8_t ChargePoint::connectors() const { return engine_.options.connectors; }

ChargePointStatus ChargePoint::status(uint8_t connector_id) const {
  return engine_.status.status(connector_id);
}

bool ChargePoint::is_operative(uint8_t connector_id) const {
  return engine_.connector(connector_id).is_operative();
}

bool ChargePoint::open_transaction(uint8_t connector_id, TransactionView& out) const {
  if (!engine_.has_connector(connector_id)) return false;
  const Connector& connector = engine_.connector(connector_id);
  if (!connector.has_transaction()) return false;
  out.local_number = connector.local_transaction();
  out.has_transaction_id = connector.has_transaction_id();
  out.transaction_id = connector.transaction_id();
  out.id_tag = mask(connector.id_tag());
  out.meter_start_wh = connector.meter_start_wh();
  out.meter_last_wh = connector.register_wh();
  out.started_at = connector.started_at();
  out.is_stopping = connector.session() == SessionState::kStopping;
  return true;
}

charger::Offer ChargePoint::offer(uint8_t connector_id) const {
  return engine_.has_connector(connector_id) ? engine_.connector(connector_id).offer()
                                             : charger::Offer();
}

common::UtcTime ChargePoint::utc(Instant now) const { return engine_.clock.utc(now); }

size_t ChargePoint::pending_messages() const { return engine_.store.counters().pending_messages; }

size_t ChargePoint::dead_letters() const { return engine_.store.counters().dead_letters; }

common::Status ChargePoint::dead_letter(size_t index, DeadLetter& out) {
  return engine_.store.read_dead_letter(index, out);
}

common::UtcTime ChargePoint::utc(const RecordTime& time) {
  return engine_.store.resolve(time).value_or(common::UtcTime());
}

common::Status ChargePoint::clear_dead_letters() {
  return engine_.store.clear_dead_letters(engine_.store.last_sequence());
}

common::Status ChargePoint::resend_dead_letters() { return engine_.resend_dead_letters(); }

TransactionStore::Counters ChargePoint::storage() const { return engine_.store.counters(); }

const char* ChargePoint::firmware_status() const { return to_string(engine_.firmware.status()); }

uint32_t ChargePoint::firmware_bytes() const { return engine_.firmware.received_bytes(); }

const char* ChargePoint::diagnostics_status() const {
  return to_string(engine_.diagnostics.status());
}

common::Status ChargePoint::update_firmware(common::TextSpan url, Instant now) {
  if (engine_.ports.firmware == nullptr || engine_.ports.transfer == nullptr)
    return common::Status::kUnsupported;
  if (url.empty() || url.size() > limits::kMaxLocationBytes)
    return common::Status::kInvalidArgument;
  FileOrder order;
  order.url = url;
  engine_.wake();
  return at(now).firmware.order(order);
}

common::Status ChargePoint::confirm_firmware(Instant now) {
  engine_.wake();
  return at(now).firmware.confirm();
}

size_t ChargePoint::action_count() const { return messages::kActionCount; }

ActionCounters ChargePoint::counters(size_t index) const {
  const auto action = static_cast<Action>(index);
  ActionCounters counters = engine_.calls.counters(action);
  counters.action = to_string(action);
  return counters;
}

}  // namespace ocpp
