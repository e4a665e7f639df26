#pragma once

#include "gateway/ocpp_engine.hpp"
#include "ocpp_messages/action.hpp"

namespace gateway {

/// Head of an OCPP-J frame (OCPP-J 1.6, 4.2).
struct FrameHead {
  enum class Kind : uint8_t { kNone = 0, kCall = 2, kResult = 3, kError = 4 };
  Kind kind = Kind::kNone;
  common::TextSpan id;       ///< As it stands in the frame, escapes included.
  common::TextSpan action;   ///< Of a CALL.
  common::TextSpan payload;  ///< Of a CALL or a result, JSON; empty when cut off.
};

/// Reads as much as there is: of a frame that was cut the id, at best. kNone: not even that.
FrameHead read_frame_head(common::TextSpan frame);

/// Text member of a JSON object, escapes not resolved; empty when there is none.
common::TextSpan text_member(common::TextSpan object, const char* name);

/// Follows the frames of an engine that tells nothing of them: counts by action, and says what an answer is for.
/// Of the messages of the CSMS those count whose action OCPP 1.6 knows.
class FrameWatch {
 public:
  void on_sent(common::TextSpan frame);
  /// @return  What was received; of an answer to our CALL with its action (static).
  FrameHead on_received(common::TextSpan frame);
  /// What is under way will not be answered.
  void on_link_down();
  /// Of our CALL that waits for its answer; empty when there is none, or its id is longer than that of any UUID.
  common::TextSpan waiting_id() const { return own_id_.span(); }
  /// Static; empty when there is none.
  const char* waiting_action() const;

  static constexpr size_t kCount = ocpp_messages::kActionCount;
  /// @param index  < kCount
  ActionCounters counters(size_t index) const;

 private:
  static constexpr size_t kMaxCalls = 10;  ///< Of the CSMS without an answer.
  static constexpr uint8_t kNoAction = UINT8_MAX;

  /// Ids are long; their checksums do.
  struct Call {
    uint32_t id_crc = 0;
    uint8_t action = kNoAction;
  };
  struct Counts {
    uint32_t sent = 0;
    uint32_t answered = 0;
    uint32_t failed = 0;
    uint32_t timed_out = 0;
    uint32_t received = 0;
    uint32_t refused = 0;
  };

  Call own_;
  common::FixedString<36> own_id_;
  Call others_[kMaxCalls];
  size_t next_ = 0;
  Counts counts_[kCount];
};

}  // namespace gateway
