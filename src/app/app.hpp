#pragma once

#include "app/direct_chargers.hpp"
#include "app/engine.hpp"
#include "app/tag_reader.hpp"
#include "bridge/bridge.hpp"
#include "bridge/profile_files.hpp"
#include "gateway/button.hpp"
#include "gateway/console.hpp"
#include "gateway/crash_guard.hpp"
#include "gateway/csms_watch.hpp"
#include "gateway/diagnostics_report.hpp"
#include "gateway/factory_reset.hpp"
#include "gateway/image_trial.hpp"
#include "gateway/known_time.hpp"
#include "gateway/link_access.hpp"
#include "gateway/link_credentials.hpp"
#include "gateway/loop_meter.hpp"
#include "gateway/network_manager.hpp"
#include "gateway/session_policy.hpp"
#include "gateway/settings.hpp"
#include "gateway/setup_portal.hpp"
#include "gateway/status_led.hpp"
#include "gateway/storage_report.hpp"
#include "gateway/tamper_sensor.hpp"
#include "platform/clock.hpp"
#include "platform/gpio.hpp"
#include "platform/simulated_wifi.hpp"

// Where to find what:
//   OCPP protocol, transactions, configuration   lib/ocpp            Modbus framing and scheduling   lib/modbus
//   messages and their codecs                    lib/ocpp_messages   chargers, meters, tag readers   lib/bridge
//   session policy, settings, console            lib/gateway         files, sockets, clocks          lib/platform_*
namespace app {

/// Everything that differs between the board and the Linux process. All must outlive the App.
struct Platform {
  platform::Clock& clock;
  platform::Waiter& waiter;
  platform::Entropy& entropy;
  platform::Device& device;
  platform::FileStore& files;
  platform::KeyValueStore& device_settings;
  platform::KeyValueStore& ocpp_settings;
  platform::KeyValueStore& registers;  ///< Energy registers of the chargers.
  platform::KeyValueStore& crashes;    ///< Counts of crashes and of writes to flash.
  platform::WebSocketLink& csms;
  platform::SerialLink& console;
  gateway::ConsoleOutput& output;
  gateway::ConsoleLog& log;
  platform::SerialLink* buses[limits::kMaxSerialBuses] = {};  ///< Bus 1..; nullptr = absent.
  platform::TcpLink* sockets[limits::kMaxTcpBuses] =
      {};                                      ///< For chargers on the network; nullptr = none.
  ReaderPorts reader = {};                     ///< Tag reader.
  platform::FileTransfer* transfer = nullptr;  ///< nullptr = no firmware, no diagnostics.
  platform::Firmware* firmware = nullptr;      ///< nullptr = no updates.
  platform::Gpio* gpio = nullptr;              ///< Status LED and button; nullptr = none.
  int8_t status_led_pin = -1;                  ///< -1 = none.
  int8_t button_pin = -1;                      ///< To ground; -1 = none.
  int8_t tamper_pin = -1;                      ///< Of the board's lid; -1 = none.
  bridge::GpioDriver::Board board = {};  ///< Pins for a charger without a bus; nullptr = none.
  /// Of the board, where c?.pins is empty: as that setting.
  common::FixedString<159> charger_pins = {};
  platform::UdpLink* udp = nullptr;      ///< KEBA chargers; nullptr = none.
  platform::WifiRadio* radio = nullptr;  ///< nullptr = the network is the operating system's.
  bool has_other_network = false;        ///< There is one besides Wi-Fi.
  /// Where `files` are, for who opens them by a path; empty = their names are enough.
  const char* file_folder = "";
  platform::SimulatedWifi* simulated_wifi = nullptr;  ///< For the console's `sim wifi`.
  gateway::SetupPorts setup = {};
  security::DeviceCredentials* credentials = nullptr;  ///< nullptr = no certificates.
  gateway::FactoryReset* reset = nullptr;              ///< Has finished; nullptr = there is none.
};

/// The gateway: builds the parts, connects them, runs the loop. The same on every target.
class App {
 public:
  using Error = common::FixedString<159>;

  explicit App(const Platform& platform);

  /// What became of the volumes at this start, see gateway::start_volume(). Before begin(); else all are well.
  void set_volumes(platform::VolumeState files, platform::VolumeState settings) {
    files_state_ = files;
    settings_state_ = settings;
  }
  /// Reads the settings and starts everything. When it fails, step() still serves the console, so that the
  /// mistake can be mended there.
  /// @param error  One sentence that names the mistake.
  common::Status begin(Error& error);
  /// After begin() has failed: too many crashes, rather than a mistake in the settings.
  bool is_console_only() const {
    return crash_guard_.mode() == gateway::CrashGuard::Mode::kConsoleOnly;
  }
  /// One turn of the loop; sleeps until something is due or arrives.
  void step();
  /// Orderly end of the process: closes the link, stores charging profiles and energy registers. Transactions stay open and
  /// resume at the next start.
  void shutdown();

 private:
  static constexpr uint16_t kGoingAway = 1001;  // RFC 6455, 7.4.1

  common::Status start(Error& error);
  common::Status begin_site(Error& error);
  common::Status begin_bridge(gateway::PolicySettings& policy, Error& error);
  common::Status begin_link(Error& error);
  common::Status open_link(Error& error);
  common::FixedString<127> ca_file() const;
  void set_transfer_trust();
  common::Instant step_network(common::Instant now);
  bool is_busy() const;
  bool is_updating() const;
  uint16_t ping_interval_s() const;
  void step_link(common::Instant now);
  void send_frames(common::Instant now);
  void handle_events(common::Instant now);
  void handle_request(common::Instant now);
  common::Instant step_reliability(common::Instant now);
  void restart(bool is_hard, common::Instant now);
  void plan_reboot(common::Instant now);
  gateway::Light light(common::Instant now) const;
  common::Instant step_button(common::Instant now);
  void factory_reset(common::Instant now);
  void reset_by_button(common::Instant now);
  common::Instant step_reset(common::Instant now);
  common::Status begin_tamper(Error& error);
  common::Instant step_tamper(common::Instant now);
  bool has_transaction() const;

  Platform platform_;
  gateway::Settings settings_;
  gateway::SessionPolicy policy_;
  gateway::SiteLimit site_;
  Security security_;
  Engine engine_;
  bridge::ProfileFiles profile_files_;
  bridge::Bridge bridge_;
  DirectChargers direct_chargers_;
  TagReader reader_;
  common::FixedString<48> identity_;
  gateway::DiagnosticsReport diagnostics_;
  gateway::FileUpload upload_;
  gateway::CrashGuard crash_guard_;
  gateway::ImageTrial image_trial_;
  gateway::LoopMeter loop_meter_;
  platform::VolumeState files_state_ = platform::VolumeState::kReady;
  platform::VolumeState settings_state_ = platform::VolumeState::kReady;
  gateway::StorageReport storage_;
  gateway::NetworkManager network_;
  gateway::LinkAccess access_;
  gateway::KnownTime known_time_;
  gateway::LinkCredentials link_credentials_;
  gateway::CsmsWatch csms_watch_;
  gateway::ConsoleLock console_lock_;
  gateway::Console console_;
  gateway::StatusLed led_;
  gateway::Button button_;
  gateway::TamperSensor tamper_;
  gateway::SetupPortal setup_portal_;
  uint8_t connectors_ = 0;
  bool is_running_ = false;
  bool was_up_ = false;
  bool is_link_wanted_ = false;
  bool is_link_open_ = false;
  bool is_tls_ = false;
  uint32_t joins_ = 0;  ///< Of the network that the link was opened in.
  bool is_clock_known_ = false;
  uint32_t connection_id_ = 0;
  common::Instant look_at_heap_at_;
  common::Instant reboot_at_ = common::Instant::never();
  common::Instant chargers_restart_by_ = common::Instant::never();
  common::Instant reset_by_ = common::Instant::never();  ///< At the latest, once it is marked.
  common::Instant reset_refused_at_ = common::Instant::never();  ///< To the button.
  char frame_[limits::kMaxFrameBytes] = {};
};

}  // namespace app
