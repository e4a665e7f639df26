// Budgets: flash per transaction, capacity of the queue, what happens beyond it, RAM, heap.
#include "store_bench.hpp"

#include <map>

namespace {

/// What the CSMS got, and whether it makes sense: each transaction started and stopped once, in order,
/// registers never backwards.
struct Books {
  std::map<uint32_t, std::vector<int64_t>> registers;  // by local number, of meter values
  std::map<uint32_t, int> starts;
  std::map<uint32_t, int> stops;
  uint32_t last_sequence = 0;
  std::string problems;

  void take(const PendingMessage& message) {
    if (message.sequence <= last_sequence) problems += "order\n";
    last_sequence = message.sequence;
    const uint32_t local = message.local_transaction;
    if (message.type == RecordType::kStart) {
      if (starts[local]++ > 0) problems += "started twice\n";
    } else if (message.type == RecordType::kStop) {
      if (starts[local] != 1 || stops[local]++ > 0) problems += "stopped twice or before start\n";
    } else {
      if (starts[local] != 1 || stops[local] != 0) problems += "values outside\n";
      registers[local].push_back(StoreBench::register_of(message.meter_values));
    }
    if (!message.utc.is_known()) problems += "no time\n";
  }
  size_t values() const {
    size_t count = 0;
    for (const auto& entry : registers) count += entry.second.size();
    return count;
  }
};

void drain_into(StoreBench& bench, Books& books) {
  PendingMessage message;
  while (bench.store->next_pending(message) == Status::kOk) {
    books.take(message);
    bench.acknowledge(message);
    bench.store->maintain();
  }
}

}  // namespace

TEST_CASE("a transaction with four meter values costs at most 1 kB of flash, compaction included") {
  StoreBench bench;
  bench.start_up();
  bench.set_clock(0);
  const auto run = [&] {
    const uint32_t local = bench.begin(1, "0123456789ABCDEF0123", 1000000);
    bench.drain();
    for (int i = 1; i <= 4; ++i) {
      bench.now.ms += 900000;
      bench.values(1, local, 1000000 + i * 2000);
      bench.drain();
    }
    bench.end(local, 1009000);
    bench.drain();
    while (bench.store->maintain()) {
    }
  };
  const uint64_t before = bench.store->counters().bytes_written;
  run();
  const uint64_t single = bench.store->counters().bytes_written - before;
  MESSAGE("bytes appended per transaction: " << single);
  CHECK(single <= 1000);

  const int kTransactions = 500;
  for (int i = 1; i < kTransactions; ++i) run();
  const uint64_t average = (bench.store->counters().bytes_written - before) / kTransactions;
  MESSAGE("with compaction, average of 500: " << average);
  CHECK(average <= 1000);
  CHECK(bench.store->counters().compactions > 5);
  CHECK(bench.store->counters().log_bytes < 20000);
}

// Rules: R-3.7-2
TEST_CASE(
    "200 offline transactions with 2,000 meter values fit into the default budget, none thinned") {
  StoreBench bench;
  bench.start_up();
  bench.set_clock(0);
  for (int i = 0; i < 200; ++i) {
    const size_t connector = static_cast<size_t>(i % 2) + 1;
    const uint32_t local = bench.begin(connector, "TAG", i * 1000);
    for (int k = 1; k <= 10; ++k) {
      bench.now.ms += 60000;
      bench.values(connector, local, i * 1000 + k * 10);
      REQUIRE(bench.store->journal_register(local, i * 1000 + k * 10, bench.stamp()) ==
              Status::kOk);
    }
    bench.end(local, i * 1000 + 200);
    bench.store->maintain();
    if (i % 50 == 49) {
      bench.restart(bench.now.ms);
      bench.set_clock(bench.now.ms);
    }
  }
  const TransactionStore::Counters counters = bench.store->counters();
  CHECK(counters.pending_messages == 2400);
  CHECK(counters.log_bytes <= TransactionStore::kDefaultBytes);
  CHECK(counters.thinned_meter_values == 0);
  CHECK(counters.refused_meter_values == 0);
  Books books;
  drain_into(bench, books);
  CHECK(books.problems == "");
  CHECK(books.starts.size() == 200);
  CHECK(books.stops.size() == 200);
  CHECK(books.values() == 2000);
  CHECK(bench.store->counters().log_bytes < 20000);
}

// Rules: FP-10
// Rules: R-3.7-2 R-3.7-1 R-9.1.91-1
TEST_CASE("the board's flash holds 200 offline transactions with data for the stop, worn once") {
  StoreBench bench;
  // The partition, less what other files and the file system itself take.
  bench.files.set_capacity(0x9F000 - 96 * 1024);
  bench.start_up();
  bench.set_clock(0);
  REQUIRE(bench.store->counters().capacity_bytes == TransactionStore::kDefaultBytes);
  const ocpp::MeasuredValues boundary = StoreBench::values_record(1, 0, 1000, RecordTime()).values;
  for (int i = 0; i < 200; ++i) {
    StartRecord start = bench.start_record(1, "0123456789ABCDEF0123", i * 1000);
    const auto local = bench.store->begin_transaction(start, boundary);
    REQUIRE(local.ok());
    for (int k = 1; k <= 10; ++k) {
      bench.now.ms += 60000;
      MeterValuesRecord values =
          StoreBench::values_record(1, local.value(), i * 1000 + k * 10, bench.stamp());
      REQUIRE(bench.store->append_meter_values(values, true) == Status::kOk);
    }
    StopRecord stop;
    stop.local_transaction = local.value();
    stop.meter_stop_wh = i * 1000 + 200;
    stop.time = bench.stamp();
    REQUIRE(bench.store->end_transaction(stop, boundary) == Status::kOk);
    bench.store->maintain();
  }
  const TransactionStore::Counters counters = bench.store->counters();
  CHECK(counters.pending_messages == 2400);
  CHECK(counters.thinned_meter_values == 0);
  CHECK(counters.refused_meter_values == 0);
  MESSAGE("log " << counters.log_bytes << " B, written " << counters.bytes_written << " B");
  CHECK(counters.log_bytes <= TransactionStore::kDefaultBytes);
  CHECK(counters.bytes_written == counters.log_bytes);
  Books books;
  drain_into(bench, books);
  CHECK(books.problems == "");
  CHECK(books.stops.size() == 200);
  CHECK(books.values() == 2000);
}

namespace {

/// Contexts and indices of what is kept for the stop that is next, and their registers.
std::string stop_readings(StoreBench& bench, uint32_t local) {
  std::string text;
  MeterValuesRecord reading;
  platform::RecordLog::Cursor cursor;
  while (bench.store->next_stop_reading(cursor, local, reading) == Status::kOk) {
    int64_t meter_wh = -1;
    REQUIRE(reading.values.find(ocpp::MeasurandChoice(), meter_wh));
    text += std::to_string(reading.stop_index) + ":" + std::to_string(meter_wh) + " ";
  }
  return text;
}

ocpp::MeasuredValues only_register(int64_t meter_wh) {
  ocpp::MeasuredValues values;
  REQUIRE(values.add(ocpp::MeasurandChoice(), meter_wh));
  return values;
}

}  // namespace

// Rules: R-3.16.6-1 R-9.1.91-1
TEST_CASE(
    "what is kept for a stop outlives delivery, compaction and restarts, and goes with the stop") {
  StoreBench bench;
  bench.start_up();
  bench.set_clock(0);
  const auto local =
      bench.store->begin_transaction(bench.start_record(1, "TAG", 0), only_register(0));
  REQUIRE(local.ok());
  bench.drain();
  for (int i = 1; i <= 3; ++i) {
    MeterValuesRecord shared;
    shared.local_transaction = local.value();
    shared.connector_id = 1;
    shared.time = bench.stamp();
    shared.values = only_register(i);
    if (i == 2) {
      REQUIRE(bench.store->append_stop_data(shared) == Status::kOk);
    } else {
      REQUIRE(bench.store->append_meter_values(shared, true) == Status::kOk);
    }
    bench.values(1, local.value(), i);
    bench.drain();
    bench.compact();
    bench.restart(bench.now.ms);
    bench.set_clock(bench.now.ms);
  }
  StopRecord stop;
  stop.local_transaction = local.value();
  stop.meter_stop_wh = 9;
  stop.time = bench.stamp();
  REQUIRE(bench.store->end_transaction(stop, only_register(9)) == Status::kOk);
  bench.compact();
  bench.restart(bench.now.ms);
  bench.set_clock(bench.now.ms);
  CHECK(stop_readings(bench, local.value()) == "0:0 1:1 2:2 3:3 0:9 ");
  PendingMessage message;
  REQUIRE(bench.store->next_pending(message) == Status::kOk);
  CHECK(message.type == RecordType::kStop);
  CHECK(message.has_stop_data);
  bench.acknowledge(message);
  bench.compact();
  CHECK(stop_readings(bench, local.value()) == "");
  CHECK(bench.store->counters().log_bytes < 100);
}

// Rules: R-9.1.91-1
TEST_CASE("readings for the stop of a long transaction stay few on flash, evenly spread") {
  StoreBench bench;
  bench.start_up();
  bench.set_clock(0);
  const auto local =
      bench.store->begin_transaction(bench.start_record(1, "TAG", 0), only_register(0));
  REQUIRE(local.ok());
  const uint64_t before = bench.store->counters().bytes_written;
  for (int i = 1; i <= 5000; ++i) {
    bench.now.ms += 60000;
    MeterValuesRecord record;
    record.local_transaction = local.value();
    record.connector_id = 1;
    record.time = bench.stamp();
    record.values = only_register(i);
    REQUIRE(bench.store->append_stop_data(record) == Status::kOk);
  }
  const uint64_t written = bench.store->counters().bytes_written - before;
  MESSAGE("5,000 readings cost " << written << " B of flash");
  CHECK(written < 10000);
  bench.compact();
  bench.drain();
  std::string expected = "0:0 ";
  const uint32_t stride = ocpp::stop_stride(5000);
  CHECK(stride == 256);
  for (uint32_t i = stride; i <= 5000; i += stride) {
    expected += std::to_string(i) + ":" + std::to_string(i) + " ";
  }
  CHECK(stop_readings(bench, local.value()) == expected);
}

TEST_CASE("when space runs short every second meter value goes, starts and stops stay") {
  StoreBench bench;
  bench.settings.max_bytes = 16 * 1024;
  bench.start_up();
  bench.set_clock(0);
  const uint32_t local = bench.begin(1, "TAG", 0);
  int64_t meter_wh = 0;
  for (int i = 0; i < 400; ++i) {
    bench.now.ms += 60000;
    bench.values(1, local, ++meter_wh);
    if (i % 20 != 0) continue;
    bench.restart(bench.now.ms);
    bench.set_clock(bench.now.ms);
  }
  CHECK(bench.store->counters().refused_meter_values == 0);
  CHECK(bench.log.contains("ocpp.store", "meter values dropped"));
  bench.end(local, meter_wh);
  CHECK(bench.store->counters().log_bytes <= 16 * 1024);
  Books books;
  drain_into(bench, books);
  CHECK(books.problems == "");
  CHECK(books.stops[local] == 1);
  const std::vector<int64_t>& kept = books.registers[local];
  MESSAGE("kept " << kept.size() << " of 400");
  CHECK(kept.size() >= 60);
  // Evenly: no long gap anywhere.
  int64_t widest = 0;
  for (size_t i = 1; i < kept.size(); ++i) widest = std::max(widest, kept[i] - kept[i - 1]);
  CHECK(widest <= 16);
}

TEST_CASE("samples with a meaning of their own are not thinned") {
  StoreBench bench;
  bench.settings.max_bytes = 16 * 1024;
  bench.start_up();
  bench.set_clock(0);
  const uint32_t local = bench.begin(1, "TAG", 0);
  MeterValuesRecord record = StoreBench::values_record(1, local, 1, bench.stamp());
  for (int i = 0; i < 5; ++i) {
    record.context = i < 3 ? ocpp::SampleContext::kTransactionBegin : ocpp::SampleContext::kTrigger;
    REQUIRE(bench.append(record) == Status::kOk);
  }
  for (int i = 0; i < 500; ++i) bench.values(1, local, 2 + i);
  REQUIRE(bench.log.contains("ocpp.store", "meter values dropped"));
  int special = 0;
  PendingMessage message;
  while (bench.store->next_pending(message) == Status::kOk) {
    special += message.type == RecordType::kMeterValues &&
                       message.meter_values.context != ocpp::SampleContext::kSamplePeriodic
                   ? 1
                   : 0;
    bench.acknowledge(message);
  }
  CHECK(special == 5);
}

// Rules: FP-8
TEST_CASE("a full store refuses starts, never a stop, and recovers when the CSMS is back") {
  StoreBench bench;
  bench.settings.max_bytes = 16 * 1024;
  bench.start_up();
  bench.set_clock(0);
  uint32_t accepted = 0;
  uint32_t open_local = 0;
  Status status = Status::kOk;
  for (int i = 0; i < 1000 && status == Status::kOk; ++i) {
    const auto local = bench.store->begin_transaction(bench.start_record(1, "TAG", i));
    status = local.status();
    if (!local.ok()) break;
    ++accepted;
    open_local = local.value();
    static_cast<void>(bench.append(StoreBench::values_record(1, open_local, i, bench.stamp())));
    bench.end(open_local, i + 1);
  }
  CHECK(status == Status::kNoSpace);
  CHECK_FALSE(bench.store->has_room_for_transaction());
  MESSAGE("accepted " << accepted);
  CHECK(accepted >= 90);
  CHECK(bench.store->counters().refused_meter_values > 0);
  // Full as it is, refusing again is cheap: no compaction each time.
  const uint32_t compactions = bench.store->counters().compactions;
  for (int i = 0; i < 20; ++i) {
    CHECK(bench.store->begin_transaction(bench.start_record(2, "TAG", 0)).status() ==
          Status::kNoSpace);
  }
  CHECK(bench.store->counters().compactions == compactions);

  bench.restart();
  bench.set_clock(0);
  Books books;
  drain_into(bench, books);
  CHECK(books.problems == "");
  CHECK(books.starts.size() == accepted);
  CHECK(books.stops.size() == accepted);
  CHECK(bench.store->has_room_for_transaction());
  CHECK(bench.begin(1, "TAG", 5) == accepted + 1);
}

// Rules: FP-8
TEST_CASE("transactions that are open when the store fills up can all be stopped and delivered") {
  StoreBench bench;
  bench.settings.max_bytes = 16 * 1024;
  bench.start_up();
  bench.set_clock(0);
  std::vector<uint32_t> open;
  for (size_t connector = 2; connector <= limits::kMaxConnectors; ++connector) {
    open.push_back(bench.begin(connector, "LONG", 0));
  }
  for (int i = 0; i < 1000; ++i) {
    const auto local = bench.store->begin_transaction(bench.start_record(1, "TAG", i));
    if (!local.ok()) break;
    bench.end(local.value(), i);
  }
  CHECK_FALSE(bench.store->has_room_for_transaction());
  bench.restart();
  bench.set_clock(0);
  for (const uint32_t local : open) bench.end(local, 10);
  Books books;
  drain_into(bench, books);
  CHECK(books.problems == "");
  CHECK(books.starts == books.stops);
  for (const uint32_t local : open) CHECK(books.stops[local] == 1);
}

TEST_CASE("on a file system too small for its budget the store lives with what there is") {
  StoreBench bench;
  bench.files.set_capacity(24 * 1024);
  bench.start_up();
  bench.set_clock(0);
  CHECK(bench.store->counters().capacity_bytes == 12 * 1024);
  uint32_t accepted = 0;
  for (int i = 0; i < 200; ++i) {
    const auto local = bench.store->begin_transaction(bench.start_record(1, "TAG", i));
    if (!local.ok()) break;
    ++accepted;
    bench.end(local.value(), i);
  }
  CHECK(accepted >= 50);
  Books books;
  drain_into(bench, books);
  CHECK(books.problems == "");
  CHECK(books.stops.size() == accepted);
}

TEST_CASE("when others fill the file system stops wait, nothing is lost") {
  StoreBench bench;
  bench.files.set_capacity(64 * 1024);
  bench.start_up();
  bench.set_clock(0);
  const uint32_t local = bench.begin(1, "TAG", 0);
  bench.files.raw("other").resize(bench.files.free_bytes() - 10);
  CHECK(bench.store->begin_transaction(bench.start_record(2, "TAG", 0)).status() ==
        Status::kNoSpace);
  StopRecord stop;
  stop.local_transaction = local;
  stop.time = bench.stamp();
  CHECK(bench.store->end_transaction(stop) == Status::kNoSpace);
  CHECK(bench.store->open_on(1) != nullptr);
  bench.files.raw("other").clear();
  CHECK(bench.store->end_transaction(stop) == Status::kOk);
  bench.restart();
  bench.set_clock(0);
  CHECK(bench.drain() == "S1(TAG,0) E1=100(0) ");
}

TEST_CASE("compaction in the background takes small steps while messages flow") {
  StoreBench bench;
  bench.start_up();
  bench.set_clock(0);
  Books books;
  uint64_t largest_step = 0;
  PendingMessage message;
  for (int i = 0; i < 300; ++i) {
    const uint32_t local = bench.begin(1, "TAG", i);
    for (int k = 0; k < 3; ++k) bench.values(1, local, i);
    bench.end(local, i);
    for (int k = 0; k < 5; ++k) {
      REQUIRE(bench.store->next_pending(message) == Status::kOk);
      const uint64_t before = bench.store->counters().bytes_written;
      bench.store->maintain();
      largest_step = std::max(largest_step, bench.store->counters().bytes_written - before);
      books.take(message);
      bench.acknowledge(message);
    }
  }
  CHECK(books.problems == "");
  CHECK(books.stops.size() == 300);
  CHECK(bench.store->counters().compactions > 3);
  CHECK(largest_step <= platform::RecordLog::kCopyBytes);
  CHECK(bench.store->counters().log_bytes < 24 * 1024);
}

TEST_CASE("deliveries that overtake a running compaction leave no ghost of the transaction") {
  StoreBench bench;
  bench.start_up();
  bench.set_clock(0);
  while (!bench.store->needs_maintenance()) {
    bench.values_outside(2);
    bench.drain();
  }
  const uint32_t local = bench.begin(1, "TAG", 0);
  for (int i = 1; i <= 30; ++i) bench.values(1, local, i);
  bench.end(local, 31);
  REQUIRE(bench.store->maintain());                              // begins
  for (int i = 0; i < 5; ++i) REQUIRE(bench.store->maintain());  // copies the start and a few more
  bench.drain();
  while (bench.store->maintain()) {
  }
  REQUIRE(bench.store->counters().compactions == 1);
  bench.restart();
  CHECK(bench.store->open_transactions().empty());
  CHECK_FALSE(bench.store->has_pending());
}

TEST_CASE("registers go on being journaled while the store is mostly full of waiting messages") {
  StoreBench bench;
  bench.settings.max_bytes = 16 * 1024;
  bench.start_up();
  bench.set_clock(0);
  for (int i = 0; bench.store->counters().pending_bytes < 10 * 1024; ++i) {
    bench.end(bench.begin(1, "TAG", i), i);
  }
  const uint32_t local = bench.begin(1, "TAG", 5000);
  for (int i = 1; i <= 1000; ++i) {
    bench.now.ms += 60000;
    REQUIRE(bench.store->journal_register(local, 5000 + i, bench.stamp()) == Status::kOk);
    while (bench.store->maintain()) {
    }
  }
  CHECK(bench.store->counters().compactions < 150);
  bench.restart();
  CHECK(bench.store->open_on(1)->last_meter_wh == 6000);
}

TEST_CASE("RAM is as stated") {
  MESSAGE("store " << sizeof(TransactionStore) << ", open transaction "
                   << sizeof(ocpp::OpenTransaction) << ", pending message "
                   << sizeof(PendingMessage));
  CHECK(sizeof(TransactionStore) <= 600 + limits::kMaxConnectors * 180);
  CHECK(sizeof(PendingMessage) <= 352);
}

TEST_CASE("nothing allocates after load") {
  StoreBench bench;
  bench.settings.max_bytes = 16 * 1024;
  bench.start_up();
  bench.set_clock(0);
  bool is_ok = true;
  const platform_sim::MallocTrap trap;
  for (int i = 0; i < 400; ++i) {
    const auto local = bench.store->begin_transaction(bench.start_record(1, "TAG", i));
    is_ok = is_ok && local.ok();
    for (int k = 0; k < 10; ++k) {
      static_cast<void>(
          bench.append(StoreBench::values_record(1, local.value(), i, bench.stamp())));
    }
    static_cast<void>(bench.store->journal_register(local.value(), i + 5, bench.stamp()));
    StopRecord stop;
    stop.local_transaction = local.value();
    stop.time = bench.stamp();
    is_ok = is_ok && bench.store->end_transaction(stop) == Status::kOk;
    PendingMessage message;
    while (i % 40 == 39 && bench.store->next_pending(message) == Status::kOk) {
      if (message.type == RecordType::kStart) {
        is_ok = is_ok && bench.store->assign(message.sequence, i, IdTagStatus::kAccepted,
                                             IdTag()) == Status::kOk;
      } else if (i == 39) {
        is_ok = is_ok && bench.store->move_to_dead_letters(
                             message.sequence, DeadLetterReason::kCallError) == Status::kOk;
      } else {
        is_ok = is_ok && bench.store->mark_delivered(message.sequence) == Status::kOk;
      }
      bench.store->maintain();
    }
  }
  DeadLetter letter;
  is_ok = is_ok && bench.store->read_dead_letter(0, letter) == Status::kOk;
  is_ok = is_ok && bench.store->load() == Status::kOk;
  const size_t allocations = trap.count();
  CHECK(is_ok);
  CHECK(allocations == 0);
  CHECK(bench.store->counters().pending_messages == 0);
}
