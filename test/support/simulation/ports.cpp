#include "simulation/ports.hpp"

#include "common/crc32.hpp"

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

}  // namespace simulation
