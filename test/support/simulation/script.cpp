#include "simulation/script.hpp"

#include "simulation/dice.hpp"

#include <algorithm>
#include <cstdio>

namespace simulation {
namespace {

/// What one person with one car does at a connector.
int64_t add_visit(Script& script, Dice& dice, uint8_t connector, int64_t at_ms) {
  const auto add = [&](int64_t when_ms, EventKind kind, int64_t a = 0, int64_t b = 0,
                       int64_t c = 0) {
    script.events.push_back(Event{when_ms, kind, connector, a, b, c});
  };
  const int64_t tag =
      dice.chance(60) ? dice.between(kStolenTag, kTagCount - 1) : dice.between(0, kStolenTag - 1);
  const int64_t plug_ms = at_ms;
  Event plug{plug_ms,
             EventKind::kPlug,
             connector,
             dice.between(5000, 32000),
             dice.chance(300) ? 1 : 3,
             dice.chance(500) ? dice.spread(200, 60000) : 0};
  if (dice.chance(40)) plug.a = 0;  // never draws
  script.events.push_back(plug);
  // A bad contact.
  const auto flap = [&](int64_t when_ms) {
    for (int64_t n = dice.between(1, 5); n > 0; --n) {
      when_ms += dice.spread(10, 5000);
      add(when_ms, EventKind::kUnplug);
      plug.at_ms = when_ms += dice.spread(10, 5000);
      script.events.push_back(plug);
    }
  };
  if (dice.chance(40)) flap(plug_ms);
  const auto reader = [&](int64_t when_ms, int64_t which) {
    script.events.push_back(
        Event{when_ms, EventKind::kTag, dice.chance(300) ? uint8_t{0} : connector, which, 0, 0});
  };
  int64_t now_ms = plug_ms;
  if (dice.chance(850)) {
    now_ms = dice.chance(250) ? at_ms - dice.spread(500, 90000) : at_ms + dice.spread(200, 60000);
    reader(std::max<int64_t>(now_ms, 1), tag);
    // What people do when nothing seems to happen.
    if (dice.chance(200)) reader(std::max<int64_t>(now_ms, 1) + dice.spread(100, 20000), tag);
  }
  now_ms = std::max(now_ms, plug_ms) + dice.spread(500, 6 * kHourMs);
  if (dice.chance(150)) {
    const int64_t pause_ms = dice.between(plug_ms + 1, now_ms);
    add(pause_ms, EventKind::kEvWants, 0);
    add(pause_ms + dice.spread(1000, kHourMs), EventKind::kEvWants, 1);
  }
  if (dice.chance(100))
    add(dice.between(plug_ms + 1, now_ms), EventKind::kEvPhases, dice.between(1, 3));
  if (dice.chance(30)) flap(dice.between(plug_ms + 1, now_ms));
  if (dice.chance(500)) reader(now_ms, dice.chance(900) ? tag : dice.between(0, kTagCount - 1));
  if (dice.chance(50)) add(now_ms, EventKind::kStopButton);
  now_ms += dice.spread(100, 2 * kHourMs);
  if (dice.chance(950)) add(now_ms, EventKind::kUnplug);
  return now_ms;
}

void add_trouble(Script& script, Dice& dice, int64_t at_ms, bool has_cruel_csms) {
  Event event;
  event.at_ms = at_ms;
  event.connector = static_cast<uint8_t>(dice.between(1, script.connectors));
  const int64_t off_ms = dice.spread(500, 2 * kHourMs);
  switch (dice.between(0, 33)) {
    case 0:
      event.kind = EventKind::kChargerFault;
      event.a = dice.spread(500, kHourMs);
      event.b = dice.between(1, 14);
      event.c = dice.chance(600) ? 1 : 0;
      break;
    case 1:
      event.kind = EventKind::kSilence;
      event.a = dice.spread(500, kHourMs);
      break;
    case 2:
    case 3:
      event.kind = EventKind::kDisconnect;
      event.a = dice.chance(500) ? dice.spread(100, 2 * kMinuteMs) : 0;
      break;
    case 4:
      event.kind = EventKind::kServerDown;
      event.a = dice.spread(1000, 12 * kHourMs);
      event.b = dice.chance(300) ? 503 : 0;
      break;
    case 5:
    case 6:
      event.kind = EventKind::kDrop;
      event.a = dice.between(1, 4);
      event.b = dice.between(0, 1);
      break;
    case 7:
      event.kind = EventKind::kDuplicate;
      event.a = dice.between(1, 4);
      event.b = dice.between(0, 1);
      break;
    case 8:
      event.kind = EventKind::kLatency;
      event.a = dice.spread(kMinuteMs, 6 * kHourMs);
      event.b = dice.spread(1, 20000);
      event.c = dice.spread(1, 5000);
      break;
    case 9:
      event.kind = EventKind::kGarbage;
      event.a = dice.between(0, INT32_MAX);
      break;
    case 10:
      event.kind = EventKind::kMute;
      event.a = dice.spread(1000, 4 * kHourMs);
      break;
    case 11:
      event.kind = EventKind::kSlow;
      event.a = dice.spread(kMinuteMs, 4 * kHourMs);
      event.b = dice.spread(100, 90000);
      break;
    case 12:
    case 13:
      event.kind = EventKind::kIgnore;
      event.a = dice.between(0, 6);
      event.b = dice.between(1, 4);
      break;
    case 14:
      event.kind = EventKind::kCallError;
      event.a = dice.between(0, 6);
      event.b = has_cruel_csms ? dice.between(1, 5) : 1;
      event.c = dice.between(0, INT8_MAX);
      break;
    case 15:
      event.kind = EventKind::kRegistration;
      event.a = dice.spread(1000, 2 * kHourMs);
      event.b = dice.between(0, 1);
      break;
    case 16:
      event.kind = EventKind::kTagStatus;
      event.a = dice.between(0, kStolenTag - 1);
      event.b = dice.spread(kMinuteMs, 12 * kHourMs);
      event.c = dice.between(0, 3);
      break;
    case 17:
      event.kind = dice.chance(500) ? EventKind::kCsmsClock : EventKind::kPlatformTime;
      event.a = dice.spread(500, 2 * kDayMs) * (dice.chance(500) ? 1 : -1);
      break;
    case 18:
      event.kind = EventKind::kPowerCut;
      event.a = off_ms;
      break;
    case 19:
    case 20:
      event.kind = EventKind::kCutAtByte;
      event.a = off_ms;
      event.b = dice.spread(1, 600);
      break;
    case 21:
    case 22:
      event.kind = EventKind::kCutAtWrite;
      event.a = off_ms;
      event.b = dice.between(0, 12);
      event.c = dice.between(0, 1);
      break;
    case 23:
      event.kind = EventKind::kCutInBoot;
      event.a = off_ms;
      event.b = dice.spread(1, 400);
      break;
    case 24:
      event.kind = EventKind::kAppendFails;
      event.a = dice.between(0, 60);
      event.b = dice.between(0, 1);
      break;
    case 25:
      event.kind = EventKind::kSetFails;
      break;
    case 26:
    case 27:
      event.kind = EventKind::kMangle;
      event.a = dice.between(0, 6);
      event.b = has_cruel_csms ? dice.between(1, 5) : 1;
      event.c = dice.between(0, 7);
      break;
    case 28:
    case 29:
      event.kind = EventKind::kNeverAnswer;
      event.a = dice.between(0, 6);
      event.b = dice.spread(kMinuteMs, kHourMs);
      break;
    case 30:
      event.kind = EventKind::kFlashFull;
      event.a = dice.spread(1000, 6 * kHourMs);
      event.b = dice.spread(1, 1000);
      break;
    case 31:
      event.kind = EventKind::kFileFault;
      event.a = dice.between(1, 4);
      event.b = event.a == 4 ? 0 : dice.spread(200, 40000);  // refused at once; not in the head
      event.c = dice.between(1, 3);
      break;
    case 32:
      event.kind = EventKind::kFileServer;
      event.a = dice.spread(kMinuteMs, 6 * kHourMs);
      event.b = dice.spread(200, 100000);
      event.c = dice.between(0, 1);
      break;
    default:
      event.kind = EventKind::kBootClock;
      event.a = dice.spread(500, 2 * kDayMs) * (dice.chance(500) ? 1 : -1);
      break;
  }
  script.events.push_back(event);
}

}  // namespace

Script make_script(uint64_t seed, int64_t days) {
  Dice dice(seed);
  Script script;
  script.seed = seed;
  script.end_ms = days * kDayMs;
  script.connectors = static_cast<uint8_t>(dice.chance(500) ? 1 : dice.between(2, 3));
  script.phases = dice.chance(250) ? 1 : 3;
  script.max_ma = dice.chance(500) ? 16000 : 32000;
  script.can_switch_phases = script.phases == 3 && dice.chance(250);
  script.has_session_marker = dice.chance(700);
  script.has_battery_clock = dice.chance(250);
  script.torn = static_cast<uint8_t>(dice.between(0, 4));
  script.flash_bytes =
      static_cast<uint32_t>(dice.chance(300) ? dice.between(24, 96) * 1024 : 1024 * 1024);
  script.reading_ms = dice.spread(20000, 15 * kMinuteMs);
  script.sample_s = dice.spread(60, 1800);
  script.heartbeat_s = dice.spread(600, 14400);
  script.is_offline_allowed = dice.chance(700);

  // Each seed has its own climate: how often people come, how often things break, how often the CSMS wants something.
  const int64_t visit_every_ms = dice.spread(kHourMs, 12 * kHourMs);
  const int64_t trouble_every_ms = dice.spread(20 * kMinuteMs, 3 * kDayMs);
  const int64_t command_every_ms = dice.spread(30 * kMinuteMs, kDayMs);
  const bool has_cruel_csms = dice.chance(150);

  for (uint8_t connector = 1; connector <= script.connectors; ++connector) {
    int64_t now_ms = dice.between(kMinuteMs, visit_every_ms);
    while (now_ms < script.end_ms) {
      now_ms = add_visit(script, dice, connector, now_ms);
      now_ms += dice.chance(100) ? dice.between(1, 5000) : dice.between(1000, 2 * visit_every_ms);
    }
  }
  for (int64_t now_ms = dice.between(1, trouble_every_ms); now_ms < script.end_ms;
       now_ms += dice.between(1, 2 * trouble_every_ms)) {
    // Misfortunes come in threes, and when somebody is just doing something.
    int64_t at_ms = now_ms;
    if (!script.events.empty() && dice.chance(600)) {
      const auto near =
          static_cast<size_t>(dice.between(0, static_cast<int64_t>(script.events.size()) - 1));
      at_ms = script.events[near].at_ms + dice.spread(1, 30000);
    }
    for (int64_t n = dice.chance(300) ? dice.between(2, 4) : 1; n > 0; --n) {
      add_trouble(script, dice, at_ms, has_cruel_csms);
      at_ms += dice.spread(1, kMinuteMs);
    }
  }
  for (int64_t now_ms = dice.between(1, command_every_ms); now_ms < script.end_ms;
       now_ms += dice.between(1, 2 * command_every_ms)) {
    int64_t at_ms = now_ms;
    for (int64_t n = dice.chance(150) ? dice.between(2, 5) : 1; n > 0; --n) {
      script.events.push_back(Event{at_ms, EventKind::kCommand,
                                    static_cast<uint8_t>(dice.between(0, script.connectors)),
                                    dice.between(0, INT16_MAX), dice.between(0, INT32_MAX), 0});
      at_ms += dice.chance(500) ? 0 : dice.spread(1, 30000);
    }
  }
  std::stable_sort(script.events.begin(), script.events.end(),
                   [](const Event& a, const Event& b) { return a.at_ms < b.at_ms; });
  while (!script.events.empty() && script.events.back().at_ms >= script.end_ms)
    script.events.pop_back();
  return script;
}

std::string format_time(int64_t at_ms) {
  char text[40];
  std::snprintf(text, sizeof text, "day %d %02d:%02d:%02d.%03d", static_cast<int>(at_ms / kDayMs),
                static_cast<int>(at_ms / kHourMs % 24), static_cast<int>(at_ms / kMinuteMs % 60),
                static_cast<int>(at_ms / 1000 % 60), static_cast<int>(at_ms % 1000));
  return text;
}

std::string describe(const Event& event) {
  const auto number = [](int64_t value) { return std::to_string(value); };
  const std::string at = "connector " + number(event.connector);
  const std::string a_ms = number(event.a) + " ms";
  switch (event.kind) {
    case EventKind::kPlug:
      return at + ": a car plugs in, up to " + number(event.a) + " mA on " + number(event.b) +
             " phases" + (event.c == 0 ? "" : ", wants " + number(event.c) + " Wh");
    case EventKind::kUnplug:
      return at + ": unplugged";
    case EventKind::kTag:
      return at + ": tag " + kTags[event.a];
    case EventKind::kEvWants:
      return at + (event.a == 0 ? ": the car pauses" : ": the car goes on");
    case EventKind::kStopButton:
      return at + ": stop button";
    case EventKind::kChargerFault:
      return at + ": error " + number(event.b) +
             (event.c == 1 ? " (stops charging) for " : " for ") + a_ms;
    case EventKind::kSilence:
      return at + ": bus silent for " + a_ms;
    case EventKind::kEvPhases:
      return at + ": the car draws on " + number(event.a) + " phases";
    case EventKind::kDisconnect:
      return "connection lost" +
             (event.a == 0 ? std::string() : ", frames under way are handled " + a_ms + " later");
    case EventKind::kServerDown:
      return "server unreachable for " + a_ms + ", HTTP " + number(event.b);
    case EventKind::kDrop:
      return "the next " + number(event.a) + (event.b == 0 ? " frames to" : " frames from") +
             " the CSMS are dropped";
    case EventKind::kDuplicate:
      return "the next " + number(event.a) + (event.b == 0 ? " frames to" : " frames from") +
             " the CSMS come twice";
    case EventKind::kLatency:
      return "latency " + number(event.b) + " ms + " + number(event.c) + " ms for " + a_ms;
    case EventKind::kGarbage:
      return "garbage from the CSMS, seed " + number(event.a);
    case EventKind::kMute:
      return "the CSMS answers nothing for " + a_ms;
    case EventKind::kSlow:
      return "the CSMS takes " + number(event.b) + " ms for " + a_ms;
    case EventKind::kIgnore:
      return "the CSMS does not answer the next " + number(event.b) + " of action " +
             number(event.a);
    case EventKind::kCallError:
      return "the CSMS errs on the next " + number(event.b) + " of action " + number(event.a);
    case EventKind::kMangle:
      return "the CSMS answers the next " + number(event.b) + " of action " + number(event.a) +
             " wrongly, in manner " + number(event.c);
    case EventKind::kNeverAnswer:
      return "the CSMS never answers the next message of action " + number(event.a) + " for " +
             number(event.b) + " ms";
    case EventKind::kRegistration:
      return std::string(event.b == 0 ? "Pending" : "Rejected") + " for " + a_ms;
    case EventKind::kTagStatus:
      return std::string("tag ") + kTags[event.a] + " is refused for " + number(event.b) + " ms";
    case EventKind::kCsmsClock:
      return "the clock of the CSMS jumps by " + a_ms;
    case EventKind::kPlatformTime:
      return "the platform sets the clock, " + a_ms + " off";
    case EventKind::kCommand:
      return at + ": command " + number(event.a) + " of the CSMS, seed " + number(event.b);
    case EventKind::kFileFault:
      return "the next " + number(event.c) + " file transfers go wrong in manner " +
             number(event.a) + " after " + number(event.b) + " bytes";
    case EventKind::kFileServer:
      return "the file server gives " + number(event.b) + " bytes per second" +
             (event.c == 1 ? " for " : ", always from the beginning, for ") + a_ms;
    case EventKind::kPowerCut:
      return "power cut for " + a_ms;
    case EventKind::kCutAtByte:
      return "power cut " + number(event.b) + " bytes from here for " + a_ms;
    case EventKind::kCutAtWrite:
      return "power cut at write operation " + number(event.b) + " from here" +
             (event.c == 1 ? ", done," : ", not done,") + " for " + a_ms;
    case EventKind::kCutInBoot:
      return "power cut for " + a_ms + ", and again " + number(event.b) +
             " bytes into the start-up";
    case EventKind::kAppendFails:
      return std::string("an append fails ") + (event.b == 1 ? "(no space)" : "(I/O)") + " after " +
             number(event.a) + " bytes";
    case EventKind::kBusFault: {
      static const char* const kNames[] = {"with a wrong checksum",
                                           "cut in half",
                                           "with garbage",
                                           "with exception",
                                           "late by ms",
                                           "not to requests, so many:",
                                           "as unit"};
      return at + ": the charger answers " + kNames[event.b] + " " + number(event.c) + " for " +
             a_ms;
    }
    case EventKind::kNoise:
      return number(event.a) + " bytes of noise on the bus";
    case EventKind::kChargerReboot:
      return at + ": the charger restarts, silent for " + a_ms + ", starting for " +
             number(event.b) + " ms";
    case EventKind::kDisobey:
      return at + ": " + number(event.b) + " mA flow whatever is offered, for " + a_ms;
    case EventKind::kRefuseLimit:
      return at + (event.b == 0 ? ": limits are refused for " : ": limits are not kept for ") +
             a_ms;
    case EventKind::kMeterValue:
      return at + ": the counter shows " + number(event.a) + " Wh";
    case EventKind::kMeterSilence:
      return at + ": the meter is silent for " + a_ms;
    case EventKind::kGlitch:
      return at + ": " + number(event.b) + " of 1000 reads show a wild register, for " + a_ms;
    case EventKind::kBusDown:
      return at + ": the cable is cut for " + a_ms;
    case EventKind::kDropLimit:
      return at + ": the limit jumps to the highest every " + number(event.b) + " ms for " + a_ms;
    case EventKind::kWelded:
      return at + ": the contactor does not open for " + a_ms;
    case EventKind::kLimit:
      return at + ": the CSMS allows " + number(event.a) + " mA";
    case EventKind::kSetFails:
      return "a write of a setting fails";
    case EventKind::kFlashFull:
      return "the flash has " + number(event.b) + " bytes left for " + a_ms;
    case EventKind::kBootClock:
      return "the battery clock will be " + a_ms + " off at the next start";
  }
  return "?";
}

std::string describe_charge_point(const Script& script) {
  if (script.is_bridge) {
    static const char* const kNames[kChargerKinds] = {
        "heidelberg", "daheimladen", "evse-wb-din", "evse-wb-din fine",
        "keba",       "mennekes",    "alfen"};
    std::string chargers;
    for (uint8_t i = 0; i < script.connectors; ++i) {
      const ChargerPlan& plan = script.chargers[i];
      chargers += std::string(kNames[static_cast<size_t>(plan.kind)]) + " (line " +
                  std::to_string(plan.line) + ", " + std::to_string(plan.phases) +
                  " phases from L" + std::to_string(plan.first_phase + 1) +
                  (plan.is_phase_told ? "), " : " untold), ");
    }
    return chargers + "site " + std::to_string(script.site_ma) + " mA, failsafe " +
           std::to_string(script.failsafe_ma) + " mA, watchdog " +
           std::to_string(script.watchdog_ms) + " ms, polls every " +
           std::to_string(script.status_poll_ms) + " and " + std::to_string(script.meter_poll_ms) +
           " ms";
  }
  return std::to_string(script.connectors) + " connectors, " + std::to_string(script.phases) +
         " phases, " + std::to_string(script.max_ma) + " mA, " +
         (script.can_switch_phases ? "switches phases, " : "") +
         (script.has_session_marker ? "counts plug-ins, " : "does not count plug-ins, ") +
         (script.has_battery_clock ? "battery clock, " : "no clock, ") + "flash of " +
         std::to_string(script.flash_bytes) + " bytes, a reading every " +
         std::to_string(script.reading_ms) + " ms, a sample every " +
         std::to_string(script.sample_s) + " s";
}

}  // namespace simulation
