#pragma once

#include "common/span.hpp"
#include "common/status.hpp"
#include "platform/file_store.hpp"

namespace platform {

/// Append-only log of small typed records in one file of a FileStore. Crash safety of the gateway's records is
/// written here, once, for every platform.
///
/// Frame on flash (13 bytes around the payload; integers little-endian):
///
///     0x00 | COBS( type u8, payload length u8, sequence u32, payload ) | CRC-32 as 5 bytes 0x80..0xFF
///
/// The start byte 0x00 occurs nowhere else: COBS removes it from the body, and the CRC is spread over five
/// seven-bit groups with the top bit set. So a frame that was cut short ends where the next 0x00 stands and is
/// shorter than its own length says: it is recognised for certain, not with some probability, and whatever is
/// appended after it is found at its own start byte. A torn tail therefore needs no truncation and no rewrite,
/// and neither does an append that failed half-way. Random bytes in place of a torn write, and flipped bits,
/// are caught by the CRC, which covers the bytes as stored; then that one record is lost and counted.
///
/// Sequence numbers rise strictly along the file and are never used twice, also across compactions.
///
/// Compaction copies the records worth keeping, verbatim, to `<name>.new` and renames it over the file. It runs
/// in small steps, between which reading and appending go on; a cut at any time leaves the old or the new file.
///
/// @par Context  Loop thread only. No heap; at most 0.8 KiB of stack (compaction; 0.4 KiB for the rest).
class RecordLog {
 public:
  static constexpr size_t kMaxPayloadBytes = 240;
  static constexpr uint32_t kFrameOverheadBytes = 13;
  /// Size of the buffer that a reader brings along.
  static constexpr size_t kBufferBytes = 256;
  /// First record of a compacted file; its payload is the owner's checkpoint. Owners use types 1..255.
  static constexpr uint8_t kCheckpointType = 0;

  static constexpr uint32_t frame_bytes(size_t payload_bytes) {
    return static_cast<uint32_t>(payload_bytes) + kFrameOverheadBytes;
  }

  struct Record {
    uint8_t type = 0;
    /// Of a checkpoint that load() hands over: of the record that came next.
    uint32_t sequence = 0;
    common::ByteSpan
        payload;  ///< Inside the reader's buffer: valid until the buffer is used again.
  };

  /// A place between two records. Any cursor becomes meaningless when a compaction commits: start again
  /// from a fresh one.
  struct Cursor {
    uint32_t offset = 0;
    uint32_t last_sequence = 0;
  };

  /// Receives every record at start-up, oldest first.
  class Visitor {
   public:
    virtual ~Visitor() = default;
    virtual void on_record(const Record& record) = 0;
  };

  /// Decides which records a compaction keeps. Asked for each record that existed when it began, oldest first;
  /// records appended since are always kept.
  class Filter {
   public:
    virtual ~Filter() = default;
    /// Asked first, with what the frame's header says before anything is checked: false drops the record
    /// without the cost of reading it. (Where the header is damaged the record is lost anyway.)
    virtual bool may_keep(uint8_t type, uint32_t sequence) = 0;
    /// Asked once for each record that may be kept and is intact.
    virtual bool keep(const Record& record) = 0;
  };

  /// Whether an append may use the bytes set aside by reserve().
  enum class Space : uint8_t { kNormal, kReserved };

  struct Counters {
    /// Stretches without a valid record (torn or corrupted) met by load().
    uint32_t damaged_frames = 0;
    uint32_t compactions = 0;    ///< Committed since load().
    uint64_t bytes_written = 0;  ///< Handed to the FileStore since load(), compactions included.
  };

  /// @param files      Outlives the log.
  /// @param name       At most FileStore::kMaxNameBytes - 4 bytes; outlives the log.
  /// @param max_bytes  Largest size of the file. While a compaction runs, a second file of up to the same size exists.
  RecordLog(FileStore& files, const char* name, uint32_t max_bytes);

  /// Reads the whole file, hands every valid record to the visitor, and makes the log ready. Leftovers of an
  /// interrupted compaction are removed. A missing file is an empty log.
  /// @retval kIo  The file system does not answer; the log stays closed, load() may be called again.
  common::Status load(Visitor& visitor);

  /// Appends one record; durable on return, whole or not at all.
  /// @param type  1..255  @param payload  At most kMaxPayloadBytes.
  /// @return The record's sequence number.
  /// @retval kNoSpace  No room beside what is reserved; compaction may help. Also: the file system is full.
  /// @retval kIo       Not stored. After an error of the file system the next append first finds out what the
  ///                   file holds, and keeps returning kIo while it cannot.
  /// @retval kInvalidState  Not loaded.
  common::Result<uint32_t> append(uint8_t type, common::ByteSpan payload,
                                  Space space = Space::kNormal);

  /// Reads the next valid record at or after the cursor and moves the cursor past it.
  /// @param buffer  At least kBufferBytes.
  /// @retval kNotFound  No further record.  @retval kIo  The file cannot be read; cursor unchanged.
  common::Status read(Cursor& cursor, common::MutableByteSpan buffer, Record& out) const;

  /// Sets bytes aside for later appends with Space::kReserved.
  /// @retval kNoSpace  Not that much left, in the log or in the file system; nothing was set aside.
  common::Status reserve(uint32_t bytes);
  /// Gives back what reserve() set aside. @param bytes  At most reserved_bytes().
  void release(uint32_t bytes);
  uint32_t reserved_bytes() const { return reserved_; }

  /// Starts a compaction. @param checkpoint  Payload of the first record of the new file.
  /// @retval kInvalidState  One is running already, or the log is not loaded.
  common::Status begin_compaction(common::ByteSpan checkpoint);
  /// Does a bounded part of the work: at most one write of kCopyBytes and reads of kScanBytes.
  /// @retval kOk     Done: the new file is in place.
  /// @retval kAgain  More to do.
  /// @return Otherwise the compaction was abandoned and the log is as before (kNoSpace, kIo). Where even that cannot be
  ///         told, settle() finds out: older cursors mean nothing after an error.
  common::Status compaction_step(Filter& filter);
  /// After an error of the file system: finds out what the file holds, as the next append would.
  /// @retval kIo  It does not answer yet; until it does, read() may fail with kIo too.
  common::Status settle();
  bool is_compacting() const { return compaction_.active; }

  uint32_t size_bytes() const { return size_; }
  /// max_bytes, or less where the file system cannot hold two copies of that size.
  uint32_t capacity_bytes() const { return capacity_; }
  /// Asks the file system again for room: other files may be gone. The capacity only grows.
  void measure();
  /// Bytes that append() accepts now for this kind of space, framing included.
  uint32_t free_bytes(Space space = Space::kNormal) const;
  uint32_t next_sequence() const { return next_sequence_; }
  const Counters& counters() const { return counters_; }

  static constexpr size_t kCopyBytes = 384;
  static constexpr uint32_t kScanBytes = 4096;

 private:
  struct NewName {
    char text[FileStore::kMaxNameBytes + 1];
  };

  enum class Condition : uint8_t {
    kClosed,  ///< Not loaded.
    kReady,
    kUncertain,  ///< An append failed: the file may hold all, part or nothing of it.
  };

  struct Compaction {
    bool active = false;
    Cursor from;                      ///< Next record to look at.
    uint32_t keep_from_sequence = 0;  ///< Records from here on are kept unasked.
    uint32_t size = 0;                ///< Of the new file so far.
    bool is_unclear = false;  ///< Over, and whether the new file took the place is not known.
  };

  NewName new_name() const;
  common::Result<size_t> read_fully(uint32_t offset, common::MutableByteSpan buffer) const;
  common::Status next(Cursor& cursor, common::MutableByteSpan buffer, Record& out,
                      uint32_t& damaged, Filter* filter = nullptr) const;
  common::Status drop_unreported_frame();
  common::Status commit_compaction();
  void take_compacted();
  void abandon_compaction();

  FileStore& files_;
  const char* name_;
  uint32_t max_bytes_;
  uint32_t capacity_ = 0;
  uint32_t size_ = 0;
  uint32_t reserved_ = 0;
  uint32_t next_sequence_ = 1;
  uint32_t failed_bytes_ = 0;  ///< Length of the frame whose append failed.
  Condition condition_ = Condition::kClosed;
  Compaction compaction_;
  Counters counters_;
};

}  // namespace platform
