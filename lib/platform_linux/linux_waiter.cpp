#include "platform_linux/linux_waiter.hpp"

#include <algorithm>
#include <climits>
#include <csignal>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

namespace platform_linux {

using common::Status;

namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

LinuxWaiter::~LinuxWaiter() {
  if (!signal_fd_.is_valid()) return;
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

Status LinuxWaiter::begin() {
  const sigset_t set = stop_signals();
  wake_fd_.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake_fd_.is_valid()) return Status::kIo;
  if (pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) return Status::kIo;
  signal_fd_.reset(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!signal_fd_.is_valid()) return Status::kIo;
  std::signal(SIGPIPE, SIG_IGN);
  return Status::kOk;
}

void LinuxWaiter::remove(PollSource& source) {
  sources_.erase(std::remove(sources_.begin(), sources_.end(), &source), sources_.end());
}

void LinuxWaiter::wake() {
  const uint64_t one = 1;
  // A full counter means that a wake-up is already pending.
  if (::write(wake_fd_.get(), &one, sizeof one) < 0) return;
}

void LinuxWaiter::wait_until(common::Instant deadline) {
  fds_.clear();
  fds_.push_back({wake_fd_.get(), POLLIN, 0});
  fds_.push_back({signal_fd_.get(), POLLIN, 0});
  for (PollSource* source : sources_) source->collect(fds_);

  int timeout_ms = -1;
  if (!deadline.is_never()) {
    timeout_ms = static_cast<int>(std::clamp<int64_t>(deadline - clock_.now(), 0, INT_MAX));
  }
  if (::poll(fds_.data(), fds_.size(), timeout_ms) > 0) {
    uint64_t count = 0;
    if (fds_[0].revents != 0 && ::read(wake_fd_.get(), &count, sizeof count) < 0) count = 0;
    signalfd_siginfo info{};
    if (fds_[1].revents != 0 && ::read(signal_fd_.get(), &info, sizeof info) > 0)
      is_stop_requested_ = true;
  }
  for (PollSource* source : sources_) source->on_wake();
}

}  // namespace platform_linux
