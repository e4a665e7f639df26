#include "world.hpp"

// The box is modelled by its circuit (platform_sim/sim_gpio_box.hpp), not by the driver's thresholds.

TEST_CASE("a session on the board's own pins: plug, offer, charge, stop, unplug") {
  World w;
  w.run(1000);
  CHECK(w.state().plug == Plug::kUnplugged);
  CHECK(w.state().health == charger::Health::kOk);
  CHECK(w.box.duty() == 10000);

  w.box.plug(SimGpioBox::Ev());
  w.run(1500);
  CHECK(w.state().plug == Plug::kPlugged);
  CHECK_FALSE(w.state().energy_offered);
  CHECK(w.box.duty() == 10000);
  CHECK_FALSE(w.box.is_closed());

  w.offer(16000);
  REQUIRE(w.run_until(8000, [&] { return w.box.current_ma() > 0; }));
  w.run(2000);
  CHECK(w.box.duty() == 2666);  // 26.66 %: never rounded up
  CHECK(w.box.current_ma() <= 16000);
  CHECK(w.state().energy_offered);
  CHECK(w.state().ev_requests_energy);
  CHECK(w.state().limit_ma == 16000);

  w.run(60000);
  const double flowed = w.box.energy_wh();
  CHECK(w.observer.last_sample.energy_import_wh >= static_cast<int64_t>(flowed) - 4);
  CHECK(w.observer.last_sample.energy_import_wh <= static_cast<int64_t>(flowed) + 1);
  CHECK(w.observer.last_sample.power_w == doctest::Approx(11037).epsilon(0.02));

  w.withdraw();
  REQUIRE(w.run_until(2000, [&] { return !w.box.is_closed(); }));
  CHECK(w.box.times_opened_under_load() == 0);
  w.run(1000);
  CHECK(w.observer.last_sample.power_w == 0);
  w.box.unplug();
  w.run(3000);
  CHECK(w.state().plug == Plug::kUnplugged);
  CHECK(w.allocations == 0);
}

TEST_CASE("the contactor is not opened under load before the EV has had six seconds") {
  World w;
  SimGpioBox::Ev ev;
  ev.keeps_asking = true;
  w.charge(ev);
  w.run(3000);
  const common::Instant asked_at = w.clock.now();
  w.withdraw();
  REQUIRE(w.run_until(10000, [&] { return !w.box.is_closed(); }));
  CHECK(w.box.opened_at() - asked_at >= 6000);
  CHECK(w.box.opened_at() - asked_at <= 6100);
  CHECK(w.box.times_opened_under_load() == 1);
  // Its demand goes on, but nothing is offered: C1.
  w.run(3000);
  CHECK_FALSE(w.state().energy_offered);
  CHECK(w.state().ev_requests_energy);
}

TEST_CASE("an EV that pulls its plug or its request finds the contactor open within 100 ms") {
  World w;
  w.charge();
  w.run(2000);
  SUBCASE("unplugged") { w.box.unplug(); }
  SUBCASE("S2 opened") { w.box.ev().wants_energy = false; }
  w.run(100);
  CHECK_FALSE(w.box.is_closed());
  CHECK(w.box.times_opened_under_load() == 0);
}

TEST_CASE("the duty cycle grows at most every five seconds, less and a stop are never delayed") {
  World w;
  w.charge();
  w.run(6000);
  w.offer(10000);
  w.run(40);
  CHECK(w.box.duty() == 1666);
  w.offer(8000);
  w.run(40);
  CHECK(w.box.duty() == 1333);
  w.offer(10000);
  w.run(4900);
  CHECK(w.box.duty() == 1333);
  w.run(160);
  CHECK(w.box.duty() == 1666);
  w.offer(20000);
  w.withdraw();
  w.run(40);
  CHECK(w.box.duty() == 10000);
}

TEST_CASE("less than 6 A is a pause and X1 lasts at least three seconds") {
  World w;
  w.charge();
  w.run(6000);
  w.offer(5900);
  w.run(40);
  CHECK(w.box.duty() == 10000);
  const common::Instant paused_at = w.clock.now();
  w.offer(6000);
  REQUIRE(w.run_until(10000, [&] { return w.box.duty() != 10000; }));
  CHECK(w.clock.now() - paused_at >= 2900);
  CHECK(w.box.duty() == 1000);
  REQUIRE(w.run_until(3000, [&] { return w.box.current_ma() > 0; }));
  CHECK(w.highest_ma <= 16000);
}

TEST_CASE("the cable's resistor limits the offer, an unknown one forbids it") {
  World w(kSocket);
  SimGpioBox::Ev ev;
  ev.max_ma = 32000;
  uint32_t expected = 0;
  SUBCASE("13 A") { ev.cable_ohm = 1500, expected = 13000; }
  SUBCASE("20 A") { ev.cable_ohm = 680, expected = 20000; }
  SUBCASE("32 A") { ev.cable_ohm = 220, expected = 32000; }
  SUBCASE("63 A, but the box bears 32 A") { ev.cable_ohm = 100, expected = 32000; }
  SUBCASE("between two ratings the weaker one counts") { ev.cable_ohm = 400, expected = 20000; }
  SUBCASE("shorted") { ev.cable_ohm = 10; }
  SUBCASE("open") { ev.cable_ohm = 50000; }
  w.run(500);
  w.box.plug(ev);
  w.run(1500);
  w.offer(32000);
  w.run(8000);
  CHECK(w.highest_ma <= expected);
  CHECK(w.highest_ma >= expected / 100 * 99);
  CHECK(w.bridge->capabilities(1).max_ma == (expected == 0 ? 32000 : expected));
  if (expected == 0) {
    CHECK(w.state().error == Error::kOtherError);
    CHECK_FALSE(w.state().is_faulted);
    CHECK(w.box.duty() == 10000);
  }
  w.withdraw();
  w.box.unplug();
  w.run(8000);
  CHECK(w.state().error == Error::kNone);
  CHECK(w.bridge->capabilities(1).max_ma == 32000);
}

TEST_CASE("the plug is locked before energy flows and stays so until it is unlocked") {
  World w(kSocket);
  w.run(500);
  w.box.plug(SimGpioBox::Ev());
  w.run(1500);
  CHECK_FALSE(w.box.is_locked());
  w.offer(16000);
  REQUIRE(w.run_until(3000, [&] { return w.box.is_locked(); }));
  const common::Instant locked_at = w.clock.now();
  REQUIRE(w.run_until(8000, [&] { return w.box.is_closed(); }));
  CHECK(w.clock.now() - locked_at >= 1000);
  w.withdraw();
  CHECK(w.bridge->unlock(1, w.clock.now()) == common::Status::kOk);
  w.run(20);
  CHECK(w.box.is_closed());
  CHECK(w.box.is_locked());  // not while the contactor is closed
  REQUIRE(w.run_until(2000, [&] { return !w.box.is_closed(); }));
  w.run(40);
  CHECK_FALSE(w.box.is_locked());
  CHECK(World(kFixedCable).bridge->unlock(1, w.clock.now()) == common::Status::kUnsupported);
}

TEST_CASE("a contactor that does not follow is a fault until the next restart") {
  World w;
  w.charge();
  w.run(2000);
  SUBCASE("welded") {
    w.box.set_welded(true);
    w.withdraw();
    w.run(3000);
    CHECK(w.state().info == common::FixedString<50>("the contactor does not open"));
  }
  SUBCASE("opens by itself") {
    w.box.set_stuck_open(true);
    w.run(1000);
    CHECK(w.state().info == common::FixedString<50>("the contactor does not close"));
  }
  CHECK(w.state().error == Error::kPowerSwitchFailure);
  CHECK(w.state().is_faulted);
  CHECK(w.box.duty() == 10000);
  w.box.set_welded(false);
  w.box.set_stuck_open(false);
  w.box.unplug();
  w.run(10000);
  CHECK(w.state().is_faulted);
  CHECK(w.state().plug == Plug::kUnplugged);
  w.restart();
  w.run(1000);
  CHECK_FALSE(w.state().is_faulted);
}

TEST_CASE("a contactor that is welded at start-up is found before anything is offered") {
  World w;
  w.box.set_welded(true);
  w.restart();
  w.run(1000);
  CHECK(w.state().error == Error::kPowerSwitchFailure);
  w.box.plug(SimGpioBox::Ev());
  w.offer(16000);
  w.run(8000);
  CHECK(w.box.duty() == 10000);
}

TEST_CASE("a shorted pilot opens the contactor at once and keeps the plug") {
  World w;
  w.charge();
  w.run(2000);
  w.box.set_pilot_shorted(true);
  w.run(100);
  CHECK_FALSE(w.box.is_closed());
  CHECK(w.state().error == Error::kEvCommunicationError);
  CHECK(w.state().is_faulted);
  CHECK(w.state().plug == Plug::kPlugged);
  w.run(5000);
  w.box.set_pilot_shorted(false);
  w.run(4000);
  CHECK(w.box.duty() == 10000);
  REQUIRE(w.run_until(10000, [&] { return w.box.current_ma() > 0; }));
  w.run(2000);
  CHECK_FALSE(w.state().is_faulted);
}

TEST_CASE("an EV without a diode gets no current") {
  World w;
  SimGpioBox::Ev ev;
  ev.has_diode = false;
  w.run(500);
  w.box.plug(ev);
  w.run(1500);
  w.offer(16000);
  w.run(10000);
  CHECK(w.highest_ma == 0);
  CHECK_FALSE(w.box.is_closed());
  CHECK(w.state().error == Error::kEvCommunicationError);
  w.box.unplug();
  w.run(8000);
  CHECK(w.state().error == Error::kNone);
}

TEST_CASE("a pilot that does not follow its PWM is an internal error, and nothing flows") {
  World w;
  w.run(500);
  w.box.plug(SimGpioBox::Ev());
  w.box.set_pwm_broken(true);
  w.run(1500);
  w.offer(16000);
  w.run(10000);
  CHECK(w.highest_ma == 0);
  CHECK(w.state().error == Error::kInternalError);
  CHECK(w.state().is_faulted);
  w.withdraw();
  w.box.set_pwm_broken(false);
  w.box.unplug();
  w.run(3000);
  CHECK_FALSE(w.state().is_faulted);
}

TEST_CASE("an EV that cannot decide does not wear the contactor out") {
  World w;
  w.charge();
  int closings = 0;
  bool was_closed = true;
  for (int i = 0; i < 100; ++i) {
    w.box.ev().wants_energy = i % 2 == 0;
    w.box.ev().start_ms = 0;
    w.run(100);
    if (w.box.is_closed() && !was_closed) ++closings;
    was_closed = w.box.is_closed();
  }
  CHECK(closings <= 10);
  CHECK(w.box.times_opened_under_load() == 0);
}

TEST_CASE("energy that flows without permission through a welded contactor is found by the meter") {
  World w("pilot=25 pilot_in=36 contactor=27 s0=35");
  SimGpioBox::Ev ev;
  ev.keeps_asking = true;
  w.charge(ev);
  w.run(5000);
  w.box.set_welded(true);
  w.withdraw();
  w.run(60000);
  CHECK(w.state().error == Error::kOtherError);
  CHECK(w.state().vendor_error_code == common::FixedString<50>("UNAUTHORISED_ENERGY"));
}

TEST_CASE("an EV that needs ventilation only charges where there is some") {
  SimGpioBox::Ev ev;
  ev.needs_ventilation = true;
  World closed;
  closed.run(500);
  closed.box.plug(ev);
  closed.run(1500);
  closed.offer(16000);
  closed.run(10000);
  CHECK(closed.highest_ma == 0);
  World open("pilot=25 pilot_in=36 contactor=27 ventilated=1");
  open.charge(ev);
}

TEST_CASE("residual current opens the contactor and is a ground failure until the plug is pulled") {
  World w(kSocket);
  w.charge();
  w.run(2000);
  w.box.set_residual_current(true);
  w.run(60);
  CHECK_FALSE(w.box.is_closed());
  CHECK(w.state().error == Error::kGroundFailure);
  w.box.set_residual_current(false);
  w.run(10000);
  CHECK(w.state().is_faulted);
  w.withdraw();
  w.box.unplug();
  w.run(3000);
  CHECK_FALSE(w.state().is_faulted);
}

TEST_CASE("a converter that gives nothing is a pilot that cannot be trusted") {
  World w;
  w.charge();
  w.run(2000);
  w.box.set_converter_broken(true);
  w.run(200);
  CHECK_FALSE(w.box.is_closed());
  CHECK(w.box.duty() == 10000);
  w.run(4000);
  CHECK(w.state().health == charger::Health::kStale);
  CHECK(w.state().plug == Plug::kPlugged);
  w.run(8000);
  CHECK(w.state().health == charger::Health::kLost);
}

TEST_CASE("an EV that sleeps through a pause of ours is woken by an interrupted pilot") {
  const char* wiring = kFixedCable;
  SUBCASE("state F") {}
  SUBCASE("relay") { wiring = kSocket; }
  World w(wiring);
  w.charge();
  w.withdraw();
  w.run(5000);
  w.box.ev().is_asleep = true;
  w.offer(16000);
  w.run(28000);
  CHECK(w.box.current_ma() == 0);
  REQUIRE(w.run_until(20000, [&] { return w.box.current_ma() > 0; }));
  for (const charger::ChargerState& state : w.observer.states) {
    if (&state > &w.observer.states[2]) CHECK(state.plug != Plug::kUnplugged);
  }
}

TEST_CASE("an EV that is full is not woken") {
  World w;
  w.charge();
  w.run(10000);
  w.box.ev().wants_energy = false;
  w.run(120000);
  CHECK(w.box.duty() == 2666);
  CHECK(w.state().plug == Plug::kPlugged);
  CHECK_FALSE(w.state().ev_requests_energy);
}

TEST_CASE("energy goes on counting over a restart, and is stored at most every 15 minutes") {
  World w;
  w.charge();
  w.run(600000);
  const int64_t before = w.observer.last_sample.energy_import_wh;
  CHECK(before > 1000);
  CHECK(w.store.writes() <= 2);
  REQUIRE(w.bridge->checkpoint(1) == common::Status::kOk);
  w.restart();
  w.run(1100);
  CHECK(w.observer.last_sample.energy_import_wh == before);
  w.offer(16000);
  w.run(60000);
  CHECK(w.observer.last_sample.energy_import_wh > before + 100);
}

TEST_CASE("nobody offers anything: nothing flows") {
  World w;
  w.run(500);
  w.box.plug(SimGpioBox::Ev());
  w.run(60000);
  CHECK(w.highest_ma == 0);
  CHECK(w.box.duty() == 10000);
}

TEST_CASE("a noisy pilot changes nothing") {
  World w;
  w.box.set_noise_mv(60);
  w.charge();
  w.run(120000);
  CHECK(w.box.is_closed());
  CHECK(w.box.times_opened_under_load() == 0);
  CHECK_FALSE(w.state().is_faulted);
}

TEST_CASE("the console sees levels, duty cycle and contactor") {
  World w;
  w.charge();
  w.run(1000);
  const bridge::ConnectorDiagnostics& shown = *w.bridge->diagnostics(1);
  REQUIRE(shown.details.size() >= 4);
  CHECK(shown.details[0].value == doctest::Approx(6000).epsilon(0.05));
  CHECK(shown.details[1].value == doctest::Approx(-12000).epsilon(0.05));
  CHECK(shown.details[2].value == 2666);
  CHECK(shown.details[3].value == 1);
  CHECK(std::string(shown.profile) == "gpio");
  CHECK(sizeof(bridge::GpioDriver) <= 2048);
}
