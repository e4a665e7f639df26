#pragma once

#include "platform_linux/unique_fd.hpp"

#include <atomic>
#include <memory>
#include <netdb.h>
#include <string>

namespace platform_linux {

struct AddressListDeleter {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using AddressList = std::unique_ptr<addrinfo, AddressListDeleter>;

/// Turns a name into addresses. getaddrinfo() blocks, up to half a minute when the DNS server is silent, and cannot be
/// cancelled: it runs in a thread that touches nothing but this object, shared with whoever waits.
class NameResolution {
 public:
  /// Starts. A numeric address is resolved at once, without a thread.
  static std::shared_ptr<NameResolution> start(const std::string& host, uint16_t port);

  bool is_done() const { return is_done_; }
  /// Becomes readable when it is done.
  int done_fd() const { return done_fd_.get(); }
  /// Why there are no addresses, as getaddrinfo() says it; empty when there are. Once is_done().
  const std::string& error() const { return error_; }
  /// Takes the addresses; call once, when is_done().
  AddressList take() { return std::move(addresses_); }

  NameResolution();

 private:
  bool resolve(const std::string& host, uint16_t port, int flags);
  void finish();

  UniqueFd done_fd_;
  std::atomic<bool> is_done_{false};
  std::string error_;
  AddressList addresses_;
};

}  // namespace platform_linux
