#include "platform_esp32/lwip_lookup.hpp"

#include <lwip/dns.h>
#include <lwip/tcpip.h>

namespace platform_esp32 {

using common::Status;

bool LwipLookup::is_for(const char* host) const {
  return common::equals(host_.span(), common::text(host));
}

common::Result<uint32_t> LwipLookup::ask(const char* host) {
  ip_addr_t address;
  if (ipaddr_aton(host, &address) != 0 && IP_IS_V4(&address))
    return ntohl(ip_2_ip4(&address)->addr);
  if (state_ == State::kDone) {
    const bool is_answer = is_wanted_ && is_for(host);
    state_ = State::kIdle;
    if (is_answer && ipv4_ == 0) return Status::kNotFound;
    if (is_answer) return ipv4_;
  }
  if (state_ == State::kAsked) {
    is_wanted_ = is_for(host);
    return Status::kAgain;
  }
  if (host_.assign(common::text(host)) != Status::kOk || host_.empty())
    return Status::kInvalidArgument;
  ipv4_ = 0;
  is_wanted_ = true;
  state_ = State::kAsked;
  // A full mailbox: next time.
  if (tcpip_try_callback(&LwipLookup::run, this) != ERR_OK) state_ = State::kIdle;
  return Status::kAgain;
}

void LwipLookup::run(void* self) {
  auto* lookup = static_cast<LwipLookup*>(self);
  ip_addr_t address;
  const err_t error = dns_gethostbyname_addrtype(lookup->host_.c_str(), &address, &on_found, self,
                                                 LWIP_DNS_ADDRTYPE_IPV4);
  if (error == ERR_INPROGRESS) return;
  lookup->finish(error == ERR_OK ? &address : nullptr);
}

void LwipLookup::on_found(const char*, const ip_addr_t* address, void* self) {
  static_cast<LwipLookup*>(self)->finish(address);
}

void LwipLookup::finish(const ip_addr_t* address) {
  ipv4_ = address != nullptr && IP_IS_V4(address) ? ntohl(ip_2_ip4(address)->addr) : 0;
  state_ = State::kDone;
}

}  // namespace platform_esp32
