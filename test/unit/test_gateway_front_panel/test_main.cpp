#include "doctest_main/doctest_main.hpp"
#include "gateway/button.hpp"
#include "gateway/status_led.hpp"
#include "gateway/tamper_sensor.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <memory>
#include <string>

using common::Instant;
using gateway::Button;
using gateway::Light;
using gateway::LightInputs;
using Press = gateway::Button::Press;

namespace {

/// Pins of a board: what the firmware drives, and what people press.
class Pins final : public platform::Gpio {
 public:
  common::Status make_input(uint8_t, bool) override { return common::Status::kOk; }
  common::Status set(uint8_t, bool level) override {
    ++sets;
    led = level;
    return set_status;
  }
  common::Result<bool> get(uint8_t) override {
    if (is_broken) return common::Status::kIo;
    return !is_pressed;
  }

  bool led = false;
  bool is_pressed = false;
  bool is_broken = false;
  int sets = 0;
  common::Status set_status = common::Status::kOk;
};

/// What two seconds of a light look like, one character for each slot.
std::string look(Light light) {
  Pins pins;
  gateway::StatusLed led(&pins, 2);
  (void)led.step(light == Light::kFaulted ? Light::kBoot : Light::kFaulted, Instant{0});
  std::string text;
  for (int64_t ms = 1000; ms < 3000; ms += gateway::StatusLed::kSlotMs) {
    (void)led.step(light, Instant{ms});
    text += pins.led ? '#' : '.';
  }
  return text;
}

struct Panel {
  Pins pins;
  Button button{&pins, 0};
  Instant now{1000};
  Instant next;

  /// @return  What was pressed; kNone when nothing.
  Press run(int64_t duration_ms) {
    Press pressed = Press::kNone;
    for (const Instant end = now + duration_ms; now < end; now = now + 10) {
      const Press one = button.step(now, next);
      if (one != Press::kNone) {
        CHECK(pressed == Press::kNone);
        pressed = one;
      }
    }
    return pressed;
  }
  Press press(int64_t duration_ms) {
    pins.is_pressed = true;
    const Press early = run(duration_ms);
    CHECK(early == Press::kNone);
    pins.is_pressed = false;
    return run(200);
  }
};

}  // namespace

TEST_CASE("every light looks different, but for those of the button") {
  CHECK(look(Light::kAvailable) == "################");
  CHECK(look(Light::kPlugged) == "##############..");
  CHECK(look(Light::kCharging) == "########........");
  CHECK(look(Light::kNoCsms) == "#...............");
  CHECK(look(Light::kNoNetwork) == "#.#.............");
  CHECK(look(Light::kNotConfigured) == "#.#.#...........");
  CHECK(look(Light::kSafeMode) == "#.#.#.#.........");
  CHECK(look(Light::kFaulted) == "#.#.#.#.#.#.#.#.");
  CHECK(look(Light::kUpdating) == "##..##..##..##..");
  CHECK(look(Light::kBoot) == "###.###.###.###.");
  CHECK(look(Light::kHeld) == look(Light::kFaulted));
  CHECK(look(Light::kRelease) == look(Light::kAvailable));
}

TEST_CASE("the LED asks to be called when it changes, and writes its pin only then") {
  Pins pins;
  gateway::StatusLed led(&pins, 2);
  CHECK(led.step(Light::kCharging, Instant{500}) == Instant{1500});
  CHECK(led.step(Light::kCharging, Instant{700}) == Instant{1500});
  CHECK(pins.sets == 1);
  CHECK(led.step(Light::kCharging, Instant{1500}) == Instant{2500});
  CHECK_FALSE(pins.led);
  CHECK(led.step(Light::kAvailable, Instant{1600}).is_never());
  CHECK(pins.led);
  CHECK(pins.sets == 3);
  CHECK(led.step(Light::kNoCsms, Instant{100}) == Instant{225});  // a clock that went back
}

TEST_CASE("a pin that refuses is tried again, no pin is no LED") {
  Pins pins;
  pins.set_status = common::Status::kIo;
  gateway::StatusLed led(&pins, 2);
  (void)led.step(Light::kAvailable, Instant{0});
  (void)led.step(Light::kAvailable, Instant{1});
  CHECK(pins.sets == 2);
  gateway::StatusLed none(nullptr, 0);
  CHECK(none.step(Light::kFaulted, Instant{0}).is_never());
}

TEST_CASE("what matters most to a technician is shown first") {
  LightInputs in;
  CHECK(gateway::light_of(in) == Light::kNotConfigured);
  in.is_running = true;
  CHECK(gateway::light_of(in) == Light::kNoNetwork);
  in.is_network_up = true;
  CHECK(gateway::light_of(in) == Light::kNoCsms);
  in.is_csms_up = true;
  CHECK(gateway::light_of(in) == Light::kAvailable);
  in.is_plugged = true;
  CHECK(gateway::light_of(in) == Light::kPlugged);
  in.is_charging = true;
  CHECK(gateway::light_of(in) == Light::kCharging);
  in.is_network_up = false;
  CHECK(gateway::light_of(in) == Light::kNoNetwork);
  in.is_faulted = true;
  CHECK(gateway::light_of(in) == Light::kFaulted);
  in.is_safe_mode = true;
  CHECK(gateway::light_of(in) == Light::kSafeMode);
  in.is_updating = true;
  CHECK(gateway::light_of(in) == Light::kUpdating);
}

TEST_CASE("a press is short, nothing, a reset, or nothing again, by its length") {
  Panel panel;
  CHECK(panel.run(200) == Press::kNone);
  CHECK(panel.press(100) == Press::kShort);
  CHECK(panel.press(2900) == Press::kShort);
  CHECK(panel.press(3100) == Press::kNone);
  CHECK(panel.press(9900) == Press::kNone);
  CHECK(panel.press(10100) == Press::kReset);
  CHECK(panel.press(19900) == Press::kReset);
  CHECK(panel.press(20100) == Press::kNone);
  CHECK(panel.press(3600 * 1000) == Press::kNone);
  CHECK(panel.press(100) == Press::kShort);
}

TEST_CASE("how long it is held is told for the LED") {
  Panel panel;
  (void)panel.run(200);
  CHECK(panel.button.held_ms(panel.now) == 0);
  panel.pins.is_pressed = true;
  (void)panel.run(5000);
  CHECK(panel.button.held_ms(panel.now) == 5000);
  (void)panel.run(14990);
  CHECK(panel.button.held_ms(panel.now) == 19990);
  (void)panel.run(20);
  CHECK(panel.button.held_ms(panel.now) == 0);
}

TEST_CASE("contacts bounce: one press is one press, and a spark is none") {
  Panel panel;
  (void)panel.run(200);
  for (int i = 0; i < 40; ++i) {  // 400 ms of chatter
    panel.pins.is_pressed = i % 2 == 0;
    CHECK(panel.run(10) == Press::kNone);
  }
  CHECK(panel.press(500) == Press::kShort);
  panel.pins.is_pressed = true;
  CHECK(panel.run(40) == Press::kNone);
  panel.pins.is_pressed = false;
  CHECK(panel.run(500) == Press::kNone);
  // A gap of 30 ms in a long press does not divide it.
  panel.pins.is_pressed = true;
  (void)panel.run(6000);
  panel.pins.is_pressed = false;
  (void)panel.run(30);
  CHECK(panel.press(6000) == Press::kReset);
}

TEST_CASE("a button that is held or stuck since the start, or cannot be read, does nothing") {
  Panel panel;
  CHECK(panel.press(12000) == Press::kNone);
  CHECK(panel.press(12000) == Press::kReset);
  panel.pins.is_pressed = true;
  (void)panel.run(5000);
  panel.pins.is_broken = true;
  CHECK(panel.run(6000) == Press::kNone);
  CHECK(panel.button.held_ms(panel.now) == 0);
  panel.pins.is_broken = false;
  CHECK(panel.press(2000) == Press::kNone);
  Instant next;
  Button none(nullptr, 0);
  CHECK(none.begin() == common::Status::kOk);
  CHECK(none.step(Instant{0}, next) == Press::kNone);
  CHECK(next.is_never());
}

namespace {

/// A housing with a lid: the pin is high while it is open.
struct Housing {
  platform_sim::SimPower power;
  platform_sim::SimKeyValueStore store{power};
  Pins pins;
  std::unique_ptr<gateway::TamperSensor> sensor;
  Instant now{1000};
  int told = 0;

  explicit Housing(bool is_inverted = false) : is_inverted_(is_inverted) {
    move(false);
    start();
  }
  void start() {
    bridge::BoardPin pin;
    pin.number = 33;
    pin.is_inverted = is_inverted_;
    sensor = std::make_unique<gateway::TamperSensor>(store);
    CHECK_FALSE(sensor->exists());
    CHECK(sensor->begin(pins, pin) == common::Status::kOk);
  }
  void move(bool is_open) { pins.is_pressed = is_open == is_inverted_; }
  void run(int64_t duration_ms) {
    for (const Instant end = now + duration_ms; now < end;) {
      now = sensor->step(now);
      if (sensor->is_due()) {
        ++told;
        sensor->note_told();
      }
    }
  }

 private:
  bool is_inverted_;
};

}  // namespace

TEST_CASE("an opened lid is told once, until it was closed") {
  for (const bool is_inverted : {false, true}) {
    CAPTURE(is_inverted);
    Housing housing(is_inverted);
    housing.run(5000);
    CHECK(housing.told == 0);
    housing.move(true);
    housing.run(200);  // a shock
    housing.move(false);
    housing.run(5000);
    CHECK(housing.told == 0);
    CHECK_FALSE(housing.sensor->is_open());

    housing.move(true);
    housing.run(10000);
    CHECK(housing.told == 1);
    CHECK(housing.sensor->is_open());
    for (int i = 0; i < 20; ++i) {  // rattled at
      housing.move(i % 2 == 0);
      housing.run(500);
    }
    housing.move(true);
    housing.run(5000);
    CHECK(housing.told == 1);

    housing.move(false);
    housing.run(5000);
    CHECK_FALSE(housing.sensor->is_open());
    housing.move(true);
    housing.run(5000);
    CHECK(housing.told == 2);
  }
}

TEST_CASE("a lid that was opened while the gateway was off is told at the start, once") {
  Housing housing;
  housing.move(true);
  housing.start();
  housing.run(1000);
  CHECK(housing.told == 1);
  housing.start();  // still open
  housing.run(5000);
  CHECK(housing.told == 1);
  CHECK(housing.sensor->is_open());
  housing.move(false);
  housing.start();  // closed while it was off
  housing.run(5000);
  housing.move(true);
  housing.run(5000);
  CHECK(housing.told == 2);
}

TEST_CASE("a lid whose contact cannot be read is neither open nor told") {
  Housing housing;
  housing.pins.is_broken = true;
  housing.move(true);
  housing.run(5000);
  CHECK(housing.told == 0);
  CHECK_FALSE(housing.sensor->is_open());
  housing.pins.is_broken = false;
  housing.run(1000);
  CHECK(housing.told == 1);
}
