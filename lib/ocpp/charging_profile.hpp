#pragma once

#include "common/limits.hpp"
#include "common/span.hpp"
#include "common/status.hpp"
#include "common/time.hpp"

namespace ocpp {

/// Names as in OCPP 1.6 ed. 2, 7.10 to 7.12 and 7.37. Numbers are stored: never change them.
enum class ProfilePurpose : uint8_t {
  ChargePointMaxProfile = 0,
  TxDefaultProfile = 1,
  TxProfile = 2
};
enum class ProfileKind : uint8_t { Absolute = 0, Recurring = 1, Relative = 2 };
enum class Recurrency : uint8_t { kNone = 0, Daily = 1, Weekly = 2 };
enum class RateUnit : uint8_t { A = 0, W = 1 };

/// From start_s on, at most this much.
struct SchedulePeriod {
  uint32_t start_s = 0;
  uint32_t limit_deci : 28;  ///< Tenths of A per phase, or of W over all phases.
  uint32_t phases : 4;       ///< 1..3; 0 = not given, which means 3.

  SchedulePeriod() : limit_deci(0), phases(0) {}
};

constexpr uint32_t kMaxLimitDeci = (1U << 28U) - 1;

/// One installed charging profile.
struct ChargingProfile {
  int32_t id = 0;
  uint8_t connector_id = 0;  ///< 0 = all connectors.
  uint8_t stack_level = 0;   ///< 0..limits::kMaxStackLevel
  ProfilePurpose purpose = ProfilePurpose::TxDefaultProfile;
  ProfileKind kind = ProfileKind::Absolute;
  Recurrency recurrency = Recurrency::kNone;
  RateUnit unit = RateUnit::A;
  uint8_t period_count = 0;  ///< 0 = empty slot.
  uint32_t local_transaction =
      0;  ///< TxProfile: our number of its transaction; 0 = one that has yet to start.
  common::UtcTime valid_from;  ///< Unknown = no bound.
  common::UtcTime valid_to;
  common::UtcTime start_schedule;  ///< Unknown = relative to the transaction's start.
  common::UtcTime installed_at;
  int32_t duration_s = -1;  ///< < 0 = no end.
  SchedulePeriod periods[limits::kMaxSchedulePeriods];
};

/// Longest stored image of a profile, bytes.
constexpr size_t kMaxProfileImageBytes = 56 + limits::kMaxSchedulePeriods * 8;

/// Stored image, little-endian, fields only ever added at the end of the head. @param out >=
/// kMaxProfileImageBytes
/// @return Bytes used.
size_t encode_profile(const ChargingProfile& profile, common::MutableByteSpan out);
/// @retval kCorrupt  Not an image of this kind; out is an empty slot then.
common::Status decode_profile(common::ByteSpan image, ChargingProfile& out);

}  // namespace ocpp
