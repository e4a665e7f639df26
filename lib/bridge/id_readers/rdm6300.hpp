#pragma once

#include "charger/charger.hpp"
#include "platform/serial_link.hpp"

namespace bridge {

/// 125 kHz tag reader RDM6300 on a UART (9600 8N1, output only).
///
/// Frame: 0x02, ten hex digits (version byte and four bytes of tag number), two hex digits of checksum (XOR of the
/// five bytes), 0x03. The module repeats the frame while the tag is in the field, so one tag held to the
/// reader is one presentation: it counts again only after kReleaseMs without a frame.
/// The id tag is the ten digits in upper case (5 bytes, most significant first).
class Rdm6300 {
 public:
  static constexpr int64_t kReleaseMs = 1500;

  /// @param connector_id  Connector the reader belongs to; 0 = all. Keeps references to link and observer.
  Rdm6300(platform::SerialLink& link, charger::IdReaderObserver& observer, uint8_t connector_id)
      : link_(link), observer_(observer), connector_id_(connector_id) {}

  common::Status begin();
  /// Reads what has arrived. Needs no deadline of its own: input wakes the loop.
  void step(common::Instant now);
  /// Frames refused for a bad digit or checksum.
  uint32_t bad_frames() const { return bad_frames_; }

 private:
  static constexpr size_t kBodyBytes = 12;

  void on_byte(uint8_t byte, common::Instant now);
  void on_frame(common::Instant now);

  platform::SerialLink& link_;
  charger::IdReaderObserver& observer_;
  const uint8_t connector_id_;
  bool is_in_frame_ = false;
  size_t count_ = 0;
  char body_[kBodyBytes] = {};
  charger::IdTag last_tag_;
  common::Instant last_seen_;
  uint32_t bad_frames_ = 0;
};

}  // namespace bridge
