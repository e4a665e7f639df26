#pragma once

#include "common/log.hpp"
#include "gateway/log_history.hpp"
#include "platform/clock.hpp"
#include "platform/serial_link.hpp"

namespace gateway {

/// The one way out to the console: replies, events and logs as whole lines, in order, never blocking.
/// When the reader is slow, lines that do not fit are dropped and counted; a line is never cut or mixed.
class ConsoleOutput {
 public:
  static constexpr size_t kBufferBytes = 8192;  ///< RAM. Longest reply: GetConfiguration as JSON.

  /// Keeps a reference to the link.
  explicit ConsoleOutput(platform::SerialLink& link) : link_(link) {}

  /// Appends prefix, text and a line feed. @return false when there was no room; the line is dropped.
  bool write_line(common::TextSpan line, common::TextSpan prefix = {});
  /// Hands over what the link takes now. @return true when everything is out.
  bool flush();
  uint32_t dropped_lines() const { return dropped_lines_; }
  /// Whether a line of so many bytes, line feed included, would find room.
  bool has_room(size_t bytes) const { return bytes <= kBufferBytes - size_; }

 private:
  void append(common::TextSpan text);

  platform::SerialLink& link_;
  uint8_t buffer_[kBufferBytes] = {};
  size_t head_ = 0;
  size_t size_ = 0;
  uint32_t dropped_lines_ = 0;
};

/// Log lines in ESP-IDF format, `I (12345) ocpp.tx: text`, so that existing serial monitors colour them.
class ConsoleLog final : public common::LogSink {
 public:
  /// Keeps references to both.
  ConsoleLog(ConsoleOutput& output, const platform::Clock& clock)
      : output_(output), clock_(clock), start_(clock.now()) {}

  /// Time since this object was made, ms: the number in brackets.
  int64_t uptime_ms() const { return clock_.now() - start_; }

  void set_level(common::LogLevel level) { level_ = level; }
  common::LogLevel level() const { return level_; }
  /// What was written last, whether or not the console took it.
  const LogHistory& history() const { return history_; }
  bool is_enabled(common::LogLevel level, const char* module) const override;
  void vwrite(common::LogLevel level, const char* module, const char* format,
              va_list arguments) override;

 private:
  ConsoleOutput& output_;
  const platform::Clock& clock_;
  const common::Instant start_;
  common::LogLevel level_ = common::LogLevel::kInfo;
  LogHistory history_;
};

/// "error", "warn", "info", "debug". @return false for anything else.
bool log_level_from_text(common::TextSpan text, common::LogLevel& out);

}  // namespace gateway
