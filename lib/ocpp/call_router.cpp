#include "ocpp/handlers/handlers.hpp"

LOG_MODULE("ocpp.router");

namespace ocpp {

using common::Instant;

namespace {

using Handler = void (*)(const InboundCall& call, Instant now);

/// Decode, handle, answer.
template <typename Req, typename Conf>
void run(const InboundCall& call, Instant now) {
  Req request;
  if (const messages::DecodeError error = decode(call.payload(), request); !error.ok()) {
    call.refuse(error);
    return;
  }
  Conf conf;
  const Refusal refusal = handle(call.engine(), request, conf, now);
  if (refusal.is_refused) {
    call.refuse(refusal.code, common::text(refusal.reason));
  } else {
    call.answer(conf);
  }
}

struct Row {
  Action action;
  Handler handler;
};

/// Every action of the CSMS that this build carries out. The rest of sent_by_csms() is
/// NotSupported.
constexpr Row kRows[] = {
    {Action::CancelReservation,
     run<messages::CancelReservationReq, messages::CancelReservationConf>},
    {Action::ChangeAvailability,
     run<messages::ChangeAvailabilityReq, messages::ChangeAvailabilityConf>},
    {Action::ChangeConfiguration,
     run<messages::ChangeConfigurationReq, messages::ChangeConfigurationConf>},
    {Action::ClearCache, run<messages::ClearCacheReq, messages::ClearCacheConf>},
    {Action::ClearChargingProfile,
     run<messages::ClearChargingProfileReq, messages::ClearChargingProfileConf>},
    {Action::DataTransfer, handle_data_transfer},
    {Action::GetCompositeSchedule, handle_get_composite_schedule},
    {Action::GetConfiguration, handle_get_configuration},
    {Action::RemoteStartTransaction,
     run<messages::RemoteStartTransactionReq, messages::RemoteStartTransactionConf>},
    {Action::RemoteStopTransaction,
     run<messages::RemoteStopTransactionReq, messages::RemoteStopTransactionConf>},
    {Action::ReserveNow, run<messages::ReserveNowReq, messages::ReserveNowConf>},
    {Action::Reset, run<messages::ResetReq, messages::ResetConf>},
    {Action::SetChargingProfile, handle_set_charging_profile},
    {Action::TriggerMessage, handle_trigger_message},
    {Action::UnlockConnector, run<messages::UnlockConnectorReq, messages::UnlockConnectorConf>},
};

}  // namespace

void InboundCall::begin(json::Writer& writer, int type) const {
  writer.begin_array();
  writer.integer(type);
  writer.raw(frame_.raw_id);
}

void InboundCall::finish(common::Status status, size_t size) const {
  if (status == common::Status::kOk) {
    engine_.outbox.commit(size);
    return;
  }
  LOG_ERROR(engine_.ports.log, "the answer cannot be made (%s)", to_string(status));
  refuse(messages::RpcErrorCode::InternalError, common::text("no room for the answer"));
}

void InboundCall::refuse(messages::RpcErrorCode code, common::TextSpan description) const {
  json::Writer writer(engine_.outbox.space());
  begin(writer, 4);
  writer.string(to_string(code));
  writer.string(description);
  writer.begin_object();
  writer.end_object();
  writer.end_array();
  Action action{};
  if (messages::from_string(frame_.action, action)) ++engine_.calls.counters(action).refused;
  LOG_WARN(engine_.ports.log, "< Call %.*s refused: %s, %.*s",
           static_cast<int>(frame_.action.size()), frame_.action.data(), to_string(code),
           static_cast<int>(description.size()), description.data());
  if (writer.status() == common::Status::kOk) engine_.outbox.commit(writer.size());
}

void Engine::receive(common::TextSpan frame, bool truncated, Instant now) {
  if (!is_link_up) return;
  const RpcFrame parsed = parse_frame(frame, truncated);
  switch (parsed.kind) {
    case RpcFrame::Kind::kUnreadable:
      LOG_WARN(ports.log, "a frame of %u bytes cannot be read",
               static_cast<unsigned>(frame.size()));
      return;
    case RpcFrame::Kind::kOther:
      LOG_WARN(ports.log, "a frame of unknown type is ignored");
      return;
    case RpcFrame::Kind::kCall:
      has_input_ = true;
      handle_call(parsed, now);
      return;
    case RpcFrame::Kind::kCallResult:
    case RpcFrame::Kind::kCallError:
      break;
  }
  CallContext context;
  if (!calls.take_answer(parsed.id, context)) {
    LOG_WARN(ports.log, "an answer to nothing of ours is ignored");
    return;
  }
  has_input_ = true;
  if (parsed.kind == RpcFrame::Kind::kCallError) {
    on_call_error(context, parsed.error_code, parsed.error_description, now);
  } else {
    // An answer that cannot be read is one all the same: what it lacks is found when it is decoded.
    on_call_result(context, parsed.fault == nullptr ? parsed.payload : common::TextSpan(), now);
  }
}

void Engine::handle_call(const RpcFrame& frame, Instant now) {
  // While Rejected the CSMS is not answered (4.2).
  if (registration.state() == RegistrationState::kRejected) return;
  if (!outbox.can_take_answer()) {
    LOG_ERROR(ports.log, "no room for an answer: a Call is lost");
    return;
  }
  const InboundCall call(*this, frame);
  if (frame.fault != nullptr) {
    call.refuse(messages::RpcErrorCode::FormationViolation, common::text(frame.fault));
    return;
  }
  Action action{};
  if (!messages::from_string(frame.action, action) || !messages::sent_by_csms(action)) {
    call.refuse(messages::RpcErrorCode::NotImplemented, common::text("unknown action"));
    return;
  }
  ++calls.counters(action).received;
  LOG_DEBUG(ports.log, "< Call %s", to_string(action));
  for (const Row& row : kRows) {
    if (row.action != action) continue;
    row.handler(call, now);
    return;
  }
  call.refuse(messages::RpcErrorCode::NotSupported,
              common::text("not supported by this charge point"));
}

}  // namespace ocpp
