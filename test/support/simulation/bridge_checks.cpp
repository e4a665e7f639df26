#include "simulation/bridge_world.hpp"
#include "simulation/world.hpp"

#include <algorithm>
#include <cmath>

namespace simulation {
namespace {

/// Longest time for which current may be above its limit.
constexpr int64_t kGraceMs = 5000;
/// After a fault on the bus the bridge finds the charger again, reads it and writes what is wanted.
constexpr int64_t kRecoveryMs = 40000;
/// A state that tells nothing about the plug is held for so long.
constexpr int64_t kHoldMs = 60000;
constexpr size_t kMinutes = 16;
/// What truly flowed is kept so exactly.
constexpr int64_t kMomentMs = 500;
/// Readings are so exact, and the car follows so fast.
constexpr int32_t kReadingMa = 100;

std::string connector(uint8_t id) { return "connector " + std::to_string(id); }

}  // namespace

void BridgeWorld::look() {
  const bool is_minute = now_ms() >= minute_ms_;
  for (uint8_t id = 1; id <= script_.connectors; ++id) {
    if (is_minute) {
      std::deque<double>& minutes = bystanders_[id].minutes;
      minutes.push_back(wallbox(id).true_vah);
      if (minutes.size() > kMinutes) minutes.pop_front();
    }
    look_at(id);
  }
  if (is_minute) minute_ms_ = now_ms() + 60000;
  check_site();
}

void BridgeWorld::look_at(uint8_t id) {
  Bystander& seen = bystanders_[id];
  if (is_faulty(id)) seen.calm_since_ms = now_ms();
  remember(id, seen);
  count_energy(id, seen);
  check_failsafe(id, seen);
  if (!is_on()) {
    disturb(id);
    return;
  }
  const bool is_calm = now_ms() - seen.calm_since_ms >= kRecoveryMs;
  if (!is_calm) {
    seen.over_since_ms = seen.excess_since_ms = seen.wrong_limit_since_ms = -1;
  } else {
    seen.is_wild = false;
    check_current(id, seen);
    check_reaction(id, seen);
  }
  check_plug(id, seen);
}

void BridgeWorld::remember(uint8_t id, Bystander& seen) {
  const Moment moment{now_ms(), wallbox(id).current_ma(), wallbox(id).true_vah};
  const bool is_new = seen.moments.empty() || moment.current_ma != seen.moments.back().current_ma ||
                      now_ms() - seen.moments.back().at_ms >= kMomentMs;
  if (is_new) seen.moments.push_back(moment);
  // One that is older than the window stays: what was when it began.
  while (seen.moments.size() > 1 && seen.moments[1].at_ms <= now_ms() - kWindowMs)
    seen.moments.pop_front();
}

/// What had flowed by then, as far as that is remembered.
double BridgeWorld::true_wh_at(uint8_t id, int64_t at_ms) {
  const std::deque<Moment>& moments = bystanders_[id].moments;
  const auto at = std::find_if(moments.rbegin(), moments.rend(),
                               [at_ms](const Moment& moment) { return moment.at_ms <= at_ms; });
  return at != moments.rend() ? at->wh
         : moments.empty()    ? wallbox(id).true_vah
                              : moments.front().wh;
}

bool BridgeWorld::is_obedient(uint8_t id, const Bystander& seen) {
  const modbus_line::ChargerModel& charger = wallbox(id);
  const bool drops = std::any_of(timers_.begin(), timers_.end(), [id](const Timer& timer) {
    return timer.kind == EventKind::kDropLimit && timer.connector == id;
  });
  return !charger.is_disobedient && !charger.refuses_limit && !charger.ignores_limit &&
         !charger.is_welded && !drops && now_ms() - seen.obedient_since_ms >= kRecoveryMs;
}

/// An obedient charger on a sound bus delivers no more than is offered.
void BridgeWorld::check_current(uint8_t id, Bystander& seen) {
  const modbus_line::ChargerModel& charger = wallbox(id);
  const int64_t allowed_ma = seen.offer.permit ? int64_t{seen.offer.limit_ma} : 0;
  if (!is_obedient(id, seen) || charger.current_ma() <= allowed_ma) {
    seen.over_since_ms = -1;
    return;
  }
  if (seen.over_since_ms < 0) seen.over_since_ms = now_ms();
  const int64_t over_ms = now_ms() - seen.over_since_ms;
  outcome_.longest_over_ms = std::max(outcome_.longest_over_ms, over_ms);
  if (over_ms > kGraceMs) {
    fail(connector(id) + " draws " + std::to_string(charger.current_ma()) + " mA, it is offered " +
         std::to_string(allowed_ma) + " mA");
  }
}

/// Together the chargers draw no more than the site bears, whoever of them cannot be heard. Those that do not obey, and
/// those that started anew and could not be told anything since, nobody can answer for.
void BridgeWorld::check_site() {
  if (script_.site_ma == 0) return;
  int64_t sums_ma[3] = {};
  bool is_answered_for = true;
  for (uint8_t id = 1; id <= script_.connectors; ++id) {
    const Bystander& seen = bystanders_[id];
    is_answered_for = is_answered_for && !seen.is_wild && is_obedient(id, seen);
    const modbus_line::ChargerModel& charger = wallbox(id);
    for (uint8_t phase = 0; phase < charger.ev_phases; ++phase)
      sums_ma[(script_.chargers[id - 1].first_phase + phase) % 3] += charger.current_ma();
  }
  const int64_t highest_ma = *std::max_element(std::begin(sums_ma), std::end(sums_ma));
  if (!is_answered_for || highest_ma <= script_.site_ma) {
    site_over_since_ms_ = -1;
    return;
  }
  if (site_over_since_ms_ < 0) site_over_since_ms_ = now_ms();
  const int64_t over_ms = now_ms() - site_over_since_ms_;
  outcome_.longest_site_over_ms = std::max(outcome_.longest_site_over_ms, over_ms);
  if (over_ms > kGraceMs) {
    fail("the chargers draw " + std::to_string(highest_ma) + " mA, the site bears " +
         std::to_string(script_.site_ma) + " mA");
  }
}

/// Readings were true a moment ago; the energy register never falls, and follows what flows.
void BridgeWorld::check_sample(uint8_t id, Bystander& seen, const charger::MeterSample& sample) {
  const bool is_glitched = now_ms() - seen.calm_since_ms < kRecoveryMs && box(id).glitches > 0;
  const int64_t age_ms =
      box(id).has_meter() ? 3 * int64_t{script_.meter_poll_ms} + slack_ms() : 2 * slack_ms();
  int32_t lowest_ma = wallbox(id).current_ma();
  int32_t highest_ma = lowest_ma;
  double before_wh = wallbox(id).true_vah;
  for (auto moment = seen.moments.rbegin(); moment != seen.moments.rend(); ++moment) {
    lowest_ma = std::min(lowest_ma, moment->current_ma);
    highest_ma = std::max(highest_ma, moment->current_ma);
    before_wh = moment->wh;
    if (moment->at_ms <= now_ms() - age_ms) break;
  }
  if (sample.has(charger::kMeterCurrent) && !is_glitched &&
      (sample.current_ma[0] < lowest_ma - kReadingMa ||
       sample.current_ma[0] > highest_ma + kReadingMa)) {
    fail(connector(id) + " is said to draw " + std::to_string(sample.current_ma[0]) +
         " mA, it was " + std::to_string(lowest_ma) + " to " + std::to_string(highest_ma) +
         " mA lately");
  }
  if (!sample.has(charger::kMeterEnergyImport)) return;
  if (seen.sample.has(charger::kMeterEnergyImport) &&
      sample.energy_import_wh < seen.sample.energy_import_wh) {
    fail(connector(id) + ": the energy register falls from " +
         std::to_string(seen.sample.energy_import_wh) + " to " +
         std::to_string(sample.energy_import_wh) + " Wh");
  }
  // A counter that was set, glitches, and more power than the charger can deliver may cost energy.
  const double register_wh = static_cast<double>(sample.energy_import_wh);
  const double least_wh = register_wh - wallbox(id).true_vah;
  const double most_wh = register_wh - before_wh;
  const bool is_unsure = is_glitched || wallbox(id).is_disobedient ||
                         now_ms() - seen.obedient_since_ms < kRecoveryMs ||
                         now_ms() - seen.counter_set_ms < kRecoveryMs;
  const double tolerance_wh = 2 * box(id).resolution_wh();
  if (seen.has_drift && !is_unsure &&
      (least_wh > seen.most_drift_wh + tolerance_wh ||
       most_wh < seen.least_drift_wh - tolerance_wh)) {
    const double more_wh = least_wh > seen.most_drift_wh ? least_wh - seen.most_drift_wh
                                                         : most_wh - seen.least_drift_wh;
    fail(connector(id) + ": " + std::to_string(more_wh) +
         " Wh more are in the energy register than flowed");
  }
  if (is_unsure) seen.has_drift = false;
  if (seen.has_drift || is_unsure) return;
  seen.has_drift = true;
  seen.least_drift_wh = least_wh;
  seen.most_drift_wh = most_wh;
}

/// What is done about a charger that does not obey, and when (bridge::Timings).
void BridgeWorld::check_reaction(uint8_t id, Bystander& seen) {
  const modbus_line::ChargerModel& charger = wallbox(id);
  const bridge::Timings timings;
  const int64_t offered_ma = seen.offer.permit ? int64_t{seen.offer.limit_ma} : 0;
  const int64_t threshold_ma = offered_ma + std::max<int64_t>(1000, offered_ma / 10);
  if (charger.current_ma() <= threshold_ma) {
    seen.excess_since_ms = -1;
  } else if (seen.excess_since_ms < 0) {
    seen.excess_since_ms = now_ms();
  }
  const int64_t excess_ms = seen.excess_since_ms < 0 ? 0 : now_ms() - seen.excess_since_ms;
  // A meter beside the charger tells of the current only in its turn, and each step waits for the next.
  const int64_t turn_ms = box(id).has_meter() ? script_.meter_poll_ms : 0;
  const bool is_rewritten = box(id).limit_written_at.ms >= seen.excess_since_ms;
  // A charger that has refused three times is asked every 30 s.
  if (excess_ms > timings.overrun_write_ms + 2 * turn_ms + slack_ms() && !is_rewritten &&
      seen.state.error == charger::Error::kNone)
    fail(connector(id) + " draws too much, and its limit is not written again");
  const int64_t stop_ms = seen.offer.permit && offered_ma > 0
                              ? int64_t{timings.overrun_stop_ms}
                              : timings.unauthorised_ms + 3 * int64_t{timings.unauth_retry_ms};
  if (excess_ms > std::max<int64_t>(stop_ms, timings.overrun_stop_ms) + 5 * turn_ms + slack_ms() &&
      !seen.state.is_faulted)
    fail(connector(id) + " draws too much, and is not Faulted");
  // The limit in the charger is too high: that is told even when no car uses it.
  const bool is_limit_wrong = charger.offered_ma() > offered_ma;
  if (!is_limit_wrong) {
    seen.wrong_limit_since_ms = -1;
  } else if (seen.wrong_limit_since_ms < 0) {
    seen.wrong_limit_since_ms = now_ms();
  }
  const int64_t told_ms = 4 * int64_t{timings.confirm_ms} + 2 * int64_t{script_.meter_poll_ms};
  if (seen.wrong_limit_since_ms >= 0 &&
      now_ms() - seen.wrong_limit_since_ms > told_ms + slack_ms() &&
      seen.state.error == charger::Error::kNone) {
    fail(connector(id) + " does not keep its limit of " + std::to_string(offered_ma) +
         " mA, and nobody tells");
  }
}

void BridgeWorld::check_plug(uint8_t id, const Bystander& seen) {
  if (!seen.has_state) return;
  const bool is_long_plugged =
      seen.plugged_since_ms >= 0 && now_ms() - seen.plugged_since_ms > kHoldMs + slack_ms();
  if (is_long_plugged && seen.state.plug == charger::Plug::kUnplugged) {
    // A charger that was away may have been told the truth long ago.
    if (seen.state.health != charger::Health::kOk || now_ms() - seen.calm_since_ms > kHoldMs)
      fail(connector(id) + " is told to be unplugged, and is not");
  }
  if (seen.unplugged_since_ms >= 0 && now_ms() - seen.unplugged_since_ms > kHoldMs + kRecoveryMs &&
      now_ms() - seen.calm_since_ms > kHoldMs + kRecoveryMs &&
      seen.state.plug == charger::Plug::kPlugged && !wallbox(id).hides_plug())
    fail(connector(id) + " is told to be plugged, and is not");
}

/// Without a gateway the charger is at its failsafe current once its watchdog has expired; with one it is set up so.
void BridgeWorld::check_failsafe(uint8_t id, Bystander& seen) {
  const modbus_line::ChargerModel& charger = wallbox(id);
  const Box& wanted = box(id);
  const bool is_right = charger.watchdog_time_ms() == wanted.watchdog_ms &&
                        charger.failsafe_ma() == wanted.failsafe_ma;
  if (is_on()) {
    seen.is_configured = is_right;
    const bool is_due =
        now_ms() - seen.calm_since_ms > kRecoveryMs + kHoldMs && !charger.is_booting(clock_.now());
    if (is_due && !is_right) {
      fail(connector(id) + " has a watchdog of " + std::to_string(charger.watchdog_time_ms()) +
           " ms and a failsafe current of " + std::to_string(charger.failsafe_ma()) + " mA");
    }
    return;
  }
  if (!seen.is_configured || !is_right || wanted.watchdog_ms == 0 || seen.is_wild ||
      !is_obedient(id, seen))
    return;
  if (now_ms() - died_ms_ > wanted.watchdog_ms + kGraceMs &&
      charger.current_ma() > wanted.failsafe_ma) {
    fail(connector(id) + " draws " + std::to_string(charger.current_ma()) +
         " mA after its gateway died, failsafe is " + std::to_string(wanted.failsafe_ma) + " mA");
  }
}

}  // namespace simulation
