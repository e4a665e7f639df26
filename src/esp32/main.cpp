#include "app/app.hpp"
#include "boards/board.hpp"
#include "build/version.hpp"
#include "esp32/features.hpp"
#include "esp32/reset_places.hpp"
#include "gateway/rescue_console.hpp"
#include "gateway/volume_start.hpp"
#include "platform/slot_firmware.hpp"
#include "platform_esp32/dma_analog_input.hpp"
#include "platform_esp32/efuse_device_key.hpp"
#include "platform_esp32/esp32_clock.hpp"
#include "platform_esp32/esp32_device.hpp"
#include "platform_esp32/esp32_entropy.hpp"
#include "platform_esp32/esp32_gpio.hpp"
#include "platform_esp32/esp32_waiter.hpp"
#include "platform_esp32/esp32_wifi_radio.hpp"
#include "platform_esp32/isr_pulse_input.hpp"
#include "platform_esp32/ledc_pwm_output.hpp"
#include "platform_esp32/little_fs_file_store.hpp"
#include "platform_esp32/lwip_tcp_link.hpp"
#include "platform_esp32/lwip_tcp_listener.hpp"
#include "platform_esp32/lwip_udp_link.hpp"
#include "platform_esp32/nvs_key_value_store.hpp"
#include "platform_esp32/ota_slots.hpp"
#include "platform_esp32/task_file_transfer.hpp"
#include "platform_esp32/task_web_socket_link.hpp"
#include "platform_esp32/task_worker.hpp"
#include "platform_esp32/uart_serial_link.hpp"
#include "security/buffer.hpp"
#include "security/device_credentials.hpp"
#include "security/sealed_key_value_store.hpp"

#include <Arduino.h>
#include <LittleFS.h>
#include <new>

// Modbus, OCPP codecs and the profile interpreter run below one frame of the loop task.
SET_LOOP_TASK_STACK_SIZE(12 * 1024);

/// The framework must not confirm a new image by itself: SlotFirmware::confirm() does, once the CSMS has answered it.
extern "C" bool verifyRollbackLater() { return true; }

/// Behind ESP-IDF's own description of the image: what other images are compared with, and what is read of this one.
extern const platform::ImageLabel image_label;
__attribute__((section(".rodata_custom_desc"), used))
const platform::ImageLabel image_label(build::kSecurityVersion);

namespace {

LOG_MODULE("esp32.main");

using common::Status;

constexpr size_t kConsoleOutputBytes = 2048;
constexpr size_t kBusOutputBytes = 512;
constexpr bool kHasBus = board::kPins.rs485_tx >= 0 && board::kPins.rs485_rx >= 0;
constexpr bool kHasReaderPort = board::kPins.reader_tx >= 0 && board::kPins.reader_rx >= 0;

bool read_ca(void*, const char* name, String& pem) {
  File file = LittleFS.open(String("/") + name, "r");
  if (!file) return false;
  pem = file.readString();
  return pem.length() > 0;
}

/// Everything of the board, made once in setup() and never destroyed.
class Board {
 public:
  /// @param app_memory  For the App, which is a block of its own.
  explicit Board(void* app_memory) : app_(*new (app_memory) app::App(platform())) {}

  void begin() {
    waiter_.begin();
    device_.begin();
    const bool has_console =
        console_.begin({115200, platform::Parity::kNone, 1}, kConsoleOutputBytes) == Status::kOk;
    open_stores();
    if (credentials_.begin() != Status::kOk) LOG_ERROR(log_, "the certificates cannot be read");
    LOG_DEBUG(log_, "%s", features::kText);
    if (const Status status = firmware_.begin(); status != Status::kOk)
      LOG_ERROR(log_, "the firmware cannot be updated (%s)", to_string(status));
    const bool has_bus =
        !kHasBus || bus_.begin({19200, platform::Parity::kEven, 1}, kBusOutputBytes) == Status::kOk;
    const bool has_reader = begin_reader();
    const bool has_link = csms_.begin() == Status::kOk && wifi_.begin() == Status::kOk;
    if (!has_console || !has_bus || !has_reader) LOG_ERROR(log_, "a UART cannot be used");
    if (!has_link) LOG_ERROR(log_, "not enough memory for the tasks of the network");

    // Whatever failed above: console, button and network are what is left to help, so the App always begins.
    app::App::Error error;
    if (app_.begin(error) != Status::kOk) LOG_ERROR(log_, "not started: %s", error.c_str());
  }

  void step() { app_.step(); }

 private:
  using NvsKeyValueStore = platform_esp32::NvsKeyValueStore;

  /// A store that cannot be opened reads as empty: the gateway then runs on its defaults.
  void open_stores() {
    using gateway::start_volume;
    platform::VolumeState settings = start_volume(settings_volume_, "the settings", log_);
    const platform::VolumeState files = start_volume(files_, "the transaction records", log_);
    const bool is_open =
        plain_settings_.open("settings") == Status::kOk &&
        plain_ocpp_.open("ocpp") == Status::kOk && plain_keys_.open("keys") == Status::kOk &&
        registers_.open("registers") == Status::kOk && boot_state_.open("boot") == Status::kOk &&
        crashes_.open("crashes") == Status::kOk;
    if (!is_open) settings = platform::VolumeState::kFailed;
    if (reset_.finish() != Status::kOk)
      LOG_ERROR(log_, "the factory reset is not finished: the next start goes on with it");
    seal_stores();
    if (settings != platform::VolumeState::kReady)
      LOG_ERROR(log_, "the settings are those of the factory");
    app_.set_volumes(files, settings);
    make_secrets();
  }

  /// Before the radio is on, random numbers need a source of their own.
  void make_secrets() {
    gateway::Settings settings(settings_);
    if (!settings.text("ap_password").empty()) return;
    platform_esp32::Esp32Entropy::begin_early();
    common::FixedString<63> password;
    const Status status = gateway::access_point_password(settings, entropy_, password);
    platform_esp32::Esp32Entropy::end_early();
    if (status != Status::kOk) LOG_ERROR(log_, "the access point's password cannot be stored");
  }

  /// A board that was closed (docs/secure-board.md) has a key with which nobody else can read its passwords.
  void seal_stores() {
    uint8_t key[platform_esp32::kDeviceKeyBytes];
    const bool is_sealed =
        platform_esp32::read_device_key(key) &&
        settings_.use_key(common::ByteSpan(key, sizeof key)) == Status::kOk &&
        ocpp_settings_.use_key(common::ByteSpan(key, sizeof key)) == Status::kOk &&
        keys_.use_key(common::ByteSpan(key, sizeof key)) == Status::kOk;
    security::wipe(common::MutableByteSpan(key, sizeof key));
    if (!is_sealed) LOG_WARN(log_, "this chip has no device key: passwords are readable in flash");
  }

  /// UART1 and its pins belong to the tag reader; without one they are bus 2.
  bool begin_reader() {
    const gateway::SettingText kind = gateway::Settings(settings_).text("reader");
    // The pins of a Wiegand reader are no UART.
    if (!kHasReaderPort || common::equals(kind.span(), common::text("wiegand"))) return true;
    const bool has_second_bus = common::equals(kind.span(), common::text("none"));
    platform_esp32::UartSerialLink& link = has_second_bus ? second_bus_ : reader_;
    return link.begin({9600, platform::Parity::kNone, 1}, kBusOutputBytes) == Status::kOk;
  }

  app::Platform platform() {
    app::Platform parts{clock_,    waiter_,        entropy_,   device_,  files_,
                        settings_, ocpp_settings_, registers_, crashes_, csms_,
                        console_,  output_,        log_};
    if (kHasBus) parts.buses[0] = &bus_;
    if (kHasReaderPort && limits::kMaxSerialBuses > 1)
      parts.buses[1 % limits::kMaxSerialBuses] = &second_bus_;
    for (size_t i = 0; i < limits::kMaxTcpBuses; ++i) parts.sockets[i] = &sockets_[i];
    parts.udp = &udp_;
    if (kHasReaderPort) {
      parts.reader = {&reader_, &pulses_, static_cast<uint8_t>(board::kPins.reader_rx),
                      static_cast<uint8_t>(board::kPins.reader_tx)};
    }
    parts.credentials = &credentials_;
    parts.reset = &reset_;
    parts.transfer = &transfer_;
    parts.firmware = &firmware_;
    parts.gpio = &gpio_;
    parts.status_led_pin = board::kPins.status_led;
    parts.button_pin = board::kPins.button;
    parts.tamper_pin = board::kPins.tamper;
    parts.radio = &wifi_;
    parts.setup.listener = &listener_;
    parts.setup.names = &names_;
    parts.setup.access_point_port = 80;
    parts.board = {&gpio_, &pwm_, &analog_, &pulses_};
    parts.charger_pins = bridge::wiring_of(board::kPins);
    return parts;
  }

  platform_esp32::Esp32Clock clock_;
  platform_esp32::Esp32Waiter waiter_{clock_};
  platform_esp32::Esp32Entropy entropy_;
  platform_esp32::Esp32Device device_;
  platform_esp32::Esp32Gpio gpio_{platform::reserved_pins(board::kPins)};
  platform_esp32::LittleFsFileStore files_;
  platform_esp32::NvsVolume settings_volume_;
  NvsKeyValueStore plain_settings_;
  NvsKeyValueStore plain_ocpp_;
  security::SealedKeyValueStore::Scratch scratch_;
  security::SealedKeyValueStore settings_{plain_settings_, entropy_, scratch_, "settings"};
  security::SealedKeyValueStore ocpp_settings_{plain_ocpp_, entropy_, scratch_, "ocpp"};
  NvsKeyValueStore plain_keys_;
  security::SealedKeyValueStore::Scratch key_scratch_;  // Keys are read by the network's task.
  security::SealedKeyValueStore keys_{plain_keys_, entropy_, key_scratch_, "keys"};
  NvsKeyValueStore registers_;
  NvsKeyValueStore crashes_;
  NvsKeyValueStore boot_state_;
  platform_esp32::OtaSlots slots_;
  platform::SlotFirmware firmware_{slots_, slots_, boot_state_, build::kVersion, image_label};
  platform::TlsMemory tls_memory_{&platform_esp32::free_for_tls};
  platform_esp32::TaskFileTransfer transfer_{clock_, entropy_, tls_memory_, &read_ca, nullptr};
  platform_esp32::UartSerialLink console_{0,
                                          {board::kPins.console_tx, board::kPins.console_rx, -1}};
  platform_esp32::IsrPulseInput pulses_;
  platform_esp32::LedcPwmOutput pwm_;
  platform_esp32::DmaAnalogInput analog_;
  platform_esp32::UartSerialLink reader_{1, {board::kPins.reader_tx, board::kPins.reader_rx, -1}};
  platform_esp32::UartSerialLink bus_{
      2, {board::kPins.rs485_tx, board::kPins.rs485_rx, board::kPins.rs485_direction}};
  platform_esp32::UartSerialLink second_bus_{
      1, {board::kPins.reader_tx, board::kPins.reader_rx, board::kPins.second_rs485_direction}};
  platform_esp32::LwipTcpLink sockets_[limits::kMaxTcpBuses];
  platform_esp32::LwipUdpLink udp_;
  platform_esp32::LwipUdpLink names_;
  platform_esp32::LwipTcpListener listener_;
  gateway::ConsoleOutput output_{console_};
  gateway::ConsoleLog log_{output_, clock_};
  const esp32::ResetPlaces::Stores stores_ = {&plain_settings_, &plain_ocpp_, &plain_keys_,
                                              &registers_,      &crashes_,    &boot_state_};
  esp32::ResetPlaces places_{stores_, files_, device_};
  gateway::FactoryReset reset_{{places_, files_, crashes_, boot_state_, device_, log_}};
  platform_esp32::TaskWorker worker_;
  security::DeviceCredentials credentials_{files_, keys_, entropy_, worker_, log_};
  platform_esp32::Esp32WifiRadio wifi_{waiter_};
  platform_esp32::TaskWebSocketLink csms_{clock_,      entropy_, waiter_,
                                          tls_memory_, &read_ca, nullptr};
  app::App& app_;
};

/// The free memory of an ESP32 comes in pieces; the largest at the start has some 108 KiB.
constexpr size_t kLargestBlockBytes = 96 * 1024;
static_assert(sizeof(app::App) <= kLargestBlockBytes && sizeof(Board) <= kLargestBlockBytes,
              "a block that the board's heap cannot hold: the gateway would never start");

/// Stands in for a Board that there is no memory for; a tenth of its size.
class Rescue {
 public:
  void begin() {
    using platform_esp32::NvsKeyValueStore;
    waiter_.begin();
    device_.begin();
    (void)console_.begin({115200, platform::Parity::kNone, 1}, kConsoleOutputBytes);
    platform_esp32::NvsVolume volume;
    const bool is_open =
        gateway::start_volume(volume, "the settings", log_) != platform::VolumeState::kFailed &&
        gateway::start_volume(files_, "the transaction records", log_) !=
            platform::VolumeState::kFailed &&
        plain_settings_.open("settings") == Status::kOk &&
        boot_state_.open("boot") == Status::kOk && crash_store_.open("crashes") == Status::kOk;
    if (!is_open) LOG_ERROR(log_, "the settings or the files cannot be used");
    if (reset_.finish() != Status::kOk) LOG_ERROR(log_, "the factory reset is not finished");
    uint8_t key[platform_esp32::kDeviceKeyBytes];
    if (platform_esp32::read_device_key(key))
      (void)settings_.use_key(common::ByteSpan(key, sizeof key));
    security::wipe(common::MutableByteSpan(key, sizeof key));
    (void)firmware_.begin();
    rescue_.begin(sizeof(app::App) + sizeof(Board), clock_.now());
  }
  void step() { waiter_.wait_until(rescue_.step(clock_.now())); }

 private:
  platform_esp32::Esp32Clock clock_;
  platform_esp32::Esp32Waiter waiter_{clock_};
  platform_esp32::Esp32Device device_;
  platform_esp32::Esp32Entropy entropy_;
  platform_esp32::LittleFsFileStore files_;
  platform_esp32::NvsKeyValueStore plain_settings_;
  security::SealedKeyValueStore::Scratch scratch_;
  security::SealedKeyValueStore settings_{plain_settings_, entropy_, scratch_, "settings"};
  platform_esp32::NvsKeyValueStore boot_state_;
  platform_esp32::NvsKeyValueStore crash_store_;
  platform_esp32::OtaSlots slots_;
  platform::SlotFirmware firmware_{slots_, slots_, boot_state_, build::kVersion, image_label};
  platform_esp32::UartSerialLink console_{0,
                                          {board::kPins.console_tx, board::kPins.console_rx, -1}};
  gateway::ConsoleOutput output_{console_};
  gateway::ConsoleLog log_{output_, clock_};
  gateway::CrashGuard crashes_{&crash_store_, log_};
  const esp32::ResetPlaces::Stores stores_ = {&plain_settings_, &boot_state_, &crash_store_};
  esp32::ResetPlaces places_{stores_, files_, device_};
  gateway::FactoryReset reset_{{places_, files_, crash_store_, boot_state_, device_, log_}};
  gateway::ConsoleLock lock_{settings_, entropy_};
  gateway::RescueConsole rescue_{
      {console_, output_, log_, device_, crashes_, firmware_, reset_, lock_, build::kVersion}};
};

/// Time before a restart of a board that has not even the memory to say so, ms.
constexpr uint32_t kHopelessMs = 60000;

Board* board_instance = nullptr;
Rescue* rescue_instance = nullptr;

}  // namespace

void setup() {
  void* const app_memory = ::operator new(sizeof(app::App), std::nothrow);
  if (app_memory != nullptr) board_instance = new (std::nothrow) Board(app_memory);
  if (board_instance != nullptr) return board_instance->begin();
  ::operator delete(app_memory);
  rescue_instance = new (std::nothrow) Rescue();
  if (rescue_instance != nullptr) return rescue_instance->begin();
  delay(kHopelessMs);
  esp_restart();
}

void loop() {
  if (board_instance != nullptr) return board_instance->step();
  rescue_instance->step();
}
