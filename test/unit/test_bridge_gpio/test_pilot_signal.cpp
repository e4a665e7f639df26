#include "bridge/gpio_config.hpp"
#include "bridge/pilot_signal.hpp"
#include "bridge/s0_meter.hpp"
#include "doctest_main/doctest_main.hpp"
#include "platform/esp32_pins.hpp"

#include <deque>
#include <string>

using namespace bridge;  // NOLINT: everything here is about it

// IEC 61851-1, tables A.7 and A.8.
TEST_CASE("duty cycles and currents follow the table of the standard") {
  CHECK(pilot_duty_for(5999) == 0);
  CHECK(pilot_duty_for(6000) == 1000);
  CHECK(pilot_duty_for(16000) == 2666);
  CHECK(pilot_duty_for(32000) == 5333);
  CHECK(pilot_duty_for(51000) == 8500);
  CHECK(pilot_duty_for(63000) == 8920);
  CHECK(pilot_duty_for(80000) == 9600);
  CHECK(pilot_duty_for(99000) == 9600);

  CHECK(pilot_current_for(0) == 0);
  CHECK(pilot_current_for(500) == 0);  // digital communication
  CHECK(pilot_current_for(799) == 0);
  CHECK(pilot_current_for(800) == 6000);
  CHECK(pilot_current_for(1000) == 6000);
  CHECK(pilot_current_for(8500) == 51000);
  CHECK(pilot_current_for(9600) == 80000);
  CHECK(pilot_current_for(9700) == 80000);
  CHECK(pilot_current_for(9701) == 0);
  CHECK(pilot_current_for(10000) == 0);
  for (uint32_t ma = 6000; ma <= 80000; ma += 100) {
    CAPTURE(ma);
    CHECK(pilot_current_for(pilot_duty_for(ma)) <= ma);
    const uint32_t gap_ma = ma > 51000 && ma <= 52500 ? 1500 : 30;
    CHECK(pilot_current_for(pilot_duty_for(ma)) + gap_ma >= ma);
  }
}

TEST_CASE("cable resistors give the rating, the weaker one in doubt") {
  CHECK(cable_rating_for(1500) == 13000);
  CHECK(cable_rating_for(680) == 20000);
  CHECK(cable_rating_for(220) == 32000);
  CHECK(cable_rating_for(100) == 63000);
  CHECK(cable_rating_for(500) == 20000);
  CHECK(cable_rating_for(0) == 0);
  CHECK(cable_rating_for(79) == 0);
  CHECK(cable_rating_for(2461) == 0);
  CHECK(cable_rating_for(UINT32_MAX) == 0);
}

TEST_CASE("levels of a square wave are told apart, without edges and spikes") {
  uint16_t samples[200];
  for (int percent : {3, 10, 50, 85, 96}) {
    CAPTURE(percent);
    for (int i = 0; i < 200; ++i) samples[i] = i % 100 < percent ? 2475 : 0;
    samples[0] = 1200;  // an edge
    samples[150] = 1100;
    const PilotLevels levels = separate_levels(samples, 400);
    CHECK(levels.is_square);
    CHECK(levels.high_mv == doctest::Approx(2475).epsilon(0.02));
    CHECK(levels.low_mv < 30);
  }
  for (uint16_t& sample : samples) sample = 3300;
  const PilotLevels steady = separate_levels(samples, 400);
  CHECK_FALSE(steady.is_square);
  CHECK(steady.high_mv == 3300);
  CHECK(steady.low_mv == 3300);
}

TEST_CASE("pilot states need two equal readings and move with hysteresis") {
  PilotReader reader;
  const auto read = [&](int32_t mv, int times = 2) {
    for (int i = 0; i < times; ++i) reader.update({mv, -12000, true});
    return reader.state();
  };
  CHECK(reader.state() == PilotState::kUnknown);
  CHECK(read(12000, 1) == PilotState::kUnknown);
  CHECK(read(12000, 1) == PilotState::kA);
  CHECK(read(9000, 1) == PilotState::kA);
  CHECK(read(12000, 1) == PilotState::kA);
  CHECK(read(10300) == PilotState::kA);  // the bound is 10.5 V
  CHECK(read(9000) == PilotState::kB);
  CHECK(read(10700) == PilotState::kB);
  CHECK(read(6000) == PilotState::kC);
  CHECK(read(7700) == PilotState::kC);
  CHECK(read(3000) == PilotState::kD);
  CHECK(read(0) == PilotState::kE);
  CHECK(read(-12000) == PilotState::kF);
  CHECK(read(12000) == PilotState::kA);
  // The bounds of the states at the socket, IEC 61851-1 table A.4.
  for (const int32_t mv : {8370, 9590}) CHECK(read(mv) == PilotState::kB);
  for (const int32_t mv : {5470, 6530}) CHECK(read(mv) == PilotState::kC);
  for (const int32_t mv : {2590, 3280}) CHECK(read(mv) == PilotState::kD);
  CHECK_FALSE(reader.is_diode_missing());
  reader.update({9000, -9000, true});
  CHECK_FALSE(reader.is_diode_missing());
  reader.update({9000, -9000, true});
  CHECK(reader.is_diode_missing());
}

namespace {

class BoardRules final : public platform::Gpio {
 public:
  const char* refusal(uint8_t pin, platform::PinUse use) const override {
    return platform::esp32_pin_refusal(pin, use, 1ULL << 17U);
  }
  common::Status make_input(uint8_t, bool) override { return common::Status::kOk; }
  common::Status set(uint8_t, bool) override { return common::Status::kOk; }
  common::Result<bool> get(uint8_t) override { return false; }
};

std::string refusal_of(const char* text) {
  GpioConfig config;
  common::FixedString<159> error;
  if (parse_gpio_config(common::text(text), BoardRules(), config, error) == common::Status::kOk)
    return "";
  return error.c_str();
}

}  // namespace

TEST_CASE("a pin list is read, and each mistake is one sentence") {
  GpioConfig config;
  common::FixedString<159> error;
  REQUIRE(
      parse_gpio_config(
          common::text("pilot=25, pilot_in=36 contactor=!27 s0=35 s0_per_kwh=2000 max_ma=20000"),
          BoardRules(), config, error) == common::Status::kOk);
  CHECK(config.contactor.number == 27);
  CHECK(config.contactor.is_inverted);
  CHECK(config.s0_per_kwh == 2000);
  CHECK(config.max_ma == 20000);
  CHECK_FALSE(config.proximity.exists());

  const std::string good = "pilot=25 pilot_in=36 contactor=27 ";
  CHECK(refusal_of(good.c_str()).empty());
  CHECK(refusal_of("pilot=25 pilot_in=36") == "the pin list lacks contactor");
  CHECK(refusal_of("contactor=34") == "contactor: GPIO34 is an input only");
  CHECK(refusal_of("contactor=12") == "contactor: GPIO12 decides how the chip starts");
  CHECK(refusal_of("contactor=6") == "contactor: GPIO6 is wired to the flash memory");
  CHECK(refusal_of("contactor=17") == "contactor: GPIO17 is used by the gateway itself");
  CHECK(refusal_of("contactor=40") == "contactor: GPIO40 does not exist on this chip");
  CHECK(refusal_of("contactor=24") == "contactor: GPIO24 does not exist on this chip");
  CHECK(refusal_of("pilot_in=25") == "pilot_in: GPIO25 cannot measure a voltage beside Wi-Fi");
  CHECK(refusal_of("pilot_in=!36") == "pilot_in cannot be inverted");
  CHECK(refusal_of("contactor=x") ==
        "contactor must be the number of a pin, such as 25 or !25 (active low)");
  CHECK(refusal_of((good + "lock=27").c_str()) == "GPIO27 is given to both contactor and lock");
  CHECK(refusal_of((good + "s0_per_kwh=0").c_str()) ==
        "s0_per_kwh must be a whole number from 1 to 100000");
  CHECK(refusal_of((good + "relay=26").c_str()) ==
        "\"relay\" is no word of a pin list (pilot, pilot_in, contactor, ...)");
}

namespace {

class Pulses final : public platform::PulseInput {
 public:
  common::Status open(uint8_t, const Filter&) override { return common::Status::kOk; }
  common::Result<uint32_t> take(uint8_t) override {
    if (waiting.empty()) return common::Status::kAgain;
    const uint32_t at = waiting.front();
    waiting.pop_front();
    return at;
  }
  uint32_t lost(uint8_t) const override { return lost_count; }
  uint32_t now_us() const override { return clock_us; }
  std::deque<uint32_t> waiting;
  uint32_t lost_count = 0;
  uint32_t clock_us = 0;
};

}  // namespace

TEST_CASE("pulses become energy, and their distance power, also when the clock wraps") {
  Pulses pulses;
  S0Meter meter;
  REQUIRE(meter.begin(pulses, 35, 800) == common::Status::kOk);
  common::Instant now{1000};
  pulses.clock_us = UINT32_MAX - 500000;
  for (int i = 0; i < 8; ++i) {
    pulses.waiting.push_back(pulses.clock_us);
    meter.update(now);
    now = now + 1000;
    pulses.clock_us += 1000000;
  }
  CHECK(meter.count() == 8);
  CHECK(meter.energy_wh() == 10);
  CHECK(meter.power_w(now) == 4500);
  CHECK(meter.power_w(now + 3000) == 1125);  // the next pulse is overdue
  CHECK(meter.power_w(now + 60000) == 0);
  pulses.lost_count = 4;
  meter.update(now);
  CHECK(meter.count() == 12);
  meter.forget_power();
  CHECK(meter.power_w(now) == 0);
}
