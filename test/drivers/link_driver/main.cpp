// Drives one LwsWebSocketLink by lines on standard input, for the tests in pytools/tests/linux_link. Fields are
// separated by tabs; every event is one JSON line on standard output:
//   open url=... identity=... [profile=0..3] [password_hex=...] [other_hex=...] [ca=...] [verify=0]
//        [wildcard=0] [client=... key=...] [earliest_ms=...] [ping_s=...] [require_subprotocol=1]
//   ping_interval SECONDS
//   send TEXT | send_size N | close CODE | pause | resume | quit
// Options of the link and the size of the receive buffer come as NAME=NUMBER arguments.

#include "common/crc32.hpp"
#include "common/log.hpp"
#include "drivers/file_client.hpp"
#include "platform_linux/linux_clock.hpp"
#include "platform_linux/linux_waiter.hpp"
#include "platform_linux/lws_web_socket_link.hpp"
#include "platform_linux/stdio_link.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {

using common::Status;
using Fields = std::map<std::string, std::string>;

/// The link's log lines on standard error.
class StandardErrorLog final : public common::LogSink {
 public:
  bool is_enabled(common::LogLevel, const char*) const override { return true; }
  void vwrite(common::LogLevel, const char* module, const char* format,
              va_list arguments) override {
    std::fprintf(stderr, "%s: ", module);
    std::vfprintf(stderr, format, arguments);
    std::fputc('\n', stderr);
  }
};

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    char escaped[8];
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < ' ' || byte > '~') {
      std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

void emit(const std::string& event, const std::string& fields) {
  std::printf("{\"event\":\"%s\"%s%s}\n", event.c_str(), fields.empty() ? "" : ",", fields.c_str());
  std::fflush(stdout);
}

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> out(1);
  for (const char c : line) {
    if (c == '\t') {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

Fields key_values(const std::vector<std::string>& words, size_t first) {
  Fields out;
  for (size_t i = first; i < words.size(); ++i) {
    const size_t equals = words[i].find('=');
    if (equals != std::string::npos) out[words[i].substr(0, equals)] = words[i].substr(equals + 1);
  }
  return out;
}

int64_t number(const Fields& fields, const std::string& name, int64_t fallback) {
  const auto found = fields.find(name);
  return found == fields.end() ? fallback : std::atoll(found->second.c_str());
}

std::string text_of(const Fields& fields, const std::string& name) {
  const auto found = fields.find(name);
  return found == fields.end() ? "" : found->second;
}

template <size_t N>
void set(common::FixedString<N>& out, const std::string& value) {
  out.assign_truncated(common::TextSpan(value.data(), value.size()));
}

/// Any bytes, as digits.
void set_hex(common::FixedString<64>& out, const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::strtol(hex.substr(i, 2).c_str(), nullptr, 16));
  set(out, bytes);
}

class Driver {
 public:
  explicit Driver(const Fields& arguments)
      : waiter_(clock_), buffer_(static_cast<size_t>(number(arguments, "buffer", 200000))) {
    platform_linux::LwsLinkOptions options;
    options.backoff.minimum_ms = number(arguments, "backoff_minimum_ms", 20);
    options.backoff.first_ms = number(arguments, "backoff_first_ms", 40);
    options.backoff.maximum_ms = number(arguments, "backoff_maximum_ms", 200);
    options.max_frame_bytes = static_cast<size_t>(number(arguments, "max_frame_bytes", 131072));
    options.receive_queue_frames =
        static_cast<size_t>(number(arguments, "receive_queue_frames", 64));
    options.send_queue_bytes = static_cast<size_t>(number(arguments, "send_queue_bytes", 262144));
    options.handshake_timeout_ms = number(arguments, "handshake_timeout_ms", 40000);
    options.watchdog_grace_ms = number(arguments, "watchdog_grace_ms", 5000);
    options.idle_probe_ms = number(arguments, "idle_probe_ms", 300000);
    options.close_timeout_ms = number(arguments, "close_timeout_ms", 3000);
    link_ = std::make_unique<platform_linux::LwsWebSocketLink>(log_, options);
  }

  int run() {
    if (waiter_.begin() != Status::kOk) return 1;
    waiter_.add(input_);
    waiter_.add(*link_);
    while (!is_quitting_ && !waiter_.is_stop_requested()) {
      const common::Instant before = clock_.now();
      step();
      longest_step_ms_ = std::max(longest_step_ms_, clock_.now() - before);
      if (!is_quitting_) waiter_.wait_until(common::Instant::never());
    }
    waiter_.remove(*link_);
    link_.reset();
    emit("end", "\"longest_step_ms\":" + std::to_string(longest_step_ms_));
    return 0;
  }

 private:
  void step() {
    tell_status();
    if (!is_paused_) receive();
    uint8_t bytes[4096];
    while (true) {
      const common::Result<size_t> count =
          input_.read(common::MutableByteSpan(bytes, sizeof bytes));
      if (count.status() == Status::kClosed) is_quitting_ = true;
      if (!count.ok()) break;
      for (size_t i = 0; i < count.value(); ++i) {
        if (bytes[i] != '\n') {
          line_ += static_cast<char>(bytes[i]);
        } else {
          command(split(line_));
          line_.clear();
        }
      }
    }
  }

  void tell_status() {
    const platform::LinkStatus& status = link_->status();
    std::string text = "\"up\":" + std::string(status.is_up ? "true" : "false") +
                       ",\"connection\":" + std::to_string(status.connection_id) +
                       ",\"http\":" + std::to_string(status.http_status) +
                       ",\"error\":" + quoted(status.last_error.c_str()) +
                       ",\"failure\":" + std::to_string(static_cast<int>(status.failure)) +
                       ",\"failures\":" + std::to_string(status.failures) +
                       ",\"other\":" + (status.is_other_password ? "true" : "false") +
                       ",\"tls\":" + (status.is_tls ? "true" : "false") +
                       ",\"unverified\":" + (status.is_unverified ? "true" : "false") +
                       ",\"fault\":" + quoted(platform::to_string(status.certificate_fault)) +
                       ",\"client\":" + std::to_string(status.client);
    if (text == last_status_) return;
    last_status_ = text;
    const bool has_next = !status.is_up && !status.next_attempt.is_never();
    emit("status", text + ",\"next_in_ms\":" +
                       std::to_string(has_next ? status.next_attempt - clock_.now() : -1));
  }

  void receive() {
    while (true) {
      const common::Result<platform::ReceivedFrame> frame =
          link_->receive(common::Span<char>(buffer_.data(), buffer_.size()));
      if (!frame.ok()) return;
      const common::TextSpan text(buffer_.data(), frame.value().size);
      const common::TextSpan start = text.first(80);
      emit("frame", "\"size\":" + std::to_string(text.size()) +
                        ",\"truncated\":" + (frame.value().truncated ? "true" : "false") +
                        ",\"crc\":" + std::to_string(common::crc32(common::as_bytes(text))) +
                        ",\"text\":" + quoted(std::string(start.data(), start.size())));
    }
  }

  void command(const std::vector<std::string>& words) {
    const std::string& name = words[0];
    const std::string argument = words.size() > 1 ? words[1] : "";
    if (name == "open") {
      open(key_values(words, 1));
    } else if (name == "send" || name == "send_size") {
      std::string text = argument;
      if (name == "send_size") text.assign(static_cast<size_t>(std::atoll(argument.c_str())), 's');
      const Status status = link_->send(common::TextSpan(text.data(), text.size()));
      emit("send", "\"status\":" + quoted(common::to_string(status)));
    } else if (name == "close") {
      link_->close(static_cast<uint16_t>(std::atoi(argument.c_str())));
    } else if (name == "ping_interval") {
      link_->set_ping_interval(static_cast<uint16_t>(std::atoi(argument.c_str())));
    } else if (name == "pause") {
      is_paused_ = true;
      emit("paused", "");
    } else if (name == "resume") {
      is_paused_ = false;
      receive();
    } else if (name == "quit") {
      is_quitting_ = true;
    }
    tell_status();
  }

  void open(const Fields& fields) {
    platform::LinkSettings settings;
    set(settings.url, text_of(fields, "url"));
    set(settings.identity, text_of(fields, "identity"));
    set(settings.ca_file, text_of(fields, "ca"));
    settings.verify_certificate = number(fields, "verify", 1) != 0;
    settings.allow_wildcard = number(fields, "wildcard", 1) != 0;
    settings.earliest_utc = common::UtcTime{number(fields, "earliest_ms", 0)};
    settings.authority = &client_;
    if (fields.count("client") != 0 &&
        !client_.load(text_of(fields, "client"), text_of(fields, "key"))) {
      is_quitting_ = true;
    }
    settings.ping_interval_s = static_cast<uint16_t>(number(fields, "ping_s", 30));
    settings.require_subprotocol = number(fields, "require_subprotocol", 0) != 0;
    settings.security_profile =
        static_cast<platform::SecurityProfile>(number(fields, "profile", 1));
    set_hex(settings.password, text_of(fields, "password_hex"));
    set_hex(settings.other_password, text_of(fields, "other_hex"));
    emit("open", "\"status\":" + quoted(common::to_string(link_->open(settings))));
  }

  platform_linux::LinuxClock clock_;
  StandardErrorLog log_;
  platform_linux::LinuxWaiter waiter_;
  platform_linux::StdioLink input_;
  FileClient client_;  ///< Of the first open() that names one.
  std::unique_ptr<platform_linux::LwsWebSocketLink> link_;
  std::vector<char> buffer_;
  std::string line_;
  std::string last_status_;
  bool is_paused_ = false;
  bool is_quitting_ = false;
  int64_t longest_step_ms_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  return Driver(key_values(std::vector<std::string>(argv, argv + argc), 1)).run();
}
