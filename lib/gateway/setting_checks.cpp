#include "gateway/setting_checks.hpp"

#include "bridge/gpio_config.hpp"
#include "gateway/access.hpp"
#include "gateway/wifi_settings.hpp"
#include "platform/csms_url.hpp"
#include "platform/esp32_pins.hpp"

#include <cstdio>

namespace gateway {
namespace {

using common::Status;
using common::TextSpan;

Status check_new_access(const Settings& settings, TextSpan name, TextSpan value,
                        common::FixedString<95>& error) {
  const SettingRow* row = Settings::find(name);
  if (row == nullptr) return Status::kOk;
  const bool is_own = common::equals(common::text(row->name), common::text("c?.auth"));
  const bool is_common = common::equals(common::text(row->name), common::text("auth"));
  AuthMode mode;
  if ((!is_own && !is_common) || !find_mode(value, mode)) return Status::kOk;
  const int32_t connectors = settings.integer("connectors");
  for (uint8_t id = 1; id <= connectors; ++id) {
    if (is_own ? name[1] != '0' + id : !settings.text("auth", id).empty()) continue;
    bridge::Access charger;
    if (!bridge::access_of(settings.text("profile", id).span(), charger)) continue;
    RETURN_IF_ERROR(check_access(mode, charger, id, error));
  }
  return Status::kOk;
}

/// Each of the two alone: the other one may be the next to change.
Status check_address(TextSpan name, TextSpan value, common::FixedString<95>& error) {
  const bool is_url = common::equals(name, common::text("csms_url"));
  if (value.empty() || (!is_url && !common::equals(name, common::text("identity"))))
    return Status::kOk;
  platform::CsmsUrl ignored;
  return is_url ? platform::parse_csms_url(value, common::text("CP1"), ignored, error)
                : platform::parse_csms_url(common::text("ws://csms"), value, ignored, error);
}

Status check_wifi(TextSpan name, TextSpan value, common::FixedString<95>& error) {
  constexpr size_t kEndBytes = 9;  // _password
  const bool is_password =
      common::equals(name.first(4), common::text("wifi")) && name.size() > kEndBytes &&
      common::equals(name.subspan(name.size() - kEndBytes), common::text("_password"));
  return is_password ? check_wifi_password(value, error) : Status::kOk;
}

/// Pins for settings of a gateway that has none itself.
class AnyEsp32 final : public platform::Gpio {
 public:
  const char* refusal(uint8_t pin, platform::PinUse use) const override {
    return platform::esp32_pin_refusal(pin, use, 0);
  }
  Status make_input(uint8_t, bool) override { return Status::kUnsupported; }
  Status set(uint8_t, bool) override { return Status::kUnsupported; }
  common::Result<bool> get(uint8_t) override { return Status::kUnsupported; }
};

Status check_pins(const platform::Gpio* pins, TextSpan name, TextSpan value,
                  common::FixedString<95>& error) {
  const AnyEsp32 any;
  const platform::Gpio& gpio = pins != nullptr ? *pins : any;
  const TextSpan last = name.subspan(name.size() > 2 && name[2] == '.' && name[0] == 'c' ? 3 : 0);
  if (value.empty()) return Status::kOk;
  Status status = Status::kOk;
  common::FixedString<159> why;
  bridge::BoardPin pin;
  if (common::equals(last, common::text("pins"))) {
    bridge::GpioConfig wiring;
    status = bridge::parse_gpio_config(value, gpio, wiring, why);
  } else if (common::equals(last, common::text("contactor"))) {
    status = bridge::parse_contactor_pin(value, gpio, pin, why);
  } else if (common::equals(name, common::text("tamper")) &&
             !common::equals(value, common::text("none"))) {
    status = bridge::parse_input_pin("tamper", value, gpio, pin, why);
  }
  if (status == Status::kOk) return status;
  char text[96];
  std::snprintf(text, sizeof text, "%.15s: %.77s", common::FixedString<15>(name).c_str(),
                why.c_str());
  error.assign_truncated(common::text(text));
  return status;
}

Status check_charger(TextSpan name, TextSpan value, common::FixedString<95>& error) {
  const SettingRow* row = Settings::find(name);
  bridge::Access ignored;
  const bool is_file = common::equals(value.first(5), common::text("file:"));
  if (row == nullptr || !common::equals(common::text(row->name), common::text("c?.profile")) ||
      value.empty() || is_file || bridge::access_of(value, ignored))
    return Status::kOk;
  error = common::FixedString<95>("there is no charger profile ");
  (void)error.append(value.first(60));
  return Status::kInvalidArgument;
}

}  // namespace

Status check_setting(const Settings& settings, TextSpan name, TextSpan value,
                     common::FixedString<95>& error) {
  RETURN_IF_ERROR(Settings::check(name, value, error));
  RETURN_IF_ERROR(check_address(name, value, error));
  RETURN_IF_ERROR(check_wifi(name, value, error));
  RETURN_IF_ERROR(check_pins(settings.pins(), name, value, error));
  RETURN_IF_ERROR(check_charger(name, value, error));
  return check_new_access(settings, name, value, error);
}

Status set_setting(Settings& settings, TextSpan name, TextSpan value,
                   common::FixedString<95>& error) {
  RETURN_IF_ERROR(check_setting(settings, name, value, error));
  return settings.set(name, value, error);
}

}  // namespace gateway
