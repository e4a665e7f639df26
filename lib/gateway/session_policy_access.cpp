// Who may let charge: the modes of authorization, and transactions that no tag has started.

#include "gateway/session_policy.hpp"

#include <algorithm>
#include <cassert>

namespace gateway {

LOG_MODULE("gateway.policy");

using charger::OwnAuthorization;
using common::Instant;

namespace {

bool is_text(common::TextSpan text, const char* word) {
  return common::equals(text, common::text(word));
}

}  // namespace

const ConnectorAccess& SessionPolicy::access(uint8_t connector_id) const {
  assert(is_known(connector_id));
  return settings_.access[connector_id - 1];
}

uint16_t SessionPolicy::reader_connectors() const {
  unsigned bits = 0;
  for (uint8_t id = 1; id <= settings_.connectors; ++id) {
    if (access(id).mode == AuthMode::kReader) bits |= 1U << id;
  }
  return static_cast<uint16_t>(bits);
}

bool SessionPolicy::take_event(EngineEvent& event) {
  if (!has_event_) return false;
  event = event_;
  has_event_ = false;
  return true;
}

// --- tags

void SessionPolicy::on_id_tag(uint8_t connector_id, const charger::IdTag& id_tag, Instant now) {
  if (id_tag.empty() || is_repeated(connector_id, id_tag, now)) return;
  const bool is_served = connector_id == 0        ? reader_connectors() != 0
                         : is_known(connector_id) ? access(connector_id).mode == AuthMode::kReader
                                                  : false;
  if (is_served) {
    engine_.on_id_tag(connector_id, id_tag, now);
  } else {
    ignore_tag(connector_id, "the gateway's");
  }
}

void SessionPolicy::on_charger_tag(uint8_t connector_id, const charger::IdTag& id_tag,
                                   Instant now) {
  if (!is_known(connector_id) || id_tag.empty() || is_repeated(connector_id, id_tag, now)) return;
  const AuthMode mode = access(connector_id).mode;
  if (mode == AuthMode::kChargerReader) {
    engine_.on_id_tag(connector_id, id_tag, now);
  } else if (mode == AuthMode::kChargerList) {
    connectors_[connector_id - 1].own_tag = id_tag;
  } else {
    ignore_tag(connector_id, "the charger's");
  }
}

/// @param where  Whose reader.
void SessionPolicy::ignore_tag(uint8_t connector_id, const char* where) {
  event_ = EngineEvent();
  event_.kind = EngineEvent::Kind::kTagIgnored;
  event_.connector_id = connector_id;
  event_.text = to_string(access(is_known(connector_id) ? connector_id : 1).mode);
  has_event_ = true;
  LOG_INFO(log_, "connector %u: a tag at %s reader is ignored: auth is %s", connector_id, where,
           event_.text);
}

// --- what chargers say

void SessionPolicy::follow_plug(uint8_t connector_id, Instant now) {
  Connector& connector = connectors_[connector_id - 1];
  const charger::ChargerState& state = connector.reported;
  const charger::ChargerState& before = connector.state;
  const bool is_silent = is_text(state.vendor_error_code.span(), "BUS_TIMEOUT");
  if (!is_silent) {
    connector.silent_at = Instant::never();
  } else if (connector.silent_at.is_never()) {
    connector.silent_at = now + -settings_.lost_ms;
  }
  // A charger that was away may have restarted: what it authorizes anew goes on with the transaction.
  if (state.health != charger::Health::kOk || state.is_faulted) {
    connector.back_at = Instant::never();
    connector.own = OwnAuthorization::kNone;
  }
  const bool is_other_ev = connector.is_plugged && state.session_marker != 0 &&
                           before.session_marker != 0 &&
                           state.session_marker != before.session_marker;
  if (state.plug == charger::Plug::kUnknown) return;
  const bool is_plugged = state.plug == charger::Plug::kPlugged;
  if (is_plugged == connector.is_plugged && !is_other_ev) return;
  connector.is_plugged = is_plugged;
  connector.may_invite = is_plugged;
  connector.may_book = is_plugged;
  connector.back_at = Instant::never();
  connector.start_by = Instant::never();
  connector.wants_start = is_plugged && access(connector_id).mode == AuthMode::kFree;
  connector.start_at = now;
  if (!is_plugged) connector.own_tag.clear();
}

void SessionPolicy::on_own_authorization(uint8_t connector_id, OwnAuthorization own, Instant now) {
  if (!is_known(connector_id)) return;
  Connector& connector = connectors_[connector_id - 1];
  const OwnAuthorization before = connector.own;
  connector.own = own;
  const ConnectorAccess& rules = access(connector_id);
  if (own == OwnAuthorization::kEnded) connector.back_at = now;
  if (rules.mode != AuthMode::kChargerList) return;
  connector.wants_start = own == OwnAuthorization::kGranted;
  if (own == OwnAuthorization::kGranted) {
    const bool may_bring_tag = rules.charger.reads_tags && connector.own_tag.empty();
    connector.start_at = may_bring_tag ? now + kTagWaitMs : now;
    connector.start_by = now + kStartMs;
    connector.back_at = Instant::never();
  } else if (own == OwnAuthorization::kNone && before == OwnAuthorization::kGranted &&
             rules.charger.needs_offer) {
    connector.back_at = now + settings_.auth_back_ms;
  }
}

/// The bridge has switched off three times in vain: where it is to be booked, a transaction takes the fault's place.
void SessionPolicy::follow_unauthorised(uint8_t connector_id, Instant now) {
  Connector& connector = connectors_[connector_id - 1];
  const bool is_unauthorised =
      is_text(connector.reported.vendor_error_code.span(), "UNAUTHORISED_ENERGY");
  if (!is_unauthorised) {
    connector.is_booking = false;
    return;
  }
  if (!connector.may_book || !access(connector_id).books_unauthorised) return;
  connector.may_book = false;
  connector.is_booking = true;
  connector.start_by = now + kStartMs;
  report_state(connector_id, now);
  connector.is_booking =
      engine_.authorize(connector_id, start_tag(connector_id), now) == common::Status::kOk;
  if (!connector.is_booking) report_state(connector_id, now);
}

// --- transactions

charger::IdTag SessionPolicy::start_tag(uint8_t connector_id) const {
  const ConnectorAccess& rules = access(connector_id);
  const Connector& connector = connectors_[connector_id - 1];
  if (rules.mode == AuthMode::kChargerList && !connector.own_tag.empty()) return connector.own_tag;
  if (!rules.id_tag.empty()) return rules.id_tag;
  ConfigurationEntry entry;
  charger::IdTag tag;
  if (engine_.get_configuration(common::text("FreeVendIdTag"), entry) == common::Status::kOk)
    tag.assign_truncated(entry.value.span());
  return tag;
}

void SessionPolicy::start_without_tag(uint8_t connector_id, Instant now) {
  Connector& connector = connectors_[connector_id - 1];
  // A refusal (out of order, reserved, the last transaction is being stopped) is tried again with every turn.
  if (engine_.authorize(connector_id, start_tag(connector_id), now) != common::Status::kOk) return;
  connector.start_at = now + kStartMs;
  LOG_INFO(log_, "connector %u: %s", connector_id,
           access(connector_id).mode == AuthMode::kFree ? "free vend"
                                                        : "the charger has authorized by itself");
}

void SessionPolicy::on_button(Instant now) {
  if (settings_.button == ButtonUse::kNothing) return;
  if (engine_.connector(1).has_transaction) {
    (void)engine_.stop_transaction(1, StopCause::kLocal, now);
  } else if (settings_.button == ButtonUse::kStartStop) {
    if (engine_.authorize(1, start_tag(1), now) != common::Status::kOk)
      LOG_INFO(log_, "the button starts nothing now");
  }
}

/// Whether a charger that authorizes only while it may charge should be allowed to.
bool SessionPolicy::should_invite(uint8_t connector_id, const ConnectorSummary& seen,
                                  Instant now) const {
  const Connector& connector = connectors_[connector_id - 1];
  const ConnectorAccess& rules = access(connector_id);
  if (rules.mode != AuthMode::kChargerList || !rules.charger.needs_offer) return false;
  return connector.may_invite && connector.is_plugged &&
         connector.reported.health == charger::Health::kOk && !connector.reported.is_faulted &&
         !seen.has_transaction && now < connector.start_by &&
         (is_text(common::text(seen.status), "Preparing") ||
          is_text(common::text(seen.status), "Finishing"));
}

Instant SessionPolicy::step_access(uint8_t connector_id, Instant now) {
  Connector& connector = connectors_[connector_id - 1];
  const ConnectorSummary seen = engine_.connector(connector_id);
  const bool is_running = seen.has_transaction && !seen.is_stopping;
  if (connector.had_transaction && !seen.has_transaction) {
    // What the CSMS or the gateway has ended does not begin again by itself.
    if (!connector.is_ended_by_charger) connector.may_invite = false;
    connector.own_tag.clear();
  }
  connector.had_transaction = seen.has_transaction;
  if (!seen.has_transaction) connector.is_ended_by_charger = false;

  Instant next = Instant::never();
  const auto is_due = [&next, now](Instant at) {
    if (at > now) next = common::earlier(next, at);
    return at <= now;
  };
  if (is_due(connector.back_at)) {
    connector.back_at = Instant::never();
    if (is_running &&
        engine_.stop_transaction(connector_id, StopCause::kLocal, now) == common::Status::kOk) {
      connector.is_ended_by_charger = true;
      LOG_INFO(log_, "connector %u: the charger has ended its session", connector_id);
    }
  }
  if (settings_.silence_stop_ms > 0 && is_running && !connector.silent_at.is_never() &&
      is_due(connector.silent_at + settings_.silence_stop_ms)) {
    if (engine_.stop_transaction(connector_id, StopCause::kOther, now) == common::Status::kOk)
      LOG_WARN(log_, "connector %u: silent for too long: its transaction is stopped", connector_id);
  }
  if (is_running) {
    connector.wants_start = false;
    connector.start_by = Instant::never();
  } else if (connector.wants_start && is_due(connector.start_at)) {
    start_without_tag(connector_id, now);
  }
  if (connector.is_booking && is_due(connector.start_by)) {
    connector.is_booking = false;
    report_state(connector_id, now);
  }
  const bool should = should_invite(connector_id, seen, now);
  if (should) (void)is_due(connector.start_by);
  if (should != connector.is_invited) {
    connector.is_invited = should;
    apply(connector_id, now);
  }
  return next;
}

}  // namespace gateway
