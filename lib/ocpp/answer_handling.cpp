#include "ocpp/engine.hpp"
#include "ocpp/id_tag_info.hpp"
#include "ocpp_messages/authorize.hpp"
#include "ocpp_messages/boot_notification.hpp"
#include "ocpp_messages/heartbeat.hpp"
#include "ocpp_messages/start_transaction.hpp"
#include "ocpp_messages/stop_transaction.hpp"

#include <algorithm>

LOG_MODULE("ocpp.answers");

namespace ocpp {

using common::Instant;

namespace {

AuthorizationResult from_message(const messages::IdTagInfo& info) {
  AuthorizationResult result;
  result.status = static_cast<IdTagStatus>(info.status);
  if (info.parent_id_tag.has_value()) result.parent_id_tag = *info.parent_id_tag;
  return result;
}

RegistrationState from_message(messages::RegistrationStatus status) {
  switch (status) {
    case messages::RegistrationStatus::Accepted:
      return RegistrationState::kAccepted;
    case messages::RegistrationStatus::Pending:
      return RegistrationState::kPending;
    case messages::RegistrationStatus::Rejected:
      return RegistrationState::kRejected;
  }
  return RegistrationState::kRejected;
}

bool read(Engine& engine, Action action, messages::FramePayload payload,
          const messages::runtime::ObjectType& type, void* conf) {
  const messages::DecodeError error = messages::runtime::decode_object(type, payload, conf, {});
  if (error.ok()) return true;
  ++engine.calls.counters(action).failed;
  LOG_WARN(engine.ports.log, "answer to %s: %s", to_string(action), error.description().c_str());
  return false;
}

/// @return false when the answer cannot be read: counted and logged.
template <typename Conf>
bool read(Engine& engine, Action action, messages::FramePayload payload, Conf& conf) {
  return read(engine, action, payload, Conf::kType, &conf);
}

}  // namespace

void Engine::on_call_result(const CallContext& context, messages::FramePayload payload) {
  ++calls.counters(context.action).answered;
  switch (context.action) {
    case Action::BootNotification:
      on_boot_result(payload);
      break;
    case Action::Heartbeat: {
      messages::HeartbeatConf conf;
      if (read(*this, context.action, payload, conf)) set_utc(conf.current_time, "the CSMS");
      break;
    }
    case Action::Authorize: {
      messages::AuthorizeConf conf;
      AuthorizationResult result;
      if (read(*this, context.action, payload, conf)) {
        learn(to_tag_entry(context.id_tag, conf.id_tag_info));
        result = from_message(conf.id_tag_info);
      }
      on_authorization(connector(context.connector_id), result);
      break;
    }
    case Action::StartTransaction: {
      messages::StartTransactionConf conf;
      if (!read(*this, context.action, payload, conf)) {
        // Without a transaction id this is no success: tried again, and given up after some
        // attempts.
        on_transaction_failure(context);
        break;
      }
      learn(to_tag_entry(context.id_tag, conf.id_tag_info));
      const AuthorizationResult result = from_message(conf.id_tag_info);
      acknowledgement_.is_waiting = true;
      acknowledgement_.is_start = true;
      acknowledgement_.sequence = context.sequence;
      acknowledgement_.transaction_id = conf.transaction_id;
      acknowledgement_.id_tag_status = result.status;
      acknowledgement_.parent_id_tag = result.parent_id_tag;
      acknowledge();
      break;
    }
    case Action::MeterValues:
    case Action::StopTransaction:
      if (context.is_dead_letter) on_dead_letter_answer(true);
      if (context.action == Action::StopTransaction) learn_from_stop(context, payload);
      if (context.sequence == 0) break;  // triggered values and dead letters wait for nothing
      acknowledgement_.is_waiting = true;
      acknowledgement_.is_start = false;
      acknowledgement_.sequence = context.sequence;
      acknowledge();
      break;
    case Action::DataTransfer: {
      messages::DataTransferConf conf;
      const bool is_readable = read(*this, context.action, payload, conf);
      on_data_transfer_answer(is_readable ? to_string(conf.status) : nullptr,
                              is_readable && conf.data.has_value() ? &*conf.data : nullptr);
      break;
    }
    case Action::StatusNotification:
      status.on_delivered(context.connector_id);
      break;
    case Action::FirmwareStatusNotification:
    case Action::DiagnosticsStatusNotification:
      on_file_status_told(context);
      break;
    default:
      break;
  }
}

void Engine::on_file_status_told(const CallContext& context) {
  if (context.sequence == 0) return;  // triggered
  if (context.action == Action::FirmwareStatusNotification) {
    firmware.on_told(context.sequence);
  } else {
    diagnostics.on_told(context.sequence);
  }
}

void Engine::learn_from_stop(const CallContext& context, messages::FramePayload payload) {
  messages::StopTransactionConf conf;
  if (decode(payload, conf).ok() && conf.id_tag_info.has_value())
    learn(to_tag_entry(context.id_tag, *conf.id_tag_info));
}

void Engine::on_boot_result(messages::FramePayload payload) {
  messages::BootNotificationConf conf;
  if (!read(*this, Action::BootNotification, payload, conf)) {
    registration.on_boot_failed();
    return;
  }
  set_utc(conf.current_time, "the CSMS");
  const RegistrationState state = from_message(conf.status);
  if (state == RegistrationState::kAccepted) {
    if (conf.interval > 0) configuration.set_volatile(Key::HeartbeatInterval, conf.interval);
    registration.arm_heartbeat(configuration.milliseconds(Key::HeartbeatInterval));
  }
  const bool was_accepted = registration.is_accepted();
  registration.on_boot_answer(state, conf.interval);
  update_online();
  // Accepted once more (a triggered BootNotification): the statuses are due all the same.
  if (was_accepted && is_online) status.report_all();
}

void Engine::acknowledge() {
  common::Status stored;
  if (acknowledgement_.is_start) {
    stored = store.assign(acknowledgement_.sequence, acknowledgement_.transaction_id,
                          acknowledgement_.id_tag_status, acknowledgement_.parent_id_tag);
  } else {
    stored = store.mark_delivered(acknowledgement_.sequence);
  }
  if (stored == common::Status::kIo || stored == common::Status::kNoSpace) {
    // Sending it again would double it at the CSMS: nothing goes out until this is written.
    LOG_ERROR(ports.log, "answer to record %lu not stored (%s), trying again",
              static_cast<unsigned long>(acknowledgement_.sequence), to_string(stored));
    retry_messages_at_ = now() + 1000;
    return;
  }
  acknowledgement_.is_waiting = false;
  retry_messages_at_ = now();
  if (stored == common::Status::kOk && acknowledgement_.is_start) on_start_acknowledged();
}

/// What the answer to StartTransaction means for a transaction that still is open.
void Engine::on_start_acknowledged() {
  AuthorizationResult result;
  result.status = acknowledgement_.id_tag_status;
  result.parent_id_tag = acknowledgement_.parent_id_tag;
  if (Connector* started = started_by(acknowledgement_.sequence))
    started->on_assigned(acknowledgement_.transaction_id, result);
}

Connector* Engine::find_connector(const OpenTransaction& open) {
  for (uint8_t id = 1; id <= options.connectors; ++id) {
    if (connector(id).local_transaction() == open.start.local_transaction) return &connector(id);
  }
  return nullptr;
}

Connector* Engine::started_by(uint32_t sequence) {
  for (const OpenTransaction& open : store.open_transactions()) {
    if (open.start_sequence == sequence) return find_connector(open);
  }
  return nullptr;
}

void Engine::on_call_error(const CallContext& context, common::TextSpan code,
                           common::TextSpan description) {
  ++calls.counters(context.action).failed;
  LOG_WARN(ports.log, "%s refused: %.*s %.*s", to_string(context.action),
           static_cast<int>(code.size()), code.data(),
           static_cast<int>(std::min<size_t>(description.size(), 80)), description.data());
  switch (context.action) {
    case Action::BootNotification:
      registration.on_boot_failed();
      break;
    case Action::Authorize:
      on_authorization(connector(context.connector_id), AuthorizationResult());
      break;
    case Action::StatusNotification:
      status.on_lost(context.connector_id);
      break;
    case Action::StartTransaction:
    case Action::MeterValues:
    case Action::StopTransaction:
      if (context.is_dead_letter) on_dead_letter_answer(false);
      if (context.sequence != 0) on_transaction_failure(context);
      break;
    case Action::DataTransfer:
      on_data_transfer_answer(nullptr, nullptr);
      break;
    // Refused is heard: a CSMS without this profile must not hold an update up.
    case Action::FirmwareStatusNotification:
    case Action::DiagnosticsStatusNotification:
      on_file_status_told(context);
      break;
    default:
      break;
  }
}

/// The CSMS failed to process a transaction message: the only thing that counts as an attempt
/// (3.7.1, OCPP-J errata 3.3).
void Engine::on_transaction_failure(const CallContext& context) {
  if (failed_sequence_ != context.sequence) failed_attempts_ = 0;
  failed_sequence_ = context.sequence;
  ++failed_attempts_;
  const int64_t wait_ms =
      configuration.milliseconds(Key::TransactionMessageRetryInterval) * failed_attempts_;
  retry_messages_at_ = now() + std::max<int64_t>(1000, wait_ms);
  if (failed_attempts_ <
      std::max<int32_t>(1, configuration.number(Key::TransactionMessageAttempts)))
    return;
  if (give_up_message(context.sequence, DeadLetterReason::kCallError)) {
    retry_messages_at_ = now();
  } else {
    --failed_attempts_;  // no room on flash: once more, in its time
  }
}

void Engine::on_data_transfer_answer(const char* answered, const Text* data) {
  data_transfers.on_answer(data);
  Event event;
  event.type = EventType::kDataTransferAnswered;
  event.key = answered;
  events.push(event);
}

/// Timeout or lost connection. Transaction messages stay in the queue and go out again, however
/// often it takes.
void Engine::on_call_lost(const CallContext& context) {
  switch (context.action) {
    case Action::BootNotification:
      registration.on_boot_failed();
      break;
    case Action::Authorize:
      authorize_offline(connector(context.connector_id));
      break;
    case Action::StatusNotification:
      status.on_lost(context.connector_id);
      break;
    case Action::DataTransfer:
      on_data_transfer_answer(nullptr, nullptr);
      break;
    case Action::MeterValues:
    case Action::StopTransaction:
      if (context.is_dead_letter) on_dead_letter_answer(false);
      break;
    default:
      if (ports.extension != nullptr) (void)ports.extension->on_outcome(context, nullptr);
      break;
  }
}

}  // namespace ocpp
