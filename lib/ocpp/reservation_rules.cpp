#include "ocpp/engine.hpp"

namespace ocpp {

using common::Instant;

/// Ends reservations that cannot be kept, and decides which connectors are held for those of any
/// connector: the last free ones, so many as are reserved (OCPP 1.6 ed. 2, 5.13).
void Engine::update_reservations() {
  if (reservations.empty() && reservations.held() == 0 &&
      reservations.revision() == reservations_shown_) {
    waiting_since_boot_ = 0;
    return;
  }
  bool is_any_usable = false;
  uint16_t unusable = 0;
  for (uint8_t id = 1; id <= options.connectors; ++id) {
    const Connector& candidate = connector(id);
    const charger::ChargerState& state = candidate.charger_state();
    if (candidate.is_operative() && !state.is_faulted && state.health != charger::Health::kLost) {
      is_any_usable = true;
    } else {
      unusable = static_cast<uint16_t>(unusable | 1U << id);
    }
  }
  size_t of_any = 0;
  for (size_t i = 0; i < limits::kMaxConnectors; ++i) {
    const Reservation* reservation = reservations.at(i);
    if (reservation == nullptr) continue;
    const bool is_kept = reservation->connector_id == 0
                             ? is_any_usable
                             : (unusable & 1U << reservation->connector_id) == 0;
    if (!is_kept) {
      reservations.end(reservation->id, "out of order or unavailable");
    } else if (reservation->connector_id == 0) {
      ++of_any;
    }
  }
  uint16_t held = 0;
  size_t free = 0;
  for (uint8_t id = 1; id <= options.connectors && of_any > 0; ++id) {
    const Connector& candidate = connector(id);
    // A car at a held connector may be the expected one; so may one that is there when we start.
    const bool is_usable =
        candidate.can_authorize() ||
        (candidate.is_operative() && candidate.charger_state().health == charger::Health::kUnknown);
    const bool is_idle = candidate.session() == SessionState::kIdle;
    // One that was heard without a car, or has served it, is like any other from then on.
    if (!is_idle || (candidate.can_authorize() && !candidate.is_plugged()))
      waiting_since_boot_ = static_cast<uint16_t>(waiting_since_boot_ & ~(1U << id));
    const bool is_free =
        is_idle && is_usable && reservations.on(id) == nullptr &&
        (!candidate.is_plugged() || ((reservations.held() | waiting_since_boot_) & 1U << id) != 0);
    if (!is_free) continue;
    held = static_cast<uint16_t>(held | 1U << id);
    ++free;
  }
  reservations.set_held(free <= of_any ? held : uint16_t{0});
  if (reservations.revision() == reservations_shown_) return;
  reservations_shown_ = reservations.revision();
  for (uint8_t id = 1; id <= options.connectors; ++id) connector(id).on_reservation();
}

Engine::Gate Engine::reservation_gate(const Connector& connector, const IdTag& id_tag,
                                      IdTag& parent_id_tag) {
  update_reservations();
  parent_id_tag.clear();
  if (reservations.empty() || reservations.matching(connector.id(), id_tag, IdTag()) != nullptr) {
    return Gate::kOpen;
  }
  // Also where no reservation is in the way: a group may use one of any connector here.
  const LocalIdTag known = local_authorization.lookup(id_tag, clock.utc());
  parent_id_tag = known.parent_id_tag;
  if (!reservations.is_reserved(connector.id()) ||
      reservations.matching(connector.id(), id_tag, parent_id_tag) != nullptr) {
    return Gate::kOpen;
  }
  if (known.is_known()) return Gate::kClosed;
  const Reservation* own = reservations.on(connector.id());
  for (size_t i = 0; i < limits::kMaxConnectors; ++i) {
    const Reservation* reservation = reservations.at(i);
    if (reservation == nullptr || reservation->parent_id_tag.empty()) continue;
    if (own != nullptr ? reservation == own : reservation->connector_id == 0) return Gate::kAsk;
  }
  return Gate::kClosed;
}

}  // namespace ocpp
