#include "platform/record_log.hpp"

#include "common/crc32.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace platform {

using common::ByteSpan;
using common::MutableByteSpan;
using common::Result;
using common::Status;

namespace {

constexpr uint8_t kStartByte = 0x00;
/// failed_bytes_ where no append failed.
constexpr uint32_t kNothingFailed = UINT32_MAX / 2;
constexpr size_t kHeaderBytes = 6;  // type, payload length, sequence
constexpr size_t kCrcBytes = 5;
constexpr size_t kSequenceBytes = 4;  // prefix of the checkpoint's payload
constexpr size_t kMaxFrameBytes = RecordLog::frame_bytes(RecordLog::kMaxPayloadBytes);
constexpr size_t kMinFrameBytes = RecordLog::frame_bytes(0);

// A frame and the start byte that ends it fit into a reader's buffer, and a COBS block never overflows.
static_assert(kMaxFrameBytes < RecordLog::kBufferBytes, "buffer too small for the longest frame");
static_assert(kHeaderBytes + RecordLog::kMaxPayloadBytes < 254, "body must fit one COBS block");
static_assert(1 + 1 + kHeaderBytes + kCrcBytes == RecordLog::kFrameOverheadBytes, "overhead");
static_assert(RecordLog::kMaxPayloadBytes <= UINT8_MAX, "length is one byte");

void store_u32(uint8_t* out, uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) out[i] = static_cast<uint8_t>(value >> (8 * i));
}

uint32_t load_u32(const uint8_t* in) {
  uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i) value |= static_cast<uint32_t>(in[i]) << (8 * i);
  return value;
}

/// @return Its place at or after `from`; the window's size when there is none.
size_t find_start_byte(ByteSpan window, size_t from) {
  const void* const found = std::memchr(window.data() + from, kStartByte, window.size() - from);
  if (found == nullptr) return window.size();
  return static_cast<size_t>(static_cast<const uint8_t*>(found) - window.data());
}

/// Writes a frame piece by piece: COBS on the fly, CRC at the end.
class FrameWriter {
 public:
  explicit FrameWriter(uint8_t* out) : out_(out) { out_[0] = kStartByte; }

  void put(ByteSpan body) {
    uint8_t* end = out_ + size_;
    uint8_t* block = out_ + block_;
    for (const uint8_t byte : body) {
      if (byte == 0) {
        *block = static_cast<uint8_t>(end - block);
        block = end;
      }
      *end++ = byte;
    }
    size_ = static_cast<size_t>(end - out_);
    block_ = static_cast<size_t>(block - out_);
  }
  size_t finish() {
    out_[block_] = static_cast<uint8_t>(size_ - block_);
    const uint32_t crc = common::crc32(ByteSpan(out_ + 1, size_ - 1));
    for (unsigned i = 0; i < kCrcBytes; ++i) {
      out_[size_++] = static_cast<uint8_t>(0x80U | ((crc >> (7 * i)) & 0x7FU));
    }
    return size_;
  }

 private:
  uint8_t* out_;
  size_t block_ = 1;  // where the length of the current COBS block goes
  size_t size_ = 2;
};

/// @param out  At least frame_bytes(prefix + payload) bytes.
size_t write_frame(uint8_t* out, uint8_t type, uint32_t sequence, ByteSpan prefix,
                   ByteSpan payload) {
  uint8_t header[kHeaderBytes];
  header[0] = type;
  header[1] = static_cast<uint8_t>(prefix.size() + payload.size());
  store_u32(header + 2, sequence);
  FrameWriter writer(out);
  writer.put(ByteSpan(header, sizeof header));
  writer.put(prefix);
  writer.put(payload);
  return writer.finish();
}

/// What a frame says about itself, not checked yet.
struct Claim {
  uint8_t type = 0;
  uint32_t sequence = 0;
  size_t frame_bytes = 0;
};

/// Decodes the COBS of the header alone. @param frame  At least kMinFrameBytes.
Claim claim_of(ByteSpan frame) {
  uint8_t header[kHeaderBytes];
  const uint8_t* next = frame.data() + 1;
  uint8_t left = *next;  // bytes until the next zero
  for (uint8_t& byte : header) {
    ++next;
    byte = --left == 0 ? 0 : *next;
    if (left == 0) left = *next;
  }
  Claim claim;
  claim.type = header[0];
  claim.sequence = load_u32(header + 2);
  claim.frame_bytes = RecordLog::frame_bytes(header[1]);
  return claim;
}

/// Checks a frame and decodes it in place. @param frame  From the start byte to before the next one.
bool parse_frame(MutableByteSpan frame, RecordLog::Record& out) {
  if (frame.size() < kMinFrameBytes || frame.size() > kMaxFrameBytes) return false;
  const size_t body_end = frame.size() - kCrcBytes;
  uint32_t crc = 0;
  for (unsigned i = 0; i < kCrcBytes; ++i) {
    const uint8_t group = frame[body_end + i];
    // The last one holds the four bits that are left.
    if ((group & (i + 1 < kCrcBytes ? 0x80U : 0xF0U)) != 0x80U) return false;
    crc |= static_cast<uint32_t>(group & 0x7FU) << (7 * i);
  }
  if (crc != common::crc32(ByteSpan(frame.data() + 1, body_end - 1))) return false;

  uint8_t* const body = frame.data();
  uint8_t* end = body;  // decoded so far; always behind what is read
  const uint8_t* next = body + 1;
  const uint8_t* const last = body + body_end;
  while (next < last) {
    const size_t length = *next;
    const uint8_t* const block_end = next + length;
    if (length == 0 || block_end > last) return false;
    for (++next; next < block_end; ++next) *end++ = *next;
    if (next < last) *end++ = 0;
  }
  const size_t size = static_cast<size_t>(end - body);
  if (size < kHeaderBytes || size != kHeaderBytes + body[1]) return false;
  out.type = body[0];
  out.sequence = load_u32(body + 2);
  out.payload = ByteSpan(body + kHeaderBytes, body[1]);
  return true;
}

}  // namespace

RecordLog::RecordLog(FileStore& files, const char* name, uint32_t max_bytes)
    : files_(files), name_(name), max_bytes_(max_bytes) {
  assert(std::strlen(name) + 4 <= FileStore::kMaxNameBytes);
}

RecordLog::NewName RecordLog::new_name() const {
  NewName result;
  const size_t length = std::strlen(name_);
  std::memcpy(result.text, name_, length);
  std::memcpy(result.text + length, ".new", 5);
  return result;
}

Status RecordLog::load(Visitor& visitor) {
  condition_ = Condition::kClosed;
  compaction_ = Compaction();
  counters_ = Counters();
  reserved_ = 0;
  next_sequence_ = 1;
  RETURN_IF_ERROR(files_.remove(new_name().text));
  const Result<uint32_t> size = files_.size(name_);
  if (!size.ok() && size.status() != Status::kNotFound) return size.status();
  size_ = size.value_or(0);
  capacity_ = 0;
  measure();

  uint8_t buffer[kBufferBytes];
  Cursor cursor;
  for (;;) {
    Record record;
    const Status status =
        next(cursor, MutableByteSpan(buffer, sizeof buffer), record, counters_.damaged_frames);
    if (status == Status::kNotFound) break;
    if (status != Status::kOk) return status;
    if (record.type == kCheckpointType) {
      if (record.payload.size() < kSequenceBytes) continue;
      record.sequence = load_u32(record.payload.data());
      next_sequence_ = std::max(next_sequence_, record.sequence);
      record.payload = record.payload.subspan(kSequenceBytes);
    }
    visitor.on_record(record);
  }
  next_sequence_ = std::max(next_sequence_, cursor.last_sequence + 1);
  condition_ = Condition::kReady;
  return Status::kOk;
}

Result<size_t> RecordLog::read_fully(uint32_t offset, MutableByteSpan buffer) const {
  size_t filled = 0;
  while (filled < buffer.size()) {
    const Result<size_t> count =
        files_.read(name_, offset + static_cast<uint32_t>(filled), buffer.subspan(filled));
    if (!count.ok()) return count.status() == Status::kNotFound ? Status::kIo : count.status();
    if (count.value() == 0) return Status::kIo;  // shorter than it was
    filled += count.value();
  }
  return filled;
}

/// Valid records are found whatever lies between them: a start byte and the bytes up to the next one are a candidate.
/// It may be followed by bytes that a torn append left, so its own length counts, not where the next one starts.
/// @retval kAgain  Only with a filter: skipped one record that it does not want.
Status RecordLog::next(Cursor& cursor, MutableByteSpan buffer, Record& out, uint32_t& damaged,
                       Filter* filter) const {
  assert(buffer.size() >= kBufferBytes);
  uint32_t offset = cursor.offset;
  while (offset < size_) {
    const MutableByteSpan window = buffer.first(std::min<size_t>(kBufferBytes, size_ - offset));
    const Result<size_t> count = read_fully(offset, window);
    if (!count.ok()) return count.status();
    if (window[0] != kStartByte) {
      // The rest of something too long to be a frame, or of a foreign file.
      if (offset == cursor.offset) ++damaged;
      offset += static_cast<uint32_t>(find_start_byte(window, 0));
      continue;
    }
    const size_t end = find_start_byte(window, 1);
    if (end == 1) {
      ++offset;
      continue;
    }
    const Claim claim = end < kMinFrameBytes ? Claim() : claim_of(window);
    const size_t length = claim.frame_bytes;
    const bool is_complete = length != 0 && length <= end;
    if (is_complete && filter != nullptr && claim.sequence < compaction_.keep_from_sequence &&
        (claim.type == kCheckpointType || !filter->may_keep(claim.type, claim.sequence))) {
      cursor.offset = offset + static_cast<uint32_t>(length);
      return Status::kAgain;
    }
    if (is_complete && parse_frame(window.first(length), out)) {
      const bool is_first_checkpoint = out.type == kCheckpointType && cursor.last_sequence == 0;
      if (is_first_checkpoint ||
          (out.type != kCheckpointType && out.sequence > cursor.last_sequence)) {
        if (!is_first_checkpoint) cursor.last_sequence = out.sequence;
        cursor.offset = offset + static_cast<uint32_t>(length);
        return Status::kOk;
      }
    }
    ++damaged;
    offset += static_cast<uint32_t>(end);
  }
  return Status::kNotFound;
}

Status RecordLog::read(Cursor& cursor, MutableByteSpan buffer, Record& out) const {
  if (condition_ == Condition::kClosed) return Status::kInvalidState;
  if (compaction_.is_unclear) return Status::kIo;
  uint32_t damaged = 0;
  RETURN_IF_ERROR(next(cursor, buffer, out, damaged));
  if (out.type == kCheckpointType) {
    out.payload = out.payload.subspan(std::min(kSequenceBytes, out.payload.size()));
  }
  return Status::kOk;
}

Result<uint32_t> RecordLog::append(uint8_t type, ByteSpan payload, Space space) {
  assert(type != kCheckpointType && payload.size() <= kMaxPayloadBytes);
  if (condition_ == Condition::kClosed) return Status::kInvalidState;
  RETURN_IF_ERROR(settle());
  if (frame_bytes(payload.size()) > free_bytes(space)) {
    measure();
    if (frame_bytes(payload.size()) > free_bytes(space)) return Status::kNoSpace;
  }

  uint8_t frame[kMaxFrameBytes];
  const size_t size = write_frame(frame, type, next_sequence_, ByteSpan(), payload);
  const Status status = files_.append(name_, ByteSpan(frame, size));
  counters_.bytes_written += size;
  if (status != Status::kOk) {
    condition_ = Condition::kUncertain;
    failed_bytes_ = static_cast<uint32_t>(size);
    return status == Status::kNoSpace ? Status::kNoSpace : Status::kIo;
  }
  size_ += static_cast<uint32_t>(size);
  return next_sequence_++;
}

/// Finds out what a failed append or commit left. A part of a frame is skipped by every reader, for ever. A whole frame
/// must go, because its append was reported as failed.
Status RecordLog::settle() {
  if (condition_ != Condition::kUncertain) return Status::kOk;
  if (compaction_.is_unclear) {
    const Status copy = files_.size(new_name().text).status();
    if (copy != Status::kOk && copy != Status::kNotFound) return Status::kIo;
    compaction_.is_unclear = false;
    if (copy == Status::kNotFound) {
      take_compacted();
      return Status::kOk;
    }
  }
  const Result<uint32_t> size = files_.size(name_);
  uint32_t actual = size.value_or(0);
  if (!size.ok() && size.status() != Status::kNotFound) return Status::kIo;
  if (actual < size_) return Status::kIo;
  if (actual >= size_ + failed_bytes_) {
    RETURN_IF_ERROR(drop_unreported_frame());
    actual = size_;
  }
  size_ = actual;
  condition_ = Condition::kReady;
  return Status::kOk;
}

Status RecordLog::drop_unreported_frame() {
  abandon_compaction();
  const NewName copy = new_name();
  RETURN_IF_ERROR(files_.remove(copy.text));
  uint8_t buffer[kBufferBytes];
  for (uint32_t offset = 0; offset < size_;) {
    const MutableByteSpan part = MutableByteSpan(buffer, sizeof buffer)
                                     .first(std::min<size_t>(sizeof buffer, size_ - offset));
    const Result<size_t> count = read_fully(offset, part);
    if (!count.ok()) return count.status();
    counters_.bytes_written += part.size();
    RETURN_IF_ERROR(files_.append(copy.text, part));
    offset += static_cast<uint32_t>(part.size());
  }
  return size_ > 0 ? files_.rename(copy.text, name_) : files_.remove(name_);
}

void RecordLog::measure() {
  const uint64_t two_copies = uint64_t{size_} + files_.free_bytes();
  capacity_ =
      std::max(capacity_, static_cast<uint32_t>(std::min<uint64_t>(max_bytes_, two_copies / 2)));
}

uint32_t RecordLog::free_bytes(Space space) const {
  const uint64_t taken = uint64_t{size_} + (space == Space::kNormal ? reserved_ : 0U);
  return taken >= capacity_ ? 0 : static_cast<uint32_t>(capacity_ - taken);
}

Status RecordLog::reserve(uint32_t bytes) {
  if (bytes > free_bytes(Space::kNormal)) return Status::kNoSpace;
  if (uint64_t{reserved_} + bytes > files_.free_bytes()) return Status::kNoSpace;
  reserved_ += bytes;
  return Status::kOk;
}

void RecordLog::release(uint32_t bytes) {
  assert(bytes <= reserved_);
  reserved_ -= bytes;
}

Status RecordLog::begin_compaction(ByteSpan checkpoint) {
  assert(checkpoint.size() + kSequenceBytes <= kMaxPayloadBytes);
  if (condition_ == Condition::kClosed || compaction_.active) return Status::kInvalidState;
  RETURN_IF_ERROR(settle());
  const NewName copy = new_name();
  RETURN_IF_ERROR(files_.remove(copy.text));
  uint8_t next_sequence[kSequenceBytes];
  store_u32(next_sequence, next_sequence_);
  uint8_t frame[kMaxFrameBytes];
  const size_t size = write_frame(frame, kCheckpointType, 0,
                                  ByteSpan(next_sequence, sizeof next_sequence), checkpoint);
  compaction_ = Compaction();
  compaction_.active = true;
  compaction_.keep_from_sequence = next_sequence_;
  compaction_.size = static_cast<uint32_t>(size);
  counters_.bytes_written += size;
  const Status status = files_.append(copy.text, ByteSpan(frame, size));
  if (status != Status::kOk) abandon_compaction();
  return status;
}

Status RecordLog::compaction_step(Filter& filter) {
  if (condition_ == Condition::kClosed || !compaction_.active) return Status::kInvalidState;
  uint8_t batch[kCopyBytes];
  uint8_t buffer[kBufferBytes];
  size_t used = 0;
  bool is_at_end = false;
  Cursor cursor = compaction_.from;
  const uint32_t scan_end = cursor.offset + kScanBytes;
  while (cursor.offset < scan_end) {
    Cursor after = cursor;
    Record record;
    uint32_t damaged = 0;
    const Status status =
        next(after, MutableByteSpan(buffer, sizeof buffer), record, damaged, &filter);
    is_at_end = status == Status::kNotFound;
    if (is_at_end) break;
    if (status == Status::kAgain) {
      cursor = after;
      continue;
    }
    if (status != Status::kOk) {
      abandon_compaction();
      return status;
    }
    // Before keep() is asked, which happens once per record.
    if (used + frame_bytes(record.payload.size()) > sizeof batch) break;
    cursor = after;
    if (record.sequence < compaction_.keep_from_sequence && !filter.keep(record)) continue;
    used += write_frame(batch + used, record.type, record.sequence, ByteSpan(), record.payload);
  }
  compaction_.from = cursor;
  if (used > 0) {
    counters_.bytes_written += used;
    const Status status = files_.append(new_name().text, ByteSpan(batch, used));
    if (status != Status::kOk) {
      abandon_compaction();
      return status;
    }
    compaction_.size += static_cast<uint32_t>(used);
  }
  return is_at_end ? commit_compaction() : Status::kAgain;
}

Status RecordLog::commit_compaction() {
  const NewName copy = new_name();
  const Status status = files_.rename(copy.text, name_);
  if (status != Status::kOk) {
    const Result<uint32_t> size = files_.size(copy.text);
    if (size.ok()) {
      abandon_compaction();
      return status;
    }
    if (size.status() != Status::kNotFound) {
      // Old or new file, nobody can tell now: settle() will.
      if (condition_ != Condition::kUncertain) failed_bytes_ = kNothingFailed;
      condition_ = Condition::kUncertain;
      compaction_.active = false;
      compaction_.is_unclear = true;
      return Status::kIo;
    }
  }
  take_compacted();
  return Status::kOk;
}

void RecordLog::take_compacted() {
  // Bytes of a failed append at the end of the old file are gone with it.
  condition_ = Condition::kReady;
  size_ = compaction_.size;
  compaction_.active = false;
  ++counters_.compactions;
}

void RecordLog::abandon_compaction() {
  if (!compaction_.active) return;
  compaction_.active = false;
  // A leftover is removed before the next compaction and by load(); nobody reads it.
  const Status ignored = files_.remove(new_name().text);
  static_cast<void>(ignored);
}

}  // namespace platform
