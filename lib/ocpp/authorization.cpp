#include "ocpp/engine.hpp"

#include <cassert>

LOG_MODULE("ocpp.authorization");

namespace ocpp {

using common::Instant;

namespace {

bool same_tag(const IdTag& a, const IdTag& b) {
  return common::equals_ignore_case(a.span(), b.span());
}

}  // namespace

void Engine::push_id_tag_event(EventType type, uint8_t connector_id, const IdTag& id_tag) {
  Event event;
  event.type = type;
  event.connector_id = connector_id;
  event.id_tag = mask(id_tag);
  events.push(event);
  LOG_INFO(ports.log, "connector %u: id tag %s %s", connector_id, event.id_tag.c_str(),
           type == EventType::kIdTagAccepted ? "accepted" : "rejected");
}

bool Engine::can_start(const Connector& connector) const {
  return reset_ == Reset::kNone && is_store_ready && connector.can_authorize() &&
         !is_authorizing(connector);
}

IdTag Engine::group_of(const Connector& connector) const {
  if (!connector.parent_id_tag().empty()) return connector.parent_id_tag();
  return local_authorization.lookup(connector.id_tag(), clock.utc()).parent_id_tag;
}

void Engine::learn(const TagEntry& said) {
  if (said.id_tag.empty() || !local_authorization.learn(said, now())) return;
  LOG_WARN(ports.log, "id tag %s: the CSMS contradicts the local list", mask(said.id_tag).c_str());
  is_list_conflict_ = true;
}

/// Whoever plugs in may charge. A car that stays plugged after its transaction gets no second one.
void Engine::start_free_vend() {
  for (uint8_t id = 1; id <= options.connectors; ++id) {
    Connector& target = connector(id);
    IdTag parent_id_tag;
    if (target.session() != SessionState::kIdle || !target.is_plugged() || !can_start(target) ||
        reservation_gate(target, configuration.free_vend_id_tag(), parent_id_tag) != Gate::kOpen)
      continue;
    LOG_INFO(ports.log, "connector %u: free vend", id);
    (void)target.authorize(configuration.free_vend_id_tag(), IdTag());
  }
}

Connector* Engine::free_connector(const IdTag& id_tag) {
  Connector* best = nullptr;
  int best_rank = 0;
  for (uint8_t id = 1; id <= options.connectors; ++id) {
    Connector& candidate = connector(id);
    if (!can_start(candidate)) continue;
    IdTag parent_id_tag;
    const Gate gate = reservation_gate(candidate, id_tag, parent_id_tag);
    if (gate == Gate::kClosed) continue;
    const bool is_reserved = reservations.is_reserved(id);
    const int rank = gate == Gate::kAsk ? 1 : is_reserved ? 4 : candidate.is_plugged() ? 3 : 2;
    if (rank <= best_rank) continue;
    best = &candidate;
    best_rank = rank;
  }
  return best;
}

/// Which connector a tag at a reader for all connectors is meant for.
Connector* Engine::reader_target(const IdTag& id_tag) {
  Connector* reserved = nullptr;
  Connector* plugged = nullptr;
  Connector* available = nullptr;
  Connector* finished = nullptr;
  Connector* of_group = nullptr;
  for (uint8_t id = 1; id <= options.connectors; ++id) {
    if ((options.reader_connectors >> id & 1U) == 0) continue;
    Connector& candidate = connector(id);
    const bool is_used = candidate.has_transaction() || candidate.is_cable_kept() ||
                         candidate.session() == SessionState::kAwaitingPlug ||
                         candidate.session() == SessionState::kStarting;
    if (is_used && same_tag(candidate.id_tag(), id_tag)) return &candidate;
    if (is_authorizing(candidate) && same_tag(pending[id - 1].id_tag, id_tag)) return &candidate;
    IdTag parent_id_tag;
    const Gate gate = reservation_gate(candidate, id_tag, parent_id_tag);
    if (can_start(candidate)) {
      if (gate == Gate::kClosed) continue;
      Connector*& slot = reservations.is_reserved(id) && gate == Gate::kOpen ? reserved
                         : candidate.session() == SessionState::kFinished || gate == Gate::kAsk
                             ? finished
                         : candidate.is_plugged() ? plugged
                                                  : available;
      if (slot == nullptr) slot = &candidate;
    } else if (candidate.has_transaction() && of_group == nullptr && !group_of(candidate).empty()) {
      of_group = &candidate;
    }
  }
  if (reserved != nullptr) return reserved;
  if (plugged != nullptr) return plugged;
  if (available != nullptr) return available;
  return finished != nullptr ? finished : of_group;
}

void Engine::on_id_tag(uint8_t connector_id, const IdTag& id_tag) {
  if (id_tag.empty() || connector_id > options.connectors) return;
  has_input_ = true;
  Connector* target = connector_id != 0 ? &connector(connector_id) : reader_target(id_tag);
  if (target == nullptr) {
    push_id_tag_event(EventType::kIdTagRejected, 0, id_tag);
    return;
  }
  // An impatient hand: the CSMS is being asked about this tag.
  if (is_authorizing(*target) && same_tag(pending[target->id() - 1].id_tag, id_tag)) return;
  if (target->is_cable_kept()) {
    // Who locked the cable in wants it back, not another session.
    if (same_tag(target->id_tag(), id_tag)) {
      push_id_tag_event(EventType::kIdTagAccepted, target->id(), id_tag);
      (void)target->unlock();
      return;
    }
    if (!group_of(*target).empty() && request_authorization(*target, Purpose::kStop, id_tag)) {
      return;
    }
  }
  switch (target->session()) {
    case SessionState::kAwaitingPlug:
    case SessionState::kStarting:
      if (same_tag(target->id_tag(), id_tag)) {
        target->cancel("second presentation of the tag");
        return;
      }
      break;
    case SessionState::kRunning:
    case SessionState::kResuming:
      if (same_tag(target->id_tag(), id_tag)) {
        // The tag that started may stop: nobody has to be asked (3.4).
        push_id_tag_event(EventType::kIdTagAccepted, target->id(), id_tag);
        (void)target->stop(StopReason::kLocal, id_tag);
        return;
      }
      // Only a tag of the same group may; without a group there is nothing to ask.
      if (!group_of(*target).empty() && request_authorization(*target, Purpose::kStop, id_tag))
        return;
      break;
    case SessionState::kIdle:
    case SessionState::kFinished:
      if (IdTag parent_id_tag;
          can_start(*target) && reservation_gate(*target, id_tag, parent_id_tag) != Gate::kClosed) {
        (void)request_authorization(*target, Purpose::kStart,
                                    id_tag);  // nobody else is asked about
        return;
      }
      break;
    case SessionState::kStopping:
      if (same_tag(target->id_tag(), id_tag)) return;
      break;
  }
  push_id_tag_event(EventType::kIdTagRejected, target->id(), id_tag);
}

bool Engine::request_authorization(Connector& connector, Purpose purpose, const IdTag& id_tag) {
  PendingAuthorization& request = pending[connector.id() - 1];
  if (request.is_waiting) return false;
  request.is_waiting = true;
  request.purpose = purpose;
  request.id_tag = id_tag;
  has_input_ = true;
  if (!is_online) {
    authorize_offline(connector);
  } else if (configuration.flag(Key::LocalPreAuthorize)) {
    const LocalIdTag known = local_authorization.lookup(id_tag, clock.utc());
    // Another group locally may be another group at the CSMS: it is asked.
    if (known.is_accepted() &&
        (purpose == Purpose::kStart || is_of_group(connector, known.parent_id_tag)))
      on_authorization(connector, known);
  }
  return true;
}

bool Engine::is_of_group(const Connector& connector, const IdTag& parent_id_tag) const {
  return !parent_id_tag.empty() && same_tag(parent_id_tag, group_of(connector));
}

/// Nobody can be asked. Who is known and not valid is refused whatever is configured (3.5.4);
/// LocalAuthorizeOffline lets in who is known and valid, AllowOfflineTxForUnknownId the rest.
void Engine::authorize_offline(Connector& connector) {
  const PendingAuthorization& request = pending[connector.id() - 1];
  LocalIdTag known = local_authorization.lookup(request.id_tag, clock.utc());
  const bool is_for_all =
      request.purpose == Purpose::kStart && configuration.flag(Key::AllowOfflineTxForUnknownId);
  if (!known.is_known()) {
    known.status = is_for_all ? IdTagStatus::kAccepted : IdTagStatus::kInvalid;
  } else if (known.is_accepted() && !is_for_all &&
             !configuration.flag(Key::LocalAuthorizeOffline)) {
    known.status = IdTagStatus::kInvalid;
  }
  on_authorization(connector, known);
}

void Engine::on_authorization(Connector& connector, const AuthorizationResult& result) {
  PendingAuthorization& request = pending[connector.id() - 1];
  assert(request.is_waiting);
  request.is_waiting = false;
  const IdTag id_tag = request.id_tag;
  update_reservations();
  bool is_accepted = result.is_accepted();
  if (request.purpose == Purpose::kStop) {
    is_accepted = is_accepted && is_of_group(connector, result.parent_id_tag) &&
                  (connector.is_cable_kept()
                       ? connector.unlock()
                       : connector.stop(StopReason::kLocal, id_tag)) == common::Status::kOk;
  } else {
    is_accepted = is_accepted && reset_ == Reset::kNone &&
                  connector.authorize(id_tag, result.parent_id_tag) == common::Status::kOk;
    if (!is_accepted) profiles.drop_pending(connector.id());
  }
  push_id_tag_event(is_accepted ? EventType::kIdTagAccepted : EventType::kIdTagRejected,
                    connector.id(), id_tag);
}

}  // namespace ocpp
