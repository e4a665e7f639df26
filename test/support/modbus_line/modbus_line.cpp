#include "modbus_line/modbus_line.hpp"

#include "platform_sim/malloc_trap.hpp"

namespace modbus_line {

using common::Instant;
using platform_sim::MallocTrap;

namespace {

// CRC of the Modbus specification, section 6.2.2, by long division; independent of lib/modbus.
uint16_t line_crc(const std::vector<uint8_t>& bytes, size_t size) {
  uint16_t remainder = 0xFFFF;
  for (size_t i = 0; i < size; ++i) {
    remainder = static_cast<uint16_t>(remainder ^ bytes[i]);
    for (int shift = 0; shift < 8; ++shift) {
      remainder =
          static_cast<uint16_t>((remainder & 1) != 0 ? (remainder >> 1) ^ 0xA001 : remainder >> 1);
    }
  }
  return remainder;
}

void append_crc(std::vector<uint8_t>& bytes) {
  const uint16_t crc = line_crc(bytes, bytes.size());
  bytes.push_back(static_cast<uint8_t>(crc & 0xFF));
  bytes.push_back(static_cast<uint8_t>(crc >> 8));
}

}  // namespace

uint8_t TableDevice::read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out,
                          Instant) {
  const std::map<uint16_t, uint16_t>& table = function == 4 ? input : holding;
  for (uint16_t i = 0; i < count; ++i) {
    const auto found = table.find(static_cast<uint16_t>(address + i));
    if (found == table.end()) return 2;
    out[i] = found->second;
  }
  return 0;
}

uint8_t TableDevice::write(uint16_t address, uint16_t value, Instant) {
  const auto found = holding.find(address);
  if (found == holding.end()) return 2;
  found->second = value;
  return 0;
}

int64_t ModbusLine::wire_ms(size_t bytes) const {
  const int64_t bits =
      1 + 8 + (settings_.parity == platform::Parity::kNone ? 0 : 1) + settings_.stop_bits;
  return (static_cast<int64_t>(bytes) * bits * 1000 + settings_.baud - 1) / settings_.baud;
}

common::Status ModbusLine::configure(const platform::SerialSettings& settings) {
  if (gone_) return common::Status::kIo;
  settings_ = settings;
  ++configured_;
  incoming_.clear();
  return common::Status::kOk;
}

common::Result<size_t> ModbusLine::write(common::ByteSpan data) {
  MallocTrap::Exempt exempt;
  if (gone_) return common::Status::kIo;
  const size_t size = data.size() < write_limit_ ? data.size() : write_limit_;
  if (size == 0) return common::Status::kAgain;
  outgoing_.insert(outgoing_.end(), data.begin(), data.begin() + size);
  // Lengths of the requests that masters send: 1, 2, 3, 4, 5, 6: 8 bytes; 16: 9 + data.
  if (outgoing_.size() >= 8) {
    const size_t length = outgoing_[1] == 16 ? 9U + outgoing_[6] : 8U;
    if (outgoing_.size() >= length) take_frame(length);
  }
  return size;
}

void ModbusLine::take_frame(size_t size) {
  const std::vector<uint8_t> frame(outgoing_.begin(), outgoing_.begin() + static_cast<long>(size));
  outgoing_.clear();
  const uint16_t crc = line_crc(frame, size - 2);
  if (frame[size - 2] != (crc & 0xFF) || frame[size - 1] != (crc >> 8)) return;
  const Instant end = clock_.now() + wire_ms(size);
  const uint8_t unit = frame[0];
  const uint8_t function = frame[1];
  const uint16_t address = static_cast<uint16_t>(frame[2] << 8 | frame[3]);
  uint16_t value = static_cast<uint16_t>(frame[4] << 8 | frame[5]);
  const uint16_t count = value;
  if (function == 16) value = static_cast<uint16_t>(frame[7] << 8 | frame[8]);
  seen_.push_back(Seen{end, unit, function, address, value});

  const auto device = devices_.find(unit);
  if (device == devices_.end()) return;
  Faults& faults = faults_[unit];
  if (faults.fail_next > 0) {
    --faults.fail_next;
    return;
  }
  if (faults.is_silent || !device->second->is_listening(end)) return;
  device->second->on_request(end);
  std::vector<uint8_t> pdu = {function};
  uint8_t exception = faults.exception;
  if (exception == 0 && (function == 3 || function == 4)) {
    uint16_t words[125] = {};
    exception = count > 125 ? 3 : device->second->read(function, address, count, words, end);
    pdu.push_back(static_cast<uint8_t>(2 * count));
    for (uint16_t i = 0; i < count && i < 125; ++i) {
      pdu.push_back(static_cast<uint8_t>(words[i] >> 8));
      pdu.push_back(static_cast<uint8_t>(words[i] & 0xFF));
    }
  } else if (exception == 0 && (function == 6 || function == 16)) {
    exception = device->second->write(address, value, end);
    pdu.insert(pdu.end(), frame.begin() + 2, frame.begin() + 6);
  } else if (exception == 0) {
    exception = 1;
  }
  if (exception != 0) pdu = {static_cast<uint8_t>(function | 0x80), exception};
  answer(unit, pdu, end);
}

void ModbusLine::answer(uint8_t unit, std::vector<uint8_t> pdu, Instant request_end) {
  const Faults& faults = faults_[unit];
  std::vector<uint8_t> frame = {faults.answers_as != 0 ? faults.answers_as : unit};
  frame.insert(frame.end(), pdu.begin(), pdu.end());
  append_crc(frame);
  if (faults.is_crc_wrong) frame.back() = static_cast<uint8_t>(frame.back() ^ 0x5A);
  if (faults.is_truncated) frame.resize(frame.size() / 2);
  std::vector<uint8_t> bytes(faults.garbage_before, 0xF7);
  bytes.insert(bytes.end(), frame.begin(), frame.end());
  bytes.insert(bytes.end(), faults.garbage_after, 0x01);
  const Instant start = request_end + faults.latency_ms;
  for (size_t i = 0; i < bytes.size(); ++i)
    incoming_.push_back(Arrival{start + wire_ms(i + 1), bytes[i]});
}

void ModbusLine::inject(const std::vector<uint8_t>& bytes) {
  for (const uint8_t byte : bytes) incoming_.push_back(Arrival{clock_.now(), byte});
}

common::Result<size_t> ModbusLine::read(common::MutableByteSpan buffer) {
  MallocTrap::Exempt exempt;
  if (gone_) return common::Status::kIo;
  size_t count = 0;
  while (count < buffer.size() && !incoming_.empty() && incoming_.front().at <= clock_.now()) {
    buffer[count++] = incoming_.front().byte;
    incoming_.pop_front();
  }
  if (count == 0) return common::Status::kAgain;
  return count;
}

Instant ModbusLine::next_event() const {
  return incoming_.empty() ? Instant::never() : incoming_.front().at;
}

std::vector<Seen> ModbusLine::writes_to(uint8_t unit, uint16_t address) const {
  std::vector<Seen> result;
  for (const Seen& seen : seen_) {
    const bool is_write = seen.function == 6 || seen.function == 16 || seen.function == 5;
    if (seen.unit == unit && is_write && seen.address == address) result.push_back(seen);
  }
  return result;
}

size_t ModbusLine::reads_of(uint8_t unit, uint16_t address) const {
  size_t count = 0;
  for (const Seen& seen : seen_) {
    const bool is_read = seen.function == 3 || seen.function == 4;
    if (seen.unit == unit && is_read && seen.address <= address &&
        address < seen.address + seen.value)
      ++count;
  }
  return count;
}

}  // namespace modbus_line
