#include "doctest_main/doctest_main.hpp"
#include "platform_linux/posix_serial_link.hpp"
#include "platform_linux/pty_link.hpp"
#include "platform_linux/stdio_link.hpp"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <string>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include <vector>

using common::ByteSpan;
using common::MutableByteSpan;
using common::Status;
using platform::Parity;
using platform::SerialSettings;
using platform_linux::PosixSerialLink;
using platform_linux::PtyLink;
using platform_linux::StdioLink;
using platform_linux::UniqueFd;

namespace {

constexpr int kTimeout_ms = 5000;

struct FakeClock final : platform::Clock {
  common::Instant now() const override { return time; }
  common::UtcTime utc() const override { return {}; }
  void set_utc(common::UtcTime) override {}
  common::Instant time{1000};
};

struct RecordingLog final : common::LogSink {
  bool is_enabled(common::LogLevel, const char*) const override { return true; }
  void vwrite(common::LogLevel, const char*, const char* format, va_list arguments) override {
    char text[256];
    std::vsnprintf(text, sizeof text, format, arguments);
    lines.push_back(text);
  }
  std::vector<std::string> lines;
};

/// A pseudo-terminal behind a symbolic link; the test holds the master, as a wallbox or a client would.
struct Pty {
  explicit Pty(const std::string& link) {
    int master_fd = -1;
    int slave_fd = -1;
    char name[64];
    REQUIRE(::openpty(&master_fd, &slave_fd, name, nullptr, nullptr) == 0);
    master.reset(master_fd);
    ::close(slave_fd);
    path = name;
    ::unlink(link.c_str());
    REQUIRE(::symlink(name, link.c_str()) == 0);
  }
  UniqueFd master;
  std::string path;
};

struct Folder {
  Folder() {
    char name[] = "/tmp/vevgw-test-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() {
    ::unlink((path + "/port").c_str());
    ::unlink((path + "/file").c_str());
    ::rmdir(path.c_str());
  }
  std::string path;
};

ByteSpan bytes(const std::string& value) {
  return common::as_bytes(common::TextSpan(value.data(), value.size()));
}

void write_all(int fd, const std::string& text) {
  REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

bool wait_readable(int fd) {
  pollfd state{fd, POLLIN, 0};
  return ::poll(&state, 1, kTimeout_ms) > 0;
}

std::string read_fd(int fd, size_t size) {
  std::string out;
  while (out.size() < size && wait_readable(fd)) {
    char buffer[4096];
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count <= 0) break;
    out.append(buffer, static_cast<size_t>(count));
  }
  return out;
}

/// Waits with what the link asks to be polled for, then reads.
template <typename Link>
std::string read_link(Link& link, size_t size) {
  std::string out;
  while (out.size() < size) {
    uint8_t buffer[512];
    const common::Result<size_t> count = link.read(MutableByteSpan(buffer, sizeof buffer));
    if (count.ok()) {
      out.append(reinterpret_cast<const char*>(buffer), count.value());
      continue;
    }
    if (count.status() != Status::kAgain) return out;
    std::vector<pollfd> fds;
    link.collect(fds);
    if (::poll(fds.data(), fds.size(), kTimeout_ms) <= 0) return out;
  }
  return out;
}

std::string all_bytes() {
  std::string out;
  for (int i = 0; i < 256; ++i) out += static_cast<char>(i);
  return out;
}

}  // namespace

TEST_CASE("a serial link carries every byte value both ways") {
  const Folder folder;
  const Pty pty(folder.path + "/port");
  FakeClock clock;
  RecordingLog log;
  PosixSerialLink link(folder.path + "/port", clock, log);
  REQUIRE(link.configure({9600, Parity::kNone, 1}) == Status::kOk);
  CHECK(link.write(bytes(all_bytes())).value() == 256);
  CHECK(read_fd(pty.master.get(), 256) == all_bytes());
  write_all(pty.master.get(), all_bytes());
  CHECK(read_link(link, 256) == all_bytes());
  uint8_t one[1];
  CHECK(link.read(MutableByteSpan(one, 1)).status() == Status::kAgain);
  CHECK(link.is_drained());
  CHECK(log.lines.empty());
}

TEST_CASE("parity on a pseudo-terminal is left out, reported once, and never fails") {
  const Folder folder;
  const Pty pty(folder.path + "/port");
  FakeClock clock;
  RecordingLog log;
  const SerialSettings even{19200, Parity::kEven, 1};
  {
    PosixSerialLink link(folder.path + "/port", clock, log);
    CHECK(link.configure(even) == Status::kOk);
    CHECK(link.configure({19200, Parity::kOdd, 2}) == Status::kOk);
    CHECK(link.configure(even) == Status::kOk);
    CHECK(link.configure(even) == Status::kOk);
  }
  CHECK(log.lines.size() == 1);
  PosixSerialLink again(folder.path + "/port", clock, log);
  CHECK(again.configure(even) == Status::kOk);
  CHECK(again.write(bytes("x")).value() == 1);
  CHECK(read_fd(pty.master.get(), 1) == "x");
}

TEST_CASE("configure discards what was pending, the same settings again do not") {
  const Folder folder;
  const Pty pty(folder.path + "/port");
  FakeClock clock;
  RecordingLog log;
  PosixSerialLink link(folder.path + "/port", clock, log);
  REQUIRE(link.configure({9600, Parity::kNone, 1}) == Status::kOk);
  std::vector<pollfd> fds;
  link.collect(fds);
  REQUIRE(fds.size() == 1);
  write_all(pty.master.get(), "stale");
  REQUIRE(wait_readable(fds[0].fd));
  REQUIRE(link.configure({9600, Parity::kNone, 1}) == Status::kOk);
  CHECK(read_link(link, 5) == "stale");
  write_all(pty.master.get(), "stale");
  REQUIRE(wait_readable(fds[0].fd));
  REQUIRE(link.configure({19200, Parity::kNone, 1}) == Status::kOk);
  uint8_t one[1];
  CHECK(link.read(MutableByteSpan(one, 1)).status() == Status::kAgain);
}

TEST_CASE("settings outside the range are refused") {
  FakeClock clock;
  RecordingLog log;
  PosixSerialLink link("/dev/null", clock, log);
  CHECK(link.configure({9601, Parity::kNone, 1}) == Status::kInvalidArgument);
  CHECK(link.configure({9600, Parity::kNone, 0}) == Status::kInvalidArgument);
  CHECK(link.configure({9600, Parity::kNone, 3}) == Status::kInvalidArgument);
  uint8_t one[1];
  CHECK(link.read(MutableByteSpan(one, 1)).status() == Status::kInvalidState);
}

TEST_CASE("a port that cannot be used is named with the reason, logged once") {
  const Folder folder;
  const Pty pty(folder.path + "/port");
  FakeClock clock;
  RecordingLog log;
  PosixSerialLink missing(folder.path + "/nothing", clock, log);
  CHECK(missing.configure({}) == Status::kClosed);
  CHECK(missing.last_error() ==
        "cannot open the serial port " + folder.path + "/nothing: No such file or directory");
  CHECK(missing.configure({19200, Parity::kNone, 1}) == Status::kClosed);
  CHECK(log.lines.size() == 1);

  PosixSerialLink no_port("/dev/null", clock, log);
  CHECK(no_port.configure({}) == Status::kClosed);
  CHECK(no_port.last_error() == "/dev/null is not a serial port");

  PosixSerialLink first(folder.path + "/port", clock, log);
  REQUIRE(first.configure({}) == Status::kOk);
  PosixSerialLink second(folder.path + "/port", clock, log);
  CHECK(second.configure({}) == Status::kClosed);
  CHECK(second.last_error() ==
        "the serial port " + folder.path + "/port is in use by another program");
}

TEST_CASE("a device that disappears and returns is opened again with its settings") {
  const Folder folder;
  FakeClock clock;
  RecordingLog log;
  PosixSerialLink link(folder.path + "/port", clock, log);
  uint8_t one[1];
  {
    const Pty pty(folder.path + "/port");
    REQUIRE(link.configure({38400, Parity::kNone, 2}) == Status::kOk);
  }
  CHECK(link.read(MutableByteSpan(one, 1)).status() == Status::kClosed);
  CHECK_FALSE(link.is_open());
  std::vector<pollfd> fds;
  link.collect(fds);
  CHECK(fds.empty());
  CHECK(link.write(bytes("x")).status() == Status::kClosed);

  const Pty back(folder.path + "/port");
  clock.time = clock.time + (PosixSerialLink::kReopenInterval_ms - 1);
  CHECK(link.write(bytes("x")).status() == Status::kClosed);
  clock.time = clock.time + 1;
  CHECK(link.write(bytes("x")).value() == 1);
  CHECK(read_fd(back.master.get(), 1) == "x");
  termios kept{};
  REQUIRE(::tcgetattr(back.master.get(), &kept) == 0);
  CHECK(::cfgetospeed(&kept) == B38400);
  CHECK((kept.c_cflag & CSTOPB) != 0);
  REQUIRE(log.lines.size() == 2);
  CHECK(log.lines[1] == "serial port " + folder.path + "/port is back");
  CHECK(link.last_error().empty());
}

TEST_CASE("a full line takes part of the bytes, then asks to be woken when there is room") {
  const Folder folder;
  const Pty pty(folder.path + "/port");
  FakeClock clock;
  RecordingLog log;
  PosixSerialLink link(folder.path + "/port", clock, log);
  REQUIRE(link.configure({}) == Status::kOk);
  std::string sent;
  const std::string chunk(1000, 'm');
  common::Result<size_t> count = Status::kOk;
  while ((count = link.write(bytes(chunk))).ok()) sent.append(chunk, 0, count.value());
  CHECK(count.status() == Status::kAgain);
  std::vector<pollfd> fds;
  link.collect(fds);
  CHECK((fds.at(0).events & POLLOUT) != 0);
  CHECK((read_fd(pty.master.get(), sent.size()) == sent));
  CHECK(::poll(fds.data(), 1, kTimeout_ms) == 1);
  CHECK(link.write(bytes("z")).value() == 1);
}

TEST_CASE("the console pseudo-terminal outlives its clients") {
  const Folder folder;
  FakeClock clock;
  PtyLink console(clock);
  REQUIRE(console.open(folder.path + "/port") == Status::kOk);
  for (int i = 0; i < 3; ++i) {
    const UniqueFd client(::open((folder.path + "/port").c_str(), O_RDWR | O_NOCTTY));
    REQUIRE(client.is_valid());
    write_all(client.get(), "status\n");
    CHECK(read_link(console, 7) == "status\n");
    CHECK(console.write(bytes("{\"ok\":true}\n")).value() == 12);
    CHECK(read_fd(client.get(), 12) == "{\"ok\":true}\n");
  }
  uint8_t one[1];
  CHECK(console.read(MutableByteSpan(one, 1)).status() == Status::kAgain);
}

TEST_CASE("the console passes bytes unchanged: no echo, no line editing") {
  const Folder folder;
  FakeClock clock;
  PtyLink console(clock);
  REQUIRE(console.open("") == Status::kOk);
  const UniqueFd client(::open(console.slave_path().c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK));
  write_all(client.get(), all_bytes());
  CHECK(read_link(console, 256) == all_bytes());
  char echoed[1];
  CHECK(::read(client.get(), echoed, 1) == -1);
}

TEST_CASE("the console's link replaces an old one, is removed at the end, and never a file") {
  const Folder folder;
  const std::string link = folder.path + "/port";
  FakeClock clock;
  REQUIRE(::symlink("/dev/pts/gone", link.c_str()) == 0);
  {
    PtyLink console(clock);
    REQUIRE(console.open(link) == Status::kOk);
    char target[64] = {};
    REQUIRE(::readlink(link.c_str(), target, sizeof target - 1) > 0);
    CHECK(console.slave_path() == target);
  }
  struct stat info{};
  CHECK(::lstat(link.c_str(), &info) != 0);
  ::unsetenv(PtyLink::kInheritVariable);

  const std::string file = folder.path + "/file";
  ::close(::open(file.c_str(), O_CREAT | O_WRONLY, 0600));
  {
    PtyLink console(clock);
    CHECK(console.open(file) == Status::kIo);
    CHECK(console.last_error() == "cannot make the link " + file + ": File exists");
  }
  CHECK(::lstat(file.c_str(), &info) == 0);
  ::unsetenv(PtyLink::kInheritVariable);
}

TEST_CASE("unread console output is dropped after a while, and what follows arrives") {
  const Folder folder;
  FakeClock clock;
  PtyLink console(clock);
  REQUIRE(console.open("") == Status::kOk);
  const std::string line(999, 'o');
  int lines = 0;
  while (console.write(bytes(line + "\n")).ok()) REQUIRE(++lines < 1000);
  CHECK(lines >= 64);
  clock.time = clock.time + (PtyLink::kNoReader_ms - 1);
  CHECK(console.write(bytes(line + "\n")).status() == Status::kAgain);
  clock.time = clock.time + 1;
  CHECK(console.write(bytes("fresh\n")).value() == 6);
  const UniqueFd client(::open(console.slave_path().c_str(), O_RDONLY | O_NOCTTY | O_NONBLOCK));
  CHECK(read_fd(client.get(), 6) == "fresh\n");
}

TEST_CASE("the pair is taken over across exec, and only a real pair") {
  FakeClock clock;
  std::string slave_path;
  int master = -1;
  int slave = -1;
  REQUIRE(::openpty(&master, &slave, nullptr, nullptr, nullptr) == 0);
  slave_path = ::ptsname(master);
  SUBCASE("a pair") {
    ::setenv(PtyLink::kInheritVariable,
             (std::to_string(master) + " " + std::to_string(slave)).c_str(), 1);
    PtyLink console(clock);
    REQUIRE(console.open("") == Status::kOk);
    CHECK(console.slave_path() == slave_path);
  }
  SUBCASE("anything else") {
    ::setenv(PtyLink::kInheritVariable,
             (std::to_string(slave) + " " + std::to_string(master)).c_str(), 1);
    PtyLink console(clock);
    REQUIRE(console.open("") == Status::kOk);
    CHECK(console.slave_path() != slave_path);
    ::close(master);
    ::close(slave);
  }
  ::unsetenv(PtyLink::kInheritVariable);
}

TEST_CASE("standard input and output as a console") {
  int to_link[2];
  int from_link[2];
  REQUIRE(::pipe(to_link) == 0);
  REQUIRE(::pipe(from_link) == 0);
  StdioLink link(to_link[0], from_link[1]);
  uint8_t one[1];
  CHECK(link.read(MutableByteSpan(one, 1)).status() == Status::kAgain);
  write_all(to_link[1], "status\n");
  CHECK(read_link(link, 7) == "status\n");
  CHECK(link.write(bytes("ok\n")).value() == 3);
  CHECK(read_fd(from_link[0], 3) == "ok\n");

  // More than a pipe holds: nothing blocks, nothing is lost, whole pieces only.
  std::string sent;
  const std::string line = std::string(4999, 'l') + "\n";
  while (link.write(bytes(line)).ok()) sent += line;
  CHECK(sent.size() > 65536);
  CHECK_FALSE(link.is_drained());
  std::string received;
  while (received.size() < sent.size()) {
    const std::string part = read_fd(from_link[0], 1);
    REQUIRE_FALSE(part.empty());
    received += part;
    link.on_wake();
  }
  CHECK(received.size() == sent.size());
  CHECK((received == sent));
  CHECK(link.is_drained());

  ::close(to_link[1]);
  CHECK(read_link(link, 1).empty());
  CHECK(link.read(MutableByteSpan(one, 1)).status() == Status::kClosed);
  std::vector<pollfd> fds;
  link.collect(fds);
  CHECK(fds.empty());
  ::close(to_link[0]);
  ::close(from_link[0]);
  ::close(from_link[1]);
}
