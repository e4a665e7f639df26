#include "platform_sim/sim_udp_link.hpp"

#include "platform_sim/malloc_trap.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace platform_sim {

using common::Instant;
using common::Result;
using common::Status;
using platform::UdpAddress;

namespace {

bool parse_dotted(const char* host, uint32_t& ipv4) {
  unsigned part[4];
  char rest = 0;
  if (std::sscanf(host, "%3u.%3u.%3u.%3u%c", &part[0], &part[1], &part[2], &part[3], &rest) != 4)
    return false;
  ipv4 = 0;
  for (const unsigned value : part) {
    if (value > 255) return false;
    ipv4 = ipv4 << 8U | value;
  }
  return true;
}

}  // namespace

Status SimUdpLink::bind(uint16_t local_port) {
  constexpr uint16_t kFreePort = 49152;  // the first of those without an owner, RFC 6335
  close();
  if (behaviour_.is_port_taken) return Status::kIo;
  is_open_ = true;
  local_port_ = local_port != 0 ? local_port : kFreePort;
  return Status::kOk;
}

void SimUdpLink::close() {
  const MallocTrap::Exempt exempt;
  is_open_ = false;
  lookups_.clear();
  to_gateway_.clear();
}

Result<UdpAddress> SimUdpLink::resolve(const char* host, uint16_t port) {
  const MallocTrap::Exempt exempt;
  if (*host == '\0' || std::strlen(host) > kMaxHostBytes || port == 0)
    return Status::kInvalidArgument;
  uint32_t ipv4 = 0;
  if (parse_dotted(host, ipv4)) return UdpAddress{ipv4, port};
  auto lookup = lookups_.find(host);
  if (lookup == lookups_.end()) {
    if (lookups_.size() == kMaxLookups) return Status::kNoSpace;
    lookup = lookups_.emplace(host, clock_.now() + behaviour_.resolve_ms).first;
  }
  if (clock_.now() < lookup->second) return Status::kAgain;
  lookups_.erase(lookup);
  const auto name = names_.find(host);
  if (name == names_.end() || behaviour_.is_name_server_silent) return Status::kNotFound;
  return UdpAddress{name->second, port};
}

void SimUdpLink::push(std::deque<InFlight>& queue, const UdpAddress& peer, std::string bytes) {
  if (entropy_.chance(behaviour_.drop_per_mille)) return;
  const Instant arrives = clock_.now() + behaviour_.latency_ms;
  if (entropy_.chance(behaviour_.duplicate_per_mille))
    queue.push_back(InFlight{arrives, {peer, bytes}});
  queue.push_back(InFlight{arrives, {peer, std::move(bytes)}});
}

Status SimUdpLink::send_to(const UdpAddress& to, common::ByteSpan data) {
  const MallocTrap::Exempt exempt;
  if (!is_open_) return Status::kClosed;
  if (behaviour_.is_network_down || to.ipv4 == 0 || to.port == 0) return Status::kIo;
  if (to_peers_.size() >= behaviour_.queue_datagrams) return Status::kAgain;
  push(to_peers_, to, std::string(reinterpret_cast<const char*>(data.data()), data.size()));
  return Status::kOk;
}

Result<platform::UdpDatagram> SimUdpLink::receive_from(common::MutableByteSpan buffer) {
  const MallocTrap::Exempt exempt;
  if (!is_open_) return Status::kClosed;
  if (to_gateway_.empty() || to_gateway_.front().arrives > clock_.now()) return Status::kAgain;
  const Datagram& datagram = to_gateway_.front().datagram;
  platform::UdpDatagram out;
  out.size = std::min(buffer.size(), datagram.bytes.size());
  out.truncated = out.size < datagram.bytes.size();
  out.from = datagram.peer;
  if (out.size > 0) std::memcpy(buffer.data(), datagram.bytes.data(), out.size);
  to_gateway_.pop_front();
  return out;
}

Instant SimUdpLink::next_event() const {
  Instant next = Instant::never();
  // What has arrived and is left lying there is no event.
  for (const std::deque<InFlight>* queue : {&to_peers_, &to_gateway_}) {
    for (const InFlight& one : *queue) {
      if (one.arrives > clock_.now()) next = common::earlier(next, one.arrives);
    }
  }
  for (const auto& lookup : lookups_) {
    if (lookup.second > clock_.now()) next = common::earlier(next, lookup.second);
  }
  return next;
}

void SimUdpLink::set_name(const char* host, uint32_t ipv4) { names_[host] = ipv4; }

void SimUdpLink::peer_send(const UdpAddress& from, const std::string& bytes) {
  const MallocTrap::Exempt exempt;
  if (is_open_) push(to_gateway_, from, bytes);
}

bool SimUdpLink::peer_receive(Datagram& out) {
  const MallocTrap::Exempt exempt;
  if (to_peers_.empty() || to_peers_.front().arrives > clock_.now()) return false;
  out = std::move(to_peers_.front().datagram);
  to_peers_.pop_front();
  return true;
}

}  // namespace platform_sim
