#include "doctest_main/doctest_main.hpp"
#include "modbus/frame.hpp"

#include <vector>

using common::ByteSpan;
using common::Status;
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
  const size_t size = modbus::encode_rtu(request, buffer);
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
  const size_t size =
      modbus::encode_tcp(make(17, Function::kReadHoldingRegisters, 107, 3), 0x1234, buffer);
  CHECK(Bytes(buffer, buffer + size) == Bytes{0x12, 0x34, 0, 0, 0, 6, 17, 3, 0, 107, 0, 3});
}

TEST_CASE("a frame that does not fit the buffer is not written") {
  uint8_t buffer[7];
  CHECK(modbus::encode_rtu(make(1, Function::kReadHoldingRegisters, 0, 1), buffer) == 0);
  CHECK(modbus::encode_tcp(make(1, Function::kReadHoldingRegisters, 0, 1), 1, buffer) == 0);
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
  const ReplyView view = modbus::find_tcp_reply(ByteSpan(both.data(), both.size()), request, 2);
  REQUIRE(view.verdict == ReplyVerdict::kComplete);
  CHECK(modbus::register_at(view.payload, 0) == 7);
  for (size_t size = 0; size < both.size(); ++size) {
    CHECK(modbus::find_tcp_reply(ByteSpan(both.data(), size), request, 2).verdict ==
          ReplyVerdict::kIncomplete);
  }
}

TEST_CASE("a TCP stream without framing, or with a wrong answer, is garbage") {
  const Request request = make(1, Function::kReadInputRegisters, 5, 1);
  const Bytes wrong_protocol = {0, 2, 0, 1, 0, 5, 1, 4, 2, 0, 7};
  const Bytes wrong_length = {0, 2, 0, 0, 0, 1, 1, 4, 2, 0, 7};
  const Bytes wrong_count = {0, 2, 0, 0, 0, 7, 1, 4, 4, 0, 7, 0, 8};
  const Bytes empty_pdu = {0, 2, 0, 0, 0, 2, 1, 4};
  for (const Bytes& bytes : {wrong_protocol, wrong_length, wrong_count, empty_pdu}) {
    CHECK(modbus::find_tcp_reply(ByteSpan(bytes.data(), bytes.size()), request, 2).verdict ==
          ReplyVerdict::kGarbage);
  }
}
