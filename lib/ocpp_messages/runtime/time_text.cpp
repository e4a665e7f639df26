#include "ocpp_messages/runtime/time_text.hpp"

namespace ocpp_messages {

namespace {

constexpr int64_t kDayMs = 86400000;
constexpr int32_t kDaysToEpoch = 719468;  // from 0000-03-01 to 1970-01-01
constexpr int32_t kDaysPerEra = 146097;   // 400 years

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar. Years start in March, so
/// the leap day is last.
int32_t days_from_date(int32_t year, int32_t month, int32_t day) {
  if (month <= 2) --year;
  const int32_t era = (year >= 0 ? year : year - 399) / 400;
  const int32_t year_of_era = year - era * 400;
  const int32_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const int32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * kDaysPerEra + day_of_era - kDaysToEpoch;
}

int32_t days_in_month(int32_t year, int32_t month) {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

struct Cursor {
  const char* at;
  const char* end;

  bool done() const { return at == end; }
  bool take(char lower) {
    if (done() || common::ascii_lower(*at) != lower) return false;
    ++at;
    return true;
  }
  /// Exactly count digits with a value of minimum..maximum.
  bool number(uint8_t count, int32_t minimum, int32_t maximum, int32_t& value) {
    value = 0;
    for (; count > 0; --count, ++at) {
      const int32_t digit = done() ? -1 : *at - '0';
      if (digit < 0 || digit > 9) return false;
      value = value * 10 + digit;
    }
    return value >= minimum && value <= maximum;
  }
  /// Digits after the point, at least one; milliseconds.
  bool fraction(int32_t& ms) {
    const char* const first = at;
    for (int32_t weight = 100; !done() && *at >= '0' && *at <= '9'; ++at, weight /= 10)
      ms += (*at - '0') * weight;
    return at != first;
  }
};

bool parse_offset(Cursor& in, bool strict, int32_t& minutes) {
  minutes = 0;
  if (in.take('z')) return true;
  if (in.done()) return !strict;
  const bool minus = in.take('-');
  if (!minus && !in.take('+')) return false;
  int32_t hour = 0;
  int32_t minute = 0;
  if (!in.number(2, 0, 23, hour)) return false;
  const bool colon = in.take(':');
  const bool short_form = !strict && !colon;
  if (!(colon || short_form)) return false;
  if (!(short_form && in.done()) && !in.number(2, 0, 59, minute)) return false;
  minutes = hour * 60 + minute;
  if (minus) minutes = -minutes;
  return true;
}

}  // namespace

common::FixedString<24> format_time(common::UtcTime time) {
  common::FixedString<24> out;
  constexpr int64_t kYear0Ms = -62167219200000;
  constexpr int64_t kYear10000Ms = 253402300800000;
  if (!time.is_known() || time.ms < kYear0Ms || time.ms >= kYear10000Ms) return out;
  const uint32_t since_year_0 = static_cast<uint32_t>((time.ms - kYear0Ms) / kDayMs);
  auto ms = static_cast<uint32_t>((time.ms - kYear0Ms) % kDayMs);
  // Years start in March (0000-03-01 is day 60); counting from one era earlier keeps everything
  // positive.
  const uint32_t day = since_year_0 + kDaysPerEra - 60;
  const uint32_t era = day / kDaysPerEra;
  const uint32_t day_of_era = day % kDaysPerEra;
  const uint32_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const uint32_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint32_t march_month = (5 * day_of_year + 2) / 153;
  const uint32_t month = march_month < 10 ? march_month + 3 : march_month - 9;
  const uint32_t year = (era - 1) * 400 + year_of_era + (month <= 2 ? 1 : 0);

  char text[24];
  size_t at = 0;
  const auto put = [&text, &at](uint32_t value, uint8_t digits, char after) {
    for (uint8_t i = digits; i > 0; --i) {
      text[at + i - 1] = static_cast<char>('0' + value % 10);
      value /= 10;
    }
    at += digits;
    text[at++] = after;
  };
  put(year, 4, '-');
  put(month, 2, '-');
  put(day_of_year - (153 * march_month + 2) / 5 + 1, 2, 'T');
  put(ms / 3600000, 2, ':');
  ms %= 3600000;
  put(ms / 60000, 2, ':');
  ms %= 60000;
  put(ms / 1000, 2, '.');
  put(ms % 1000, 3, 'Z');
  out.assign_truncated(common::TextSpan(text, at));
  return out;
}

bool parse_time(common::TextSpan text, bool strict, common::UtcTime& time) {
  Cursor in{text.begin(), text.end()};
  int32_t year = 0;
  int32_t month = 0;
  int32_t day = 0;
  int32_t hour = 0;
  int32_t minute = 0;
  int32_t second = 0;
  int32_t ms = 0;
  int32_t offset_minutes = 0;
  if (!in.number(4, 0, 9999, year) || !in.take('-') || !in.number(2, 1, 12, month) || !in.take('-'))
    return false;
  if (!in.number(2, 1, days_in_month(year, month), day)) return false;
  if (!in.take('t') && (strict || !in.take(' '))) return false;
  if (!in.number(2, 0, 23, hour) || !in.take(':') || !in.number(2, 0, 59, minute) || !in.take(':'))
    return false;
  if (!in.number(2, 0, 60, second)) return false;
  if (in.take('.') && !in.fraction(ms)) return false;
  if (!parse_offset(in, strict, offset_minutes) || !in.done()) return false;
  const int32_t utc_minutes = hour * 60 + minute - offset_minutes;
  if (second == 60 && (utc_minutes + 1440) % 1440 != 1439) return false;
  time.ms = days_from_date(year, month, day) * kDayMs + (utc_minutes * 60 + second) * 1000 + ms;
  return true;
}

}  // namespace ocpp_messages
