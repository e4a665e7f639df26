#pragma once

#include "platform/file_store.hpp"
#include "platform/key_value_store.hpp"

namespace security {

/// Carries the manufacturer's root certificates over the erasure of the file system: without them a gateway would take
/// firmware that nobody signed. They are no secrets. All other certificates are dropped from the index first.
/// Keys in the store: "FILE.PIECE". Each step can be repeated after a power cut.
/// @par Context  Start-up; 1.3 KiB of stack.

/// Copies the roots into the store, without the oldest where there is no room for all.
/// @retval kIo  Call it again; nothing is lost.
common::Status keep_roots(platform::FileStore& files, platform::KeyValueStore& store);
/// Writes the copies back to an empty file store.
common::Status restore_roots(platform::KeyValueStore& store, platform::FileStore& files);
/// Erases the copies.
common::Status forget_kept_roots(platform::KeyValueStore& store);

}  // namespace security
