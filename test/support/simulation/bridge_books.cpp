#include "simulation/bridge_world.hpp"
#include "simulation/world.hpp"

#include <algorithm>
#include <cmath>

/// What must add up at the end.
namespace simulation {
namespace {

std::string connector(uint8_t id) { return "connector " + std::to_string(id); }

}  // namespace

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
    const double flowing_w =
        std::max(power_w(id), (now_wh - seen.moments.front().wh) * 3600000 / kWindowMs);
    seen.tolerance_wh += 2 * lag_s * flowing_w / 3600 + box(id).resolution_wh() + 1;
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
    if (wallbox(id).retentive_writes > 1 + box(id).glitches) {
      fail(connector(id) + ": memory that wears out was written " +
           std::to_string(wallbox(id).retentive_writes) + " times");
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
