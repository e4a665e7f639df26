#pragma once

#include "charger/charger.hpp"

namespace bridge {

/// How a number becomes an id tag.
enum class TagFormat : uint8_t {
  kHex,      ///< Bytes as hex digits, upper case, as the reader gives them.
  kDecimal,  ///< The lowest 32 bits as ten decimal digits, as printed on many 125 kHz tags.
};

/// A tag reader at the gateway itself.
class IdReader {
 public:
  virtual ~IdReader() = default;
  /// @return kIo, kUnsupported: the reader cannot be reached.
  virtual common::Status begin(common::Instant now) = 0;
  /// Talks to the reader and reports tags. @return When to be called again at the latest; input wakes the loop, too.
  virtual common::Instant step(common::Instant now) = 0;
  /// False once the reader has been found dead. Readers that only talk when there is a tag count as well until their port
  /// fails.
  virtual bool is_healthy() const = 0;
  /// Frames refused for a bad checksum, parity or length.
  virtual uint32_t bad_frames() const = 0;
};

/// Makes one presentation of a tag that a reader reports over and over.
class TagPresence {
 public:
  /// A tag counts again only after this time without it.
  static constexpr int64_t kReleaseMs = 1500;

  /// The tag is seen now. @return true the first time.
  bool is_new(const charger::IdTag& tag, common::Instant now) {
    const bool is_still_held = tag == last_ && now - last_seen_ < kReleaseMs;
    last_ = tag;
    last_seen_ = now;
    return !is_still_held;
  }

 private:
  charger::IdTag last_;
  common::Instant last_seen_;
};

/// The id tag of some bytes, most significant first; in hex at most 10 of them.
charger::IdTag make_id_tag(common::ByteSpan bytes, TagFormat format);

}  // namespace bridge
