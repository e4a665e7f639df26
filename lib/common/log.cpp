#include "common/log.hpp"

namespace common {

void LogSink::write(LogLevel level, const char* module, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vwrite(level, module, format, arguments);
  va_end(arguments);
}

void log_error(LogSink& sink, const char* module, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  sink.vwrite(LogLevel::kError, module, format, arguments);
  va_end(arguments);
}

void log_warn(LogSink& sink, const char* module, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  sink.vwrite(LogLevel::kWarn, module, format, arguments);
  va_end(arguments);
}

void log_info(LogSink& sink, const char* module, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  sink.vwrite(LogLevel::kInfo, module, format, arguments);
  va_end(arguments);
}

void log_debug(LogSink& sink, const char* module, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  sink.vwrite(LogLevel::kDebug, module, format, arguments);
  va_end(arguments);
}

}  // namespace common
