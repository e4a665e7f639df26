#pragma once

#include "bridge/id_readers/id_reader.hpp"
#include "platform/serial_link.hpp"

namespace bridge {

/// 125 kHz tag reader RDM6300 on a UART (9600 8N1, output only).
///
/// Frame: 0x02, ten hex digits (version byte and four bytes of tag number), two hex digits of checksum (XOR of the
/// five bytes), 0x03. The module repeats the frame while the tag is in the field, so one tag held to the
/// reader is one presentation (TagPresence). The id tag is the ten digits in upper case, or the number in decimal.
class Rdm6300 final : public IdReader {
 public:
  /// @param connector_id  Connector the reader belongs to; 0 = all. Keeps references to link and observer.
  Rdm6300(platform::SerialLink& link, charger::IdReaderObserver& observer, uint8_t connector_id,
          TagFormat format = TagFormat::kHex)
      : link_(link), observer_(observer), connector_id_(connector_id), format_(format) {}

  common::Status begin(common::Instant now) override;
  common::Instant step(common::Instant now) override;
  bool is_healthy() const override { return !has_link_failed_; }
  uint32_t bad_frames() const override { return bad_frames_; }

 private:
  static constexpr size_t kBodyBytes = 12;

  void on_byte(uint8_t byte, common::Instant now);
  void on_frame(common::Instant now);

  platform::SerialLink& link_;
  charger::IdReaderObserver& observer_;
  const uint8_t connector_id_;
  const TagFormat format_;
  bool has_link_failed_ = false;
  bool is_in_frame_ = false;
  size_t count_ = 0;
  char body_[kBodyBytes] = {};
  TagPresence presence_;
  uint32_t bad_frames_ = 0;
};

}  // namespace bridge
