#pragma once

#include "common/log.hpp"
#include "platform/clock.hpp"
#include "platform/serial_link.hpp"

#include <cstdarg>
#include <string>
#include <vector>

namespace platform_linux {

/// Writes log lines as ESP-IDF does, so that its monitors read and colour them: "I (12345) ocpp.tx: text".
/// @par Context  Loop thread; does not block. A line that finds no room on the console is dropped and counted.
class ConsoleLogSink final : public common::LogSink {
 public:
  static constexpr size_t kMaxLineBytes = 200;

  /// @param clock  Outlives the sink. The number in brackets is its monotonic time since the sink was made, ms.
  explicit ConsoleLogSink(const platform::Clock& clock) : clock_(clock), start_(clock.now()) {}

  /// @param console  Outlives the sink; nullptr = none.
  void set_console(platform::SerialLink* console) { console_ = console; }
  /// Also writes to a descriptor (2 = standard error, or a file); -1 = none. Borrowed.
  void set_fd(int fd) { fd_ = fd; }
  /// Level of a module and of all below it ("ocpp" holds for "ocpp.tx"; the longest name wins); "*" = the rest.
  void set_level(const std::string& module, common::LogLevel level);
  /// Removes the setting of one module. "*" falls back to info.
  void clear_level(const std::string& module);

  bool is_enabled(common::LogLevel level, const char* module) const override;
  void write(common::LogLevel level, const char* module, const char* format, ...) override
      __attribute__((format(printf, 4, 5)));
  /// Lines dropped because the console or the descriptor took no more.
  uint32_t dropped_lines() const { return dropped_lines_; }

 private:
  struct ModuleLevel {
    std::string module;
    common::LogLevel level;
  };

  void write_to_fd(const std::string& line);
  bool write_to_console(const std::string& line);

  const platform::Clock& clock_;
  const common::Instant start_;
  platform::SerialLink* console_ = nullptr;
  int fd_ = -1;
  common::LogLevel default_level_ = common::LogLevel::kInfo;
  std::vector<ModuleLevel> levels_;
  uint32_t dropped_lines_ = 0;
  uint32_t dropped_reported_ = 0;
};

}  // namespace platform_linux
