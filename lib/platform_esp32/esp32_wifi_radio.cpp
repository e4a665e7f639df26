#include "platform_esp32/esp32_wifi_radio.hpp"

#include "platform_esp32/mutex_lock.hpp"

namespace platform_esp32 {

using common::Status;
using common::TextSpan;
using platform::JoinFailure;
using platform::StationStatus;

namespace {

constexpr int kAccessPointChannel = 1;
constexpr int kMaxClients = 4;

JoinFailure failure_of(uint8_t reason) {
  switch (reason) {
    case WIFI_REASON_NO_AP_FOUND:
      return JoinFailure::kNotFound;
    case WIFI_REASON_4WAY_HANDSHAKE_TIMEOUT:
    case WIFI_REASON_HANDSHAKE_TIMEOUT:
    case WIFI_REASON_AUTH_FAIL:
    case WIFI_REASON_MIC_FAILURE:
      return JoinFailure::kWrongPassword;
    default:
      return JoinFailure::kRefused;
  }
}

}  // namespace

Status Esp32WifiRadio::begin() {
  mutex_ = xSemaphoreCreateMutex();
  commands_ = xQueueCreate(kMaxCommands, sizeof(Command));
  if (mutex_ == nullptr || commands_ == nullptr) return Status::kNoSpace;
  const BaseType_t made =
      xTaskCreatePinnedToCore(&Esp32WifiRadio::run, "wifi", kStackBytes, this, 1, nullptr, 0);
  return made == pdPASS ? Status::kOk : Status::kNoSpace;
}

void Esp32WifiRadio::configure(TextSpan hostname, TextSpan time_server) {
  hostname_.assign_truncated(hostname);
  time_server_.assign_truncated(time_server);
}

/// A queue that is full drops it: the caller's time-out asks again.
void Esp32WifiRadio::send(const Command& command) {
  if (commands_ != nullptr) (void)xQueueSend(commands_, &command, 0);
}

void Esp32WifiRadio::join(TextSpan ssid, TextSpan password) {
  if (mutex_ == nullptr) return;
  Command command;
  command.kind = Command::Kind::kJoin;
  command.ssid.assign_truncated(ssid);
  command.password.assign_truncated(password);
  {
    Lock lock(mutex_);
    command.number = ++join_number_;
    station_ = StationStatus();
    station_.state = StationStatus::State::kJoining;
  }
  send(command);
}

void Esp32WifiRadio::leave() {
  if (mutex_ == nullptr) return;
  {
    Lock lock(mutex_);
    ++join_number_;
    station_ = StationStatus();
  }
  send(Command());
}

StationStatus Esp32WifiRadio::station() {
  if (mutex_ == nullptr) return StationStatus();
  Lock lock(mutex_);
  return station_;
}

void Esp32WifiRadio::start_scan() {
  if (mutex_ == nullptr) return;
  Command command;
  command.kind = Command::Kind::kScan;
  {
    Lock lock(mutex_);
    command.number = ++search_number_;
    found_count_ = 0;
  }
  send(command);
}

Status Esp32WifiRadio::found(size_t index, platform::FoundNetwork& out) {
  if (mutex_ == nullptr) return Status::kNotFound;
  Lock lock(mutex_);
  if (found_number_ != search_number_) return Status::kAgain;
  if (index >= found_count_) return Status::kNotFound;
  out = found_[index];
  return Status::kOk;
}

void Esp32WifiRadio::start_access_point(TextSpan ssid, TextSpan password) {
  Command command;
  command.kind = Command::Kind::kOpen;
  command.ssid.assign_truncated(ssid);
  command.password.assign_truncated(password);
  send(command);
}

void Esp32WifiRadio::stop_access_point() {
  Command command;
  command.kind = Command::Kind::kClose;
  send(command);
}

bool Esp32WifiRadio::is_access_point_up() {
  if (mutex_ == nullptr) return false;
  Lock lock(mutex_);
  return is_access_point_up_;
}

uint8_t Esp32WifiRadio::access_point_clients() {
  if (mutex_ == nullptr) return 0;
  Lock lock(mutex_);
  return clients_;
}

void Esp32WifiRadio::restart() {
  if (mutex_ == nullptr) return;
  {
    Lock lock(mutex_);
    ++join_number_;
    station_ = StationStatus();
    is_access_point_up_ = false;
    clients_ = 0;
  }
  Command command;
  command.kind = Command::Kind::kRestart;
  send(command);
}

// -- Task "wifi" --

void Esp32WifiRadio::run(void* self) {
  auto* const radio = static_cast<Esp32WifiRadio*>(self);
  WiFi.persistent(false);        // The settings store is the only place of passwords.
  WiFi.setAutoReconnect(false);  // gateway::NetworkManager decides.
  WiFi.onEvent([radio](arduino_event_id_t event, arduino_event_info_t info) {
    radio->on_event(event, info);
  });
  for (;;) {
    Command command;
    if (xQueueReceive(radio->commands_, &command, pdMS_TO_TICKS(kRefreshMs)) == pdTRUE) {
      radio->carry_out(command);
      radio->waiter_.wake();
    }
    radio->refresh();
  }
}

void Esp32WifiRadio::carry_out(const Command& command) {
  switch (command.kind) {
    case Command::Kind::kJoin: {
      start_station();
      WiFi.disconnect();
      WiFi.setScanMethod(WIFI_ALL_CHANNEL_SCAN);
      WiFi.setSortMethod(WIFI_CONNECT_AP_BY_SIGNAL);
      {
        Lock lock(mutex_);
        begun_number_ = command.number;
      }
      WiFi.begin(command.ssid.c_str(),
                 command.password.empty() ? nullptr : command.password.c_str());
      return;
    }
    case Command::Kind::kLeave:
      WiFi.disconnect();
      return;
    case Command::Kind::kScan:
      return search(command.number);
    case Command::Kind::kOpen: {
      const bool is_up = WiFi.softAP(command.ssid.c_str(), command.password.c_str(),
                                     kAccessPointChannel, 0, kMaxClients);
      Lock lock(mutex_);
      is_access_point_up_ = is_up;
      return;
    }
    case Command::Kind::kClose: {
      WiFi.softAPdisconnect(true);
      Lock lock(mutex_);
      is_access_point_up_ = false;
      clients_ = 0;
      return;
    }
    case Command::Kind::kRestart:
      WiFi.mode(WIFI_OFF);  // The driver is taken down; the next command makes it anew.
      return;
    case Command::Kind::kAskTime:
      if (!time_server_.empty()) configTime(0, 0, time_server_.c_str());
      return;
  }
}

/// The name has to be known before the driver starts.
void Esp32WifiRadio::start_station() {
  WiFi.setHostname(hostname_.c_str());
  WiFi.enableSTA(true);
  WiFi.setSleep(false);  // The supply is the mains.
}

void Esp32WifiRadio::search(uint32_t number) {
  start_station();
  const int16_t count = WiFi.scanNetworks();
  Lock lock(mutex_);
  found_count_ = 0;
  for (int16_t i = 0; i < count && found_count_ < kMaxFound; ++i) {
    const auto at = static_cast<uint8_t>(i);
    platform::FoundNetwork& network = found_[found_count_++];
    network.ssid.assign_truncated(common::text(WiFi.SSID(at).c_str()));
    network.rssi_dbm = static_cast<int8_t>(WiFi.RSSI(at));
    network.has_password = WiFi.encryptionType(at) != WIFI_AUTH_OPEN;
  }
  found_number_ = number;
  WiFi.scanDelete();
}

void Esp32WifiRadio::refresh() {
  bool is_joined = false;
  bool is_open = false;
  {
    Lock lock(mutex_);
    is_joined = station_.state == StationStatus::State::kJoined;
    is_open = is_access_point_up_;
  }
  const int8_t rssi_dbm = is_joined ? WiFi.RSSI() : int8_t{0};
  const uint8_t clients = is_open ? WiFi.softAPgetStationNum() : uint8_t{0};
  Lock lock(mutex_);
  station_.rssi_dbm = rssi_dbm;
  clients_ = clients;
}

// -- The framework's event task --

void Esp32WifiRadio::on_event(arduino_event_id_t event, const arduino_event_info_t& info) {
  bool is_new_address = false;
  {
    Lock lock(mutex_);
    if (begun_number_ != join_number_) return;  // Of a network that nobody wants any more.
    const bool was_joined = station_.state == StationStatus::State::kJoined;
    switch (event) {
      case ARDUINO_EVENT_WIFI_STA_GOT_IP:
        station_.state = StationStatus::State::kJoined;
        station_.failure = JoinFailure::kNone;
        station_.ipv4 = ntohl(info.got_ip.ip_info.ip.addr);
        is_new_address = true;
        break;
      case ARDUINO_EVENT_WIFI_STA_LOST_IP:
        station_.state = StationStatus::State::kFailed;
        station_.failure = JoinFailure::kNoAddress;
        break;
      case ARDUINO_EVENT_WIFI_STA_DISCONNECTED: {
        const uint8_t reason = info.wifi_sta_disconnected.reason;
        // The end of the network before it, which this one took the place of.
        if (!was_joined && reason == WIFI_REASON_ASSOC_LEAVE) return;
        station_.state = StationStatus::State::kFailed;
        station_.failure = was_joined ? JoinFailure::kLost : failure_of(reason);
        break;
      }
      default:  // The framework has many.
        return;
    }
  }
  if (is_new_address) {
    Command command;
    command.kind = Command::Kind::kAskTime;
    send(command);
  }
  waiter_.wake();
}

}  // namespace platform_esp32
