#pragma once

#include "ocpp/records.hpp"
#include "platform/file_store.hpp"

namespace ocpp {

/// What is stored about one id tag.
struct TagEntry {
  IdTag id_tag;
  IdTag parent_id_tag;  ///< Empty when none.
  IdTagStatus status = IdTagStatus::kInvalid;
  common::UtcTime expiry;  ///< 0 = does not expire.
  uint32_t stamp = 0;      ///< Rises with every change; the owner's.
};

/// Id tags in a file, found by binary search: hardly any RAM, whatever their number. The file is
/// only ever replaced as a whole, by renaming: a power cut at any byte leaves the old or the new one.
///
///     count x slot (56 bytes, sorted by hash) | magic u32 | version i32 | count u32 | CRC-32
///     slot: hash u16 | status | length of tag | length of parent | 0 | stamp u32 | expiry ms u48 |
///           tag, parent, 0...                                          (integers little-endian)
///
/// The CRC covers what the slots hold, then the fields before it.
///
/// @par Context  Loop thread only. No heap. Larger work borrows a buffer from the caller.
class TagTable {
 public:
  static constexpr size_t kSlotBytes = 56;
  static constexpr size_t kTrailerBytes = 16;
  /// Smallest buffer that load() and replace() can work with.
  static constexpr size_t kMinimumBufferBytes = 4 * kSlotBytes;

  /// A slot as it is on flash.
  using Slot = uint8_t[kSlotBytes];
  static void encode(const TagEntry& entry, uint8_t* slot) {
    encode(entry.id_tag, entry.parent_id_tag.span(), entry.status, entry.expiry, entry.stamp, slot);
  }
  static void encode(const IdTag& id_tag, common::TextSpan parent_id_tag, IdTagStatus status,
                     common::UtcTime expiry, uint32_t stamp, uint8_t* slot);
  static void decode(const uint8_t* slot, TagEntry& out);
  static uint16_t hash(const uint8_t* slot) {
    return static_cast<uint16_t>(slot[0] | slot[1] << 8U);
  }
  /// Whether both are about the same id tag.
  static bool same_tag(const uint8_t* slot, const uint8_t* other);
  /// Marks a slot as a removal. Only for replace(); never stored.
  static constexpr uint8_t kRemoval = 0xFF;
  static void mark_removal(uint8_t* slot) { slot[2] = kRemoval; }
  static bool is_removal(const uint8_t* slot) { return slot[2] == kRemoval; }

  /// Decides what becomes of a slot that is not changed.
  class Filter {
   public:
    virtual ~Filter() = default;
    /// May modify all but the tag. @return false to drop the slot.
    virtual bool keep(uint8_t* slot) = 0;
  };

  /// What replace() does to the slots.
  struct Changes {
    const uint8_t* slots = nullptr;
    /// Order of the slots by hash. No tag twice.
    const uint8_t* order = nullptr;
    uint8_t count = 0;
    bool keeps_others = true;  ///< False: the table is what `slots` say, nothing else.
    Filter* filter = nullptr;
  };

  /// Reads slots one after another.
  class Reader {
   public:
    Reader(const TagTable& table, common::MutableByteSpan buffer);
    /// @return The next slot, valid until the next call; nullptr at the end, or when reading failed.
    uint8_t* next();
    common::Status status() const { return status_; }

   private:
    const TagTable& table_;
    common::MutableByteSpan buffer_;
    uint32_t next_ = 0;
    size_t at_ = 0;
    size_t end_ = 0;
    common::Status status_ = common::Status::kOk;
  };

  /// @param name  Of the file, at most FileStore::kMaxNameBytes - 4 bytes. Both outlive the table.
  TagTable(platform::FileStore& files, const char* name) : files_(files), name_(name) {}

  /// Reads and checks the whole file. A missing one is an empty table.
  /// @retval kCorrupt  Damaged, or of another format: the table is empty.
  /// @retval kIo       Cannot be read: the table is empty.
  common::Status load(common::MutableByteSpan buffer);

  size_t size() const { return count_; }
  /// Of the last replace(); 0 while the table is empty.
  int32_t version() const { return version_; }
  /// Highest stamp met by load().
  uint32_t newest_stamp() const { return newest_stamp_; }

  /// @retval kNotFound  No such tag.  @retval kIo
  common::Status find(const IdTag& id_tag, TagEntry& out) const;

  /// Replaces the file by one with the changes.
  /// @param version   > 0  @param max_count  Most slots the table may have then.
  /// @retval kNoSpace  More than max_count slots, or no room on flash.  @retval kIo
  ///   The table is as before then.
  common::Status replace(const Changes& changes, int32_t version, size_t max_count,
                         common::MutableByteSpan buffer);
  /// Removes all. @retval kIo  Unchanged.
  common::Status clear();

 private:
  class Writer;
  struct NewName {
    explicit NewName(const char* name);
    char text[platform::FileStore::kMaxNameBytes + 1];
  };

  common::Status read(uint32_t offset, common::MutableByteSpan buffer) const;
  common::Status merge(const Changes& changes, common::MutableByteSpan buffer, Writer& writer);

  platform::FileStore& files_;
  const char* name_;
  uint32_t count_ = 0;
  int32_t version_ = 0;
  uint32_t newest_stamp_ = 0;
};

}  // namespace ocpp
