#include "modbus/frame.hpp"

namespace modbus {

namespace {

constexpr uint8_t kExceptionBit = 0x80;
constexpr size_t kMbapBytes = 7;

void put_u16(uint8_t* out, uint16_t value) {
  out[0] = static_cast<uint8_t>(value >> 8U);
  out[1] = static_cast<uint8_t>(value & 0xFFU);
}

/// PDU of a valid request. @return Bytes, at most kMaxRequestPduBytes.
size_t encode_pdu(const Request& request, uint8_t* out) {
  out[0] = static_cast<uint8_t>(request.function);
  put_u16(out + 1, request.address);
  switch (request.function) {
    case Function::kReadCoils:
    case Function::kReadDiscreteInputs:
    case Function::kReadHoldingRegisters:
    case Function::kReadInputRegisters:
      put_u16(out + 3, request.count);
      return 5;
    case Function::kWriteSingleCoil:
      put_u16(out + 3, request.values[0] != 0 ? 0xFF00 : 0x0000);
      return 5;
    case Function::kWriteSingleRegister:
      put_u16(out + 3, request.values[0]);
      return 5;
    case Function::kWriteMultipleCoils:
      put_u16(out + 3, request.count);
      out[5] = static_cast<uint8_t>((request.count + 7U) / 8U);
      out[6] = static_cast<uint8_t>(request.values[0] & 0xFFU);
      out[7] = static_cast<uint8_t>(request.values[0] >> 8U);
      return 6U + out[5];
    case Function::kWriteMultipleRegisters:
      break;
  }
  put_u16(out + 3, request.count);
  out[5] = static_cast<uint8_t>(2 * request.count);
  for (size_t i = 0; i < request.count; ++i) put_u16(out + 6 + 2 * i, request.values[i]);
  return 6 + 2 * static_cast<size_t>(request.count);
}

size_t payload_bytes(const Request& request) {
  return is_bit_read(request.function) ? (request.count + 7U) / 8U : 2U * request.count;
}

/// Length of the answer's PDU when the unit does as asked.
size_t reply_pdu_bytes(const Request& request) {
  return is_write(request.function) ? 5 : 2 + payload_bytes(request);
}

enum class PduMatch : uint8_t { kNo, kMaybe, kYes, kException };

/// Does this PDU, perhaps still growing, answer the request? The caller has checked that it starts at pdu[0].
PduMatch match_pdu(common::ByteSpan pdu, const Request& request) {
  const uint8_t function = static_cast<uint8_t>(request.function);
  if (pdu.empty()) return PduMatch::kMaybe;
  if (pdu[0] == (function | kExceptionBit))
    return pdu.size() < 2 ? PduMatch::kMaybe : PduMatch::kException;
  if (pdu[0] != function) return PduMatch::kNo;
  if (!is_write(request.function)) {
    if (pdu.size() < 2) return PduMatch::kMaybe;
    if (pdu[1] != payload_bytes(request)) return PduMatch::kNo;
    return pdu.size() < reply_pdu_bytes(request) ? PduMatch::kMaybe : PduMatch::kYes;
  }
  // Writes are echoed: address, then value or count.
  uint8_t expected[kMaxRequestPduBytes];
  encode_pdu(request, expected);
  for (size_t i = 1; i < 5; ++i) {
    if (i >= pdu.size()) return PduMatch::kMaybe;
    if (pdu[i] != expected[i]) return PduMatch::kNo;
  }
  return PduMatch::kYes;
}

ReplyView make_view(PduMatch match, common::ByteSpan pdu, const Request& request) {
  ReplyView view;
  if (match == PduMatch::kException) {
    view.verdict = ReplyVerdict::kException;
    view.exception_code = pdu[1];
    return view;
  }
  view.verdict = ReplyVerdict::kComplete;
  if (!is_write(request.function)) view.payload = pdu.subspan(2, payload_bytes(request));
  return view;
}

/// Size of the frame at the front; 0 while it is not whole.
common::Result<size_t> first_tcp_frame(common::ByteSpan bytes) {
  if (bytes.size() < kMbapBytes - 1) return size_t{0};
  const size_t length = static_cast<size_t>((bytes[4] << 8U) | bytes[5]);
  if (bytes[2] != 0 || bytes[3] != 0 || length < 2 || length > kMaxTcpBytes - 6)
    return common::Status::kCorrupt;
  return bytes.size() < 6 + length ? 0 : 6 + length;
}

/// Check of an ASCII frame (Modbus over serial line V1.02, 6.2.1).
uint8_t lrc(common::ByteSpan data) {
  uint8_t sum = 0;
  for (const uint8_t byte : data) sum = static_cast<uint8_t>(sum + byte);
  return static_cast<uint8_t>(-sum);
}

size_t write_hexadecimal(common::ByteSpan frame, common::MutableByteSpan out) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  const size_t size = wire_characters(Framing::kAscii, frame.size());
  if (out.size() < size) return 0;
  size_t at = 0;
  out[at++] = ':';
  for (const uint8_t byte : frame) {
    out[at++] = static_cast<uint8_t>(kDigits[byte >> 4U]);
    out[at++] = static_cast<uint8_t>(kDigits[byte & 0x0FU]);
  }
  out[at++] = '\r';
  out[at++] = '\n';
  return at;
}

/// Lower case too: some units answer so.
bool read_digit(uint8_t character, uint8_t& out) {
  const char c = common::ascii_lower(static_cast<char>(character));
  if (c >= '0' && c <= '9') {
    out = static_cast<uint8_t>(c - '0');
  } else if (c >= 'a' && c <= 'f') {
    out = static_cast<uint8_t>(c - 'a' + 10);
  } else {
    return false;
  }
  return true;
}

}  // namespace

common::Status validate(const Request& request) {
  uint16_t max_count = 1;
  switch (request.function) {
    case Function::kReadCoils:
    case Function::kReadDiscreteInputs:
      max_count = kMaxReadBits;
      break;
    case Function::kReadHoldingRegisters:
    case Function::kReadInputRegisters:
      max_count = kMaxReadRegisters;
      break;
    case Function::kWriteMultipleCoils:
      max_count = kMaxWriteCoils;
      break;
    case Function::kWriteMultipleRegisters:
      max_count = kMaxWriteRegisters;
      break;
    case Function::kWriteSingleCoil:
    case Function::kWriteSingleRegister:
      break;
  }
  if (request.count == 0 || request.count > max_count) return common::Status::kInvalidArgument;
  if (static_cast<uint32_t>(request.address) + request.count > 0x10000U)
    return common::Status::kInvalidArgument;
  return common::Status::kOk;
}

uint16_t crc16(common::ByteSpan data) {
  uint16_t crc = 0xFFFF;
  for (const uint8_t byte : data) {
    crc = static_cast<uint16_t>(crc ^ byte);
    for (int bit = 0; bit < 8; ++bit) {
      const bool carry = (crc & 1U) != 0;
      crc = static_cast<uint16_t>(crc >> 1U);
      if (carry) crc = static_cast<uint16_t>(crc ^ 0xA001U);
    }
  }
  return crc;
}

size_t encode(Framing framing, const Request& request, uint16_t transaction_id,
              common::MutableByteSpan out) {
  uint8_t frame[kMbapBytes + kMaxRequestPduBytes + 2];
  // Unit and PDU stand in one place in all framings; what is around them differs.
  uint8_t* const unit = frame + kMbapBytes - 1;
  *unit = request.unit;
  size_t size = 1 + encode_pdu(request, unit + 1);
  const uint8_t* begin = unit;
  switch (framing) {
    case Framing::kRtu: {
      const uint16_t crc = crc16(common::ByteSpan(unit, size));
      unit[size++] = static_cast<uint8_t>(crc & 0xFFU);
      unit[size++] = static_cast<uint8_t>(crc >> 8U);
      break;
    }
    case Framing::kTcp:
      put_u16(frame, transaction_id);
      put_u16(frame + 2, 0);
      put_u16(frame + 4, static_cast<uint16_t>(size));
      begin = frame;
      size += kMbapBytes - 1;
      break;
    case Framing::kAscii:
      unit[size] = lrc(common::ByteSpan(unit, size));
      ++size;
      return write_hexadecimal(common::ByteSpan(unit, size), out);
  }
  if (out.size() < size) return 0;
  std::memcpy(out.data(), begin, size);
  return size;
}

size_t reply_bytes(Framing framing, const Request& request) {
  const size_t pdu_size = reply_pdu_bytes(request);
  switch (framing) {
    case Framing::kRtu:
      return 1 + pdu_size + 2;
    case Framing::kAscii:
      return 1 + pdu_size + 1;
    case Framing::kTcp:
      break;
  }
  return kMbapBytes + pdu_size;
}

ReplyView find_rtu_reply(common::ByteSpan bytes, const Request& request) {
  ReplyView view;
  bool may_grow = false;
  bool bad_crc = false;
  for (size_t start = 0; start < bytes.size(); ++start) {
    if (bytes[start] != request.unit) continue;
    const common::ByteSpan rest = bytes.subspan(start + 1);
    const PduMatch match = match_pdu(rest, request);
    if (match == PduMatch::kNo) continue;
    if (match == PduMatch::kMaybe) {
      may_grow = true;
      continue;
    }
    const size_t pdu_size = match == PduMatch::kException ? 2 : reply_pdu_bytes(request);
    if (rest.size() < pdu_size + 2) {
      may_grow = true;
      continue;
    }
    const uint16_t crc = crc16(bytes.subspan(start, 1 + pdu_size));
    if (rest[pdu_size] == (crc & 0xFFU) && rest[pdu_size + 1] == (crc >> 8U)) {
      return make_view(match, rest.first(pdu_size), request);
    }
    bad_crc = true;
  }
  if (bad_crc) {
    view.verdict = ReplyVerdict::kBadCrc;
  } else if (!may_grow && !bytes.empty()) {
    view.verdict = ReplyVerdict::kGarbage;
  }
  return view;
}

ReplyView find_tcp_reply(common::ByteSpan bytes, const Request& request, uint16_t transaction_id,
                         size_t& skipped) {
  ReplyView view;
  skipped = 0;
  for (;;) {
    const common::ByteSpan rest = bytes.subspan(skipped);
    const common::Result<size_t> size = first_tcp_frame(rest);
    if (!size.ok()) {
      view.verdict = ReplyVerdict::kGarbage;
      return view;
    }
    if (size.value() == 0) return view;
    const common::ByteSpan pdu = rest.first(size.value()).subspan(kMbapBytes);
    if (((rest[0] << 8U) | rest[1]) == transaction_id && rest[6] == request.unit) {
      const PduMatch match = match_pdu(pdu, request);
      const size_t pdu_size = match == PduMatch::kException ? 2 : reply_pdu_bytes(request);
      if ((match != PduMatch::kYes && match != PduMatch::kException) || pdu.size() != pdu_size) {
        view.verdict = ReplyVerdict::kGarbage;
        return view;
      }
      return make_view(match, pdu, request);
    }
    skipped += size.value();
  }
}

common::Result<size_t> whole_tcp_frames(common::ByteSpan bytes) {
  size_t total = 0;
  for (;;) {
    const common::Result<size_t> size = first_tcp_frame(bytes.subspan(total));
    if (!size.ok() || size.value() == 0) return size.ok() ? total : size;
    total += size.value();
  }
}

ReplyView match_ascii_reply(common::ByteSpan frame, bool is_whole, const Request& request) {
  ReplyView view;
  if (frame.empty() || frame[0] != request.unit) {
    if (is_whole) view.verdict = ReplyVerdict::kGarbage;
    return view;
  }
  const common::ByteSpan pdu = frame.subspan(1);
  const PduMatch match = match_pdu(pdu, request);
  const size_t pdu_size = match == PduMatch::kException ? 2 : reply_pdu_bytes(request);
  const bool is_answer = match == PduMatch::kYes || match == PduMatch::kException;
  // The CR LF after it need not be waited for.
  if (is_answer && pdu.size() == pdu_size + 1) {
    if (pdu[pdu_size] == lrc(frame.first(1 + pdu_size)))
      return make_view(match, pdu.first(pdu_size), request);
    view.verdict = ReplyVerdict::kBadCrc;
  } else if (is_whole) {
    view.verdict = ReplyVerdict::kGarbage;
  }
  return view;
}

void AsciiDecoder::reset(common::MutableByteSpan frame) {
  frame_ = frame;
  size_ = 0;
  state_ = State::kOutside;
}

bool AsciiDecoder::push(uint8_t character) {
  if (character == ':') {
    state_ = State::kInside;
    has_half_ = false;
    size_ = 0;
    return false;
  }
  if (state_ != State::kInside) return false;
  if (character == '\r') return false;
  if (character == '\n') {
    state_ = State::kOutside;
    return !has_half_ && size_ > 0;
  }
  uint8_t digit = 0;
  if (!read_digit(character, digit) || (has_half_ && size_ == frame_.size())) {
    state_ = State::kOutside;
    size_ = 0;
    return false;
  }
  if (has_half_) {
    frame_[size_++] = static_cast<uint8_t>(half_ << 4U | digit);
  } else {
    half_ = digit;
  }
  has_half_ = !has_half_;
  return false;
}

}  // namespace modbus
