#pragma once

#include "common/span.hpp"
#include "common/status.hpp"

namespace json {

/// True if the literal has neither fraction nor exponent ("12", not "12.0" or "1e3").
bool is_integer_literal(common::TextSpan number);

/// The exact value of a number literal times 10 to the power of decimals: "12.5" with 3 decimals is
/// 12500.
/// @param number    Literal that Reader accepted.
/// @param decimals  0..9.
/// @retval kOk               value is exact.
/// @retval kInvalidArgument  More decimals than that; value unchanged.
/// @retval kNoSpace          Outside 64 bits; value unchanged.
common::Status to_scaled(common::TextSpan number, uint8_t decimals, int64_t& value);

}  // namespace json
