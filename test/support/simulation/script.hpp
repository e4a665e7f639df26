#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// The deterministic simulation: what happens to a charge point is drawn from a seed before it begins.
namespace simulation {

/// What can happen from outside. Arguments a, b, c are explained at each kind.
enum class EventKind : uint8_t {
  // People and cars
  kPlug,          ///< a = max mA, b = phases, c = wanted Wh (0 = never full)
  kUnplug,        ///<
  kTag,           ///< a = tag index; connector 0 = the reader for all
  kEvWants,       ///< a = 0 the car pauses, 1 it goes on
  kStopButton,    ///<
  kChargerFault,  ///< a = duration ms, b = charger::Error, c = 1 when it stops charging
  kSilence,       ///< a = duration ms: the bus to the charger is dead
  kEvPhases,      ///< a = phases on which the car draws from now on
  // Link
  kDisconnect,  ///< a = when the frames under way are handled by the CSMS after all, ms; 0 = never
  kServerDown,  ///< a = duration ms, b = HTTP status of the refusal (0 = none)
  kDrop,        ///< a = how many frames, b = 0 to the CSMS, 1 from it
  kDuplicate,   ///< a = how many frames, b as above
  kLatency,     ///< a = duration ms, b = latency ms, c = jitter ms
  kGarbage,     ///< a = seed of the text
  // CSMS
  kMute,          ///< a = duration ms: handles everything, answers nothing
  kSlow,          ///< a = duration ms, b = delay ms
  kIgnore,        ///< a = action index, b = how many are carried out and not answered
  kCallError,     ///< a = action index, b = how many, c = error code index
  kMangle,        ///< a = action index, b = how many, c = ocpp_world::ModelCsms::Mangle::Kind
  kNeverAnswer,   ///< a = action index, b = duration ms: the next of them, however often it comes
  kRegistration,  ///< a = duration ms, b = 0 Pending, 1 Rejected
  kTagStatus,     ///< a = tag index, b = duration ms, c = status index
  kCsmsClock,     ///< a = jump ms
  kPlatformTime,  ///< a = jump ms against the CSMS's: the operating system sets the time
  kCommand,       ///< a = command index, b = seed of its arguments
  kFileFault,     ///< a = platform_sim::SimFileServer::Fault::Kind, b = after bytes, c = how many
  kFileServer,    ///< a = duration ms, b = bytes per s, c = 1 when it can begin in the middle
  // Power and flash
  kPowerCut,    ///< a = off ms
  kCutAtByte,   ///< a = off ms, b = after so many more bytes written
  kCutAtWrite,  ///< a = off ms, b = at which of the coming operations, c = 1 when it is done before
  kCutInBoot,   ///< a = off ms, b = after so many bytes of the start-up that follows
  kAppendFails,  ///< a = bytes stored all the same, b = 1 for kNoSpace
  kSetFails,     ///<
  kFlashFull,    ///< a = duration ms, b = bytes that are left
  kBootClock,    ///< a = jump ms of the battery clock at the next start
  // Bus and chargers of the bridge
  kBusFault,       ///< a = duration ms, b = BusFault, c = its figure
  kNoise,          ///< a = bytes that come from nowhere
  kChargerReboot,  ///< a = silent ms, b = starting ms
  kDisobey,        ///< a = duration ms, b = mA that the car draws, whatever is offered
  kRefuseLimit,    ///< a = duration ms, b = 0 exception, 1 says yes and does not do it
  kMeterValue,  ///< a = Wh that the counter of the charger shows from now on: reset, or another meter
  kMeterSilence,  ///< a = duration ms: the meter beside the charger does not answer
  kGlitch,        ///< a = duration ms, b = of 1000 reads so many show one wild register
  kBusDown,       ///< a = duration ms: the whole line is cut, the server refuses
  kDropLimit,  ///< a = duration ms, b = every so many ms the charger's limit jumps to its highest
  kWelded,     ///< a = duration ms: the contactor does not open
  kLimit,      ///< a = mA per phase, a default profile of the CSMS
};

/// What becomes of the answers of one charger.
enum class BusFault : uint8_t {
  kCrc,
  kTruncated,
  kGarbage,
  kException,
  kSlow,
  kLoses,
  kWrongUnit,
};

/// Chargers on the buses.
enum class ChargerKind : uint8_t {
  kHeidelberg,
  kDaheimLaden,
  kEvseWbDin,      ///< Limit in 1 A; with a meter of its own on the line.
  kEvseWbDinFine,  ///< Limit in 0.01 A; with a meter as well.
  kKeba,
  kMennekes,
  kAlfen,
};
constexpr size_t kChargerKinds = 7;

struct ChargerPlan {
  ChargerKind kind = ChargerKind::kHeidelberg;
  uint8_t line = 0;         ///< Of those on RS-485, 0 or 1.
  uint8_t phases = 3;       ///< Connected, 1 or 3.
  uint8_t first_phase = 0;  ///< Phase of the site that its L1 is on, 0..2.
  bool is_phase_told = false;
};

struct Event {
  int64_t at_ms = 0;
  EventKind kind = EventKind::kPlug;
  uint8_t connector = 0;
  int64_t a = 0;
  int64_t b = 0;
  int64_t c = 0;
};

/// Everything that decides a run.
struct Script {
  uint64_t seed = 1;
  int64_t end_ms = 0;  ///< After that faults stop and everything must come to rest.
  // The charge point
  uint8_t connectors = 1;
  uint8_t phases = 3;
  uint32_t max_ma = 16000;
  bool can_switch_phases = false;
  bool has_session_marker = true;
  bool has_battery_clock = false;
  uint8_t torn = 0;  ///< platform_sim::SimFileStore::Torn
  uint32_t flash_bytes = 0;
  int64_t reading_ms = 60000;  ///< Between unasked meter readings.
  int64_t sample_s = 300;      ///< MeterValueSampleInterval
  int64_t heartbeat_s = 3600;
  bool is_offline_allowed = true;
  // With the real bridge: chargers on a bus instead of chargers behind the contract
  bool is_bridge = false;
  ChargerPlan chargers[4];  ///< Index connector id - 1.
  uint32_t site_ma = 0;     ///< 0 = no limit of the site.
  uint32_t failsafe_ma = 0;
  uint32_t watchdog_ms = 0;  ///< bridge::ConnectorConfig::watchdog_ms
  uint32_t status_poll_ms = 1000;
  uint32_t meter_poll_ms = 5000;
  std::vector<Event> events;  ///< Ordered by time.
};

constexpr const char* kTags[] = {"ALICE",  "BOB",    "04A1B2C3D4E5F6", "20-characters-long-X",
                                 "STOLEN", "BLOCKED"};
constexpr size_t kTagCount = sizeof kTags / sizeof kTags[0];
/// The CSMS never accepts this one and those behind it.
constexpr size_t kStolenTag = 4;
constexpr bool is_stolen(size_t tag) { return tag >= kStolenTag; }

/// Draws the script of a seed. The same arguments give the same script on every machine.
/// @param days  >= 1.
Script make_script(uint64_t seed, int64_t days);
/// The same for gateway, bridge and chargers on a bus. @param hours  >= 1.
Script make_bridge_script(uint64_t seed, int64_t hours);

/// "day 3 04:05:06.789"
std::string format_time(int64_t at_ms);
/// One line for people.
std::string describe(const Event& event);
std::string describe_charge_point(const Script& script);

}  // namespace simulation
