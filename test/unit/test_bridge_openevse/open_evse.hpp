#pragma once

#include "platform/serial_link.hpp"
#include "platform_sim/malloc_trap.hpp"
#include "platform_sim/sim_clock.hpp"

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

/// An OpenEVSE behind its serial port, made from the description of the RAPI protocol in the firmware's documentation.
class OpenEvse final : public platform::SerialLink {
 public:
  explicit OpenEvse(platform_sim::SimClock& clock) : clock_(clock) {}

  // The gateway's end of the line.
  common::Status configure(const platform::SerialSettings& wanted) override {
    settings = wanted;
    return common::Status::kOk;
  }
  common::Result<size_t> write(common::ByteSpan data) override {
    platform_sim::MallocTrap::Exempt exempt;
    if (is_unplugged_from_gateway) return common::Status::kIo;
    for (const uint8_t byte : data) {
      if (byte != '\r') {
        received_ += static_cast<char>(byte);
        continue;
      }
      on_line(received_);
      received_.clear();
    }
    return data.size();
  }
  common::Result<size_t> read(common::MutableByteSpan buffer) override {
    platform_sim::MallocTrap::Exempt exempt;
    if (is_unplugged_from_gateway) return common::Status::kIo;
    if (clock_.now() < answer_at_ || output_.empty()) return common::Status::kAgain;
    const size_t count = std::min(buffer.size(), output_.size());
    std::copy_n(output_.begin(), count, buffer.data());
    output_.erase(0, count);
    return count;
  }
  bool is_drained() override { return true; }

  void advance() {
    const int64_t ms = clock_.now() - advanced_to_;
    advanced_to_ = clock_.now();
    if (supervision_s > 0 && !has_tripped && clock_.now() - pulse_at_ > supervision_s * 1000) {
      has_tripped = true;
      is_unacknowledged = true;
      capacity_a = fallback_a;
    }
    const int before = state();
    if (!is_sleeping && !is_disabled && is_plugged && ev_wants && error == 0 && capacity_a >= 6) {
      if (!is_in_c_) is_in_c_ = true;
    } else {
      is_in_c_ = false;
    }
    current_ma = state() == 3 ? std::min(capacity_a * 1000, ev_ma) : 0;
    session_ws += current_ma / 1000.0 * 240 * static_cast<double>(ms) / 1000.0;
    if (state() != reported_state_) {
      // Energy of a session moves to the total when it ends.
      if (before == 3) total_wh += session_ws / 3600;
      reported_state_ = state();
      char text[40];
      std::snprintf(text, sizeof text, "AT %02X %02X %d %04X", static_cast<unsigned>(state()),
                    static_cast<unsigned>(pilot()), capacity_a, flags());
      if (!is_silent && !is_unplugged_from_gateway) say(text);
    }
  }
  void reboot() {
    is_sleeping = is_disabled = false;
    capacity_a = saved_capacity_a;
    supervision_s = 0;
    has_tripped = is_unacknowledged = false;
    session_ws = 0;
    say("AB 00 8.2.1");
  }
  void plug() { is_plugged = true, session_ws = 0; }
  void unplug() { is_plugged = false, is_in_c_ = false; }
  void garble(const std::string& bytes) { output_ += bytes; }

  int state() const {
    if (error != 0) return error;
    if (is_disabled) return 0xFF;
    if (is_sleeping) return 0xFE;
    if (!is_plugged) return 1;
    return is_in_c_ ? 3 : 2;
  }
  /// Reads words of the log: how often a command came.
  size_t count(const std::string& command) const {
    return static_cast<size_t>(std::count(commands.begin(), commands.end(), command));
  }

  platform::SerialSettings settings;
  std::vector<std::string> commands;
  bool is_plugged = false;
  bool ev_wants = true;
  int ev_ma = 32000;
  bool is_sleeping = false;
  bool is_disabled = false;
  int error = 0;
  int capacity_a = 32;
  int saved_capacity_a = 32;  ///< EEPROM.
  int eeprom_writes = 0;
  int lowest_a = 6;
  int highest_a = 40;
  int supervision_s = 0;
  int fallback_a = 0;
  bool has_tripped = false;
  bool is_unacknowledged = false;
  bool has_supervision = true;
  bool ignores_commands = false;
  bool is_old = false;  ///< Its $GC has two words.
  bool is_auth_locked = false;
  double session_ws = 0;
  double total_wh = 0;
  int current_ma = 0;
  bool is_silent = false;
  bool is_unplugged_from_gateway = false;
  bool breaks_checksums = false;
  int64_t answer_ms = 10;

 private:
  int pilot() const { return !is_plugged ? 1 : is_in_c_ ? 3 : 2; }
  unsigned flags() const {
    return (is_auth_locked ? 0x8U : 0U) | (state() == 3 ? 0x40U : 0U) | (is_plugged ? 0x100U : 0U);
  }
  void say(const std::string& words) {
    platform_sim::MallocTrap::Exempt exempt;
    unsigned sum = '$';
    for (const char c : words) sum ^= static_cast<unsigned char>(c);
    if (breaks_checksums) sum ^= 1U;
    char tail[8];
    std::snprintf(tail, sizeof tail, "^%02X\r", sum);
    output_ += "$" + words + tail;
    answer_at_ = clock_.now() + answer_ms;
  }
  void on_line(const std::string& line) {
    if (is_silent || line.size() < 4 || line[0] != '$' || line[line.size() - 3] != '^') return;
    unsigned sum = 0;
    for (size_t i = 0; i + 3 < line.size(); ++i) sum ^= static_cast<unsigned char>(line[i]);
    if (std::stoul(line.substr(line.size() - 2), nullptr, 16) != sum) return;
    const std::string words = line.substr(1, line.size() - 4);
    commands.push_back(words);
    std::istringstream in(words);
    std::vector<std::string> w;
    for (std::string word; in >> word;) w.push_back(word);
    char text[64] = "OK";
    if (w[0] == "GV") {
      std::snprintf(text, sizeof text, "OK 8.2.1 5.1.0");
    } else if (w[0] == "GS") {
      std::snprintf(text, sizeof text, "OK %02X 17 %02X %04X", static_cast<unsigned>(state()),
                    static_cast<unsigned>(pilot()), flags());
    } else if (w[0] == "GG") {
      std::snprintf(text, sizeof text, "OK %d 240000", current_ma);
    } else if (w[0] == "GU") {
      std::snprintf(text, sizeof text, "OK %d %d", static_cast<int>(session_ws),
                    static_cast<int>(total_wh));
    } else if (w[0] == "GP") {
      std::snprintf(text, sizeof text, "OK 245 -2560 301");
    } else if (w[0] == "GC" && is_old) {
      std::snprintf(text, sizeof text, "OK %d %d", lowest_a, highest_a);
    } else if (w[0] == "GC") {
      std::snprintf(text, sizeof text, "OK %d %d %d %d", lowest_a, 80, capacity_a, highest_a);
    } else if (w[0] == "SC") {
      const int wanted = std::stoi(w[1]);
      if (w.size() < 3 || w[2] != "V") ++eeprom_writes;
      const int set =
          ignores_commands ? capacity_a : std::max(lowest_a, std::min(wanted, highest_a));
      capacity_a = set;
      std::snprintf(text, sizeof text, "%s %d", set == wanted ? "OK" : "NK", set);
    } else if (w[0] == "FE") {
      if (!ignores_commands) is_sleeping = is_disabled = false;
    } else if (w[0] == "FD") {
      if (!ignores_commands) is_sleeping = false, is_disabled = true;
    } else if (w[0] == "FS") {
      if (!ignores_commands) is_sleeping = true, is_disabled = false;
    } else if (w[0] == "S4") {
      is_auth_locked = w[1] == "1";
    } else if (w[0] == "SY") {
      on_supervision(w, text, sizeof text);
    } else {
      std::snprintf(text, sizeof text, "NK");
    }
    say(text);
  }
  void on_supervision(const std::vector<std::string>& w, char* text, size_t size) {
    if (!has_supervision) {
      std::snprintf(text, size, "NK");
      return;
    }
    const bool was_missed = is_unacknowledged;
    pulse_at_ = clock_.now();
    if (w.size() == 3) {
      supervision_s = std::stoi(w[1]);
      fallback_a = std::stoi(w[2]);
      has_tripped = is_unacknowledged = false;
    } else if (w.size() == 2 && w[1] == "165") {
      is_unacknowledged = false;
      has_tripped = false;
      capacity_a = saved_capacity_a;
    }
    std::snprintf(text, size, "%s %d %d %d", was_missed && is_unacknowledged ? "NK" : "OK",
                  supervision_s, fallback_a,
                  is_unacknowledged ? 2
                  : was_missed      ? 1
                                    : 0);
  }

  platform_sim::SimClock& clock_;
  std::string received_;
  std::string output_;
  common::Instant answer_at_;
  common::Instant advanced_to_;
  common::Instant pulse_at_;
  bool is_in_c_ = false;
  int reported_state_ = -1;
};
