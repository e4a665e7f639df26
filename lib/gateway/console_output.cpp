#include "gateway/console_output.hpp"

#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace gateway {

using common::LogLevel;

bool ConsoleOutput::write_line(common::TextSpan line, common::TextSpan prefix) {
  if (prefix.size() + line.size() + 1 > kBufferBytes - size_) {
    ++dropped_lines_;
    return false;
  }
  append(prefix);
  append(line);
  append(common::text("\n"));
  return true;
}

void ConsoleOutput::append(common::TextSpan text) {
  size_t tail = (head_ + size_) % kBufferBytes;
  for (const char c : text) {
    buffer_[tail] = static_cast<uint8_t>(c);
    tail = (tail + 1) % kBufferBytes;
  }
  size_ += text.size();
}

bool ConsoleOutput::flush() {
  while (size_ > 0) {
    const size_t until_wrap = kBufferBytes - head_;
    const size_t chunk = size_ < until_wrap ? size_ : until_wrap;
    const common::Result<size_t> taken = link_.write(common::ByteSpan(buffer_ + head_, chunk));
    if (!taken.ok()) return false;
    head_ = (head_ + taken.value()) % kBufferBytes;
    size_ -= taken.value();
    if (taken.value() < chunk) return false;
  }
  return true;
}

bool ConsoleLog::is_enabled(LogLevel level, const char*) const { return level <= level_; }

void ConsoleLog::vwrite(LogLevel level, const char* module, const char* format, va_list arguments) {
  if (!is_enabled(level, module)) return;
  static constexpr char kLetters[] = {'E', 'W', 'I', 'D'};
  char line[240];
  const int prefix =
      std::snprintf(line, sizeof line, "%c (%lld) %s: ", kLetters[static_cast<int>(level)],
                    static_cast<long long>(uptime_ms()), module);
  if (prefix < 0) return;
  std::vsnprintf(line + prefix, sizeof line - static_cast<size_t>(prefix), format, arguments);
  for (char* c = line; *c != '\0'; ++c) {
    if (static_cast<unsigned char>(*c) < ' ')
      *c = ' ';  // One event is one line, whatever a peer sent.
  }
  (void)output_.write_line(common::text(line));
  history_.add(common::text(line), clock_.now());
}

bool log_level_from_text(common::TextSpan text, LogLevel& out) {
  static constexpr const char* kNames[] = {"error", "warn", "info", "debug"};
  for (size_t i = 0; i < 4; ++i) {
    if (common::equals_ignore_case(text, common::text(kNames[i]))) {
      out = static_cast<LogLevel>(i);
      return true;
    }
  }
  return false;
}

}  // namespace gateway
