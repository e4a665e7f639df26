#pragma once

#include "bridge/profile.hpp"
#include "charger/charger.hpp"

namespace bridge {

/// Finds out from registers that keep the last tag when a new one was read.
///
/// With a counter: when the counter changes. Without: when the tag changes to another one that is not empty. What is
/// there at start-up is no new tag; nor is anything that begins with the same values after a silence.
class TagRegister {
 public:
  static constexpr size_t kMaxBytes = 24;  ///< Longer tags are cut; an idTag has 20 characters.

  void configure(WordType type, bool is_reversed, bool has_counter) {
    type_ = type;
    is_reversed_ = is_reversed;
    has_counter_ = has_counter;
  }

  // What a reading finds, in any order.
  void set_tag(common::ByteSpan bytes);
  void set_counter(uint32_t counter) {
    counter_ = counter;
    is_counter_read_ = true;
  }
  /// Bytes of the tag that count.
  void set_length(size_t bytes) { length_ = bytes; }

  /// The device was away: what it shows next is no new tag.
  void forget() { has_baseline_ = false; }
  /// After a reading. @return Whether out is a new tag.
  bool take(charger::IdTag& out);

 private:
  charger::IdTag text() const;

  WordType type_ = WordType::kHex;
  bool is_reversed_ = false;
  bool has_counter_ = false;
  bool is_tag_read_ = false;
  bool is_counter_read_ = false;
  bool has_baseline_ = false;
  uint8_t size_ = 0;
  uint8_t bytes_[kMaxBytes] = {};
  size_t length_ = 0;  ///< 0 = not told.
  uint32_t counter_ = 0;
  uint32_t last_counter_ = 0;
  charger::IdTag last_;
};

}  // namespace bridge
