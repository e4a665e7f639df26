#include "ocpp/handlers/handlers.hpp"

namespace ocpp {

/// OCPP 1.6 ed. 2, 5.6: no vendor extension is built in.
Refusal handle(Engine&, const messages::DataTransferReq&, messages::DataTransferConf& conf,
               common::Instant) {
  conf.status = messages::DataTransferStatus::UnknownVendorId;
  return Refusal::none();
}

}  // namespace ocpp
