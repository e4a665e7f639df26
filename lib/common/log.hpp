#pragma once

#include <cstdint>

namespace common {

enum class LogLevel : uint8_t { kError, kWarn, kInfo, kDebug };

/// Receiver of log lines; one per gateway, handed to whoever logs. Never given keys, passwords or
/// full id tags.
class LogSink {
 public:
  virtual ~LogSink() = default;
  /// Whether a line of this level of this module would be written: for callers whose arguments are
  /// costly to make.
  virtual bool is_enabled(LogLevel level, const char* module) const = 0;
  /// Writes nothing unless is_enabled(): asking in here, once, keeps every log line in the code short.
  /// @param module  Static name such as "ocpp.tx".
  /// @param format  printf format; the line is cut at 200 bytes.
  /// @par Context   Loop thread; does not block.
  virtual void write(LogLevel level, const char* module, const char* format, ...)
      __attribute__((format(printf, 4, 5))) = 0;
};

/// Writes nothing; for tests and for objects without a console.
class NullLogSink final : public LogSink {
 public:
  bool is_enabled(LogLevel, const char*) const override { return false; }
  void write(LogLevel, const char*, const char*, ...) override {}
};

}  // namespace common

/// Once per .cpp: names the module of the log lines below.
#define LOG_MODULE(name) static constexpr const char* kLogModule = name

#define LOG_AT(sink, level, ...) (sink).write(level, kLogModule, __VA_ARGS__)

#define LOG_ERROR(sink, ...) LOG_AT(sink, ::common::LogLevel::kError, __VA_ARGS__)
#define LOG_WARN(sink, ...) LOG_AT(sink, ::common::LogLevel::kWarn, __VA_ARGS__)
#define LOG_INFO(sink, ...) LOG_AT(sink, ::common::LogLevel::kInfo, __VA_ARGS__)
#define LOG_DEBUG(sink, ...) LOG_AT(sink, ::common::LogLevel::kDebug, __VA_ARGS__)
