#pragma once

#include "platform_sim/sim_udp_link.hpp"

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

/// A KEBA P30 on the network, made from the description of its UDP commands.
class Keba {
 public:
  static constexpr uint32_t kAddress = 0xC0A80107;  // 192.168.1.7

  Keba(platform_sim::SimClock& clock, platform_sim::SimUdpLink& net) : clock_(clock), net_(net) {}

  void advance() {
    const common::Instant now = clock_.now();
    platform_sim::SimUdpLink::Datagram datagram;
    while (net_.peer_receive(datagram)) {
      if (datagram.peer.ipv4 == kAddress && datagram.peer.port == 7090) on_command(datagram.bytes);
    }
    const int64_t ms = now - advanced_to_;
    advanced_to_ = now;
    if (user_ma_due_ <= now) user_ma = next_user_ma_, user_ma_due_ = common::Instant::never();
    if (enable_due_ <= now) enable_user = next_enable_, enable_due_ = common::Instant::never();
    if (failsafe_s > 0 && !has_tripped && now - heard_at_ > failsafe_s * 1000) has_tripped = true;
    current_ma = state() == 3 ? std::min(limit_ma(), ev_ma) : 0;
    energy_tenths_wh += current_ma / 1000.0 * 230 * 3 * static_cast<double>(ms) / 3600000.0 * 10;
    if (state() != told_state_ && pushes && !is_silent) {
      told_state_ = state();
      tell("{\"State\": " + std::to_string(state()) + "}");
    }
  }

  void plug() {
    plug_code = 7, ++session;
    tag = "0000000000000000";
    tell_plug();
  }
  void unplug() {
    plug_code = 3;
    tell_plug();
  }
  void hold_tag(const std::string& uid) { tag = uid; }
  void reboot() {
    enable_user = 1;
    user_ma = hardware_ma;
    failsafe_s = 0;
    has_tripped = false;
    booted_at_ = clock_.now();
  }

  int limit_ma() const { return has_tripped ? failsafe_ma : std::min(user_ma, hardware_ma); }
  bool is_enabled() const {
    return enable_user == 1 && !(has_tripped && failsafe_ma == 0) && !needs_authorisation;
  }
  int state() const {
    if (error != 0) return 4;
    if (clock_.now() - booted_at_ < boot_ms) return 0;
    if (plug_code < 5 || !is_enabled() || limit_ma() < 6000) return 1;
    return ev_wants ? 3 : 2;
  }
  size_t count(const std::string& command) const {
    return static_cast<size_t>(std::count(commands.begin(), commands.end(), command));
  }

  std::vector<std::string> commands;
  int plug_code = 3;
  bool ev_wants = true;
  int ev_ma = 32000;
  int enable_user = 1;  ///< Free vending out of the box.
  int user_ma = 32000;
  int hardware_ma = 32000;
  int failsafe_s = 0;
  int failsafe_ma = 0;
  bool has_tripped = false;
  bool needs_authorisation = false;
  int error = 0;
  int session = 35;
  std::string tag = "0000000000000000";
  const char* product = "KC-P30-ES240022-E0R";
  double energy_tenths_wh = 1234560;
  int current_ma = 0;
  int boot_ms = 0;
  bool is_silent = false;
  bool refuses = false;
  bool pushes = true;
  bool knows_sessions = true;  ///< report 100
  int eeprom_writes = 0;
  int too_early = 0;  ///< Commands that came before the charger wanted to hear them.
  int unlocks = 0;

 private:
  void tell(const std::string& text) { net_.peer_send({kAddress, 7090}, text); }
  void tell_plug() {
    if (pushes && !is_silent) tell("{\"Plug\": " + std::to_string(plug_code) + "}");
  }
  void on_command(const std::string& text) {
    if (is_silent) return;
    const common::Instant now = clock_.now();
    if (now < deaf_until_) {
      ++too_early;
      return;
    }
    deaf_until_ = now + 95;
    heard_at_ = now;
    commands.push_back(text);
    std::istringstream in(text);
    std::vector<std::string> w;
    for (std::string word; in >> word;) w.push_back(word);
    if (w[0] == "report" && w[1] == "100" && !knows_sessions) return;
    if (w[0] == "report") {
      report(w[1]);
      return;
    }
    if (refuses) {
      tell("TCH-ERR:");
      return;
    }
    if (w[0] == "curr") ++eeprom_writes;
    if (w[0] == "currtime") {
      next_user_ma_ = std::stoi(w[1]);
      user_ma_due_ = now + std::stoi(w[2]) * 1000;
      has_tripped = false;
    } else if (w[0] == "ena") {
      next_enable_ = std::stoi(w[1]);
      enable_due_ = now + 1000;
      if (next_enable_ == 0) deaf_until_ = now + 1990;
    } else if (w[0] == "failsafe") {
      failsafe_s = std::stoi(w[1]);
      failsafe_ma = std::stoi(w[2]);
      if (w.size() > 3 && w[3] == "1") ++eeprom_writes;
    } else if (w[0] == "start") {
      needs_authorisation = false;
    } else if (w[0] == "unlock") {
      ++unlocks;
    }
    tell("TCH-OK :done\n");
  }
  void report(const std::string& id) {
    char text[700] = "";
    if (id == "1") {
      std::snprintf(text, sizeof text,
                    "{\n\"ID\": \"1\",\n\"Product\": \"%s\",\n\"Serial\": "
                    "\"17619300\",\n\"Firmware\":\"P30 v 3.10.16\"\n}\n",
                    product);
    } else if (id == "2") {
      std::snprintf(
          text, sizeof text,
          "{\n\"ID\": \"2\",\n\"State\": %d,\n\"Error1\": %d,\n\"Error2\": 0,\n\"Plug\": "
          "%d,\n\"AuthON\": "
          "%d,\n\"Authreq\": %d,\n\"Enable sys\": %d,\n\"Enable user\": %d,\n\"Max curr\": "
          "%d,\n\"Max curr %%\": 533,\n\"Curr HW\": %d,\n\"Curr user\": %d,\n\"Curr FS\": "
          "%d,\n\"Tmo FS\": %d,\n\"Output\": 0,\n\"Input\": 0,\n\"Serial\": "
          "\"17619300\",\n\"Sec\": %d\n}\n",
          state(), error, plug_code, needs_authorisation ? 1 : 0, needs_authorisation ? 1 : 0,
          is_enabled() ? 1 : 0, enable_user, limit_ma(), hardware_ma, user_ma, failsafe_ma,
          failsafe_s, static_cast<int>((clock_.now() - booted_at_) / 1000));
    } else if (id == "3") {
      std::snprintf(
          text, sizeof text,
          "{\n\"ID\": \"3\",\n\"U1\": 230,\n\"U2\": 231,\n\"U3\": 229,\n\"I1\": %d,\n\"I2\": "
          "%d,\n\"I3\": %d,\n\"P\": %lld,\n\"PF\": 990,\n\"E pres\": 5,\n\"E total\": %lld\n}\n",
          current_ma, current_ma, current_ma, static_cast<long long>(current_ma) * 690,
          static_cast<long long>(energy_tenths_wh));
    } else {
      std::snprintf(text, sizeof text,
                    "{\n\"ID\": \"100\",\n\"Session ID\": %d,\n\"Curr HW\": 32000,\n\"E start\": "
                    "1,\n\"RFID tag\": \"%s\",\n\"RFID class\": \"00000000000000000000\"\n}\n",
                    session, tag.c_str());
    }
    tell(text);
  }

  platform_sim::SimClock& clock_;
  platform_sim::SimUdpLink& net_;
  common::Instant advanced_to_;
  common::Instant deaf_until_;
  common::Instant heard_at_;
  common::Instant booted_at_{-600000};
  common::Instant user_ma_due_ = common::Instant::never();
  int next_user_ma_ = 0;
  common::Instant enable_due_ = common::Instant::never();
  int next_enable_ = 0;
  int told_state_ = -1;
};
