#pragma once

#include "charger/charger.hpp"
#include "common/log.hpp"
#include "gateway/ocpp_engine.hpp"

namespace gateway {

struct PolicySettings {
  uint8_t connectors = 1;
  /// CSMS away for this long, ms: fall back to offline_ma, which also holds from the start until it is there. 0 = never.
  int64_t offline_after_ms = 0;
  uint32_t offline_ma = 6000;  ///< mA per phase while the CSMS is away.
};

/// Stands between engine and bridge: hands reports up and offers down, and adds the site's own rules.
///
/// The offer that reaches the bridge never exceeds the engine's; while the CSMS has been away for
/// offline_after_ms it never exceeds offline_ma either (a load manager that went silent must not leave the site
/// at its last, perhaps high, limit). There means: connected and accepted. How long the CSMS was away before a restart
/// nobody knows, so after one the rule holds at once, with or without a clock.
/// @par Context  Loop thread. Keeps references to engine, bridge and log.
class SessionPolicy final : public charger::ChargerObserver,
                            public charger::ChargerControl,
                            public charger::IdReaderObserver {
 public:
  SessionPolicy(OcppEngine& engine, charger::ChargerControl& bridge, common::LogSink& log)
      : engine_(engine), bridge_(bridge), log_(log) {}

  void begin(const PolicySettings& settings, common::Instant now);
  /// Call after each change of the connection. @return  When the offline rule may change next.
  common::Instant step(common::Instant now);
  bool is_offline_limit_active() const { return is_offline_limit_active_; }

  void on_charger_state(uint8_t connector_id, const charger::ChargerState& state,
                        common::Instant now) override;
  void on_meter_sample(uint8_t connector_id, const charger::MeterSample& sample,
                       common::Instant now) override;
  /// A tag that is presented again within kSameTagMs counts once: readers and hands bounce.
  void on_id_tag(uint8_t connector_id, const charger::IdTag& id_tag, common::Instant now) override;

  /// A dead tag reader is a warning (ReaderFailure) on every connector that has nothing worse to tell.
  void set_reader_health(bool is_healthy, common::Instant now);

  void set_offer(uint8_t connector_id, const charger::Offer& offer, common::Instant now) override;
  void request_sample(uint8_t connector_id, common::Instant now) override;
  common::Status unlock(uint8_t connector_id, common::Instant now) override;
  charger::Capabilities capabilities(uint8_t connector_id) const override;

  /// Last report of a connector, for the console. @param connector_id  1..connectors
  const charger::ChargerState& state(uint8_t connector_id) const;
  const charger::MeterSample& sample(uint8_t connector_id) const;
  /// What the bridge was told last.
  const charger::Offer& offer(uint8_t connector_id) const;

  static constexpr int64_t kSameTagMs = 1500;

 private:
  struct Connector {
    charger::ChargerState reported;  ///< By the charger.
    charger::ChargerState state;     ///< With the reader's failure.
    bool has_state = false;
    charger::MeterSample sample;
    charger::Offer wanted;
    charger::Offer given;
    bool has_offer = false;
  };

  bool is_known(uint8_t connector_id) const {
    return connector_id >= 1 && connector_id <= settings_.connectors;
  }
  void apply(uint8_t connector_id, common::Instant now);
  void report_state(uint8_t connector_id, common::Instant now);

  OcppEngine& engine_;
  charger::ChargerControl& bridge_;
  common::LogSink& log_;
  PolicySettings settings_;
  Connector connectors_[limits::kMaxConnectors];
  bool is_reader_healthy_ = true;
  bool is_online_ = false;
  bool is_offline_limit_active_ = false;
  common::Instant offline_at_;  ///< Then the rule begins to hold.
  charger::IdTag last_tag_;
  uint8_t last_tag_connector_ = 0;
  common::Instant last_tag_at_;
};

}  // namespace gateway
