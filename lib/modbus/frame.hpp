#pragma once

#include "common/span.hpp"
#include "common/status.hpp"

/// Modbus application protocol V1.1b3 and serial line V1.02, client side. Sans I/O.
namespace modbus {

enum class Function : uint8_t {
  kReadCoils = 1,
  kReadDiscreteInputs = 2,
  kReadHoldingRegisters = 3,
  kReadInputRegisters = 4,
  kWriteSingleCoil = 5,
  kWriteSingleRegister = 6,
  kWriteMultipleRegisters = 16,
};

constexpr bool is_write(Function function) {
  return function == Function::kWriteSingleCoil || function == Function::kWriteSingleRegister ||
         function == Function::kWriteMultipleRegisters;
}
constexpr bool is_bit_read(Function function) {
  return function == Function::kReadCoils || function == Function::kReadDiscreteInputs;
}

constexpr size_t kMaxReadRegisters = 125;
constexpr size_t kMaxReadBits = 2000;
/// Registers of one write: enough for a 64-bit value.
constexpr size_t kMaxWriteRegisters = 4;
/// Longest RTU frame: unit, 253 bytes of PDU, CRC.
constexpr size_t kMaxRtuBytes = 256;
constexpr size_t kMaxTcpBytes = 260;

/// One request to one unit.
struct Request {
  uint8_t unit = 1;  ///< 1..247 (RTU), 0..255 (TCP). Broadcast is not offered.
  Function function = Function::kReadHoldingRegisters;
  uint16_t address = 0;                      ///< As on the wire, counted from 0.
  uint16_t count = 1;                        ///< Registers or bits; 1 for the single writes.
  uint16_t values[kMaxWriteRegisters] = {};  ///< Writes only; a coil is 0 or 1.
};

/// @retval kInvalidArgument  Unit, count or address + count is outside what the function allows.
common::Status validate(const Request& request);

/// CRC-16/MODBUS; sent low byte first.
uint16_t crc16(common::ByteSpan data);

/// Writes the RTU frame of a valid request. @return Bytes written; 0 when out is too small.
size_t encode_rtu(const Request& request, common::MutableByteSpan out);
/// Writes the Modbus TCP frame (MBAP header and PDU) of a valid request. @return Bytes; 0 when out is too small.
size_t encode_tcp(const Request& request, uint16_t transaction_id, common::MutableByteSpan out);

/// What was found in the bytes received so far.
enum class ReplyVerdict : uint8_t {
  kIncomplete,  ///< No complete answer yet: wait for more.
  kComplete,    ///< Answer found: see payload.
  kException,   ///< The unit refused: see exception_code.
  kBadCrc,      ///< Something like the answer came with a wrong CRC; a good one may still follow.
  kGarbage,     ///< Bytes, but nothing that answers this request; an answer may still follow.
};

struct ReplyView {
  ReplyVerdict verdict = ReplyVerdict::kIncomplete;
  uint8_t exception_code = 0;  ///< Modbus V1.1b3 section 7, with kException.
  common::ByteSpan
      payload;  ///< Data of a read (registers big endian, or packed bits). Points into the bytes searched.
};

/// Searches bytes for the RTU answer to request: tolerates garbage before and after, and frames of other
/// units or functions; byte count and written values must match.
ReplyView find_rtu_reply(common::ByteSpan bytes, const Request& request);
/// Same for Modbus TCP; answers to other transaction ids are skipped.
ReplyView find_tcp_reply(common::ByteSpan bytes, const Request& request, uint16_t transaction_id);

/// Register at index of the payload of a register read.
inline uint16_t register_at(common::ByteSpan payload, size_t index) {
  return static_cast<uint16_t>((payload[2 * index] << 8U) | payload[2 * index + 1]);
}
/// Bit at index of the payload of a bit read.
inline bool bit_at(common::ByteSpan payload, size_t index) {
  return ((payload[index / 8] >> (index % 8)) & 1U) != 0;
}

}  // namespace modbus
