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
}

void BridgeWorld::look_at(uint8_t id) {
  Bystander& seen = bystanders_[id];
  if (is_faulty(id)) seen.calm_since_ms = now_ms();
  count_energy(id, seen);
  check_failsafe(id, seen);
  if (!is_on()) {
    disturb(id);
    return;
  }
  const charger::Offer offer = gateway_->policy.offer(id);
  if (offer != seen.offer) {
    seen.offer = offer;
    seen.offered_ms = now_ms();
    seen.over_since_ms = seen.excess_since_ms = seen.wrong_limit_since_ms = -1;
  }
  const bool is_calm = now_ms() - seen.calm_since_ms >= kRecoveryMs;
  if (!is_calm) {
    seen.over_since_ms = seen.excess_since_ms = seen.wrong_limit_since_ms = -1;
  } else {
    check_current(id, seen);
    check_reaction(id, seen);
  }
  check_plug(id, seen);
}

/// An obedient charger on a sound bus delivers no more than is offered.
void BridgeWorld::check_current(uint8_t id, Bystander& seen) {
  const modbus_line::Heidelberg& charger = wallbox(id);
  const int64_t allowed_ma = seen.offer.permit ? int64_t{seen.offer.limit_ma} : 0;
  const bool is_obedient = !charger.is_disobedient && !charger.refuses_limit &&
                           !charger.ignores_limit &&
                           now_ms() - seen.obedient_since_ms >= kRecoveryMs;
  if (!is_obedient || charger.current_ma() <= allowed_ma) {
    seen.over_since_ms = -1;
    return;
  }
  if (seen.over_since_ms < 0) seen.over_since_ms = now_ms();
  if (now_ms() - seen.over_since_ms > kGraceMs) {
    fail(connector(id) + " draws " + std::to_string(charger.current_ma()) + " mA, it is offered " +
         std::to_string(allowed_ma) + " mA");
  }
}

/// What is done about a charger that does not obey, and when (bridge::Timings).
void BridgeWorld::check_reaction(uint8_t id, Bystander& seen) {
  const modbus_line::Heidelberg& charger = wallbox(id);
  const bridge::Timings timings;
  const int64_t offered_ma = seen.offer.permit ? int64_t{seen.offer.limit_ma} : 0;
  const int64_t threshold_ma = offered_ma + std::max<int64_t>(1000, offered_ma / 10);
  if (charger.current_ma() <= threshold_ma) {
    seen.excess_since_ms = -1;
  } else if (seen.excess_since_ms < 0) {
    seen.excess_since_ms = now_ms();
  }
  const int64_t excess_ms = seen.excess_since_ms < 0 ? 0 : now_ms() - seen.excess_since_ms;
  const bool is_rewritten = box(id).limit_written_at.ms >= seen.excess_since_ms;
  // A charger that has refused three times is asked every 30 s.
  if (excess_ms > timings.overrun_write_ms + slack_ms() && !is_rewritten &&
      seen.state.error == charger::Error::kNone)
    fail(connector(id) + " draws too much, and its limit is not written again");
  const int64_t stop_ms = seen.offer.permit && offered_ma > 0
                              ? int64_t{timings.overrun_stop_ms}
                              : timings.unauthorised_ms + 3 * int64_t{timings.unauth_retry_ms};
  if (excess_ms > std::max<int64_t>(stop_ms, timings.overrun_stop_ms) + slack_ms() &&
      !seen.state.is_faulted)
    fail(connector(id) + " draws too much, and is not Faulted");
  // The limit in the charger is too high: that is told even when no car uses it.
  const bool is_limit_wrong =
      charger.remote_lock != 0 && int64_t{charger.limit_deci_a} * 100 > offered_ma;
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
      seen.state.plug == charger::Plug::kPlugged && wallbox(id).remote_lock != 0)
    fail(connector(id) + " is told to be plugged, and is not");
}

/// Without a gateway the charger is at its failsafe current once its watchdog has expired; with one it is set up so.
void BridgeWorld::check_failsafe(uint8_t id, Bystander& seen) {
  const modbus_line::Heidelberg& charger = wallbox(id);
  const bool is_right = charger.watchdog_ms == watchdog_ms() &&
                        uint32_t{charger.failsafe_deci_a} * 100 == script_.failsafe_ma;
  if (is_on()) {
    seen.is_configured = is_right;
    const bool is_due = now_ms() - seen.calm_since_ms > kRecoveryMs + kHoldMs &&
                        charger.state_code(clock_.now()) != 1;
    if (is_due && !is_right) {
      fail(connector(id) + " has a watchdog of " + std::to_string(charger.watchdog_ms) +
           " ms and a failsafe current of " + std::to_string(charger.failsafe_deci_a) + " dA");
    }
    return;
  }
  if (!seen.is_configured || !is_right || charger.is_disobedient) return;
  if (now_ms() - died_ms_ > watchdog_ms() + kGraceMs &&
      charger.current_ma() > static_cast<int32_t>(script_.failsafe_ma)) {
    fail(connector(id) + " draws " + std::to_string(charger.current_ma()) +
         " mA after its gateway died, failsafe is " + std::to_string(script_.failsafe_ma) + " mA");
  }
}

/// What flows in transactions, and what of it nobody can know.
void BridgeWorld::count_energy(uint8_t id, Bystander& seen) {
  const double now_wh = wallbox(id).true_vah;
  const double flowed_wh = now_wh - seen.true_wh;
  seen.true_wh = now_wh;
  if (!is_on()) {
    if (seen.transaction != 0) seen.in_transactions_wh += flowed_wh;
    return;
  }
  const gateway::ConnectorSummary summary = gateway_->engine.connector(id);
  const uint32_t transaction = summary.has_transaction ? summary.local_transaction : 0;
  if (transaction != seen.transaction) {
    // Readings are so old, at both ends; what flows on after the last one is in no transaction.
    const double lag_s = script_.meter_poll_ms / 1000.0 + 15;
    seen.tolerance_wh += 2 * lag_s * 32 * 3 * 230 / 3600 + 1;
    // Ended while it could not be heard.
    if (transaction == 0) seen.tolerance_wh += now_wh - seen.heard_wh;
  }
  if (transaction != 0 || seen.transaction != 0) seen.in_transactions_wh += flowed_wh;
  seen.transaction = transaction;
}

void BridgeWorld::check_books() {
  if (!outcome_.is_good()) return;
  if (!is_on() || !is_link_up_) {
    fail("at the end the gateway is off or offline");
    return;
  }
  const gateway::EngineSummary summary = gateway_->engine.summary(gateway_now());
  if (summary.pending_messages > 0 || summary.dead_letters > 0) {
    fail(std::to_string(summary.pending_messages) + " messages wait, " +
         std::to_string(summary.dead_letters) + " are lost");
  }
  for (uint8_t id = 1; id <= script_.connectors; ++id) {
    const Bystander& seen = bystanders_[id];
    double told_wh = 0;
    for (const auto& transaction : csms_.transactions) {
      if (transaction.connector_id != id) continue;
      if (transaction.stops != 1)
        fail("transaction " + std::to_string(transaction.id) + " was stopped " +
             std::to_string(transaction.stops) + " times");
      told_wh += static_cast<double>(transaction.meter_stop - transaction.meter_start);
    }
    if (std::abs(told_wh - seen.in_transactions_wh) > seen.tolerance_wh) {
      fail(connector(id) + " charged " + std::to_string(seen.in_transactions_wh) +
           " Wh in transactions, the CSMS was told " + std::to_string(told_wh) +
           " Wh, which may be " + std::to_string(seen.tolerance_wh) + " Wh off");
    }
    const std::string status = gateway_->engine.connector(id).status;
    if (status != "Available") fail(connector(id) + " at rest is " + status);
    if (csms_.last_status(id) != status)
      fail(connector(id) + " is " + status + ", the CSMS was told " + csms_.last_status(id));
  }
}

/// After all that has happened a plain session must still work.
void BridgeWorld::probe() {
  for (uint8_t id = 1; id <= script_.connectors && outcome_.is_good(); ++id) {
    const size_t before = csms_.transactions.size();
    happen(Event{now_ms(), EventKind::kLimit, id, 16000, 0, 0});
    happen(Event{now_ms(), EventKind::kPlug, id, 16000, 3, 0});
    if (!run_until(now_ms() + 5000)) return;
    happen(Event{now_ms(), EventKind::kTag, id, 0, 0, 0});
    if (!run_until(now_ms() + 60000)) return;
    if (csms_.transactions.size() != before + 1) {
      fail(connector(id) + " cannot be used any more: no transaction starts");
      return;
    }
    if (wallbox(id).current_ma() == 0) fail(connector(id) + " cannot be used: nothing flows");
    happen(Event{now_ms(), EventKind::kUnplug, id, 0, 0, 0});
    if (!run_until(now_ms() + 60000)) return;
  }
}

Outcome run_bridge(const Script& script, const RunOptions& options) {
  BridgeWorld world(script, options);
  return world.run();
}

}  // namespace simulation
