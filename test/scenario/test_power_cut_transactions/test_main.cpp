// Purpose: no transaction is lost, doubled or misread, whenever power fails.
// Given:   a transaction store on flash that keeps what was written before the cut (and may hold a torn write), a CSMS
//          that remembers everything it got, two connectors.
// Steps:   a scripted life - starts, meter values, journaled registers, stops, deliveries, a message given up, clock
//          unknown and known, a restart, compactions - runs once to count bytes and operations; then again with a cut
//          at every byte and before and after every operation; then with many cuts at random. After each cut: start
//          up, end what is open, deliver what is waiting.
// Pass:    start-up succeeds; whatever was reported as stored is delivered once, in order, as it was; the message
//          that was cut is there whole or not at all; only the message whose answer was being stored is sent again,
//          and identically.
// Spec:    OCPP 1.6 ed. 2, 3.7, 3.7.1, 4.8, 4.10.
#include "doctest_main/doctest_main.hpp"
#include "ocpp/transaction_store.hpp"
#include "platform_sim/sim_entropy.hpp"
#include "platform_sim/sim_file_store.hpp"

#include <memory>
#include <set>
#include <string>
#include <vector>

using common::Instant;
using common::Status;
using common::UtcTime;
using ocpp::IdTag;
using ocpp::PendingMessage;
using ocpp::RecordType;
using ocpp::TransactionStore;
using platform_sim::SimFileStore;
using platform_sim::SimPower;

namespace {

constexpr int64_t kEpochMs = 1767225600000;

/// A message that was handed to the store.
struct Expected {
  RecordType type;
  uint8_t connector_id;
  uint32_t local;
  int64_t meter_wh;
  std::string tag;
  UtcTime utc;      ///< Exact time, where the clock was known when it was stored.
  bool is_certain;  ///< The store said that it is stored. Else it may be there or not.
  bool is_given_up = false;
};

/// The device, the CSMS and the judge.
class World {
 public:
  SimPower power;
  SimFileStore files{power};
  std::string problems;

  World() {
    settings_.max_bytes = TransactionStore::kMinimumBytes;
    settings_.journal_minimum_ms = 0;
    settings_.journal_interval_ms = 1000;
  }

  /// Meter values may go missing: the store is filled until it thins them.
  void tolerate_thinning() { is_thinning_ = true; }
  uint32_t thinned() const { return store_->counters().thinned_meter_values; }
  bool is_alive() const { return is_alive_; }
  uint32_t compactions() const { return compactions_; }

  /// Power is there (again); the program starts.
  void start_up() {
    const bool is_first = store_ == nullptr;
    if (!is_first) true_zero_ms_ += now_.ms + 30000;  // the outage
    now_ = Instant{1000};
    is_clock_known_ = false;
    is_alive_ = true;
    store_.reset(new TransactionStore(files, log_, settings_));
    if (!check(store_->load(), "load")) return;
    check_open();
  }
  void set_clock() {
    if (!is_alive_) return;
    is_clock_known_ = check(store_->set_boot_time(now_, true_utc()), "set_boot_time");
  }
  void wait(int64_t ms) { now_.ms += ms; }

  void begin(uint8_t connector, const char* tag, int64_t meter_wh) {
    if (!is_alive_) return;
    ocpp::StartRecord record;
    record.connector_id = connector;
    record.id_tag = IdTag(tag);
    record.meter_start_wh = meter_wh;
    record.time = stamp();
    const uint32_t local = ++last_local_;
    expected_.push_back(message(RecordType::kStart, connector, local, meter_wh, tag));
    const auto result = store_->begin_transaction(record);
    if (!check(result.status(), "begin")) return;
    expected_.back().is_certain = true;
    if (result.value() != local) problem("local number " + std::to_string(result.value()));
  }
  void values(uint8_t connector, int64_t meter_wh) {
    if (!is_alive_) return;
    ocpp::MeterValuesRecord record;
    const uint32_t local = local_on(connector);
    record.local_transaction = local;
    record.connector_id = connector;
    record.time = stamp();
    (void)record.values.add(ocpp::MeasurandChoice(), meter_wh);
    expected_.push_back(message(RecordType::kMeterValues, connector, local, meter_wh, ""));
    const bool is_stored = check(store_->append_meter_values(record), "values");
    expected_.back().is_certain = is_stored && !is_thinning_;
  }
  void journal(uint8_t connector, int64_t meter_wh) {
    if (!is_alive_) return;
    wait(1000);
    if (check(store_->journal_register(local_on(connector), meter_wh, stamp()), "journal") &&
        store_->open_on(connector)->last_meter_wh < meter_wh) {
      problem("register not journaled");
    }
  }
  void end(uint8_t connector, int64_t meter_wh) {
    if (is_alive_) end_local(connector, local_on(connector), meter_wh);
  }
  /// Delivers up to `count` messages; the CSMS answers each, unless power fails first.
  void deliver(int count) {
    PendingMessage pending;
    while (is_alive_ && count-- > 0) {
      const Status status = store_->next_pending(pending);
      if (status == Status::kNotFound) return;
      if (!check(status, "next_pending")) return;
      receive(pending);
      const int32_t transaction_id = static_cast<int32_t>(1000 + pending.local_transaction);
      acknowledge(pending.type == RecordType::kStart
                      ? store_->assign(pending.sequence, transaction_id,
                                       ocpp::IdTagStatus::kAccepted, IdTag("GROUP"))
                      : store_->mark_delivered(pending.sequence),
                  "acknowledge");
    }
  }
  /// The CSMS answers the next message, meter values, with CALLERROR until it is given up.
  void give_up() {
    if (!is_alive_) return;
    PendingMessage pending;
    if (!check(store_->next_pending(pending), "next_pending")) return;
    if (pending.type != RecordType::kMeterValues) problem("script: not meter values");
    Expected* const found = find(pending);
    if (found != nullptr) found->is_given_up = true;
    check(store_->move_to_dead_letters(pending.sequence, ocpp::DeadLetterReason::kCallError),
          "move_to_dead_letters");
  }
  void maintain(int steps) {
    for (int i = 0; i < steps && is_alive_; ++i) {
      store_->maintain();
      if (!power.is_on()) is_alive_ = false;
    }
    compactions_ += store_->counters().compactions - seen_compactions_;
    seen_compactions_ = store_->counters().compactions;
  }
  void restart() {
    if (!is_alive_) return;
    seen_compactions_ = 0;
    start_up();
  }

  /// Ends what is open, delivers what waits, and compares the books.
  void finish() {
    set_clock();
    wait(60000);
    while (is_alive_ && !store_->open_transactions().empty()) {
      const ocpp::OpenTransaction open = store_->open_transactions()[0];
      end_local(open.start.connector_id, open.start.local_transaction, open.last_meter_wh);
    }
    deliver(100000);
    if (!is_alive_) return;
    if (store_->counters().pending_messages != 0) problem("not drained");
    compare();
    ocpp::DeadLetter letter;
    for (size_t i = 0; store_->read_dead_letter(i, letter) == Status::kOk; ++i) {
      if (letter.type != RecordType::kMeterValues) problem("foreign dead letter");
    }
  }

 private:
  UtcTime true_utc() const { return UtcTime{kEpochMs + true_zero_ms_ + now_.ms}; }
  ocpp::RecordTime stamp() const {
    return store_->stamp(now_, is_clock_known_ ? true_utc() : UtcTime());
  }
  Expected message(RecordType type, uint8_t connector, uint32_t local, int64_t meter_wh,
                   const char* tag) const {
    return Expected{type, connector, local, meter_wh, tag, is_clock_known_ ? true_utc() : UtcTime(),
                    false};
  }
  uint32_t local_on(uint8_t connector) {
    const ocpp::OpenTransaction* const open = store_->open_on(connector);
    if (open == nullptr) {
      problem("nothing open on connector " + std::to_string(connector));
      return 0;
    }
    return open->start.local_transaction;
  }

  /// After a cut every call fails; nothing else may.
  bool check(Status status, const char* what) {
    if (status == Status::kOk) return true;
    is_alive_ = false;
    if (power.is_on()) problem(std::string(what) + ": " + common::to_string(status));
    return false;
  }
  void acknowledge(Status status, const char* what) {
    if (check(status, what)) unanswered_.clear();
  }
  void problem(const std::string& text) { problems += text + "; "; }

  void end_local(uint8_t connector, uint32_t local, int64_t meter_wh) {
    ocpp::StopRecord record;
    record.local_transaction = local;
    record.meter_stop_wh = meter_wh;
    record.time = stamp();
    // A stop that was cut and is not there is tried again: one of the two is it.
    Expected stop = message(RecordType::kStop, connector, local, meter_wh, "");
    expected_.push_back(stop);
    expected_.back().is_certain = check(store_->end_transaction(record), "end");
  }

  /// Open in the store are exactly the transactions that must be, or may be after a cut.
  void check_open() {
    std::set<uint32_t> open;
    for (const ocpp::OpenTransaction& transaction : store_->open_transactions()) {
      open.insert(transaction.start.local_transaction);
    }
    std::set<uint32_t> certain;
    std::set<uint32_t> possible;
    for (const Expected& expected : expected_) {
      if (expected.type == RecordType::kStart) {
        possible.insert(expected.local);
        if (expected.is_certain) certain.insert(expected.local);
      } else if (expected.type == RecordType::kStop) {
        certain.erase(expected.local);
        if (expected.is_certain) possible.erase(expected.local);
      }
    }
    for (const uint32_t local : certain) {
      if (open.count(local) == 0) problem("lost transaction " + std::to_string(local));
    }
    for (const uint32_t local : open) {
      if (possible.count(local) == 0) problem("ghost transaction " + std::to_string(local));
    }
    // A start that was cut and is not there has not used its number.
    while (!expected_.empty() && !expected_.back().is_certain &&
           expected_.back().type == RecordType::kStart && open.count(expected_.back().local) == 0) {
      last_local_ = expected_.back().local - 1;
      expected_.pop_back();
    }
  }

  static std::string describe(const PendingMessage& pending) {
    std::string tag;
    int64_t meter_wh = 0;
    if (pending.type == RecordType::kStart) {
      tag = pending.start.id_tag.c_str();
      meter_wh = pending.start.meter_start_wh;
    } else if (pending.type == RecordType::kStop) {
      meter_wh = pending.stop.meter_stop_wh;
    } else {
      meter_wh = register_of(pending);
    }
    return std::to_string(static_cast<int>(pending.type)) + "/" +
           std::to_string(pending.local_transaction) + "/" + std::to_string(pending.connector_id) +
           "/" + std::to_string(meter_wh) + "/" + std::to_string(pending.transaction_id) + "/" +
           std::to_string(pending.utc.ms) + "/" + tag;
  }

  void receive(const PendingMessage& pending) {
    const std::string text = describe(pending);
    if (text == unanswered_) return;  // an identical retry of what was not answered
    if (!unanswered_.empty()) {
      // Its answer was being stored when power failed, and is stored.
      unanswered_.clear();
    }
    if (!received_.insert(text).second) problem("sent twice: " + text);
    if (pending.has_transaction_id &&
        pending.transaction_id != static_cast<int32_t>(1000 + pending.local_transaction)) {
      problem("transaction id " + text);
    }
    if (pending.utc.ms < kEpochMs) problem("time " + text);
    arrived_.push_back(pending);
    unanswered_ = text;
  }

  static int64_t register_of(const PendingMessage& pending) {
    int64_t meter_wh = -1;
    (void)pending.meter_values.register_wh(meter_wh);
    return meter_wh;
  }
  static bool is_same(const Expected& expected, const PendingMessage& pending) {
    if (expected.type != pending.type || expected.local != pending.local_transaction ||
        expected.connector_id != pending.connector_id) {
      return false;
    }
    if (expected.utc.is_known() && expected.utc != pending.utc) return false;
    switch (pending.type) {
      case RecordType::kStart:
        return expected.meter_wh == pending.start.meter_start_wh &&
               expected.tag == pending.start.id_tag.c_str();
      case RecordType::kMeterValues:
        return expected.meter_wh == register_of(pending);
      default:
        return expected.meter_wh == pending.stop.meter_stop_wh;
    }
  }
  Expected* find(const PendingMessage& pending) {
    for (Expected& expected : expected_) {
      if (is_same(expected, pending)) return &expected;
    }
    problem("unknown message " + describe(pending));
    return nullptr;
  }

  void compare() {
    size_t next = 0;
    for (const PendingMessage& pending : arrived_) {
      while (next < expected_.size() && !is_same(expected_[next], pending)) {
        const Expected& missing = expected_[next];
        if (missing.is_certain && !missing.is_given_up) {
          return problem("lost " + std::to_string(static_cast<int>(missing.type)) + "/" +
                         std::to_string(missing.local) + "/" + std::to_string(missing.meter_wh));
        }
        ++next;
      }
      if (next == expected_.size()) return problem("not expected: " + describe(pending));
      ++next;
    }
    for (; next < expected_.size(); ++next) {
      if (expected_[next].is_certain && !expected_[next].is_given_up) problem("lost at the end");
    }
    std::set<uint32_t> started;
    std::set<uint32_t> stopped;
    UtcTime last;
    for (const PendingMessage& pending : arrived_) {
      if (pending.type == RecordType::kStart) started.insert(pending.local_transaction);
      if (pending.type == RecordType::kStop && !stopped.insert(pending.local_transaction).second) {
        problem("stopped twice");
      }
      if (pending.utc < last) problem("time runs backwards");
      last = pending.utc;
    }
    if (started != stopped) problem("started and not stopped, or the reverse");
  }

  common::NullLogSink log_;
  TransactionStore::Settings settings_;
  std::unique_ptr<TransactionStore> store_;
  bool is_alive_ = false;
  bool is_clock_known_ = false;
  bool is_thinning_ = false;
  Instant now_;
  int64_t true_zero_ms_ = 0;
  uint32_t last_local_ = 0;
  uint32_t compactions_ = 0;
  uint32_t seen_compactions_ = 0;
  std::vector<Expected> expected_;
  std::vector<PendingMessage> arrived_;
  std::set<std::string> received_;
  std::string unanswered_;  ///< What was sent and whose answer is not known to be stored.
};

/// What happens in one life. Stops at once where power fails.
void live(World& world) {
  world.start_up();
  // Cold start without clock, offline.
  world.begin(1, "TAG-A", 1000);
  world.wait(5000);
  world.begin(2, "TAG-B", 500);
  world.wait(5000);
  world.values(1, 1100);
  world.journal(2, 700);
  world.deliver(0);
  world.set_clock();
  world.deliver(2);
  world.wait(60000);
  world.values(1, 1200);
  world.values(2, 800);
  world.deliver(1);
  world.give_up();
  world.journal(1, 1300);
  world.maintain(2);
  // Busy: transactions follow one another, the queue is never quite empty.
  int64_t meter_wh = 2000;
  for (int round = 0; round < 9; ++round) {
    world.wait(60000);
    world.end(1, meter_wh);
    world.begin(1, round % 2 == 0 ? "A-TAG-OF-20-LETTERS-" : "X", meter_wh + 1);
    world.values(2, meter_wh);
    world.deliver(3);
    world.maintain(3);
    world.journal(2, meter_wh + 50);
    world.values(1, meter_wh + 100);
    world.maintain(1);
    world.deliver(1);
    meter_wh += 1000;
  }
  // Restart in the middle of it; the clock comes late.
  world.restart();
  world.wait(2000);
  world.end(2, meter_wh);
  world.begin(2, "LATE", meter_wh);
  world.wait(2000);
  world.values(2, meter_wh + 10);
  world.set_clock();
  world.deliver(4);
  world.maintain(6);
  world.values(1, meter_wh + 20);
  world.end(1, meter_wh + 30);
  world.maintain(20);
  world.deliver(3);
}

/// Offline for long: the store fills up, thins meter values and compacts all at once.
void live_offline(World& world) {
  world.tolerate_thinning();
  world.start_up();
  world.set_clock();
  int64_t meter_wh = 0;
  world.begin(2, "B", 0);
  world.deliver(1);
  for (int round = 0; round < 4; ++round) {
    world.wait(60000);
    world.begin(1, "A", meter_wh);
    for (int i = 0; i < 20; ++i) {
      world.wait(60000);
      world.values(1, ++meter_wh);
      world.values(2, meter_wh);
      if (i == 10) world.deliver(1);
    }
    world.end(1, meter_wh);
  }
  world.deliver(30);
  world.end(2, meter_wh);
}

using Life = void (*)(World&);

/// A life with one cut and what follows. @return Problems, empty when none.
template <typename Plan>
std::string life_with_cut(Life life, SimFileStore::Torn torn, const Plan& plan) {
  World world;
  world.files.set_torn(torn);
  plan(world.power);
  life(world);
  world.power.restore();
  world.start_up();
  world.finish();
  return world.problems;
}

}  // namespace

TEST_CASE("without a cut everything arrives, and the script compacts more than once") {
  World world;
  live(world);
  CHECK(world.is_alive());
  CHECK(world.compactions() >= 2);
  MESSAGE("bytes " << world.power.bytes_written() << ", operations " << world.power.operations()
                   << ", compactions " << world.compactions());
  world.restart();
  world.finish();
  CHECK(world.problems == "");
}

// Rules: FP-11 FP-8
TEST_CASE("a cut at any byte loses nothing, doubles nothing and misreads nothing") {
  World reference;
  live(reference);
  const uint64_t bytes = reference.power.bytes_written();
  REQUIRE(bytes > 5000);
  for (const auto torn : {SimFileStore::Torn::kPrefix, SimFileStore::Torn::kGarbage,
                          SimFileStore::Torn::kZeros, SimFileStore::Torn::kErased}) {
    // Every byte for the contract; every third, at another phase each, for what is worse than the contract.
    const bool is_contract = torn == SimFileStore::Torn::kPrefix;
    const uint64_t first = is_contract ? 0 : static_cast<uint64_t>(torn) % 3;
    std::string failures;
    for (uint64_t byte = first; byte < bytes; byte += is_contract ? 1 : 3) {
      const std::string problems =
          life_with_cut(live, torn, [&](SimPower& power) { power.cut_after_bytes(byte); });
      if (!problems.empty()) failures += std::to_string(byte) + ": " + problems + "\n";
    }
    CAPTURE(static_cast<int>(torn));
    CHECK(failures == "");
  }
}

TEST_CASE("a cut before or after any operation loses nothing and doubles nothing") {
  for (const Life life : {live, live_offline}) {
    World reference;
    life(reference);
    REQUIRE(reference.is_alive());
    std::string failures;
    for (uint64_t operation = 0; operation < reference.power.operations(); ++operation) {
      for (const bool is_done : {false, true}) {
        const std::string problems =
            life_with_cut(life, SimFileStore::Torn::kPrefix,
                          [&](SimPower& power) { power.cut_at_operation(operation, is_done); });
        if (!problems.empty()) failures += std::to_string(operation) + ": " + problems + "\n";
      }
    }
    CHECK(failures == "");
  }
}

TEST_CASE("a cut at any byte while meter values are thinned loses no start and no stop") {
  World reference;
  live_offline(reference);
  REQUIRE(reference.is_alive());
  CHECK(reference.thinned() > 20);
  std::string failures;
  const uint64_t bytes = reference.power.bytes_written();
  MESSAGE("bytes " << bytes << ", thinned " << reference.thinned());
  for (uint64_t byte = 0; byte < bytes; byte += 11) {
    const std::string problems =
        life_with_cut(live_offline, SimFileStore::Torn::kPrefix,
                      [&](SimPower& power) { power.cut_after_bytes(byte); });
    if (!problems.empty()) failures += std::to_string(byte) + ": " + problems + "\n";
  }
  CHECK(failures == "");
}

TEST_CASE("cuts again and again, also while starting up, lose nothing and double nothing") {
  std::string failures;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    World world;
    platform_sim::SimEntropy entropy(seed);
    world.files.set_torn(entropy.chance(500) ? SimFileStore::Torn::kPrefix
                                             : SimFileStore::Torn::kGarbage);
    world.power.cut_after_bytes(entropy.below(8000));
    live(world);
    for (int cut = 0; cut < 20; ++cut) {
      world.power.restore();
      world.power.cut_after_bytes(world.power.bytes_written() + entropy.below(150));
      world.start_up();
      world.finish();
    }
    world.power.restore();
    world.start_up();
    world.finish();
    if (!world.problems.empty()) failures += std::to_string(seed) + ": " + world.problems + "\n";
  }
  CHECK(failures == "");
}
