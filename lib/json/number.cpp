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

}  // namespace

bool is_integer_literal(common::TextSpan number) {
  for (const char c : number) {
    if (c == '.' || c == 'e' || c == 'E') return false;
  }
  return true;
}

common::Status to_scaled(common::TextSpan number, uint8_t decimals, int64_t& value) {
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
