#pragma once

#include "common/log.hpp"
#include "platform/file_store.hpp"
#include "platform/key_value_store.hpp"
#include "security/certificate_files.hpp"
#include "security/stored_authority.hpp"

namespace security {

/// The index of the certificates with its files and keys. A change is written in steps, so that the loop goes on:
///
///     add() -> item -> key -> draft -> rename -> copy -> rename -> leftovers -> idle
///     commit() ---------------^          ^ here the change is made
///
/// A step writes at most once, and removes before that what a cut change left in its place.
/// @par Context  Loop thread.
class CredentialStore {
 public:
  /// @param authority  Whoever writes keys locks them there.
  CredentialStore(platform::FileStore& files, platform::KeyValueStore& keys,
                  StoredAuthority& authority, common::LogSink& log)
      : files_(files), keys_(keys), authority_(authority), log_(log) {}

  /// Reads what is stored and removes leftovers, all at once. @retval kIo
  common::Status begin();
  /// What is stored.
  const CertificateIndex& index() const { return index_; }

  /// Nothing is left to do.
  bool is_idle() const { return stage_ == Stage::kIdle; }
  /// The last change is made, or was not possible; only its clearing up may be left, which the next change does, too.
  bool can_change() const { return stage_ == Stage::kIdle || stage_ >= Stage::kCopy; }
  /// What the index is to become: to be changed, then made so by one of the calls below. can_change() holds.
  CertificateIndex& begin_change();
  /// Adds an item with a content, and a new key if there is one, to the change. step() does it.
  /// @param content, key  Stay as they are until is_idle().
  void add(StoredItem item, common::ByteSpan content, common::ByteSpan key);
  /// Makes the change. step() does it.
  void commit();
  /// Makes the change with two writes; step() clears up.
  common::Status commit_now();
  /// Goes on.
  void step();
  /// What became of the last add() or commit().
  common::Status status() const { return status_; }

 private:
  enum class Stage : uint8_t { kIdle, kItem, kKey, kDraft, kRename, kCopy, kCopyRename, kSweep };

  common::Status drop_keyless();
  void finish();
  void write_new_item();
  void write_key();
  void refuse_unless(common::Status status);
  common::Status make_so();
  common::Status give_up(common::Status status);
  void begin_sweep();
  void sweep_next();
  bool find_leftover();

  platform::FileStore& files_;
  platform::KeyValueStore& keys_;
  StoredAuthority& authority_;
  common::LogSink& log_;
  CertificateIndex index_;
  CertificateIndex next_;  ///< A new item is the last one.
  common::ByteSpan content_;
  common::ByteSpan key_;
  // What may lie on flash, a bit for each; what the index does not name of it are leftovers.
  uint32_t present_files_ = 0;
  uint32_t present_keys_ = 0;
  common::Status status_ = common::Status::kOk;
  Stage stage_ = Stage::kIdle;
  uint8_t swept_ = 0;  ///< Files, then keys, that have been looked at.
};

}  // namespace security
