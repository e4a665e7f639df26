#pragma once

#include "common/span.hpp"
#include "common/status.hpp"

/// Modbus application protocol V1.1b3, serial line V1.02 and TCP V1.0b, client side. Sans I/O.
namespace modbus {

/// How a request is packed. Any of them may go over a TCP connection: a serial-to-Ethernet converter passes RTU
/// and ASCII frames on as they are.
enum class Framing : uint8_t {
  kRtu,    ///< Unit, PDU, CRC-16.
  kAscii,  ///< ':', unit, PDU and LRC in hexadecimal, CR LF. 8 data bits, not the 7 of the standard.
  kTcp,    ///< MBAP header, PDU.
};

enum class Function : uint8_t {
  kReadCoils = 1,
  kReadDiscreteInputs = 2,
  kReadHoldingRegisters = 3,
  kReadInputRegisters = 4,
  kWriteSingleCoil = 5,
  kWriteSingleRegister = 6,
  kWriteMultipleCoils = 15,
  kWriteMultipleRegisters = 16,
};

constexpr bool is_write(Function function) { return function >= Function::kWriteSingleCoil; }
constexpr bool is_bit_read(Function function) {
  return function == Function::kReadCoils || function == Function::kReadDiscreteInputs;
}

/// Exception codes, Modbus V1.1b3 section 7.
enum ExceptionCode : uint8_t {
  kIllegalFunction = 1,
  kIllegalAddress = 2,
  kIllegalValue = 3,
  kDeviceFailure = 4,
  kAcknowledge = 5,  ///< Accepted, takes long.
  kDeviceBusy = 6,
  kNegativeAcknowledge = 7,
  kMemoryParityError = 8,
  kPathUnavailable = 10,  ///< From a gateway: it cannot reach the unit.
  kTargetSilent = 11,     ///< From a gateway: the unit does not answer.
};
/// The unit does not know this request: asking again gives the same. The others pass.
constexpr bool is_permanent(uint8_t exception_code) {
  return exception_code >= kIllegalFunction && exception_code <= kIllegalValue;
}

constexpr size_t kMaxReadRegisters = 125;
constexpr size_t kMaxReadBits = 2000;
/// Registers of one write: enough for a 64-bit value.
constexpr size_t kMaxWriteRegisters = 4;
/// Coils of one write: the bits of Request::values[0].
constexpr size_t kMaxWriteCoils = 16;
/// Longest RTU frame: unit, 253 bytes of PDU, CRC.
constexpr size_t kMaxRtuBytes = 256;
constexpr size_t kMaxTcpBytes = 260;
/// Longest PDU of a request.
constexpr size_t kMaxRequestPduBytes = 6 + 2 * kMaxWriteRegisters;
/// Longest request in any framing: ASCII has two characters per byte, and five around them.
constexpr size_t kMaxRequestBytes = 5 + 2 * (1 + kMaxRequestPduBytes + 1);

/// One request to one unit.
struct Request {
  uint8_t unit = 1;  ///< 1..247 (RTU), 0..255 (TCP). Broadcast is not offered.
  Function function = Function::kReadHoldingRegisters;
  uint16_t address = 0;  ///< As on the wire, counted from 0.
  uint16_t count = 1;    ///< Registers or bits; 1 for the single writes.
  uint16_t values[kMaxWriteRegisters] =
      {};  ///< Writes only. One coil: 0 or 1; several: bits of values[0], the first lowest.
};

/// @retval kInvalidArgument  Unit, count or address + count is outside what the function allows.
common::Status validate(const Request& request);

/// CRC-16/MODBUS; sent low byte first.
uint16_t crc16(common::ByteSpan data);

/// Writes the frame of a valid request.
/// @param transaction_id  kTcp only.
/// @return Bytes written; 0 when out is too small (kMaxRequestBytes is enough).
size_t encode(Framing framing, const Request& request, uint16_t transaction_id,
              common::MutableByteSpan out);
/// Bytes of the frame that answers a request as asked; on the wire an ASCII frame is longer, see wire_characters().
size_t reply_bytes(Framing framing, const Request& request);
/// Characters that a frame of so many bytes takes on a serial line.
constexpr size_t wire_characters(Framing framing, size_t bytes) {
  return framing == Framing::kAscii ? 3 + 2 * bytes : bytes;
}

/// What was found in the bytes received so far.
enum class ReplyVerdict : uint8_t {
  kIncomplete,  ///< No complete answer yet: wait for more.
  kComplete,    ///< Answer found: see payload.
  kException,   ///< The unit refused: see exception_code.
  kBadCrc,  ///< Something like the answer came with a wrong CRC or LRC; a good one may still follow.
  kGarbage,  ///< Bytes, but nothing that answers this request; an answer may still follow.
};

struct ReplyView {
  bool is_answer() const {
    return verdict == ReplyVerdict::kComplete || verdict == ReplyVerdict::kException;
  }

  ReplyVerdict verdict = ReplyVerdict::kIncomplete;
  uint8_t exception_code = 0;  ///< With kException.
  common::ByteSpan
      payload;  ///< Data of a read (registers big endian, or packed bits). Points into the bytes searched.
};

/// Searches bytes for the RTU answer to request: tolerates garbage before and after, and frames of other
/// units or functions; byte count and written values must match.
ReplyView find_rtu_reply(common::ByteSpan bytes, const Request& request);
/// Same for Modbus TCP; answers to other transaction ids are skipped. kGarbage: the stream has lost its framing, or the
/// answer is none to this request: close the connection.
/// @param skipped  Set to the bytes at the front that belong to other transactions: they can be dropped.
ReplyView find_tcp_reply(common::ByteSpan bytes, const Request& request, uint16_t transaction_id,
                         size_t& skipped);
/// Bytes at the front that are whole Modbus TCP frames.
/// @retval kCorrupt  No Modbus TCP: wrong protocol id or length.
common::Result<size_t> whole_tcp_frames(common::ByteSpan bytes);
/// Does this frame, as AsciiDecoder left it, answer the request?
ReplyView match_ascii_reply(common::ByteSpan frame, bool is_whole, const Request& request);

/// Turns the characters of Modbus ASCII into the bytes of a frame: unit, PDU, LRC. A ':' begins a frame
/// wherever it stands; what is no frame is passed over.
class AsciiDecoder {
 public:
  /// @param frame  Where the bytes go; kept until the next reset(). A longer frame is passed over.
  void reset(common::MutableByteSpan frame);
  /// @return true when this character ends a frame: take it before the next push().
  bool push(uint8_t character);
  size_t size() const { return size_; }
  bool is_inside() const { return state_ == State::kInside; }

 private:
  enum class State : uint8_t { kOutside, kInside, kEnded };
  common::MutableByteSpan frame_;
  size_t size_ = 0;
  State state_ = State::kOutside;
  bool has_half_ = false;
  uint8_t half_ = 0;
};

/// Register at index of the payload of a register read.
inline uint16_t register_at(common::ByteSpan payload, size_t index) {
  return static_cast<uint16_t>((payload[2 * index] << 8U) | payload[2 * index + 1]);
}
/// Bit at index of the payload of a bit read.
inline bool bit_at(common::ByteSpan payload, size_t index) {
  return ((payload[index / 8] >> (index % 8)) & 1U) != 0;
}

}  // namespace modbus
