#pragma once

#include "platform/wifi_radio.hpp"
#include "platform_esp32/esp32_waiter.hpp"

#include <WiFi.h>
#include <freertos/FreeRTOS.h>
#include <freertos/queue.h>
#include <freertos/semphr.h>

namespace platform_esp32 {

/// The chip's radio, and SNTP. The driver's calls take up to a second and more: a task of this makes them.
///
///     loop task                    task "wifi"            the framework's event task
///     join(), start_scan() -> commands_ -> WiFi.*
///     station(), found()  <--------- mutex_ <------------------ joined, refused, lost
class Esp32WifiRadio final : public platform::WifiRadio {
 public:
  /// Keeps a reference. An event of the radio wakes the loop.
  explicit Esp32WifiRadio(Esp32Waiter& waiter) : waiter_(waiter) {}

  /// Starts the task. @retval kNoSpace  Not enough memory.
  common::Status begin();

  void configure(common::TextSpan hostname, common::TextSpan time_server) override;
  void join(common::TextSpan ssid, common::TextSpan password) override;
  void leave() override;
  platform::StationStatus station() override;
  void start_scan() override;
  common::Status found(size_t index, platform::FoundNetwork& out) override;
  void start_access_point(common::TextSpan ssid, common::TextSpan password) override;
  void stop_access_point() override;
  bool is_access_point_up() override;
  uint8_t access_point_clients() override;
  void restart() override;

 private:
  struct Command {
    enum class Kind : uint8_t { kJoin, kLeave, kScan, kOpen, kClose, kRestart, kAskTime };
    Kind kind = Kind::kLeave;
    uint32_t number = 0;  ///< Of the join or search.
    common::FixedString<32> ssid;
    common::FixedString<63> password;
  };

  static constexpr size_t kMaxFound = 24;
  static constexpr size_t kMaxCommands = 6;
  static constexpr uint32_t kStackBytes = 6144;  // The driver's start: about 3 KiB.
  static constexpr uint32_t kRefreshMs = 2000;   ///< Signal strength and clients.

  static void run(void* self);
  void send(const Command& command);
  void carry_out(const Command& command);
  void start_station();
  void search(uint32_t number);
  void refresh();
  void on_event(arduino_event_id_t event, const arduino_event_info_t& info);

  Esp32Waiter& waiter_;
  QueueHandle_t commands_ = nullptr;
  SemaphoreHandle_t mutex_ = nullptr;
  common::FixedString<63> hostname_;     // Before the first command.
  common::FixedString<63> time_server_;  // As well.

  // Under mutex_.
  uint32_t join_number_ = 0;    ///< Asked for.
  uint32_t begun_number_ = 0;   ///< The driver works on it: events are of this one.
  uint32_t search_number_ = 0;  ///< Asked for.
  uint32_t found_number_ = 0;   ///< Its result is in found_.
  platform::StationStatus station_;
  platform::FoundNetwork found_[kMaxFound];
  size_t found_count_ = 0;
  bool is_access_point_up_ = false;
  uint8_t clients_ = 0;
};

}  // namespace platform_esp32
