#pragma once

#include "ocpp_messages/runtime/codec.hpp"

namespace ocpp {

namespace messages = ocpp_messages;

/// One received frame, taken apart (OCPP-J 1.6, 4.2). Spans point into the frame.
struct RpcFrame {
  enum class Kind : uint8_t {
    kUnreadable,  ///< No message type or no id: nothing can be answered.
    kCall,
    kCallResult,
    kCallError,
    kOther,  ///< A message type that 1.6 does not know: to be ignored.
  };
  /// What is wrong with a frame whose id could be read; nullptr when nothing is.
  const char* fault = nullptr;
  Kind kind = Kind::kUnreadable;
  common::TextSpan raw_id;  ///< As it stands in the frame, quotes included: echoed unchanged.
  common::TextSpan id;      ///< Content of the string; for a number its digits.
  common::TextSpan action;  ///< kCall.
  messages::FramePayload payload;  ///< kCall, kCallResult: not looked at yet.
  common::TextSpan error_code;
  common::TextSpan error_description;
};

/// Longest id that is echoed, bytes as they stand in the frame. The specification allows 36
/// characters.
constexpr size_t kMaxRawIdBytes = 200;

/// Takes a frame apart, up to the payload. Of a faulty or truncated one as much as can be read for
/// certain.
RpcFrame parse_frame(common::TextSpan frame, bool truncated);

}  // namespace ocpp
