#pragma once

#include "charger/charger.hpp"
#include "common/log.hpp"
#include "gateway/access.hpp"
#include "gateway/ocpp_engine.hpp"

namespace gateway {

/// What a short press of the button does.
enum class ButtonUse : uint8_t {
  kNothing,
  kStop,       ///< Stops the transaction.
  kStartStop,  ///< Without one also starts one, without a tag: anybody may charge.
};

struct PolicySettings {
  uint8_t connectors = 1;
  /// CSMS away for this long, ms: fall back to offline_ma, which also holds from the start until it is there. 0 = never.
  int64_t offline_after_ms = 0;
  uint32_t offline_ma = 6000;  ///< mA per phase while the CSMS is away.
  ButtonUse button = ButtonUse::kNothing;
  ConnectorAccess access[limits::kMaxConnectors];
  /// A charger silent for this long, ms: its transaction is stopped. 0 = never.
  int64_t silence_stop_ms = 0;
  /// Of the bridge: silence until Health::kLost, and how long a charger takes its authorization back before it counts.
  int64_t lost_ms = bridge::Timings().lost_ms;
  int64_t auth_back_ms = bridge::Timings().auth_back_ms;
};

/// Stands between engine and bridge: hands reports up and offers down, and adds the site's own rules.
///
/// The offer that reaches the bridge never exceeds the engine's; while the CSMS has been away for
/// offline_after_ms it never exceeds offline_ma either (a load manager that went silent must not leave the site
/// at its last, perhaps high, limit). There means: connected and accepted. How long the CSMS was away before a restart
/// nobody knows, so after one the rule holds at once, with or without a clock.
///
/// Who may let charge is a setting of each connector (AuthMode); what comes from elsewhere is ignored and told. Nothing is
/// permitted before the engine has somebody authorized, but for chargers that authorize only while they may charge:
/// those get their lowest current while somebody is plugged in, and a transaction as soon as they let charge.
/// @par Context  Loop thread. Keeps references to engine, bridge and log.
class SessionPolicy final : public charger::ChargerObserver,
                            public charger::ChargerControl,
                            public charger::IdReaderObserver {
 public:
  SessionPolicy(OcppEngine& engine, charger::ChargerControl& bridge, common::LogSink& log)
      : engine_(engine), bridge_(bridge), log_(log) {}

  /// May be called again before the engine and the bridge begin.
  void begin(const PolicySettings& settings, common::Instant now);
  /// Call after each change of the connection. @return  When the offline rule may change next.
  common::Instant step(common::Instant now);
  bool is_offline_limit_active() const { return is_offline_limit_active_; }

  /// Keeps all chargers off, whatever the engine offers. Towards the engine connectors without a transaction are out of
  /// order (Unavailable, InternalError); a transaction stays open, suspended.
  void set_safe_mode(bool is_safe, common::Instant now);

  void on_charger_state(uint8_t connector_id, const charger::ChargerState& state,
                        common::Instant now) override;
  void on_meter_sample(uint8_t connector_id, const charger::MeterSample& sample,
                       common::Instant now) override;
  /// At the gateway's reader. A tag that is presented again within kSameTagMs counts once: readers and hands bounce.
  void on_id_tag(uint8_t connector_id, const charger::IdTag& id_tag, common::Instant now) override;
  /// What chargers read, and authorize by themselves.
  charger::IdReaderObserver& chargers() { return chargers_; }

  /// The gateway's button was pressed, on a gateway with one connector: does what PolicySettings::button says.
  void on_button(common::Instant now);

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

  const ConnectorAccess& access(uint8_t connector_id) const;
  /// Connectors that tags at the gateway's reader are for, bits 1..n.
  uint16_t reader_connectors() const;
  /// The oldest event of the policy's own; the rest is the engine's.
  bool take_event(EngineEvent& event);

  static constexpr int64_t kSameTagMs = 1500;
  /// The charger lets charge: its tag may be read a moment later.
  static constexpr int64_t kTagWaitMs = 1500;
  /// A start that no tag asked for is tried again after this; whatever waits for its transaction waits no longer.
  static constexpr int64_t kStartMs = 60000;

 private:
  class Chargers final : public charger::IdReaderObserver {
   public:
    explicit Chargers(SessionPolicy& policy) : policy_(policy) {}
    void on_id_tag(uint8_t connector_id, const charger::IdTag& id_tag,
                   common::Instant now) override {
      policy_.on_charger_tag(connector_id, id_tag, now);
    }
    void on_own_authorization(uint8_t connector_id, charger::OwnAuthorization own,
                              common::Instant now) override {
      policy_.on_own_authorization(connector_id, own, now);
    }

   private:
    SessionPolicy& policy_;
  };

  struct Connector {
    charger::ChargerState reported;  ///< By the charger.
    charger::ChargerState state;     ///< With the reader's failure.
    bool has_state = false;
    charger::MeterSample sample;
    charger::Offer wanted;
    charger::Offer given;
    bool has_offer = false;
    bool is_told_safe = false;  ///< The engine was told that it is out of order.

    // session_policy_access.cpp
    charger::OwnAuthorization own = charger::OwnAuthorization::kNone;
    charger::IdTag own_tag;  ///< Read by the charger since the last unplug.
    bool is_plugged = false;
    bool had_transaction = false;
    bool is_ended_by_charger = false;
    bool may_invite =
        false;  ///< Somebody plugged in, and nobody else has ended a transaction since.
    bool is_invited = false;   ///< The charger may deliver its lowest current, to authorize.
    bool may_book = false;     ///< Once for each plug-in.
    bool wants_start = false;  ///< Without a tag, at start_at.
    bool is_booking = false;   ///< Unauthorised energy gets a transaction in place of a fault.
    common::Instant start_at;
    common::Instant start_by = common::Instant::never();
    common::Instant back_at = common::Instant::never();
    common::Instant silent_at = common::Instant::never();
  };

  bool is_known(uint8_t connector_id) const {
    return connector_id >= 1 && connector_id <= settings_.connectors;
  }
  void apply(uint8_t connector_id, common::Instant now);
  void report_state(uint8_t connector_id, common::Instant now);
  void tell_engine(uint8_t connector_id, common::Instant now);
  bool is_repeated(uint8_t connector_id, const charger::IdTag& id_tag, common::Instant now);

  // session_policy_access.cpp
  void on_charger_tag(uint8_t connector_id, const charger::IdTag& id_tag, common::Instant now);
  void on_own_authorization(uint8_t connector_id, charger::OwnAuthorization own,
                            common::Instant now) override;
  void ignore_tag(uint8_t connector_id, const char* where);
  void follow_plug(uint8_t connector_id, common::Instant now);
  void follow_unauthorised(uint8_t connector_id, common::Instant now);
  common::Instant step_access(uint8_t connector_id, common::Instant now);
  bool should_invite(uint8_t connector_id, const ConnectorSummary& seen, common::Instant now) const;
  void start_without_tag(uint8_t connector_id, common::Instant now);
  charger::IdTag start_tag(uint8_t connector_id) const;

  OcppEngine& engine_;
  charger::ChargerControl& bridge_;
  common::LogSink& log_;
  Chargers chargers_{*this};
  PolicySettings settings_;
  Connector connectors_[limits::kMaxConnectors];
  bool is_reader_healthy_ = true;
  bool is_safe_mode_ = false;
  bool is_online_ = false;
  bool is_offline_limit_active_ = false;
  common::Instant offline_at_;  ///< Then the rule begins to hold.
  charger::IdTag last_tag_;
  uint8_t last_tag_connector_ = 0;
  common::Instant last_tag_at_;
  bool has_event_ = false;
  EngineEvent event_;
};

}  // namespace gateway
