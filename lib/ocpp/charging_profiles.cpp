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

constexpr uint32_t kNotSteady = UINT32_MAX;

struct Range {
  uint32_t lowest = kNotSteady;
  uint32_t highest = kNotSteady;
};

/// What a profile sets from now on: limits together with phases and unit, or kNotSteady if other profiles will have a
/// say at some time.
Range range_of(const ChargingProfile& profile, common::UtcTime utc) {
  Range range;
  if (profile.kind == ProfileKind::Recurring || profile.duration_s >= 0 ||
      profile.valid_from.is_known() || profile.valid_to.is_known() ||
      profile.start_schedule > utc) {
    return range;
  }
  uint32_t lowest = kMaxLimitDeci;
  uint32_t highest = 0;
  const uint32_t phases = profile.periods[0].phases;
  for (size_t i = 0; i < profile.period_count; ++i) {
    const SchedulePeriod& period = profile.periods[i];
    if (period.phases != phases) return range;
    lowest = std::min<uint32_t>(lowest, period.limit_deci);
    highest = std::max<uint32_t>(highest, period.limit_deci);
  }
  const uint32_t kind = (phases * 2 + static_cast<uint32_t>(profile.unit)) << 28U;
  range.lowest = kind | lowest;
  range.highest = kind | highest;
  return range;
}

/// Its transaction has yet to start: it would mean nothing after a restart, and is not stored.
bool is_pending(const ChargingProfile& profile) {
  return profile.purpose == ProfilePurpose::TxProfile && profile.local_transaction == 0;
}

bool same_place(const ChargingProfile& a, const ChargingProfile& b) {
  return a.purpose == b.purpose && a.stack_level == b.stack_level &&
         a.connector_id == b.connector_id &&
         (a.purpose != ProfilePurpose::TxProfile || a.local_transaction == b.local_transaction);
}

}  // namespace

void ChargingProfiles::begin() {
  for (size_t i = 0; i < limits::kMaxChargingProfiles; ++i) {
    stored_[i] = kNotSteady;
    uint8_t image[kMaxProfileImageBytes];
    const common::Result<size_t> size =
        settings_.get(SlotName(i).text, common::MutableByteSpan(image));
    if (!size.ok()) continue;
    if (decode_profile(common::ByteSpan(image, size.value()), slots_[i]) != common::Status::kOk) {
      slots_[i] = ChargingProfile();
      LOG_WARN(log_, "slot %u: not a charging profile, ignored", static_cast<unsigned>(i));
      continue;
    }
    // Power failed between a replacement and the removal of what it replaced: the lower slot has the newer one.
    for (size_t other = 0; other < i; ++other) {
      if (slots_[other].period_count == 0) continue;
      if (slots_[other].id != slots_[i].id && !same_place(slots_[other], slots_[i])) continue;
      slots_[i] = ChargingProfile();
      dirty_ |= 1U << i;
      urgent_at_ = common::Instant{};
      break;
    }
  }
  ++revision_;
}

common::Status ChargingProfiles::install(const ChargingProfile& profile) {
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
      // Same id here, same place there: the new one replaces both.
      drop(slot, Urgency::kNow);
    }
  }
  if (target == nullptr) target = empty;
  if (target == nullptr) return common::Status::kNoSpace;
  uint32_t& stored = stored_[index_of(*target)];
  if (!same_place(*target, profile)) stored = kNotSteady;
  const Range range = range_of(profile, clock_.utc());
  const bool can_wait =
      is_pending(profile) || (stored != kNotSteady && stored >> 28U == range.lowest >> 28U &&
                              stored <= range.lowest && range.lowest != kNotSteady);
  *target = profile;
  touch(*target, can_wait ? Urgency::kRelaxed : Urgency::kNow);
  LOG_INFO(log_, "profile %ld installed on connector %u, level %u", static_cast<long>(profile.id),
           profile.connector_id, profile.stack_level);
  return common::Status::kOk;
}

bool ChargingProfiles::clear_id(int32_t id) {
  for (ChargingProfile& slot : slots_) {
    if (slot.period_count == 0 || slot.id != id) continue;
    drop(slot, Urgency::kNow);
    return true;
  }
  return false;
}

size_t ChargingProfiles::clear(const Selection& selection) {
  size_t cleared = 0;
  for (ChargingProfile& slot : slots_) {
    if (slot.period_count == 0) continue;
    if (selection.has_connector_id && slot.connector_id != selection.connector_id) continue;
    if (selection.has_purpose && slot.purpose != selection.purpose) continue;
    if (selection.has_stack_level && slot.stack_level != selection.stack_level) continue;
    drop(slot, Urgency::kNow);
    ++cleared;
  }
  return cleared;
}

void ChargingProfiles::bind_pending(uint8_t connector_id, uint32_t local_transaction) {
  for (ChargingProfile& slot : slots_) {
    if (slot.period_count == 0 || slot.purpose != ProfilePurpose::TxProfile) continue;
    if (slot.connector_id != connector_id || slot.local_transaction != 0) continue;
    slot.local_transaction = local_transaction;
    touch(slot, Urgency::kNow);
  }
}

void ChargingProfiles::drop_transaction(uint8_t connector_id, uint32_t local_transaction) {
  for (ChargingProfile& slot : slots_) {
    if (slot.period_count == 0 || slot.purpose != ProfilePurpose::TxProfile) continue;
    if (slot.connector_id == connector_id && slot.local_transaction == local_transaction)
      drop(slot, Urgency::kRelaxed);  // without its transaction it means nothing after a restart
  }
}

size_t ChargingProfiles::size() const {
  size_t count = 0;
  for (const ChargingProfile& slot : slots_) count += slot.period_count != 0 ? 1 : 0;
  return count;
}

void ChargingProfiles::drop(ChargingProfile& profile, Urgency urgency) {
  LOG_INFO(log_, "profile %ld removed", static_cast<long>(profile.id));
  profile = ChargingProfile();
  touch(profile, urgency);
}

void ChargingProfiles::touch(const ChargingProfile& profile, Urgency urgency) {
  ++revision_;
  dirty_ |= 1U << index_of(profile);
  const common::Instant affordable =
      std::max(clock_.now(), common::Instant{spent_until_.ms - (kBurst - 1) * kWriteCostMs});
  if (urgency == Urgency::kNow) {
    urgent_at_ = common::earlier(urgent_at_, affordable);
    return;
  }
  relaxed_by_ = common::earlier(relaxed_by_, clock_.now() + kMostRelaxedMs);
  relaxed_at_ = std::max(affordable, common::earlier(relaxed_by_, clock_.now() + kRelaxedMs));
}

/// In the order of the slots, and not past one that fails: see begin().
void ChargingProfiles::flush() {
  urgent_at_ = relaxed_at_ = relaxed_by_ = common::Instant::never();
  for (size_t i = 0; i < limits::kMaxChargingProfiles; ++i) {
    if ((dirty_ & 1U << i) == 0) continue;
    const common::Status status = write(i);
    if (status != common::Status::kOk) {
      LOG_ERROR(log_, "slot %u: not stored (%s), trying again", static_cast<unsigned>(i),
                to_string(status));
      urgent_at_ = clock_.now() + kWriteCostMs;
      return;
    }
    dirty_ &= ~(1U << i);
  }
}

common::Status ChargingProfiles::write(size_t slot) {
  const ChargingProfile& profile = slots_[slot];
  stored_[slot] = kNotSteady;
  if (profile.period_count == 0 || is_pending(profile)) return settings_.erase(SlotName(slot).text);
  spent_until_ = std::max(spent_until_, clock_.now()) + kWriteCostMs;
  uint8_t image[kMaxProfileImageBytes];
  const size_t size = encode_profile(profile, common::MutableByteSpan(image));
  RETURN_IF_ERROR(settings_.set(SlotName(slot).text, common::ByteSpan(image, size)));
  stored_[slot] = range_of(profile, clock_.utc()).highest;
  return common::Status::kOk;
}

}  // namespace ocpp
