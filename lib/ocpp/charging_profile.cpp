#include "ocpp/charging_profile.hpp"

#include "ocpp/image.hpp"

namespace ocpp {
namespace {

using common::Status;
using image::Kind;

constexpr uint8_t kFormat = 1;
constexpr uint8_t kHeadBytes = 56;
constexpr uint8_t kVersionBytes = 2;  ///< Format and length of the head, before the fields.

constexpr image::Field kFields[] = {
    {Kind::k1, offsetof(ChargingProfile, connector_id)},
    {Kind::k1, offsetof(ChargingProfile, stack_level)},
    {Kind::k1, offsetof(ChargingProfile, purpose)},
    {Kind::k1, offsetof(ChargingProfile, kind)},
    {Kind::k1, offsetof(ChargingProfile, recurrency)},
    {Kind::k1, offsetof(ChargingProfile, unit)},
    {Kind::k4, offsetof(ChargingProfile, id)},
    {Kind::k4, offsetof(ChargingProfile, local_transaction)},
    {Kind::k4, offsetof(ChargingProfile, duration_s)},
    {Kind::k1, offsetof(ChargingProfile, period_count)},
    {Kind::kGap3, 0},
    {Kind::k8, offsetof(ChargingProfile, valid_from)},
    {Kind::k8, offsetof(ChargingProfile, valid_to)},
    {Kind::k8, offsetof(ChargingProfile, start_schedule)},
    {Kind::k8, offsetof(ChargingProfile, installed_at)},
};
constexpr image::Layout kLayout =
    image::layout<ChargingProfile>(kFields, kHeadBytes - kVersionBytes);

// In the image as in memory: start, then the limit in the lower 28 bits of a word and the phases above.
constexpr size_t kPeriodBytes = 8;
static_assert(sizeof(SchedulePeriod) == kPeriodBytes, "copied as it is");

}  // namespace

size_t encode_profile(const ChargingProfile& profile, common::MutableByteSpan out) {
  if (out.size() < kMaxProfileImageBytes) common::index_fault();
  out[0] = kFormat;
  out[1] = kHeadBytes;
  (void)image::encode(kLayout, &profile, out.subspan(kVersionBytes));
  const size_t bytes = profile.period_count * kPeriodBytes;
  std::memcpy(out.data() + kHeadBytes, profile.periods, bytes);
  return kHeadBytes + bytes;
}

Status decode_profile(common::ByteSpan image, ChargingProfile& out) {
  if (image.size() < kHeadBytes || image[0] != kFormat || image[1] < kHeadBytes)
    return Status::kCorrupt;
  const size_t head_bytes = image[1];
  RETURN_IF_ERROR(image::decode(kLayout, image.subspan(kVersionBytes), &out));
  const common::ByteSpan periods = image.subspan(head_bytes, out.period_count * kPeriodBytes);
  const bool is_valid = out.purpose <= ProfilePurpose::TxProfile &&
                        out.kind <= ProfileKind::Relative && out.recurrency <= Recurrency::Weekly &&
                        out.unit <= RateUnit::W && out.stack_level <= limits::kMaxStackLevel &&
                        out.period_count != 0 && out.period_count <= limits::kMaxSchedulePeriods &&
                        periods.size() == out.period_count * kPeriodBytes;
  if (!is_valid) {
    out.period_count = 0;
    return Status::kCorrupt;
  }
  std::memcpy(static_cast<void*>(out.periods), periods.data(), periods.size());
  return Status::kOk;
}

}  // namespace ocpp
