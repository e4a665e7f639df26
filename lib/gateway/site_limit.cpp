#include "gateway/site_limit.hpp"

#include <algorithm>
#include <cassert>

namespace gateway {

LOG_MODULE("gateway.site");

using charger::Health;
using common::Instant;

namespace {

/// Between an order and the first read-back that can know of it, ms.
constexpr int64_t kReadbackMs = 1000;
/// A gain that is not worth an order, mA.
constexpr uint32_t kWorthwhileMa = 500;
constexpr int64_t kStepMs = 1000;
/// The limit for the charge point: fine enough that no milliampere is lost, and 8 x 80 A of 1 mA fit.
constexpr uint64_t kWhole = 1000000000000;

}  // namespace

void SiteLimit::begin(const SiteSettings& settings, Instant now) {
  assert(settings.connectors >= 1 && settings.connectors <= limits::kMaxConnectors);
  settings_ = settings;
  begun_at_ = now;
  (void)mind_limits();
  for (uint8_t i = 0; i < settings_.connectors; ++i) connectors_[i].silent_since = now;
}

Instant SiteLimit::step(Instant now) {
  if (!is_sharing_) return Instant::never();
  if (now >= share_at_) share(now);
  return share_at_;
}

void SiteLimit::on_charger_state(uint8_t connector_id, const charger::ChargerState& state,
                                 Instant now) {
  if (!is_known(connector_id)) return;
  Connector& connector = connectors_[connector_id - 1];
  update_commitment(static_cast<uint8_t>(connector_id - 1), now);
  connector.state = state;
  if (state.health == Health::kOk) {
    connector.has_report = true;
    connector.silent_since = Instant::never();
  } else if (connector.silent_since.is_never()) {
    connector.silent_since = now;
  }
  const bool has_wish = state.ev_requests_energy;
  if (has_wish) {
    connector.no_wish_since = Instant::never();
  } else if (connector.no_wish_since.is_never()) {
    connector.no_wish_since = now;
  }
  if (is_sharing_) share(now);
  up_.on_charger_state(connector_id, state, now);
}

void SiteLimit::on_meter_sample(uint8_t connector_id, const charger::MeterSample& sample,
                                Instant now) {
  if (!is_known(connector_id)) return;
  if (sample.has(charger::kMeterCurrent)) {
    Connector& connector = connectors_[connector_id - 1];
    int32_t highest_ma = 0;
    for (const int32_t ma : sample.current_ma) highest_ma = std::max(highest_ma, ma);
    connector.measured_ma = static_cast<uint32_t>(highest_ma);
    connector.measured_at = sample.taken_at;
    if (is_sharing_) share(now);
  }
  up_.on_meter_sample(connector_id, sample, now);
}

void SiteLimit::set_offer(uint8_t connector_id, const charger::Offer& offer, Instant now) {
  if (!is_known(connector_id)) return;
  Connector& connector = connectors_[connector_id - 1];
  connector.wanted = offer;
  connector.has_offer = true;
  const bool is_end = mind_limits();
  if (!is_sharing_) {
    for (uint8_t i = 0; i < settings_.connectors; ++i) {
      if (connectors_[i].has_offer && (is_end || i + 1 == connector_id))
        give(i, connectors_[i].wanted.limit_ma, now);
    }
    return;
  }
  share(now);
  if (!connector.is_told ||
      (connector.given.permit == offer.permit && connector.given.phases == offer.phases))
    return;
  if (connector.given.phases != offer.phases) connector.is_confirmed = false;
  give(static_cast<uint8_t>(connector_id - 1), connector.given.limit_ma, now);
}

void SiteLimit::request_sample(uint8_t connector_id, Instant now) {
  bridge_.request_sample(connector_id, now);
}

common::Status SiteLimit::unlock(uint8_t connector_id, Instant now) {
  return bridge_.unlock(connector_id, now);
}

charger::Capabilities SiteLimit::capabilities(uint8_t connector_id) const {
  return bridge_.capabilities(connector_id);
}

bool SiteLimit::is_silent(const Connector& connector) const {
  return !connector.silent_since.is_never();
}

/// Not all have reported yet: a session that survived a restart is not interrupted because of the others.
bool SiteLimit::is_starting(Instant now) const {
  if (now >= begun_at_ + kStartMs) return false;
  for (uint8_t i = 0; i < settings_.connectors; ++i) {
    if (!connectors_[i].has_report) return true;
  }
  return false;
}

/// Bit per phase of the site that a connector may load.
uint8_t SiteLimit::phases_of(uint8_t index) const {
  const Connector& connector = connectors_[index];
  const charger::Capabilities can = bridge_.capabilities(static_cast<uint8_t>(index + 1));
  const uint8_t first = settings_.first_phase[index];
  const uint8_t phases = can.can_switch_phases && connector.is_confirmed && !is_silent(connector)
                             ? connector.given.phases
                             : can.phases;
  return first != 0 && phases == 1 ? static_cast<uint8_t>(1U << (first - 1U)) : 7;
}

/// @return  Nothing is shared any more.
bool SiteLimit::mind_limits() {
  const bool was_sharing = is_sharing_;
  most_part_per_ma_ = 0;
  for (uint8_t i = 0; i < settings_.connectors && settings_.connectors > 1; ++i) {
    Connector& connector = connectors_[i];
    const charger::Offer& wanted = connector.wanted;
    // Beyond alone_ma goes the lowest current of an EV that may use fewer phases than expected.
    const uint32_t alone_ma = std::max({wanted.alone_ma, wanted.limit_ma, 1U});
    connector.part_per_ma =
        wanted.alone_ma < charger::kNoCommonLimitMa ? kWhole / alone_ma : uint64_t{0};
    most_part_per_ma_ = std::max(most_part_per_ma_, connector.part_per_ma);
  }
  is_sharing_ = settings_.limit_ma != 0 || most_part_per_ma_ != 0;
  return was_sharing && !is_sharing_;
}

/// What 1 mA of a connector takes from each pool.
SiteLimit::Pools SiteLimit::use_per_ma(uint8_t index) const {
  Pools use;
  const uint8_t mask = phases_of(index);
  for (uint8_t phase = 0; phase < kCommonPool; ++phase) use.of[phase] = mask >> phase & 1U;
  const uint64_t part = connectors_[index].part_per_ma;
  use.of[kCommonPool] = part != 0 ? part : most_part_per_ma_;
  return use;
}

SiteLimit::Pools SiteLimit::capacity() const {
  Pools all;
  for (uint8_t phase = 0; phase < kCommonPool; ++phase)
    all.of[phase] = settings_.limit_ma != 0 ? settings_.limit_ma : UINT32_MAX;
  all.of[kCommonPool] = kWhole;
  return all;
}

/// Adds what has to be reckoned with of a connector. @param committed_ma  What it may draw.
void SiteLimit::count(Pools& used, uint8_t index, uint32_t committed_ma) const {
  const Pools use = use_per_ma(index);
  const uint32_t reserved_ma = std::max(committed_ma, set_aside_ma(index));
  const uint32_t common_ma = is_silent(connectors_[index]) ? reserved_ma : committed_ma;
  for (uint8_t phase = 0; phase < kCommonPool; ++phase)
    used.of[phase] += use.of[phase] * reserved_ma;
  used.of[kCommonPool] += use.of[kCommonPool] * common_ma;
}

/// What a charger takes by itself when it falls silent, whatever it was told.
uint32_t SiteLimit::set_aside_ma(uint8_t index) const {
  const charger::Capabilities can = bridge_.capabilities(static_cast<uint8_t>(index + 1));
  return can.failsafe_after_ms != 0 ? can.failsafe_ma : 0;
}

/// What a connector would take, 0 when that is less than it can use.
uint32_t SiteLimit::demand_of(uint8_t index, Instant now) const {
  const Connector& connector = connectors_[index];
  if (!connector.has_offer || !connector.wanted.permit) return 0;
  const charger::Capabilities can = bridge_.capabilities(static_cast<uint8_t>(index + 1));
  const uint32_t wanted = std::min(connector.wanted.limit_ma, can.max_ma);
  if (wanted < can.min_ma) return 0;
  const Instant idle_since = connector.served_since.is_never() || connector.no_wish_since.is_never()
                                 ? Instant::never()
                                 : std::max(connector.served_since, connector.no_wish_since);
  const bool is_idle = idle_since + kIdleMs <= now;
  return is_idle ? can.min_ma : wanted;
}

void SiteLimit::update_commitment(uint8_t index, Instant now) {
  Connector& connector = connectors_[index];
  const charger::Capabilities can = bridge_.capabilities(static_cast<uint8_t>(index + 1));
  if (is_silent(connector)) {
    const uint32_t before = connector.has_report ? connector.committed_ma : can.max_ma;
    const bool has_expired = can.failsafe_after_ms != 0 &&
                             now >= connector.silent_since + can.failsafe_after_ms + kFollowMs;
    connector.committed_ma = has_expired ? can.failsafe_ma : before;
    connector.is_confirmed = false;
    connector.is_overdrawing = false;
    return;
  }
  const bool is_sample_fresh = now < connector.measured_at + kFreshMs;
  if (!connector.is_told) {
    // Its own limit from before the start, which nobody has changed yet.
    const bool is_unplugged = connector.state.plug == charger::Plug::kUnplugged;
    connector.committed_ma = connector.state.limit_known ? connector.state.limit_ma
                             : is_unplugged              ? 0
                                                         : can.max_ma;
    return;
  }
  const uint32_t allowed = connector.given.permit ? connector.given.limit_ma : 0;
  if (!connector.is_confirmed) {
    const bool is_refused =
        common::equals(connector.state.vendor_error_code.span(), common::text("CMD_REJECTED"));
    const bool is_read_back = connector.state.limit_known && connector.state.limit_ma <= allowed &&
                              now >= connector.given_at + kReadbackMs;
    const bool is_obeyed = now >= connector.given_at + kConfirmMs && !is_refused &&
                           (!is_sample_fresh || connector.measured_ma <= allowed + kToleranceMa);
    connector.is_confirmed = is_read_back || is_obeyed;
  }
  connector.committed_ma =
      connector.is_confirmed ? allowed : std::max(connector.committed_ma, allowed);
  connector.is_overdrawing = is_sample_fresh && now >= connector.given_at + kConfirmMs &&
                             connector.measured_at >= connector.given_at &&
                             connector.measured_ma > connector.committed_ma + kToleranceMa;
  if (connector.is_overdrawing) connector.committed_ma = connector.measured_ma;
}

/// Fair shares of what the connectors that can be commanded have in common.
void SiteLimit::allot(Shares& shares, Instant now) {
  Pools beyond_reach;
  Pools taken;
  Shares demands = {};
  for (uint8_t i = 0; i < settings_.connectors; ++i) {
    const Connector& connector = connectors_[i];
    const bool obeys = connector.has_offer && !is_silent(connector) && !connector.is_overdrawing;
    count(taken, i, obeys ? 0 : connector.committed_ma);
    if (!obeys) count(beyond_reach, i, connector.committed_ma);
    demands[i] = obeys ? demand_of(i, now) : 0;
    shares[i] = 0;
  }
  Pools free = capacity();
  bool is_exceeded = false;
  for (uint8_t pool = 0; pool < kPools; ++pool)
    is_exceeded = is_exceeded || taken.of[pool] > free.of[pool];
  if (is_exceeded && !is_exceeded_)
    LOG_ERROR(log_, "chargers that cannot be reached may take more than all have in common");
  is_exceeded_ = is_exceeded;
  // Then there is nothing to set aside.
  if (is_exceeded) taken = beyond_reach;
  for (uint8_t pool = 0; pool < kPools; ++pool)
    free.of[pool] -= std::min(free.of[pool], taken.of[pool]);
  serve_in_turn(shares, demands, free, now);
}

/// Lowest currents first, in turn; then all rise together until they have what they want or a pool is used up.
void SiteLimit::serve_in_turn(Shares& shares, const Shares& demands, const Pools& free,
                              Instant now) {
  Pools used;
  bool is_placed[limits::kMaxConnectors] = {};
  for (uint8_t round = 0; round < settings_.connectors; ++round) {
    // Served and still in its turn (longest first), then who waits (longest first), then who had its turn.
    int best = -1;
    int64_t best_rank = 0;
    Instant best_since;
    for (uint8_t i = 0; i < settings_.connectors; ++i) {
      if (is_placed[i] || demands[i] == 0) continue;
      const Connector& connector = connectors_[i];
      const bool is_served = !connector.served_since.is_never();
      const int64_t rank = !is_served                                         ? 1
                           : now < connector.served_since + settings_.turn_ms ? 0
                                                                              : 2;
      const Instant since = is_served ? connector.served_since : connector.waiting_since;
      if (best < 0 || rank < best_rank || (rank == best_rank && since < best_since)) {
        best = i;
        best_rank = rank;
        best_since = since;
      }
    }
    if (best < 0) break;
    const auto index = static_cast<uint8_t>(best);
    is_placed[index] = true;
    const uint32_t min_ma = bridge_.capabilities(static_cast<uint8_t>(index + 1)).min_ma;
    const uint32_t aside_ma = is_exceeded_ ? 0 : set_aside_ma(index);
    const Pools use = use_per_ma(index);
    // What is set aside for it costs nothing but of the common limit.
    uint32_t least_ma = std::max(min_ma, std::min(demands[index], aside_ma));
    if (used.of[kCommonPool] + use.of[kCommonPool] * least_ma > free.of[kCommonPool])
      least_ma = min_ma;
    Pools then = used;
    then.add(use, least_ma - std::min(least_ma, aside_ma));
    then.of[kCommonPool] = used.of[kCommonPool] + use.of[kCommonPool] * least_ma;
    bool fits = true;
    for (uint8_t pool = 0; pool < kPools; ++pool) {
      if (use.of[pool] != 0 && then.of[pool] > free.of[pool]) fits = false;
    }
    if (!fits) continue;
    shares[index] = least_ma;
    used = then;
  }
  raise(shares, demands, free, used);
}

/// Each round satisfies a connector or uses a pool up.
void SiteLimit::raise(Shares& shares, const Shares& demands, const Pools& free, Pools& used) const {
  for (uint8_t round = 0; round < limits::kMaxConnectors + kPools; ++round) {
    uint64_t rise = UINT32_MAX;
    Pools all;
    bool is_rising[limits::kMaxConnectors] = {};
    for (uint8_t i = 0; i < settings_.connectors; ++i) {
      if (shares[i] == 0 || shares[i] >= demands[i]) continue;
      const Pools use = use_per_ma(i);
      is_rising[i] = true;
      for (uint8_t pool = 0; pool < kPools; ++pool) {
        if (use.of[pool] != 0 && used.of[pool] + use.of[pool] > free.of[pool]) is_rising[i] = false;
      }
      if (!is_rising[i]) continue;
      rise = std::min<uint64_t>(rise, demands[i] - shares[i]);
      all.add(use, 1);
    }
    for (uint8_t pool = 0; pool < kPools; ++pool) {
      if (all.of[pool] != 0) rise = std::min(rise, (free.of[pool] - used.of[pool]) / all.of[pool]);
    }
    if (rise == 0 || rise == UINT32_MAX) break;  // Less than 1 mA each is left, or all have enough.
    for (uint8_t i = 0; i < settings_.connectors; ++i) {
      if (!is_rising[i]) continue;
      shares[i] += static_cast<uint32_t>(rise);
      used.add(use_per_ma(i), static_cast<uint32_t>(rise));
    }
  }
}

/// What one connector can have while the others may take what they are committed to.
uint32_t SiteLimit::headroom(uint8_t index) const {
  Pools others;
  for (uint8_t i = 0; i < settings_.connectors; ++i) {
    if (i != index) count(others, i, connectors_[i].committed_ma);
  }
  const Pools all = capacity();
  const Pools use = use_per_ma(index);
  uint64_t free_ma = UINT32_MAX;
  for (uint8_t pool = 0; pool < kPools; ++pool) {
    if (use.of[pool] == 0) continue;
    const uint64_t left = all.of[pool] - std::min(all.of[pool], others.of[pool]);
    free_ma = std::min(free_ma, left / use.of[pool]);
  }
  return static_cast<uint32_t>(free_ma);
}

void SiteLimit::give(uint8_t index, uint32_t limit_ma, Instant now) {
  Connector& connector = connectors_[index];
  const auto id = static_cast<uint8_t>(index + 1);
  if (is_sharing_ && (!connector.is_told || limit_ma != connector.given.limit_ma)) {
    LOG_INFO(log_, "connector %u: %lu mA of what all share", id,
             static_cast<unsigned long>(limit_ma));
  }
  const uint32_t before_ma = connector.given.permit ? connector.given.limit_ma : 0;
  const uint32_t allowed_ma = connector.wanted.permit ? limit_ma : 0;
  if (!connector.is_told || allowed_ma < before_ma) connector.is_confirmed = false;
  connector.is_told = true;
  connector.given = charger::Offer{connector.wanted.permit, limit_ma, connector.wanted.phases};
  connector.given_at = now;
  connector.committed_ma = std::max(connector.committed_ma, limit_ma);
  bridge_.set_offer(id, connector.given, now);
}

void SiteLimit::mind_turns(const Shares& shares, Instant now) {
  for (uint8_t i = 0; i < settings_.connectors; ++i) {
    Connector& connector = connectors_[i];
    if (is_silent(connector)) continue;
    const bool is_served = shares[i] != 0;
    const bool is_waiting = !is_served && demand_of(i, now) != 0;
    if (!is_served) connector.served_since = Instant::never();
    if (!is_waiting) connector.waiting_since = Instant::never();
    if (is_served && connector.served_since.is_never()) connector.served_since = now;
    if (is_waiting && connector.waiting_since.is_never()) connector.waiting_since = now;
  }
}

void SiteLimit::share(Instant now) {
  share_at_ = now + kStepMs;
  for (uint8_t i = 0; i < settings_.connectors; ++i) update_commitment(i, now);
  Shares shares;
  if (is_starting(now)) {
    // What is less than the charger has does not wait for the others.
    for (uint8_t i = 0; i < settings_.connectors; ++i) {
      const Connector& connector = connectors_[i];
      const charger::Offer& wanted = connector.wanted;
      const uint32_t min_ma = bridge_.capabilities(static_cast<uint8_t>(i + 1)).min_ma;
      const uint32_t wanted_ma = wanted.permit && wanted.limit_ma >= min_ma ? wanted.limit_ma : 0;
      const uint32_t before_ma =
          connector.is_told ? connector.given.limit_ma : connector.committed_ma;
      if (connector.has_offer && !is_silent(connector) && wanted_ma < before_ma)
        give(i, wanted_ma, now);
    }
    return;
  }
  allot(shares, now);
  mind_turns(shares, now);
  // First who gives way. A silent charger finds on its return what was counted for it meanwhile.
  for (uint8_t i = 0; i < settings_.connectors; ++i) {
    Connector& connector = connectors_[i];
    if (!connector.has_offer) continue;
    const uint32_t min_ma = bridge_.capabilities(static_cast<uint8_t>(i + 1)).min_ma;
    const uint32_t before_ma =
        connector.is_told ? connector.given.limit_ma : connector.committed_ma;
    uint32_t limit_ma = shares[i];
    if (is_silent(connector))
      limit_ma = connector.committed_ma < min_ma ? 0 : connector.committed_ma;
    if (connector.is_overdrawing) limit_ma = std::min(before_ma, demand_of(i, now));
    if (limit_ma < before_ma) give(i, limit_ma, now);
  }
  for (uint8_t i = 0; i < settings_.connectors; ++i) {
    Connector& connector = connectors_[i];
    if (!connector.has_offer || is_silent(connector) || connector.is_overdrawing) continue;
    const uint32_t before_ma = connector.is_told ? connector.given.limit_ma : 0;
    if (connector.is_told && shares[i] <= before_ma) continue;
    uint32_t limit_ma = std::min(shares[i], headroom(i));
    if (limit_ma < bridge_.capabilities(static_cast<uint8_t>(i + 1)).min_ma) limit_ma = 0;
    const bool is_worthwhile =
        before_ma == 0 || limit_ma == shares[i] || limit_ma >= before_ma + kWorthwhileMa;
    if (!connector.is_told || (limit_ma > before_ma && is_worthwhile)) give(i, limit_ma, now);
  }
}

}  // namespace gateway
