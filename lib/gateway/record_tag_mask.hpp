#pragma once

#include "common/limits.hpp"
#include "ocpp/records.hpp"

namespace gateway {

/// Puts stars in the place of the id tags in the bytes of the transaction records' file (platform::RecordLog), but for
/// their first two and last two characters. Lengths and everything else stay; the CRC of such a record no longer fits.
class RecordTagMask {
 public:
  /// Takes the next byte of the file. @return The byte to show.
  uint8_t pass(uint8_t byte) {
    if (byte == 0) {
      *this = RecordTagMask();
      left_ = 1;  // what comes next says how far it is to the next zero
      return byte;
    }
    if (left_ == 0) return byte;  // not within a record
    if (--left_ > 0) {
      const uint8_t shown = see(byte);
      ++at_;
      return shown;
    }
    // A code of COBS, which but for the first one stands for a zero. A frame is shorter than a full block.
    if (has_begun_) {
      (void)see(0);
      ++at_;
    }
    has_begun_ = true;
    left_ = byte;
    return byte;
  }

 private:
  // Within the decoded frame: type, length, sequence, then the image.
  static constexpr uint16_t kHeadBytes = 6;
  static constexpr uint16_t kLetterHeadBytes =
      7;  ///< Sequence, reason, type, length of the message.
  static constexpr uint16_t kTypeInLetter = 5;

  uint8_t see(uint8_t byte) {
    using ocpp::RecordType;
    if (at_ == 0) set_tag_place(static_cast<RecordType>(byte), kHeadBytes);
    if (is_letter_ && at_ == kHeadBytes + kTypeInLetter)
      set_tag_place(static_cast<RecordType>(byte), kHeadBytes + kLetterHeadBytes);
    if (tag_at_ == 0 || at_ < tag_at_) return byte;
    if (at_ == tag_at_) {
      size_ = byte;
      return byte;
    }
    const auto index = static_cast<uint16_t>(at_ - tag_at_ - 1);
    if (index >= limits::kIdTagBytes || index >= size_ || byte == 0) return byte;
    const bool is_shown = size_ > 4 && (index < 2 || index + 2 >= size_);
    return is_shown ? byte : static_cast<uint8_t>('*');
  }

  void set_tag_place(ocpp::RecordType type, uint16_t image) {
    using ocpp::RecordType;
    switch (type) {
      case RecordType::kStart:  // transaction, connector
      case RecordType::kStop:   // transaction, whether there is a tag
        tag_at_ = static_cast<uint16_t>(image + 5);
        break;
      case RecordType::kTransactionAssigned:  // transaction, connector, start, id, status
        tag_at_ = static_cast<uint16_t>(image + 14);
        break;
      case RecordType::kDeadLetter:
        is_letter_ = image == kHeadBytes;
        break;
      default:
        break;
    }
  }

  uint16_t at_ = 0;      ///< Of the next decoded byte in its frame.
  uint16_t tag_at_ = 0;  ///< Where the tag's length stands; 0 = there is none.
  uint8_t left_ = 0;     ///< Bytes to the next code, that included; 0 = no frame.
  uint8_t size_ = 0;     ///< Of the tag.
  bool has_begun_ = false;
  bool is_letter_ = false;
};

}  // namespace gateway
