#pragma once

#include "ocpp_messages/action.hpp"
#include "ocpp_messages/runtime/codec.hpp"

#include <string>

namespace message_codec {

/// What the codec made of one payload.
struct Outcome {
  ocpp_messages::DecodeError error;
  common::Status encoded_status = common::Status::kOk;  ///< Only if !error is ok.
  std::string encoded;                                  ///< The payload encoded again.
};

/// Decodes a payload and, if it is accepted, encodes it again.
/// @param request  True for Action.req, false for Action.conf.
Outcome round_trip(ocpp_messages::Action action, bool request, bool strict,
                   const std::string& json);

}  // namespace message_codec
