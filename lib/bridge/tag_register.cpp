#include "bridge/tag_register.hpp"

namespace bridge {

namespace {

/// Lengths of UIDs, ISO/IEC 14443-3.
constexpr size_t kUidBytes[] = {4, 7, 10};

char upper(uint8_t byte) {
  return static_cast<char>(byte >= 'a' && byte <= 'z' ? byte - 'a' + 'A' : byte);
}

bool put(charger::IdTag& tag, char character) {
  return tag.append(common::TextSpan(&character, 1)) == common::Status::kOk;
}

}  // namespace

void TagRegister::set_tag(common::ByteSpan bytes) {
  const common::ByteSpan kept = bytes.first(kMaxBytes);
  size_ = static_cast<uint8_t>(kept.size());
  for (size_t i = 0; i < kept.size(); ++i) bytes_[i] = kept[i];
  is_tag_read_ = true;
}

/// Hex in capitals, or the text in capitals without separators.
charger::IdTag TagRegister::text() const {
  charger::IdTag result;
  size_t size = size_;
  if (length_ != 0 && length_ < size) size = length_;
  if (type_ != WordType::kHex) {
    for (size_t i = 0; i < size; ++i) {
      const uint8_t byte = bytes_[i];
      if (byte <= ' ' || byte > '~' || byte == ':' || byte == '-') continue;
      if (!put(result, upper(byte))) break;
    }
    return result;
  }
  size_t used = size;
  while (used > 0 && bytes_[used - 1] == 0) --used;
  if (used == 0) return result;  // No tag is all zeros.
  if (length_ == 0) {
    // A UID may end in zeros: the shortest usual length that holds what is not.
    for (const size_t usual : kUidBytes) {
      if (used > usual) continue;
      if (usual < size) size = usual;
      break;
    }
  }
  for (size_t i = 0; i < size; ++i) {
    const uint8_t byte = bytes_[is_reversed_ ? size - 1 - i : i];
    constexpr char kDigits[] = "0123456789ABCDEF";
    if (!put(result, kDigits[byte >> 4U]) || !put(result, kDigits[byte & 0xFU])) break;
  }
  return result;
}

bool TagRegister::take(charger::IdTag& out) {
  if (!is_tag_read_ || (has_counter_ && !is_counter_read_)) return false;
  is_tag_read_ = false;
  is_counter_read_ = false;
  const charger::IdTag now = text();
  const bool has_changed = has_counter_ ? counter_ != last_counter_ : !(now == last_);
  const bool is_new = has_baseline_ && has_changed && !now.empty();
  has_baseline_ = true;
  last_counter_ = counter_;
  last_ = now;
  if (is_new) out = now;
  return is_new;
}

}  // namespace bridge
