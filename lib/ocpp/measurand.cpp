#include "ocpp/measurand.hpp"

namespace ocpp {
namespace {

common::TextSpan trim(common::TextSpan text) {
  while (!text.empty() && text[0] == ' ') text = text.subspan(1);
  while (!text.empty() && text[text.size() - 1] == ' ') text = text.first(text.size() - 1);
  return text;
}

bool parse_one(common::TextSpan token, uint16_t meter_fields, MeasurandChoice& out) {
  for (size_t i = 0; i < kMeasurandCount; ++i) {
    const common::TextSpan name = common::text(kMeasurands[i].name);
    if (!common::equals(token.first(name.size()), name)) continue;
    if (kMeasurands[i].meter_field != 0 && (meter_fields & kMeasurands[i].meter_field) == 0)
      return false;
    out = MeasurandChoice{static_cast<Measurand>(i), 0};
    const common::TextSpan suffix = token.subspan(name.size());
    if (suffix.empty()) return true;
    // ".L1" or ".L1-N": the meter measures from phase to neutral.
    if (!kMeasurands[i].per_phase || suffix.size() < 3 || suffix[0] != '.' || suffix[1] != 'L')
      return false;
    if (suffix[2] < '1' || suffix[2] > '3') return false;
    if (suffix.size() != 3 && !common::equals(suffix.subspan(3), common::text("-N"))) return false;
    out.phase = static_cast<uint8_t>(suffix[2] - '0');
    return true;
  }
  return false;
}

}  // namespace

bool parse_measurands(common::TextSpan text, uint16_t meter_fields, MeasurandList& out) {
  MeasurandList list;
  common::TextSpan rest = trim(text);
  while (!rest.empty()) {
    size_t comma = 0;
    while (comma < rest.size() && rest[comma] != ',') ++comma;
    MeasurandChoice choice;
    if (!parse_one(trim(rest.first(comma)), meter_fields, choice)) return false;
    if (!list.contains(choice) && !list.add(choice)) return false;
    if (comma + 1 == rest.size()) return false;  // "a," names nothing after the comma
    rest = rest.subspan(comma + 1);
  }
  out = list;
  return true;
}

void format_measurands(const MeasurandList& list, common::FixedString<500>& out) {
  out.clear();
  for (size_t i = 0; i < list.size(); ++i) {
    if (i > 0) (void)out.append(common::text(","));
    (void)out.append(common::text(info(list[i].measurand).name));
    if (list[i].phase != 0) {
      const char suffix[3] = {'.', 'L', static_cast<char>('0' + list[i].phase)};
      (void)out.append(common::TextSpan(suffix, sizeof suffix));
    }
  }
}

}  // namespace ocpp
