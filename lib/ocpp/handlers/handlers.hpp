#pragma once

#include "ocpp/engine.hpp"
#include "ocpp_messages/all.hpp"

/// One function per action that the CSMS may call, each in its own file. A handler gets a request
/// that is valid by the schema, changes the engine, and fills the confirmation; or it refuses, and
/// has then changed nothing.
namespace ocpp {

/// Why a valid CALL is answered with CALLERROR all the same.
struct Refusal {
  bool is_refused = false;
  messages::RpcErrorCode code = messages::RpcErrorCode::GenericError;
  const char* reason = "";

  static Refusal none() { return Refusal(); }
  static Refusal because(messages::RpcErrorCode code, const char* reason) {
    return Refusal{true, code, reason};
  }
};

Refusal handle(Engine&, const messages::CancelReservationReq&, messages::CancelReservationConf&);
Refusal handle(Engine&, const messages::ChangeAvailabilityReq&, messages::ChangeAvailabilityConf&);
Refusal handle(Engine&, const messages::ChangeConfigurationReq&,
               messages::ChangeConfigurationConf&);
Refusal handle(Engine&, const messages::ClearCacheReq&, messages::ClearCacheConf&);
Refusal handle(Engine&, const messages::ClearChargingProfileReq&,
               messages::ClearChargingProfileConf&);
Refusal handle(Engine&, const messages::GetLocalListVersionReq&,
               messages::GetLocalListVersionConf&);
Refusal handle(Engine&, const messages::RemoteStartTransactionReq&,
               messages::RemoteStartTransactionConf&);
Refusal handle(Engine&, const messages::RemoteStopTransactionReq&,
               messages::RemoteStopTransactionConf&);
Refusal handle(Engine&, const messages::ReserveNowReq&, messages::ReserveNowConf&);
Refusal handle(Engine&, const messages::ResetReq&, messages::ResetConf&);
Refusal handle(Engine&, const messages::UnlockConnectorReq&, messages::UnlockConnectorConf&);
Refusal handle(Engine&, const messages::UpdateFirmwareReq&, messages::UpdateFirmwareConf&);

/// A CALL that is being answered.
class InboundCall {
 public:
  InboundCall(Engine& engine, const RpcFrame& frame) : engine_(engine), frame_(frame) {}

  Engine& engine() const { return engine_; }
  messages::FramePayload payload() const { return frame_.payload; }
  /// Of the message, as it stands in the frame: for an answer that comes later.
  common::TextSpan raw_id() const { return frame_.raw_id; }

  /// Queues the CALLRESULT. An answer that does not fit becomes a CALLERROR.
  template <typename Conf>
  void answer(const Conf& conf) const {
    answer(Conf::kType, &conf);
  }
  /// @param conf  The object that type describes.
  void answer(const messages::runtime::ObjectType& type, const void* conf) const;
  void refuse(messages::RpcErrorCode code, common::TextSpan description) const;
  void refuse(const messages::DecodeError& error) const;

 private:
  void begin(json::Writer& writer, int type) const;
  void finish(common::Status status, size_t size) const;

  Engine& engine_;
  const RpcFrame& frame_;
};

void handle_data_transfer(const InboundCall& call);
void handle_get_composite_schedule(const InboundCall& call);
void handle_get_configuration(const InboundCall& call);
void handle_get_diagnostics(const InboundCall& call);
void handle_send_local_list(const InboundCall& call);
void handle_set_charging_profile(const InboundCall& call);
void handle_trigger_message(const InboundCall& call);

/// Sends a message as soon as possible (TriggerMessage, ExtendedTriggerMessage).
messages::TriggerMessageStatus trigger(Engine& engine, const messages::TriggerMessageReq& request);

/// Adds a period to a profile of a request. @return false when there are too many, they do not ascend from 0, or a value
/// is negative.
bool add_period(const messages::ChargingSchedulePeriod& item, ChargingProfile& out);
/// Everything but the periods, which are there already. @retval kInvalidArgument  The profile contradicts itself or
/// exceeds the limits.
common::Status to_profile(const messages::ChargingProfile& message, uint8_t connector_id,
                          common::UtcTime now, ChargingProfile& out);

}  // namespace ocpp
