#include "security/credential_store.hpp"

#include "security/private_key.hpp"

LOG_MODULE("security");

namespace security {

using common::ByteSpan;
using common::Status;

namespace {

constexpr uint8_t kPlaces = kItemFiles + kKeySlots;
static_assert(kItemFiles <= 32, "files are bits of a word");

}  // namespace

Status CredentialStore::begin() {
  const Status status = read_index(files_, index_);
  if (status == Status::kIo) return status;
  if (status == Status::kCorrupt) {
    LOG_ERROR(log_, "the list of certificates is damaged: none is left");
  }
  present_files_ = present_keys_ = UINT32_MAX;
  begin_sweep();
  finish();
  return drop_keyless();
}

// The store of keys may have been erased alone, when it was damaged: what has no key is of no use.
Status CredentialStore::drop_keyless() {
  CertificateIndex& next = begin_change();
  uint8_t packed[kMaxPackedKeyBytes];
  for (size_t i = next.items.size(); i-- > 0;) {
    const uint8_t slot = next.items[i].key;
    if (slot != 0 && keys_.get(KeyName(slot).text, packed).status() == Status::kNotFound) {
      LOG_ERROR(log_, "a private key is gone, and its certificate with it");
      next.items.erase(i);
    }
  }
  wipe(packed);
  if (next.items.size() == index_.items.size()) return Status::kOk;
  commit();
  finish();
  return status_;
}

/// Before the loop runs: nobody waits, and nobody reads keys.
void CredentialStore::finish() {
  constexpr int kMostSteps = kPlaces + static_cast<int>(Stage::kSweep);
  for (int i = 0; i < kMostSteps && !is_idle(); ++i) step();
}

CertificateIndex& CredentialStore::begin_change() {
  next_ = index_;
  return next_;
}

void CredentialStore::add(StoredItem item, ByteSpan content, ByteSpan key) {
  item.id = next_.next_id++;
  // Of the present index too: what is dropped must stay readable until the change is made.
  item.file = index_.free_file();
  if (!key.empty()) item.key = index_.free_key();
  content_ = content;
  key_ = key;
  status_ = next_.items.push_back(item);
  if (status_ == Status::kOk) {
    stage_ = Stage::kItem;
  } else {
    begin_sweep();
  }
}

void CredentialStore::commit() {
  status_ = Status::kOk;
  stage_ = Stage::kDraft;
}

Status CredentialStore::commit_now() {
  const Status status = write_index_draft(files_, next_);
  return status == Status::kOk ? make_so() : give_up(status);
}

void CredentialStore::step() {
  switch (stage_) {
    case Stage::kIdle:
      break;
    case Stage::kItem:
      write_new_item();
      break;
    case Stage::kKey:
      write_key();
      break;
    case Stage::kDraft:
      stage_ = Stage::kRename;
      status_ = write_index_draft(files_, next_);
      if (status_ != Status::kOk) (void)give_up(status_);
      break;
    case Stage::kRename:
      status_ = make_so();
      break;
    // A copy that is older serves as well: what it names is either there or found damaged.
    case Stage::kCopy:
      stage_ = Stage::kCopyRename;
      if (write_index_draft(files_, index_) != Status::kOk) begin_sweep();
      break;
    case Stage::kCopyRename:
      (void)rename_index_draft(files_, IndexCopy::kSecond);
      begin_sweep();
      break;
    case Stage::kSweep:
      sweep_next();
      break;
  }
}

void CredentialStore::write_new_item() {
  StoredItem& item = next_.items[next_.items.size() - 1];
  present_files_ |= 1U << item.file;
  stage_ = key_.empty() ? Stage::kDraft : Stage::kKey;
  refuse_unless(write_item(files_, item, content_));
}

void CredentialStore::write_key() {
  // A TLS client may read one at this moment.
  if (!authority_.lock_keys()) return;
  const uint8_t slot = next_.items[next_.items.size() - 1].key;
  present_keys_ |= 1U << slot;
  stage_ = Stage::kDraft;
  refuse_unless(keys_.set(KeyName(slot).text, key_));
  authority_.unlock_keys();
}

void CredentialStore::refuse_unless(Status status) {
  status_ = status;
  if (status == Status::kOk) return;
  LOG_ERROR(log_, "a certificate cannot be stored: %s", common::to_string(status));
  begin_sweep();
}

Status CredentialStore::make_so() {
  const Status status = rename_index_draft(files_, IndexCopy::kFirst);
  if (status != Status::kOk) return give_up(status);
  index_ = next_;
  stage_ = Stage::kCopy;
  return status;
}

Status CredentialStore::give_up(Status status) {
  LOG_ERROR(log_, "the list of certificates cannot be written: %s", common::to_string(status));
  // The change may have been made all the same: what it no longer names stays until the next one.
  if (read_index(files_, next_) == Status::kOk) index_ = next_;
  stage_ = Stage::kIdle;
  return status;
}

// Files and keys that the index does not name: of a change that was cut, or of items that are gone.
void CredentialStore::begin_sweep() {
  swept_ = 0;
  stage_ = find_leftover() ? Stage::kSweep : Stage::kIdle;
}

bool CredentialStore::find_leftover() {
  uint32_t files = 0;
  uint32_t keys = 1;
  for (const StoredItem& item : index_.items) {
    files |= 1U << item.file;
    keys |= 1U << item.key;
  }
  for (; swept_ < kPlaces; ++swept_) {
    const uint32_t left = swept_ < kItemFiles
                              ? (present_files_ & ~files) >> swept_
                              : (present_keys_ & ~keys) >> (swept_ - kItemFiles + 1);
    if ((left & 1U) != 0) return true;
  }
  return false;
}

// What cannot be removed now is tried again after the next change.
void CredentialStore::sweep_next() {
  const uint8_t place = swept_;
  if (place < kItemFiles) {
    if (files_.remove(ItemFileName(place).text) == Status::kOk) present_files_ &= ~(1U << place);
  } else {
    if (!authority_.lock_keys()) return;
    const auto slot = static_cast<uint8_t>(place - kItemFiles + 1);
    if (keys_.erase(KeyName(slot).text) == Status::kOk) present_keys_ &= ~(1U << slot);
    authority_.unlock_keys();
  }
  ++swept_;
  if (!find_leftover()) stage_ = Stage::kIdle;
}

}  // namespace security
