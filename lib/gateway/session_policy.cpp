#include "gateway/session_policy.hpp"

#include <cassert>

namespace gateway {

LOG_MODULE("gateway.policy");

using common::Instant;

void SessionPolicy::begin(const PolicySettings& settings, Instant now) {
  assert(settings.connectors >= 1 && settings.connectors <= limits::kMaxConnectors);
  settings_ = settings;
  offline_at_ = now;
  (void)step(now);
}

Instant SessionPolicy::step(Instant now) {
  const bool was_online = is_online_;
  is_online_ = engine_.is_online();
  if (was_online && !is_online_) offline_at_ = now + settings_.offline_after_ms;
  const bool is_rule_set = settings_.offline_after_ms > 0 && !is_online_;
  const Instant due = is_rule_set ? offline_at_ : Instant::never();
  const bool should_limit = due <= now;
  if (should_limit != is_offline_limit_active_) {
    is_offline_limit_active_ = should_limit;
    if (should_limit) {
      LOG_WARN(log_, "the CSMS is away: at most %lu mA",
               static_cast<unsigned long>(settings_.offline_ma));
    } else {
      LOG_INFO(log_, "CSMS is back: its limits hold again");
    }
    for (uint8_t id = 1; id <= settings_.connectors; ++id) apply(id, now);
  }
  for (uint8_t id = 1; is_safe_mode_ && id <= settings_.connectors; ++id) {
    const Connector& connector = connectors_[id - 1];
    if (connector.has_state && connector.is_told_safe == engine_.connector(id).has_transaction)
      tell_engine(id, now);
  }
  Instant next = should_limit ? Instant::never() : due;
  for (uint8_t id = 1; id <= settings_.connectors; ++id)
    next = common::earlier(next, step_access(id, now));
  return next;
}

void SessionPolicy::on_charger_state(uint8_t connector_id, const charger::ChargerState& state,
                                     Instant now) {
  if (!is_known(connector_id)) return;
  connectors_[connector_id - 1].reported = state;
  connectors_[connector_id - 1].has_state = true;
  follow_plug(connector_id, now);
  report_state(connector_id, now);
  follow_unauthorised(connector_id, now);
}

void SessionPolicy::set_reader_health(bool is_healthy, Instant now) {
  if (is_healthy == is_reader_healthy_) return;
  is_reader_healthy_ = is_healthy;
  if (is_healthy) {
    LOG_INFO(log_, "the tag reader answers again");
  } else {
    LOG_ERROR(log_, "the tag reader does not answer");
  }
  for (uint8_t id = 1; id <= settings_.connectors; ++id) {
    if (connectors_[id - 1].has_state) report_state(id, now);
  }
}

void SessionPolicy::report_state(uint8_t connector_id, Instant now) {
  Connector& connector = connectors_[connector_id - 1];
  connector.state = connector.reported;
  if (connector.is_booking) {
    connector.state.error = charger::Error::kNone;
    connector.state.is_faulted = false;
    connector.state.vendor_error_code.clear();
    connector.state.info.clear();
  }
  if (!is_reader_healthy_ && connector.state.error == charger::Error::kNone) {
    connector.state.error = charger::Error::kReaderFailure;
    connector.state.is_faulted = false;
    connector.state.info.assign_truncated(common::text("the tag reader does not answer"));
  }
  tell_engine(connector_id, now);
}

void SessionPolicy::tell_engine(uint8_t connector_id, Instant now) {
  Connector& connector = connectors_[connector_id - 1];
  connector.is_told_safe = is_safe_mode_ && !engine_.connector(connector_id).has_transaction;
  if (!connector.is_told_safe) {
    engine_.on_charger_state(connector_id, connector.state, now);
    return;
  }
  charger::ChargerState state = connector.state;
  state.health = charger::Health::kLost;
  state.is_faulted = false;
  state.error = charger::Error::kInternalError;
  state.vendor_error_code.assign_truncated(common::text("gateway:SAFE_MODE"));
  state.info.assign_truncated(common::text("safe mode after crashes"));
  engine_.on_charger_state(connector_id, state, now);
}

void SessionPolicy::set_safe_mode(bool is_safe, Instant now) {
  if (is_safe == is_safe_mode_) return;
  is_safe_mode_ = is_safe;
  for (uint8_t id = 1; id <= settings_.connectors; ++id) {
    apply(id, now);
    if (connectors_[id - 1].has_state) tell_engine(id, now);
  }
}

void SessionPolicy::on_meter_sample(uint8_t connector_id, const charger::MeterSample& sample,
                                    Instant now) {
  if (!is_known(connector_id)) return;
  connectors_[connector_id - 1].sample = sample;
  engine_.on_meter_sample(connector_id, sample, now);
}

bool SessionPolicy::is_repeated(uint8_t connector_id, const charger::IdTag& id_tag, Instant now) {
  const bool is_repeat =
      id_tag == last_tag_ && connector_id == last_tag_connector_ && now - last_tag_at_ < kSameTagMs;
  last_tag_ = id_tag;
  last_tag_connector_ = connector_id;
  last_tag_at_ = now;
  return is_repeat;
}

void SessionPolicy::set_offer(uint8_t connector_id, const charger::Offer& offer, Instant now) {
  if (!is_known(connector_id)) return;
  Connector& connector = connectors_[connector_id - 1];
  connector.wanted = offer;
  connector.has_offer = true;
  apply(connector_id, now);
}

void SessionPolicy::apply(uint8_t connector_id, Instant now) {
  Connector& connector = connectors_[connector_id - 1];
  if (!connector.has_offer) return;
  connector.given = connector.wanted;
  if (connector.is_invited && !connector.wanted.permit) {
    connector.given.permit = true;
    connector.given.limit_ma = bridge_.capabilities(connector_id).min_ma;
  }
  if (is_offline_limit_active_ && connector.given.limit_ma > settings_.offline_ma) {
    connector.given.limit_ma = settings_.offline_ma;
  }
  if (is_safe_mode_) {
    connector.given.permit = false;
    connector.given.limit_ma = 0;
  }
  bridge_.set_offer(connector_id, connector.given, now);
}

void SessionPolicy::request_sample(uint8_t connector_id, Instant now) {
  bridge_.request_sample(connector_id, now);
}

common::Status SessionPolicy::unlock(uint8_t connector_id, Instant now) {
  return bridge_.unlock(connector_id, now);
}

charger::Capabilities SessionPolicy::capabilities(uint8_t connector_id) const {
  return bridge_.capabilities(connector_id);
}

const charger::ChargerState& SessionPolicy::state(uint8_t connector_id) const {
  assert(is_known(connector_id));
  return connectors_[connector_id - 1].state;
}

const charger::MeterSample& SessionPolicy::sample(uint8_t connector_id) const {
  assert(is_known(connector_id));
  return connectors_[connector_id - 1].sample;
}

const charger::Offer& SessionPolicy::offer(uint8_t connector_id) const {
  assert(is_known(connector_id));
  return connectors_[connector_id - 1].given;
}

}  // namespace gateway
