#include "simulation/dice.hpp"
#include "simulation/script.hpp"

namespace simulation {
namespace {

int64_t add_visit(Script& script, Dice& dice, uint8_t connector, int64_t at_ms) {
  const auto add = [&](int64_t when_ms, EventKind kind, int64_t a = 0, int64_t b = 0,
                       int64_t c = 0) {
    script.events.push_back(Event{when_ms, kind, connector, a, b, c});
  };
  const int64_t tag = dice.between(0, kStolenTag - 1);
  add(at_ms, EventKind::kPlug, dice.between(60, 320) * 100, dice.chance(300) ? 1 : 3,
      dice.chance(500) ? dice.spread(200, 20000) : 0);
  int64_t now_ms = at_ms + dice.spread(200, 60000);
  if (dice.chance(850)) add(now_ms, EventKind::kTag, tag);
  now_ms += dice.spread(5000, 2 * kHourMs);
  if (dice.chance(300)) {
    const int64_t pause_ms = dice.between(at_ms + 1, now_ms);
    add(pause_ms, EventKind::kEvWants, 0);
    add(pause_ms + dice.spread(1000, kHourMs), EventKind::kEvWants, 1);
  }
  if (dice.chance(100))
    add(dice.between(at_ms + 1, now_ms), EventKind::kEvPhases, dice.between(1, 3));
  if (dice.chance(500)) add(now_ms, EventKind::kTag, tag);
  now_ms += dice.spread(100, kHourMs);
  if (dice.chance(950)) add(now_ms, EventKind::kUnplug);
  return now_ms;
}

void add_trouble(Script& script, Dice& dice, int64_t at_ms) {
  Event event;
  event.at_ms = at_ms;
  event.connector = static_cast<uint8_t>(dice.between(1, script.connectors));
  switch (dice.between(0, 22)) {
    case 0:
    case 1:
    case 2:
      event.kind = EventKind::kSilence;
      event.a = dice.spread(500, 20 * kMinuteMs);
      break;
    case 3:
    case 4:
    case 5:
      event.kind = EventKind::kBusFault;
      event.a = dice.spread(500, 10 * kMinuteMs);
      event.b = dice.between(0, 6);
      event.c = event.b == 4   ? dice.spread(20, 1500)
                : event.b == 5 ? dice.between(2, 5)
                : event.b == 3 ? dice.between(1, 6)
                : event.b == 6 ? dice.between(1, 247)
                               : dice.between(1, 20);
      break;
    case 6:
      event.kind = EventKind::kNoise;
      event.a = dice.between(1, 40);
      break;
    case 7:
    case 8:
      event.kind = EventKind::kChargerReboot;
      event.a = dice.spread(200, 20000);
      event.b = dice.spread(200, 20000);
      break;
    case 9:
      event.kind = EventKind::kDisobey;
      event.a = dice.spread(1000, 5 * kMinuteMs);
      event.b = dice.between(60, 320) * 100;
      break;
    case 10:
      event.kind = EventKind::kRefuseLimit;
      event.a = dice.spread(1000, 40 * kMinuteMs);
      event.b = dice.between(0, 1);
      break;
    case 11:
      event.kind = EventKind::kMeterValue;
      // Reset, or another meter: so far away that it cannot be what a session brought.
      event.a = dice.between(0, 1) * dice.between(1, 40) * 2'000'000;
      break;
    case 12:
    case 13:
      event.kind = EventKind::kPowerCut;
      event.a = dice.spread(500, 30 * kMinuteMs);
      break;
    case 14:
      event.kind = EventKind::kMeterSilence;
      event.a = dice.spread(1000, 20 * kMinuteMs);
      break;
    case 15:
    case 16:
      event.kind = EventKind::kGlitch;
      event.a = dice.spread(1000, 20 * kMinuteMs);
      event.b = dice.spread(2, 60);
      break;
    case 17:
    case 18:
      event.kind = EventKind::kBusDown;
      event.a = dice.spread(500, 20 * kMinuteMs);
      break;
    case 19:
      event.kind = EventKind::kDropLimit;
      event.a = dice.spread(1000, 10 * kMinuteMs);
      event.b = dice.spread(3000, 5 * kMinuteMs);
      break;
    case 20:
      event.kind = EventKind::kWelded;
      event.a = dice.spread(1000, 20 * kMinuteMs);
      break;
    default:
      event.kind = EventKind::kDisconnect;
      event.a = dice.spread(1000, kHourMs);
      break;
  }
  script.events.push_back(event);
}

/// Which chargers there are, and how the site's current is shared among them.
void draw_chargers(Script& script, Dice& dice) {
  for (uint8_t i = 0; i < script.connectors; ++i) {
    ChargerPlan& plan = script.chargers[i];
    // Every other one is the best known.
    plan.kind = dice.chance(350) ? ChargerKind::kHeidelberg
                                 : static_cast<ChargerKind>(dice.between(1, kChargerKinds - 1));
    plan.line = static_cast<uint8_t>(dice.between(0, 1));
    plan.phases = dice.chance(200) ? 1 : 3;
    plan.first_phase = static_cast<uint8_t>(dice.between(0, 2));
    plan.is_phase_told = dice.chance(500);
  }
  if (script.connectors < 2 || dice.chance(300)) return;
  script.site_ma = static_cast<uint32_t>(dice.between(100, 400)) * 100;
  // All may fall silent at once.
  if (script.site_ma < script.connectors * script.failsafe_ma) script.failsafe_ma = 0;
}

}  // namespace

Script make_bridge_script(uint64_t seed, int64_t hours) {
  Dice dice(seed ^ 0xB41D6EU);
  Script script;
  script.seed = seed;
  script.is_bridge = true;
  script.end_ms = hours * kHourMs;
  script.connectors = static_cast<uint8_t>(dice.chance(450) ? 1 : dice.between(2, 4));
  script.max_ma = 16000;
  script.flash_bytes = 1024 * 1024;
  script.sample_s = dice.spread(60, 900);
  const uint32_t kFailsafe[] = {0, 6000, 10000};
  const uint32_t kWatchdog[] = {0, 20000, 60000};
  const uint32_t kPoll[] = {1000, 1000, 1500};
  script.failsafe_ma = dice.one_of(kFailsafe);
  script.watchdog_ms = dice.one_of(kWatchdog);
  script.status_poll_ms = dice.one_of(kPoll);
  script.meter_poll_ms = dice.chance(500) ? 5000 : 10000;
  draw_chargers(script, dice);
  for (uint8_t connector = 1; connector <= script.connectors; ++connector) {
    int64_t now_ms = dice.between(kMinuteMs, 20 * kMinuteMs);
    while (now_ms < script.end_ms) {
      now_ms = add_visit(script, dice, connector, now_ms);
      now_ms += dice.spread(10000, kHourMs);
    }
  }
  const int64_t trouble_every_ms = dice.spread(3 * kMinuteMs, 2 * kHourMs);
  for (int64_t now_ms = dice.between(1, trouble_every_ms); now_ms < script.end_ms;
       now_ms += dice.between(1, 2 * trouble_every_ms))
    add_trouble(script, dice, now_ms);
  for (int64_t now_ms = dice.between(1, kHourMs); now_ms < script.end_ms;
       now_ms += dice.spread(10000, kHourMs)) {
    const int64_t limit_ma = dice.between(0, 200) * 100;
    script.events.push_back(Event{now_ms, EventKind::kLimit,
                                  static_cast<uint8_t>(dice.between(1, script.connectors)),
                                  limit_ma, 0, 0});
  }
  std::stable_sort(script.events.begin(), script.events.end(),
                   [](const Event& a, const Event& b) { return a.at_ms < b.at_ms; });
  while (!script.events.empty() && script.events.back().at_ms >= script.end_ms)
    script.events.pop_back();
  return script;
}

}  // namespace simulation
