#include "gateway/frame_watch.hpp"

#include "common/crc32.hpp"
#include "json/reader.hpp"

namespace gateway {
namespace {

using json::Token;

uint32_t crc(common::TextSpan id) { return common::crc32(common::as_bytes(id)); }

}  // namespace

FrameHead read_frame_head(common::TextSpan frame) {
  FrameHead head;
  json::Reader reader(frame);
  if (reader.next() != Token::kArrayBegin || reader.next() != Token::kNumber) return head;
  const common::TextSpan type = reader.text();
  if (type.size() != 1 || type[0] < '2' || type[0] > '4') return head;
  if (reader.next() != Token::kString) return head;
  head.kind = static_cast<FrameHead::Kind>(type[0] - '0');
  head.id = reader.text();
  if (head.kind == FrameHead::Kind::kError) return head;
  if (head.kind == FrameHead::Kind::kCall) {
    if (reader.next() != Token::kString) return head;
    head.action = reader.text();
  }
  head.payload = reader.capture();
  return head;
}

common::TextSpan text_member(common::TextSpan object, const char* name) {
  json::Reader reader(object);
  if (reader.next() != Token::kObjectBegin) return {};
  while (reader.next() == Token::kKey) {
    const bool is_it = common::equals(reader.text(), common::text(name));
    const Token value = reader.next();
    if (is_it) return value == Token::kString ? reader.text() : common::TextSpan();
    if (!reader.skip()) break;
  }
  return {};
}

void FrameWatch::on_sent(common::TextSpan frame) {
  const FrameHead head = read_frame_head(frame);
  if (head.kind == FrameHead::Kind::kCall) {
    on_link_down();  // one CALL at a time: the last one was given up
    ocpp_messages::Action action{};
    if (!ocpp_messages::from_string(head.action, action)) return;
    own_ = Call{crc(head.id), static_cast<uint8_t>(action)};
    if (own_id_.assign(head.id) != common::Status::kOk) own_id_.clear();
    ++counts_[own_.action].sent;
    return;
  }
  if (head.kind == FrameHead::Kind::kNone) return;
  const uint32_t id_crc = crc(head.id);
  for (Call& call : others_) {
    if (call.action == kNoAction || call.id_crc != id_crc) continue;
    if (head.kind == FrameHead::Kind::kError) ++counts_[call.action].refused;
    call = Call();
    return;
  }
}

FrameHead FrameWatch::on_received(common::TextSpan frame) {
  FrameHead head = read_frame_head(frame);
  if (head.kind == FrameHead::Kind::kNone) return head;
  if (head.kind == FrameHead::Kind::kCall) {
    ocpp_messages::Action action{};
    if (!ocpp_messages::from_string(head.action, action)) return head;
    others_[next_] = Call{crc(head.id), static_cast<uint8_t>(action)};
    next_ = (next_ + 1) % kMaxCalls;
    ++counts_[static_cast<size_t>(action)].received;
    return head;
  }
  if (own_.action == kNoAction || own_.id_crc != crc(head.id)) return head;
  Counts& counts = counts_[own_.action];
  ++(head.kind == FrameHead::Kind::kResult ? counts.answered : counts.failed);
  head.action = common::text(to_string(static_cast<ocpp_messages::Action>(own_.action)));
  own_ = Call();
  own_id_.clear();
  return head;
}

void FrameWatch::on_link_down() {
  if (own_.action != kNoAction) ++counts_[own_.action].timed_out;
  own_ = Call();
  own_id_.clear();
}

const char* FrameWatch::waiting_action() const {
  return own_.action == kNoAction ? "" : to_string(static_cast<ocpp_messages::Action>(own_.action));
}

ActionCounters FrameWatch::counters(size_t index) const {
  const Counts& counts = counts_[index];
  ActionCounters out;
  out.action = to_string(static_cast<ocpp_messages::Action>(index));
  out.sent = counts.sent;
  out.answered = counts.answered;
  out.failed = counts.failed;
  out.timed_out = counts.timed_out;
  out.received = counts.received;
  out.refused = counts.refused;
  return out;
}

}  // namespace gateway
