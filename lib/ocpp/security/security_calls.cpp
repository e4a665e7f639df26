// CALLs of the CSMS that the security extension answers.
#include "ocpp/handlers/file_orders.hpp"
#include "ocpp/handlers/upload_url.hpp"
#include "ocpp/security/security_extension.hpp"

namespace ocpp {

using common::Status;
using messages::TriggerMessageStatus;

namespace {

/// @return false: the CALL is refused already.
template <typename Request>
bool read(const InboundCall& call, Request& request) {
  const messages::DecodeError error = decode(call.payload(), request);
  if (!error.ok()) call.refuse(error);
  return error.ok();
}

void refuse(const InboundCall& call, const Refusal& refusal) {
  call.refuse(refusal.code, common::text(refusal.reason));
}

}  // namespace

bool SecurityExtension::handle(const InboundCall& call, Action action) {
  switch (action) {
    case Action::ExtendedTriggerMessage:
      handle_extended_trigger(call);
      return true;
    case Action::GetLog:
      handle_get_log(call);
      return true;
    case Action::SignedUpdateFirmware:
      handle_signed_update(call);
      return true;
    case Action::CertificateSigned:
      handle_certificate_signed(call);
      return true;
    case Action::InstallCertificate:
      handle_install_certificate(call);
      return true;
    case Action::DeleteCertificate:
      handle_delete_certificate(call);
      return true;
    case Action::GetInstalledCertificateIds:
      handle_get_certificates(call);
      return true;
    case Action::ChangeConfiguration:
      return handle_change_configuration(call);
    case Action::GetConfiguration:
      handle_get_configuration(call);
      return true;
    case Action::UpdateFirmware:
      if (options_.allows_unsigned_firmware) {
        if (!engine_->firmware.is_installing()) update_->forget();
        return false;
      }
      call.refuse(messages::RpcErrorCode::NotSupported,
                  common::text("only signed firmware: SignedUpdateFirmware"));
      return true;
    case Action::GetDiagnostics:
      upload_->yield_diagnostics();
      return false;
    default:
      return false;
  }
}

Status SecurityExtension::begin_local_update() {
  if (engine_->firmware.is_installing()) return Status::kInvalidState;
  if (options_.allows_unsigned_firmware) {
    update_->forget();
    return Status::kOk;
  }
  if (credentials_.root_count(security::RootUse::kManufacturer) == 0) return Status::kUnsupported;
  return update_->begin_local();
}

/// Security whitepaper ed. 3, 5.3. The answer goes out before what was triggered.
void SecurityExtension::handle_extended_trigger(const InboundCall& call) {
  using Wanted = messages::ExtendedMessageTrigger;
  messages::ExtendedTriggerMessageReq request;
  messages::ExtendedTriggerMessageConf conf;
  if (const messages::DecodeError error = decode(call.payload(), request); !error.ok()) {
    // As with TriggerMessage: a message that is not known is not implemented.
    if (error.code() != messages::RpcErrorCode::PropertyConstraintViolation ||
        !common::equals(error.path().span(), common::text("requestedMessage"))) {
      call.refuse(error);
      return;
    }
    conf.status = TriggerMessageStatus::NotImplemented;
    call.answer(conf);
    return;
  }
  messages::TriggerMessageReq plain;
  plain.connector_id = request.connector_id;
  conf.status = TriggerMessageStatus::Accepted;
  switch (request.requested_message) {
    case Wanted::LogStatusNotification:
      upload_->is_triggered = true;
      break;
    case Wanted::SignChargePointCertificate:
      if (!begin_request()) conf.status = TriggerMessageStatus::Rejected;
      break;
    case Wanted::FirmwareStatusNotification:
      update_->is_triggered = true;
      break;
    case Wanted::BootNotification:
      plain.requested_message = messages::MessageTrigger::BootNotification;
      conf.status = trigger(*engine_, plain);
      break;
    case Wanted::Heartbeat:
      plain.requested_message = messages::MessageTrigger::Heartbeat;
      conf.status = trigger(*engine_, plain);
      break;
    case Wanted::MeterValues:
      plain.requested_message = messages::MessageTrigger::MeterValues;
      conf.status = trigger(*engine_, plain);
      break;
    case Wanted::StatusNotification:
      plain.requested_message = messages::MessageTrigger::StatusNotification;
      conf.status = trigger(*engine_, plain);
      break;
  }
  call.answer(conf);
}

/// Security whitepaper ed. 3, N01. Where there is nothing to upload, or nothing to upload with: Rejected.
void SecurityExtension::handle_get_log(const InboundCall& call) {
  messages::GetLogReq request;
  if (!read(call, request)) return;
  UploadUrl url;
  const bool is_security = request.log_type == messages::Log::SecurityLog;
  if (!make_upload_url(*engine_, request.log.remote_location,
                       is_security ? "security-" : "diagnostics-", url)) {
    refuse(call, kLocationLength);
    return;
  }
  FileOrder order = make_order(request.retries, request.retry_interval);
  order.url = url.span();
  order.from = request.log.oldest_timestamp.value_or(common::UtcTime{});
  order.to = request.log.latest_timestamp.value_or(common::UtcTime{});
  bool was_busy = false;
  const Status accepted = upload_->order(order, request.log_type, request.request_id, was_busy);
  messages::GetLogConf conf;
  conf.status = messages::LogStatus::Rejected;
  if (accepted == Status::kOk) {
    conf.status = was_busy ? messages::LogStatus::AcceptedCanceled : messages::LogStatus::Accepted;
    conf.filename = url.name.first(255);
  } else if (accepted != Status::kNotFound) {
    refuse(call, kNotStored);
    return;
  }
  call.answer(conf);
}

/// Security whitepaper ed. 3, L01. Answered once the signing certificate has been checked.
void SecurityExtension::handle_signed_update(const InboundCall& call) {
  messages::SignedUpdateFirmwareReq request;
  if (!read(call, request)) return;
  if (engine_->ports.firmware == nullptr || engine_->ports.transfer == nullptr) {
    call.refuse(messages::RpcErrorCode::NotSupported, common::text("no place for an image"));
    return;
  }
  messages::SignedUpdateFirmwareConf conf;
  conf.status = messages::SignedUpdateFirmwareStatus::Rejected;
  if (!defer(call, Action::SignedUpdateFirmware)) {
    call.answer(conf);
    return;
  }
  if (update_->prepare(request, time_to_judge_by()) == Status::kOk) return;
  deferred_.is_waiting = false;
  call.answer(conf);
}

}  // namespace ocpp
