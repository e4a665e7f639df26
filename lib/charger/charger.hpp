#pragma once

#include "common/fixed_string.hpp"
#include "common/limits.hpp"
#include "common/status.hpp"
#include "common/time.hpp"

/// The contract between the OCPP engine and whatever drives a charger. Types and interfaces only, no logic.
/// Connector ids are those of OCPP: 1..n.
namespace charger {

/// Is an EV's cable plugged? Unknown until the charger said so; a lost bus never turns into kUnplugged.
enum class Plug : uint8_t { kUnknown, kUnplugged, kPlugged };

/// Name for logs and the console.
constexpr const char* to_string(Plug plug) {
  switch (plug) {
    case Plug::kUnknown:
      return "unknown";
    case Plug::kUnplugged:
      return "unplugged";
    case Plug::kPlugged:
      return "plugged";
  }
  return "?";
}

/// How much the last report can be trusted.
enum class Health : uint8_t {
  kUnknown,  ///< Nothing heard since start-up.
  kOk,
  kStale,  ///< Charger silent for a few seconds: last values hold, no new transaction may start.
  kLost,   ///< Charger silent beyond the stated time: power and plug are unknown.
};

/// Name for logs and the console.
constexpr const char* to_string(Health health) {
  switch (health) {
    case Health::kUnknown:
      return "unknown";
    case Health::kOk:
      return "ok";
    case Health::kStale:
      return "stale";
    case Health::kLost:
      return "lost";
  }
  return "?";
}

/// Names follow ChargePointErrorCode (OCPP 1.6 ed. 2, 7.6), which is what they become.
enum class Error : uint8_t {
  kNone,
  kConnectorLockFailure,
  kEvCommunicationError,
  kGroundFailure,
  kHighTemperature,
  kInternalError,
  kOtherError,
  kOverCurrentFailure,
  kOverVoltage,
  kPowerMeterFailure,
  kPowerSwitchFailure,
  kReaderFailure,
  kResetFailure,
  kUnderVoltage,
  kWeakSignal,
};

/// What one charger reported, as one consistent snapshot.
struct ChargerState {
  Plug plug = Plug::kUnknown;
  Health health = Health::kUnknown;
  bool ev_requests_energy = false;  ///< IEC 61851 C or D: the EV wants to charge.
  bool energy_offered = false;      ///< PWM present (x2): the charger lets the EV charge.
  bool is_faulted = false;          ///< The error stops charging (Faulted); else it is a warning.
  Error error = Error::kNone;
  common::FixedString<50>
      vendor_error_code;         ///< Profile id and the charger's code; empty when none.
  common::FixedString<50> info;  ///< One short sentence; empty when none.
  bool limit_known = false;
  uint32_t limit_ma = 0;  ///< Read back from the charger, mA per phase; valid when limit_known.
  uint32_t session_marker =
      0;  ///< Identifies this plug-in where the charger can tell; 0 = cannot tell.
};

/// Bits of MeterSample::valid.
enum MeterField : uint16_t {
  kMeterEnergyImport = 1U << 0U,
  kMeterPower = 1U << 1U,
  kMeterCurrent = 1U << 2U,  ///< All three phases; phases not connected read 0.
  kMeterVoltage = 1U << 3U,
  kMeterTemperature = 1U << 4U,
  kMeterSoc = 1U << 5U,
  kMeterFrequency = 1U << 6U,
  kMeterPowerPhases = 1U << 7U,   ///< All three phases, beside the total.
  kMeterEnergyExport = 1U << 8U,  ///< The meter counts both directions; power_w has a sign.
  kMeterReactivePower = 1U << 9U,
  kMeterReactiveEnergy = 1U << 10U,
  kMeterPowerFactor = 1U << 11U,
};

/// One reading of a charger's meter. Fields whose bit is not set in `valid` mean nothing.
struct MeterSample {
  common::Instant taken_at;
  uint16_t valid = 0;            ///< MeterField bits.
  int64_t energy_import_wh = 0;  ///< Monotonic, persisted register, Wh; never goes backwards.
  int32_t power_w = 0;           ///< Below 0: export.
  int32_t current_ma[3] = {};
  int32_t voltage_mv[3] = {};  ///< Phase to neutral.
  int16_t temperature_deci_c = 0;
  uint8_t soc_percent = 0;
  int32_t frequency_mhz = 0;  ///< Thousandths of a hertz.
  int32_t power_phase_w[3] = {};
  int64_t energy_export_wh = 0;
  int32_t power_var = 0;  ///< Reactive, import positive.
  int64_t reactive_import_varh = 0;
  int16_t power_factor_milli = 0;  ///< Thousandths.

  bool has(MeterField field) const { return (valid & field) != 0; }
};

/// Offer::alone_ma without a common limit: more than any connector can take, mA.
constexpr uint32_t kNoCommonLimitMa = 1000000;

/// What a connector may draw. The bridge never exceeds it; not permitting means 0 A whatever limit_ma says.
struct Offer {
  constexpr Offer() = default;
  constexpr Offer(bool is_permitted, uint32_t limit, uint8_t phase_count,
                  uint32_t alone = kNoCommonLimitMa)
      : permit(is_permitted), phases(phase_count), limit_ma(limit), alone_ma(alone) {}

  bool permit = false;
  uint8_t phases = 3;     ///< 1..3
  uint32_t limit_ma = 0;  ///< mA per phase; below the charger's minimum it means pause.
  /// Of a limit that all connectors share: what this one could have if the others had nothing, mA per phase. Each
  /// connector's current divided by this is the part of the limit that it uses up.
  uint32_t alone_ma = kNoCommonLimitMa;
};

constexpr bool operator==(const Offer& a, const Offer& b) {
  return a.permit == b.permit && a.limit_ma == b.limit_ma && a.phases == b.phases &&
         a.alone_ma == b.alone_ma;
}
constexpr bool operator!=(const Offer& a, const Offer& b) { return !(a == b); }

/// What a connector's hardware can do; fixed after start-up.
struct Capabilities {
  uint32_t min_ma = 6000;          ///< Lowest current that can be offered, mA per phase.
  uint32_t max_ma = 16000;         ///< Highest, mA per phase.
  uint8_t phases = 3;              ///< Connected phases, 1..3.
  bool can_switch_phases = false;  ///< Offer::phases is obeyed, also while an EV charges.
  uint16_t meter_fields = 0;       ///< MeterField bits that samples can carry.
  bool has_lock = false;           ///< unlock() works.
  /// Current the charger takes by itself when it does not hear the gateway, mA per phase.
  uint32_t failsafe_ma = 0;
  uint32_t failsafe_after_ms =
      0;  ///< Silence until then, ms; 0 = no watchdog: it goes on as it is.
};

/// Commands to the chargers. Commands are wishes: the effect is what the next ChargerState says.
/// @par Context  Loop thread; does not block.
class ChargerControl {
 public:
  virtual ~ChargerControl() = default;
  /// Idempotent; cheap when nothing changed. @param connector_id  1..n
  virtual void set_offer(uint8_t connector_id, const Offer& offer, common::Instant now) = 0;
  /// Asks for a fresh reading soon (within about 2 s); it arrives as a sample.
  virtual void request_sample(uint8_t connector_id, common::Instant now) = 0;
  /// @retval kUnsupported  No lock that can be opened.
  virtual common::Status unlock(uint8_t connector_id, common::Instant now) = 0;
  virtual Capabilities capabilities(uint8_t connector_id) const = 0;
};

/// The only way up: reports of the chargers.
class ChargerObserver {
 public:
  virtual ~ChargerObserver() = default;
  /// Called on every change of state, and at least once after start-up.
  virtual void on_charger_state(uint8_t connector_id, const ChargerState& state,
                                common::Instant now) = 0;
  virtual void on_meter_sample(uint8_t connector_id, const MeterSample& sample,
                               common::Instant now) = 0;
};

/// An id tag as read: upper-case hex of the UID or printable text, at most 20 bytes (CiString20).
using IdTag = common::FixedString<limits::kIdTagBytes>;

/// What a charger says about an authorization of its own.
enum class OwnAuthorization : uint8_t {
  kNone,  ///< Nothing: nobody is plugged in, or it cannot tell.
  kWaiting,
  kGranted,
  kEnded,  ///< It has ended its session itself.
};

/// Receiver of what tag readers see.
class IdReaderObserver {
 public:
  virtual ~IdReaderObserver() = default;
  /// @param connector_id  Connector the reader belongs to; 0 = one reader for all connectors.
  virtual void on_id_tag(uint8_t connector_id, const IdTag& id_tag, common::Instant now) = 0;
  /// A charger's own authorization has changed.
  virtual void on_own_authorization(uint8_t connector_id, OwnAuthorization own,
                                    common::Instant now) {
    (void)connector_id, (void)own, (void)now;
  }
};

}  // namespace charger
