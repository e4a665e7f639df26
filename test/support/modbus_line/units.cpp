#include "modbus_line/units.hpp"

namespace modbus_line {

using common::Instant;

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

// Lengths of the requests that clients send: 1, 2, 3, 4, 5, 6: 5 bytes; 15, 16: 6 + data.
size_t Units::request_size(const Bytes& bytes, size_t from) {
  const size_t size = bytes.size() < from ? 0 : bytes.size() - from;
  if (size < 5) return 0;
  if (bytes[from] != 15 && bytes[from] != 16) return 5;
  return size < 6 ? 0 : 6U + bytes[from + 5];
}

Units::Bytes Units::carry_out(uint8_t unit, const Bytes& pdu, Instant end) {
  const uint8_t function = pdu[0];
  const uint16_t address = static_cast<uint16_t>(pdu[1] << 8 | pdu[2]);
  uint16_t value = static_cast<uint16_t>(pdu[3] << 8 | pdu[4]);
  const uint16_t count = value;
  if (function == 16) value = static_cast<uint16_t>(pdu[6] << 8 | pdu[7]);
  seen_.push_back(Seen{end, unit, function, address, value});

  const auto device = devices_.find(unit);
  if (device == devices_.end()) return {};
  Faults& faults = faults_[unit];
  const auto last = last_.find(unit);
  const bool is_asleep = faults.sleeps_after_ms != 0 &&
                         (last == last_.end() || end - last->second >= faults.sleeps_after_ms);
  last_[unit] = end;
  if (is_asleep) return {};
  if (faults.fail_next > 0) {
    --faults.fail_next;
    return {};
  }
  if (faults.is_silent || !device->second->is_listening(end)) return {};
  device->second->on_request(end);
  const uint8_t answers_as = faults.answers_as != 0 ? faults.answers_as : unit;
  Bytes answer = {answers_as, function};
  uint8_t exception = faults.exception;
  if (faults.refuse_next > 0 && --faults.refuse_next == 0) faults.exception = 0;
  if (exception == 0 && (function == 3 || function == 4)) {
    uint16_t words[125] = {};
    exception = count > 125 ? 3 : device->second->read(function, address, count, words, end);
    answer.push_back(static_cast<uint8_t>(2 * count));
    for (uint16_t i = 0; i < count && i < 125; ++i) {
      answer.push_back(static_cast<uint8_t>(words[i] >> 8));
      answer.push_back(static_cast<uint8_t>(words[i] & 0xFF));
    }
  } else if (exception == 0 && (function == 6 || function == 16)) {
    exception = device->second->write(address, value, end);
    for (uint16_t i = 1; function == 16 && exception == 0 && i < count; ++i) {
      const size_t at = 6U + 2U * i;
      exception = device->second->write(static_cast<uint16_t>(address + i),
                                        static_cast<uint16_t>(pdu[at] << 8 | pdu[at + 1]), end);
    }
    answer.insert(answer.end(), pdu.begin() + 1, pdu.begin() + 5);
  } else if (exception == 0) {
    exception = 1;
  }
  if (exception != 0) return {answers_as, static_cast<uint8_t>(function | 0x80), exception};
  return answer;
}

std::vector<Seen> Units::writes_to(uint8_t unit, uint16_t address) const {
  std::vector<Seen> result;
  for (const Seen& seen : seen_) {
    const bool is_write = seen.function == 6 || seen.function == 16 || seen.function == 5;
    if (seen.unit == unit && is_write && seen.address == address) result.push_back(seen);
  }
  return result;
}

size_t Units::reads_of(uint8_t unit, uint16_t address) const {
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
