#include "ocpp/handlers/handlers.hpp"

namespace ocpp {

/// OCPP 1.6 ed. 2, 5.1.
Refusal handle(Engine& engine, const messages::CancelReservationReq& request,
               messages::CancelReservationConf& conf) {
  conf.status = engine.reservations.cancel(request.reservation_id) == common::Status::kOk
                    ? messages::CancelReservationStatus::Accepted
                    : messages::CancelReservationStatus::Rejected;
  return Refusal::none();
}

}  // namespace ocpp
