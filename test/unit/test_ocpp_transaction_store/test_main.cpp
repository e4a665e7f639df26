#include "store_bench.hpp"

// Rules: R-3.7-1
TEST_CASE("a transaction is delivered in order, each message once") {
  StoreBench bench;
  bench.start_up();
  bench.set_clock(0);
  const uint32_t local = bench.begin(1, "TAG1", 1000);
  bench.values(1, local, 1100);
  bench.values(1, local, 1200);
  bench.end(local, 1300, ocpp::StopReason::kEvDisconnected);
  CHECK(bench.store->counters().pending_messages == 4);
  CHECK(bench.store->open_transactions().empty());
  CHECK(bench.drain() == "S1(TAG1,1000) M1=100(1100) M1=100(1200) E1=100(1300) ");
  CHECK(bench.store->counters().pending_messages == 0);
  CHECK_FALSE(bench.store->has_pending());
  bench.restart();
  CHECK(bench.drain() == "");
}

TEST_CASE("what is peeked stays until it is acknowledged, and only that can be acknowledged") {
  StoreBench bench;
  bench.start_up();
  bench.set_clock(0);
  const uint32_t local = bench.begin(1, "TAG1", 0);
  bench.values(1, local, 10);
  PendingMessage first;
  PendingMessage again;
  REQUIRE(bench.store->next_pending(first) == Status::kOk);
  REQUIRE(bench.store->next_pending(again) == Status::kOk);
  CHECK(first.sequence == again.sequence);
  CHECK(bench.store->mark_delivered(first.sequence) == Status::kInvalidArgument);  // a start
  CHECK(bench.store->assign(first.sequence + 1, 5, IdTagStatus::kAccepted, IdTag()) ==
        Status::kInvalidArgument);
  REQUIRE(bench.store->assign(first.sequence, 5, IdTagStatus::kAccepted, IdTag("P")) ==
          Status::kOk);
  CHECK(bench.store->assign(first.sequence, 5, IdTagStatus::kAccepted, IdTag()) ==
        Status::kInvalidArgument);
  CHECK(bench.store->mark_delivered(first.sequence + 1) == Status::kInvalidArgument);  // not peeked
  REQUIRE(bench.store->next_pending(again) == Status::kOk);
  CHECK(bench.store->mark_delivered(again.sequence) == Status::kOk);
  CHECK(bench.store->next_pending(again) == Status::kNotFound);
  const ocpp::OpenTransaction* open = bench.store->open_on(1);
  REQUIRE(open != nullptr);
  CHECK(open->is_assigned);
  CHECK(open->transaction_id == 5);
  CHECK(open->parent_id_tag == IdTag("P"));
}

TEST_CASE("an open transaction survives a restart with all that is known about it") {
  StoreBench bench;
  bench.start_up();
  StartRecord start = bench.start_record(2, "TAG2", 5000);
  start.has_reservation_id = true;
  start.reservation_id = 77;
  start.session_marker = 4711;
  const auto local = bench.store->begin_transaction(start);
  REQUIRE(local.ok());
  bench.set_clock(0);
  PendingMessage message;
  REQUIRE(bench.store->next_pending(message) == Status::kOk);
  CHECK(message.start.reservation_id == 77);
  REQUIRE(bench.store->assign(message.sequence, 900, IdTagStatus::kBlocked, IdTag("PARENT")) ==
          Status::kOk);
  bench.now.ms += 60000;
  bench.values(2, local.value(), 5500);
  const uint32_t boot_before = bench.store->boot_id();
  bench.restart();
  CHECK(bench.store->boot_id() == boot_before + 1);
  REQUIRE(bench.store->open_transactions().size() == 1);
  const ocpp::OpenTransaction& open = *bench.store->open_on(2);
  CHECK(bench.store->open_on(1) == nullptr);
  CHECK(bench.store->find_open(local.value()) == &open);
  CHECK(open.start.id_tag == IdTag("TAG2"));
  CHECK(open.start.meter_start_wh == 5000);
  CHECK(open.start.session_marker == 4711);
  CHECK(open.start.reservation_id == 77);
  CHECK(open.is_assigned);
  CHECK(open.transaction_id == 900);
  CHECK(open.status == IdTagStatus::kBlocked);
  CHECK(open.parent_id_tag == IdTag("PARENT"));
  CHECK(open.last_meter_wh == 5500);
  CHECK(open.last_meter_time.boot_id == boot_before);
  CHECK(open.last_meter_time.instant.ms == 60000);
  bench.end(local.value(), 5500, ocpp::StopReason::kPowerLoss);
  bench.set_clock(0);
  CHECK(bench.drain() == "M2=900(5500) E2=900(5500) ");
}

// Rules: FP-11
TEST_CASE(
    "a start whose answer was stored is not sent again, one whose answer was lost is sent "
    "unchanged") {
  StoreBench bench;
  bench.start_up();
  bench.begin(1, "TAG1", 1000);
  bench.now.ms += 5000;
  bench.set_clock(bench.now.ms);
  PendingMessage before;
  REQUIRE(bench.store->next_pending(before) == Status::kOk);
  bench.restart(40000);
  // Another clock, far off: the retry still says the same.
  bench.set_clock(999999999);
  PendingMessage after;
  REQUIRE(bench.store->next_pending(after) == Status::kOk);
  CHECK(after.sequence == before.sequence);
  CHECK(after.utc == before.utc);
  CHECK(after.utc == StoreBench::utc_at(0));
  CHECK(after.start.id_tag == before.start.id_tag);
  CHECK(after.start.meter_start_wh == before.start.meter_start_wh);
  REQUIRE(bench.store->assign(after.sequence, 1, IdTagStatus::kAccepted, IdTag()) == Status::kOk);
  bench.restart();
  CHECK(bench.store->next_pending(after) == Status::kNotFound);
}

// Rules: R-3.7-1 FP-12
TEST_CASE("messages of several connectors keep their common order and their own transaction ids") {
  StoreBench bench;
  bench.start_up();
  bench.set_clock(0);
  const uint32_t first = bench.begin(1, "A", 0);
  const uint32_t second = bench.begin(2, "B", 0);
  bench.values(2, second, 5);
  bench.values(1, first, 6);
  bench.end(first, 7);
  const uint32_t third = bench.begin(1, "C", 8);
  bench.values(1, third, 9);
  bench.end(second, 10);
  bench.values_outside(0);
  bench.end(third, 11);
  CHECK(
      bench.drain() ==
      "S1(A,0) S2(B,0) M2=101(5) M1=100(6) E1=100(7) S1(C,8) M1=102(9) E2=101(10) M0 E1=102(11) ");
}

TEST_CASE("an offline backlog is delivered after restarts in the middle of it") {
  StoreBench bench;
  bench.start_up();
  bench.set_clock(0);
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    const uint32_t local = bench.begin(1, "T", i * 10);
    bench.values(1, local, i * 10 + 5);
    bench.end(local, i * 10 + 9);
    const std::string id = "=" + std::to_string(100 + i);
    expected += "S1(T," + std::to_string(i * 10) + ") M1" + id + "(" + std::to_string(i * 10 + 5) +
                ") E1" + id + "(" + std::to_string(i * 10 + 9) + ") ";
  }
  std::string delivered;
  while (bench.store->has_pending()) {
    delivered += bench.drain(7);
    bench.restart();
  }
  CHECK(delivered == expected);
}

TEST_CASE("only one transaction per connector, only on connectors that exist") {
  StoreBench bench;
  bench.start_up();
  const uint32_t local = bench.begin(1, "A", 0);
  CHECK(bench.store->begin_transaction(bench.start_record(1, "B", 0)).status() ==
        Status::kInvalidState);
  CHECK(bench.store->begin_transaction(bench.start_record(0, "B", 0)).status() ==
        Status::kInvalidArgument);
  CHECK(bench.store->begin_transaction(bench.start_record(limits::kMaxConnectors + 1, "B", 0))
            .status() == Status::kInvalidArgument);
  StopRecord stop;
  stop.local_transaction = local + 1;
  CHECK(bench.store->end_transaction(stop) == Status::kNotFound);
  MeterValuesRecord values;
  values.local_transaction = local + 1;
  CHECK(bench.append(values) == Status::kNotFound);
  CHECK(bench.store->journal_register(local + 1, 5, RecordTime()) == Status::kNotFound);
  bench.end(local, 0);
  CHECK(bench.begin(1, "B", 0) == local + 1);
}

// Rules: R-7.31-1 FP-13
TEST_CASE("a stop below the last register is raised to it") {
  StoreBench bench;
  bench.start_up();
  bench.set_clock(0);
  const uint32_t local = bench.begin(1, "A", 100);
  bench.values(1, local, 150);
  bench.end(local, 120);
  const uint32_t other = bench.begin(1, "A", 200);
  bench.end(other, 0);
  CHECK(bench.drain() == "S1(A,100) M1=100(150) E1=100(150) S1(A,200) E1=101(200) ");
}

// Rules: R-3.7.1-4 FP-10
TEST_CASE("a message that was given up stays readable, the queue goes on") {
  StoreBench bench;
  bench.start_up();
  bench.set_clock(0);
  const uint32_t local = bench.begin(1, "A", 0);
  bench.values(1, local, 10);
  bench.values(1, local, 20);
  bench.drain(1);
  PendingMessage message;
  REQUIRE(bench.store->next_pending(message) == Status::kOk);
  CHECK(bench.store->move_to_dead_letters(message.sequence + 1, DeadLetterReason::kCallError) ==
        Status::kInvalidArgument);
  REQUIRE(bench.store->move_to_dead_letters(message.sequence, DeadLetterReason::kCallError) ==
          Status::kOk);
  CHECK(bench.store->counters().dead_letters == 1);
  for (int round = 0; round < 2; ++round) {
    DeadLetter letter;
    REQUIRE(bench.store->read_dead_letter(0, letter) == Status::kOk);
    CHECK(letter.sequence == message.sequence);
    CHECK(letter.type == RecordType::kMeterValues);
    CHECK(letter.reason == DeadLetterReason::kCallError);
    CHECK(StoreBench::register_of(letter.meter_values) == 10);
    CHECK(bench.store->read_dead_letter(1, letter) == Status::kNotFound);
    bench.restart();
  }
  CHECK(bench.drain() == "M1=100(20) ");
}

TEST_CASE("dead letters can be cleared, and stay so; those that come later are kept") {
  StoreBench bench;
  bench.start_up();
  bench.set_clock(0);
  const uint32_t local = bench.begin(1, "A", 0);
  bench.values(1, local, 10);
  bench.values(1, local, 20);
  bench.drain(1);
  CHECK(bench.store->counters().transactions == 1);
  CHECK(bench.store->clear_dead_letters(bench.store->last_sequence()) == Status::kOk);
  const auto refuse = [&] {
    PendingMessage message;
    REQUIRE(bench.store->next_pending(message) == Status::kOk);
    REQUIRE(bench.store->move_to_dead_letters(message.sequence, DeadLetterReason::kCallError) ==
            Status::kOk);
  };
  DeadLetter letter;
  refuse();
  CHECK(bench.store->clear_dead_letters(bench.store->last_sequence()) == Status::kOk);
  for (int round = 0; round < 2; ++round) {
    CHECK(bench.store->counters().dead_letters == 0);
    CHECK(bench.store->read_dead_letter(0, letter) == Status::kNotFound);
    bench.restart();
    bench.compact();
  }
  bench.set_clock(0);
  refuse();
  for (int round = 0; round < 2; ++round) {
    CHECK(bench.store->counters().dead_letters == 1);
    REQUIRE(bench.store->read_dead_letter(0, letter) == Status::kOk);
    CHECK(StoreBench::register_of(letter.meter_values) == 20);
    CHECK(letter.has_transaction_id);
    CHECK(letter.transaction_id == 100);
    CHECK(bench.store->read_dead_letter(1, letter) == Status::kNotFound);
    bench.compact();
    bench.restart();
  }
  CHECK(bench.store->counters().transactions == 0);
}

TEST_CASE("a start that was given up keeps its effect when the dead letters are cleared") {
  StoreBench bench;
  bench.start_up();
  bench.set_clock(0);
  const uint32_t local = bench.begin(1, "A", 0);
  PendingMessage message;
  REQUIRE(bench.store->next_pending(message) == Status::kOk);
  REQUIRE(bench.store->move_to_dead_letters(message.sequence, DeadLetterReason::kCallError) ==
          Status::kOk);
  CHECK(bench.store->clear_dead_letters(bench.store->last_sequence()) == Status::kOk);
  bench.compact();
  bench.restart();
  CHECK(bench.store->counters().dead_letters == 0);
  bench.end(local, 20);
  bench.set_clock(0);
  CHECK(bench.drain() == "E1=-1(20) ");
}

// Rules: R-4.8-4 FP-12
TEST_CASE(
    "after a start was given up its other messages carry transaction id -1, also after "
    "compaction") {
  StoreBench bench;
  bench.start_up();
  bench.set_clock(0);
  const uint32_t local = bench.begin(1, "A", 0);
  PendingMessage message;
  REQUIRE(bench.store->next_pending(message) == Status::kOk);
  REQUIRE(bench.store->move_to_dead_letters(message.sequence, DeadLetterReason::kCallError) ==
          Status::kOk);
  CHECK(bench.store->open_on(1)->transaction_id == -1);
  bench.values(1, local, 10);
  bench.restart();
  CHECK(bench.store->open_on(1)->is_assigned);
  CHECK(bench.store->open_on(1)->transaction_id == -1);
  bench.set_clock(0);
  // Enough later dead letters to push the start's out, and compactions.
  for (int i = 0; i < 40; ++i) {
    bench.values_outside(2);
    bench.drain(i == 0 ? 1 : 0);
    REQUIRE(bench.store->next_pending(message) == Status::kOk);
    REQUIRE(bench.store->move_to_dead_letters(message.sequence, DeadLetterReason::kOther) ==
            Status::kOk);
  }
  bench.compact();
  bench.compact();
  CHECK(bench.store->counters().dead_letters <= TransactionStore::kMaxDeadLetters + 1);
  bench.restart();
  CHECK(bench.store->counters().dead_letters <= TransactionStore::kMaxDeadLetters + 1);
  bench.end(local, 20);
  bench.set_clock(0);
  CHECK(bench.drain() == "E1=-1(20) ");
}

TEST_CASE("registers are journaled by time and by energy, not more often than flash likes") {
  StoreBench bench;
  bench.start_up();
  const uint32_t local = bench.begin(1, "A", 1000);
  const auto journal = [&](int64_t after_ms, int64_t meter_wh) {
    bench.now.ms += after_ms;
    const uint32_t size = bench.store->counters().log_bytes;
    REQUIRE(bench.store->journal_register(local, meter_wh, bench.stamp()) == Status::kOk);
    return bench.store->counters().log_bytes > size;
  };
  CHECK_FALSE(journal(60000, 1000));  // did not move
  CHECK(journal(1, 1001));            // moved, a minute after the start
  CHECK_FALSE(journal(59999, 1002));  // not yet a minute
  CHECK(journal(1, 1003));
  CHECK_FALSE(journal(14999, 1200));  // much energy, but too soon
  CHECK(journal(1, 1201));
  CHECK_FALSE(journal(15000, 1300));  // less than the step
  CHECK_FALSE(journal(60000, 1100));  // never backwards
  bench.restart();
  CHECK(bench.store->open_on(1)->last_meter_wh == 1201);
  // A meter value on flash counts like a journaled register.
  bench.values(1, local, 1400);
  CHECK_FALSE(journal(20000, 1450));
}

// Rules: FP-15
TEST_CASE("times before the clock was set become UTC, the first clock of a boot decides") {
  StoreBench bench;
  bench.start_up();
  bench.now.ms = 10000;
  bench.begin(1, "A", 0);
  PendingMessage message;
  CHECK(bench.store->next_pending(message) == Status::kAgain);
  CHECK(bench.store->set_boot_time(bench.now, common::UtcTime()) == Status::kInvalidArgument);
  bench.now.ms = 30000;
  REQUIRE(bench.store->set_boot_time(bench.now, StoreBench::utc_at(30000)) == Status::kOk);
  REQUIRE(bench.store->next_pending(message) == Status::kOk);
  CHECK(message.utc == StoreBench::utc_at(10000));
  REQUIRE(bench.store->set_boot_time(bench.now, StoreBench::utc_at(99000)) == Status::kOk);
  REQUIRE(bench.store->next_pending(message) == Status::kOk);
  CHECK(message.utc == StoreBench::utc_at(10000));
  // A record without UTC, made when the clock was known, gets it at once.
  bench.now.ms = 40000;
  bench.values(1, 1, 5);
  bench.restart();
  CHECK(bench.store->open_on(1)->last_meter_time.utc == StoreBench::utc_at(40000));
}

// Rules: FP-15
TEST_CASE("boots that never knew the time are placed in order before the next one that did") {
  StoreBench bench;
  bench.start_up();  // boot 1: no clock
  bench.now.ms = 100000;
  const uint32_t first = bench.begin(1, "A", 0);
  bench.now.ms = 160000;
  bench.values(1, first, 10);
  bench.restart();  // boot 2: no clock
  bench.now.ms = 7000;
  bench.end(first, 20);
  bench.now.ms = 50000;
  bench.begin(1, "B", 30);
  bench.restart();  // boot 3: the clock is known from the start, but nobody listens
  bench.now.ms = 20000;
  RecordTime known = bench.stamp();
  known.utc = StoreBench::utc_at(1000000 + 20000);
  bench.values_at(1, 2, 40, known);
  bench.restart();  // boot 4: online
  bench.now.ms = 5000;
  PendingMessage message;
  CHECK(bench.store->next_pending(message) == Status::kAgain);
  REQUIRE(bench.store->set_boot_time(bench.now, StoreBench::utc_at(2000000 + 5000)) == Status::kOk);

  std::vector<int64_t> times;
  for (int round = 0; round < 5; ++round) {
    REQUIRE(bench.store->next_pending(message) == Status::kOk);
    const common::UtcTime seen = message.utc;
    if (round % 2 == 1) {  // retries after restart and compaction say the same
      bench.compact();
      bench.restart();
      bench.set_clock(77000000);
      REQUIRE(bench.store->next_pending(message) == Status::kOk);
      CHECK(message.utc == seen);
    }
    times.push_back(seen - StoreBench::utc_at(0));
    bench.acknowledge(message);
  }
  // Boot 2's last record lies a second before boot 3's zero; boot 1's a second before boot 2's zero.
  CHECK(times == std::vector<int64_t>{888000, 948000, 956000, 999000, 1020000});
  CHECK(bench.store->next_pending(message) == Status::kNotFound);
}

TEST_CASE("a stop dated with the last register of an earlier boot has that boot's time") {
  StoreBench bench;
  bench.start_up();
  bench.now.ms = 10000;
  const uint32_t local = bench.begin(1, "A", 0);
  bench.now.ms = 80000;
  REQUIRE(bench.store->journal_register(local, 500, bench.stamp()) == Status::kOk);
  REQUIRE(bench.store->set_boot_time(bench.now, StoreBench::utc_at(80000)) == Status::kOk);
  CHECK(bench.drain() == "S1(A,0) ");
  bench.restart();
  bench.compact();
  bench.restart();
  const ocpp::OpenTransaction open = *bench.store->open_on(1);
  StopRecord stop;
  stop.local_transaction = local;
  stop.meter_stop_wh = open.last_meter_wh;
  stop.time = open.last_meter_time;
  stop.reason = ocpp::StopReason::kPowerLoss;
  REQUIRE(bench.store->end_transaction(stop) == Status::kOk);
  bench.restart();
  PendingMessage message;
  REQUIRE(bench.store->next_pending(message) == Status::kOk);
  CHECK(message.utc == StoreBench::utc_at(80000));
  CHECK(message.stop.meter_stop_wh == 500);
}

// Rules: FP-8
TEST_CASE("failed writes change nothing and can be repeated") {
  StoreBench bench;
  bench.start_up();
  bench.set_clock(0);
  for (const size_t stored : {size_t{0}, size_t{20}, SIZE_MAX}) {
    for (const Status failure : {Status::kIo, Status::kNoSpace}) {
      CAPTURE(stored);
      const uint32_t id = bench.next_transaction_id;
      bench.files.fail_next_append(Status::kIo, stored);
      CHECK(bench.store->begin_transaction(bench.start_record(1, "A", 0)).status() == Status::kIo);
      CHECK(bench.store->open_on(1) == nullptr);
      CHECK_FALSE(bench.store->has_pending());
      const uint32_t local = bench.begin(1, "A", 0);
      StopRecord stop;
      stop.local_transaction = local;
      stop.time = bench.stamp();
      bench.files.fail_next_append(Status::kIo, stored);
      CHECK(bench.store->end_transaction(stop) == Status::kIo);
      CHECK(bench.store->open_on(1) != nullptr);
      CHECK(bench.store->end_transaction(stop) == Status::kOk);
      PendingMessage message;
      REQUIRE(bench.store->next_pending(message) == Status::kOk);
      bench.files.fail_next_append(failure, stored);
      const Status refused =
          bench.store->assign(message.sequence, 9, IdTagStatus::kAccepted, IdTag());
      // For lack of space the store compacts and tries once more.
      CHECK(refused == (failure == Status::kIo ? Status::kIo : Status::kOk));
      // After the restart an answer that lies whole on flash counts, reported or not.
      const bool is_stored = failure != Status::kIo || stored == SIZE_MAX;
      const std::string id_text = is_stored ? "9" : std::to_string(id);
      const std::string start_text = is_stored ? "" : "S1(A,0) ";
      bench.restart();
      bench.set_clock(0);
      CHECK(bench.drain() == start_text + "E1=" + id_text + "(0) ");
      bench.restart();
      bench.set_clock(0);
      CHECK(bench.store->open_transactions().empty());
    }
  }
}

TEST_CASE("a store whose files cannot be read refuses everything and can be loaded later") {
  StoreBench bench;
  bench.files.set_reads_fail(true);
  bench.store.reset(new TransactionStore(bench.files, bench.log));
  CHECK(bench.store->load() == Status::kIo);
  PendingMessage message;
  CHECK(bench.store->next_pending(message) == Status::kInvalidState);
  CHECK(bench.store->begin_transaction(bench.start_record(1, "A", 0)).status() ==
        Status::kInvalidState);
  CHECK_FALSE(bench.store->has_room_for_transaction());
  CHECK_FALSE(bench.store->maintain());
  MeterValuesRecord values = StoreBench::values_record(1, 0, 0, RecordTime());
  DeadLetter letter;
  for (const Status status :
       {bench.append(values), bench.store->append_stop_data(values),
        bench.store->journal_register(1, 5, RecordTime()),
        bench.store->end_transaction(StopRecord()),
        bench.store->assign(1, 9, IdTagStatus::kAccepted, IdTag()), bench.store->mark_delivered(1),
        bench.store->move_to_dead_letters(1, DeadLetterReason::kOther),
        bench.store->read_dead_letter(0, letter), bench.store->keep_dead_letter(0),
        bench.store->clear_dead_letters(1),
        bench.store->set_boot_time(bench.now, StoreBench::utc_at(0)),
        bench.store->resolve(RecordTime()).status(), bench.store->compact()}) {
    CHECK(status == Status::kInvalidState);
  }
  bench.files.set_reads_fail(false);
  CHECK(bench.store->load() == Status::kOk);
  CHECK(bench.begin(1, "A", 0) == 1);
}

// Rules: PD-4
TEST_CASE("a log that newer firmware declared off limits is not touched") {
  StoreBench bench;
  bench.start_up();
  platform::RecordLog newer(bench.files, "newer.log", 100000);
  class Nobody final : public platform::RecordLog::Visitor {
    void on_record(const platform::RecordLog::Record&) override {}
  } nobody;
  REQUIRE(newer.load(nobody) == Status::kOk);
  ocpp::CheckpointRecord checkpoint;
  checkpoint.format = 2;
  uint8_t image[ocpp::kMaxRecordBytes];
  REQUIRE(newer.begin_compaction(ocpp::encode(checkpoint, common::MutableByteSpan(image))) ==
          Status::kOk);
  class All final : public platform::RecordLog::Filter {
    bool may_keep(uint8_t, uint32_t) override { return true; }
    bool keep(const platform::RecordLog::Record&) override { return true; }
  } all;
  REQUIRE(newer.compaction_step(all) == Status::kOk);
  const std::vector<uint8_t> before = bench.files.raw("newer.log");
  TransactionStore::Settings settings;
  settings.file_name = "newer.log";
  TransactionStore store(bench.files, bench.log, settings);
  CHECK(store.load() == Status::kUnsupported);
  CHECK(store.begin_transaction(bench.start_record(1, "A", 0)).status() == Status::kInvalidState);
  CHECK(bench.files.raw("newer.log") == before);
}

// Rules: PD-4
TEST_CASE("record types of newer firmware are kept and do not disturb") {
  StoreBench bench;
  bench.start_up();
  bench.set_clock(0);
  bench.begin(1, "A", 0);
  {
    platform::RecordLog raw(bench.files, "transactions.log", 100000);
    class Nobody final : public platform::RecordLog::Visitor {
      void on_record(const platform::RecordLog::Record&) override {}
    } nobody;
    REQUIRE(raw.load(nobody) == Status::kOk);
    const uint8_t payload[] = {1, 2, 3};
    REQUIRE(raw.append(200, common::ByteSpan(payload)).ok());
  }
  bench.restart();
  bench.set_clock(0);
  bench.compact();
  CHECK(bench.drain() == "S1(A,0) ");
  bool is_there = false;
  platform::RecordLog raw(bench.files, "transactions.log", 100000);
  class Finder final : public platform::RecordLog::Visitor {
   public:
    explicit Finder(bool& found) : found_(found) {}
    void on_record(const platform::RecordLog::Record& record) override {
      found_ = found_ || record.type == 200;
    }

   private:
    bool& found_;
  } finder(is_there);
  REQUIRE(raw.load(finder) == Status::kOk);
  CHECK(is_there);
}
