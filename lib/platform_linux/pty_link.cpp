#include "platform_linux/pty_link.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <utility>

namespace platform_linux {

using common::Result;
using common::Status;

PtyLink::~PtyLink() {
  if (symlink_path_.empty()) return;
  char target[256];
  const ssize_t size = ::readlink(symlink_path_.c_str(), target, sizeof target);
  if (size > 0 && slave_path_ == std::string(target, static_cast<size_t>(size)))
    ::unlink(symlink_path_.c_str());
}

Status PtyLink::fail(const std::string& what) {
  last_error_ = what + ": " + std::strerror(errno);
  master_.reset();
  slave_.reset();
  return Status::kIo;
}

bool PtyLink::inherit() {
  const char* const value = std::getenv(kInheritVariable);
  int master = -1;
  int slave = -1;
  char name[64];
  if (value == nullptr || std::sscanf(value, "%d %d", &master, &slave) != 2) return false;
  // The variable may come from anywhere: both must really be one pair.
  if (master < 3 || slave < 3 || ::ptsname_r(master, name, sizeof name) != 0 ||
      ::isatty(slave) == 0)
    return false;
  struct stat by_name{};
  struct stat by_fd{};
  if (::stat(name, &by_name) != 0 || ::fstat(slave, &by_fd) != 0 ||
      by_name.st_rdev != by_fd.st_rdev)
    return false;
  master_.reset(master);
  slave_.reset(slave);
  slave_path_ = name;
  return true;
}

Status PtyLink::create() {
  // No O_CLOEXEC: the pair must live through exec.
  master_.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK));
  char name[64];
  if (!master_.is_valid() || ::grantpt(master_.get()) != 0 || ::unlockpt(master_.get()) != 0 ||
      ::ptsname_r(master_.get(), name, sizeof name) != 0) {
    return fail("cannot open a pseudo-terminal");
  }
  slave_path_ = name;
  slave_.reset(::open(name, O_RDWR | O_NOCTTY));
  termios options{};
  if (!slave_.is_valid() || ::tcgetattr(slave_.get(), &options) != 0)
    return fail("cannot open " + slave_path_);
  ::cfmakeraw(&options);
  if (::tcsetattr(slave_.get(), TCSANOW, &options) != 0)
    return fail("cannot set up " + slave_path_);
  const std::string pair = std::to_string(master_.get()) + " " + std::to_string(slave_.get());
  ::setenv(kInheritVariable, pair.c_str(), 1);
  return Status::kOk;
}

Status PtyLink::publish() {
  if (symlink_path_.empty()) return Status::kOk;
  struct stat info{};
  if (::lstat(symlink_path_.c_str(), &info) == 0 && !S_ISLNK(info.st_mode)) {
    const std::string path = std::exchange(symlink_path_, "");  // not ours to remove
    errno = EEXIST;
    return fail("cannot make the link " + path);
  }
  const std::string temporary = symlink_path_ + ".new";
  ::unlink(temporary.c_str());
  if (::symlink(slave_path_.c_str(), temporary.c_str()) != 0 ||
      ::rename(temporary.c_str(), symlink_path_.c_str()) != 0) {
    return fail("cannot make the link " + symlink_path_);
  }
  return Status::kOk;
}

Status PtyLink::open(const std::string& symlink_path) {
  symlink_path_ = symlink_path;
  if (!inherit()) RETURN_IF_ERROR(create());
  return publish();
}

void PtyLink::flush() {
  while (!output_.empty()) {
    const common::ByteSpan chunk = output_.front(4096);
    const ssize_t count = ::write(master_.get(), chunk.data(), chunk.size());
    if (count > 0) {
      output_.drop_front(static_cast<size_t>(count));
      stuck_since_ = common::Instant::never();
      continue;
    }
    if (count < 0 && errno == EINTR) continue;
    if (stuck_since_.is_never()) stuck_since_ = clock_.now();
    if (clock_.now() - stuck_since_ >= kNoReader_ms) {
      ::tcflush(slave_.get(), TCIFLUSH);
      output_.clear();
      stuck_since_ = common::Instant::never();
    }
    return;
  }
}

Result<size_t> PtyLink::write(common::ByteSpan data) {
  if (!master_.is_valid()) return Status::kClosed;
  flush();
  if (!output_.push(data)) return Status::kAgain;
  flush();
  return data.size();
}

Result<size_t> PtyLink::read(common::MutableByteSpan buffer) {
  if (!master_.is_valid()) return Status::kClosed;
  flush();
  const ssize_t count = ::read(master_.get(), buffer.data(), buffer.size());
  if (count > 0) return static_cast<size_t>(count);
  if (count == 0 || errno == EAGAIN || errno == EINTR) return Status::kAgain;
  return Status::kIo;
}

void PtyLink::collect(std::vector<pollfd>& out) {
  if (!master_.is_valid()) return;
  const short events = static_cast<short>(POLLIN | (output_.empty() ? 0 : POLLOUT));
  out.push_back({master_.get(), events, 0});
}

}  // namespace platform_linux
