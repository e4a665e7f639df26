#pragma once

#include <cstdarg>
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
  virtual void vwrite(LogLevel level, const char* module, const char* format,
                      va_list arguments) = 0;
  void write(LogLevel level, const char* module, const char* format, ...)
      __attribute__((format(printf, 4, 5)));
};

/// What the macros below call: plain functions with as few arguments as can be, because every log line in
/// the code pays for them.
/// @{
void log_error(LogSink& sink, const char* module, const char* format, ...)
    __attribute__((format(printf, 3, 4)));
void log_warn(LogSink& sink, const char* module, const char* format, ...)
    __attribute__((format(printf, 3, 4)));
void log_info(LogSink& sink, const char* module, const char* format, ...)
    __attribute__((format(printf, 3, 4)));
void log_debug(LogSink& sink, const char* module, const char* format, ...)
    __attribute__((format(printf, 3, 4)));
/// @}

/// Writes nothing; for tests and for objects without a console.
class NullLogSink final : public LogSink {
 public:
  bool is_enabled(LogLevel, const char*) const override { return false; }
  void vwrite(LogLevel, const char*, const char*, va_list) override {}
};

}  // namespace common

/// Once per .cpp: names the module of the log lines below.
#define LOG_MODULE(name) static constexpr const char* kLogModule = name

#define LOG_ERROR(sink, ...) ::common::log_error(sink, kLogModule, __VA_ARGS__)
#define LOG_WARN(sink, ...) ::common::log_warn(sink, kLogModule, __VA_ARGS__)
#define LOG_INFO(sink, ...) ::common::log_info(sink, kLogModule, __VA_ARGS__)
#define LOG_DEBUG(sink, ...) ::common::log_debug(sink, kLogModule, __VA_ARGS__)
