#include "simulation/world.hpp"

#include <algorithm>

namespace simulation {
namespace {

constexpr uint64_t kMaxTurnsAtInstant = 1000;
/// Steps per simulated day and connector beyond which the engine is running in circles.
constexpr uint64_t kMaxStepsPerDay = 60000;

}  // namespace

void World::turn() {
  if (now_ms() != instant_ms_) {
    instant_ms_ = now_ms();
    turns_at_instant_ = 0;
  } else if (++turns_at_instant_ > kMaxTurnsAtInstant) {
    fail("the engine does not come to rest: more than " + std::to_string(kMaxTurnsAtInstant) +
         " steps in one millisecond");
    return;
  }
  is_busy_instant_ = false;
  run_timers();
  while (next_event_ < script_.events.size() && script_.events[next_event_].at_ms <= now_ms()) {
    happen(script_.events[next_event_]);
    ++next_event_;
  }
  charger_.step();
  if (is_on() && !power_.is_on()) die(off_ms_, "power cut");
  carry_frames();
  if (!is_on() && now_ms() >= boot_at_ms_) {
    boot();
    charger_.step();
  }
  if (is_on()) run_engine();
  if (is_on() && !power_.is_on()) die(off_ms_, "power cut");
  check_new_transactions();
  check_power();
  check_reservations();
  check_work();
  auditor_.on_time(now_ms());
  const auto days = static_cast<uint64_t>(now_ms() / 86400000 + 2);
  if (outcome_.steps > days * kMaxStepsPerDay * script_.connectors)
    fail("the engine is busier than anything that happens: " + std::to_string(outcome_.steps) +
         " steps by now");
}

int64_t World::next_ms() {
  int64_t next = INT64_MAX;
  const auto consider_instant = [&](common::Instant instant) {
    if (!instant.is_never()) next = std::min(next, base_ms_ + instant.ms);
  };
  const auto consider = [&next](int64_t at_ms) { next = std::min(next, at_ms); };
  if (next_event_ < script_.events.size()) consider(script_.events[next_event_].at_ms);
  consider(next_timer_ms_);
  for (const Late& late : late_) consider(late.at_ms);
  consider_instant(charger_.next_event());
  if (link_ != nullptr) {
    // An outbox that the link does not empty leaves no room for answers: frames wait until it does.
    consider_instant(link_->next_event(!is_on() || charge_point_->can_receive()));
    if (link_->is_connected() && !csms_.next_event().is_never()) consider(csms_.next_event().ms);
  }
  if (is_on()) {
    consider_instant(deadline_);
    if (is_busy_instant_) consider(now_ms());
  } else {
    consider(boot_at_ms_);
  }
  consider(auditor_.next_ms());
  for (uint8_t id = 1; id <= script_.connectors; ++id) {
    const Bystander& bystander = bystanders_[id];
    if (bystander.over_since_ms >= 0) consider(bystander.over_since_ms + 5001);
    if (bystander.unpaid_since_ms >= 0) consider(bystander.unpaid_since_ms + 5001);
    if (is_on() && bystander.vend_since_ms >= 0) consider(bystander.vend_since_ms + kVendMs + 1);
    if (!limits_.empty() && is_on() && bystander.has_transaction)
      consider(next_limit_ms(bystanders_[id]));
  }
  if (over_in_all_since_ms_ >= 0) consider(over_in_all_since_ms_ + 5001);
  return next;
}

bool World::run_until(int64_t at_ms) {
  if (is_first_boot_) boot();
  while (auditor_.violation().sentence.empty()) {
    turn();
    const int64_t next = next_ms();
    if (next <= now_ms()) continue;
    if (next > at_ms) {
      clock_.advance(at_ms - now_ms());
      return true;
    }
    clock_.advance(next - now_ms());
  }
  return false;
}

Outcome World::finish() {
  if (run_until(script_.end_ms)) {
    calm_down();
    int64_t by_ms = 0;
    do {
      by_ms = std::max(by_ms, script_.end_ms + longest_drain_ms());
    } while (run_until(now_ms() + 10000) && now_ms() < by_ms && !is_at_rest() && calm_down());
    outcome_.drain_ms = now_ms() - script_.end_ms;
    if (!is_at_rest()) {
      fail(std::to_string((by_ms - script_.end_ms) / 1000) +
           " s after the last fault the charge point is not at rest: " + why_not_at_rest());
    }
    (void)run_until(now_ms() + 120000);
    check_books();
    probe();
    check_books();
  }
  outcome_.violation = auditor_.violation();
  outcome_.retries = auditor_.retries;
  outcome_.calls_in = auditor_.calls_in;
  outcome_.given_up = auditor_.given_up().size();
  outcome_.transactions = csms_.transactions.size();
  for (uint8_t id = 1; id <= script_.connectors; ++id)
    outcome_.energy_wh += charger_.energy_wh(id) - 1000;
  if (outcome_.trace.size() > options_.trace_lines) {
    outcome_.trace.erase(outcome_.trace.begin(),
                         outcome_.trace.end() - static_cast<std::ptrdiff_t>(options_.trace_lines));
  }
  return outcome_;
}

Outcome World::run() { return finish(); }

Outcome run(const Script& script, const RunOptions& options) {
  if (script.is_bridge) return run_bridge(script, options);
  World world(script, options);
  return world.run();
}

}  // namespace simulation
