#include "driver.hpp"

#include "platform_sim/malloc_trap.hpp"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <valgrind/callgrind.h>

namespace {

constexpr int64_t kIterationMs = 10;
constexpr int64_t kQuietMs = 1000;
constexpr int kMaxIterations = 1000;
constexpr int64_t kUtcAtStartMs = 1'800'000'000'000;

charger::IdTag tag() { return charger::IdTag("04A1B2C3D4E5F6"); }

}  // namespace

void fail(const std::string& sentence) {
  std::fprintf(stderr, "%s\n", sentence.c_str());
  std::exit(1);
}

Driver::Driver() {
  state_.plug = charger::Plug::kUnplugged;
  state_.health = charger::Health::kOk;
}

template <typename Function>
void Driver::engine(const char* entry, Function function) {
  const platform_sim::MallocTrap trap;
  probe.run(function);
  part_.allocations += trap.count();
  const platform_sim::MallocTrap::Exempt exempt;
  size_t& deepest = stack_since_mark_[entry];
  if (probe.depth() > deepest) deepest = probe.depth();
}

void Driver::boot() {
  ocpp::Options options;
  options.identity.vendor.assign_truncated(common::text("VEV"));
  options.identity.model.assign_truncated(common::text("Gateway"));
  options.identity.serial_number.assign_truncated(common::text("BENCH-0001"));
  options.identity.firmware_version.assign_truncated(common::text("1.0.0"));
  CALLGRIND_ZERO_STATS;
  charge_point_ =
      std::make_unique<ocpp::ChargePoint>(ocpp::Ports{files, settings, entropy_, charger_, log_});
  common::Status status = common::Status::kIo;
  engine("begin", [&] { status = charge_point_->begin(options, now(), common::UtcTime()); });
  if (status != common::Status::kOk)
    fail(std::string("begin() failed: ") + common::to_string(status));
  engine("on_link", [&] { charge_point_->on_link(true, now()); });
  charger_.is_state_due = true;
  settle();
  if (charge_point_->registration() != ocpp::RegistrationState::kAccepted)
    fail("the charge point did not register");
}

void Driver::iterate() {
  ++part_.iterations;
  clock_.advance(kIterationMs);
  if (charger_.is_state_due) report_state();
  if (charger_.is_sample_due) report_sample();
  if (!inbound_.empty() && charge_point_->can_receive()) {
    const std::string frame = inbound_.front();
    inbound_.pop_front();
    engine("receive", [&] {
      charge_point_->receive(common::TextSpan(frame.data(), frame.size()), false, now());
    });
  }
  step_only();
  for (;;) {
    common::TextSpan frame;
    engine("next_to_send", [&] { frame = charge_point_->next_to_send(); });
    if (frame.empty()) break;
    take_frame(std::string(frame.data(), frame.size()));
    engine("on_sent", [&] { charge_point_->on_sent(now()); });
  }
  bool is_event = true;
  while (is_event) {
    ocpp::Event event;
    engine("take_event", [&] { is_event = charge_point_->take_event(event); });
  }
}

void Driver::step_only() {
  engine("step", [&] { deadline_ = charge_point_->step(now()); });
}

bool Driver::is_settled() const {
  return inbound_.empty() && !charger_.is_state_due && !charger_.is_sample_due &&
         deadline_ > now() + kQuietMs;
}

void Driver::settle() {
  iterate();
  for (int i = 0; !is_settled(); ++i) {
    if (i == kMaxIterations) fail("the engine does not come to rest");
    iterate();
  }
}

void Driver::mark(const char* part) {
  Part& sum = parts_[part];
  ++sum.marks;
  sum.iterations += part_.iterations;
  sum.allocations += part_.allocations;
  part_ = Part();
  for (const auto& [entry, bytes] : stack_since_mark_) {
    if (bytes == 0) continue;
    Depth& deepest = stack_[entry];
    if (bytes > deepest.bytes) deepest = Depth{bytes, part};
  }
  stack_since_mark_.clear();
  CALLGRIND_DUMP_STATS_AT(part);
}

std::string Driver::call(const std::string& action, const std::string& payload) {
  answer_.clear();
  inbound_.push_back("[2,\"bench-" + std::to_string(++calls_) + "\",\"" + action + "\"," + payload +
                     "]");
  settle();
  if (answer_.empty()) fail(action + " was not answered");
  return answer_;
}

void Driver::configure(const std::string& key, const std::string& value) {
  const std::string answer =
      call("ChangeConfiguration", R"({"key":")" + key + R"(","value":")" + value + R"("})");
  if (answer.find("\"Accepted\"") == std::string::npos)
    fail("ChangeConfiguration of " + key + " was answered with " + answer);
  mark("configure");
}

void Driver::present_tag() {
  engine("on_id_tag", [&] { charge_point_->on_id_tag(1, tag(), now()); });
}

void Driver::plug(bool is_plugged) {
  state_.plug = is_plugged ? charger::Plug::kPlugged : charger::Plug::kUnplugged;
  charger_.is_state_due = true;
}

void Driver::charge(int64_t duration_ms, int64_t energy_wh) {
  energy_wh_ += energy_wh;
  clock_.advance(duration_ms);
}

void Driver::report_state() {
  charger_.is_state_due = false;
  state_.ev_requests_energy = state_.plug == charger::Plug::kPlugged;
  state_.energy_offered = state_.ev_requests_energy && charger_.is_permitted;
  engine("on_charger_state", [&] { charge_point_->on_charger_state(1, state_, now()); });
}

void Driver::report_sample() {
  charger_.is_sample_due = false;
  charger::MeterSample sample;
  sample.taken_at = now();
  sample.valid = 0x7F;
  sample.energy_import_wh = energy_wh_;
  sample.power_w = state_.energy_offered ? 11040 : 0;
  for (int32_t& current_ma : sample.current_ma) current_ma = state_.energy_offered ? 16000 : 0;
  for (int32_t& voltage_mv : sample.voltage_mv) voltage_mv = 230000;
  sample.temperature_deci_c = 315;
  sample.soc_percent = 57;
  sample.frequency_mhz = 50000;
  engine("on_meter_sample", [&] { charge_point_->on_meter_sample(1, sample, now()); });
}

void Driver::take_frame(const std::string& frame) {
  // Frames of the engine are compact JSON: [2,"id","Action",{...}] or an answer to our CALL.
  if (frame.compare(0, 4, "[2,\"") != 0) {
    answer_ = frame;
    return;
  }
  const size_t id_end = frame.find('"', 4);
  const size_t action_end = frame.find('"', id_end + 3);
  const std::string action = frame.substr(id_end + 3, action_end - id_end - 3);
  ++sent_[action];
  if (frame.size() > longest_[action]) longest_[action] = frame.size();
  answer(frame.substr(4, id_end - 4), action);
}

void Driver::answer(const std::string& id, const std::string& action) {
  const std::string accepted = R"("idTagInfo":{"status":"Accepted"})";
  std::string payload;
  if (action == "BootNotification") {
    payload = R"("status":"Accepted","interval":86400,"currentTime":")" + time_text() + '"';
  } else if (action == "Heartbeat") {
    payload = R"("currentTime":")" + time_text() + '"';
  } else if (action == "Authorize" || action == "StopTransaction") {
    payload = accepted;
  } else if (action == "StartTransaction") {
    payload = R"("transactionId":)" + std::to_string(next_transaction_id_++) + ',' + accepted;
  }
  inbound_.push_back("[3,\"" + id + "\",{" + payload + "}]");
}

uint32_t Driver::sent(const std::string& action) const {
  const auto found = sent_.find(action);
  return found == sent_.end() ? 0 : found->second;
}

size_t Driver::longest_frame(const std::string& action) const {
  const auto found = longest_.find(action);
  return found == longest_.end() ? 0 : found->second;
}

std::string Driver::time_text() const {
  const time_t seconds = static_cast<time_t>((kUtcAtStartMs + now().ms) / 1000);
  tm parts;
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}
