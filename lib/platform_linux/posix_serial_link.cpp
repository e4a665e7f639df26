#include "platform_linux/posix_serial_link.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <utility>

namespace platform_linux {

LOG_MODULE("serial");

using common::Result;
using common::Status;

namespace {

struct BaudRow {
  uint32_t baud;
  speed_t speed;
};
constexpr BaudRow kBaudRates[] = {
    {1200, B1200},     {1800, B1800},     {2400, B2400},     {4800, B4800},     {9600, B9600},
    {19200, B19200},   {38400, B38400},   {57600, B57600},   {115200, B115200}, {230400, B230400},
    {460800, B460800}, {500000, B500000}, {576000, B576000}, {921600, B921600},
};

/// Major numbers 136..143 are the slaves of pseudo-terminals (Linux, devices.txt).
bool is_pseudo_terminal(int fd) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return false;
  const unsigned device = major(info.st_rdev);
  return device >= 136 && device <= 143;
}

}  // namespace

PosixSerialLink::PosixSerialLink(std::string path, const platform::Clock& clock,
                                 common::LogSink& log)
    : path_(std::move(path)), clock_(clock), log_(log) {}

Status PosixSerialLink::configure(const platform::SerialSettings& settings) {
  bool is_known_baud = false;
  for (const BaudRow& row : kBaudRates) is_known_baud = is_known_baud || row.baud == settings.baud;
  if (!is_known_baud || settings.stop_bits < 1 || settings.stop_bits > 2)
    return Status::kInvalidArgument;
  if (fd_.is_valid() && is_configured_ && settings == settings_) return Status::kOk;
  settings_ = settings;
  is_configured_ = true;
  return fd_.is_valid() ? apply() : open();
}

Status PosixSerialLink::lose(const std::string& reason, Status status) {
  fd_.reset();
  wants_to_write_ = false;
  next_open_ = clock_.now() + kReopenInterval_ms;
  if (reason != last_error_) LOG_ERROR(log_, "%s", reason.c_str());
  last_error_ = reason;
  return status;
}

Status PosixSerialLink::open() {
  fd_.reset(::open(path_.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  if (!fd_.is_valid())
    return lose("cannot open the serial port " + path_ + ": " + std::strerror(errno));
  if (::isatty(fd_.get()) == 0) return lose(path_ + " is not a serial port");
  if (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return lose("the serial port " + path_ + " is in use by another program");
  }
  const Status status = apply();
  if (status != Status::kOk) return status;
  if (!last_error_.empty()) LOG_INFO(log_, "serial port %s is back", path_.c_str());
  last_error_.clear();
  return Status::kOk;
}

Status PosixSerialLink::apply() {
  termios options{};
  if (::tcgetattr(fd_.get(), &options) != 0)
    return lose("the serial port " + path_ + " is gone: " + std::strerror(errno));
  ::cfmakeraw(&options);
  options.c_cflag |= CLOCAL | CREAD;
  options.c_cflag &= ~static_cast<tcflag_t>(CSTOPB | CRTSCTS | PARENB | PARODD);
  if (settings_.stop_bits == 2) options.c_cflag |= CSTOPB;
  if (settings_.parity != platform::Parity::kNone) {
    if (is_pseudo_terminal(fd_.get())) {
      // The kernel drops PARENB on a pty, and glibc reports a second attempt as EINVAL.
      if (!is_parity_reported_)
        LOG_INFO(log_, "%s is a pseudo-terminal: parity is left out", path_.c_str());
      is_parity_reported_ = true;
    } else {
      options.c_cflag |= PARENB;
      if (settings_.parity == platform::Parity::kOdd) options.c_cflag |= PARODD;
    }
  }
  options.c_cc[VMIN] = 0;
  options.c_cc[VTIME] = 0;
  for (const BaudRow& row : kBaudRates) {
    if (row.baud == settings_.baud) ::cfsetspeed(&options, row.speed);
  }
  termios kept{};
  constexpr tcflag_t kChecked = CSIZE | CSTOPB | PARENB | PARODD;
  const bool is_set =
      ::tcsetattr(fd_.get(), TCSANOW, &options) == 0 && ::tcgetattr(fd_.get(), &kept) == 0;
  // tcsetattr() succeeds when any of the settings was taken (POSIX): look at what the driver kept.
  if (!is_set || (kept.c_cflag & kChecked) != (options.c_cflag & kChecked) ||
      ::cfgetospeed(&kept) != ::cfgetospeed(&options)) {
    return lose("the serial port " + path_ + " does not accept " + std::to_string(settings_.baud) +
                    " bit/s with this parity and stop bits",
                Status::kUnsupported);
  }
  ::tcflush(fd_.get(), TCIFLUSH);
  return Status::kOk;
}

Status PosixSerialLink::ensure_open() {
  if (fd_.is_valid()) return Status::kOk;
  if (!is_configured_) return Status::kInvalidState;
  if (clock_.now() < next_open_) return Status::kClosed;
  return open() == Status::kOk ? Status::kOk : Status::kClosed;
}

Result<size_t> PosixSerialLink::write(common::ByteSpan data) {
  RETURN_IF_ERROR(ensure_open());
  const ssize_t count = ::write(fd_.get(), data.data(), data.size());
  wants_to_write_ = count >= 0 ? static_cast<size_t>(count) < data.size() : errno == EAGAIN;
  if (count >= 0) return static_cast<size_t>(count);
  if (errno == EAGAIN || errno == EINTR) return Status::kAgain;
  return lose("the serial port " + path_ + " is gone: " + std::strerror(errno));
}

Result<size_t> PosixSerialLink::read(common::MutableByteSpan buffer) {
  RETURN_IF_ERROR(ensure_open());
  const ssize_t count = ::read(fd_.get(), buffer.data(), buffer.size());
  if (count > 0) return static_cast<size_t>(count);
  if (count < 0 && errno != EAGAIN && errno != EINTR) {
    return lose("the serial port " + path_ + " is gone: " + std::strerror(errno));
  }
  // With VMIN 0 an idle line also reads 0; a hang-up shows in poll().
  pollfd state{fd_.get(), POLLIN, 0};
  if (count == 0 && ::poll(&state, 1, 0) > 0 &&
      (state.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
    return lose("the serial port " + path_ + " is gone: hung up");
  }
  return Status::kAgain;
}

bool PosixSerialLink::is_drained() {
  if (!fd_.is_valid()) return true;
  int waiting = 0;
  if (::ioctl(fd_.get(), TIOCOUTQ, &waiting) == 0 && waiting > 0) return false;
  unsigned line_state = 0;
  // Not offered by every driver (pseudo-terminals, some USB adapters): then the queue is all that can be told.
  if (::ioctl(fd_.get(), TIOCSERGETLSR, &line_state) == 0) return (line_state & TIOCSER_TEMT) != 0;
  return true;
}

void PosixSerialLink::collect(std::vector<pollfd>& out) {
  if (!fd_.is_valid()) return;
  const short events = static_cast<short>(POLLIN | (wants_to_write_ ? POLLOUT : 0));
  out.push_back({fd_.get(), events, 0});
}

}  // namespace platform_linux
