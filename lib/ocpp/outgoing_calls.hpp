#pragma once

#include "json/writer.hpp"
#include "ocpp/charge_point_types.hpp"
#include "ocpp/clock_sync.hpp"
#include "ocpp/message_id.hpp"
#include "ocpp/outbox.hpp"
#include "ocpp_messages/action.hpp"
#include "ocpp_messages/runtime/codec.hpp"

namespace ocpp {

namespace messages = ocpp_messages;
using messages::Action;

/// What our CALL was about, kept until its answer.
struct CallContext {
  Action action = Action::Heartbeat;
  uint8_t connector_id = 0;
  uint32_t sequence = 0;        ///< Transaction messages: of the record.
  bool is_dead_letter = false;  ///< Sent once more on request.
  charger::IdTag id_tag;        ///< Whose IdTagInfo the answer may bring; empty when nobody's.
};

/// Our side of the RPC: one CALL at a time, matched by its id, timed out (OCPP-J 1.6, 4.1.1).
class OutgoingCalls {
 public:
  OutgoingCalls(Outbox& outbox, platform::Entropy& entropy, const ClockSync& clock,
                common::LogSink& log)
      : outbox_(outbox), entropy_(entropy), clock_(clock), log_(log) {}

  /// Nothing is in flight, and nothing else waits for the link.
  bool is_idle() const { return state_ == State::kIdle && outbox_.empty(); }
  bool is_in_flight() const { return state_ != State::kIdle; }
  const CallContext& context() const { return context_; }

  /// Encodes a CALL into the outbox. Every attempt has an id of its own. Only while is_idle().
  /// @return Why the message cannot be encoded; nothing was queued then.
  template <typename Request>
  common::Status send(const Request& request, const CallContext& context) {
    return send(Request::kAction, Request::kType, &request, context);
  }
  /// The same for what always fits: everything but values of a meter.
  template <typename Request>
  void send_short(const Request& request, const CallContext& context) {
    send_short(Request::kAction, Request::kType, &request, context);
  }
  void send_short(Action action, const messages::runtime::ObjectType& type, const void* request,
                  const CallContext& context);
  /// @param request  The object that type describes.
  common::Status send(Action action, const messages::runtime::ObjectType& type, const void* request,
                      const CallContext& context);

  /// The link took the oldest frame of the outbox.
  void on_sent(int64_t timeout_ms);
  /// An answer arrived. @return false when it answers nothing of ours: it is to be ignored.
  bool take_answer(common::TextSpan id, CallContext& context);
  bool is_timed_out() const { return clock_.now() >= deadline_; }
  /// Ends the CALL in flight without an answer: timeout or lost connection.
  CallContext abandon();
  common::Instant deadline() const { return deadline_; }

  const ActionCounters& counters(Action action) const {
    return counters_[static_cast<size_t>(action)];
  }
  ActionCounters& counters(Action action) { return counters_[static_cast<size_t>(action)]; }

 private:
  enum class State : uint8_t { kIdle, kQueued, kSent };

  Outbox& outbox_;
  platform::Entropy& entropy_;
  const ClockSync& clock_;
  common::LogSink& log_;
  State state_ = State::kIdle;
  MessageId id_;
  CallContext context_;
  common::Instant deadline_ = common::Instant::never();
  ActionCounters counters_[messages::kActionCount];
};

}  // namespace ocpp
