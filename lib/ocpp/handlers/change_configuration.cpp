#include "ocpp/handlers/handlers.hpp"

namespace ocpp {

/// OCPP 1.6 ed. 2, 5.3.
Refusal handle(Engine& engine, const messages::ChangeConfigurationReq& request,
               messages::ChangeConfigurationConf& conf) {
  common::FixedString<500> value;
  Key key{};
  bool is_changed = false;
  ConfigurationStatus status = ConfigurationStatus::Rejected;
  if (request.value.copy_to(value) == common::Status::kOk) {
    status = engine.configuration.write(request.key.span(), value.span(), key, is_changed);
  } else if (!Configuration::find(request.key.span(), key)) {
    status = ConfigurationStatus::NotSupported;
  }
  if (is_changed) engine.on_configuration_changed(key);
  conf.status = static_cast<messages::ConfigurationStatus>(status);
  static_assert(static_cast<int>(messages::ConfigurationStatus::NotSupported) ==
                    static_cast<int>(ConfigurationStatus::NotSupported),
                "both enums follow the specification's order");
  return Refusal::none();
}

}  // namespace ocpp
