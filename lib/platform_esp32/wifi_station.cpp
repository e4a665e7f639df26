#include "platform_esp32/wifi_station.hpp"

#include <WiFi.h>

namespace platform_esp32 {

LOG_MODULE("esp32.wifi");

void WifiStation::begin(const common::FixedString<32>& ssid,
                        const common::FixedString<63>& password,
                        const common::FixedString<63>& time_server) {
  ssid_ = ssid;
  password_ = password;
  time_server_ = time_server;
  if (ssid_.empty()) {
    WiFi.mode(WIFI_OFF);
    LOG_WARN(log_, "no network is set: wifi SSID PASSWORD");
    return;
  }
  WiFi.persistent(false);  // The settings store is the only place of the password.
  WiFi.mode(WIFI_STA);
  WiFi.setAutoReconnect(true);
  WiFi.begin(ssid_.c_str(), password_.empty() ? nullptr : password_.c_str());
  if (!time_server_.empty()) configTime(0, 0, time_server_.c_str());
}

void WifiStation::join(common::TextSpan ssid, common::TextSpan password) {
  WiFi.disconnect();
  is_connected_ = false;
  const common::FixedString<63> time_server = time_server_;
  begin(common::FixedString<32>(ssid), common::FixedString<63>(password), time_server);
}

void WifiStation::start_scan() {
  if (ssid_.empty()) WiFi.mode(WIFI_STA);
  WiFi.scanDelete();
  (void)WiFi.scanNetworks(true);
}

common::Status WifiStation::network(size_t index, Found& out) {
  const int16_t found = WiFi.scanComplete();
  if (found == WIFI_SCAN_RUNNING) return common::Status::kAgain;
  if (found < 0 || index >= static_cast<size_t>(found)) return common::Status::kNotFound;
  const auto number = static_cast<uint8_t>(index);
  out.ssid.assign_truncated(common::text(WiFi.SSID(number).c_str()));
  out.rssi_dbm = static_cast<int8_t>(WiFi.RSSI(number));
  out.has_password = WiFi.encryptionType(number) != WIFI_AUTH_OPEN;
  return common::Status::kOk;
}

void WifiStation::step(common::Instant now) {
  if (ssid_.empty()) return;
  const bool is_connected = WiFi.status() == WL_CONNECTED;
  if (is_connected != is_connected_) {
    is_connected_ = is_connected;
    if (is_connected) {
      LOG_INFO(log_, "joined %s, address %s, %d dBm", ssid_.c_str(),
               WiFi.localIP().toString().c_str(), static_cast<int>(WiFi.RSSI()));
    } else {
      LOG_WARN(log_, "lost %s", ssid_.c_str());
    }
    next_retry_ = now + kRetryMs;
  }
  if (!is_connected && next_retry_ <= now) {
    // Auto-reconnect gives up after some refusals (wrong password, access point off): start over.
    WiFi.disconnect();
    WiFi.begin(ssid_.c_str(), password_.empty() ? nullptr : password_.c_str());
    next_retry_ = now + kRetryMs;
  }
}

}  // namespace platform_esp32
