#include "ocpp/handlers/handlers.hpp"

namespace ocpp {

/// OCPP 1.6 ed. 2, 5.10: -1 without a list, 0 for an empty one.
Refusal handle(Engine& engine, const messages::GetLocalListVersionReq&,
               messages::GetLocalListVersionConf& conf) {
  conf.list_version = engine.configuration.flag(Key::LocalAuthListEnabled)
                          ? engine.local_authorization.list().version()
                          : -1;
  return Refusal::none();
}

}  // namespace ocpp
