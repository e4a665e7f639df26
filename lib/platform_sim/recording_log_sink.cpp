#include "platform_sim/recording_log_sink.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

namespace platform_sim {

void RecordingLogSink::vwrite(common::LogLevel level, const char* module, const char* format,
                              va_list arguments) {
  if (!is_enabled(level, module)) return;
  const MallocTrap::Exempt exempt;
  char buffer[201];
  std::vsnprintf(buffer, sizeof buffer, format, arguments);
  lines_.push_back(Line{level, module, buffer});
}

bool RecordingLogSink::contains(const std::string& module, const std::string& text) const {
  return std::any_of(lines_.begin(), lines_.end(), [&](const Line& line) {
    return line.module == module && line.text.find(text) != std::string::npos;
  });
}

size_t RecordingLogSink::count(common::LogLevel level) const {
  return static_cast<size_t>(std::count_if(lines_.begin(), lines_.end(),
                                           [&](const Line& line) { return line.level == level; }));
}

std::string RecordingLogSink::text() const {
  static const char kLetters[] = "EWID";
  std::string result;
  for (const Line& line : lines_) {
    result += kLetters[static_cast<size_t>(line.level)];
    result += ' ' + line.module + ": " + line.text + '\n';
  }
  return result;
}

}  // namespace platform_sim
