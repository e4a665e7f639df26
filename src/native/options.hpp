#pragma once

#include <map>
#include <string>
#include <vector>

namespace native {

/// What the command line says. Device settings given here hold for this run and are not stored.
struct Options {
  std::string data_dir = "vevgw-data";
  std::string console = "stdio";     ///< "stdio", "none" or "pty:LINK".
  std::map<int, std::string> buses;  ///< Bus number, from 1 -> serial device.
  std::string device_key_file;  ///< 32 bytes that seal what is stored; empty = stored as it is.
  std::string reader_device;
  std::string board_device;  ///< Serial device of a simulated board; empty = none.
  std::map<std::string, std::string> settings;
  /// Simulated Wi-Fi networks, name -> password: the only way to a network. Empty = the operating system's network.
  std::map<std::string, std::string> wifi;
  bool stays = false;   ///< With settings that do not fit: the console answers, nothing else works.
  int setup_page = -1;  ///< TCP port of the setup page; 0 = any free one, -1 = no page.
  std::string log_file;  ///< Copy of all console output; empty = none.
};

/// Parsed options, or what to print and which exit code to end with.
struct ParseOutcome {
  Options options;
  bool should_exit = false;
  int exit_code = 0;
  std::string message;
};

/// Parses argv. Every mistake gives one sentence and exit code 2.
ParseOutcome parse_options(const std::vector<std::string>& arguments);

}  // namespace native
