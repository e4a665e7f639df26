#include "simulation/world.hpp"

#include "platform_sim/malloc_trap.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace simulation {
namespace {

using common::Instant;
using platform_sim::SimWebSocketLink;

platform_sim::SimCharger::Wallbox wallbox(const Script& script) {
  platform_sim::SimCharger::Wallbox wallbox;
  wallbox.capabilities.phases = script.phases;
  wallbox.capabilities.max_ma = script.max_ma;
  wallbox.capabilities.can_switch_phases = script.can_switch_phases;
  wallbox.sample_interval_ms = script.reading_ms;
  // A register that stands still need not be read often.
  wallbox.idle_sample_interval_ms = std::max<int64_t>(script.reading_ms, 3600000);
  wallbox.has_session_marker = script.has_session_marker;
  wallbox.initial_energy_wh = 1000;
  return wallbox;
}

}  // namespace

World::World(const Script& script, const RunOptions& options)
    : script_(script),
      options_(options),
      flash_(power_, script.seed),
      settings_(power_),
      entropy_(script.seed ^ 0x5EEDU),
      charger_(clock_, script.connectors, wallbox(script)),
      files_(flash_, options.mutant),
      charger_port_(charger_, power_, options.mutant),
      image_files_(power_, script.seed),
      boot_state_(power_),
      auditor_(script.flash_bytes < 256 * 1024),
      is_flash_tight_(script.flash_bytes < 256 * 1024) {
  flash_.set_torn(static_cast<platform_sim::SimFileStore::Torn>(script.torn));
  flash_.set_capacity(script.flash_bytes);
  charger_.set_observer(*this);
  csms_.interval_s = static_cast<int32_t>(script.heartbeat_s);
  for (size_t tag = kStolenTag; tag < kTagCount; ++tag)
    csms_.id_tags[kTags[tag]] = tag == kStolenTag ? "Invalid" : "Blocked";
  csms_.parents[kTags[0]] = csms_.parents[kTags[1]] = "FAMILY";
  csms_.message_timeout_ms = 0;  // the auditor knows better
  csms_.keeps_calls = false;
  for (int number = 0; number < FirmwareImage::kCount; ++number) {
    if (number != FirmwareImage::kMissing)
      file_server_.files[FirmwareImage::url(number)] = FirmwareImage::content(number);
  }
  outcome_.hash = 0xCBF29CE484222325U;
  if (options.trace_lines > 0)
    log_.write_line = [this](const std::string& line) { note("  ", line); };
}

void World::note(const char* mark, const std::string& text) {
  if (options_.trace_lines == 0) return;
  outcome_.trace.push_back(format_time(now_ms()) + " " + mark + " " + text);
  if (outcome_.trace.size() / 2 > options_.trace_lines) {
    outcome_.trace.erase(outcome_.trace.begin(),
                         outcome_.trace.end() - static_cast<std::ptrdiff_t>(options_.trace_lines));
  }
}

void World::record_frame(char direction, const std::string& frame) {
  ++outcome_.frames;
  // FNV-1a over words instead of bytes.
  const auto mix = [this](uint64_t word) {
    outcome_.hash = (outcome_.hash ^ word) * 0x100000001B3U;
    outcome_.hash ^= outcome_.hash >> 32U;
  };
  mix(static_cast<uint64_t>(now_ms()));
  mix(static_cast<uint64_t>(direction));
  for (size_t at = 0; at < frame.size(); at += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, frame.data() + at, std::min(sizeof word, frame.size() - at));
    mix(word);
  }
  if (options_.trace_lines == 0) return;
  // Heartbeats would fill a short trace.
  const bool is_dull =
      options_.trace_lines < kFullTrace && (frame.find("\"Heartbeat\",{}") != std::string::npos ||
                                            frame.find(",{\"currentTime\"") != std::string::npos);
  if (!is_dull) note(direction == '>' ? ">" : "<", frame);
}

void World::on_charger_state(uint8_t connector_id, const charger::ChargerState& state,
                             Instant now) {
  if (is_on()) watched([&] { charge_point_->on_charger_state(connector_id, state, now); });
}

void World::on_meter_sample(uint8_t connector_id, const charger::MeterSample& sample, Instant now) {
  if (!is_on()) return;
  Bystander& seen = bystanders_[connector_id];
  seen.heard_wh = sample.energy_import_wh;
  // The very first reading may come before the engine knows whose it is.
  if (sample.current_ma[0] > 0 && now_ms() - seen.loud_since_ms > 1000)
    seen.are_phases_heard = true;
  watched([&] { charge_point_->on_meter_sample(connector_id, sample, now); });
}

// ------------------------------------------------------------------------------------------- power and boot

void World::boot() {
  base_ms_ += clock_.now().ms;
  clock_.restart(script_.has_battery_clock && !is_first_boot_);
  if (boot_clock_jump_ms_ != 0 && clock_.utc().is_known()) {
    csms_.checks_time_order = false;
    auditor_.on_clock_set_back();
    clock_.jump_utc_to(clock_.utc() + boot_clock_jump_ms_);
    is_clock_wrong_ = true;
    boot_clock_jump_ms_ = 0;
  }
  charger_.on_gateway_restart(0);
  charger_port_.on_boot();
  for (Bystander& seen : bystanders_) {
    seen.heard_wh = seen.start_wh;
    seen.vend_since_ms = -1;
    seen.are_phases_heard = false;
  }
  if (options_.mutant == Mutant::kSkipCrc) make_checksums_match(flash_.raw("transactions.log"));
  power_.restore();
  if (options_.mutant == Mutant::kForgetSetting) (void)settings_.erase_all();
  if (options_.mutant == Mutant::kForgetReservation) {
    for (size_t i = 1; i <= limits::kMaxConnectors; ++i)
      (void)settings_.erase(("reserve" + std::to_string(i)).c_str());
  }
  if (cut_in_boot_ >= 0) {
    power_.cut_after_bytes(power_.bytes_written() + static_cast<uint64_t>(cut_in_boot_));
    cut_in_boot_ = -1;
  }
  note("!", "the gateway starts");
  ++outcome_.boots;
  transfer_ = std::make_unique<platform_sim::SimFileTransfer>(clock_, file_server_);
  firmware_ = std::make_unique<platform::SimulatedFirmware>(image_files_, boot_state_, log_,
                                                            "0.1.0", uint32_t{256 * 1024});
  (void)firmware_->begin();
  charge_point_ = std::make_unique<ocpp::ChargePoint>(
      ocpp::Ports{files_, settings_, entropy_, charger_port_, log_, transfer_.get(),
                  firmware_.get(), &diagnostics_});
  ocpp::Options options;
  options.identity.vendor = common::FixedString<20>("VEV");
  options.identity.model = common::FixedString<20>("Gateway");
  options.identity.serial_number = common::FixedString<25>("0001");
  options.identity.firmware_version = firmware_->version();
  options.connectors = script_.connectors;
  options.reset_cause = cause_;
  const common::Status begun = charge_point_->begin(options, clock_.now(), clock_.utc());
  auditor_.on_boot();
  if (power_.is_on()) note_stops_at_boot();
  reservations_.on_boot(now_ms());
  deadline_ = clock_.now();
  if (!power_.is_on()) {
    die(off_ms_, "power cut during the start-up");
    return;
  }
  if (begun != common::Status::kOk)
    fail(std::string("the start-up failed: ") + common::to_string(begun));
  link_ = std::make_unique<SimWebSocketLink>(clock_, script_.seed + outcome_.boots);
  link_->set_script([this](SimWebSocketLink::Direction direction, uint64_t, const std::string&) {
    const auto index = static_cast<size_t>(direction);
    if (drop_[index] > 0) {
      --drop_[index];
      note("!", direction == SimWebSocketLink::Direction::kToServer
                    ? "(frame to the CSMS dropped)"
                    : "(frame from the CSMS dropped)");
      return SimWebSocketLink::Fate::kDrop;
    }
    if (duplicate_[index] > 0) {
      --duplicate_[index];
      return SimWebSocketLink::Fate::kDuplicate;
    }
    return SimWebSocketLink::Fate::kDeliver;
  });
  link_->keep_log(false);
  set_latency(20, 0);
  connection_id_ = 0;
  platform::LinkSettings settings;
  settings.url = common::FixedString<255>("ws://csms.example/ocpp");
  settings.identity = common::FixedString<48>("CP1");
  (void)link_->open(settings);
  if (timers_[kServerTimer] != 0) link_->set_server_up(false);
  if (is_first_boot_) {
    is_first_boot_ = false;
    const auto set = [this](const char* key, const std::string& value) {
      if (charge_point_->set_configuration(common::text(key),
                                           common::TextSpan(value.data(), value.size()),
                                           clock_.now()) != ocpp::ConfigurationStatus::Accepted)
        fail(std::string("the initial value of ") + key + " was refused");
      expected_[key].value = value;
    };
    set("MeterValueSampleInterval", std::to_string(script_.sample_s));
    set("AllowOfflineTxForUnknownId", script_.is_offline_allowed ? "true" : "false");
    was_offline_allowed_ = script_.is_offline_allowed;
  } else {
    check_settings();
    check_list("after the restart");
    check_files();
  }
}

void World::die(int64_t off_ms, const char* cause) {
  note("!", cause);
  ++outcome_.power_cuts;
  power_.cut();
  reservations_.expire(charge_point_->utc(clock_.now()).ms, now_ms());
  note_stops_at_death();
  std::array<ocpp::ChargePointStatus, limits::kMaxConnectors + 1> statuses{};
  for (uint8_t id = 1; id <= script_.connectors; ++id) statuses[id] = charge_point_->status(id);
  charge_point_.reset();
  auditor_.on_power_lost(now_ms());
  reservations_.on_power_lost(now_ms());
  for (uint8_t id = 1; id <= script_.connectors; ++id) {
    // What the engine did in its last step may be on flash: a reservation was used, or ended with its connector.
    const ocpp::ChargePointStatus last = statuses[id];
    if (bystanders_[id].status == ocpp::ChargePointStatus::Preparing ||
        last == ocpp::ChargePointStatus::Faulted || last == ocpp::ChargePointStatus::Unavailable)
      reservations_.doubt_on(id);
  }
  on_connection_lost();
  link_.reset();
  under_way_.clear();
  cause_ = platform::ResetCause::kPowerOn;
  boot_at_ms_ = now_ms() + off_ms;
  // Profiles are written with a delay, to spare the flash.
  if (now_ms() - limits_changed_ms_ < 65000) are_limits_sure_ = false;
}

// --------------------------------------------------------------------------------------------- link and CSMS

void World::set_latency(int64_t latency_ms, int64_t jitter_ms) {
  if (link_ == nullptr) return;
  SimWebSocketLink::Behaviour behaviour;
  behaviour.latency_ms = latency_ms;
  behaviour.jitter_ms = jitter_ms;
  behaviour.reconnect_ms = 15000;
  link_->set_behaviour(behaviour);
}

void World::notice_link() {
  const platform::LinkStatus& status = link_->status();
  if (is_link_up_ && (!status.is_up || status.connection_id != connection_id_)) {
    note("!", "connection down");
    auditor_.on_connection_lost(now_ms());
    on_connection_lost();
    watched([&] { charge_point_->on_link(false, clock_.now()); });
  }
  if (!is_link_up_ && status.is_up) {
    note("!", "connection up");
    is_link_up_ = true;
    connection_id_ = status.connection_id;
    csms_.on_connection(true);
    watched([&] { charge_point_->on_link(true, clock_.now()); });
  }
}

void World::carry_frames() {
  for (size_t i = 0; i < late_.size();) {
    if (late_[i].at_ms > now_ms()) {
      ++i;
      continue;
    }
    note("!", "the CSMS handles a frame of an old connection: " + late_[i].frame);
    csms_.on_late_frame(late_[i].frame, world_now());
    late_.erase(late_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  if (link_ != nullptr) {
    std::string frame;
    while (link_->server_receive(frame)) {
      const auto sent = std::find(under_way_.begin(), under_way_.end(), frame);
      if (sent == under_way_.end()) {
        csms_.on_late_frame(frame, world_now());  // the link brought it twice
        continue;
      }
      under_way_.erase(under_way_.begin(), sent + 1);
      // A CALL that came twice is answered twice, garbage with an id of its own kind; the auditor counts.
      Frame parts;
      if (!split(frame, parts) || (parts.type != '2' && csms_.answers.count(parts.id) != 0))
        continue;
      csms_.on_frame(frame, world_now());
    }
    while (link_->is_connected() && csms_.take_due(world_now(), frame)) {
      (void)link_->server_send(frame);
    }
  }
  if (!csms_.violations.empty()) fail(csms_.violations.front());
}

// ---------------------------------------------------------------------------------------------------- engine

void World::run_engine() {
  const Instant now = clock_.now();
  notice_link();
  bool was_fed = false;
  char buffer[limits::kMaxFrameBytes];
  while (is_link_up_ && charge_point_->can_receive()) {
    const auto received = link_->receive(common::Span<char>(buffer));
    if (!received.ok()) break;
    const std::string frame(buffer, received.value().size);
    record_frame('<', frame);
    int64_t attempts = 0;
    if (auditor_.is_queue_message_open() && frame.size() > 1 && frame[1] != '2') {
      ocpp::ConfigurationEntry entry;
      (void)charge_point_->get_configuration(common::text("TransactionMessageAttempts"), entry);
      attempts = std::strtoll(entry.value.c_str(), nullptr, 10);
    }
    if (options_.mutant == Mutant::kStopTwice && auditor_.has_open_call() &&
        auditor_.open_call().action == "StopTransaction" && frame[1] == '3') {
      stop_twice_ = "[2,\"again-" + auditor_.open_call().id.substr(0, 30) +
                    "\",\"StopTransaction\"," + auditor_.open_call().payload + "]";
    }
    auditor_.on_frame_in(frame, attempts,
                         charge_point_->registration() != ocpp::RegistrationState::kRejected,
                         now_ms());
    watched([&] {
      const std::string copy = options_.mutant == Mutant::kAllocate ? frame + " " : std::string();
      const char* text = copy.empty() ? buffer : copy.c_str();
      charge_point_->receive(common::TextSpan(text, frame.size()), received.value().truncated, now);
    });
    was_fed = true;
    if (!power_.is_on()) return;
  }
  if (options_.mutant == Mutant::kTimeoutIsAttempt && auditor_.is_queue_message_open() &&
      now_ms() == auditor_.open_call_times_out_ms()) {
    const std::string frame =
        "[4,\"" + auditor_.open_call().id + "\",\"GenericError\",\"timeout\",{}]";
    charge_point_->receive(common::TextSpan(frame.data(), frame.size()), false, now);
  }
  if (deadline_ <= now || was_fed) ++outcome_.steps;
  watched([&] { deadline_ = charge_point_->step(now); });
  if (!power_.is_on()) return;
  bool was_sent = false;
  for (;;) {
    const common::TextSpan out = charge_point_->next_to_send();
    if (!is_link_up_ || out.empty()) break;
    std::string frame(out.data(), out.size());
    if (options_.mutant == Mutant::kStopTooLow) lower_meter_stop(frame);
    const bool is_answer = frame.size() > 1 && frame[1] != '2';
    if (options_.mutant == Mutant::kForgetAnswer && is_answer && entropy_.chance(100)) {
      watched([&] { charge_point_->on_sent(now); });
      continue;
    }
    if (link_->send(common::TextSpan(frame.data(), frame.size())) != common::Status::kOk) break;
    under_way_.push_back(frame);
    record_frame('>', frame);
    int64_t timeout_ms = 0;
    if (!is_answer) {
      ocpp::ConfigurationEntry entry;
      (void)charge_point_->get_configuration(common::text("MessageTimeout"), entry);
      timeout_ms = std::strtoll(entry.value.c_str(), nullptr, 10) * 1000;
    }
    auditor_.on_frame_out(frame, timeout_ms, now_ms());
    if (is_answer) {
      on_answer_out(frame);
    } else {
      on_file_status(frame);
    }
    watched([&] { charge_point_->on_sent(now); });
    was_sent = true;
  }
  if (!stop_twice_.empty() && is_link_up_ && !auditor_.has_open_call() &&
      link_->send(common::TextSpan(stop_twice_.data(), stop_twice_.size())) ==
          common::Status::kOk) {
    under_way_.push_back(stop_twice_);
    record_frame('>', stop_twice_);
    auditor_.on_frame_out(stop_twice_, 30000, now_ms());
    stop_twice_.clear();
  }
  if (options_.mutant == Mutant::kTwoCalls && is_link_up_ && auditor_.is_queue_message_open() &&
      entropy_.chance(20)) {
    const std::string frame =
        "[2,\"second-" + std::to_string(outcome_.frames) + "\",\"Heartbeat\",{}]";
    if (link_->send(common::TextSpan(frame.data(), frame.size())) == common::Status::kOk) {
      under_way_.push_back(frame);
      record_frame('>', frame);
      auditor_.on_frame_out(frame, 30000, now_ms());
    }
  }
  // Handing frames over is an input like any other: step() is due again.
  is_busy_instant_ = was_fed || was_sent;
  take_events();
}

void World::take_events() {
  ocpp::Event event;
  while (is_on() && charge_point_->take_event(event)) {
    switch (event.type) {
      case ocpp::EventType::kTransactionStarted:
        on_transaction_started(event);
        break;
      case ocpp::EventType::kClockSet:
      case ocpp::EventType::kFirmwareStatusChanged:
      case ocpp::EventType::kDiagnosticsStatusChanged:
        clock_.set_utc(event.utc);
        is_clock_wrong_ = false;
        break;
      case ocpp::EventType::kResetRequested:
        link_->close(1001);
        die(2000, "reset on request of the CSMS");
        cause_ = platform::ResetCause::kSoftware;
        return;
      default:
        break;
    }
  }
}

}  // namespace simulation
