#include "ocpp/data_transfer.hpp"

namespace ocpp {

using common::Status;
using common::TextSpan;

Status DataTransfers::put(TextSpan vendor_id, TextSpan message_id, TextSpan data) {
  if (state_ != State::kIdle) return Status::kAgain;
  if (vendor_id.empty() || vendor_id.size() > 255 || message_id.size() > 50 ||
      vendor_id.size() + message_id.size() + data.size() > sizeof buffer_) {
    return Status::kNoSpace;
  }
  char* out = buffer_;
  for (const TextSpan part : {vendor_id, message_id, data}) {
    if (!part.empty()) std::memcpy(out, part.data(), part.size());
    out += part.size();
  }
  vendor_bytes_ = static_cast<uint16_t>(vendor_id.size());
  message_bytes_ = static_cast<uint16_t>(message_id.size());
  data_bytes_ = static_cast<uint16_t>(data.size());
  answer_bytes_ = 0;
  state_ = State::kWaiting;
  return Status::kOk;
}

ocpp_messages::DataTransferReq DataTransfers::request() const {
  ocpp_messages::DataTransferReq request;
  request.vendor_id = TextSpan(buffer_, vendor_bytes_);
  if (message_bytes_ > 0) request.message_id = TextSpan(buffer_ + vendor_bytes_, message_bytes_);
  if (data_bytes_ > 0)
    request.data = TextSpan(buffer_ + vendor_bytes_ + message_bytes_, data_bytes_);
  return request;
}

void DataTransfers::on_answer(const Text* data) {
  state_ = State::kIdle;
  answer_bytes_ = 0;
  if (data == nullptr) return;
  json::StringCursor pieces = data->cursor();
  for (TextSpan piece = pieces.next(); !piece.empty(); piece = pieces.next()) {
    size_t size = piece.size();
    if (size > sizeof buffer_ - answer_bytes_) {
      size = sizeof buffer_ - answer_bytes_;
      while (size > 0 && (static_cast<uint8_t>(piece[size]) & 0xC0U) == 0x80U) --size;
    }
    std::memcpy(buffer_ + answer_bytes_, piece.data(), size);
    answer_bytes_ = static_cast<uint16_t>(answer_bytes_ + size);
    if (size < piece.size()) return;
  }
}

}  // namespace ocpp
