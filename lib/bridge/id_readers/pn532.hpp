#pragma once

#include "bridge/id_readers/id_reader.hpp"
#include "platform/serial_link.hpp"

namespace bridge {

/// 13.56 MHz tag reader PN532 on a UART (HSU, 115200 8N1): ISO 14443 type A tags with 4, 7 or 10 bytes of UID.
///
///   wake-up, GetFirmwareVersion -> SAMConfiguration -> RFConfiguration (few retries) -> InListPassiveTarget each kPollMs
///   each command: ACK within kAckMs, answer within kAnswerMs; a damaged answer is asked for again with NACK, kTries times;
///   then, or without answers, everything starts from the wake-up kRestartMs later
class Pn532 final : public IdReader {
 public:
  static constexpr int64_t kPollMs = 200;
  static constexpr int64_t kAckMs = 100;
  static constexpr int64_t kAnswerMs = 1000;
  static constexpr int64_t kRestartMs = 1000;
  static constexpr uint8_t kTries = 2;
  static constexpr int64_t kDeadMs = 5000;  ///< Without a good answer: not healthy.

  /// @param connector_id  Connector the reader belongs to; 0 = all. Keeps references to link and observer.
  Pn532(platform::SerialLink& link, charger::IdReaderObserver& observer, uint8_t connector_id,
        TagFormat format = TagFormat::kHex)
      : link_(link), observer_(observer), connector_id_(connector_id), format_(format) {}

  common::Status begin(common::Instant now) override;
  common::Instant step(common::Instant now) override;
  bool is_healthy() const override { return is_healthy_; }
  uint32_t bad_frames() const override { return bad_frames_; }

 private:
  static constexpr size_t kMaxFrameBytes = 64;  ///< Longest answer to what is asked: 26 bytes.

  enum class Command : uint8_t { kFirmware, kSam, kRetries, kPoll };
  enum class Wait : uint8_t { kIdle, kAck, kAnswer };
  enum class Frame : uint8_t { kNone, kAck, kNack, kError, kData };

  void send_command(common::Instant now);
  void restart(common::Instant now);
  Frame on_byte(uint8_t byte);
  Frame on_complete();
  void on_frame(Frame frame, common::Instant now);
  void on_answer(common::Instant now);
  void on_targets(common::Instant now);
  void write(common::ByteSpan bytes);

  platform::SerialLink& link_;
  charger::IdReaderObserver& observer_;
  const uint8_t connector_id_;
  const TagFormat format_;
  bool is_healthy_ = true;
  bool is_awake_ = false;
  Command command_ = Command::kFirmware;
  Wait wait_ = Wait::kIdle;
  uint8_t tries_ = 0;
  uint8_t frame_[kMaxFrameBytes] = {};  ///< From LEN on.
  size_t size_ = 0;
  uint32_t start_ = 0;  ///< The last bytes before a frame.
  bool is_in_frame_ = false;
  common::Instant next_;
  common::Instant heard_at_;
  TagPresence presence_;
  uint32_t bad_frames_ = 0;
};

}  // namespace bridge
