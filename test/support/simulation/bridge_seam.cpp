#include "simulation/bridge_world.hpp"

#include <algorithm>

/// What passes between bridge and site limit: seen here, and falsified for planted bugs.
namespace simulation {

using common::Instant;

namespace {

constexpr uint64_t kBackwardsEvery = 37;
constexpr int64_t kBackwardsWh = 100;

}  // namespace

void BridgeWorld::on_charger_state(uint8_t connector_id, const charger::ChargerState& state,
                                   Instant now) {
  const platform_sim::MallocTrap::Exempt exempt;
  Bystander& seen = bystanders_[connector_id];
  charger::ChargerState told = state;
  const bool is_lost = state.health == charger::Health::kLost;
  if (options_.mutant == Mutant::kSilenceIsUnplug && is_lost) told.plug = charger::Plug::kUnplugged;
  if (options_.mutant == Mutant::kEnergyLost && is_lost) seen.loses_energy = true;
  seen.state = told;
  seen.has_state = true;
  gateway_->site.on_charger_state(connector_id, told, now);
  if (options_.mutant != Mutant::kStaleSample || !is_lost || seen.sample.valid == 0) return;
  charger::MeterSample stale = seen.sample;
  stale.taken_at = now;
  on_meter_sample(connector_id, stale, now);
}

void BridgeWorld::on_meter_sample(uint8_t connector_id, const charger::MeterSample& sample,
                                  Instant now) {
  const platform_sim::MallocTrap::Exempt exempt;
  Bystander& seen = bystanders_[connector_id];
  charger::MeterSample told = sample;
  if (told.has(charger::kMeterEnergyImport)) {
    if (options_.mutant == Mutant::kEnergyBackwards && ++seen.samples % kBackwardsEvery == 0)
      told.energy_import_wh = std::max<int64_t>(0, told.energy_import_wh - kBackwardsWh);
    if (seen.loses_energy) {
      seen.lost_wh += told.energy_import_wh - seen.sample.energy_import_wh - seen.lost_wh;
      seen.loses_energy = false;
    }
    told.energy_import_wh -= seen.lost_wh;
  }
  check_sample(connector_id, seen, told);
  const bool is_new = told.taken_at != seen.sample.taken_at;
  seen.sample = told;
  if (told.has(charger::kMeterEnergyImport) && is_new)
    hear_energy(seen, true_wh_at(connector_id, base_ms_ + told.taken_at.ms));
  gateway_->site.on_meter_sample(connector_id, told, now);
}

/// A new counter is believed after some readings. What flowed between the last of the old and the first of the new one is
/// lost.
void BridgeWorld::hear_energy(Bystander& seen, double read_wh) {
  constexpr uint8_t kReadings = bridge::EnergyRegister::kGlitchSamples + 1;
  if (seen.doubtful_readings == kReadings) seen.tolerance_wh += read_wh - seen.heard_wh + 1;
  if (seen.doubtful_readings > 0) --seen.doubtful_readings;
  if (seen.doubtful_readings == 0) seen.heard_wh = read_wh;
}

void BridgeWorld::on_id_tag(uint8_t connector_id, const charger::IdTag& id_tag, Instant now) {
  const platform_sim::MallocTrap::Exempt exempt;
  Bystander& seen = bystanders_[connector_id];
  note("!", std::string("the charger has read ") + id_tag.c_str());
  if (++seen.tags_told > seen.tags_held) {
    fail("connector " + std::to_string(connector_id) + ": tag " + id_tag.c_str() +
         " was read although nobody held one to the charger");
  }
  gateway_->policy.on_id_tag(connector_id, id_tag, now);
}

void BridgeWorld::set_offer(uint8_t connector_id, const charger::Offer& offer, Instant now) {
  const platform_sim::MallocTrap::Exempt exempt;
  Bystander& seen = bystanders_[connector_id];
  const charger::Offer& wish = gateway_->policy.offer(connector_id);
  if ((offer.permit && !wish.permit) ||
      offer.limit_ma > std::max(wish.limit_ma, seen.offer.limit_ma))
    fail("connector " + std::to_string(connector_id) + " is given more than the engine offers");
  charger::Offer told = offer;
  if (options_.mutant == Mutant::kExceedShare && script_.site_ma != 0 && told.limit_ma != 0)
    told.limit_ma += 1000;
  if (!seen.has_offer || told != seen.offer) {
    seen.offered_ms = now_ms();
    seen.over_since_ms = seen.excess_since_ms = seen.wrong_limit_since_ms = -1;
  }
  const bool is_end = seen.has_offer && seen.offer.permit && !told.permit;
  seen.has_offer = true;
  seen.offer = told;
  if (options_.mutant == Mutant::kSkipDisable && is_end) return;
  gateway_->bridge.set_offer(connector_id, told, now);
}

charger::Capabilities BridgeWorld::capabilities(uint8_t connector_id) const {
  charger::Capabilities result = gateway_->bridge.capabilities(connector_id);
  if (options_.mutant == Mutant::kForgetSetAside) result.failsafe_ma = 0;
  return result;
}

}  // namespace simulation
