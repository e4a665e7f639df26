#include "simulation/bridge_world.hpp"

#include <algorithm>

namespace simulation {

using common::Instant;

// ------------------------------------------------------------------------------------------------------- wallbox

uint8_t Box::read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out, Instant now) {
  const uint8_t exception = wallbox.read(function, address, count, out, now);
  for (uint16_t i = 0; exception == 0 && function == 3 && i < count; ++i) {
    const int at = address + i;
    if (mutant_ == Mutant::kIgnoreReadBack && at == 261 && has_written_) out[i] = written_[1];
    if (is_deaf_ && at == 257) out[i] = written_[0];
    if (is_deaf_ && at == 262) out[i] = written_[2];
  }
  return exception;
}

uint8_t Box::write(uint16_t address, uint16_t value, Instant now) {
  if (address == 261) limit_written_at = now;
  if (is_deaf_ && (address == 257 || address == 262)) return 0;
  const uint8_t exception = wallbox.write(address, value, now);
  if (address == 257) written_[0] = value;
  if (address == 262) written_[2] = value;
  if (address == 261) {
    written_[1] = value;
    has_written_ = true;
    if (mutant_ == Mutant::kIgnoreReadBack) return 0;
  }
  return exception;
}

void Box::reboot(Instant now, int64_t silent_ms, int64_t boot_ms) {
  wallbox.reboot(now, silent_ms, boot_ms);
  has_written_ = false;
  is_deaf_ = mutant_ == Mutant::kForgetRewrite;
}

// --------------------------------------------------------------------------------------------------------- world

BridgeWorld::Gateway::Gateway(BridgeWorld& world, const ocpp::Options&)
    : policy(engine, bridge, world.log_),
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
      line_(clock_) {
  flash_.set_capacity(script.flash_bytes);
  for (uint8_t id = 1; id <= script.connectors; ++id) {
    boxes_.push_back(std::make_unique<Box>(options.mutant));
    line_.attach(id, *boxes_.back());
  }
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

template <typename Call>
void BridgeWorld::watched(Call call) {
  size_t allocations = 0;
  {
    const platform_sim::MallocTrap trap;
    call();
    allocations = trap.count();
  }
  if (allocations > 0) fail(std::to_string(allocations) + " heap allocations in the gateway");
}

void BridgeWorld::on_charger_state(uint8_t connector_id, const charger::ChargerState& state,
                                   Instant now) {
  charger::ChargerState told = state;
  if (options_.mutant == Mutant::kSilenceIsUnplug && state.health == charger::Health::kLost)
    told.plug = charger::Plug::kUnplugged;
  bystanders_[connector_id].state = told;
  bystanders_[connector_id].has_state = true;
  gateway_->policy.on_charger_state(connector_id, told, now);
}

void BridgeWorld::on_meter_sample(uint8_t connector_id, const charger::MeterSample& sample,
                                  Instant now) {
  bystanders_[connector_id].heard_wh = wallbox(connector_id).true_vah;
  gateway_->policy.on_meter_sample(connector_id, sample, now);
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
  if (!gateway.bridge.add_bus(line_).ok()) fail("the bus cannot be used");
  for (uint8_t id = 1; id <= script_.connectors; ++id) {
    bridge::ConnectorConfig config;
    config.connector_id = id;
    config.profile = "heidelberg-energy-control";
    config.unit_id = id;
    config.failsafe_ma = script_.failsafe_ma;
    config.watchdog_ms = script_.watchdog_ms;
    config.timings.status_poll_ms = script_.status_poll_ms;
    config.timings.meter_poll_ms = script_.meter_poll_ms;
    if (gateway.bridge.add_connector(config) != common::Status::kOk)
      fail(gateway.bridge.error_text());
    Bystander& seen = bystanders_[id];
    seen.has_state = false;
    seen.state = charger::ChargerState();
    seen.offer = charger::Offer();
    disturb(id);
  }
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

// ---------------------------------------------------------------------------------------------------- what happens

bool BridgeWorld::is_faulty(uint8_t id) const {
  return std::any_of(timers_.begin(), timers_.end(), [id](const Timer& timer) {
    return (timer.kind == EventKind::kSilence || timer.kind == EventKind::kBusFault ||
            timer.kind == EventKind::kChargerReboot) &&
           timer.connector == id;
  });
}

void BridgeWorld::disturb(uint8_t id) {
  Bystander& seen = bystanders_[id];
  seen.calm_since_ms = now_ms();
  seen.over_since_ms = seen.excess_since_ms = seen.wrong_limit_since_ms = -1;
}

void BridgeWorld::happen(const Event& event) {
  note("!", describe(event));
  const uint8_t id = event.connector;
  switch (event.kind) {
    case EventKind::kPlug:
      wallbox(id).plug();
      wallbox(id).ev_max_ma = static_cast<int32_t>(event.a);
      wallbox(id).ev_phases = static_cast<uint8_t>(event.b);
      bystanders_[id].plugged_since_ms = now_ms();
      bystanders_[id].unplugged_since_ms = -1;
      bystanders_[id].wanted_wh =
          event.c == 0 ? 0 : wallbox(id).true_vah + static_cast<double>(event.c);
      break;
    case EventKind::kUnplug:
      wallbox(id).unplug();
      if (bystanders_[id].unplugged_since_ms < 0) bystanders_[id].unplugged_since_ms = now_ms();
      bystanders_[id].plugged_since_ms = -1;
      break;
    case EventKind::kTag:
      if (is_on()) {
        watched(
            [&] { gateway_->policy.on_id_tag(id, charger::IdTag(kTags[event.a]), gateway_now()); });
      }
      break;
    case EventKind::kEvWants:
      wallbox(id).ev_wants = event.a != 0;
      break;
    case EventKind::kEvPhases:
      wallbox(id).ev_phases = static_cast<uint8_t>(event.a);
      break;
    case EventKind::kDisconnect:
      set_link(false);
      link_up_at_ms_ = std::max(link_up_at_ms_, now_ms() + event.a);
      break;
    case EventKind::kPowerCut:
      if (is_on()) die(event.a, "power cut");
      break;
    case EventKind::kNoise: {
      std::vector<uint8_t> bytes;
      for (int64_t i = 0; i < event.a; ++i)
        bytes.push_back(static_cast<uint8_t>(noise_.below(256)));
      line_.inject(bytes);
      for (uint8_t every = 1; every <= script_.connectors; ++every) disturb(every);
      break;
    }
    case EventKind::kMeterValue: {
      Bystander& seen = bystanders_[id];
      // What flowed since the last reading is lost with the old counter.
      seen.tolerance_wh += wallbox(id).true_vah - seen.heard_wh + 1;
      wallbox(id).energy_total_vah = static_cast<double>(event.a);
      break;
    }
    case EventKind::kLimit:
      if (!is_link_up_) break;
      (void)csms_.call(
          "SetChargingProfile",
          R"({"connectorId":)" + std::to_string(id) +
              R"(,"csChargingProfiles":{"chargingProfileId":)" + std::to_string(id) +
              R"(,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":)"
              R"("Absolute","chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":)"
              R"([{"startPeriod":0,"limit":)" +
              std::to_string(event.a / 1000) + "." + std::to_string(event.a / 100 % 10) + "}]}}}",
          clock_.now());
      break;
    default:
      begin_fault(event);
      break;
  }
}

void BridgeWorld::begin_fault(const Event& event) {
  const uint8_t id = event.connector;
  modbus_line::Faults& faults = line_.faults(id);
  timers_.push_back(Timer{now_ms() + event.a, event.kind, id});
  const bool is_on_bus = event.kind != EventKind::kDisobey && event.kind != EventKind::kRefuseLimit;
  if (is_on_bus) disturb(id);
  switch (event.kind) {
    case EventKind::kSilence:
      faults.is_silent = true;
      break;
    case EventKind::kBusFault:
      switch (static_cast<BusFault>(event.b)) {
        case BusFault::kCrc:
          faults.is_crc_wrong = true;
          break;
        case BusFault::kTruncated:
          faults.is_truncated = true;
          break;
        case BusFault::kGarbage:
          faults.garbage_before = faults.garbage_after = static_cast<uint8_t>(event.c);
          break;
        case BusFault::kException:
          faults.exception = static_cast<uint8_t>(event.c);
          break;
        case BusFault::kSlow:
          faults.latency_ms = event.c;
          break;
        case BusFault::kLoses:
          faults.fail_next = static_cast<uint32_t>(event.c);
          break;
      }
      break;
    case EventKind::kChargerReboot:
      box(id).reboot(clock_.now(), event.a, event.b);
      timers_.back().at_ms += event.b;
      break;
    case EventKind::kDisobey:
      wallbox(id).is_disobedient = true;
      if (event.b != 0) wallbox(id).ev_max_ma = static_cast<int32_t>(event.b);
      break;
    case EventKind::kRefuseLimit:
      wallbox(id).refuses_limit = event.b == 0;
      wallbox(id).ignores_limit = event.b != 0;
      break;
    default:
      break;
  }
}

void BridgeWorld::end_fault(EventKind kind, uint8_t id) {
  if (kind != EventKind::kDisobey && kind != EventKind::kRefuseLimit) disturb(id);
  switch (kind) {
    case EventKind::kSilence:
      line_.faults(id).is_silent = false;
      break;
    case EventKind::kBusFault:
      line_.faults(id) = modbus_line::Faults();
      line_.faults(id).is_silent =
          std::any_of(timers_.begin(), timers_.end(), [&](const Timer& timer) {
            return timer.kind == EventKind::kSilence && timer.connector == id;
          });
      break;
    case EventKind::kDisobey:
      wallbox(id).is_disobedient = false;
      bystanders_[id].obedient_since_ms = now_ms();
      break;
    case EventKind::kRefuseLimit:
      wallbox(id).refuses_limit = wallbox(id).ignores_limit = false;
      bystanders_[id].obedient_since_ms = now_ms();
      break;
    default:
      break;
  }
}

void BridgeWorld::run_timers() {
  for (size_t i = 0; i < timers_.size();) {
    const Timer timer = timers_[i];
    if (timer.at_ms > now_ms()) {
      ++i;
      continue;
    }
    timers_.erase(timers_.begin() + static_cast<std::ptrdiff_t>(i));
    // One of the same kind may go on.
    const bool goes_on = std::any_of(timers_.begin(), timers_.end(), [&](const Timer& other) {
      return other.kind == timer.kind && other.connector == timer.connector;
    });
    if (!goes_on) end_fault(timer.kind, timer.connector);
  }
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
  if (line_.seen().size() > 1000) line_.forget();
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
  for (uint8_t id = 1; id <= script_.connectors; ++id) {
    wallbox(id).advance(clock_.now());
    const double wanted_wh = bystanders_[id].wanted_wh;
    if (wanted_wh > 0 && wallbox(id).true_vah >= wanted_wh) wallbox(id).ev_wants = false;
  }
  if (!is_on() && now_ms() >= boot_at_ms_) boot();
  if (is_on() && !is_link_up_ && now_ms() >= link_up_at_ms_) set_link(true);
  if (is_on()) run_gateway();
  look();
}

int64_t BridgeWorld::next_ms() {
  int64_t next = now_ms() + 1000;  // wallboxes and cars go on by themselves
  const auto consider = [&next](Instant at) {
    if (!at.is_never()) next = std::min(next, at.ms);
  };
  if (next_event_ < script_.events.size()) consider(Instant{script_.events[next_event_].at_ms});
  for (const Timer& timer : timers_) consider(Instant{timer.at_ms});
  if (!is_on()) {
    consider(Instant{boot_at_ms_});
    return next;
  }
  if (!deadline_.is_never()) consider(deadline_ + base_ms_);
  consider(line_.quiet_at() > line_.next_event() ? line_.quiet_at() : line_.next_event());
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
