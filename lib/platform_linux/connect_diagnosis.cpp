#include "platform_linux/connect_diagnosis.hpp"

#include "platform_linux/unique_fd.hpp"

#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>

namespace platform_linux {
namespace {

constexpr int kProbeTimeout_ms = 300;

/// @return 0 when the connection was made, else the errno.
int try_connect(const addrinfo& address) {
  const UniqueFd fd(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_valid()) return errno;
  if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd state{fd.get(), POLLOUT, 0};
  if (::poll(&state, 1, kProbeTimeout_ms) <= 0) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

}  // namespace

std::string diagnose_connect(const addrinfo& address) {
  const int error = try_connect(address);
  return error == 0 ? "" : std::strerror(error);
}

std::string explain_http_status(int status, const std::string& location) {
  std::string text = "the CSMS refused the connection with HTTP " + std::to_string(status);
  if (status == 401 || status == 403) return text + " (identity or password not accepted)";
  if (status == 404) return text + " (path or identity not known)";
  if (status == 429) return text + " (too many requests)";
  if (status >= 500) return text + " (trouble at the server)";
  if (status >= 300 && status < 400) return text + " (moved to " + location + ")";
  return text;
}

}  // namespace platform_linux
