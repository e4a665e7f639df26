#include "bridge/action_runner.hpp"
#include "bridge/register_set.hpp"
#include "bridge/tag_register.hpp"
#include "doctest_main/doctest_main.hpp"

#include <string>
#include <vector>

using bridge::ExtraKind;
using bridge::Meaning;
using bridge::Poll;
using bridge::ReadBlock;
using bridge::RegisterRow;
using bridge::RegisterSet;
using bridge::Space;
using bridge::WordType;

namespace {

/// A profile put together by a test.
struct Table {
  RegisterRow& add(uint16_t address, WordType type = WordType::kU16, uint8_t elements = 1,
                   Meaning meaning = Meaning::kNone) {
    RegisterRow row{};
    row.meaning = meaning;
    row.space = Space::kHolding;
    row.address = address;
    row.type = type;
    row.words = type >= WordType::kF64 || type == WordType::kU64 || type == WordType::kS64 ? 4
                : type >= WordType::kU32                                                   ? 2
                                                                                           : 1;
    row.elements = elements;
    row.stride = row.words;
    row.poll = Poll::kStatus;
    row.watch = bridge::kNotWatched;
    row.readback = bridge::kNoRegister;
    row.mask = UINT32_MAX;
    row.scale_num = 1;
    row.scale_den = 1;
    rows.push_back(row);
    return rows.back();
  }
  void extra(uint8_t row, ExtraKind kind, int64_t a, int64_t b = 0, bridge::When when = {0, 0}) {
    rows[row].flags |= bridge::kRowHasExtra;
    extras.push_back({row, kind, when, a, b});
  }
  RegisterSet& set(uint8_t outlet = 1) {
    profile.registers = common::Span<const RegisterRow>(rows.data(), rows.size());
    profile.extras = common::Span<const bridge::ExtraRow>(extras.data(), extras.size());
    profile.conditions =
        common::Span<const bridge::Condition>(conditions.data(), conditions.size());
    if (profile.max_read_registers == 0) profile.max_read_registers = 20;
    registers.configure(profile, outlet);
    return registers;
  }
  RegisterSet::Values read(uint8_t row, const std::vector<uint16_t>& words) {
    std::vector<uint8_t> payload;
    for (const uint16_t word : words) {
      payload.push_back(static_cast<uint8_t>(word >> 8U));
      payload.push_back(static_cast<uint8_t>(word));
    }
    return registers.read(row, common::ByteSpan(payload.data(), payload.size()),
                          registers.single(row));
  }
  int64_t value(uint8_t row, const std::vector<uint16_t>& words) {
    const RegisterSet::Values values = read(row, words);
    REQUIRE(values.count == 1);
    return values.value[0];
  }

  std::vector<RegisterRow> rows;
  std::vector<bridge::ExtraRow> extras;
  std::vector<bridge::Condition> conditions;
  bridge::Profile profile{};
  RegisterSet registers;
};

std::vector<ReadBlock> blocks(const RegisterSet& set, Poll poll = Poll::kStatus) {
  std::vector<ReadBlock> result;
  RegisterSet::Cursor cursor;
  ReadBlock block;
  while (result.size() < 100 && set.next_block(poll, poll, cursor, block)) result.push_back(block);
  return result;
}

}  // namespace

TEST_CASE("every type of number is read in both word orders") {
  Table table;
  table.add(0, WordType::kS16);
  table.add(10, WordType::kU32);
  table.add(20, WordType::kS32).flags = bridge::kRowLowWordFirst;
  table.add(30, WordType::kU64);
  table.add(40, WordType::kS64).flags = bridge::kRowLowWordFirst;
  table.add(50, WordType::kF32);
  table.add(60, WordType::kF64).flags = bridge::kRowLowWordFirst;
  table.add(70, WordType::kU16).flags = bridge::kRowLowByteFirst;
  table.rows[5].scale_num = 1000;
  table.set();
  CHECK(table.value(0, {0xFFFE}) == -2);
  CHECK(table.value(1, {0xFFFF, 0xFFFE}) == 0xFFFFFFFE);
  CHECK(table.value(2, {0xFFFE, 0xFFFF}) == -2);
  CHECK(table.value(3, {0, 1, 0, 2}) == 0x100000002);
  CHECK(table.value(4, {0xFFFD, 0xFFFF, 0xFFFF, 0xFFFF}) == -3);
  CHECK(table.value(5, {0x4148, 0}) == 12500);  // 12.5
  CHECK(table.value(6, {0, 0, 0, 0x4059}) == 100);
  CHECK(table.value(7, {0x3412}) == 0x1234);
  CHECK(table.read(5, {0x7FC0, 0}).count == 0);  // Not a number.
  CHECK(table.read(5, {0x7F80, 0}).count == 0);  // Infinite.
}

TEST_CASE("masks, offsets, special values and ranges make the value") {
  Table table;
  RegisterRow& masked = table.add(0, WordType::kU32);
  masked.shift = 8;
  masked.mask = 0x7F;
  RegisterRow& temperature = table.add(10);
  temperature.scale_num = 1;
  table.add(20);
  table.add(30).scale_num = -10;
  table.extra(1, ExtraKind::kOffset, -500);
  table.extra(2, ExtraKind::kValid, 100, 300);
  table.extra(2, ExtraKind::kNotAvailable, 0x00FF);
  table.extra(2, ExtraKind::kZeroWhen, 0x03E8);
  table.set();
  CHECK(table.value(0, {0, 0x8534}) == 5);
  CHECK(table.value(1, {0}) == -500);
  CHECK(table.value(2, {230}) == 230);
  CHECK(table.read(2, {0xFF}).count == 0);
  CHECK(table.read(2, {301}).count == 0);
  CHECK(table.read(2, {0x03E8}).count == 0);  // 0 is out of the range, too.
  CHECK(table.value(3, {7}) == -70);
}

TEST_CASE("neighbours share a request up to the limit, holes only where that is allowed") {
  Table table;
  for (uint16_t address : {0, 1, 2, 5, 6}) table.add(address);
  table.profile.max_read_registers = 7;
  CHECK(blocks(table.set()).size() == 2);
  table.profile.read_across_gaps = true;
  CHECK(blocks(table.set()).size() == 1);
  table.profile.max_read_registers = 6;
  const std::vector<ReadBlock> two = blocks(table.set());
  REQUIRE(two.size() == 2);
  CHECK(two[0].count == 6);
  CHECK(two[1].first_row == 4);
  RegisterSet& set = table.set();
  set.read_alone(two[0]);
  CHECK(blocks(set).size() == 5);
  set.refuse(2);
  CHECK(blocks(set).size() == 4);
}

TEST_CASE(
    "elements that do not fit one request are read one by one and are complete with the last") {
  Table table;
  table.add(100, WordType::kU32, 3, Meaning::kCurrent);
  table.profile.max_read_registers = 2;
  RegisterSet& set = table.set();
  const std::vector<ReadBlock> parts = blocks(set);
  REQUIRE(parts.size() == 3);
  RegisterSet::Values values;
  for (uint8_t i = 0; i < 3; ++i) {
    CHECK(set.read_request(parts[i]).address == 100 + 2 * i);
    CHECK(set.read_request(parts[i]).count == 2);
    CHECK(values.count == 0);
    const uint8_t payload[] = {0, 0, 0, static_cast<uint8_t>(10 + i)};
    values = set.read(0, payload, parts[i]);
  }
  REQUIRE(values.count == 3);
  CHECK(values.value[0] == 10);
  CHECK(values.value[2] == 12);
}

TEST_CASE("a stride is stepped over and the phases may be the other way round") {
  Table table;
  RegisterRow& row = table.add(10, WordType::kU16, 3, Meaning::kCurrent);
  row.stride = 2;
  row.flags = bridge::kRowReversed;
  table.profile.read_across_gaps = true;
  table.set();
  const RegisterSet::Values values = table.read(0, {1, 99, 2, 99, 3});
  REQUIRE(values.count == 3);
  CHECK(values.value[0] == 3);
  CHECK(values.value[2] == 1);
  table.profile.read_across_gaps = false;
  CHECK(blocks(table.set()).size() == 3);
}

TEST_CASE("a block that the device insists on is asked for as a whole") {
  Table table;
  table.add(0x12);
  table.add(0x13);
  table.extra(0, ExtraKind::kReadAlong, 3, 1);
  RegisterSet& set = table.set();
  const std::vector<ReadBlock> asked = blocks(set);
  REQUIRE(asked.size() == 2);
  CHECK(set.read_request(asked[0]).address == 0x0F);
  CHECK(set.read_request(asked[0]).count == 5);
  CHECK(table.value(0, {1, 2, 3, 4, 5}) == 4);
}

TEST_CASE("outlets have their own addresses, except for what they share") {
  Table table;
  table.add(10);
  table.add(11).flags = bridge::kRowShared;
  table.profile.outlets = 2;
  table.profile.address_offset = 0x100;
  RegisterSet& set = table.set(2);
  CHECK(set.read_request(set.single(0)).address == 0x10A);
  CHECK(set.write_request(0, 0, 5).address == 0x10A);
  CHECK(set.read_request(set.single(1)).address == 11);
  CHECK(blocks(set).size() == 2);
}

TEST_CASE("values are written with the function, the words and the order of the register") {
  Table table;
  table.add(10);
  table.add(20).flags = bridge::kRowWriteMultiple;
  table.add(30, WordType::kF32);
  table.add(40, WordType::kU32).flags = bridge::kRowLowWordFirst;
  table.add(50).space = Space::kCoil;
  table.rows[0].scale_num = 100;
  table.rows[2].scale_num = 1000;
  RegisterSet& set = table.set();
  CHECK(set.to_raw(0, 13190) == 131);
  CHECK(set.to_raw(0, 99999999) == UINT16_MAX);
  CHECK(set.write_request(0, 0, 131).function == modbus::Function::kWriteSingleRegister);
  CHECK(set.write_request(1, 0, 131).function == modbus::Function::kWriteMultipleRegisters);
  const modbus::Request single = set.write_request(2, 0, set.to_raw(2, 12500));
  CHECK(single.count == 2);
  CHECK(single.values[0] == 0x4148);
  CHECK(set.written_value(2, set.to_raw(2, 13100)) == 13100);
  const modbus::Request wide = set.write_request(3, 0, 0x12345678);
  CHECK(wide.values[0] == 0x5678);
  CHECK(wide.values[1] == 0x1234);
  CHECK(set.write_request(4, 0, 7).function == modbus::Function::kWriteSingleCoil);
  CHECK(set.write_request(4, 0, 7).values[0] == 1);
}

TEST_CASE("conditions: ranges, lists, masks, negation, and nothing holds before it was read") {
  Table table;
  table.add(10).watch = 0;
  table.add(20).watch = 1;
  using C = bridge::Condition;
  // (a in {1, 5..7}) and not (b & 4 == 0)
  table.conditions = {C{0, bridge::kConditionOr, UINT32_MAX, 1, 1}, C{0, 0, UINT32_MAX, 5, 7},
                      C{1, bridge::kConditionNot, 4, 0, 0}};
  RegisterSet& set = table.set();
  const bridge::When when = {0, 3};
  CHECK_FALSE(set.holds(when));
  CHECK_FALSE(set.is_known(when));
  table.read(0, {6});
  CHECK_FALSE(set.holds(when));
  table.read(1, {12});
  CHECK(set.is_known(when));
  CHECK(set.holds(when));
  CHECK(set.first_value(when) == 6);
  table.read(0, {4});
  CHECK_FALSE(set.holds(when));
  table.read(0, {1});
  CHECK(set.holds(when));
  table.read(1, {8});
  CHECK_FALSE(set.holds(when));
  CHECK(set.holds({0, 0}));
  set.forget_values();
  CHECK_FALSE(set.holds(when));
}

TEST_CASE("rows and scales can depend on what was read at the start") {
  Table table;
  table.add(10).watch = 0;
  table.add(20);
  table.add(30);
  table.conditions = {{0, 0, UINT32_MAX, 17, UINT32_MAX}, {0, 0, UINT32_MAX, 20, UINT32_MAX}};
  table.extra(1, ExtraKind::kExistsWhen, 0, 0, {0, 1});
  table.extra(2, ExtraKind::kVariant, 100, 1, {1, 1});
  table.extra(2, ExtraKind::kVariant, 10, 1, {0, 1});
  RegisterSet& set = table.set();
  set.apply_gates();
  CHECK_FALSE(set.exists(1));
  CHECK(table.value(2, {3}) == 3);
  table.read(0, {18});
  set.apply_gates();
  CHECK(set.exists(1));
  CHECK(table.value(2, {3}) == 30);
  table.read(0, {20});
  set.apply_gates();
  CHECK(table.value(2, {3}) == 300);
  CHECK(set.to_raw(2, 950) == 9);
}

TEST_CASE("of several rows for the same the first that the device has counts") {
  Table table;
  table.add(10, WordType::kU32, 1, Meaning::kEnergyTotal).rank = 1;
  table.add(20, WordType::kU32, 1, Meaning::kEnergyTotal).rank = 0;
  table.add(30, WordType::kU32, 1, Meaning::kEnergySession);
  RegisterSet& set = table.set();
  CHECK(set.find(Meaning::kEnergyTotal) == 1);
  CHECK_FALSE(set.is_needed(0));
  CHECK_FALSE(set.is_needed(2));
  set.refuse(1);
  CHECK(set.is_needed(0));
  set.refuse(0);
  CHECK(set.is_needed(2));
  CHECK_FALSE(set.has(Meaning::kEnergyTotal));
}

TEST_CASE("texts lose blanks and zeros, and their first letters are a state") {
  Table table;
  RegisterRow& row = table.add(10, WordType::kAscii);
  row.words = 3;
  row.watch = 0;
  table.conditions = {{0, 0, 0xFF00, 'B' << 8, 'B' << 8}};
  RegisterSet& set = table.set();
  table.read(0, {0x0020, 0x4231, 0x2000});  // NUL, blank, B, 1, blank, NUL
  CHECK(set.watched(0) == ('B' << 8 | '1'));
  CHECK(set.holds({0, 1}));
  table.read(0, {0x0043, 0, 0});
  CHECK(set.watched(0) == 'C' << 8);
}

TEST_CASE("tags: hex of the usual lengths, a counter tells them apart, zeros are none") {
  charger::IdTag tag;
  const auto feed = [&](bridge::TagRegister& reader, std::vector<uint8_t> bytes, int counter = -1) {
    reader.set_tag(common::ByteSpan(bytes.data(), bytes.size()));
    if (counter >= 0) reader.set_counter(static_cast<uint32_t>(counter));
    return reader.take(tag);
  };
  bridge::TagRegister plain;
  plain.configure(WordType::kHex, false, false);
  CHECK_FALSE(feed(plain, {0, 0, 0, 0, 0, 0, 0, 0}));
  CHECK(feed(plain, {0x04, 0xAB, 0xCD, 0x00, 0, 0, 0, 0}));
  CHECK(std::string(tag.c_str()) == "04ABCD00");
  CHECK_FALSE(feed(plain, {0x04, 0xAB, 0xCD, 0x00, 0, 0, 0, 0}));
  CHECK(feed(plain, {1, 2, 3, 4, 5, 0, 0, 0}));
  CHECK(std::string(tag.c_str()) == "01020304050000");
  CHECK_FALSE(feed(plain, {0, 0, 0, 0, 0, 0, 0, 0}));

  bridge::TagRegister counted;
  counted.configure(WordType::kHex, true, true);
  counted.set_length(4);
  CHECK_FALSE(feed(counted, {1, 2, 3, 4, 9, 9}, 7));
  CHECK_FALSE(feed(counted, {5, 6, 7, 8, 9, 9}, 7));
  CHECK(feed(counted, {5, 6, 7, 8, 9, 9}, 8));
  CHECK(std::string(tag.c_str()) == "08070605");
  CHECK(feed(counted, {5, 6, 7, 8, 9, 9}, 9));  // The same tag again.
  counted.forget();
  CHECK_FALSE(feed(counted, {5, 6, 7, 8, 9, 9}, 10));
}

TEST_CASE("steps: only some bits, only under a condition, a wait, a refusal ends it") {
  Table table;
  table.add(10).watch = 0;
  table.conditions = {{0, 0, UINT32_MAX, 1, 1}};
  const bridge::StepRow steps[] = {
      {bridge::StepKind::kWrite, 0, {0, 0}, 0x10, 0x30},
      {bridge::StepKind::kWrite, 0, {0, 1}, 99, 0},
      {bridge::StepKind::kWait, 0, {0, 0}, 500, 0},
      {bridge::StepKind::kUntilIdle, 0, {0, 0}, 1000, 0},
      {bridge::StepKind::kWrite, 0, {0, 0}, 7, 0},
  };
  table.profile.steps = steps;
  table.profile.control.actions[static_cast<size_t>(bridge::Action::kWake)] = {0, 5};
  RegisterSet& set = table.set();
  bridge::ActionRunner runner;
  using Need = bridge::ActionRunner::Need;
  common::Instant next = common::Instant::never();
  runner.start(bridge::Action::kWake, table.profile);
  CHECK(runner.step(set, false, common::Instant{0}, next) == Need::kRead);
  runner.on_read(0xFF);
  CHECK(runner.step(set, false, common::Instant{0}, next) == Need::kWrite);
  CHECK(runner.bits() == 0xDF);
  runner.on_written(true, false);
  CHECK(runner.step(set, false, common::Instant{100}, next) == Need::kNothing);
  CHECK(next == common::Instant{600});
  CHECK(runner.step(set, false, common::Instant{600}, next) == Need::kNothing);
  CHECK(runner.step(set, true, common::Instant{700}, next) == Need::kWrite);
  CHECK(runner.bits() == 7);
  runner.on_written(false, false);
  CHECK(runner.is_running());
  runner.on_written(false, true);
  CHECK_FALSE(runner.is_running());
  CHECK(runner.has_failed());
}

TEST_CASE("a part that was refused is not made up from another row's") {
  Table table;
  for (const uint16_t address : {0x10, 0x20}) table.add(address, WordType::kU16, 3).stride = 2;
  table.profile.max_read_registers = 1;
  RegisterSet& set = table.set();
  const auto read = [&set](uint8_t row, uint8_t element, uint8_t value) {
    ReadBlock block = set.single(row);
    REQUIRE(block.is_part);
    block.element = element;
    const uint8_t payload[] = {0, value};
    return set.read(row, common::ByteSpan(payload, sizeof(payload)), block);
  };
  read(0, 0, 230);
  read(0, 1, 231);
  CHECK(read(0, 2, 232).count == 3);
  read(1, 1, 6);
  CHECK(read(1, 2, 7).count == 0);
  read(0, 0, 230);
  read(1, 1, 6);
  CHECK(read(1, 2, 7).count == 0);
  read(1, 0, 5);
  read(1, 1, 6);
  const RegisterSet::Values values = read(1, 2, 7);
  REQUIRE(values.count == 3);
  CHECK(values.value[0] == 5);
}
