#pragma once

#include "bridge/bridge_config.hpp"
#include "bridge/charger_driver.hpp"
#include "bridge/gpio_driver.hpp"
#include "bridge/keba_driver.hpp"
#include "bridge/rapi_driver.hpp"
#include "charger/charger.hpp"
#include "common/fixed_vector.hpp"
#include "common/limits.hpp"
#include "common/log.hpp"
#include "modbus/bus.hpp"
#include "platform/key_value_store.hpp"
#include "platform/serial_link.hpp"
#include "platform/tcp_link.hpp"

namespace bridge {

/// Drives the chargers of one gateway: polls them, turns registers into ChargerState and MeterSample, and
/// carries out offers. Fail-safe: a limit is never rounded up, every setpoint is read back, a silent charger is
/// never taken for an unplugged one, and current that nobody permitted is stopped.
///
///     add_bus() ... add_connector() ... begin() -> step() for ever
///
/// What the reports mean for OCPP:
///  - Health::kStale: start no transaction. Health::kLost: the charger cannot be used or its plug is hidden
///    (silent, booting too long, locked at the charger): Unavailable when idle; a running transaction goes on.
///  - is_faulted: Faulted. A silent charger becomes faulted 60 s after its last answer.
///  - Samples are only made from fresh readings; none comes while the charger is silent.
/// Start-up: the charger is read before anything is written, and its limit is not touched until the first
/// set_offer(), so that a transaction that survived a gateway restart goes on charging. Without an offer for
/// Timings::first_offer_ms the charger is disabled.
///
/// @par Memory   No heap. @par Context  One thread; no call blocks.
/// @par Ownership  Keeps references to everything handed in; all of it must outlive the bridge.
class Bridge final : public charger::ChargerControl {
 public:
  Bridge(platform::KeyValueStore& store, common::LogSink& log) : store_(store), log_(log) {}

  /// Adds an RS-485 bus (or pseudo-terminal). Only before begin().
  /// @return Index of the bus for ConnectorConfig::bus. kNoSpace: limits::kMaxBuses reached. kInvalidState.
  common::Result<uint8_t> add_bus(platform::SerialLink& link);
  /// Adds a bus that is one TCP connection: a charger with Modbus TCP, or a converter with a serial line behind it.
  /// @retval kInvalidArgument  This target is a bus already, see find_tcp_bus().
  common::Result<uint8_t> add_tcp_bus(platform::TcpLink& link, const modbus::TcpTarget& target);
  /// @return Index of the bus with this host and port. kNotFound.
  common::Result<uint8_t> find_tcp_bus(const modbus::TcpTarget& target) const;
  size_t tcp_bus_count() const;
  const modbus::TcpTarget& bus_target(uint8_t bus) const {
    return buses_[bus].transport().target();
  }
  /// Adds a meter beside the chargers. Only before begin(), and before the connectors that it is for.
  /// @return Index for ConnectorConfig::meter. Errors as of add_connector(); error_text() tells.
  common::Result<uint8_t> add_meter(const MeterConfig& config);
  /// Adds a charger. Only before begin(). On error error_text() is one sentence that names the mistake.
  /// @retval kNotFound         No such profile.
  /// @retval kInvalidArgument  Connector id, bus, unit id, a current or a timing is out of range, or used twice.
  /// @retval kNoSpace          Too many connectors.
  /// @param tags  Gets what the charger's own tag reader reads; nullptr: ignored. Must outlive the bridge.
  common::Status add_connector(const ConnectorConfig& config,
                               charger::IdReaderObserver* tags = nullptr);
  /// Adds a box without a bus on the board's own pins; bus, unit and profile of the configuration mean nothing.
  /// @param wiring  From parse_gpio_config().
  /// @retval kIo  A pin does not work.
  common::Status add_gpio(const ConnectorConfig& config, const GpioConfig& wiring,
                          const GpioDriver::Board& board);
  /// Adds an OpenEVSE on a serial port of its own; bus, unit and profile of the configuration mean nothing.
  /// watchdog_ms and failsafe_ma: its heartbeat supervision, whole seconds and amperes.
  common::Status add_openevse(const ConnectorConfig& config, platform::SerialLink& link);
  /// Adds a KEBA that is reached over UDP; bus, unit and profile of the configuration mean nothing.
  /// @param udp   The same for all of them; the bridge binds it.
  /// @param host  HOST or HOST:PORT, at most 63 bytes; copied.
  /// @param tags  Gets tags held to the charger's own reader; nullptr = nobody does.
  common::Status add_keba(const ConnectorConfig& config, platform::UdpLink& udp, const char* host,
                          charger::IdReaderObserver* tags);
  /// Pins of the board, for contactors in the power lines of chargers. Only before begin().
  void set_gpio(platform::Gpio& gpio) { gpio_ = &gpio; }
  /// Port that the bridge binds for KEBAs. Real ones answer to no other than 7090. Only before begin().
  void set_udp_port(uint16_t port) { udp_port_ = port; }
  /// Loads the energy registers and starts polling. No report is made before the first step().
  /// @retval kInvalidState  Called twice, or no connector was added.
  common::Status begin(charger::ChargerObserver& observer, common::Instant now);

  /// Exchanges bytes, runs the timers, reports to the observer.
  /// @return When to call again at the latest; also call when a bus has data or after a command.
  common::Instant step(common::Instant now);

  // ChargerControl. Connector ids that were not added are ignored (kNotFound where there is a Status).
  void set_offer(uint8_t connector_id, const charger::Offer& offer, common::Instant now) override;
  void request_sample(uint8_t connector_id, common::Instant now) override;
  common::Status unlock(uint8_t connector_id, common::Instant now) override;
  /// The configured and the profile's figures until the charger's own hardware limits have been read.
  charger::Capabilities capabilities(uint8_t connector_id) const override;
  /// Carries out an action of the charger's profile soon. @retval kUnsupported  It has no such thing. @retval kNotFound
  common::Status request(uint8_t connector_id, Action action, common::Instant now);
  /// Takes the charger of a connector out of service, or puts it back; see Driver::set_in_service(). Cheap when nothing changed.
  void set_in_service(uint8_t connector_id, bool is_in_service);
  /// An Action::kRestart that was requested has not been carried out yet.
  bool is_restarting() const;

  /// Stores the energy register now; call at the start and the end of a transaction. At most one flash write.
  common::Status checkpoint(uint8_t connector_id);
  /// checkpoint() of every connector: before a planned restart.
  common::Status checkpoint_all();
  /// Closes the TCP connections in order, before a restart: some chargers refuse a new one for minutes after a break. No
  /// charger is asked any more.
  void close();

  size_t connector_count() const { return drivers_.size(); }
  /// What the console shows of a connector, as of the last step(); nullptr for an unknown one. Valid until the next call.
  const ConnectorDiagnostics* diagnostics(uint8_t connector_id);
  /// Why the last call failed, one sentence; empty when it did not. Valid until the next call.
  const char* error_text() const { return error_text_.c_str(); }

 private:
  /// Longest report of a KEBA, with room to spare.
  static constexpr size_t kMaxDatagramBytes = 1024;

  common::Instant step_udp(common::Instant now);
  common::Result<uint8_t> next_bus();
  common::Status check(const ConnectorConfig& config, const Profile& profile);
  /// A pin for one connector only.
  common::Status take_pin(uint8_t connector_id, const BoardPin& pin);
  /// What holds for chargers of every kind: the id, room, the currents. @param max_ma  The charger's highest.
  common::Status check_new(const ConnectorConfig& config);
  /// Store, log, and the meter that the configuration names.
  DirectDriver::Ports direct_ports(const ConnectorConfig& config);
  common::Status check_direct(const ConnectorConfig& config, uint32_t max_ma);
  common::Status check_failsafe(const ConnectorConfig& config, uint32_t max_ma, uint32_t least_ms,
                                uint32_t most_ms);
  Driver* find(uint8_t connector_id) const;
  common::Status refuse(common::Status status, const char* format, ...)
      __attribute__((format(printf, 3, 4)));

  platform::KeyValueStore& store_;
  common::LogSink& log_;
  bool has_begun_ = false;
  common::Instant stepped_at_;
  modbus::UnitPool units_;
  modbus::Bus buses_[limits::kMaxBuses];
  uint8_t bus_count_ = 0;
  DriverSlot<ChargerDriver, GpioDriver, RapiDriver, KebaDriver> slots_[limits::kMaxConnectors];
  common::FixedVector<Driver*, limits::kMaxConnectors> drivers_;  ///< In slots_, in their order.
  MeterDriver meters_[limits::kMaxMeters];
  uint8_t meter_count_ = 0;
  platform::Gpio* gpio_ = nullptr;
  uint64_t pins_ = 0;  ///< Bit per pin of the board that a connector has.
  platform::UdpLink* udp_ = nullptr;
  uint16_t udp_port_ = KebaDriver::kPort;
  common::Instant bind_at_;
  char datagram_[kMaxDatagramBytes] = {};
  ConnectorDiagnostics diagnostics_;
  common::FixedString<160> error_text_;
};

}  // namespace bridge
