#include "ocpp/handlers/handlers.hpp"

namespace ocpp {

using messages::MessageTrigger;
using messages::TriggerMessageStatus;

TriggerMessageStatus trigger(Engine& engine, const messages::TriggerMessageReq& request) {
  const int32_t connector_id = request.connector_id.value_or(0);
  const bool is_known_connector = connector_id == 0 || engine.has_connector(connector_id);
  TriggerMessageStatus status = TriggerMessageStatus::Accepted;
  switch (request.requested_message) {
    case MessageTrigger::BootNotification:
      // Also after Accepted: evcc and Home Assistant ask for it when they have missed the one at
      // start-up.
      engine.registration.boot_now();
      break;
    case MessageTrigger::Heartbeat:
      engine.is_heartbeat_triggered = true;
      break;
    case MessageTrigger::StatusNotification:
      if (!is_known_connector) {
        status = TriggerMessageStatus::Rejected;
      } else if (request.connector_id.has_value()) {
        engine.triggered_status =
            static_cast<uint16_t>(engine.triggered_status | 1U << connector_id);
      } else {
        engine.triggered_status =
            static_cast<uint16_t>((1U << (engine.options.connectors + 1U)) - 1U);
      }
      break;
    case MessageTrigger::MeterValues:
      // Rejected too when no meter is there to tell anything.
      status = TriggerMessageStatus::Rejected;
      for (uint8_t id = 1; id <= engine.options.connectors && is_known_connector; ++id) {
        if ((connector_id != 0 && connector_id != id) ||
            engine.ports.charger.capabilities(id).meter_fields == 0) {
          continue;
        }
        engine.connector(id).trigger_meter_values();
        status = TriggerMessageStatus::Accepted;
      }
      break;
    case MessageTrigger::DiagnosticsStatusNotification:
      engine.diagnostics.is_triggered = true;
      break;
    case MessageTrigger::FirmwareStatusNotification:
      engine.firmware.is_triggered = true;
      break;
  }
  return status;
}

/// OCPP 1.6 ed. 2, 5.17. The answer goes out before what was triggered: it is in the outbox first.
void handle_trigger_message(const InboundCall& call) {
  messages::TriggerMessageReq request;
  messages::TriggerMessageConf conf;
  if (const messages::DecodeError error = decode(call.payload(), request); !error.ok()) {
    // A message that this protocol version does not know is not implemented, rather than a
    // violation.
    const bool is_unknown_name =
        error.code() == messages::RpcErrorCode::PropertyConstraintViolation &&
        common::equals(error.path().span(), common::text("requestedMessage"));
    if (!is_unknown_name) {
      call.refuse(error);
      return;
    }
    conf.status = TriggerMessageStatus::NotImplemented;
    call.answer(conf);
    return;
  }
  conf.status = trigger(call.engine(), request);
  call.answer(conf);
}

}  // namespace ocpp
