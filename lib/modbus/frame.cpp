#include "modbus/frame.hpp"

namespace modbus {

namespace {

constexpr uint8_t kExceptionBit = 0x80;
constexpr size_t kMbapBytes = 7;
constexpr size_t kMaxPduBytes = 6 + 2 * kMaxWriteRegisters;

void put_u16(uint8_t* out, uint16_t value) {
  out[0] = static_cast<uint8_t>(value >> 8U);
  out[1] = static_cast<uint8_t>(value & 0xFFU);
}

/// PDU of a valid request. @return Bytes, at most kMaxPduBytes.
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
  uint8_t expected[kMaxPduBytes];
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

size_t encode_rtu(const Request& request, common::MutableByteSpan out) {
  uint8_t pdu[kMaxPduBytes];
  const size_t pdu_size = encode_pdu(request, pdu);
  const size_t size = 1 + pdu_size + 2;
  if (out.size() < size) return 0;
  out[0] = request.unit;
  std::memcpy(out.data() + 1, pdu, pdu_size);
  const uint16_t crc = crc16(common::ByteSpan(out.data(), 1 + pdu_size));
  out[size - 2] = static_cast<uint8_t>(crc & 0xFFU);
  out[size - 1] = static_cast<uint8_t>(crc >> 8U);
  return size;
}

size_t encode_tcp(const Request& request, uint16_t transaction_id, common::MutableByteSpan out) {
  uint8_t pdu[kMaxPduBytes];
  const size_t pdu_size = encode_pdu(request, pdu);
  const size_t size = kMbapBytes + pdu_size;
  if (out.size() < size) return 0;
  put_u16(out.data(), transaction_id);
  put_u16(out.data() + 2, 0);
  put_u16(out.data() + 4, static_cast<uint16_t>(1 + pdu_size));
  out[6] = request.unit;
  std::memcpy(out.data() + kMbapBytes, pdu, pdu_size);
  return size;
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

ReplyView find_tcp_reply(common::ByteSpan bytes, const Request& request, uint16_t transaction_id) {
  ReplyView view;
  size_t start = 0;
  while (bytes.size() - start >= kMbapBytes) {
    const common::ByteSpan header = bytes.subspan(start, kMbapBytes);
    const size_t length = static_cast<size_t>((header[4] << 8U) | header[5]);
    // A stream that lost its framing cannot be repaired: the caller closes the connection.
    if (header[2] != 0 || header[3] != 0 || length < 2 || length > kMaxTcpBytes - 6) {
      view.verdict = ReplyVerdict::kGarbage;
      return view;
    }
    if (bytes.size() - start < 6 + length) return view;
    const common::ByteSpan pdu = bytes.subspan(start + kMbapBytes, length - 1);
    if (((header[0] << 8U) | header[1]) == transaction_id && header[6] == request.unit) {
      const PduMatch match = match_pdu(pdu, request);
      const size_t pdu_size = match == PduMatch::kException ? 2 : reply_pdu_bytes(request);
      if ((match != PduMatch::kYes && match != PduMatch::kException) || pdu.size() != pdu_size) {
        view.verdict = ReplyVerdict::kGarbage;
        return view;
      }
      return make_view(match, pdu, request);
    }
    start += 6 + length;
  }
  return view;
}

}  // namespace modbus
