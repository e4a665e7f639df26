#include "ocpp/handlers/configuration_listing.hpp"

namespace ocpp {

/// OCPP 1.6 ed. 2, 5.8.
void handle_get_configuration(const InboundCall& call) {
  EngineKeys keys{call.engine().configuration};
  ConfigurationListing<EngineKeys>::answer(call, keys);
}

}  // namespace ocpp
