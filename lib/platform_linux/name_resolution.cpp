#include "platform_linux/name_resolution.hpp"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <thread>

namespace platform_linux {

NameResolution::NameResolution() : done_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

std::shared_ptr<NameResolution> NameResolution::start(const std::string& host, uint16_t port) {
  auto resolution = std::make_shared<NameResolution>();
  if (resolution->resolve(host, port, AI_NUMERICHOST)) {
    resolution->finish();
    return resolution;
  }
  std::thread([resolution, host, port] {
    resolution->resolve(host, port, 0);
    resolution->finish();
  }).detach();
  return resolution;
}

bool NameResolution::resolve(const std::string& host, uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int failure = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  error_ = failure == 0 ? "" : ::gai_strerror(failure);
  addresses_.reset(failure == 0 ? list : nullptr);
  return failure == 0;
}

void NameResolution::finish() {
  is_done_ = true;
  const uint64_t one = 1;
  if (::write(done_fd_.get(), &one, sizeof one) < 0) return;
}

}  // namespace platform_linux
