#include "platform_sim/sim_tcp_link.hpp"

namespace platform_sim {

using common::Instant;
using common::Result;
using common::Status;

Status SimTcpLink::connect(const char* host, uint16_t port) {
  const MallocTrap::Exempt exempt;
  if (port == 0) return Status::kInvalidArgument;
  close();
  host_ = host;
  port_ = port;
  ++attempts_;
  state_ = State::kConnecting;
  established_at_ = clock_.now() + behaviour_.connect_ms;
  return Status::kOk;
}

void SimTcpLink::close() {
  state_ = State::kClosed;
  ends_at_ = Instant::never();
  to_server_.clear();
  to_client_.clear();
}

void SimTcpLink::poll() {
  if (state_ == State::kOpen && clock_.now() >= ends_at_ && to_client_.size() == 0)
    state_ = State::kClosed;
  if (state_ != State::kConnecting || clock_.now() < established_at_) return;
  state_ = is_server_up_ ? State::kOpen : State::kClosed;
}

platform::TcpLink::State SimTcpLink::state() const {
  // Time moves the connection on; the port's accessor is const.
  const_cast<SimTcpLink*>(this)->poll();
  return state_;
}

Result<size_t> SimTcpLink::write(common::ByteSpan data) {
  poll();
  if (state_ == State::kConnecting) return Status::kAgain;
  if (state_ == State::kClosed) return Status::kClosed;
  if (!ends_at_.is_never()) return data.size();  // nobody takes it any more
  const size_t in_flight = to_server_.size();
  const size_t room =
      in_flight >= behaviour_.window_bytes ? 0 : behaviour_.window_bytes - in_flight;
  if (room == 0 && !data.empty()) return Status::kAgain;
  const common::ByteSpan taken = data.first(room);
  to_server_.push(taken, clock_.now(), behaviour_.latency_ms, 0);
  return taken.size();
}

Result<size_t> SimTcpLink::read(common::MutableByteSpan buffer) {
  poll();
  if (state_ == State::kConnecting) return Status::kAgain;
  if (behaviour_.segment_bytes > 0) buffer = buffer.first(behaviour_.segment_bytes);
  const size_t count = to_client_.pull(buffer, clock_.now());
  if (count > 0) return count;
  poll();
  return state_ == State::kClosed ? Status::kClosed : Status::kAgain;
}

Instant SimTcpLink::next_event() const {
  if (state() == State::kConnecting) return established_at_;
  const Instant arrival = common::earlier(to_server_.next_arrival(), to_client_.next_arrival());
  return ends_at_ > clock_.now() ? common::earlier(arrival, ends_at_) : arrival;
}

void SimTcpLink::server_disconnect() {
  if (state() == State::kOpen) ends_at_ = clock_.now() + behaviour_.latency_ms;
  to_server_.clear();
}

void SimTcpLink::server_send(common::ByteSpan data) {
  if (state() == State::kOpen) to_client_.push(data, clock_.now(), behaviour_.latency_ms, 0);
}

size_t SimTcpLink::server_receive(common::MutableByteSpan buffer) {
  poll();
  return to_server_.pull(buffer, clock_.now());
}

}  // namespace platform_sim
