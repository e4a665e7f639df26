#include "native/options.hpp"

#include "build/version.hpp"
#include "gateway/settings.hpp"

#include <fstream>

namespace native {
namespace {

constexpr int kMaxBuses = static_cast<int>(limits::kMaxSerialBuses);

constexpr const char* kUsage =
    "usage: vev-gateway [options]\n"
    "  --data DIR            where records and settings are kept (default vevgw-data)\n"
    "  --console WHERE       stdio (default), pty:LINK (pseudo-terminal with a symbolic link) or "
    "none\n"
    "  --bus N=DEVICE        serial device of bus N, from 1 (--bus 1=/dev/ttyUSB0)\n"
    "  --reader KIND=DEVICE  tag reader on a serial device, rdm6300 or pn532 (--reader "
    "pn532=/dev/ttyUSB1)\n"
    "  --board DEVICE        serial device of a simulated board, for the profile gpio\n"
    "  --wifi SSID[=PASS]    simulated Wi-Fi network, several times; the gateway has no other way "
    "to a network\n"
    "  --csms URL            same as --set csms_url=URL\n"
    "  --identity ID         same as --set identity=ID\n"
    "  --password-file FILE  HTTP Basic password, first line of FILE\n"
    "  --profile NAME        same as --set c1.profile=NAME\n"
    "  --set NAME=VALUE      device setting for this run; --list-settings shows them\n"
    "  --device-key FILE     32 bytes that encrypt the stored settings and keys\n"
    "  --on-error WHAT       settings that do not fit: end (default), or stay, with the console, "
    "as "
    "a board does\n"
    "  --setup-page PORT     web page for Wi-Fi and CSMS at http://127.0.0.1:PORT/; 0 = any free "
    "port\n"
    "  --log-file FILE       copy of everything the console prints\n"
    "  --list-settings, --version, --help\n";

std::string list_settings() {
  std::string out;
  for (const gateway::SettingRow& row : gateway::Settings::table()) {
    std::string line = row.name;
    line.resize(line.size() < 18 ? 18 : line.size(), ' ');
    line += row.help;
    if (row.default_value[0] != '\0') line += std::string(" (default ") + row.default_value + ")";
    out += line + "\n";
  }
  return out;
}

ParseOutcome fail(const std::string& sentence) {
  ParseOutcome outcome;
  outcome.should_exit = true;
  outcome.exit_code = 2;
  outcome.message = "vev-gateway: " + sentence + "\n";
  return outcome;
}

ParseOutcome print(const std::string& text) {
  ParseOutcome outcome;
  outcome.should_exit = true;
  outcome.message = text;
  return outcome;
}

/// "a=b" -> ("a", "b"). @return false without '=' or with an empty side before it.
bool split_pair(const std::string& text, std::string& left, std::string& right) {
  const size_t at = text.find('=');
  if (at == std::string::npos || at == 0) return false;
  left = text.substr(0, at);
  right = text.substr(at + 1);
  return true;
}

}  // namespace

ParseOutcome parse_options(const std::vector<std::string>& arguments) {
  ParseOutcome outcome;
  Options& options = outcome.options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string name = arguments[i];
    if (name == "--help" || name == "-h") return print(kUsage);
    if (name == "--version") return print(std::string("vev-gateway ") + build::kVersion + "\n");
    if (name == "--list-settings") return print(list_settings());
    std::string value;
    const size_t equals = name.find('=');
    if (name.rfind("--", 0) == 0 && equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    } else {
      return fail("option " + name + " is unknown or lacks its value; see --help");
    }
    std::string left;
    std::string right;
    if (name == "--data") {
      options.data_dir = value;
    } else if (name == "--console") {
      if (value != "stdio" && value != "none" &&
          (value.rfind("pty:", 0) != 0 || value.size() == 4)) {
        return fail("--console must be stdio, none or pty:LINK, not " + value);
      }
      options.console = value;
    } else if (name == "--bus") {
      if (!split_pair(value, left, right) || left.size() != 1 || left[0] < '1' ||
          left[0] > '0' + kMaxBuses || right.empty()) {
        return fail("--bus must be N=DEVICE with N from 1 to " + std::to_string(kMaxBuses) +
                    ", not " + value);
      }
      options.buses[left[0] - '0'] = right;
    } else if (name == "--reader") {
      if (!split_pair(value, left, right) || (left != "rdm6300" && left != "pn532") ||
          right.empty()) {
        return fail("--reader must be rdm6300=DEVICE or pn532=DEVICE, not " + value);
      }
      options.settings["reader"] = left;
      options.reader_device = right;
    } else if (name == "--board") {
      options.board_device = value;
    } else if (name == "--wifi") {
      if (!split_pair(value, left, right)) left = value;
      if (left.empty() || left.size() > 32 || right.size() > 63)
        return fail("--wifi must be SSID or SSID=PASSWORD, not " + value);
      options.wifi[left] = right;
    } else if (name == "--csms") {
      options.settings["csms_url"] = value;
    } else if (name == "--identity") {
      options.settings["identity"] = value;
    } else if (name == "--profile") {
      options.settings["c1.profile"] = value;
    } else if (name == "--password-file") {
      std::ifstream file(value);
      std::string password;
      if (!file || !std::getline(file, password))
        return fail("the password file " + value + " cannot be read");
      options.settings["password"] = password;
    } else if (name == "--device-key") {
      options.device_key_file = value;
    } else if (name == "--on-error") {
      if (value != "end" && value != "stay")
        return fail("--on-error must be end or stay, not " + value);
      options.stays = value == "stay";
    } else if (name == "--setup-page") {
      int32_t port = 0;
      if (!gateway::parse_integer(common::TextSpan(value.data(), value.size()), port) || port < 0 ||
          port > UINT16_MAX)
        return fail("--setup-page must be a port from 0 to 65535, not " + value);
      options.setup_page = port;
    } else if (name == "--log-file") {
      options.log_file = value;
    } else if (name == "--set") {
      if (!split_pair(value, left, right)) return fail("--set must be NAME=VALUE, not " + value);
      options.settings[left] = right;
    } else {
      return fail("unknown option " + name + "; see --help");
    }
  }
  return outcome;
}

}  // namespace native
