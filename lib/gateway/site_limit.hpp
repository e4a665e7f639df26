#pragma once

#include "charger/charger.hpp"
#include "common/log.hpp"

namespace gateway {

struct SiteSettings {
  uint8_t connectors = 1;
  uint32_t limit_ma = 0;  ///< For all connectors together, mA per phase; 0 = no limit.
  /// Phase of the site that L1 of a connector is on, 1..3, index connector id - 1; 0 = not known: what
  /// the connector draws on one phase counts on all.
  uint8_t first_phase[limits::kMaxConnectors] = {};
  /// When not all can charge at once: how long one charges before the next has its turn, ms.
  int64_t turn_ms = 15 * 60 * 1000;
};

/// Shares the current of a site, and the CSMS's limit for the whole charge point (ChargePointMaxProfile, which comes as
/// Offer::alone_ma), among its connectors; stands between the rules above (SessionPolicy) and the bridge, on the same
/// contract. Without either limit it hands everything on as it is.
///
/// What reaches the bridge never exceeds what was offered, and the sum of what the chargers may draw
/// exceeds neither the site's limit on any phase nor the CSMS's:
///  - Shares are equal, what one does not want goes to the others; an EV that asks for nothing keeps
///    the lowest current, so that it can begin again.
///  - An increase waits until those that gave way have confirmed it (read back, or their current went
///    down); a charger that draws more than it was given counts with what it draws.
///  - A silent charger counts with its last limit until its watchdog has expired, then with its failsafe
///    current; before its first report with its highest current.
///  - Every charger may fall silent, all at once: their failsafe currents are set aside at any time. Not of the CSMS's
///    limit, which may be lower than they are: there it counts as soon as the charger is silent, and the others give
///    way before its watchdog expires.
///  - When not all can have the lowest current, they take turns.
/// EVs follow a lowered limit within 5 s (IEC 61851-1): for so long the sum may be higher.
/// @par Context  Loop thread. Keeps references to observer, bridge and log. No heap.
class SiteLimit final : public charger::ChargerObserver, public charger::ChargerControl {
 public:
  SiteLimit(charger::ChargerObserver& up, charger::ChargerControl& bridge, common::LogSink& log)
      : up_(up), bridge_(bridge), log_(log) {}

  void begin(const SiteSettings& settings, common::Instant now);
  /// @return  When to call again at the latest.
  common::Instant step(common::Instant now);

  void on_charger_state(uint8_t connector_id, const charger::ChargerState& state,
                        common::Instant now) override;
  void on_meter_sample(uint8_t connector_id, const charger::MeterSample& sample,
                       common::Instant now) override;

  void set_offer(uint8_t connector_id, const charger::Offer& offer, common::Instant now) override;
  void request_sample(uint8_t connector_id, common::Instant now) override;
  common::Status unlock(uint8_t connector_id, common::Instant now) override;
  charger::Capabilities capabilities(uint8_t connector_id) const override;

  /// What the bridge was told last. @param connector_id  1..connectors
  const charger::Offer& offer(uint8_t connector_id) const {
    return connectors_[connector_id - 1].given;
  }
  /// What a connector may draw at most, as far as is known, mA per phase. @param connector_id  1..connectors
  uint32_t committed_ma(uint8_t connector_id) const {
    return connectors_[connector_id - 1].committed_ma;
  }

  static constexpr int64_t kStartMs = 10000;  ///< So long all chargers are waited for at the start.
  static constexpr int64_t kFollowMs = 5000;  ///< IEC 61851-1: an EV obeys within.
  static constexpr int64_t kConfirmMs =
      10000;                                  ///< Without read-back: from the order to trust in it.
  static constexpr int64_t kFreshMs = 15000;  ///< Age up to which a sample counts.
  static constexpr int64_t kIdleMs = 60000;   ///< Without a wish for energy: lowest current only.
  static constexpr uint32_t kToleranceMa = 1000;  ///< Meters and EVs are not exact.

 private:
  struct Connector {
    charger::ChargerState state;
    charger::Offer wanted;
    charger::Offer given;
    bool has_report = false;
    bool has_offer = false;
    bool is_told = false;         ///< The bridge has an offer.
    bool is_confirmed = true;     ///< given holds at the charger.
    bool is_overdrawing = false;  ///< Draws more than it was given, although it had time to follow.
    uint32_t committed_ma = 0;    ///< What may flow per phase.
    uint64_t part_per_ma = 0;     ///< Of kWhole, by wanted.alone_ma; 0 = no such limit.
    uint32_t measured_ma = 0;     ///< Highest phase of the last sample.
    common::Instant measured_at = {INT64_MIN / 2};
    common::Instant given_at;
    common::Instant silent_since = common::Instant::never();
    common::Instant no_wish_since = common::Instant::never();
    common::Instant served_since = common::Instant::never();   ///< never: gets no current.
    common::Instant waiting_since = common::Instant::never();  ///< never: wants none or has some.
  };
  using Shares = uint32_t[limits::kMaxConnectors];
  /// What is shared: the current of three phases, mA, and the limit for the charge point, of which kWhole is all.
  static constexpr uint8_t kPools = 4;
  static constexpr uint8_t kCommonPool = 3;
  struct Pools {
    uint64_t of[kPools] = {};

    void add(const Pools& use_per_ma, uint32_t current_ma) {
      for (uint8_t pool = 0; pool < kPools; ++pool) of[pool] += use_per_ma.of[pool] * current_ma;
    }
  };

  bool is_known(uint8_t connector_id) const {
    return connector_id >= 1 && connector_id <= settings_.connectors;
  }
  bool is_silent(const Connector& connector) const;
  bool is_starting(common::Instant now) const;
  uint8_t phases_of(uint8_t index) const;
  Pools use_per_ma(uint8_t index) const;
  Pools capacity() const;
  uint32_t set_aside_ma(uint8_t index) const;
  void count(Pools& used, uint8_t index, uint32_t committed_ma) const;
  uint32_t demand_of(uint8_t index, common::Instant now) const;
  void update_commitment(uint8_t index, common::Instant now);
  void allot(Shares& shares, common::Instant now);
  void serve_in_turn(Shares& shares, const Shares& demands, const Pools& free, common::Instant now);
  void raise(Shares& shares, const Shares& demands, const Pools& free, Pools& used) const;
  uint32_t headroom(uint8_t index) const;
  void give(uint8_t index, uint32_t limit_ma, common::Instant now);
  bool mind_limits();
  void mind_turns(const Shares& shares, common::Instant now);
  void share(common::Instant now);

  charger::ChargerObserver& up_;
  charger::ChargerControl& bridge_;
  common::LogSink& log_;
  SiteSettings settings_;
  common::Instant begun_at_;
  Connector connectors_[limits::kMaxConnectors];
  common::Instant share_at_;
  uint64_t most_part_per_ma_ = 0;
  bool is_sharing_ = false;
  bool is_exceeded_ = false;  ///< The silent and the disobedient take more than there is.
};

}  // namespace gateway
