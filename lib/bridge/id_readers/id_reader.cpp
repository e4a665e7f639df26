#include "bridge/id_readers/id_reader.hpp"

#include <cinttypes>
#include <cstdio>

namespace bridge {

charger::IdTag make_id_tag(common::ByteSpan bytes, TagFormat format) {
  charger::IdTag tag;
  char text[16];
  if (format == TagFormat::kDecimal) {
    uint32_t value = 0;
    for (const uint8_t byte : bytes) value = value << 8U | byte;
    std::snprintf(text, sizeof text, "%010" PRIu32, value);
    return charger::IdTag(text);
  }
  for (const uint8_t byte : bytes) {
    std::snprintf(text, sizeof text, "%02X", byte);
    (void)tag.append(common::text(text));
  }
  return tag;
}

}  // namespace bridge
