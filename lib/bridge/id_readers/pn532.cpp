#include "bridge/id_readers/pn532.hpp"

namespace bridge {

using common::Instant;
using common::Status;

namespace {

constexpr uint8_t kToReader = 0xD4;
constexpr uint8_t kFromReader = 0xD5;
constexpr uint8_t kNack[] = {0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00};
/// The chip sleeps until it sees 0x55 and then wants some time: zeros make it.
constexpr uint8_t kWakeUp[] = {0x55, 0x55, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

struct CommandBytes {
  uint8_t size;
  uint8_t bytes[5];
};
// In the order of Pn532::Command.
constexpr CommandBytes kCommands[] = {
    {1, {0x02}},                    // GetFirmwareVersion
    {4, {0x14, 0x01, 0x14, 0x01}},  // SAMConfiguration: normal mode, 1 s, IRQ
    {5,
     {0x32, 0x05, 0xFF, 0x01, 0x02}},  // RFConfiguration: look for a tag three times, not for ever
    {3, {0x4A, 0x01, 0x00}},           // InListPassiveTarget: one tag, 106 kbit/s type A
};

}  // namespace

Status Pn532::begin(Instant now) {
  next_ = now;
  heard_at_ = now;
  return link_.configure({115200, platform::Parity::kNone, 1});
}

Instant Pn532::step(Instant now) {
  constexpr int kMaxReads = 8;
  uint8_t buffer[32];
  for (int i = 0; i < kMaxReads; ++i) {
    const common::Result<size_t> got = link_.read(buffer);
    if (!got.ok() || got.value() == 0) break;
    for (size_t k = 0; k < got.value(); ++k) {
      const Frame frame = on_byte(buffer[k]);
      if (frame != Frame::kNone) on_frame(frame, now);
    }
  }
  if (now - heard_at_ >= kDeadMs) is_healthy_ = false;
  if (now < next_) return next_;
  if (wait_ != Wait::kIdle) {
    restart(now);  // no answer in time
  } else {
    send_command(now);
  }
  return next_;
}

void Pn532::restart(Instant now) {
  is_awake_ = false;
  command_ = Command::kFirmware;
  wait_ = Wait::kIdle;
  tries_ = 0;
  is_in_frame_ = false;
  next_ = now + kRestartMs;
}

void Pn532::send_command(Instant now) {
  const CommandBytes& command = kCommands[static_cast<size_t>(command_)];
  uint8_t frame[16] = {0x00, 0x00, 0xFF};
  const auto length = static_cast<uint8_t>(command.size + 1);
  frame[3] = length;
  frame[4] = static_cast<uint8_t>(0x100U - length);
  frame[5] = kToReader;
  uint8_t sum = kToReader;
  for (size_t i = 0; i < command.size; ++i) {
    frame[6 + i] = command.bytes[i];
    sum = static_cast<uint8_t>(sum + command.bytes[i]);
  }
  frame[6 + command.size] = static_cast<uint8_t>(0x100U - sum);
  frame[7 + command.size] = 0x00;
  if (!is_awake_) write(kWakeUp);
  is_awake_ = true;
  write(common::ByteSpan(frame, size_t{8} + command.size));
  wait_ = Wait::kAck;
  tries_ = 0;
  next_ = now + kAckMs;
}

/// What does not fit is lost; the answer that does not come tells.
void Pn532::write(common::ByteSpan bytes) { (void)link_.write(bytes); }

Pn532::Frame Pn532::on_byte(uint8_t byte) {
  if (!is_in_frame_) {
    start_ = start_ << 8U | byte;
    if ((start_ & 0xFFFFU) == 0x00FFU) {
      is_in_frame_ = true;
      size_ = 0;
    }
    return Frame::kNone;
  }
  frame_[size_++] = byte;
  if (size_ < 2) return Frame::kNone;
  if (frame_[0] == 0x00 && frame_[1] == 0xFF) return is_in_frame_ = false, start_ = 0, Frame::kAck;
  if (frame_[0] == 0xFF && frame_[1] == 0x00) return is_in_frame_ = false, start_ = 0, Frame::kNack;
  const size_t length = frame_[0];
  const bool is_length_good = static_cast<uint8_t>(frame_[0] + frame_[1]) == 0;
  if (!is_length_good || length == 0 || length + 3 > kMaxFrameBytes) {
    is_in_frame_ = false;
    start_ = 0;
    ++bad_frames_;
    return Frame::kError;
  }
  if (size_ < length + 3) return Frame::kNone;
  is_in_frame_ = false;
  start_ = 0;
  return on_complete();
}

Pn532::Frame Pn532::on_complete() {
  uint8_t sum = 0;
  for (size_t i = 2; i < size_; ++i) sum = static_cast<uint8_t>(sum + frame_[i]);
  if (sum != 0) {
    ++bad_frames_;
    return Frame::kError;
  }
  // A frame of one byte is the reader's "syntax error": it did not understand us.
  return frame_[0] >= 2 && frame_[2] == kFromReader ? Frame::kData : Frame::kNack;
}

void Pn532::on_frame(Frame frame, Instant now) {
  switch (frame) {
    case Frame::kNone:
      return;
    case Frame::kAck:
      if (wait_ != Wait::kAck) return;
      wait_ = Wait::kAnswer;
      next_ = now + kAnswerMs;
      return;
    case Frame::kNack:
      if (wait_ == Wait::kIdle) return;
      ++bad_frames_;
      restart(now);
      return;
    case Frame::kError:
      if (wait_ == Wait::kIdle) return;
      if (tries_ >= kTries) {
        restart(now);
        return;
      }
      // The reader sends its last frame again.
      ++tries_;
      write(kNack);
      next_ = now + kAnswerMs;
      return;
    case Frame::kData:
      if (wait_ != Wait::kAnswer) return;
      if (frame_[3] != kCommands[static_cast<size_t>(command_)].bytes[0] + 1) return;
      on_answer(now);
      return;
  }
}

void Pn532::on_answer(Instant now) {
  wait_ = Wait::kIdle;
  heard_at_ = now;
  is_healthy_ = true;
  next_ = now;
  switch (command_) {
    case Command::kFirmware:
      command_ = Command::kSam;
      return;
    case Command::kSam:
      command_ = Command::kRetries;
      return;
    case Command::kRetries:
      command_ = Command::kPoll;
      return;
    case Command::kPoll:
      on_targets(now);
      next_ = now + kPollMs;
      return;
  }
}

/// D5 4B, number of tags, then of each: number, SENS_RES (2), SEL_RES, length of the UID, UID.
void Pn532::on_targets(Instant now) {
  constexpr size_t kUidLengthAt = 9;
  const size_t size = size_ - 1;  // without the checksum
  if (size <= kUidLengthAt || frame_[4] == 0) return;
  const size_t length = frame_[kUidLengthAt];
  const bool is_possible = length == 4 || length == 7 || length == 10;
  if (!is_possible || kUidLengthAt + 1 + length > size) {
    ++bad_frames_;
    return;
  }
  const charger::IdTag tag =
      make_id_tag(common::ByteSpan(frame_ + kUidLengthAt + 1, length), format_);
  if (presence_.is_new(tag, now)) observer_.on_id_tag(connector_id_, tag, now);
}

}  // namespace bridge
