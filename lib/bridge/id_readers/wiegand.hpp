#pragma once

#include "bridge/id_readers/id_reader.hpp"
#include "platform/pulse_input.hpp"

namespace bridge {

/// Tag reader with a Wiegand output of 26 or 34 bits: a pulse on D0 is a 0, on D1 a 1; the first bit makes the first half
/// even, the last bit the second half odd. Frames of other lengths (key presses) are ignored.
class Wiegand final : public IdReader {
 public:
  /// Pulses are about 50 us long and 1 to 2 ms apart.
  static constexpr platform::PulseInput::Filter kFilter{0, 150};
  static constexpr int64_t kEndMs = 30;   ///< Silence that ends a frame.
  static constexpr int64_t kLookMs = 20;  ///< Pulses do not wake the loop.

  /// @param connector_id  Connector the reader belongs to; 0 = all. Keeps references to pulses and observer.
  Wiegand(platform::PulseInput& pulses, uint8_t d0, uint8_t d1, charger::IdReaderObserver& observer,
          uint8_t connector_id, TagFormat format = TagFormat::kHex)
      : pulses_(pulses),
        d0_(d0),
        d1_(d1),
        observer_(observer),
        connector_id_(connector_id),
        format_(format) {}

  common::Status begin(common::Instant now) override;
  common::Instant step(common::Instant now) override;
  bool is_healthy() const override { return true; }  // it never says anything without a tag
  uint32_t bad_frames() const override { return bad_frames_; }

 private:
  static constexpr size_t kMaxBits = 40;

  struct Bit {
    uint32_t at_us = 0;
    bool is_one = false;
  };

  void collect(uint8_t pin, bool is_one, common::Instant now);
  void on_frame(common::Instant now);

  platform::PulseInput& pulses_;
  const uint8_t d0_;
  const uint8_t d1_;
  charger::IdReaderObserver& observer_;
  const uint8_t connector_id_;
  const TagFormat format_;
  Bit bits_[kMaxBits];
  size_t count_ = 0;
  bool is_too_long_ = false;
  common::Instant last_at_;
  TagPresence presence_;
  uint32_t bad_frames_ = 0;
};

}  // namespace bridge
