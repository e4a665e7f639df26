#include "ocpp/handlers/handlers.hpp"

#include <algorithm>

namespace ocpp {
namespace {

using messages::ReservationStatus;

/// @param id  Of the reservation that may be replaced.
bool can_be_reserved(const Engine& engine, uint8_t connector_id, int32_t id) {
  const Connector& connector = engine.connector(connector_id);
  const Reservation* own = engine.reservations.on(connector_id);
  const bool is_own = own != nullptr && own->id == id;
  return connector.session() == SessionState::kIdle && engine.can_start(connector) &&
         (own == nullptr || is_own) && (!connector.is_plugged() || is_own);
}

ReservationStatus why_not(ChargePointStatus status) {
  if (status == ChargePointStatus::Faulted) return ReservationStatus::Faulted;
  if (status == ChargePointStatus::Unavailable) return ReservationStatus::Unavailable;
  return ReservationStatus::Occupied;
}

}  // namespace

/// OCPP 1.6 ed. 2, 5.13. Without a clock nobody knows how long a reservation would last.
Refusal handle(Engine& engine, const messages::ReserveNowReq& request,
               messages::ReserveNowConf& conf) {
  conf.status = ReservationStatus::Rejected;
  const common::UtcTime utc = engine.clock.utc();
  const bool is_any = request.connector_id == 0;
  if (request.id_tag.empty() || !utc.is_known() || request.expiry_date <= utc ||
      (!is_any && !engine.has_connector(request.connector_id)) ||
      (is_any && !engine.configuration.flag(Key::ReserveConnectorZeroSupported))) {
    return Refusal::none();
  }
  engine.update_reservations();
  const auto wanted = static_cast<uint8_t>(request.connector_id);
  size_t free = 0;
  size_t of_any = is_any ? 1 : 0;  // this one
  bool is_free = is_any;
  ReservationStatus reason = ReservationStatus::Unavailable;
  for (uint8_t id = 1; id <= engine.options.connectors; ++id) {
    if (can_be_reserved(engine, id, request.reservation_id)) {
      ++free;
      is_free = is_free || id == wanted;
    } else if (is_any || id == wanted) {
      // Several reasons: the one that a driver's leaving or a repair would end.
      reason = std::min(reason, why_not(engine.status.status(id)), [](auto a, auto b) {
        const auto rank = [](ReservationStatus status) {
          return status == ReservationStatus::Occupied
                     ? 0
                     : (status == ReservationStatus::Faulted ? 1 : 2);
        };
        return rank(a) < rank(b);
      });
    }
  }
  for (size_t i = 0; i < limits::kMaxConnectors; ++i) {
    const Reservation* other = engine.reservations.at(i);
    if (other != nullptr && other->connector_id == 0 && other->id != request.reservation_id)
      ++of_any;
  }
  if (!is_free || free < of_any + (is_any ? 0 : 1)) {
    conf.status = is_free && free > 0 ? ReservationStatus::Occupied : reason;
    return Refusal::none();
  }
  Reservation reservation;
  reservation.id = request.reservation_id;
  reservation.connector_id = wanted;
  reservation.id_tag = request.id_tag;
  if (request.parent_id_tag.has_value()) reservation.parent_id_tag = *request.parent_id_tag;
  reservation.expiry = request.expiry_date;
  reservation.length_s = static_cast<uint32_t>(
      std::min<int64_t>((request.expiry_date - utc + 999) / 1000, UINT32_MAX));
  if (engine.reservations.put(reservation) == common::Status::kOk)
    conf.status = ReservationStatus::Accepted;
  return Refusal::none();
}

}  // namespace ocpp
