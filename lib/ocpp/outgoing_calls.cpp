#include "ocpp/outgoing_calls.hpp"

#include <cassert>

LOG_MODULE("ocpp.rpc");

namespace ocpp {

common::Status OutgoingCalls::send(Action action, const messages::runtime::ObjectType& type,
                                   const void* request, const CallContext& context) {
  id_ = make_message_id(entropy_);
  json::Writer writer(outbox_.space());
  writer.begin_array();
  writer.integer(2);
  writer.plain_string(id_.span());
  writer.plain_string(common::text(to_string(action)));
  RETURN_IF_ERROR(messages::runtime::encode_object(type, request, writer));
  writer.end_array();
  RETURN_IF_ERROR(writer.status());
  outbox_.commit(writer.size());
  context_ = context;
  context_.action = action;
  state_ = State::kQueued;
  deadline_ = common::Instant::never();
  return common::Status::kOk;
}

void OutgoingCalls::send_short(Action action, const messages::runtime::ObjectType& type,
                               const void* request, const CallContext& context) {
  const common::Status sent = send(action, type, request, context);
  assert(sent == common::Status::kOk);  // the outbox is empty, and larger than any of these
  static_cast<void>(sent);
}

void OutgoingCalls::on_sent(int64_t timeout_ms) {
  // A CALL is only queued into an empty outbox, so it is always the first frame to leave.
  if (state_ != State::kQueued) return;
  state_ = State::kSent;
  deadline_ = clock_.now() + timeout_ms;
  ++counters(context_.action).sent;
  LOG_DEBUG(log_, "> Call %s %s", id_.c_str(), to_string(context_.action));
}

bool OutgoingCalls::take_answer(common::TextSpan id, CallContext& context) {
  if (state_ != State::kSent || !common::equals(id, id_.span())) return false;
  state_ = State::kIdle;
  deadline_ = common::Instant::never();
  context = context_;
  return true;
}

CallContext OutgoingCalls::abandon() {
  if (state_ == State::kSent) ++counters(context_.action).timed_out;
  state_ = State::kIdle;
  deadline_ = common::Instant::never();
  return context_;
}

}  // namespace ocpp
