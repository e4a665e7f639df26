#pragma once

#include <cstdint>

namespace ocpp_messages {

/// A number with a fraction on the wire, as thousandths: 16.1 A is 16100. How fine the steps may be
/// is the schema's business (tenths in OCPP 1.6): encoding a value that is no whole number of steps
/// is kInvalidArgument.
struct Decimal {
  /// Largest magnitude that is taken from the wire: just below 10^12.
  static constexpr int64_t kMaxMilli = 999999999999999;

  int64_t milli = 0;
};

constexpr bool operator==(Decimal a, Decimal b) { return a.milli == b.milli; }
constexpr bool operator!=(Decimal a, Decimal b) { return a.milli != b.milli; }
constexpr bool operator<(Decimal a, Decimal b) { return a.milli < b.milli; }

}  // namespace ocpp_messages
