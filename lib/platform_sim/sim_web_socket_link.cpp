#include "platform_sim/sim_web_socket_link.hpp"

#include "platform_sim/malloc_trap.hpp"

#include <algorithm>

namespace platform_sim {

using common::Instant;
using common::Result;
using common::Status;

Status SimWebSocketLink::open(const platform::LinkSettings& settings) {
  const MallocTrap::Exempt exempt;
  const auto begins_with = [&](const char* scheme) {
    return common::equals(settings.url.span().first(common::text(scheme).size()),
                          common::text(scheme));
  };
  if (!begins_with("ws://") && !begins_with("wss://")) {
    status_.last_error = common::FixedString<95>("URL must begin with ws:// or wss://");
    return Status::kInvalidArgument;
  }
  if (is_open_) lose_connection("new settings");
  settings_ = settings;
  status_.failures = 0;
  is_open_ = true;
  status_.next_attempt = clock_.now();
  connected_at_ = Instant::never();
  poll();
  return Status::kOk;
}

void SimWebSocketLink::close(uint16_t code) {
  const MallocTrap::Exempt exempt;
  if (!is_open_) return;
  lose_connection("closed");
  is_open_ = false;
  close_code_ = code;
  connected_at_ = Instant::never();
  status_.next_attempt = Instant::never();
}

const platform::LinkStatus& SimWebSocketLink::status() const {
  // Time moves the connection on; the port's accessor is const.
  const_cast<SimWebSocketLink*>(this)->poll();
  return status_;
}

bool SimWebSocketLink::is_connected() const { return status().is_up; }

void SimWebSocketLink::poll() {
  if (status_.is_up || !is_open_) return;
  const MallocTrap::Exempt exempt;
  while (is_open_ && !status_.is_up) {
    if (connected_at_.is_never()) {
      if (clock_.now() < status_.next_attempt) return;
      connected_at_ = status_.next_attempt + behaviour_.connect_ms;
    }
    if (clock_.now() < connected_at_) return;
    const Instant finished = connected_at_;
    connected_at_ = Instant::never();
    if (is_server_up_) {
      status_.is_up = true;
      ++status_.connection_id;
      status_.http_status = 0;
      status_.last_error.clear();
      status_.failure = platform::LinkFailure::kNone;
      status_.failures = 0;
    } else {
      status_.http_status = refusal_http_status_;
      status_.last_error = common::FixedString<95>(
          refusal_http_status_ == 0 ? "no answer from the server" : "the server refused");
      status_.count_failure(refusal_http_status_ == 401 ? platform::LinkFailure::kUnauthorized
                                                        : platform::LinkFailure::kConnection);
      status_.next_attempt = finished + std::max<int64_t>(behaviour_.reconnect_ms, 1);
    }
  }
}

void SimWebSocketLink::lose_connection(const char* reason) {
  queues_[0].clear();
  queues_[1].clear();
  connected_at_ = Instant::never();
  status_.next_attempt = clock_.now() + behaviour_.reconnect_ms;
  if (status_.is_up) {
    status_.last_error = common::FixedString<95>(reason);
    status_.count_failure(platform::LinkFailure::kConnection);
  }
  status_.is_up = false;
}

bool SimWebSocketLink::carry(Direction direction, const std::string& frame) {
  if (is_log_kept_) log_.push_back(Logged{clock_.now(), direction, frame});
  const uint64_t index = index_[static_cast<size_t>(direction)]++;
  Fate fate = script_ ? script_(direction, index, frame) : Fate::kDeliver;
  if (fate == Fate::kDeliver && entropy_.chance(behaviour_.drop_per_mille)) fate = Fate::kDrop;
  if (fate == Fate::kDeliver && entropy_.chance(behaviour_.duplicate_per_mille)) {
    fate = Fate::kDuplicate;
  }
  if (fate == Fate::kDisconnect) {
    lose_connection("connection lost");
    return true;
  }
  if (fate == Fate::kDrop) return true;
  Instant arrives = clock_.now() + behaviour_.latency_ms;
  if (behaviour_.jitter_ms > 0) {
    arrives = arrives + entropy_.below(static_cast<uint32_t>(behaviour_.jitter_ms) + 1);
  }
  std::deque<InFlight>& frames = queue(direction);
  if (!frames.empty() && arrives < frames.back().arrives) arrives = frames.back().arrives;
  frames.push_back(InFlight{arrives, frame});
  if (fate == Fate::kDuplicate) frames.push_back(InFlight{arrives, frame});
  return true;
}

Status SimWebSocketLink::send(common::TextSpan frame) {
  const MallocTrap::Exempt exempt;
  poll();
  if (!status_.is_up) return Status::kClosed;
  if (queue(Direction::kToServer).size() >= behaviour_.window_frames) return Status::kAgain;
  carry(Direction::kToServer, std::string(frame.data(), frame.size()));
  return Status::kOk;
}

Result<platform::ReceivedFrame> SimWebSocketLink::receive(common::Span<char> buffer) {
  const MallocTrap::Exempt exempt;
  poll();
  std::deque<InFlight>& frames = queue(Direction::kToClient);
  if (frames.empty() || frames.front().arrives > clock_.now()) return Status::kAgain;
  const std::string frame = std::move(frames.front().frame);
  frames.pop_front();
  platform::ReceivedFrame result;
  result.size = std::min(frame.size(), buffer.size());
  result.truncated = frame.size() > buffer.size();
  std::copy_n(frame.begin(), result.size, buffer.begin());
  return result;
}

Instant SimWebSocketLink::next_event(bool is_client_taking) const {
  const platform::LinkStatus& now = status();
  Instant next = Instant::never();
  if (is_open_ && !now.is_up) next = connected_at_.is_never() ? now.next_attempt : connected_at_;
  for (const std::deque<InFlight>& frames : queues_) {
    if (&frames == &queues_[static_cast<size_t>(Direction::kToClient)] && !is_client_taking)
      continue;
    if (!frames.empty()) next = common::earlier(next, frames.front().arrives);
  }
  return next;
}

void SimWebSocketLink::set_server_up(bool is_up, uint16_t http_status) {
  is_server_up_ = is_up;
  refusal_http_status_ = http_status;
  if (!is_up && is_connected()) lose_connection("connection lost");
}

void SimWebSocketLink::server_disconnect() {
  if (is_connected()) lose_connection("connection lost");
}

bool SimWebSocketLink::server_send(const std::string& frame) {
  return is_connected() && carry(Direction::kToClient, frame);
}

bool SimWebSocketLink::server_receive(std::string& frame) {
  poll();
  std::deque<InFlight>& frames = queue(Direction::kToServer);
  if (frames.empty() || frames.front().arrives > clock_.now()) return false;
  frame = std::move(frames.front().frame);
  frames.pop_front();
  return true;
}

}  // namespace platform_sim
