#include "simulation/ports.hpp"

#include "common/crc32.hpp"

#include <cstdlib>

namespace simulation {

void make_checksums_match(std::vector<uint8_t>& log) {
  // Layout of platform::RecordLog: 0x00, body in COBS (type, length, ...), 5 bytes of checksum with the top bit set.
  constexpr size_t kCrcBytes = 5;
  for (size_t begin = 0; begin < log.size();) {
    if (log[begin] != 0) {
      ++begin;
      continue;
    }
    size_t end = begin + 1;
    while (end < log.size() && log[end] != 0) ++end;
    if (end - begin >= 4) {
      const size_t length = log[begin + 3] + size_t{13};
      if (begin + length <= end) {
        const size_t body = length - 1 - kCrcBytes;
        const uint32_t crc = common::crc32(common::ByteSpan(log.data() + begin + 1, body));
        for (unsigned i = 0; i < kCrcBytes; ++i)
          log[begin + 1 + body + i] = static_cast<uint8_t>(0x80U | ((crc >> (7 * i)) & 0x7FU));
      }
    }
    begin = end;
  }
}

void lower_meter_stop(std::string& frame) {
  const size_t at = frame.find("\"meterStop\":");
  if (at == std::string::npos) return;
  const size_t begin = at + 12;
  const size_t end = frame.find_first_not_of("0123456789", begin);
  const int64_t lower = std::strtoll(frame.c_str() + begin, nullptr, 10) - 50;
  frame.replace(begin, end - begin, std::to_string(std::max<int64_t>(0, lower)));
}

}  // namespace simulation
