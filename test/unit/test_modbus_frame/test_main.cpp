#include "doctest_main/doctest_main.hpp"
#include "modbus/frame.hpp"

#include <string>
#include <vector>

using common::ByteSpan;
using common::Status;
using modbus::Framing;
using modbus::Function;
using modbus::ReplyVerdict;
using modbus::ReplyView;
using modbus::Request;
using Bytes = std::vector<uint8_t>;

namespace {

Request make(uint8_t unit, Function function, uint16_t address, uint16_t count) {
  Request request;
  request.unit = unit;
  request.function = function;
  request.address = address;
  request.count = count;
  return request;
}

Request make_write(uint8_t unit, Function function, uint16_t address,
                   std::vector<uint16_t> values) {
  Request request = make(unit, function, address, static_cast<uint16_t>(values.size()));
  for (size_t i = 0; i < values.size(); ++i) request.values[i] = values[i];
  return request;
}

Bytes rtu(const Request& request) {
  uint8_t buffer[64];
  const size_t size = modbus::encode(Framing::kRtu, request, 0, buffer);
  return Bytes(buffer, buffer + size);
}

Bytes with_crc(Bytes bytes) {
  const uint16_t crc = modbus::crc16(ByteSpan(bytes.data(), bytes.size()));
  bytes.push_back(static_cast<uint8_t>(crc & 0xFF));
  bytes.push_back(static_cast<uint8_t>(crc >> 8));
  return bytes;
}

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Payloads of the result stay valid until the next call.
ReplyView find(const Bytes& received, const Request& request) {
  static Bytes bytes;
  bytes = received;
  return modbus::find_rtu_reply(ByteSpan(bytes.data(), bytes.size()), request);
}

}  // namespace

TEST_CASE("requests are encoded as in the examples of the field") {
  CHECK(rtu(make(1, Function::kReadHoldingRegisters, 0, 10)) ==
        Bytes{0x01, 0x03, 0x00, 0x00, 0x00, 0x0A, 0xC5, 0xCD});
  CHECK(rtu(make(0x11, Function::kReadCoils, 0x13, 0x25)) ==
        Bytes{0x11, 0x01, 0x00, 0x13, 0x00, 0x25, 0x0E, 0x84});
  CHECK(rtu(make(0x11, Function::kReadDiscreteInputs, 0xC4, 0x16)) ==
        Bytes{0x11, 0x02, 0x00, 0xC4, 0x00, 0x16, 0xBA, 0xA9});
  CHECK(rtu(make(0x11, Function::kReadInputRegisters, 8, 1)) ==
        Bytes{0x11, 0x04, 0x00, 0x08, 0x00, 0x01, 0xB2, 0x98});
  CHECK(rtu(make_write(0x11, Function::kWriteSingleCoil, 0xAC, {1})) ==
        Bytes{0x11, 0x05, 0x00, 0xAC, 0xFF, 0x00, 0x4E, 0x8B});
  CHECK(rtu(make_write(0x11, Function::kWriteSingleRegister, 1, {3})) ==
        Bytes{0x11, 0x06, 0x00, 0x01, 0x00, 0x03, 0x9A, 0x9B});
  CHECK(rtu(make_write(0x11, Function::kWriteMultipleRegisters, 1, {0x0A, 0x102})) ==
        Bytes{0x11, 0x10, 0x00, 0x01, 0x00, 0x02, 0x04, 0x00, 0x0A, 0x01, 0x02, 0xC6, 0xF0});
}

TEST_CASE("a coil is switched off with 0000") {
  CHECK(rtu(make_write(0x11, Function::kWriteSingleCoil, 0xAC, {0}))[4] == 0x00);
}

TEST_CASE("the TCP frame carries transaction, length and unit") {
  uint8_t buffer[64];
  const size_t size = modbus::encode(
      Framing::kTcp, make(17, Function::kReadHoldingRegisters, 107, 3), 0x1234, buffer);
  CHECK(Bytes(buffer, buffer + size) == Bytes{0x12, 0x34, 0, 0, 0, 6, 17, 3, 0, 107, 0, 3});
}

TEST_CASE("a frame that does not fit the buffer is not written") {
  uint8_t buffer[7];
  for (const Framing framing : {Framing::kRtu, Framing::kAscii, Framing::kTcp})
    CHECK(modbus::encode(framing, make(1, Function::kReadHoldingRegisters, 0, 1), 1, buffer) == 0);
}

TEST_CASE("requests outside what the functions allow are refused") {
  CHECK(modbus::validate(make(1, Function::kReadHoldingRegisters, 0, 125)) == Status::kOk);
  CHECK(modbus::validate(make(1, Function::kReadHoldingRegisters, 0, 126)) ==
        Status::kInvalidArgument);
  CHECK(modbus::validate(make(1, Function::kReadHoldingRegisters, 0, 0)) ==
        Status::kInvalidArgument);
  CHECK(modbus::validate(make(1, Function::kReadCoils, 0, 2000)) == Status::kOk);
  CHECK(modbus::validate(make(1, Function::kReadCoils, 0, 2001)) == Status::kInvalidArgument);
  CHECK(modbus::validate(make(1, Function::kReadHoldingRegisters, 65535, 1)) == Status::kOk);
  CHECK(modbus::validate(make(1, Function::kReadHoldingRegisters, 65535, 2)) ==
        Status::kInvalidArgument);
  CHECK(modbus::validate(make(1, Function::kWriteMultipleRegisters, 0, 5)) ==
        Status::kInvalidArgument);
  CHECK(modbus::validate(make(1, Function::kWriteSingleRegister, 0, 2)) ==
        Status::kInvalidArgument);
}

TEST_CASE("an answer is found as soon as its last byte is there, not before") {
  const Request request = make(1, Function::kReadInputRegisters, 5, 2);
  const Bytes reply = with_crc({1, 4, 4, 0x12, 0x34, 0xAB, 0xCD});
  for (size_t size = 0; size < reply.size(); ++size) {
    CHECK(find(Bytes(reply.begin(), reply.begin() + static_cast<long>(size)), request).verdict ==
          ReplyVerdict::kIncomplete);
  }
  const ReplyView view = find(reply, request);
  REQUIRE(view.verdict == ReplyVerdict::kComplete);
  CHECK(modbus::register_at(view.payload, 0) == 0x1234);
  CHECK(modbus::register_at(view.payload, 1) == 0xABCD);
}

TEST_CASE("garbage around an answer does not hide it") {
  const Request request = make(1, Function::kReadInputRegisters, 5, 1);
  const Bytes reply = with_crc({1, 4, 2, 0x00, 0x07});
  // The garbage holds the beginning of an answer, the unit id, and an answer with a wrong CRC.
  const Bytes before = Bytes{0xFF, 0x00, 1, 4, 1, 1, 4, 2, 0, 7, 0, 0};
  const ReplyView view = find(before + reply + Bytes{0x55, 0x01, 0x04}, request);
  REQUIRE(view.verdict == ReplyVerdict::kComplete);
  CHECK(modbus::register_at(view.payload, 0) == 7);
}

TEST_CASE("an answer with a wrong CRC is told from garbage and from nothing") {
  const Request request = make(1, Function::kReadInputRegisters, 5, 1);
  Bytes reply = with_crc({1, 4, 2, 0x00, 0x07});
  reply[3] ^= 0x10;
  CHECK(find(reply, request).verdict == ReplyVerdict::kBadCrc);
  CHECK(find({0x42, 0x43, 0x44}, request).verdict == ReplyVerdict::kGarbage);
  CHECK(find({}, request).verdict == ReplyVerdict::kIncomplete);
}

TEST_CASE("answers of another unit, function or length are not taken") {
  const Request request = make(1, Function::kReadInputRegisters, 5, 1);
  CHECK(find(with_crc({2, 4, 2, 0, 7}), request).verdict != ReplyVerdict::kComplete);
  CHECK(find(with_crc({1, 3, 2, 0, 7}), request).verdict != ReplyVerdict::kComplete);
  CHECK(find(with_crc({1, 4, 4, 0, 7, 0, 8}), request).verdict != ReplyVerdict::kComplete);
}

TEST_CASE("an exception is an answer") {
  const Request request = make(1, Function::kReadInputRegisters, 5, 1);
  const ReplyView view = find(with_crc({1, 0x84, 2}), request);
  REQUIRE(view.verdict == ReplyVerdict::kException);
  CHECK(view.exception_code == 2);
  CHECK(find(with_crc({1, 0x83, 2}), request).verdict != ReplyVerdict::kException);
}

TEST_CASE("a write is answered by its echo and by nothing else") {
  const Request request = make_write(1, Function::kWriteSingleRegister, 261, {160});
  CHECK(find(with_crc({1, 6, 1, 5, 0, 160}), request).verdict == ReplyVerdict::kComplete);
  CHECK(find(with_crc({1, 6, 1, 5, 0, 161}), request).verdict != ReplyVerdict::kComplete);
  CHECK(find(with_crc({1, 6, 1, 6, 0, 160}), request).verdict != ReplyVerdict::kComplete);
  const Request several = make_write(1, Function::kWriteMultipleRegisters, 261, {160, 7});
  CHECK(find(with_crc({1, 16, 1, 5, 0, 2}), several).verdict == ReplyVerdict::kComplete);
  const Request coil = make_write(1, Function::kWriteSingleCoil, 400, {1});
  CHECK(find(with_crc({1, 5, 1, 0x90, 0xFF, 0}), coil).verdict == ReplyVerdict::kComplete);
}

TEST_CASE("bits are packed low first") {
  const Request request = make(0x11, Function::kReadCoils, 0x13, 0x25);
  const ReplyView view = find(with_crc({0x11, 1, 5, 0xCD, 0x6B, 0xB2, 0x0E, 0x1B}), request);
  REQUIRE(view.verdict == ReplyVerdict::kComplete);
  CHECK(modbus::bit_at(view.payload, 0));
  CHECK_FALSE(modbus::bit_at(view.payload, 1));
  CHECK(modbus::bit_at(view.payload, 36));
}

TEST_CASE("TCP answers to older requests are skipped") {
  const Request request = make(1, Function::kReadInputRegisters, 5, 1);
  const Bytes old_reply = {0, 1, 0, 0, 0, 5, 1, 4, 2, 0, 9};
  const Bytes reply = {0, 2, 0, 0, 0, 5, 1, 4, 2, 0, 7};
  const Bytes both = old_reply + reply;
  size_t skipped = 0;
  const ReplyView view =
      modbus::find_tcp_reply(ByteSpan(both.data(), both.size()), request, 2, skipped);
  CHECK(skipped == old_reply.size());
  REQUIRE(view.verdict == ReplyVerdict::kComplete);
  CHECK(modbus::register_at(view.payload, 0) == 7);
  for (size_t size = 0; size < both.size(); ++size) {
    CHECK(modbus::find_tcp_reply(ByteSpan(both.data(), size), request, 2, skipped).verdict ==
          ReplyVerdict::kIncomplete);
  }
}

TEST_CASE("a TCP stream without framing, or with a wrong answer, is garbage") {
  const Request request = make(1, Function::kReadInputRegisters, 5, 1);
  const Bytes wrong_protocol = {0, 2, 0, 1, 0, 5, 1, 4, 2, 0, 7};
  const Bytes wrong_length = {0, 2, 0, 0, 0, 1, 1, 4, 2, 0, 7};
  const Bytes wrong_count = {0, 2, 0, 0, 0, 7, 1, 4, 4, 0, 7, 0, 8};
  const Bytes empty_pdu = {0, 2, 0, 0, 0, 2, 1, 4};
  size_t skipped = 0;
  for (const Bytes& bytes : {wrong_protocol, wrong_length, wrong_count, empty_pdu}) {
    CHECK(
        modbus::find_tcp_reply(ByteSpan(bytes.data(), bytes.size()), request, 2, skipped).verdict ==
        ReplyVerdict::kGarbage);
  }
}

TEST_CASE("several coils are written from the bits of one value") {
  Request request = make(0x11, Function::kWriteMultipleCoils, 0x13, 10);
  request.values[0] = 0x01CD;
  CHECK(rtu(request) == Bytes{0x11, 0x0F, 0x00, 0x13, 0x00, 0x0A, 0x02, 0xCD, 0x01, 0xBF, 0x0B});
  CHECK(modbus::validate(request) == Status::kOk);
  CHECK(find(with_crc({0x11, 0x0F, 0x00, 0x13, 0x00, 0x0A}), request).verdict ==
        ReplyVerdict::kComplete);
  request.count = 17;
  CHECK(modbus::validate(request) == Status::kInvalidArgument);
}

TEST_CASE("exceptions that pass are told from those that do not") {
  for (const uint8_t code : {1, 2, 3}) CHECK(modbus::is_permanent(code));
  for (const uint8_t code : {0, 4, 5, 6, 7, 8, 10, 11}) CHECK_FALSE(modbus::is_permanent(code));
}

namespace {

/// What the decoder makes of characters: the last whole frame, or what there is of one.
Bytes decode(const std::string& characters, bool* is_whole = nullptr, size_t room = 64) {
  static uint8_t frame[64];
  modbus::AsciiDecoder decoder;
  decoder.reset(common::MutableByteSpan(frame, room));
  bool is_end = false;
  for (const char c : characters) is_end = decoder.push(static_cast<uint8_t>(c));
  if (is_whole != nullptr) *is_whole = is_end;
  return Bytes(frame, frame + decoder.size());
}

}  // namespace

TEST_CASE("an ASCII frame is hexadecimal with an LRC") {
  uint8_t buffer[64];
  const Request request = make(17, Function::kReadHoldingRegisters, 107, 3);
  const size_t size = modbus::encode(Framing::kAscii, request, 0, buffer);
  CHECK(std::string(buffer, buffer + size) == ":1103006B00037E\r\n");
  CHECK(modbus::wire_characters(Framing::kAscii, 7) == size);
  CHECK(modbus::reply_bytes(Framing::kAscii, request) == 10);
}

TEST_CASE("the ASCII decoder takes frames and passes over the rest") {
  bool is_whole = false;
  CHECK(decode(":0106\r\n", &is_whole) == Bytes{0x01, 0x06});
  CHECK(is_whole);
  CHECK(decode(":01aF", &is_whole) == Bytes{0x01, 0xAF});
  CHECK_FALSE(is_whole);
  CHECK(decode("\xFF"
               "12:99:0A\r\n",
               &is_whole) == Bytes{0x0A});
  CHECK(is_whole);
  for (const char* broken : {":01G6\r\n", ":016\r\n", ":\r\n", "0106\r\n", ":01 06\r\n"}) {
    (void)decode(broken, &is_whole);
    CHECK_FALSE(is_whole);
  }
  (void)decode(":010203\r\n", &is_whole, 2);
  CHECK_FALSE(is_whole);
}

TEST_CASE("an ASCII answer is found as soon as its LRC is there") {
  const Request request = make(0x11, Function::kReadHoldingRegisters, 107, 1);
  const Bytes frame = {0x11, 3, 2, 0x12, 0x34, 0xA4};
  const ReplyView view =
      modbus::match_ascii_reply(ByteSpan(frame.data(), frame.size()), false, request);
  REQUIRE(view.verdict == ReplyVerdict::kComplete);
  CHECK(modbus::register_at(view.payload, 0) == 0x1234);
  for (size_t size = 0; size < frame.size(); ++size) {
    CHECK(modbus::match_ascii_reply(ByteSpan(frame.data(), size), false, request).verdict ==
          ReplyVerdict::kIncomplete);
  }
  const auto verdict = [&](Bytes bytes) {
    return modbus::match_ascii_reply(ByteSpan(bytes.data(), bytes.size()), true, request).verdict;
  };
  CHECK(verdict({0x11, 3, 2, 0x12, 0x34, 0xA5}) == ReplyVerdict::kBadCrc);
  CHECK(verdict({0x12, 3, 2, 0x12, 0x34, 0xA3}) == ReplyVerdict::kGarbage);
  CHECK(verdict({0x11, 3, 2, 0x12}) == ReplyVerdict::kGarbage);
  CHECK(verdict({0x11, 3, 2, 0x12, 0x34, 0xA4, 0}) == ReplyVerdict::kGarbage);
  CHECK(verdict({0x11, 0x83, 2, 0x6A}) == ReplyVerdict::kException);
}
