#include "ocpp/local_authorization.hpp"

namespace ocpp {

LocalIdTag LocalAuthorization::lookup(const IdTag&, common::UtcTime) const { return LocalIdTag(); }

}  // namespace ocpp
