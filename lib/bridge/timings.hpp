#pragma once

#include <cstdint>

/// Every timing of the bridge, one row each: NAME, default, lowest, highest (ms), what it is. NAME is the member NAME_ms
/// of Timings and the setting t.NAME; at most 13 characters. docs/timings.md has the same rows, a test compares them.
#define BRIDGE_TIMINGS(X)                                                                         \
  X(status_poll, 1000, 100, 60000,                                                                \
    "from one reading of state, current and power to the next; a charger's watchdog shortens it") \
  X(meter_poll, 5000, 100, 900000, "from one reading of energy and limit to the next")            \
  X(verify_poll, 30000, 1000, 3600000,                                                            \
    "settings made at the start are read again: finds a charger that rebooted")                   \
  X(plug_on, 500, 0, 60000, "an EV counts as plugged after this")                                 \
  X(plug_off, 2000, 0, 60000, "an EV counts as unplugged after this: the transaction ends")       \
  X(request_on, 500, 0, 60000, "an EV asks for energy (B to C) after this")                       \
  X(request_off, 2000, 0, 60000, "an EV asks no more (C to B) after this")                        \
  X(fault_off, 5000, 0, 600000, "a fault is told at once and taken back after this")              \
  X(pilot_f, 5000, 0, 600000, "pilot state F counts as a fault after this")                       \
  X(hold_max, 60000, 1000, 3600000,                                                               \
    "a state that hides the plug (the charger starts) is borne for this long")                    \
  X(stale, 3000, 200, 600000, "silence of the charger: no new transaction, no meter values")      \
  X(lost, 10000, 300, 3600000, "silence of the charger: BUS_TIMEOUT, Unavailable when idle")      \
  X(faulted, 60000, 300, 3600000, "silence of the charger: Faulted")                              \
  X(first_offer, 30000, 1000, 600000,                                                             \
    "after the start a charger is left as it is for this long, unless the limit is known sooner") \
  X(increase, 5000, 0, 600000, "least time at one limit before a higher one")                     \
  X(confirm, 5000, 1000, 60000, "a written limit must be read back within this")                  \
  X(reject_retry, 30000, 1000, 3600000,                                                           \
    "after three writes in vain (CMD_REJECTED): from one try to the next")                        \
  X(overrun_write, 10000, 1000, 600000, "current above the limit: the limit is written again")    \
  X(overrun_stop, 30000, 1000, 600000, "current above the limit: stop, OverCurrentFailure")       \
  X(overrun_open, 60000, 1000, 600000,                                                            \
    "... or a charger that cannot be told to stop: an external contactor opens")                  \
  X(unauthorised, 10000, 1000, 600000, "current without permission: disabled again")              \
  X(unauth_retry, 5000, 1000, 600000,                                                             \
    "... this far apart, three times in all, then UNAUTHORISED_ENERGY")                           \
  X(meter_doubt, 60000, 1000, 3600000,                                                            \
    "over 300 W although the EV asks for nothing: METER_CONTRADICTS (a warning)")                 \
  X(auth_back, 5000, 0, 600000,                                                                   \
    "a charger that takes back its own authorization: the transaction ends after this")           \
  X(phase_switch, 300000, 0, 86400000, "least time from one switch of phases to the next")        \
  X(pause_least, 60000, 0, 3600000,                                                               \
    "a limit below the lowest current pauses the charging for this long at least")                \
  X(pause_end, 30000, 0, 3600000, "... and until the limit has been enough for this long")        \
  X(pause_window, 3600000, 0, 86400000,                                                           \
    "at most 4 pauses begin within this, the last one lasts longer; 0: any number")               \
  X(wake_after, 30000, 1000, 3600000,                                                             \
    "an EV that the gateway had paused does not take the current: it is woken")                   \
  X(wake_repeat, 1800000, 60000, 86400000, "after two attempts to wake it: from one to the next") \
  X(energy_save, 900000, 10000, 86400000, "least time between two writes of the energy to flash")

namespace bridge {

/// All timings of one connector, ms; see BRIDGE_TIMINGS. The defaults suit a charger on an RS-485 bus of up to 8 units.
struct Timings {
#define BRIDGE_TIMING_MEMBER(name, value, lowest, highest, help) uint32_t name##_ms = value;
  BRIDGE_TIMINGS(BRIDGE_TIMING_MEMBER)
#undef BRIDGE_TIMING_MEMBER
};

}  // namespace bridge
