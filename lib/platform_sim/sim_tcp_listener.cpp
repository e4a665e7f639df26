#include "platform_sim/sim_tcp_listener.hpp"

#include "platform_sim/malloc_trap.hpp"

#include <algorithm>
#include <cstring>

namespace platform_sim {

using common::Result;
using common::Status;

Status SimTcpListener::listen(uint32_t ipv4, uint16_t port) {
  constexpr uint16_t kFreePort = 49152;  // the first of those without an owner, RFC 6335
  close();
  if (behaviour_.is_port_taken) return Status::kIo;
  ipv4_ = ipv4;
  port_ = port != 0 ? port : kFreePort;
  return Status::kOk;
}

void SimTcpListener::close() {
  const MallocTrap::Exempt exempt;
  for (size_t i = 0; i < kPlaces; ++i) drop(i);
  waiting_.clear();
  port_ = 0;
}

size_t SimTcpListener::connect() {
  peers_.emplace_back();
  if (is_listening()) {
    waiting_.push_back(peers_.size() - 1);
  } else {
    peers_.back().is_gone = true;
  }
  return peers_.size() - 1;
}

Status SimTcpListener::accept(size_t place) {
  const MallocTrap::Exempt exempt;
  if (!is_listening()) return Status::kIo;
  if (places_[place] != kNobody) return Status::kInvalidState;
  if (waiting_.empty()) return Status::kAgain;
  places_[place] = waiting_.front();
  waiting_.pop_front();
  return Status::kOk;
}

SimTcpListener::Peer* SimTcpListener::peer_at(size_t place) {
  if (places_[place] == kNobody) return nullptr;
  Peer& peer = peers_[places_[place]];
  return peer.is_gone ? nullptr : &peer;
}

Result<size_t> SimTcpListener::read(size_t place, common::MutableByteSpan buffer) {
  const MallocTrap::Exempt exempt;
  Peer* const peer = peer_at(place);
  if (peer == nullptr) return Status::kClosed;
  const size_t count = std::min({buffer.size(), behaviour_.segment_bytes, peer->in.size()});
  if (count == 0) return peer->has_finished ? Status::kClosed : Status::kAgain;
  std::memcpy(buffer.data(), peer->in.data(), count);
  peer->in.erase(0, count);
  return count;
}

Result<size_t> SimTcpListener::write(size_t place, common::ByteSpan data) {
  const MallocTrap::Exempt exempt;
  Peer* const peer = peer_at(place);
  if (peer == nullptr || peer->is_finished) return Status::kClosed;
  const size_t used = std::min(peer->out.size(), behaviour_.window_bytes);
  const size_t count =
      std::min({data.size(), behaviour_.segment_bytes, behaviour_.window_bytes - used});
  if (count == 0 && !data.empty()) return Status::kAgain;
  peer->out.append(reinterpret_cast<const char*>(data.data()), count);
  return count;
}

void SimTcpListener::finish(size_t place) {
  if (Peer* const peer = peer_at(place)) peer->is_finished = true;
}

void SimTcpListener::drop(size_t place) {
  finish(place);
  places_[place] = kNobody;
}

std::string SimTcpListener::peer_receive(size_t connection) {
  std::string out;
  out.swap(peers_[connection].out);
  return out;
}

bool SimTcpListener::is_held(size_t connection) const {
  return std::find(std::begin(places_), std::end(places_), connection) != std::end(places_);
}

}  // namespace platform_sim
