#include "json/number.hpp"

namespace json {

namespace {

constexpr int32_t kExponentLimit = 100000;  // far outside 64 bits in both directions

/// mantissa * 10^exponent; inexact when digits beyond the 19th were dropped.
struct Parsed {
  uint64_t mantissa = 0;
  int32_t exponent = 0;
  bool negative = false;
  bool inexact = false;
};

Parsed parse(common::TextSpan number) {
  Parsed parsed;
  const char* const text = number.data();
  size_t at = 0;
  if (!number.empty() && text[0] == '-') {
    parsed.negative = true;
    at = 1;
  }
  bool fraction = false;
  uint8_t digits = 0;
  for (; at < number.size(); ++at) {
    const char c = text[at];
    if (c == '.') {
      fraction = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    if (digits < 19) {
      parsed.mantissa = parsed.mantissa * 10 + static_cast<uint64_t>(c - '0');
      if (parsed.mantissa != 0) ++digits;
      if (fraction) --parsed.exponent;
    } else {
      if (c != '0') parsed.inexact = true;
      if (!fraction) ++parsed.exponent;
    }
  }
  if (at < number.size()) {  // 'e' or 'E'
    ++at;
    bool minus = false;
    if (at < number.size() && (text[at] == '+' || text[at] == '-')) minus = text[at++] == '-';
    int32_t exponent = 0;
    for (; at < number.size(); ++at) {
      if (exponent < kExponentLimit) exponent = exponent * 10 + (text[at] - '0');
    }
    parsed.exponent += minus ? -exponent : exponent;
  }
  return parsed;
}

/// Numbers as they come nearly always: at most nine characters without an exponent, no decimals too
/// many. Without 64-bit arithmetic.
/// @return false: not of this kind.
bool to_scaled_short(common::TextSpan number, uint8_t decimals, int64_t& value) {
  const char* at = number.begin();
  const char* const end = number.end();
  if (number.size() > 9) return false;
  const bool negative = at != end && *at == '-';
  if (negative) ++at;
  uint32_t mantissa = 0;
  bool is_fraction = false;
  for (; at != end; ++at) {
    const uint32_t digit = static_cast<uint8_t>(*at - '0');
    if (digit <= 9) {
      mantissa = mantissa * 10 + digit;
      if (is_fraction && decimals-- == 0) return false;
    } else if (*at == '.') {
      is_fraction = true;
    } else {
      return false;
    }
  }
  int64_t scaled = mantissa;
  for (; decimals > 0; --decimals) scaled *= 10;
  value = negative ? -scaled : scaled;
  return true;
}

}  // namespace

bool is_integer_literal(common::TextSpan number) {
  for (const char c : number) {
    if (c == '.' || c == 'e' || c == 'E') return false;
  }
  return true;
}

common::Status to_scaled(common::TextSpan number, uint8_t decimals, int64_t& value) {
  if (to_scaled_short(number, decimals, value)) return common::Status::kOk;
  Parsed parsed = parse(number);
  parsed.exponent += decimals;
  if (parsed.mantissa == 0) parsed.exponent = 0;
  for (; parsed.exponent < 0; ++parsed.exponent) {
    if (parsed.inexact || parsed.mantissa % 10 != 0) return common::Status::kInvalidArgument;
    parsed.mantissa /= 10;
  }
  for (; parsed.exponent > 0; --parsed.exponent) {
    if (parsed.mantissa > UINT64_MAX / 10) return common::Status::kNoSpace;
    parsed.mantissa *= 10;
  }
  const uint64_t limit = static_cast<uint64_t>(INT64_MAX) + (parsed.negative ? 1U : 0U);
  if (parsed.inexact || parsed.mantissa > limit) return common::Status::kNoSpace;
  value = static_cast<int64_t>(parsed.negative ? 0 - parsed.mantissa : parsed.mantissa);
  return common::Status::kOk;
}

}  // namespace json
