#include "ocpp/handlers/handlers.hpp"

namespace ocpp {

/// OCPP 1.6 ed. 2, 5.6 and 7.23: the vendor first, then the message.
void handle_data_transfer(const InboundCall& call) {
  messages::DataTransferReq request;
  if (const messages::DecodeError error = decode(call.payload(), request); !error.ok()) {
    call.refuse(error);
    return;
  }
  const Text message_id = request.message_id.value_or(Text());
  messages::DataTransferConf conf;
  conf.status = DataTransferStatus::UnknownVendorId;
  char answer[limits::kDataTransferBytes];
  for (const DataTransferHandler& handler : call.engine().data_transfers.handlers()) {
    if (!request.vendor_id.equals_ignore_case(common::text(handler.vendor_id))) continue;
    conf.status = DataTransferStatus::UnknownMessageId;
    if (handler.message_id != nullptr &&
        !message_id.equals_ignore_case(common::text(handler.message_id))) {
      continue;
    }
    size_t size = 0;
    conf.status = handler.on_request(handler.context, message_id, request.data.value_or(Text()),
                                     common::Span<char>(answer, sizeof answer), size);
    if (size > 0) conf.data = common::TextSpan(answer, size);
    break;
  }
  call.answer(conf);
}

}  // namespace ocpp
