#include "ocpp/charging_profile.hpp"

namespace ocpp {
namespace {

constexpr uint8_t kFormat = 1;
constexpr uint8_t kHeadBytes = 56;

class Out {
 public:
  explicit Out(common::MutableByteSpan out) : out_(out) {}
  void u(uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) out_[at_++] = static_cast<uint8_t>(value >> (8 * i));
  }
  size_t size() const { return at_; }

 private:
  common::MutableByteSpan out_;
  size_t at_ = 0;
};

class In {
 public:
  explicit In(common::ByteSpan in) : in_(in) {}
  uint64_t u(size_t bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; ++i) value |= uint64_t{in_[at_++]} << (8 * i);
    return value;
  }
  void seek(size_t at) { at_ = at; }

 private:
  common::ByteSpan in_;
  size_t at_ = 0;
};

}  // namespace

size_t encode_profile(const ChargingProfile& profile, common::MutableByteSpan raw) {
  Out out(raw);
  out.u(kFormat, 1);
  out.u(kHeadBytes, 1);
  out.u(profile.connector_id, 1);
  out.u(profile.stack_level, 1);
  out.u(static_cast<uint8_t>(profile.purpose), 1);
  out.u(static_cast<uint8_t>(profile.kind), 1);
  out.u(static_cast<uint8_t>(profile.recurrency), 1);
  out.u(static_cast<uint8_t>(profile.unit), 1);
  out.u(static_cast<uint32_t>(profile.id), 4);
  out.u(profile.local_transaction, 4);
  out.u(static_cast<uint32_t>(profile.duration_s), 4);
  out.u(profile.period_count, 1);
  out.u(0, 3);
  out.u(static_cast<uint64_t>(profile.valid_from.ms), 8);
  out.u(static_cast<uint64_t>(profile.valid_to.ms), 8);
  out.u(static_cast<uint64_t>(profile.start_schedule.ms), 8);
  out.u(static_cast<uint64_t>(profile.installed_at.ms), 8);
  assert(out.size() == kHeadBytes);
  for (size_t i = 0; i < profile.period_count; ++i) {
    out.u(profile.periods[i].start_s, 4);
    out.u(profile.periods[i].limit_deci | profile.periods[i].phases << 28U, 4);
  }
  return out.size();
}

common::Status decode_profile(common::ByteSpan image, ChargingProfile& out) {
  if (image.size() < kHeadBytes || image[0] != kFormat || image[1] < kHeadBytes)
    return common::Status::kCorrupt;
  In in(image);
  const size_t head_bytes = image[1];
  in.seek(2);
  ChargingProfile profile;
  profile.connector_id = static_cast<uint8_t>(in.u(1));
  profile.stack_level = static_cast<uint8_t>(in.u(1));
  const auto purpose = static_cast<uint8_t>(in.u(1));
  const auto kind = static_cast<uint8_t>(in.u(1));
  const auto recurrency = static_cast<uint8_t>(in.u(1));
  const auto unit = static_cast<uint8_t>(in.u(1));
  if (purpose > 2 || kind > 2 || recurrency > 2 || unit > 1) return common::Status::kCorrupt;
  profile.purpose = static_cast<ProfilePurpose>(purpose);
  profile.kind = static_cast<ProfileKind>(kind);
  profile.recurrency = static_cast<Recurrency>(recurrency);
  profile.unit = static_cast<RateUnit>(unit);
  profile.id = static_cast<int32_t>(in.u(4));
  profile.local_transaction = static_cast<uint32_t>(in.u(4));
  profile.duration_s = static_cast<int32_t>(in.u(4));
  profile.period_count = static_cast<uint8_t>(in.u(1));
  (void)in.u(3);
  profile.valid_from.ms = static_cast<int64_t>(in.u(8));
  profile.valid_to.ms = static_cast<int64_t>(in.u(8));
  profile.start_schedule.ms = static_cast<int64_t>(in.u(8));
  profile.installed_at.ms = static_cast<int64_t>(in.u(8));
  if (profile.period_count == 0 || profile.period_count > limits::kMaxSchedulePeriods ||
      image.size() < head_bytes + profile.period_count * size_t{8}) {
    return common::Status::kCorrupt;
  }
  in.seek(head_bytes);
  for (size_t i = 0; i < profile.period_count; ++i) {
    profile.periods[i].start_s = static_cast<uint32_t>(in.u(4));
    const auto packed = static_cast<uint32_t>(in.u(4));
    profile.periods[i].limit_deci = packed & kMaxLimitDeci;
    profile.periods[i].phases = packed >> 28U;
  }
  out = profile;
  return common::Status::kOk;
}

}  // namespace ocpp
