// The store against a model that keeps everything in memory, over random histories; and against damaged flash.
#include "platform_sim/sim_entropy.hpp"
#include "store_bench.hpp"

#include <deque>
#include <map>

namespace {

struct ModelMessage {
  RecordType type;
  uint32_t local;
  int64_t meter_wh;
};

struct ModelOpen {
  uint32_t local;
  int64_t last_meter_wh;
  bool is_assigned;
  int32_t transaction_id;
};

class RandomHistory {
 public:
  explicit RandomHistory(uint64_t seed) : entropy_(seed), maintain_weight_(seed % 4 == 0 ? 3 : 32) {
    bench_.settings.max_bytes = 24 * 1024;
    bench_.settings.journal_minimum_ms = 0;
    bench_.settings.journal_interval_ms = 1;
    bench_.start_up();
    bench_.set_clock(0);
  }

  std::string run(int operations) {
    for (int i = 0; i < operations && problems_.empty(); ++i) {
      bench_.now.ms += 1 + entropy_.below(1000);
      step();
      if (bench_.store->counters().pending_messages != queue_.size()) problem("pending count");
    }
    return problems_;
  }

 private:
  void step() {
    const uint8_t connector = static_cast<uint8_t>(1 + entropy_.below(3));
    // Phases of a few hundred operations: queue grows, queue drains.
    const bool is_draining = (++step_ / 150) % 2 == 1;
    const uint32_t dice = queue_.size() > 120 ? 99 : entropy_.below(100);
    if (dice < 30) {
      const auto found = open_.find(connector);
      if (found == open_.end()) return begin(connector);
      if (dice < 20) return values(connector, found->second);
      if (dice < 24) return journal(found->second);
      return end(connector, found->second);
    }
    if (dice < 30 + maintain_weight_) return maintain();
    if (dice < 31 + maintain_weight_) return fail_next();
    if (dice < 32 + maintain_weight_) return restart();
    if (is_draining || dice < 75 || dice == 99) deliver();
  }

  void maintain() {
    const uint32_t compactions = bench_.store->counters().compactions;
    bench_.store->maintain();
    // What a compaction dropped by mistake shows after a restart.
    if (bench_.store->counters().compactions > compactions && entropy_.chance(500)) restart();
  }
  void begin(uint8_t connector) {
    const auto local =
        bench_.store->begin_transaction(bench_.start_record(connector, "TAG", meter_wh_));
    if (!accepted(local.status(), "begin")) return;
    open_[connector] = ModelOpen{local.value(), meter_wh_, false, 0};
    queue_.push_back(ModelMessage{RecordType::kStart, local.value(), meter_wh_});
  }
  void values(uint8_t connector, ModelOpen& open) {
    const uint32_t local = open.local;
    const Status status =
        bench_.append(StoreBench::values_record(connector, local, ++meter_wh_, bench_.stamp()));
    if (!accepted(status, "values")) return;
    open.last_meter_wh = meter_wh_;
    queue_.push_back(ModelMessage{RecordType::kMeterValues, local, meter_wh_});
  }
  void journal(ModelOpen& open) {
    const Status status = bench_.store->journal_register(open.local, ++meter_wh_, bench_.stamp());
    if (status == Status::kNoSpace) return;  // not worth a compaction: allowed
    if (accepted(status, "journal")) open.last_meter_wh = meter_wh_;
  }
  void end(uint8_t connector, const ModelOpen& open) {
    StopRecord stop;
    stop.local_transaction = open.local;
    stop.meter_stop_wh = ++meter_wh_;
    stop.time = bench_.stamp();
    if (!accepted(bench_.store->end_transaction(stop), "end")) return;
    queue_.push_back(ModelMessage{RecordType::kStop, open.local, meter_wh_});
    open_.erase(connector);
  }
  void deliver() {
    PendingMessage message;
    const Status status = bench_.store->next_pending(message);
    if (queue_.empty()) {
      if (status != Status::kNotFound) problem("message from nowhere");
      return;
    }
    if (status != Status::kOk) return problem("next_pending");
    const ModelMessage expected = queue_.front();
    const std::string text = StoreBench::describe(message);
    if (message.type != expected.type || message.local_transaction != expected.local ||
        text.find(std::to_string(expected.meter_wh)) == std::string::npos) {
      return problem("other message " + text);
    }
    if (message.has_transaction_id && message.transaction_id != ids_[expected.local]) {
      problem("transaction id");
    }
    for (uint32_t i = entropy_.below(3); i > 0 && maintain_weight_ > 10; --i) {
      bench_.store->maintain();
    }
    if (entropy_.chance(50)) {
      if (!accepted(
              bench_.store->move_to_dead_letters(message.sequence, DeadLetterReason::kCallError),
              "give up")) {
        return;
      }
      if (message.type == RecordType::kStart) assigned(expected.local, -1);
    } else if (message.type == RecordType::kStart) {
      const int32_t id = static_cast<int32_t>(entropy_.below(1000000));
      if (!accepted(bench_.store->assign(message.sequence, id, IdTagStatus::kAccepted, IdTag()),
                    "assign")) {
        return;
      }
      assigned(expected.local, id);
    } else if (!accepted(bench_.store->mark_delivered(message.sequence), "delivered")) {
      return;
    }
    queue_.pop_front();
  }
  void assigned(uint32_t local, int32_t id) {
    ids_[local] = id;
    for (auto& entry : open_) {
      if (entry.second.local != local) continue;
      entry.second.is_assigned = true;
      entry.second.transaction_id = id;
    }
  }
  /// The next append fails half-way, never with the whole record on the medium: that case survives a restart.
  void fail_next() {
    bench_.files.fail_next_append(Status::kIo, entropy_.below(17));
    is_failing_ = true;
  }
  /// @return False when the injected failure hit, which must change nothing.
  bool accepted(Status status, const char* what) {
    if (status == Status::kOk) return true;
    // An injected failure can also hit the compaction that was to make room.
    if ((status != Status::kIo && status != Status::kNoSpace) || !is_failing_) {
      problem(std::string(what) + ": " + common::to_string(status));
    }
    is_failing_ = false;
    return false;
  }
  void restart() {
    bench_.restart();
    bench_.set_clock(bench_.now.ms + step_ * 100000);
    if (bench_.store->open_transactions().size() != open_.size()) return problem("open count");
    for (const auto& entry : open_) {
      const ocpp::OpenTransaction* const open = bench_.store->open_on(entry.first);
      if (open == nullptr || open->start.local_transaction != entry.second.local ||
          open->last_meter_wh != entry.second.last_meter_wh ||
          open->is_assigned != entry.second.is_assigned ||
          (open->is_assigned && open->transaction_id != entry.second.transaction_id)) {
        problem("open transaction on " + std::to_string(entry.first));
      }
    }
  }
  void problem(const std::string& text) {
    problems_ += "step " + std::to_string(step_) + ": " + text + "; ";
  }

  StoreBench bench_;
  platform_sim::SimEntropy entropy_;
  std::deque<ModelMessage> queue_;
  std::map<uint8_t, ModelOpen> open_;
  std::map<uint32_t, int32_t> ids_;
  uint32_t maintain_weight_;  ///< Rare: deliveries overtake a compaction.
  int64_t meter_wh_ = 100000;
  int64_t step_ = 0;
  bool is_failing_ = false;
  std::string problems_;
};

}  // namespace

TEST_CASE("random histories agree with the model") {
  std::string failures;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    RandomHistory history(seed);
    const std::string problems = history.run(3000);
    if (!problems.empty()) failures += "seed " + std::to_string(seed) + ": " + problems + "\n";
  }
  CHECK(failures == "");
}

// Rules: FP-8
TEST_CASE("any flipped bit is noticed or harmless: the store loads, drains and works on") {
  StoreBench source;
  source.start_up();
  source.set_clock(0);
  const uint32_t first = source.begin(1, "TAG1", 1000);
  source.drain();
  source.values(1, first, 1100);
  const uint32_t second = source.begin(2, "TAG2", 2000);
  source.drain(1);
  source.compact();
  source.values(2, second, 2100);
  source.end(first, 1200);
  source.now.ms += 70000;
  REQUIRE(source.store->journal_register(second, 2200, source.stamp()) == Status::kOk);
  const std::vector<uint8_t> image = source.files.raw("transactions.log");
  REQUIRE(image.size() < 1000);

  std::string failures;
  for (size_t offset = 0; offset < image.size(); ++offset) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      StoreBench bench;
      bench.files.raw("transactions.log") = image;
      bench.files.flip_bit("transactions.log", offset, bit);
      const std::string place = std::to_string(offset) + "." + std::to_string(bit) + ": ";
      bench.store.reset(new TransactionStore(bench.files, bench.log));
      TransactionStore& store = *bench.store;
      if (store.load() != Status::kOk) {
        failures += place + "does not load\n";
        continue;
      }
      static_cast<void>(store.set_boot_time(bench.now, StoreBench::utc_at(0)));
      // Nothing but the messages that were written ever comes out, in their order.
      PendingMessage message;
      int delivered = 0;
      uint32_t last_sequence = 0;
      while (delivered < 20 && store.next_pending(message) == Status::kOk) {
        ++delivered;
        if (message.sequence <= last_sequence) failures += place + "order\n";
        last_sequence = message.sequence;
        message.has_transaction_id = false;
        std::string text = StoreBench::describe(message);
        const bool is_known =
            std::string("S1(TAG1,1000) M1(1100) S2(TAG2,2000) M2(2100) E1(1200) ").find(text) !=
            std::string::npos;
        if (!is_known) failures += place + "altered: " + text + "\n";
        const Status taken =
            message.type == RecordType::kStart
                ? store.assign(message.sequence, 7, IdTagStatus::kAccepted, IdTag())
                : store.mark_delivered(message.sequence);
        if (taken != Status::kOk) failures += place + "cannot be acknowledged\n";
      }
      const bool is_complete = delivered == 3 && store.open_transactions().size() == 1;
      if (!is_complete && store.counters().damaged_frames == 0) failures += place + "unnoticed\n";
      // Life goes on.
      for (const uint8_t connector : {uint8_t{1}, uint8_t{2}}) {
        while (const ocpp::OpenTransaction* open = store.open_on(connector)) {
          StopRecord stop;
          stop.local_transaction = open->start.local_transaction;
          if (store.end_transaction(stop) != Status::kOk) {
            failures += place + "cannot stop\n";
            break;
          }
        }
        if (!store.begin_transaction(bench.start_record(connector, "NEW", 5000)).ok()) {
          failures += place + "cannot start\n";
        }
      }
    }
  }
  CHECK(failures == "");
}
