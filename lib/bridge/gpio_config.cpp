#include "bridge/gpio_config.hpp"

#include <cstdio>

namespace bridge {
namespace {

using common::Status;
using common::TextSpan;
using platform::PinUse;

struct PinRow {
  const char* name;
  BoardPin GpioConfig::* member;
  PinUse use;
  bool is_required;
};
constexpr PinRow kPins[] = {
    {"pilot", &GpioConfig::pilot_out, PinUse::kOutput, true},
    {"pilot_in", &GpioConfig::pilot_in, PinUse::kAnalog, true},
    {"contactor", &GpioConfig::contactor, PinUse::kOutput, true},
    {"feedback", &GpioConfig::feedback, PinUse::kInput, false},
    {"proximity", &GpioConfig::proximity, PinUse::kAnalog, false},
    {"s0", &GpioConfig::s0, PinUse::kInput, false},
    {"lock", &GpioConfig::lock, PinUse::kOutput, false},
    {"pilot_off", &GpioConfig::pilot_off, PinUse::kOutput, false},
    {"fault", &GpioConfig::fault, PinUse::kInput, false},
};

enum class Number : uint8_t {
  kS0PerKwh,
  kPilotZero,
  kPilotGain,
  kProximityOhm,
  kProximityMv,
  kMaxMa,
  kVentilated
};
struct NumberRow {
  const char* name;
  Number number;
  uint32_t min;
  uint32_t max;
};
constexpr NumberRow kNumbers[] = {
    {"s0_per_kwh", Number::kS0PerKwh, 1, 100000},
    {"pilot_zero_mv", Number::kPilotZero, 0, 3300},
    {"pilot_gain", Number::kPilotGain, 1000, 50000},
    {"proximity_ohm", Number::kProximityOhm, 10, 100000},
    {"proximity_mv", Number::kProximityMv, 1000, 5000},
    {"max_ma", Number::kMaxMa, 6000, 80000},
    {"ventilated", Number::kVentilated, 0, 1},
};

void store(GpioConfig& out, Number number, uint32_t value) {
  switch (number) {
    case Number::kS0PerKwh:
      out.s0_per_kwh = value;
      return;
    case Number::kPilotZero:
      out.pilot_zero_mv = static_cast<int32_t>(value);
      return;
    case Number::kPilotGain:
      out.pilot_gain = static_cast<int32_t>(value);
      return;
    case Number::kProximityOhm:
      out.proximity_pull_ohm = value;
      return;
    case Number::kProximityMv:
      out.proximity_mv = value;
      return;
    case Number::kMaxMa:
      out.max_ma = value;
      return;
    case Number::kVentilated:
      out.is_ventilated = value != 0;
      return;
  }
}

bool parse_number(TextSpan text, uint32_t& out) {
  if (text.empty() || text.size() > 6) return false;
  out = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    out = out * 10 + static_cast<uint32_t>(c - '0');
  }
  return true;
}

/// One sentence about one word.
class Refusal {
 public:
  explicit Refusal(common::FixedString<159>& error) : error_(error) {}
  template <typename... Arguments>
  Status operator()(const char* format, Arguments... arguments) {
    char text[160];
    std::snprintf(text, sizeof text, format, arguments...);
    error_.assign_truncated(common::text(text));
    return Status::kInvalidArgument;
  }

 private:
  common::FixedString<159>& error_;
};

Status parse_pin(const PinRow& row, TextSpan value, const platform::Gpio& gpio, GpioConfig& out,
                 Refusal refuse) {
  BoardPin pin;
  pin.is_inverted = !value.empty() && value[0] == '!';
  uint32_t number = 0;
  if (!parse_number(value.subspan(pin.is_inverted ? 1 : 0), number) || number > 99)
    return refuse("%s must be the number of a pin, such as 25 or !25 (active low)", row.name);
  if (pin.is_inverted && (row.use == PinUse::kAnalog || row.member == &GpioConfig::pilot_out ||
                          row.member == &GpioConfig::s0)) {
    return refuse("%s cannot be inverted", row.name);
  }
  const char* why = gpio.refusal(static_cast<uint8_t>(number), row.use);
  if (why != nullptr) return refuse("%s: GPIO%u %s", row.name, static_cast<unsigned>(number), why);
  pin.number = static_cast<int8_t>(number);
  for (const PinRow& other : kPins) {
    if ((out.*other.member).number == pin.number)
      return refuse("GPIO%u is given to both %s and %s", static_cast<unsigned>(number), other.name,
                    row.name);
  }
  out.*row.member = pin;
  return Status::kOk;
}

Status parse_word(TextSpan word, const platform::Gpio& gpio, GpioConfig& out, Refusal refuse) {
  size_t equals = 0;
  while (equals < word.size() && word[equals] != '=') ++equals;
  const TextSpan name = word.first(equals);
  const TextSpan value = word.subspan(equals + 1);
  for (const PinRow& row : kPins) {
    if (common::equals(name, common::text(row.name)))
      return parse_pin(row, value, gpio, out, refuse);
  }
  for (const NumberRow& row : kNumbers) {
    if (!common::equals(name, common::text(row.name))) continue;
    uint32_t number = 0;
    if (!parse_number(value, number) || number < row.min || number > row.max) {
      return refuse("%s must be a whole number from %u to %u", row.name,
                    static_cast<unsigned>(row.min), static_cast<unsigned>(row.max));
    }
    store(out, row.number, number);
    return Status::kOk;
  }
  return refuse("\"%.*s\" is no word of a pin list (pilot, pilot_in, contactor, ...)",
                static_cast<int>(name.size() < 20 ? name.size() : 20), name.data());
}

}  // namespace

Status parse_gpio_config(TextSpan text, const platform::Gpio& gpio, GpioConfig& out,
                         common::FixedString<159>& error) {
  Refusal refuse(error);
  size_t at = 0;
  while (at < text.size()) {
    size_t end = at;
    while (end < text.size() && text[end] != ' ' && text[end] != ',') ++end;
    if (end > at) RETURN_IF_ERROR(parse_word(text.subspan(at, end - at), gpio, out, refuse));
    at = end + 1;
  }
  for (const PinRow& row : kPins) {
    if (row.is_required && !(out.*row.member).exists())
      return refuse("the pin list lacks %s", row.name);
  }
  return Status::kOk;
}

Status parse_contactor_pin(TextSpan text, const platform::Gpio& gpio, BoardPin& out,
                           common::FixedString<159>& error) {
  GpioConfig config;
  for (const PinRow& row : kPins) {
    if (row.member != &GpioConfig::contactor) continue;
    RETURN_IF_ERROR(parse_pin(row, text, gpio, config, Refusal(error)));
  }
  out = config.contactor;
  return Status::kOk;
}

Status parse_input_pin(const char* name, TextSpan text, const platform::Gpio& gpio, BoardPin& out,
                       common::FixedString<159>& error) {
  GpioConfig config;
  const PinRow row = {name, &GpioConfig::fault, PinUse::kInput, false};
  RETURN_IF_ERROR(parse_pin(row, text, gpio, config, Refusal(error)));
  out = config.fault;
  return Status::kOk;
}

common::FixedString<159> wiring_of(const platform::BoardPins& pins) {
  const struct {
    const char* word;
    int8_t pin;
  } rows[] = {
      {"pilot", pins.pilot},       {"pilot_in", pins.pilot_in},   {"contactor", pins.contactor},
      {"feedback", pins.feedback}, {"proximity", pins.proximity}, {"s0", pins.s0},
      {"lock", pins.lock},         {"pilot_off", pins.pilot_off}, {"fault", pins.fault}};
  common::FixedString<159> text;
  if (pins.pilot < 0 || pins.pilot_in < 0 || pins.contactor < 0) return text;
  for (const auto& row : rows) {
    char word[24];
    if (row.pin < 0) continue;
    std::snprintf(word, sizeof word, "%s%s=%d", text.empty() ? "" : " ", row.word, row.pin);
    (void)text.append(common::text(word));
  }
  return text;
}

}  // namespace bridge
