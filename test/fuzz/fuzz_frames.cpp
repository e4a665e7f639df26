// Fuzz target of the engine's ear. Input: lines; each is one frame as the CSMS would send it. "$ID"
// in a line stands for the id of the CALL that the charge point has open. A first character '!'
// gives the line as a cut frame.
//
// Whatever the frames: no crash, at most one answer to each, none to anything but a CALL, every
// answer is JSON with the id of its CALL, and a CALL that is refused with CALLERROR has changed
// nothing.
//
// test/unit/test_ocpp_frames runs the same function over the corpus and deterministic mutations of
// it.
#include "json/reader.hpp"
#include "ocpp/charge_point.hpp"
#include "platform_sim/sim_charger.hpp"
#include "platform_sim/sim_clock.hpp"
#include "platform_sim/sim_entropy.hpp"
#include "platform_sim/sim_file_store.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

namespace {

void require(bool condition, const char* what, const std::string& frame) {
  if (condition) return;
  std::fprintf(stderr, "broken promise: %s\nframe: %s\n", what, frame.c_str());
  std::abort();
}

/// One charge point, registered, with a transaction running.
class Target {
 public:
  Target() {
    charger_.set_observer(*charge_point_);
    ocpp::Options options;
    options.identity.vendor = common::FixedString<20>("V");
    options.identity.model = common::FixedString<20>("M");
    options.connectors = 1;
    (void)charge_point_->begin(options, clock_.now(), common::UtcTime{1'800'000'000'000});
    charge_point_->on_link(true, clock_.now());
    charger_.plug(1);
    run(1500);
    receive(
        R"([3,"$ID",{"status":"Accepted","currentTime":"2027-01-15T08:00:00Z","interval":300}])");
    for (int i = 0; i < 2; ++i) receive(R"([3,"$ID",{}])");
    receive(R"([2,"1","RemoteStartTransaction",{"idTag":"A"}])");
    run(2000);
    receive(R"([3,"$ID",{}])");
    receive(R"([3,"$ID",{"transactionId":7,"idTagInfo":{"status":"Accepted"}}])");
  }

  void receive(std::string frame) {
    const bool truncated = !frame.empty() && frame[0] == '!';
    if (truncated) frame.erase(0, 1);
    for (size_t at = frame.find("$ID"); at != std::string::npos; at = frame.find("$ID", at)) {
      frame.replace(at, 3, open_id_);
    }
    if (frame.size() > limits::kMaxFrameBytes) frame.resize(limits::kMaxFrameBytes);
    require(charge_point_->can_receive(), "there is room for an answer when all was sent", frame);
    const std::string before = state();
    charge_point_->receive(common::TextSpan(frame.data(), frame.size()), truncated, clock_.now());
    const std::string after = state();

    // What is in the outbox now, before step(), is the answer.
    int answers = 0;
    bool is_refused = false;
    while (drain_one([&](const std::string& sent) {
      if (sent.compare(0, 3, "[2,") == 0) return;
      ++answers;
      is_refused = sent.compare(0, 3, "[4,") == 0;
      require(json::is_valid(common::TextSpan(sent.data(), sent.size())), "an answer is JSON",
              frame);
      require(frame.find(id_of(sent)) != std::string::npos, "an answer carries the id of its Call",
              frame);
    })) {
    }
    require(answers <= 1, "one answer at most", frame);
    if (is_refused) require(before == after, "a refused Call changes nothing", frame);
    run(50);
  }

 private:
  static std::string id_of(const std::string& frame) {
    json::Reader reader(common::TextSpan(frame.data(), frame.size()));
    reader.next();
    reader.next();
    const common::TextSpan id = reader.capture();
    return std::string(id.data(), id.size());
  }

  template <typename Look>
  bool drain_one(Look look) {
    const common::TextSpan out = charge_point_->next_to_send();
    if (out.empty()) return false;
    const std::string frame(out.data(), out.size());
    look(frame);
    if (frame.compare(0, 3, "[2,") == 0) open_id_ = id_of(frame).substr(1, 36);
    charge_point_->on_sent(clock_.now());
    return true;
  }

  /// Lets time act and sends what the charge point has to say.
  void run(int64_t duration_ms) {
    const common::Instant end = clock_.now() + duration_ms;
    for (int turns = 0; turns < 10000; ++turns) {
      charger_.step();
      const common::Instant deadline = charge_point_->step(clock_.now());
      while (drain_one([](const std::string&) {})) {
      }
      if (deadline <= clock_.now()) continue;
      const common::Instant next =
          common::earlier(common::earlier(deadline, charger_.next_event()), end);
      if (clock_.now() >= end) return;
      clock_.advance_to(next <= clock_.now() ? clock_.now() + 1 : next);
    }
    require(false, "the engine comes to rest", "");
  }

  /// Everything about the charge point that can be seen from outside.
  std::string state() const {
    std::string text;
    ocpp::ConfigurationEntry entry;
    for (size_t i = 0; i < charge_point_->configuration_count(); ++i) {
      charge_point_->configuration_at(i, entry);
      text += entry.value.c_str();
      text += ';';
    }
    ocpp::TransactionView view;
    if (charge_point_->open_transaction(1, view)) {
      text += std::to_string(view.local_number) + (view.is_stopping ? "s" : "r") +
              std::to_string(view.transaction_id);
    }
    text += to_string(charge_point_->status(0));
    text += to_string(charge_point_->status(1));
    text += to_string(charge_point_->registration());
    text += std::to_string(charge_point_->pending_messages()) + ',' +
            std::to_string(settings_.writes());
    return text;
  }

  platform_sim::SimClock clock_;
  platform_sim::SimPower power_;
  platform_sim::SimFileStore files_{power_};
  platform_sim::SimKeyValueStore settings_{power_};
  platform_sim::SimEntropy entropy_{1};
  platform_sim::SimCharger charger_{clock_, 1};
  common::NullLogSink log_;
  std::unique_ptr<ocpp::ChargePoint> charge_point_ =
      std::make_unique<ocpp::ChargePoint>(ocpp::Ports{files_, settings_, entropy_, charger_, log_});
  std::string open_id_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Target target;
  std::string line;
  for (size_t i = 0; i <= size; ++i) {
    if (i < size && data[i] != '\n') {
      line += static_cast<char>(data[i]);
      continue;
    }
    target.receive(line);
    line.clear();
  }
  return 0;
}
