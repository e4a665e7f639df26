#include "ocpp/authorization_cache.hpp"

#include <algorithm>

LOG_MODULE("ocpp.cache");

namespace ocpp {

using common::Instant;
using common::Status;

namespace {

bool same_tag(const IdTag& a, const IdTag& b) {
  return common::equals_ignore_case(a.span(), b.span());
}

bool is_expired(const TagEntry& entry, common::UtcTime utc) {
  return entry.expiry.is_known() && utc.is_known() && entry.expiry <= utc;
}

}  // namespace

/// Decides which tags stay when the cache is written.
class AuthorizationCache::Keeper : public TagTable::Filter {
 public:
  /// @param buffer  For the list, which is read alongside: both are sorted by hash.
  Keeper(const TagTable& list, common::UtcTime utc, common::MutableByteSpan buffer)
      : list_(list, buffer), listed_(list_.next()), utc_(utc) {}

  /// What leaves first is lowest.
  static uint64_t worth(const uint8_t* slot, common::UtcTime utc) {
    TagEntry entry;
    TagTable::decode(slot, entry);
    const bool is_valid = entry.status == IdTagStatus::kAccepted && !is_expired(entry, utc);
    return (is_valid ? 1ULL << 32U : 0U) + entry.stamp;
  }
  /// Offers a slot as one that may go. Call for every slot, then set_victims(), then keep().
  void consider(const uint8_t* slot) {
    const uint64_t value = worth(slot, utc_);
    if (found_ == kWaiting && value >= worths_[found_ - 1]) return;
    if (found_ < kWaiting) ++found_;
    size_t at = found_ - 1;
    for (; at > 0 && worths_[at - 1] > value; --at) worths_[at] = worths_[at - 1];
    worths_[at] = value;
  }
  void set_victims(size_t count) { found_ = std::min(count, found_); }

  bool keep(uint8_t* slot) override {
    if (found_ > 0 && worth(slot, utc_) <= worths_[found_ - 1]) return false;
    while (listed_ != nullptr && TagTable::hash(listed_) < TagTable::hash(slot))
      listed_ = list_.next();
    if (listed_ != nullptr && TagTable::same_tag(listed_, slot)) return false;
    TagEntry entry;
    TagTable::decode(slot, entry);
    if (entry.status == IdTagStatus::kAccepted && is_expired(entry, utc_)) {
      entry.status = IdTagStatus::kExpired;
      TagTable::encode(entry, slot);
    }
    return true;
  }

 private:
  TagTable::Reader list_;
  const uint8_t* listed_;
  common::UtcTime utc_;
  size_t found_ = 0;
  uint64_t worths_[kWaiting] = {};
};

void AuthorizationCache::begin(common::MutableByteSpan buffer) {
  const Status status = table_.load(buffer);
  if (status != Status::kOk)
    LOG_WARN(log_, "authorization cache unreadable (%s), it is empty", to_string(status));
  stamp_ = table_.newest_stamp();
}

TagEntry* AuthorizationCache::find_waiting(const IdTag& id_tag) {
  for (uint8_t i = 0; i < waiting_count_; ++i) {
    if (same_tag(waiting_[i].id_tag, id_tag)) return &waiting_[i];
  }
  return nullptr;
}

bool AuthorizationCache::find(const IdTag& id_tag, TagEntry& out) const {
  if (const TagEntry* entry = const_cast<AuthorizationCache*>(this)->find_waiting(id_tag)) {
    out = *entry;
    return true;
  }
  return table_.find(id_tag, out) == Status::kOk;
}

void AuthorizationCache::learn(const TagEntry& entry, Instant now) {
  TagEntry known;
  const bool is_known = find(entry.id_tag, known);
  const bool is_same_right = is_known && known.status == entry.status &&
                             same_tag(known.parent_id_tag, entry.parent_id_tag);
  // Confirmed once more: only worth a write when it would be among the next to go.
  if (is_same_right && known.expiry == entry.expiry &&
      (table_.size() < limits::kAuthorizationCacheEntries ||
       stamp_ - known.stamp < limits::kAuthorizationCacheEntries / 2)) {
    return;
  }
  TagEntry* slot = find_waiting(entry.id_tag);
  if (slot == nullptr) {
    if (waiting_count_ == kWaiting) {
      // Writing fails. What has waited longest is lost.
      std::copy(waiting_ + 1, waiting_ + kWaiting, waiting_);
      --waiting_count_;
    }
    slot = &waiting_[waiting_count_++];
  }
  *slot = entry;
  slot->stamp = ++stamp_;
  const bool is_urgent = is_known ? !is_same_right : entry.status == IdTagStatus::kAccepted;
  Instant by = now + (is_urgent ? kSoonMs : kLaterMs);
  if (waiting_count_ == kWaiting) by = now;
  write_at_ = common::earlier(write_at_, by);
}

Status AuthorizationCache::clear() {
  RETURN_IF_ERROR(table_.clear());
  waiting_count_ = 0;
  write_at_ = Instant::never();
  return Status::kOk;
}

void AuthorizationCache::write(const TagTable& list, common::UtcTime utc, Instant now,
                               common::MutableByteSpan buffer) {
  constexpr size_t kChangesBytes = kWaiting * TagTable::kSlotBytes;
  constexpr size_t kReadBytes = 2 * TagTable::kSlotBytes;
  write_at_ = now + kRetryMs;
  if (buffer.size() < kChangesBytes + kReadBytes + TagTable::kMinimumBufferBytes) return;
  // Buffer: the changes as slots, a window on the list, the rest for the table.
  uint8_t* const slots = buffer.data();
  uint8_t order[kWaiting];
  for (uint8_t i = 0; i < waiting_count_; ++i) {
    uint8_t* const slot = slots + i * TagTable::kSlotBytes;
    TagEntry listed;
    TagTable::encode(waiting_[i], slot);
    if (list.find(waiting_[i].id_tag, listed) == Status::kOk) TagTable::mark_removal(slot);
    uint8_t at = i;
    for (; at > 0 &&
           TagTable::hash(slots + order[at - 1] * TagTable::kSlotBytes) > TagTable::hash(slot);
         --at)
      order[at] = order[at - 1];
    order[at] = i;
  }
  const common::MutableByteSpan work = buffer.subspan(kChangesBytes + kReadBytes);
  Keeper keeper(list, utc, buffer.subspan(kChangesBytes, kReadBytes));
  if (table_.size() + waiting_count_ > limits::kAuthorizationCacheEntries) {
    // Tags that are replaced make no room and need none.
    size_t wanted = table_.size() + waiting_count_;
    TagTable::Reader reader(table_, work);
    for (const uint8_t* slot = reader.next(); slot != nullptr; slot = reader.next()) {
      bool is_replaced = false;
      for (uint8_t i = 0; i < waiting_count_; ++i)
        is_replaced = is_replaced || TagTable::same_tag(slots + i * TagTable::kSlotBytes, slot);
      if (is_replaced) {
        --wanted;
      } else {
        keeper.consider(slot);
      }
    }
    keeper.set_victims(wanted - std::min(wanted, limits::kAuthorizationCacheEntries));
  }
  TagTable::Changes changes;
  changes.slots = slots;
  changes.order = order;
  changes.count = waiting_count_;
  changes.filter = &keeper;
  Status status = table_.replace(changes, 1, limits::kAuthorizationCacheEntries, work);
  // Damaged since start-up: what it held comes again from the CSMS.
  if (status == Status::kCorrupt && table_.clear() == Status::kOk)
    status = table_.replace(changes, 1, limits::kAuthorizationCacheEntries, work);
  if (status != Status::kOk) {
    LOG_WARN(log_, "authorization cache not written (%s)", to_string(status));
    return;
  }
  waiting_count_ = 0;
  write_at_ = Instant::never();
}

}  // namespace ocpp
