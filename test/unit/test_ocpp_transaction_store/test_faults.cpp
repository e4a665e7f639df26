// Flash that refuses accesses and records that cannot be read.
#include "ocpp/stop_data.hpp"
#include "store_bench.hpp"

namespace {

/// Tries again until the flash takes it; a transaction must never need more than a few attempts.
template <typename Call>
Status persist(Call call) {
  Status status = Status::kIo;
  for (int i = 0; i < 5 && status == Status::kIo; ++i) status = call();
  return status;
}

ocpp::MeasuredValues reading(int64_t meter_wh) {
  ocpp::MeasuredValues values;
  (void)values.add(ocpp::MeasurandChoice(), meter_wh);
  return values;
}

/// Two boots, the first without a clock, more than the file holds at once, compactions in steps.
/// @return What the CSMS saw, with times.
std::string run_with_faults(uint64_t first, uint64_t count, uint64_t& accesses) {
  StoreBench bench;
  bench.settings.max_bytes = TransactionStore::kMinimumBytes;
  bench.power.fail_accesses(first, count);
  std::string seen;
  const auto load = [&bench] {
    bench.store.reset(new TransactionStore(bench.files, bench.log, bench.settings));
    REQUIRE(persist([&bench] { return bench.store->load(); }) == Status::kOk);
  };
  const auto transaction = [&bench](int number) {
    bench.now = bench.now + 1000;
    const int64_t meter_wh = number * 1000;
    uint32_t local = 0;
    REQUIRE(persist([&] {
              const auto begun =
                  bench.store->begin_transaction(bench.start_record(1, "A", meter_wh), reading(1));
              if (begun.ok()) local = begun.value();
              return begun.status();
            }) == Status::kOk);
    for (int i = 1; i <= 5; ++i) {
      bench.now = bench.now + 60000;
      auto record = StoreBench::values_record(1, local, meter_wh + i, bench.stamp());
      REQUIRE(persist([&] { return bench.store->append_meter_values(record, i % 2 == 0); }) ==
              Status::kOk);
      if (i % 2 != 0) {
        record.values = reading(meter_wh + i);
        REQUIRE(persist([&] { return bench.store->append_stop_data(record); }) == Status::kOk);
      }
      REQUIRE(persist([&] {
                return bench.store->journal_register(local, meter_wh + 100 * i, bench.stamp());
              }) == Status::kOk);
    }
    StopRecord stop;
    stop.local_transaction = local;
    stop.meter_stop_wh = meter_wh + 600;
    stop.time = bench.stamp();
    REQUIRE(persist([&] { return bench.store->end_transaction(stop, reading(2)); }) == Status::kOk);
  };
  const auto drain = [&bench, &seen] {
    for (PendingMessage message;;) {
      const Status status = persist([&] { return bench.store->next_pending(message); });
      if (status == Status::kNotFound) break;
      REQUIRE(status == Status::kOk);
      seen += std::to_string(message.utc.ms) + " " + StoreBench::describe(message) + "\n";
      if (message.type == RecordType::kStop) {
        std::string readings;
        REQUIRE(persist([&] {
                  readings.clear();
                  ocpp::StopData data(*bench.store, message.local_transaction);
                  const Status found = data.prepare();
                  if (found != Status::kOk) return found;
                  for (const ocpp_messages::MeterValue& value : data.view())
                    readings += " " + std::to_string(value.timestamp.ms);
                  return data.is_broken() ? Status::kIo : Status::kOk;
                }) == Status::kOk);
        seen += "with" + readings + "\n";
      }
      if (message.type == RecordType::kStart) {
        const auto id = static_cast<int32_t>(100 + message.local_transaction);
        REQUIRE(persist([&] {
                  return bench.store->assign(message.sequence, id, IdTagStatus::kAccepted, IdTag());
                }) == Status::kOk);
      } else if (message.type == RecordType::kStop && message.local_transaction == 3) {
        REQUIRE(persist([&] {
                  return bench.store->move_to_dead_letters(message.sequence,
                                                           DeadLetterReason::kCallError);
                }) == Status::kOk);
      } else {
        REQUIRE(persist([&] { return bench.store->mark_delivered(message.sequence); }) ==
                Status::kOk);
      }
      (void)bench.store->maintain();
    }
  };
  load();
  transaction(1);
  bench.now = common::Instant{};
  load();
  transaction(2);
  const auto set_clock = [&bench] {
    return bench.store->set_boot_time(bench.now, StoreBench::utc_at(100'000'000));
  };
  REQUIRE(persist(set_clock) == Status::kOk);
  for (int number = 3; number < 12; ++number) {
    transaction(number);
    if (number % 2 == 0) drain();
  }
  drain();
  REQUIRE(persist([&bench] { return bench.store->compact(); }) == Status::kOk);
  load();
  REQUIRE(persist(set_clock) == Status::kOk);
  drain();
  DeadLetter letter;
  REQUIRE(persist([&] { return bench.store->read_dead_letter(0, letter); }) == Status::kOk);
  seen += "letter " + std::to_string(letter.stop.meter_stop_wh);
  REQUIRE(persist([&] { return bench.store->clear_dead_letters(bench.store->last_sequence()); }) ==
          Status::kOk);
  CHECK(persist([&] { return bench.store->read_dead_letter(0, letter); }) == Status::kNotFound);
  CHECK(bench.store->open_transactions().empty());
  accesses = bench.power.accesses();
  return seen;
}

}  // namespace

// Rules: FP-8
TEST_CASE("whatever access to the flash fails, what is tried again arrives once and unchanged") {
  uint64_t accesses = 0;
  uint64_t ignored = 0;
  const std::string expected = run_with_faults(0, 0, accesses);
  CHECK(accesses > 300);
  CHECK(expected.find("letter 3600") != std::string::npos);
  for (uint64_t first = 0; first < accesses; ++first) {
    CAPTURE(first);
    REQUIRE(run_with_faults(first, 1 + first % 3, ignored) == expected);
  }
}

// Rules: PD-4
TEST_CASE("records that cannot be decoded are skipped, and a message among them is given up") {
  StoreBench bench;
  bench.start_up();
  bench.set_clock(0);
  const uint32_t local = bench.begin(1, "A", 0);
  bench.values(1, local, 5);
  const auto spoil = [&bench](uint8_t type) {
    platform::RecordLog raw(bench.files, "transactions.log", 100000);
    class Nobody final : public platform::RecordLog::Visitor {
      void on_record(const platform::RecordLog::Record&) override {}
    } nobody;
    REQUIRE(raw.load(nobody) == Status::kOk);
    const uint8_t payload[] = {1};
    REQUIRE(raw.append(type, common::ByteSpan(payload)).ok());
  };
  for (uint8_t type = 1; type <= 11; ++type) spoil(type);
  bench.restart();
  bench.set_clock(0);
  REQUIRE(bench.store->open_on(1) != nullptr);
  CHECK(bench.store->open_on(1)->last_meter_wh == 5);
  bench.end(local, 9);
  SUBCASE("as they are") {}
  SUBCASE("compacted") { bench.compact(); }
  CHECK(bench.drain() == "S1(A,0) M1=100(5) E1=100(9) ");
  // Start, both kinds of meter values and stop.
  CHECK(bench.store->counters().dead_letters == 4);
  bench.compact();
  bench.restart();
  bench.set_clock(0);
  CHECK(bench.store->open_transactions().empty());
  CHECK_FALSE(bench.store->has_pending());
  bench.begin(1, "B", 10);
  CHECK(bench.drain() == "S1(B,10) ");
}

TEST_CASE("dead letters of every type are read as what they were") {
  StoreBench bench;
  bench.start_up();
  bench.set_clock(0);
  const uint32_t local = bench.begin(1, "A", 1);
  bench.values(1, local, 5);
  bench.end(local, 9);
  PendingMessage message;
  for (size_t i = 0; i < 3; ++i) {
    REQUIRE(bench.store->next_pending(message) == Status::kOk);
    CHECK(bench.store->move_to_dead_letters(message.sequence + 1, DeadLetterReason::kOther) ==
          Status::kInvalidArgument);
    REQUIRE(bench.store->move_to_dead_letters(message.sequence, DeadLetterReason::kCallError) ==
            Status::kOk);
  }
  CHECK(bench.store->move_to_dead_letters(message.sequence, DeadLetterReason::kOther) ==
        Status::kInvalidArgument);
  DeadLetter letter;
  REQUIRE(bench.store->read_dead_letter(0, letter) == Status::kOk);
  CHECK(letter.start.meter_start_wh == 1);
  REQUIRE(bench.store->read_dead_letter(1, letter) == Status::kOk);
  CHECK(StoreBench::register_of(letter.meter_values) == 5);
  REQUIRE(bench.store->read_dead_letter(2, letter) == Status::kOk);
  CHECK(letter.stop.meter_stop_wh == 9);
  CHECK(bench.store->read_dead_letter(3, letter) == Status::kNotFound);
}

TEST_CASE("readings of no open transaction or of no connector are refused") {
  StoreBench bench;
  bench.start_up();
  bench.set_clock(0);
  auto record = StoreBench::values_record(1, 77, 5, bench.stamp());
  CHECK(bench.store->append_meter_values(record, true) == Status::kNotFound);
  CHECK(bench.store->append_stop_data(record) == Status::kNotFound);
  record.local_transaction = 0;
  record.connector_id = limits::kMaxConnectors + 1;
  CHECK(bench.store->append_meter_values(record) == Status::kInvalidArgument);
  CHECK_FALSE(bench.store->has_pending());
}

TEST_CASE("readings for a stop keep their times when finding them makes the log move") {
  StoreBench bench;
  bench.settings.max_bytes = TransactionStore::kMinimumBytes;
  bench.start_up();  // a boot without a clock
  bench.now.ms = 5000;
  const auto begun = bench.store->begin_transaction(bench.start_record(1, "A", 0), reading(0));
  REQUIRE(begun.ok());
  const uint32_t local = begun.value();
  for (int i = 1; i <= 3; ++i) {
    bench.now.ms += 60000;
    auto record = StoreBench::values_record(1, local, i, bench.stamp());
    REQUIRE(bench.store->append_stop_data(record) == Status::kOk);
  }
  bench.restart();
  bench.set_clock(10'000'000);
  StopRecord stop;
  stop.local_transaction = local;
  stop.meter_stop_wh = 9;
  stop.time = bench.stamp();
  REQUIRE(bench.store->end_transaction(stop, reading(9)) == Status::kOk);
  PendingMessage message;
  REQUIRE(bench.store->next_pending(message) == Status::kOk);
  bench.acknowledge(message);
  const auto times = [&bench, local] {
    ocpp::StopData data(*bench.store, local);
    REQUIRE(data.prepare() == Status::kOk);
    std::vector<int64_t> found;
    for (const ocpp_messages::MeterValue& value : data.view()) found.push_back(value.timestamp.ms);
    CHECK_FALSE(data.is_broken());
    return found;
  };
  const std::vector<int64_t> expected = times();
  REQUIRE(expected.size() == 5);
  CHECK(expected[1] - expected[0] == 60000);
  CHECK(expected[3] - expected[2] == 60000);
  bench.compact();
  CHECK(times() == expected);
}
