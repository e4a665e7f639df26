#pragma once

#include "common/log.hpp"
#include "platform_sim/malloc_trap.hpp"

#include <string>
#include <vector>

namespace platform_sim {

/// Keeps every log line for the test to look at.
class RecordingLogSink final : public common::LogSink {
 public:
  struct Line {
    common::LogLevel level;
    std::string module;
    std::string text;
  };

  /// @param level  Lines less important than this are not recorded.
  explicit RecordingLogSink(common::LogLevel level = common::LogLevel::kDebug) : level_(level) {}

  bool is_enabled(common::LogLevel level, const char*) const override { return level <= level_; }
  void vwrite(common::LogLevel level, const char* module, const char* format,
              va_list arguments) override;

  const std::vector<Line>& lines() const { return lines_; }
  /// Whether any line of this module contains the text.
  bool contains(const std::string& module, const std::string& text) const;
  size_t count(common::LogLevel level) const;
  /// All lines, one per row, for messages of failed tests.
  std::string text() const;
  void clear() { lines_.clear(); }

 private:
  common::LogLevel level_;
  std::vector<Line> lines_;
};

}  // namespace platform_sim
