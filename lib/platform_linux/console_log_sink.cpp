#include "platform_linux/console_log_sink.hpp"

#include "platform_linux/directory.hpp"

#include <algorithm>
#include <cstdio>
#include <poll.h>

namespace platform_linux {

using common::LogLevel;

namespace {

char letter(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return 'E';
    case LogLevel::kWarn:
      return 'W';
    case LogLevel::kInfo:
      return 'I';
    case LogLevel::kDebug:
      return 'D';
  }
  return '?';
}

/// "ocpp" covers "ocpp" and "ocpp.tx", not "ocppx".
bool covers(const std::string& name, const std::string& module) {
  if (module.compare(0, name.size(), name) != 0) return false;
  return module.size() == name.size() || module[name.size()] == '.';
}

}  // namespace

void ConsoleLogSink::clear_level(const std::string& module) {
  if (module == "*") default_level_ = LogLevel::kInfo;
  levels_.erase(std::remove_if(levels_.begin(), levels_.end(),
                               [&](const ModuleLevel& row) { return row.module == module; }),
                levels_.end());
}

void ConsoleLogSink::set_level(const std::string& module, LogLevel level) {
  clear_level(module);
  if (module == "*") {
    default_level_ = level;
  } else {
    levels_.push_back({module, level});
  }
}

bool ConsoleLogSink::is_enabled(LogLevel level, const char* module) const {
  LogLevel limit = default_level_;
  size_t best = 0;
  for (const ModuleLevel& row : levels_) {
    if (row.module.size() >= best && covers(row.module, module)) {
      best = row.module.size();
      limit = row.level;
    }
  }
  return level <= limit;
}

void ConsoleLogSink::write(LogLevel level, const char* module, const char* format, ...) {
  char line[kMaxLineBytes + 1];
  const long long elapsed_ms = clock_.now() - start_;
  int size = std::snprintf(line, sizeof line, "%c (%lld) %s: ", letter(level), elapsed_ms, module);
  if (size < 0) return;
  if (static_cast<size_t>(size) < kMaxLineBytes) {
    va_list arguments;
    va_start(arguments, format);
    const int added =
        std::vsnprintf(line + size, sizeof line - static_cast<size_t>(size), format, arguments);
    va_end(arguments);
    if (added > 0) size += added;
  }
  std::string text(line, std::min(static_cast<size_t>(size), kMaxLineBytes));
  // One event is one line, whatever the text contains.
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  text += '\n';

  if (fd_ >= 0) write_to_fd(text);
  if (console_ == nullptr) return;
  if (dropped_lines_ != dropped_reported_) {
    const std::string note = "W (" + std::to_string(elapsed_ms) +
                             ") log: " + std::to_string(dropped_lines_ - dropped_reported_) +
                             " lines dropped\n";
    if (write_to_console(note)) dropped_reported_ = dropped_lines_;
  }
  if (!write_to_console(text)) ++dropped_lines_;
}

void ConsoleLogSink::write_to_fd(const std::string& line) {
  pollfd state{fd_, POLLOUT, 0};
  if (::poll(&state, 1, 0) <= 0) {
    ++dropped_lines_;  // a pipe that nobody reads must not stop the gateway
  } else if (write_fully(fd_, line.data(), line.size()) != common::Status::kOk) {
    fd_ = -1;
  }
}

bool ConsoleLogSink::write_to_console(const std::string& line) {
  return console_->write(common::as_bytes(common::TextSpan(line.data(), line.size()))).ok();
}

}  // namespace platform_linux
