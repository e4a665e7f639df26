#pragma once

#include "common/fixed_vector.hpp"
#include "common/limits.hpp"
#include "ocpp_messages/data_transfer.hpp"

#include <cstring>

namespace ocpp {

using DataTransferStatus = ocpp_messages::DataTransferStatus;
using ocpp_messages::Text;

/// What the application does with one kind of DataTransfer of the CSMS (OCPP 1.6 ed. 2, 4.3 and 5.6).
struct DataTransferHandler {
  const char* vendor_id = "";  ///< Reversed domain name of the vendor. Static.
  const char* message_id =
      nullptr;  ///< nullptr = every message of this vendor, also those without id.
  /// Called from receive(). @param data    Of the request, empty when it has none; only during the call.
  /// @param answer       Room for the data of the answer, limits::kDataTransferBytes.
  /// @param answer_size  0; set it to the bytes written, to answer with data.
  /// @return What to answer: Accepted, Rejected, or UnknownMessageId.
  DataTransferStatus (*on_request)(void* context, const Text& message_id, const Text& data,
                                   common::Span<char> answer, size_t& answer_size) = nullptr;
  void* context = nullptr;  ///< Outlives the engine.
};

/// Vendor messages in both directions: who takes those of the CSMS, and one of ours at a time.
class DataTransfers {
 public:
  /// @retval kNoSpace  limits::kMaxDataTransferHandlers are registered.
  common::Status add(const DataTransferHandler& handler) { return handlers_.push_back(handler); }
  common::Span<const DataTransferHandler> handlers() const { return handlers_.span(); }

  /// @param message_id, data  Empty = left out.
  /// @retval kAgain    One is under way.
  /// @retval kNoSpace  More than limits::kDataTransferBytes in all, or an id is too long or missing.
  common::Status put(common::TextSpan vendor_id, common::TextSpan message_id,
                     common::TextSpan data);
  bool is_waiting() const { return state_ == State::kWaiting; }
  /// The request, referring to this object.
  ocpp_messages::DataTransferReq request() const;
  void on_sent() { state_ = State::kSent; }
  /// @param data  What the CSMS answered, cut to the room there is; nullptr when it did not.
  void on_answer(const Text* data);
  /// Data of the last answer. Valid until the next put().
  common::TextSpan answer() const { return common::TextSpan(buffer_, answer_bytes_); }

 private:
  enum class State : uint8_t { kIdle, kWaiting, kSent };

  State state_ = State::kIdle;
  uint16_t vendor_bytes_ = 0;
  uint16_t message_bytes_ = 0;
  uint16_t data_bytes_ = 0;
  uint16_t answer_bytes_ = 0;
  common::FixedVector<DataTransferHandler, limits::kMaxDataTransferHandlers> handlers_;
  char buffer_[limits::kDataTransferBytes];
};

}  // namespace ocpp
