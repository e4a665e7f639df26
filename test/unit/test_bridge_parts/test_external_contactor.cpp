#include "bridge/external_contactor.hpp"
#include "doctest_main/doctest_main.hpp"

#include <map>

using bridge::BoardPin;
using bridge::ExternalContactor;
using common::Instant;
using common::Status;
using Cut = ExternalContactor::Cut;

namespace {

constexpr uint32_t kOpenMs = 60000;

struct Pins final : platform::Gpio {
  Status make_input(uint8_t, bool) override { return Status::kOk; }
  Status set(uint8_t pin, bool level) override {
    if (is_broken) return Status::kIo;
    levels[pin] = level;
    return Status::kOk;
  }
  common::Result<bool> get(uint8_t pin) override { return levels[pin]; }
  std::map<uint8_t, bool> levels;
  bool is_broken = false;
};

struct Fixture {
  explicit Fixture(bool is_inverted = false) : inverted(is_inverted) {
    BoardPin pin;
    pin.number = 27;
    pin.is_inverted = is_inverted;
    REQUIRE(contactor.configure(pins, pin) == Status::kOk);
  }
  bool run(int64_t ms) {
    now = now + ms;
    return contactor.update(view, kOpenMs, now);
  }
  bool is_closed() { return pins.levels.at(27) != inverted; }

  Pins pins;
  bool inverted;
  ExternalContactor contactor;
  ExternalContactor::View view;
  Instant now;
};

}  // namespace

TEST_CASE("an external contactor is open until the charger has been heard") {
  for (const bool is_inverted : {false, true}) {
    Fixture fixture(is_inverted);
    CHECK_FALSE(fixture.is_closed());
    CHECK_FALSE(fixture.run(100000));
    CHECK_FALSE(fixture.is_closed());
    fixture.view.is_heard = true;
    CHECK(fixture.run(1));
    CHECK(fixture.is_closed());
    CHECK(fixture.contactor.is_closed());
  }
}

TEST_CASE(
    "an external contactor opens on too much current and stays open until the EV is unplugged") {
  Fixture fixture;
  fixture.view.is_heard = true;
  fixture.run(1);
  fixture.view.excess_ms = kOpenMs - 1;
  CHECK_FALSE(fixture.run(1));
  fixture.view.excess_ms = kOpenMs;
  CHECK(fixture.run(1));
  CHECK(fixture.contactor.cut() == Cut::kExcess);
  CHECK_FALSE(fixture.is_closed());
  fixture.view.excess_ms = 0;
  CHECK_FALSE(fixture.run(3600000));
  CHECK_FALSE(fixture.is_closed());
  fixture.view.is_unplugged = true;
  CHECK(fixture.run(1));
  CHECK(fixture.is_closed());
}

TEST_CASE("an external contactor opens when a charger cannot be told to stop, until it obeys") {
  Fixture fixture;
  fixture.view.is_heard = true;
  fixture.run(1);
  fixture.view.obeys = false;
  fixture.run(1000);
  CHECK_FALSE(fixture.run(kOpenMs - 1));
  CHECK(fixture.is_closed());
  CHECK(fixture.run(1));
  CHECK(fixture.contactor.cut() == Cut::kDeaf);
  CHECK_FALSE(fixture.is_closed());
  fixture.view.obeys = true;
  CHECK(fixture.run(1));
  CHECK(fixture.is_closed());
  // The time begins anew.
  fixture.view.obeys = false;
  fixture.run(1);
  CHECK_FALSE(fixture.run(kOpenMs - 1));
}

TEST_CASE("a pin that could not be set is set again") {
  Fixture fixture;
  fixture.view.is_heard = true;
  fixture.pins.is_broken = true;
  fixture.run(1);
  CHECK_FALSE(fixture.contactor.is_pin_good());
  CHECK_FALSE(fixture.is_closed());
  fixture.pins.is_broken = false;
  fixture.run(1);
  CHECK(fixture.contactor.is_pin_good());
  CHECK(fixture.is_closed());
}
