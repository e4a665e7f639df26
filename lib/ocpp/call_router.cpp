#include "ocpp/handlers/handlers.hpp"

LOG_MODULE("ocpp.router");

namespace ocpp {

using common::Instant;

namespace {

using Handler = Refusal (*)(Engine& engine, const void* request, void* conf);
using OwnHandler = void (*)(const InboundCall& call);

/// One action: what its request and confirmation look like, and who handles it. One function runs
/// all of them; a row costs less flash than a function of its own.
struct Row {
  constexpr Row(Action the_action, const messages::runtime::ObjectType* the_request,
                const messages::runtime::ObjectType* the_conf, Handler the_handler)
      : action(the_action), request(the_request), conf(the_conf), handler(the_handler) {}
  constexpr Row(Action the_action, OwnHandler the_handler)
      : action(the_action), request(nullptr), conf(nullptr), own_handler(the_handler) {}

  Action action;
  const messages::runtime::ObjectType* request;  ///< nullptr: own_handler decodes and answers.
  const messages::runtime::ObjectType* conf;
  union {
    Handler handler;
    OwnHandler own_handler;
  };
};

/// Room for any request and confirmation of kRows.
constexpr size_t kMaxRequestSize = sizeof(messages::RemoteStartTransactionReq);
constexpr size_t kMaxConfSize = sizeof(messages::GetDiagnosticsConf);

/// The row of a request that is decoded, handled and answered in the usual way.
template <typename Req, typename Conf>
constexpr Row row() {
  static_assert(sizeof(Req) <= kMaxRequestSize && sizeof(Conf) <= kMaxConfSize, "room for it");
  static_assert(std::is_trivially_copyable_v<Req> && std::is_trivially_copyable_v<Conf>,
                "made by filling it with zeros");
  return Row(Req::kAction, &Req::kType, &Conf::kType,
             [](Engine& engine, const void* request, void* conf) {
               return handle(engine, *static_cast<const Req*>(request), *static_cast<Conf*>(conf));
             });
}

/// Every action of the CSMS that this build carries out. The rest of sent_by_csms() is
/// NotSupported.
constexpr Row kRows[] = {
    row<messages::CancelReservationReq, messages::CancelReservationConf>(),
    row<messages::ChangeAvailabilityReq, messages::ChangeAvailabilityConf>(),
    row<messages::ChangeConfigurationReq, messages::ChangeConfigurationConf>(),
    row<messages::ClearCacheReq, messages::ClearCacheConf>(),
    row<messages::ClearChargingProfileReq, messages::ClearChargingProfileConf>(),
    {Action::DataTransfer, handle_data_transfer},
    {Action::GetCompositeSchedule, handle_get_composite_schedule},
    {Action::GetConfiguration, handle_get_configuration},
    {Action::GetDiagnostics, handle_get_diagnostics},
    row<messages::GetLocalListVersionReq, messages::GetLocalListVersionConf>(),
    row<messages::RemoteStartTransactionReq, messages::RemoteStartTransactionConf>(),
    row<messages::RemoteStopTransactionReq, messages::RemoteStopTransactionConf>(),
    row<messages::ReserveNowReq, messages::ReserveNowConf>(),
    row<messages::ResetReq, messages::ResetConf>(),
    {Action::SendLocalList, handle_send_local_list},
    {Action::SetChargingProfile, handle_set_charging_profile},
    {Action::TriggerMessage, handle_trigger_message},
    row<messages::UnlockConnectorReq, messages::UnlockConnectorConf>(),
    row<messages::UpdateFirmwareReq, messages::UpdateFirmwareConf>(),
};

/// Decode, handle, answer. Never inlined: handlers of their own have no use for its buffers on the stack.
[[gnu::noinline]] void run(const InboundCall& call, const Row& row) {
  alignas(uint64_t) char request[kMaxRequestSize] = {};
  alignas(uint64_t) char conf[kMaxConfSize] = {};
  const messages::DecodeError error =
      messages::runtime::decode_object(*row.request, call.payload(), request, {});
  if (!error.ok()) {
    call.refuse(error);
    return;
  }
  const Refusal refusal = row.handler(call.engine(), request, conf);
  if (refusal.is_refused) {
    call.refuse(refusal.code, common::text(refusal.reason));
  } else {
    call.answer(*row.conf, conf);
  }
}

}  // namespace

void InboundCall::answer(const messages::runtime::ObjectType& type, const void* conf) const {
  json::Writer writer(engine_.outbox.space());
  begin(writer, 3);
  common::Status status = messages::runtime::encode_object(type, conf, writer);
  writer.end_array();
  if (status == common::Status::kOk) status = writer.status();
  finish(status, writer.size());
}

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

void InboundCall::refuse(const messages::DecodeError& error) const {
  refuse(error.code(), error.description().span());
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

void Engine::receive(common::TextSpan frame, bool truncated) {
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
      handle_call(parsed);
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
  if (ports.extension != nullptr && ports.extension->on_outcome(context, &parsed)) return;
  if (parsed.kind == RpcFrame::Kind::kCallError) {
    on_call_error(context, parsed.error_code, parsed.error_description);
  } else {
    // An answer that cannot be read is one all the same: what it lacks is found when it is decoded.
    on_call_result(context, parsed.fault == nullptr ? parsed.payload : messages::FramePayload());
  }
}

void Engine::handle_call(const RpcFrame& frame) {
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
  Refusal refusal = Refusal::because(messages::RpcErrorCode::NotImplemented, "unknown action");
  if (messages::from_string(frame.action, action) && messages::sent_by_csms(action)) {
    ++calls.counters(action).received;
    LOG_DEBUG(ports.log, "< Call %s", to_string(action));
    if (ports.extension != nullptr && ports.extension->handle(call, action)) return;
    for (const Row& row : kRows) {
      if (row.action != action) continue;
      if (row.request == nullptr) {
        row.own_handler(call);
      } else {
        run(call, row);
      }
      return;
    }
    refusal = Refusal::because(messages::RpcErrorCode::NotSupported,
                               "not supported by this charge point");
  }
  // What is no JSON is refused as that, whatever the action.
  if (const messages::DecodeError error = messages::check(frame.payload); !error.ok()) {
    call.refuse(error);
  } else {
    call.refuse(refusal.code, common::text(refusal.reason));
  }
}

}  // namespace ocpp
