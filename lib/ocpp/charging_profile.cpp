#include "ocpp/charging_profile.hpp"

namespace ocpp {
namespace {

constexpr uint8_t kFormat = 1;
constexpr uint8_t kHeadBytes = 56;

class Out {
 public:
  explicit Out(common::MutableByteSpan out) : begin_(out.data()), at_(out.data()) {}
  void u8(uint8_t value) { *at_++ = value; }
  void u32(uint32_t value) {
    at_[0] = static_cast<uint8_t>(value);
    at_[1] = static_cast<uint8_t>(value >> 8U);
    at_[2] = static_cast<uint8_t>(value >> 16U);
    at_[3] = static_cast<uint8_t>(value >> 24U);
    at_ += 4;
  }
  void time(common::UtcTime value) {
    u32(static_cast<uint32_t>(value.ms));
    u32(static_cast<uint32_t>(value.ms >> 32U));
  }
  size_t size() const { return static_cast<size_t>(at_ - begin_); }

 private:
  const uint8_t* begin_;
  uint8_t* at_;
};

class In {
 public:
  explicit In(common::ByteSpan in) : in_(in) {}
  uint8_t u8() { return in_[at_++]; }
  uint32_t u32() {
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; ++i) value |= uint32_t{u8()} << (8U * i);
    return value;
  }
  common::UtcTime time() {
    const uint32_t low = u32();
    return common::UtcTime{static_cast<int64_t>(uint64_t{u32()} << 32U | low)};
  }
  void seek(size_t at) { at_ = at; }

 private:
  common::ByteSpan in_;
  size_t at_ = 0;
};

}  // namespace

size_t encode_profile(const ChargingProfile& profile, common::MutableByteSpan raw) {
  if (raw.size() < kMaxProfileImageBytes) common::index_fault();
  Out out(raw);
  out.u8(kFormat);
  out.u8(kHeadBytes);
  out.u8(profile.connector_id);
  out.u8(profile.stack_level);
  out.u8(static_cast<uint8_t>(profile.purpose));
  out.u8(static_cast<uint8_t>(profile.kind));
  out.u8(static_cast<uint8_t>(profile.recurrency));
  out.u8(static_cast<uint8_t>(profile.unit));
  out.u32(static_cast<uint32_t>(profile.id));
  out.u32(profile.local_transaction);
  out.u32(static_cast<uint32_t>(profile.duration_s));
  out.u8(profile.period_count);
  for (int i = 0; i < 3; ++i) out.u8(0);
  out.time(profile.valid_from);
  out.time(profile.valid_to);
  out.time(profile.start_schedule);
  out.time(profile.installed_at);
  for (size_t i = 0; i < profile.period_count; ++i) {
    out.u32(profile.periods[i].start_s);
    out.u32(profile.periods[i].limit_deci | profile.periods[i].phases << 28U);
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
  profile.connector_id = in.u8();
  profile.stack_level = in.u8();
  const auto purpose = in.u8();
  const auto kind = in.u8();
  const auto recurrency = in.u8();
  const auto unit = in.u8();
  if (purpose > 2 || kind > 2 || recurrency > 2 || unit > 1 ||
      profile.stack_level > limits::kMaxStackLevel)
    return common::Status::kCorrupt;
  profile.purpose = static_cast<ProfilePurpose>(purpose);
  profile.kind = static_cast<ProfileKind>(kind);
  profile.recurrency = static_cast<Recurrency>(recurrency);
  profile.unit = static_cast<RateUnit>(unit);
  profile.id = static_cast<int32_t>(in.u32());
  profile.local_transaction = in.u32();
  profile.duration_s = static_cast<int32_t>(in.u32());
  profile.period_count = in.u8();
  for (int i = 0; i < 3; ++i) (void)in.u8();
  profile.valid_from = in.time();
  profile.valid_to = in.time();
  profile.start_schedule = in.time();
  profile.installed_at = in.time();
  if (profile.period_count == 0 || profile.period_count > limits::kMaxSchedulePeriods ||
      image.size() < head_bytes + profile.period_count * size_t{8}) {
    return common::Status::kCorrupt;
  }
  in.seek(head_bytes);
  for (size_t i = 0; i < profile.period_count; ++i) {
    profile.periods[i].start_s = in.u32();
    const auto packed = in.u32();
    profile.periods[i].limit_deci = packed & kMaxLimitDeci;
    profile.periods[i].phases = packed >> 28U;
  }
  out = profile;
  return common::Status::kOk;
}

}  // namespace ocpp
