#pragma once

#include "bridge/bridge.hpp"
#include "gateway/certificate_desk.hpp"
#include "gateway/console_lock.hpp"
#include "gateway/console_output.hpp"
#include "gateway/crash_guard.hpp"
#include "gateway/factory_reset.hpp"
#include "gateway/file_upload.hpp"
#include "gateway/improv.hpp"
#include "gateway/link_access.hpp"
#include "gateway/loop_meter.hpp"
#include "gateway/network_manager.hpp"
#include "gateway/ocpp_engine.hpp"
#include "gateway/security_view.hpp"
#include "gateway/session_policy.hpp"
#include "gateway/settings.hpp"
#include "gateway/site_limit.hpp"
#include "gateway/storage_report.hpp"
#include "gateway/tamper_sensor.hpp"
#include "json/writer.hpp"
#include "platform/device.hpp"
#include "platform/file_transfer.hpp"
#include "platform/firmware.hpp"
#include "platform/gpio.hpp"
#include "platform/serial_link.hpp"
#include "platform/simulated_wifi.hpp"
#include "platform/web_socket_link.hpp"

#if defined(GATEWAY_TEST_HOOKS) && defined(GATEWAY_RELEASE)
#error "GATEWAY_TEST_HOOKS lets a console stand in for a person at the charger: never in a release"
#endif

namespace gateway {

/// What the console shows and commands. All must outlive the console.
struct ConsoleParts {
  platform::SerialLink& input;
  ConsoleOutput& output;
  ConsoleLog& log;
  const platform::Clock& clock;
  platform::Device& device;
  platform::WebSocketLink& csms;
  Settings& settings;
  OcppEngine& engine;
  SessionPolicy& policy;
  const SiteLimit& site;
  bridge::Bridge& bridge;
  const char* firmware_version;                       ///< Static.
  const char* identity;                               ///< Outlives the console.
  platform::Firmware* firmware = nullptr;             ///< nullptr = no place for images.
  platform::FileTransfer* transfer = nullptr;         ///< nullptr = no transfers.
  FileUpload* upload = nullptr;                       ///< nullptr = takes no files.
  CrashGuard* crashes = nullptr;                      ///< nullptr = crashes are not counted.
  const LoopMeter* loop = nullptr;                    ///< nullptr = not measured.
  NetworkManager* network = nullptr;                  ///< nullptr = there is no Wi-Fi to set up.
  const StorageReport* storage = nullptr;             ///< nullptr = not watched.
  platform::SimulatedWifi* simulated_wifi = nullptr;  ///< For `sim wifi`; nullptr = a real one.
  platform::Gpio* pins = nullptr;                     ///< For `sim pin`; nullptr = there are none.
  ConsoleLock* lock = nullptr;                        ///< nullptr = open to everybody.
  const LinkAccess* access = nullptr;                 ///< nullptr = no security profiles.
  const SecurityView* security = nullptr;             ///< nullptr = no certificates, no events.
  CertificateDesk* certificates = nullptr;            ///< nullptr = there are none.
  FactoryReset* reset = nullptr;                      ///< nullptr = nothing can be erased.
  const TamperSensor* tamper = nullptr;               ///< nullptr = there is none.
};

/// Line-based console: `[#id] command arguments`, answered by one JSON line `{"id":n,"ok":true,...}` or
/// `{"id":n,"ok":false,"error":"one sentence"}`; events are lines `EVT {json}`. Without #id the id is 0.
/// Frames of Improv Wi-Fi may come between lines. Secrets can be written, never read. docs/console.md lists commands and events.
/// @par Context  Loop thread; does not block, does not allocate.
class Console {
 public:
  /// What only the application can do.
  enum class Request : uint8_t {
    kNone,
    kReboot,
    kFactoryReset,
    kLinkDown,
    kLinkUp,
    kCrash,
    kCsmsLost,
    kLeak,
    kStall
  };

  static constexpr size_t kMaxLineBytes =
      640;  ///< Longest command: a 500-byte configuration value.
  static constexpr size_t kMaxPieceBytes = 256;    ///< Of one `file data`.
  static constexpr size_t kCrashPieceBytes = 256;  ///< Of one `crash read`.
  static constexpr size_t kMaxLostMessages = 24;   ///< Listed by `tx dead-letters`.
  static constexpr size_t kMaxReplyBytes = 6144;   ///< Longest reply: every configuration key.
  static constexpr int64_t kTextLineMs = 30'000;   ///< Longest wait for the next line of a text.
  static constexpr int64_t kCertificateMs =
      180'000;  ///< ... for a key to be made, a chain to be checked.

  explicit Console(const ConsoleParts& parts)
      : parts_(parts),
        improv_(parts.output, parts.settings, parts.network, parts.firmware_version,
                parts.identity) {}

  /// @param connectors  1..limits::kMaxConnectors
  void begin(uint8_t connectors);
  /// Reads commands, answers them, reports what changed, hands output over.
  void step(common::Instant now);
  void on_event(const EngineEvent& event);
  /// The gateway works: prints the event `ready`.
  void on_ready();
  /// The gateway does not work, for this reason: `status` says it.
  void on_not_started(common::TextSpan why) { not_started_.assign_truncated(why); }
  /// A password is being looked at: the next step() should follow at once.
  bool is_busy() const { return parts_.lock != nullptr && parts_.lock->is_busy(); }
  /// One thing asked of the application since the last call.
  Request take_request();

 private:
  struct Command;
  struct Seen {
    charger::Plug plug = charger::Plug::kUnknown;
    charger::Health health = charger::Health::kUnknown;
    charger::Error error = charger::Error::kNone;
    bool is_faulted = false;
    bool limit_known = false;
    uint32_t limit_ma = 0;
    charger::Offer offer;
  };
  using Error = common::FixedString<159>;
  /// Words of a command line; `rest` is everything after the words taken so far.
  class Arguments;

  enum class CertificateWork : uint8_t {
    kNone,
    kText,     ///< Lines are text, not commands.
    kRunning,  ///< It is made or checked; commands wait.
  };

  static const Command kCommands[];

  void read_commands(common::Instant now);
  void on_character(char c, common::Instant now);
  void handle_line(common::TextSpan line, common::Instant now);
  void answer_line(common::TextSpan line, int32_t id, common::Instant now);
  void write_failure(int32_t id, common::TextSpan sentence);
  void step_lock(common::Instant now);
  /// The answer to the last command is still to come.
  bool is_pending() const { return is_busy() || certificate_ != CertificateWork::kNone; }
  bool is_locked() const { return parts_.lock != nullptr && parts_.lock->is_locked(); }
  void report_changes();
  void report_link();
  void report_delivery(common::Instant now);
  void report_scan();
  json::Writer begin_event(const char* name);
  void send_event(json::Writer& writer);

  // One per command: writes the members of the reply, or the sentence that says why not.
  bool help(Arguments& arguments, json::Writer& out, Error& error, common::Instant now);
  bool login(Arguments& arguments, json::Writer& out, Error& error, common::Instant now);
  bool logout(Arguments& arguments, json::Writer& out, Error& error, common::Instant now);
  bool password(Arguments& arguments, json::Writer& out, Error& error, common::Instant now);
  bool status(Arguments& arguments, json::Writer& out, Error& error, common::Instant now);
  bool config(Arguments& arguments, json::Writer& out, Error& error, common::Instant now);
  bool setting(Arguments& arguments, json::Writer& out, Error& error, common::Instant now);
  bool wifi(Arguments& arguments, json::Writer& out, Error& error, common::Instant now);
  bool access_point(Arguments& arguments, json::Writer& out, common::Instant now);
  bool ocpp(Arguments& arguments, json::Writer& out, Error& error, common::Instant now);
  bool security(Arguments& arguments, json::Writer& out, Error& error, common::Instant now);
  bool certificate(Arguments& arguments, json::Writer& out, Error& error, common::Instant now);
  bool begin_text(CertificateDesk::Text what, Error& error, common::Instant now);
  void await_certificate(common::Instant now);
  void take_text_line(common::TextSpan line, common::Instant now);
  void end_text(const char* sentence);
  void step_certificates(common::Instant now);
  bool dead_letters(Arguments& arguments, json::Writer& out, Error& error);
  bool data_transfer(Arguments& arguments, Error& error, common::Instant now);
  bool charger_command(Arguments& arguments, json::Writer& out, Error& error, common::Instant now);
  bool meter(Arguments& arguments, json::Writer& out, Error& error, common::Instant now);
  bool transactions(Arguments& arguments, json::Writer& out, Error& error, common::Instant now);
  bool log(Arguments& arguments, json::Writer& out, Error& error, common::Instant now);
  bool file(Arguments& arguments, json::Writer& out, Error& error, common::Instant now);
  bool crash(Arguments& arguments, json::Writer& out, Error& error, common::Instant now);
  bool safe_mode(Arguments& arguments, json::Writer& out, Error& error, common::Instant now);
  bool reboot(Arguments& arguments, json::Writer& out, Error& error, common::Instant now);
  bool firmware(Arguments& arguments, json::Writer& out, Error& error, common::Instant now);
  bool factory_reset(Arguments& arguments, json::Writer& out, Error& error, common::Instant now);
#ifdef GATEWAY_TEST_HOOKS
  bool sim(Arguments& arguments, json::Writer& out, Error& error, common::Instant now);
  bool sim_wifi(Arguments& arguments, Error& error);
  bool sim_pin(common::TextSpan pin, common::TextSpan level, json::Writer& out, Error& error);
#endif

  /// Optional connector id; 0 when absent. @return false, with the sentence, when it is not 1..connectors.
  bool connector_argument(Arguments& arguments, uint8_t& connector_id, Error& error) const;
  void write_connector(json::Writer& out, uint8_t connector_id) const;
  void write_network(json::Writer& out) const;
  void write_mode(json::Writer& out, common::Instant now) const;
  void write_setting(json::Writer& out, const SettingRow& row, uint8_t connector_id) const;

  ConsoleParts parts_;
  ImprovFrames improv_frames_;
  Improv improv_;
  uint8_t connectors_ = 0;
  uint8_t input_[64] = {};
  size_t input_next_ = 0;
  size_t input_size_ = 0;
  char line_[kMaxLineBytes] = {};
  size_t line_size_ = 0;
  bool is_line_too_long_ = false;
  int32_t pending_id_ = 0;  ///< Of the command whose password is being looked at.
  char reply_[kMaxReplyBytes] = {};
  Seen seen_[limits::kMaxConnectors];
  bool was_link_up_ = false;
  bool has_pending_ = false;
  bool is_scan_asked_ = false;
  uint32_t seen_connection_ = 0;
  common::FixedString<95> seen_link_error_;
  Error not_started_;
  CertificateWork certificate_ = CertificateWork::kNone;
  bool is_text_too_long_ = false;
  common::Instant certificate_until_;
  Request request_ = Request::kNone;
};

}  // namespace gateway
