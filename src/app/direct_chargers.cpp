#include "app/direct_chargers.hpp"

#include "app/app.hpp"

#include <cstdio>

namespace app {

using common::Status;
using common::TextSpan;
using Error = common::FixedString<159>;

namespace {

constexpr const char* kGpio = "gpio";

bool is(TextSpan text, const char* word) { return common::equals(text, common::text(word)); }

Status refuse(Error& error, const char* format, unsigned connector, const char* what) {
  char text[160];
  std::snprintf(text, sizeof text, format, connector, what);
  error = Error(text);
  return Status::kInvalidArgument;
}

}  // namespace

bool DirectChargers::is_direct(TextSpan profile) {
  return is(profile, kGpio) || is(profile, bridge::RapiDriver::kName) ||
         is(profile, bridge::KebaDriver::kName);
}

uint8_t DirectChargers::owned_buses(uint8_t connectors) const {
  unsigned result = 0;
  for (uint8_t id = 1; id <= connectors; ++id) {
    if (is(settings_.text("profile", id).span(), bridge::RapiDriver::kName))
      result |= 1U << static_cast<unsigned>(settings_.integer("bus", id) - 1);
  }
  return static_cast<uint8_t>(result);
}

Status DirectChargers::add(const bridge::ConnectorConfig& config, TextSpan profile, Error& error) {
  if (!settings_.text("contactor", config.connector_id).empty()) {
    return refuse(error, "c%u.contactor is only for chargers with Modbus%s", config.connector_id,
                  "");
  }
  const Status status = is(profile, kGpio)                       ? add_gpio(config, error)
                        : is(profile, bridge::RapiDriver::kName) ? add_openevse(config, error)
                                                                 : add_keba(config, error);
  if (status != Status::kOk && error.empty()) error = Error(bridge_.error_text());
  return status;
}

Status DirectChargers::add_gpio(const bridge::ConnectorConfig& config, Error& error) {
  const unsigned id = config.connector_id;
  const bridge::GpioDriver::Board& board = platform_.board;
  if (board.gpio == nullptr || board.pwm == nullptr || board.analog == nullptr ||
      board.pulses == nullptr) {
    return refuse(error, "connector %u: this gateway has no pins for a charger%s", id, "");
  }
  const gateway::SettingText set_pins = settings_.text("pins", config.connector_id);
  const TextSpan pins = set_pins.empty() ? platform_.charger_pins.span() : set_pins.span();
  bridge::GpioConfig wiring;
  Error mistake;
  if (parse_gpio_config(pins, *board.gpio, wiring, mistake) != Status::kOk)
    return refuse(error, "c%u.pins: %s", id, mistake.c_str());
  return bridge_.add_gpio(config, wiring, board);
}

Status DirectChargers::add_openevse(const bridge::ConnectorConfig& config, Error& error) {
  const unsigned id = config.connector_id;
  const auto number = static_cast<size_t>(settings_.integer("bus", config.connector_id));
  if (number > limits::kMaxSerialBuses || platform_.buses[number - 1] == nullptr)
    return refuse(error, "connector %u: the bus of the OpenEVSE has no serial device%s", id, "");
  const auto bit = static_cast<uint8_t>(1U << (number - 1));
  if ((taken_buses_ & bit) != 0)
    return refuse(error, "connector %u: two OpenEVSE cannot share a serial device%s", id, "");
  taken_buses_ = static_cast<uint8_t>(taken_buses_ | bit);
  return bridge_.add_openevse(config, *platform_.buses[number - 1]);
}

Status DirectChargers::add_keba(const bridge::ConnectorConfig& config, Error& error) {
  const unsigned id = config.connector_id;
  if (platform_.udp == nullptr)
    return refuse(error, "connector %u: this gateway has no UDP%s", id, "");
  const gateway::SettingText host = settings_.text("host", config.connector_id);
  if (host.empty())
    return refuse(error, "connector %u: the setting host must be the KEBA's name or address%s", id,
                  "");
  return bridge_.add_keba(config, *platform_.udp, host.c_str(), &tags_);
}

}  // namespace app
