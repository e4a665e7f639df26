#include "simulation/bridge_world.hpp"

#include <algorithm>

namespace simulation {

using common::Instant;

// --------------------------------------------------------------------------------------------------------- world

BridgeWorld::Gateway::Gateway(BridgeWorld& world, const ocpp::Options&)
    : policy(engine, site, world.log_),
      site(policy, world, world.log_),
      engine(ocpp::Ports{world.flash_, world.settings_, world.entropy_, policy, world.log_}),
      bridge(world.registers_, world.log_) {}

BridgeWorld::BridgeWorld(const Script& script, const RunOptions& options)
    : script_(script),
      options_(options),
      flash_(power_, script.seed),
      settings_(power_),
      registers_(power_),
      entropy_(script.seed ^ 0x5EEDU),
      noise_(script.seed ^ 0xB05U),
      plant_(script_, options.mutant, clock_) {
  flash_.set_capacity(script.flash_bytes);
  csms_.keeps_calls = false;
  csms_.interval_s = 3600;
  outcome_.hash = 0xCBF29CE484222325U;
  if (options.trace_lines > 0)
    log_.write_line = [this](const std::string& line) { note("  ", line); };
}

void BridgeWorld::fail(const std::string& sentence) {
  if (outcome_.violation.sentence.empty()) outcome_.violation = Violation{sentence, now_ms()};
}

void BridgeWorld::note(const char* mark, const std::string& text) {
  if (options_.trace_lines == 0) return;
  outcome_.trace.push_back(format_time(now_ms()) + " " + mark + " " + text);
  if (outcome_.trace.size() / 2 > options_.trace_lines) {
    outcome_.trace.erase(outcome_.trace.begin(),
                         outcome_.trace.end() - static_cast<std::ptrdiff_t>(options_.trace_lines));
  }
}

void BridgeWorld::record_frame(char direction, const std::string& frame) {
  ++outcome_.frames;
  const auto mix = [this](uint64_t word) {
    outcome_.hash = (outcome_.hash ^ word) * 0x100000001B3U;
    outcome_.hash ^= outcome_.hash >> 32U;
  };
  mix(static_cast<uint64_t>(now_ms()));
  for (const char c : frame) mix(static_cast<uint8_t>(c));
  note(direction == '>' ? ">" : "<", frame);
}

// ------------------------------------------------------------------------------------------------- power and link

void BridgeWorld::boot() {
  note("!", "the gateway starts");
  ++outcome_.boots;
  power_.restore();
  base_ms_ = now_ms();  // monotonic time begins anew
  gateway_ = std::make_unique<Gateway>(*this, ocpp::Options());
  Gateway& gateway = *gateway_;
  gateway::PolicySettings policy;
  policy.connectors = script_.connectors;
  gateway.policy.begin(policy, gateway_now());
  gateway::SiteSettings site;
  site.connectors = script_.connectors;
  site.limit_ma = script_.site_ma;
  for (uint8_t id = 1; id <= script_.connectors; ++id) {
    const ChargerPlan& plan = script_.chargers[id - 1];
    if (plan.is_phase_told) site.first_phase[id - 1] = static_cast<uint8_t>(plan.first_phase + 1);
  }
  gateway.site.begin(site, gateway_now());
  add_chargers();
  gateway::EngineOptions options;
  options.vendor = common::FixedString<20>("VEV");
  options.model = common::FixedString<20>("Gateway");
  options.connectors = script_.connectors;
  options.reset_cause = cause_;
  if (gateway.engine.begin(options, gateway_now(), common::UtcTime()) != common::Status::kOk)
    fail("the engine does not start");
  if (gateway.bridge.begin(*this, gateway_now()) != common::Status::kOk)
    fail("the bridge does not start");
  (void)gateway.engine.set_configuration(common::text("MeterValueSampleInterval"),
                                         common::TextSpan(std::to_string(script_.sample_s).c_str(),
                                                          std::to_string(script_.sample_s).size()),
                                         gateway_now());
  (void)gateway.engine.set_configuration(common::text("AllowOfflineTxForUnknownId"),
                                         common::text("true"), gateway_now());
  died_ms_ = -1;
  deadline_ = gateway_now();
}

void BridgeWorld::add_chargers() {
  bridge::Bridge& bridge = gateway_->bridge;
  const auto check = [&](bool is_done) {
    if (!is_done) fail(bridge.error_text());
  };
  uint8_t lines[2] = {};
  for (uint8_t i = 0; i < 2; ++i) lines[i] = bridge.add_bus(plant_.line(i)).value();
  for (uint8_t id = 1; id <= script_.connectors; ++id) {
    const Box& made = box(id);
    bridge::ConnectorConfig config = made.config;
    if (made.is_on_tcp()) {
      modbus::TcpTarget target;
      target.host = common::FixedString<63>(("charger-" + std::to_string(id)).c_str());
      const common::Result<uint8_t> added = bridge.add_tcp_bus(plant_.socket(id).link, target);
      check(added.ok());
      config.bus = added.value();
    } else {
      config.bus = lines[script_.chargers[id - 1].line];
    }
    if (made.has_meter()) {
      bridge::MeterConfig meter;
      meter.profile = "eastron-sdm630";
      meter.bus = config.bus;
      meter.unit_id = Plant::meter_unit(id);
      meter.poll_ms = script_.meter_poll_ms;
      const common::Result<uint8_t> added = bridge.add_meter(meter);
      check(added.ok());
      config.meter = added.value();
    }
    check(bridge.add_connector(config, this) == common::Status::kOk);
    Bystander& seen = bystanders_[id];
    seen.has_state = false;
    seen.state = charger::ChargerState();
    seen.offer = charger::Offer();
    seen.has_offer = false;
    seen.has_drift = false;
    seen.sample = charger::MeterSample();
    seen.lost_wh = 0;
    if (seen.doubtful_readings > 0)
      seen.doubtful_readings = bridge::EnergyRegister::kGlitchSamples + 1;
    disturb(id);
  }
}

void BridgeWorld::die(int64_t off_ms, const char* cause) {
  note("!", cause);
  ++outcome_.power_cuts;
  for (uint8_t id = 1; id <= script_.connectors; ++id) {
    Bystander& seen = bystanders_[id];
    // A transaction that ends with the power ends with what was stored, of the last quarter of an hour.
    const double stored_wh = seen.minutes.empty() ? 0 : seen.minutes.front();
    if (seen.transaction != 0) seen.tolerance_wh += wallbox(id).true_vah - stored_wh;
    seen.heard_wh = stored_wh;
  }
  power_.cut();
  set_link(false);
  gateway_.reset();
  for (uint8_t id = 1; id <= script_.connectors; ++id)
    if (box(id).is_on_tcp()) plant_.socket(id).link.close();
  cause_ = platform::ResetCause::kPowerOn;
  died_ms_ = now_ms();
  boot_at_ms_ = now_ms() + off_ms;
}

void BridgeWorld::set_link(bool is_up) {
  if (is_up == is_link_up_) return;
  is_link_up_ = is_up;
  note("!", is_up ? "connection up" : "connection down");
  csms_.on_connection(is_up);
  if (is_on()) watched([&] { gateway_->engine.on_link(is_up, gateway_now()); });
}

// ------------------------------------------------------------------------------------------------------------ time

void BridgeWorld::take_events() {
  gateway::EngineEvent event;
  while (is_on() && gateway_->engine.take_event(event)) {
    using Kind = gateway::EngineEvent::Kind;
    if (event.kind == Kind::kTransactionStarted || event.kind == Kind::kTransactionStopped)
      (void)gateway_->bridge.checkpoint(event.connector_id);
  }
}

void BridgeWorld::run_gateway() {
  const Instant now = gateway_now();
  const Instant csms_now = clock_.now();
  Gateway& gateway = *gateway_;
  is_busy_ = false;
  std::string frame;
  while (is_link_up_ && gateway.engine.can_receive() && csms_.take_due(csms_now, frame)) {
    record_frame('<', frame);
    watched(
        [&] { gateway.engine.receive(common::TextSpan(frame.data(), frame.size()), false, now); });
    is_busy_ = true;
  }
  watched([&] {
    (void)gateway.bridge.step(now);
    deadline_ = gateway.policy.step(now);
    deadline_ = common::earlier(deadline_, gateway.site.step(now));
    deadline_ = common::earlier(deadline_, gateway.engine.step(now));
    deadline_ = common::earlier(deadline_, gateway.bridge.step(now));
  });
  ++outcome_.steps;
  for (common::TextSpan out = gateway.engine.next_to_send(); is_link_up_ && !out.empty();
       out = gateway.engine.next_to_send()) {
    frame.assign(out.data(), out.size());
    record_frame('>', frame);
    watched([&] { gateway.engine.on_sent(now); });
    csms_.on_frame(frame, csms_now);
    is_busy_ = true;
  }
  if (!csms_.violations.empty()) fail(csms_.violations.front());
  take_events();
  plant_.forget();
}

void BridgeWorld::turn() {
  if (now_ms() != instant_ms_) {
    instant_ms_ = now_ms();
    turns_at_instant_ = 0;
  } else if (++turns_at_instant_ > 1000) {
    fail("the gateway does not come to rest: more than 1000 steps in one millisecond");
    return;
  }
  run_timers();
  while (next_event_ < script_.events.size() && script_.events[next_event_].at_ms <= now_ms()) {
    happen(script_.events[next_event_]);
    ++next_event_;
  }
  plant_.advance(clock_.now());
  for (uint8_t id = 1; id <= script_.connectors; ++id) {
    const double wanted_wh = bystanders_[id].wanted_wh;
    if (wanted_wh > 0 && wallbox(id).true_vah >= wanted_wh) wallbox(id).ev_wants = false;
  }
  if (!is_on() && now_ms() >= boot_at_ms_) boot();
  if (is_on() && !is_link_up_ && now_ms() >= link_up_at_ms_) set_link(true);
  if (is_on()) run_gateway();
  plant_.advance(clock_.now());  // servers take what was sent
  look();
}

int64_t BridgeWorld::next_ms() {
  int64_t next = now_ms() + 1000;  // wallboxes and cars go on by themselves
  const auto consider = [&next](Instant at) {
    if (!at.is_never()) next = std::min(next, at.ms);
  };
  if (next_event_ < script_.events.size()) consider(Instant{script_.events[next_event_].at_ms});
  for (const Timer& timer : timers_) {
    consider(Instant{timer.at_ms});
    if (timer.every_ms != 0) consider(Instant{timer.next_ms});
  }
  if (!is_on()) {
    consider(Instant{boot_at_ms_});
    return next;
  }
  if (!deadline_.is_never()) consider(deadline_ + base_ms_);
  consider(plant_.next_event());
  if (is_link_up_) consider(csms_.next_event());
  if (!is_link_up_) consider(Instant{link_up_at_ms_});
  if (is_busy_) consider(clock_.now());
  return next;
}

bool BridgeWorld::run_until(int64_t at_ms) {
  while (outcome_.is_good()) {
    turn();
    const int64_t next = next_ms();
    if (next <= now_ms()) continue;
    if (next > at_ms) {
      clock_.advance(at_ms - now_ms());
      return true;
    }
    clock_.advance(next - now_ms());
  }
  return false;
}

Outcome BridgeWorld::run() {
  if (run_until(script_.end_ms)) {
    note("!", "faults end, everyone goes home");
    for (Timer& timer : timers_) timer.at_ms = now_ms();
    link_up_at_ms_ = boot_at_ms_ = now_ms();
    for (uint8_t id = 1; id <= script_.connectors; ++id)
      happen(Event{now_ms(), EventKind::kUnplug, id, 0, 0, 0});
    // A charger that was silent for long is back after 30 s, a car gone after a hold state of 60 s.
    if (run_until(now_ms() + 180000)) {
      check_books();
      probe();
      check_books();
    }
  }
  outcome_.transactions = csms_.transactions.size();
  for (uint8_t id = 1; id <= script_.connectors; ++id)
    outcome_.energy_wh += static_cast<int64_t>(wallbox(id).true_vah);
  if (outcome_.trace.size() > options_.trace_lines) {
    outcome_.trace.erase(outcome_.trace.begin(),
                         outcome_.trace.end() - static_cast<std::ptrdiff_t>(options_.trace_lines));
  }
  return outcome_;
}

}  // namespace simulation
