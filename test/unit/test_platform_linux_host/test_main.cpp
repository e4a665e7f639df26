#include "doctest_main/doctest_main.hpp"
#include "platform_linux/linux_clock.hpp"
#include "platform_linux/linux_device.hpp"
#include "platform_linux/linux_entropy.hpp"
#include "platform_linux/linux_waiter.hpp"
#include "platform_linux/pty_link.hpp"
#include "platform_linux/thread_worker.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

using common::Status;
using common::UtcTime;
using platform::ResetCause;
using platform_linux::LinuxClock;
using platform_linux::LinuxDevice;
using platform_linux::LinuxEntropy;
using platform_linux::LinuxWaiter;

namespace {

struct Folder {
  Folder() {
    char name[] = "/tmp/vevgw-test-XXXXXX";
    path = ::mkdtemp(name);
    marker = path + "/run";
  }
  ~Folder() {
    ::unlink(marker.c_str());
    ::rmdir(path.c_str());
  }
  std::string path;
  std::string marker;
};

}  // namespace

TEST_CASE("the monotonic clock is shared by all objects and never goes back") {
  const LinuxClock a;
  const LinuxClock b;
  common::Instant last = a.now();
  for (int i = 0; i < 1000; ++i) {
    const common::Instant next = i % 2 == 0 ? b.now() : a.now();
    REQUIRE(next >= last);
    last = next;
  }
}

TEST_CASE("the operating system's time wins over the CSMS's by default") {
  LinuxClock clock;
  const UtcTime before = clock.utc();
  REQUIRE(before.is_known());
  clock.set_utc(UtcTime{1800000000000});
  CHECK(clock.utc() >= before);
  CHECK(clock.utc() - before < 3600000);
}

TEST_CASE("with the CSMS as the only source the time is unknown until it comes") {
  LinuxClock clock(LinuxClock::UtcSource::kCsms);
  CHECK_FALSE(clock.utc().is_known());
  clock.set_utc(UtcTime{});
  CHECK_FALSE(clock.utc().is_known());
  clock.set_utc(UtcTime{1800000000000});
  CHECK(clock.utc() >= UtcTime{1800000000000});
  CHECK(clock.utc() - UtcTime{1800000000000} < 60000);
  clock.set_utc(UtcTime{1700000000000});
  CHECK(clock.utc() - UtcTime{1700000000000} < 60000);
}

TEST_CASE("random bytes fill the whole span and differ") {
  LinuxEntropy entropy;
  uint8_t a[64] = {};
  uint8_t b[64] = {};
  entropy.fill(common::MutableByteSpan(a, sizeof a));
  entropy.fill(common::MutableByteSpan(b, sizeof b));
  CHECK(std::memcmp(a, b, sizeof a) != 0);
  CHECK(std::memcmp(a + 32, b + 32, 32) != 0);
}

TEST_CASE("the reset cause tells an orderly stop from a kill") {
  const Folder folder;
  LinuxDevice::Options options;
  options.marker_file = folder.marker;
  {
    LinuxDevice first(options);
    CHECK(first.reset_cause() == ResetCause::kPowerOn);
  }
  {
    LinuxDevice after_kill(options);
    CHECK(after_kill.reset_cause() == ResetCause::kPowerOn);
    after_kill.mark_clean_stop();
  }
  {
    LinuxDevice after_stop(options);
    CHECK(after_stop.reset_cause() == ResetCause::kSoftware);
  }
  LinuxDevice after_kill_again(options);
  CHECK(after_kill_again.reset_cause() == ResetCause::kPowerOn);
  CHECK(LinuxDevice(LinuxDevice::Options{}).reset_cause() == ResetCause::kUnknown);
}

TEST_CASE("the serial number is the given one, else a stable hash that is not the machine id") {
  LinuxDevice::Options options;
  options.serial_number = "VEV-0001";
  CHECK(std::string(LinuxDevice(options).serial_number().c_str()) == "VEV-0001");
  const std::string first = LinuxDevice(LinuxDevice::Options{}).serial_number().c_str();
  CHECK(first == LinuxDevice(LinuxDevice::Options{}).serial_number().c_str());
  CHECK(first.size() == 12);
  CHECK(first.find_first_not_of("0123456789ABCDEF") == std::string::npos);
}

TEST_CASE("reboot marks an orderly stop and says so when the program cannot be started again") {
  const Folder folder;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(2);
    LinuxDevice::Options options;
    options.marker_file = folder.marker;
    LinuxDevice(options).reboot();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == LinuxDevice::kRebootFailedExitCode);
  LinuxDevice::Options options;
  options.marker_file = folder.marker;
  CHECK(LinuxDevice(options).reset_cause() == ResetCause::kSoftware);
}

TEST_CASE("reboot runs the program again with the same pid and arguments") {
  const Folder folder;
  int out[2];
  REQUIRE(::pipe(out) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(out[1], 1);
    ::dup2(out[1], 100);  // as a library without O_CLOEXEC leaves it
    ::dup2(out[1], 101);
    ::dup2(out[1], 102);
    ::setenv(platform_linux::PtyLink::kInheritVariable, "101 102", 1);
    LinuxDevice::Options options;
    options.marker_file = folder.marker;
    std::string program = "tests";
    std::string argument = "--test-case=prints its pid after a reboot";
    std::string hidden = "--no-skip";
    char* argv[] = {&program[0], &argument[0], &hidden[0], nullptr};
    options.argv = argv;
    LinuxDevice(options).reboot();
  }
  ::close(out[1]);
  std::string text;
  char buffer[4096];
  ssize_t size = 0;
  while ((size = ::read(out[0], buffer, sizeof buffer)) > 0)
    text.append(buffer, static_cast<size_t>(size));
  ::close(out[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(text.find("pid " + std::to_string(child) + " open: 101 102\n") != std::string::npos);
}

TEST_CASE("prints its pid after a reboot" * doctest::skip()) {
  std::string line = "pid " + std::to_string(::getpid()) + " open:";
  for (int fd = 100; fd < 103; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) line += " " + std::to_string(fd);
  }
  line += "\n";
  CHECK(::write(1, line.data(), line.size()) > 0);
}

TEST_CASE("a wait ends at its deadline, by wake() from another thread, and by a signal") {
  const LinuxClock clock;
  LinuxWaiter waiter(clock);
  REQUIRE(waiter.begin() == Status::kOk);
  const common::Instant deadline = clock.now() + 20;
  while (clock.now() < deadline) waiter.wait_until(deadline);
  waiter.wait_until(common::Instant{0});

  std::thread other([&] { waiter.wake(); });
  waiter.wait_until(common::Instant::never());
  other.join();
  CHECK_FALSE(waiter.is_stop_requested());

  ::kill(::getpid(), SIGTERM);
  waiter.wait_until(clock.now() + 10000);
  CHECK(waiter.is_stop_requested());
}

TEST_CASE("a wait ends when a source has data, and every source hears of it") {
  struct PipeSource final : platform_linux::PollSource {
    void collect(std::vector<pollfd>& out) override { out.push_back({fd, POLLIN, 0}); }
    void on_wake() override { ++wakes; }
    int fd = -1;
    int wakes = 0;
  };
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const LinuxClock clock;
  LinuxWaiter waiter(clock);
  REQUIRE(waiter.begin() == Status::kOk);
  PipeSource source;
  source.fd = ends[0];
  waiter.add(source);
  CHECK(::write(ends[1], "x", 1) == 1);
  waiter.wait_until(common::Instant::never());
  CHECK(source.wakes == 1);
  waiter.remove(source);
  waiter.wait_until(common::Instant{0});
  CHECK(source.wakes == 1);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("a worker carries out one job at a time beside the loop") {
  struct Gate final : platform::Job {
    void run() override {
      while (!is_open) std::this_thread::yield();
      result = 42;
    }
    std::atomic<bool> is_open{false};
    int result = 0;
  };
  Gate first;
  Gate second;
  platform_linux::ThreadWorker worker;
  CHECK(worker.is_idle());
  REQUIRE(worker.start(first) == Status::kOk);
  CHECK_FALSE(worker.is_idle());
  CHECK(worker.start(second) == Status::kAgain);
  first.is_open = true;
  while (!worker.is_idle()) std::this_thread::yield();
  CHECK(first.result == 42);
  second.is_open = true;
  CHECK(worker.start(second) == Status::kOk);
}
