#pragma once

#include "gateway/site_limit.hpp"

#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <vector>

/// Chargers and EVs behind the contract, in virtual time: orders take effect late, read-backs come
/// later, EVs follow within 4.5 s, buses fall silent, watchdogs expire.
namespace site_model {

using common::Instant;

struct Car {
  bool is_plugged = false;
  bool wants_energy = false;
  uint32_t max_ma = 16000;
  uint8_t phases = 3;
  int64_t lag_ms = 0;  ///< Until it obeys a lower limit.
};

struct Charger {
  charger::Capabilities can;
  Car car;
  bool has_readback = true;
  int64_t apply_ms = 500;  ///< From an order to its effect.
  uint8_t site_phase = 0;  ///< Index of the phase that a car on one phase loads.
  bool is_silent = false;
  Instant silent_since;
  bool is_on_failsafe = false;

  charger::Offer offer;
  bool has_offer = false;
  struct Order {
    Instant at;
    uint32_t limit_ma;
  };
  std::deque<Order> orders;
  uint32_t limit_ma = 0;     ///< In force at the charger.
  std::deque<Order> limits;  ///< Of the last seconds: what a slow car still follows.
  charger::Offer wanted;     ///< Of the engine.
  bool is_wanted = false;
  std::deque<Order> alone;  ///< What it could have alone, in the last seconds.
  Instant heard_at;         ///< Silent until then, or not long enough heard.
  charger::ChargerState reported;
  bool has_reported = false;

  uint32_t draw_ma(Instant now) const {
    if (!car.is_plugged || !car.wants_energy) return 0;
    uint32_t allowed = limit_ma;
    for (const Order& past : limits) {
      if (past.at + car.lag_ms > now) allowed = std::max(allowed, past.limit_ma);
    }
    return allowed < can.min_ma ? 0 : std::min(allowed, car.max_ma);
  }
};

/// A site with its chargers. Sums what is really drawn and how long that is beyond the limit.
class Site final : public charger::ChargerControl, public charger::ChargerObserver {
 public:
  Site(const gateway::SiteSettings& settings, std::vector<Charger> chargers)
      : chargers_(std::move(chargers)), settings_(settings) {
    start();
  }

  /// The gateway restarts: it knows nothing of the chargers, and they go on.
  void restart(int64_t off_ms) {
    limit_.reset();
    for (Charger& one : chargers_) {
      one.orders.clear();
      one.is_wanted = false;
      one.has_offer = false;
    }
    std::vector<bool> was_silent;
    for (size_t id = 1; id <= chargers_.size(); ++id) {
      was_silent.push_back(charger(id).is_silent);
      silence(id, true);
    }
    run(off_ms);
    for (size_t id = 1; id <= chargers_.size(); ++id) {
      silence(id, was_silent[id - 1]);
      charger(id).has_reported = false;
    }
    start();
  }

  Charger& charger(size_t id) { return chargers_.at(id - 1); }
  gateway::SiteLimit& limit() { return *limit_; }
  Instant now() const { return now_; }
  int64_t longest_excess_ms() const { return longest_excess_ms_; }
  uint32_t highest_sum_ma() const { return highest_sum_ma_; }

  void plug(size_t id, const Car& car) {
    charger(id).car = car;
    charger(id).car.is_plugged = true;
  }
  void unplug(size_t id) { charger(id).car = Car(); }
  void permit(size_t id, uint32_t limit_ma) { want(id, charger::Offer{true, limit_ma, 3}); }
  void forbid(size_t id) { want(id, charger::Offer{false, 0, 3}); }
  /// ChargePointMaxProfile. @param limit  mA per phase, or W; 0 = none.
  void limit_all(uint32_t limit, bool is_watt = false) {
    common_limit_ = limit;
    is_common_watt_ = is_watt;
    for (size_t id = 1; id <= chargers_.size(); ++id) {
      if (charger(id).is_wanted) want(id, charger(id).wanted);
    }
  }
  void silence(size_t id, bool is_silent) {
    Charger& one = charger(id);
    if (one.is_silent == is_silent) return;
    one.is_silent = is_silent;
    one.silent_since = now_;
    // The driver sets the charger up again and writes what holds now.
    if (!is_silent) {
      one.is_on_failsafe = false;
      if (one.has_offer) one.orders.push_back({now_ + one.apply_ms, target(one)});
    }
  }

  void run(int64_t ms) {
    for (const Instant end = now_ + ms; now_ < end;) {
      now_ = now_ + kTickMs;
      for (size_t i = 0; i < chargers_.size(); ++i) step_charger(i);
      if (limit_ && now_.ms % 1000 == 0) (void)limit_->step(now_);
      check_sum();
      check_common();
    }
  }

  void set_offer(uint8_t connector_id, const charger::Offer& offer, Instant now) override {
    Charger& one = charger(connector_id);
    one.offer = offer;
    one.has_offer = true;
    if (!one.is_silent) one.orders.push_back({now + one.apply_ms, target(one)});
  }
  void request_sample(uint8_t, Instant) override {}
  common::Status unlock(uint8_t, Instant) override { return common::Status::kUnsupported; }
  charger::Capabilities capabilities(uint8_t connector_id) const override {
    return chargers_.at(connector_id - 1U).can;
  }
  void on_charger_state(uint8_t, const charger::ChargerState&, Instant) override { ++reports; }
  void on_meter_sample(uint8_t, const charger::MeterSample&, Instant) override { ++samples; }

  /// How long more than the limit for all was drawn while someone could have given way.
  int64_t longest_common_excess_ms() const { return longest_common_excess_ms_; }
  /// Highest use of the limit for all, percent.
  uint32_t common_use_percent() const { return common_use_percent_; }

  int reports = 0;
  int samples = 0;

 private:
  void start() {
    limit_ = std::make_unique<gateway::SiteLimit>(*this, *this, log_);
    limit_->begin(settings_, now_);
  }

  static constexpr int64_t kTickMs = 100;
  static constexpr int64_t kStaleMs = 3000;
  static constexpr int64_t kObeyMs = 10000;  ///< An order's way, and the EV's.

  static uint32_t target(const Charger& one) {
    return one.offer.permit && one.offer.limit_ma >= one.can.min_ma ? one.offer.limit_ma : 0;
  }

  uint32_t alone_ma(const Charger& one) const {
    if (common_limit_ == 0) return charger::kNoCommonLimitMa;
    return is_common_watt_ ? common_limit_ * 1000 / 230 / one.can.phases : common_limit_;
  }

  /// As the engine does it.
  void want(size_t id, const charger::Offer& offer) {
    Charger& one = charger(id);
    one.is_wanted = true;
    one.wanted = offer;
    const uint32_t alone = alone_ma(one);
    const uint32_t limit_ma = std::min(offer.limit_ma, alone);
    limit_->set_offer(static_cast<uint8_t>(id),
                      charger::Offer{offer.permit, limit_ma, offer.phases, alone}, now_);
  }

  /// Limits that were lowered have had time to take effect: order and EV.
  void check_common() {
    double used = 0;
    bool can_give_way = false;
    for (Charger& one : chargers_) {
      if (one.is_silent) one.heard_at = now_ + kObeyMs;
      const uint32_t newest = alone_ma(one);
      if (one.alone.empty() || one.alone.back().limit_ma != newest)
        one.alone.push_back({now_, newest});
      // The first one held until the second came.
      while (one.alone.size() > 1 && one.alone[1].at + kObeyMs < now_) one.alone.pop_front();
      const uint32_t draw_ma = one.draw_ma(now_);
      if (draw_ma == 0) continue;
      uint32_t alone = 0;
      for (const Charger::Order& past : one.alone) alone = std::max(alone, past.limit_ma);
      used += static_cast<double>(draw_ma) / alone;
      can_give_way = can_give_way || one.heard_at < now_;
    }
    common_use_percent_ = std::max(common_use_percent_, static_cast<uint32_t>(used * 100));
    common_excess_ms_ = used > 1.0001 && can_give_way ? common_excess_ms_ + kTickMs : 0;
    longest_common_excess_ms_ = std::max(longest_common_excess_ms_, common_excess_ms_);
  }

  void set_limit(Charger& one, uint32_t limit_ma) {
    one.limits.push_back({now_, one.limit_ma});
    one.limit_ma = limit_ma;
  }

  void step_charger(size_t index) {
    Charger& one = chargers_[index];
    while (!one.limits.empty() && one.limits.front().at + 6000 < now_) one.limits.pop_front();
    while (!one.orders.empty() && one.orders.front().at <= now_) {
      // What was on its way when the bus fell silent did not arrive.
      if (!one.is_silent) set_limit(one, one.orders.front().limit_ma);
      one.orders.pop_front();
    }
    if (one.is_silent && one.can.failsafe_after_ms != 0 && !one.is_on_failsafe &&
        now_ >= one.silent_since + one.can.failsafe_after_ms) {
      one.is_on_failsafe = true;
      set_limit(one, one.can.failsafe_ma);
    }
    const auto id = static_cast<uint8_t>(index + 1);
    if (one.is_silent && now_ < one.silent_since + kStaleMs) return;
    charger::ChargerState state;
    state.health = one.is_silent ? charger::Health::kStale : charger::Health::kOk;
    state.plug = one.car.is_plugged ? charger::Plug::kPlugged : charger::Plug::kUnplugged;
    state.ev_requests_energy = one.car.is_plugged && one.car.wants_energy;
    state.limit_known = one.has_readback && !one.is_silent;
    state.limit_ma = state.limit_known ? one.limit_ma : 0;
    const charger::ChargerState& last = one.reported;
    const bool is_changed = !one.has_reported || last.health != state.health ||
                            last.plug != state.plug || last.limit_ma != state.limit_ma ||
                            last.ev_requests_energy != state.ev_requests_energy;
    // Limits are read back with the meter, every five seconds.
    if (is_changed && (now_.ms % 1000 == 0)) {
      one.reported = state;
      one.has_reported = true;
      if (limit_) limit_->on_charger_state(id, state, now_);
    }
    if (!one.is_silent && now_.ms % 5000 == 0) {
      charger::MeterSample sample;
      sample.taken_at = now_;
      sample.valid = charger::kMeterCurrent;
      for (uint8_t phase = 0; phase < one.car.phases; ++phase)
        sample.current_ma[phase] = static_cast<int32_t>(one.draw_ma(now_));
      if (limit_) limit_->on_meter_sample(id, sample, now_);
    }
  }

  void check_sum() {
    uint32_t sum[3] = {};
    for (const Charger& one : chargers_) {
      const uint32_t draw = one.draw_ma(now_);
      if (one.car.phases == 1) {
        sum[one.site_phase] += draw;
      } else {
        for (uint32_t& phase : sum) phase += draw;
      }
    }
    const uint32_t highest = *std::max_element(sum, sum + 3);
    highest_sum_ma_ = std::max(highest_sum_ma_, highest);
    const bool is_over = settings_.limit_ma != 0 && highest > settings_.limit_ma;
    excess_ms_ = is_over ? excess_ms_ + kTickMs : 0;
    longest_excess_ms_ = std::max(longest_excess_ms_, excess_ms_);
  }

  std::vector<Charger> chargers_;
  gateway::SiteSettings settings_;
  common::NullLogSink log_;
  Instant now_{0};
  int64_t excess_ms_ = 0;
  int64_t longest_excess_ms_ = 0;
  uint32_t highest_sum_ma_ = 0;
  uint32_t common_limit_ = 0;
  bool is_common_watt_ = false;
  int64_t common_excess_ms_ = 0;
  int64_t longest_common_excess_ms_ = 0;
  uint32_t common_use_percent_ = 0;
  std::unique_ptr<gateway::SiteLimit> limit_;
};

}  // namespace site_model
