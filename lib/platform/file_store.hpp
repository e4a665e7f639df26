#pragma once

#include "common/span.hpp"
#include "common/status.hpp"
#include "platform/write_count.hpp"

namespace platform {

/// A few small named files on flash: all that RecordLog needs, so that crash safety is written once.
///
/// Power-cut contract: after append() was cut, the file holds its old bytes followed by any prefix of the new
/// ones (possibly none). After rename() was cut, the target is either the old or the new file, whole.
/// Whatever returned kOk is durable.
class FileStore {
 public:
  static constexpr size_t kMaxNameBytes = 31;  ///< [a-z0-9._-]; flat, no folders.

  virtual ~FileStore() = default;
  /// @return Size in bytes, or kNotFound, or kIo.
  virtual common::Result<uint32_t> size(const char* name) = 0;
  /// Reads at most buffer.size() bytes from offset. @return Bytes read; 0 at the end. kNotFound, kIo.
  virtual common::Result<size_t> read(const char* name, uint32_t offset,
                                      common::MutableByteSpan buffer) = 0;
  /// Appends, creating the file if absent; durable on return.
  /// @retval kNoSpace  Not enough free space; the file may end in a prefix of data.
  virtual common::Status append(const char* name, common::ByteSpan data) = 0;
  /// Atomically replaces `to` by `from`. @retval kNotFound  No file `from`.
  virtual common::Status rename(const char* from, const char* to) = 0;
  /// @retval kOk  The file is gone, or was never there.
  virtual common::Status remove(const char* name) = 0;
  /// Bytes that can still be appended in all, a lower bound.
  virtual uint32_t free_bytes() = 0;
  /// What was written since the object was made; nothing where nobody counts.
  virtual WriteCount written() const { return {}; }
};

}  // namespace platform
