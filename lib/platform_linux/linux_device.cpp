#include "platform_linux/linux_device.hpp"

#include "platform_linux/directory.hpp"
#include "platform_linux/pty_link.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/close_range.h>
#include <malloc.h>
#include <openssl/sha.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

namespace platform_linux {
namespace {

constexpr const char* kRunning = "running\n";
constexpr const char* kStopped = "stopped\n";
constexpr char kCrashed[] = "crashed NN\n";  // NN: number of the signal

constexpr const char* kCrashSuffix =
    "-crash";                            ///< Beside the marker: number of the last crash's signal.
constexpr size_t kCrashedWordBytes = 8;  // "crashed "

const char* crash_marker = nullptr;  ///< For the signal handler, which has no other way to it.

/// Async-signal-safe. In place, not through a second file: a crash that is not noted harms less than a handler that fails.
void on_crash(int signal_number) {
  const int file = ::open(crash_marker, O_WRONLY | O_TRUNC | O_CLOEXEC);
  if (file >= 0) {
    char text[sizeof kCrashed];
    std::memcpy(text, kCrashed, sizeof kCrashed);
    text[kCrashedWordBytes] = static_cast<char>('0' + signal_number / 10);
    text[kCrashedWordBytes + 1] = static_cast<char>('0' + signal_number % 10);
    (void)!::write(file, text, sizeof text - 1);
    ::close(file);
  }
  ::raise(signal_number);  // SA_RESETHAND has restored the default
}

/// Reads at most 63 bytes. @return false when absent (errno ENOENT) or unreadable.
bool read_small_file(const char* path, std::string& out) {
  const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  if (!file.is_valid()) return false;
  char text[64];
  const ssize_t size = ::read(file.get(), text, sizeof text - 1);
  if (size < 0) return false;
  out.assign(text, static_cast<size_t>(size));
  return true;
}

/// The machine id itself must not leave the host (machine-id(5)), a hash of it may.
std::string hashed_machine_id() {
  std::string id;
  if (!read_small_file("/etc/machine-id", id) || id.empty()) {
    char host[64] = "";
    ::gethostname(host, sizeof host - 1);
    id = host;
  }
  const std::string salted = "vev-gateway " + id;
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(salted.data()), salted.size(), digest);
  char hex[13];
  for (int i = 0; i < 6; ++i) std::snprintf(hex + 2 * i, 3, "%02X", digest[i]);
  return hex;
}

/// Libraries open descriptors without O_CLOEXEC: a connection must not live on, unused, in the new program.
void close_on_exec_all_but_console() {
  (void)::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);  // Linux 5.11; before, some leak
  const char* const console = std::getenv(PtyLink::kInheritVariable);
  int master = -1;
  int slave = -1;
  if (console == nullptr || std::sscanf(console, "%d %d", &master, &slave) != 2) return;
  (void)::fcntl(master, F_SETFD, 0);
  (void)::fcntl(slave, F_SETFD, 0);
}

}  // namespace

LinuxDevice::LinuxDevice(Options options) : options_(std::move(options)) {
  const std::string serial =
      options_.serial_number.empty() ? hashed_machine_id() : options_.serial_number;
  serial_number_.assign_truncated(common::TextSpan(serial.data(), serial.size()));
  if (options_.marker_file.empty()) {
    reset_cause_ = platform::ResetCause::kUnknown;
    return;
  }
  std::string marker;
  if (read_small_file(options_.marker_file.c_str(), marker)) {
    int signal_number = 0;
    const bool is_crash = std::sscanf(marker.c_str(), "crashed %d", &signal_number) == 1;
    reset_cause_ = marker == kStopped ? platform::ResetCause::kSoftware
                   : is_crash         ? platform::ResetCause::kWatchdog
                                      : platform::ResetCause::kPowerOn;
    if (is_crash) write_file(options_.marker_file + kCrashSuffix, std::to_string(signal_number));
  } else {
    reset_cause_ =
        errno == ENOENT ? platform::ResetCause::kPowerOn : platform::ResetCause::kUnknown;
  }
  write_marker(kRunning);
}

void LinuxDevice::note_crashes() {
  if (options_.marker_file.empty()) return;
  crash_marker = options_.marker_file.c_str();
  struct sigaction action{};
  action.sa_handler = &on_crash;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    struct sigaction before{};
    if (::sigaction(number, nullptr, &before) == 0 && before.sa_handler == SIG_DFL)
      (void)::sigaction(number, &action, nullptr);
  }
}

platform::HeapFigures LinuxDevice::heap() const {
  platform::HeapFigures figures;
  const struct mallinfo2 info = ::mallinfo2();
  const size_t bytes = info.uordblks + info.hblkhd;
  figures.allocated = bytes < UINT32_MAX ? static_cast<uint32_t>(bytes) : UINT32_MAX;
  return figures;
}

void LinuxDevice::mark_clean_stop() { write_marker(kStopped); }

bool LinuxDevice::crash(platform::CrashSummary& out) const {
  std::string number;
  if (options_.marker_file.empty() ||
      !read_small_file((options_.marker_file + kCrashSuffix).c_str(), number))
    return false;
  const char* const name = ::sigabbrev_np(std::atoi(number.c_str()));
  out = platform::CrashSummary();
  out.cause = common::FixedString<47>("signal ");
  (void)out.cause.append(common::text(name == nullptr ? number.c_str() : name));
  return true;
}

common::Status LinuxDevice::erase_crash() {
  const std::string file = options_.marker_file + kCrashSuffix;
  return ::unlink(file.c_str()) == 0 || errno == ENOENT ? common::Status::kOk : common::Status::kIo;
}

void LinuxDevice::write_marker(const char* text) {
  // A wrong reset cause must never tell of an orderly stop that was none.
  if (!options_.marker_file.empty() && !write_file(options_.marker_file, text))
    ::unlink(options_.marker_file.c_str());
}

bool LinuxDevice::write_file(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".new";
  const UniqueFd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  return file.is_valid() &&
         write_fully(file.get(), text.data(), text.size()) == common::Status::kOk &&
         ::fsync(file.get()) == 0 && ::rename(temporary.c_str(), path.c_str()) == 0;
}

void LinuxDevice::reboot() {
  mark_clean_stop();
  std::fflush(nullptr);
  // The signals that LinuxWaiter blocks would stay blocked in the new program image.
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  close_on_exec_all_but_console();
  if (options_.argv != nullptr) ::execv("/proc/self/exe", options_.argv);
  std::fprintf(stderr, "cannot start the program again: %s\n",
               options_.argv == nullptr ? "the command line is not known" : std::strerror(errno));
  ::_exit(kRebootFailedExitCode);
}

}  // namespace platform_linux
