#include "bridge/energy_register.hpp"
#include "doctest_main/doctest_main.hpp"

using bridge::EnergyRegister;
using common::Instant;
using common::Status;
using Update = EnergyRegister::Update;

namespace {

constexpr int64_t kHour = 3600 * 1000;

EnergyRegister make(int64_t range_wh = 0, bool may_restart = false) {
  EnergyRegister result;
  EnergyRegister::Settings settings;
  settings.source = 5;
  settings.range_wh = range_wh;
  settings.may_restart = may_restart;
  settings.max_power_w = 11000;
  result.configure(settings);
  return result;
}

EnergyRegister copy_through_flash(const EnergyRegister& from, EnergyRegister to) {
  uint8_t record[EnergyRegister::kRecordBytes];
  REQUIRE(from.save(record) == sizeof(record));
  REQUIRE(to.restore(record) == Status::kOk);
  return to;
}

}  // namespace

TEST_CASE("the first reading sets the register, later ones add what is plausible") {
  EnergyRegister energy = make();
  CHECK_FALSE(energy.is_known());
  CHECK(energy.update(5000, Instant{0}) == Update::kBooked);
  CHECK(energy.value_wh() == 5000);
  CHECK(energy.update(5011, Instant{5000}) == Update::kBooked);
  CHECK(energy.update(5011, Instant{6000}) == Update::kUnchanged);
  CHECK(energy.value_wh() == 5011);
}

TEST_CASE("what flowed while the charger was silent is booked") {
  EnergyRegister energy = make();
  energy.update(5000, Instant{0});
  CHECK(energy.update(27000, Instant{2 * kHour}) == Update::kBooked);
  CHECK(energy.value_wh() == 27000);
}

TEST_CASE("a jump is ignored three times, then the base moves without booking") {
  EnergyRegister energy = make();
  energy.update(5000, Instant{0});
  for (int i = 1; i <= 3; ++i) CHECK(energy.update(900000, Instant{i * 5000}) == Update::kIgnored);
  CHECK(energy.update(900000, Instant{20000}) == Update::kRebased);
  CHECK(energy.value_wh() == 5000);
  CHECK(energy.update(900010, Instant{25000}) == Update::kBooked);
  CHECK(energy.value_wh() == 5010);
}

// Rules: R-7.31-1 FP-13
TEST_CASE("what flows while a new counter is doubted is booked once it is believed") {
  EnergyRegister energy = make();
  energy.update(5000, Instant{0});
  for (int i = 1; i <= 3; ++i)
    CHECK(energy.update(900000 + 10 * i, Instant{i * 5000}) == Update::kIgnored);
  CHECK(energy.update(900040, Instant{20000}) == Update::kRebased);
  CHECK(energy.value_wh() == 5030);
}

TEST_CASE("glitches that do not fit one another book nothing") {
  EnergyRegister energy = make();
  energy.update(5000, Instant{0});
  int i = 0;
  for (const int64_t wild_wh : {900000, 77000000, 300000})
    CHECK(energy.update(wild_wh, Instant{++i * 5000}) == Update::kIgnored);
  CHECK(energy.update(8000000, Instant{20000}) == Update::kRebased);
  CHECK(energy.value_wh() == 5000);
}

TEST_CASE("a single glitch, up or down, leaves no trace") {
  EnergyRegister energy = make();
  energy.update(5000, Instant{0});
  CHECK(energy.update(4294967295LL, Instant{5000}) == Update::kIgnored);
  CHECK(energy.update(5010, Instant{10000}) == Update::kBooked);
  CHECK(energy.update(4000, Instant{15000}) == Update::kIgnored);
  CHECK(energy.update(5020, Instant{20000}) == Update::kBooked);
  CHECK(energy.value_wh() == 5020);
}

// Rules: R-7.31-1 FP-13
TEST_CASE("a counter that starts again at zero goes on where it was") {
  EnergyRegister energy = make();
  energy.update(5000, Instant{0});
  CHECK(energy.update(3, Instant{5000}) == Update::kRestarted);
  CHECK(energy.value_wh() == 5003);
  CHECK(energy.update(10, Instant{10000}) == Update::kBooked);
  CHECK(energy.value_wh() == 5010);
}

// Rules: FP-13
TEST_CASE("a counter that reads zero for a moment loses nothing but that moment") {
  EnergyRegister energy = make();
  energy.update(500000, Instant{0});
  CHECK(energy.update(0, Instant{5000}) == Update::kRestarted);
  for (int i = 2; i <= 5; ++i) energy.update(500000, Instant{i * 5000});
  CHECK(energy.value_wh() == 500000);
  energy.update(500010, Instant{30000});
  CHECK(energy.value_wh() == 500010);
}

TEST_CASE("a counter of 16 bits wraps") {
  EnergyRegister energy = make(65536);
  energy.update(65530, Instant{0});
  CHECK(energy.update(4, Instant{5000}) == Update::kWrapped);
  CHECK(energy.value_wh() == 65540);
}

// Rules: R-7.31-1 FP-13
TEST_CASE("a counter of 32 bits wraps, in its own unit, while it runs and over a restart") {
  for (const int64_t unit_wh : {1, 10, 100}) {
    const int64_t range = int64_t{1} << 32U;
    EnergyRegister energy = make(range * unit_wh);
    energy.update((range - 2) * unit_wh, Instant{0});
    CHECK(energy.update(3 * unit_wh, Instant{10 * kHour}) == Update::kWrapped);
    CHECK(energy.value_wh() == (range + 3) * unit_wh);
    EnergyRegister before = make(range * unit_wh);
    before.update((range - 2) * unit_wh, Instant{0});
    EnergyRegister after = copy_through_flash(before, make(range * unit_wh));
    CHECK(after.update(3 * unit_wh, Instant{0}) == Update::kWrapped);
    CHECK(after.value_wh() == (range + 3) * unit_wh);
  }
}

// Rules: R-7.31-1 FP-13
TEST_CASE("a counter of decimal digits wraps where they end") {
  for (const int64_t range : {100000000LL, 1000000000LL, 100000000000LL}) {
    EnergyRegister energy = make(int64_t{100} << 32U);
    energy.update(range - 100, Instant{0});
    CHECK(energy.update(range - 90, Instant{5000}) == Update::kBooked);
    CHECK(energy.update(5, Instant{kHour}) == Update::kWrapped);
    CHECK(energy.value_wh() == range + 5);
    EnergyRegister before = make(int64_t{100} << 32U);
    before.update(range - 100, Instant{0});
    EnergyRegister after = copy_through_flash(before, make(int64_t{100} << 32U));
    CHECK(after.update(5, Instant{0}) == Update::kWrapped);
    CHECK(after.value_wh() == range + 5);
  }
  // A session counter begins anew with each session: it has no digits to run out of.
  EnergyRegister session = make(0, true);
  session.update(99999990, Instant{0});
  CHECK(session.update(5, Instant{kHour}) == Update::kRestarted);
}

// Rules: R-7.31-1 FP-13
TEST_CASE("a meter swapped while the gateway runs changes the base, not the register") {
  for (const int64_t first_wh : {1000LL, 80000000LL, 4294967290LL}) {
    EnergyRegister energy = make(int64_t{1} << 32U);
    energy.update(7000000, Instant{0});
    energy.update(7000010, Instant{5000});
    for (int i = 2; i <= 5; ++i) energy.update(first_wh, Instant{i * 5000});
    CHECK(energy.value_wh() == 7000010);
    CHECK(energy.update(first_wh + 4, Instant{30000}) == Update::kBooked);
    CHECK(energy.value_wh() == 7000014);
  }
}

TEST_CASE("the register survives a restart and books what flowed meanwhile") {
  EnergyRegister before = make();
  before.update(5000, Instant{0});
  before.update(3, Instant{5000});  // 5003
  EnergyRegister after = copy_through_flash(before, make());
  CHECK(after.is_known());
  CHECK(after.value_wh() == 5003);
  CHECK(after.update(4003, Instant{0}) == Update::kBooked);
  CHECK(after.value_wh() == 9003);
}

TEST_CASE(
    "after a restart a lower lifetime counter is another meter, a lower session counter a new "
    "session") {
  EnergyRegister before = make();
  before.update(500000, Instant{0});
  EnergyRegister lifetime = copy_through_flash(before, make());
  for (int i = 0; i < 4; ++i) lifetime.update(300000, Instant{i * 5000});
  CHECK(lifetime.value_wh() == 500000);
  EnergyRegister session = copy_through_flash(before, make(0, true));
  CHECK(session.update(300, Instant{0}) == Update::kRestarted);
  CHECK(session.value_wh() == 500300);
}

// Rules: R-7.31-1 FP-13
TEST_CASE("another counter gives another base, never a jump") {
  EnergyRegister energy = make();
  energy.update(5000, Instant{0});
  EnergyRegister::Settings settings;
  settings.source = 6;
  energy.configure(settings);
  CHECK(energy.update(20, Instant{5000}) == Update::kRebased);
  CHECK(energy.value_wh() == 5000);
  CHECK(energy.update(25, Instant{10000}) == Update::kBooked);
  CHECK(energy.value_wh() == 5005);
}

TEST_CASE("the counter of another device is a new base, also when it comes after a restart") {
  EnergyRegister before = make();
  before.set_device(17);
  before.update(5000, Instant{0});
  EnergyRegister same = copy_through_flash(before, make());
  CHECK(same.update(5200, Instant{0}) == Update::kBooked);  // It has not told its number yet.
  same.set_device(17);
  CHECK(same.update(5300, Instant{5000000}) == Update::kBooked);
  CHECK(same.value_wh() == 5300);
  EnergyRegister other = copy_through_flash(same, make());
  other.set_device(18);
  CHECK(other.update(5400, Instant{0}) == Update::kOtherDevice);
  CHECK(other.value_wh() == 5300);
  CHECK(other.update(5410, Instant{5000}) == Update::kBooked);
  CHECK(other.value_wh() == 5310);
}

TEST_CASE("a damaged record is refused") {
  EnergyRegister energy = make();
  energy.update(5000, Instant{0});
  uint8_t record[EnergyRegister::kRecordBytes];
  REQUIRE(energy.save(record) == sizeof(record));
  for (size_t i = 0; i < sizeof(record); ++i) {
    record[i] ^= 0x04;
    EnergyRegister other = make();
    CHECK(other.restore(record) == Status::kCorrupt);
    CHECK_FALSE(other.is_known());
    record[i] ^= 0x04;
  }
  EnergyRegister other = make();
  CHECK(other.restore(common::ByteSpan(record, 10)) == Status::kCorrupt);
}

TEST_CASE("the record of version 1 keeps its layout") {
  // 0xE5, version, source, 0, value 10000, base 5000 (64 bits, low byte first), CRC-32.
  const uint8_t golden[] = {0xE5, 1, 5,    0,    0x10, 0x27, 0, 0, 0, 0,
                            0,    0, 0x88, 0x13, 0,    0,    0, 0, 0, 0};
  EnergyRegister energy = make();
  energy.update(5000, Instant{0});
  energy.update(3, Instant{5000});
  energy.update(5000, Instant{100 * kHour});
  uint8_t record[EnergyRegister::kRecordBytes];
  REQUIRE(energy.save(record) == sizeof(record));
  for (size_t i = 0; i < sizeof(golden); ++i) CHECK(record[i] == golden[i]);
}
