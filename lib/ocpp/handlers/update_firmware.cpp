#include "ocpp/handlers/file_orders.hpp"

namespace ocpp {

/// OCPP 1.6 ed. 2, 5.19. The confirmation has no status: what becomes of the order is told by
/// FirmwareStatusNotification.
Refusal handle(Engine& engine, const messages::UpdateFirmwareReq& request,
               messages::UpdateFirmwareConf&) {
  if (engine.ports.firmware == nullptr || engine.ports.transfer == nullptr)
    return Refusal::because(messages::RpcErrorCode::NotSupported, "no place for an image");
  char url[limits::kMaxLocationBytes];
  const common::Result<size_t> size = request.location.copy_to(common::Span<char>(url));
  if (!size.ok() || size.value() == 0) return kLocationLength;
  FileOrder order = make_order(request.retries, request.retry_interval);
  order.url = common::TextSpan(url, size.value());
  order.from = request.retrieve_date;
  switch (engine.firmware.order(order)) {
    case common::Status::kOk:
      return Refusal::none();
    case common::Status::kInvalidState:
      return Refusal::because(messages::RpcErrorCode::GenericError, "an image is being installed");
    default:
      return kNotStored;
  }
}

}  // namespace ocpp
