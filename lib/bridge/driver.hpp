#pragma once

#include "bridge/energy_register.hpp"
#include "bridge/profile.hpp"
#include "charger/charger.hpp"
#include "common/fixed_vector.hpp"
#include "common/log.hpp"
#include "modbus/bus.hpp"
#include "platform/key_value_store.hpp"
#include "platform/udp_link.hpp"

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace bridge {

/// What the console shows of one connector.
struct ConnectorDiagnostics {
  const char* profile = "";  ///< Static.
  uint8_t bus = 0;
  uint8_t unit_id = 0;
  const char* phase = "";  ///< "probing", "initialising", "running"
  Pilot pilot = Pilot::kHold;
  uint16_t state_code = 0;      ///< Raw value of the charger's state register.
  uint16_t layout_version = 0;  ///< 0 = not read or none.
  int64_t silence_ms = -1;      ///< Since the last good state reading; -1 = none yet.
  bool has_offer = false;
  charger::Offer offer;
  uint32_t target_ma = 0;        ///< What the offer comes to after all limits; 0 = disabled.
  bool limit_confirmed = false;  ///< The charger's register holds target_ma.
  uint32_t watchdog_ms = 0;      ///< The charger's, 0 = off or none.
  uint32_t restarts_seen = 0;    ///< Charger restarts detected since start-up.
  charger::ChargerState state;
  charger::MeterSample last_sample;
  modbus::UnitStatistics bus_statistics;
  /// What only this kind of charger knows: numbers with a static name.
  struct Detail {
    const char* name = "";
    int32_t value = 0;
  };
  common::FixedVector<Detail, 12> details;
};

/// Whether two reports say the same.
bool is_same_report(const charger::ChargerState& a, const charger::ChargerState& b);
/// Takes the stored energy register of a connector; a damaged one is logged and ignored.
void load_energy(EnergyRegister& energy, uint8_t connector_id, platform::KeyValueStore& store,
                 common::LogSink& log);
/// Stores it, if there is a value; at most one flash write.
common::Status save_energy(const EnergyRegister& energy, uint8_t connector_id,
                           platform::KeyValueStore& store);

/// Drives the charger of one connector, whatever its kind. The bridge calls it; nothing here blocks.
class Driver {
 public:
  Driver() = default;
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  virtual ~Driver() = default;

  /// OCPP connector id; 0 before it is configured.
  virtual uint8_t connector_id() const = 0;
  /// Loads what is stored and starts. No report is made before the first step().
  virtual void begin(charger::ChargerObserver& observer, common::Instant now) = 0;
  /// Timers, requests and reports. @return When to call again at the latest.
  virtual common::Instant step(common::Instant now) = 0;
  /// An answer of the Modbus bus: of any unit on any bus, the driver picks its own.
  virtual void on_completion(uint8_t bus_index, const modbus::Completion& completion,
                             common::Instant now) {
    (void)bus_index, (void)completion, (void)now;
  }

  /// A UDP datagram from anybody. @param text  Valid during the call.
  virtual void on_datagram(const platform::UdpAddress& from, common::TextSpan text,
                           common::Instant now) {
    (void)from, (void)text, (void)now;
  }

  // As in charger::ChargerControl.
  virtual void set_offer(const charger::Offer& offer, common::Instant now) = 0;
  virtual void request_sample(common::Instant now) = 0;
  virtual common::Status unlock(common::Instant now) {
    (void)now;
    return common::Status::kUnsupported;
  }
  /// Carries out an action soon. @retval kUnsupported  The charger has no such thing.
  virtual common::Status request(Action action, common::Instant now) {
    (void)action, (void)now;
    return common::Status::kUnsupported;
  }
  /// Takes the charger out of service once no EV charges, and puts it back; kept over its restarts. Does nothing where the
  /// charger has no such thing: what is not authorized does not charge anyway.
  virtual void set_in_service(bool is_in_service) { (void)is_in_service; }
  /// A restart that was requested has not been carried out yet.
  virtual bool is_restarting() const { return false; }
  virtual charger::Capabilities capabilities() const = 0;

  /// Stores the energy register; at most one flash write.
  virtual common::Status checkpoint() = 0;
  virtual void fill(ConnectorDiagnostics& out, common::Instant now) const = 0;
};

/// Room for one driver of any of the kinds, without heap.
template <typename... Kinds>
class DriverSlot {
 public:
  DriverSlot() = default;
  DriverSlot(const DriverSlot&) = delete;
  DriverSlot& operator=(const DriverSlot&) = delete;
  ~DriverSlot() {
    if (driver_ != nullptr) driver_->~Driver();
  }

  /// Makes a driver in place. @pre  The slot is empty.
  template <typename Kind, typename... Arguments>
  Kind& emplace(Arguments&&... arguments) {
    static_assert((std::is_same_v<Kind, Kinds> || ...), "the slot has no room for this kind");
    Kind* made = new (&storage_) Kind(std::forward<Arguments>(arguments)...);
    driver_ = made;
    return *made;
  }

 private:
  typename std::aligned_union<0, Kinds...>::type storage_;
  Driver* driver_ = nullptr;
};

}  // namespace bridge
