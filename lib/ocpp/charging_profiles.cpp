#include "ocpp/charging_profiles.hpp"

#include <algorithm>

LOG_MODULE("ocpp.profiles");

namespace ocpp {
namespace {

struct SlotName {
  explicit SlotName(size_t slot)
      : text{'p',
             'r',
             'o',
             'f',
             'i',
             'l',
             'e',
             static_cast<char>('0' + slot / 10),
             static_cast<char>('0' + slot % 10),
             '\0'} {}
  char text[10];
};

bool same_place(const ChargingProfile& a, const ChargingProfile& b) {
  return a.purpose == b.purpose && a.stack_level == b.stack_level &&
         a.connector_id == b.connector_id &&
         (a.purpose != ProfilePurpose::TxProfile || a.local_transaction == b.local_transaction);
}

}  // namespace

void ChargingProfiles::begin() {
  for (size_t i = 0; i < limits::kMaxChargingProfiles; ++i) {
    uint8_t image[kMaxProfileImageBytes];
    const common::Result<size_t> size =
        settings_.get(SlotName(i).text, common::MutableByteSpan(image));
    if (!size.ok()) continue;
    if (decode_profile(common::ByteSpan(image, size.value()), slots_[i]) != common::Status::kOk) {
      slots_[i] = ChargingProfile();
      LOG_WARN(log_, "slot %u: not a charging profile, ignored", static_cast<unsigned>(i));
    }
  }
  ++revision_;
}

common::Status ChargingProfiles::install(const ChargingProfile& profile, common::Instant now) {
  ChargingProfile* target = nullptr;
  ChargingProfile* empty = nullptr;
  for (ChargingProfile& slot : slots_) {
    if (slot.period_count == 0) {
      if (empty == nullptr) empty = &slot;
      continue;
    }
    if (slot.id != profile.id && !same_place(slot, profile)) continue;
    if (target == nullptr) {
      target = &slot;
    } else {
      drop(slot, now);  // same id here, same place there: the new one replaces both
    }
  }
  if (target == nullptr) target = empty;
  if (target == nullptr) return common::Status::kNoSpace;
  *target = profile;
  touch(*target, now);
  LOG_INFO(log_, "profile %ld installed on connector %u, level %u", static_cast<long>(profile.id),
           profile.connector_id, profile.stack_level);
  return common::Status::kOk;
}

bool ChargingProfiles::clear_id(int32_t id, common::Instant now) {
  for (ChargingProfile& slot : slots_) {
    if (slot.period_count == 0 || slot.id != id) continue;
    drop(slot, now);
    return true;
  }
  return false;
}

size_t ChargingProfiles::clear(const Selection& selection, common::Instant now) {
  size_t cleared = 0;
  for (ChargingProfile& slot : slots_) {
    if (slot.period_count == 0) continue;
    if (selection.has_connector_id && slot.connector_id != selection.connector_id) continue;
    if (selection.has_purpose && slot.purpose != selection.purpose) continue;
    if (selection.has_stack_level && slot.stack_level != selection.stack_level) continue;
    drop(slot, now);
    ++cleared;
  }
  return cleared;
}

void ChargingProfiles::bind_pending(uint8_t connector_id, uint32_t local_transaction,
                                    common::Instant now) {
  for (ChargingProfile& slot : slots_) {
    if (slot.period_count == 0 || slot.purpose != ProfilePurpose::TxProfile) continue;
    if (slot.connector_id != connector_id || slot.local_transaction != 0) continue;
    slot.local_transaction = local_transaction;
    touch(slot, now);
    // Stored unbound it would be dropped by a restart, and its limit with it.
    write_at_ = now;
  }
}

void ChargingProfiles::drop_transaction(uint8_t connector_id, uint32_t local_transaction,
                                        common::Instant now) {
  for (ChargingProfile& slot : slots_) {
    if (slot.period_count == 0 || slot.purpose != ProfilePurpose::TxProfile) continue;
    if (slot.connector_id == connector_id && slot.local_transaction == local_transaction)
      drop(slot, now);
  }
}

size_t ChargingProfiles::size() const {
  size_t count = 0;
  for (const ChargingProfile& slot : slots_) count += slot.period_count != 0 ? 1 : 0;
  return count;
}

void ChargingProfiles::drop(ChargingProfile& profile, common::Instant now) {
  LOG_INFO(log_, "profile %ld removed", static_cast<long>(profile.id));
  profile = ChargingProfile();
  touch(profile, now);
}

void ChargingProfiles::touch(const ChargingProfile& profile, common::Instant now) {
  ++revision_;
  dirty_ |= 1U << static_cast<unsigned>(&profile - slots_);
  if (write_at_.is_never())
    write_at_ = std::max(now + kWriteDelayMs, last_write_ + kWriteIntervalMs);
}

void ChargingProfiles::flush(common::Instant now) {
  write_at_ = common::Instant::never();
  if (dirty_ == 0) return;
  last_write_ = now;
  for (size_t i = 0; i < limits::kMaxChargingProfiles; ++i) {
    if ((dirty_ & 1U << i) == 0) continue;
    common::Status status = common::Status::kOk;
    if (slots_[i].period_count == 0) {
      status = settings_.erase(SlotName(i).text);
    } else {
      uint8_t image[kMaxProfileImageBytes];
      const size_t size = encode_profile(slots_[i], common::MutableByteSpan(image));
      status = settings_.set(SlotName(i).text, common::ByteSpan(image, size));
    }
    if (status == common::Status::kOk) {
      dirty_ &= ~(1U << i);
    } else {
      LOG_ERROR(log_, "slot %u: not stored (%s), trying again", static_cast<unsigned>(i),
                to_string(status));
      write_at_ = now + kWriteIntervalMs;
    }
  }
}

}  // namespace ocpp
