#include "bridge/keba_driver.hpp"

#include "bridge/flat_json.hpp"

#include <cinttypes>
#include <cstdio>
#include <initializer_list>

namespace bridge {

LOG_MODULE("bridge.keba");

using charger::Error;
using common::Instant;
using common::Status;
using common::TextSpan;
using flat_json::member;
using flat_json::number;

namespace {

bool starts_with(TextSpan text, const char* prefix) {
  const TextSpan wanted = common::text(prefix);
  return text.size() >= wanted.size() && common::equals(text.first(wanted.size()), wanted);
}

/// "KC-P30-EC2404B2-E0R": the second letter of the third part is C with a fixed cable, S with a socket.
bool has_cable(TextSpan product) {
  int dashes = 0;
  for (size_t i = 0; i + 2 < product.size(); ++i) {
    dashes += product[i] == '-' ? 1 : 0;
    if (dashes == 2) return product[i + 2] == 'C';
  }
  return false;
}

// "State" of report 2.
constexpr int32_t kStarting = 0;
constexpr int32_t kNotReady = 1;
constexpr int32_t kReady = 2;
constexpr int32_t kCharging = 3;
constexpr int32_t kError = 4;
constexpr int32_t kInterrupted = 5;
/// "Plug": from here on the EV's end is plugged, too.
constexpr int32_t kPluggedAtEv = 5;

}  // namespace

Status KebaDriver::configure(const ConnectorConfig& config, platform::UdpLink& udp,
                             const char* host, charger::IdReaderObserver* tags,
                             const Ports& ports) {
  udp_ = &udp;
  tags_ = tags;
  const TextSpan whole = common::text(host);
  size_t colon = 0;
  while (colon < whole.size() && whole[colon] != ':') ++colon;
  if (host_.assign(whole.first(colon)) != Status::kOk || host_.empty())
    return Status::kInvalidArgument;
  uint32_t port = 0;
  for (const char c : whole.subspan(colon + 1)) {
    if (c < '0' || c > '9' || port > UINT16_MAX) return Status::kInvalidArgument;
    port = port * 10 + static_cast<uint32_t>(c - '0');
  }
  if (colon < whole.size() && (port == 0 || port > UINT16_MAX)) return Status::kInvalidArgument;
  if (port != 0) port_ = static_cast<uint16_t>(port);
  Model model;
  model.name = kName;
  model.max_ma = kMaxMa;
  model.step_ma = 100;
  model.has_lock = true;
  model.meter_fields = charger::kMeterEnergyImport | charger::kMeterPower | charger::kMeterCurrent |
                       charger::kMeterVoltage;
  model.energy.max_power_w = 63 * 3 * 240;
  configure_direct(config, model, ports);
  return Status::kOk;
}

void KebaDriver::start(Instant now) {
  not_before_ = control_at_ = resolve_at_ = now;
  next_status_ = next_meter_ = next_session_ = next_failsafe_ = now;
  start_init();
}

void KebaDriver::start_init() {
  init_ = Init::kProduct;
  init_tries_ = 0;
  must_write_current_ = must_write_enable_ = true;
  uptime_s_ = -1;
}

void KebaDriver::on_silence(Instant now) {
  start_init();
  // It may have come back under another address.
  address_ = platform::UdpAddress();
  resolve_at_ = now;
}

void KebaDriver::on_target(Instant now) {
  failures_ = 0;
  control_at_ = now;
  // Also what it claims to hold: somebody may have seen current that should not flow.
  must_write_current_ = true;
  must_write_enable_ = target_ma() == 0 || enable_user_ != 1;
}

Status KebaDriver::unlock(Instant now) {
  if (!model().has_lock) return Status::kUnsupported;
  is_unlock_wanted_ = true;
  unlock_until_ = now + kUnlockMs;
  return Status::kOk;
}

const char* KebaDriver::phase_name() const {
  if (init_ == Init::kDone) return "running";
  return init_ == Init::kProduct ? "probing" : "initialising";
}

Instant KebaDriver::run(Instant now) {
  if (address_.port == 0) {
    const Instant again = find_address(now);
    if (address_.port == 0) return again;
  }
  if (is_unlock_wanted_ && now >= unlock_until_) is_unlock_wanted_ = false;
  if (pending_ != Ask::kNone) {
    if (now - sent_at_ < kAnswerMs) return sent_at_ + kAnswerMs;
    ++timeouts_;
    pending_ = Ask::kNone;
    skip_unknown_report();
  }
  if (now < not_before_) return not_before_;
  const Ask ask = choose(now);
  if (ask != Ask::kNone) {
    send(ask, now);
    return sent_at_ + kAnswerMs;
  }
  Instant next = common::earlier(next_status_, next_meter_);
  next = common::earlier(next, next_failsafe_);
  if (tags_ != nullptr) next = common::earlier(next, next_session_);
  return control_at_ > now ? common::earlier(next, control_at_) : next;
}

/// A P20 does not know every report: the start goes on without it.
void KebaDriver::skip_unknown_report() {
  const bool is_optional =
      init_ == Init::kMeter || init_ == Init::kSession || init_ == Init::kFailsafe;
  if (!is_optional || ++init_tries_ < kTries) return;
  init_tries_ = 0;
  init_ = init_ == Init::kMeter     ? Init::kSession
          : init_ == Init::kSession ? Init::kFailsafe
                                    : Init::kDone;
}

Instant KebaDriver::find_address(Instant now) {
  constexpr int64_t kPollMs = 50;
  if (now < resolve_at_) return resolve_at_;
  const common::Result<platform::UdpAddress> found = udp_->resolve(host_.c_str(), port_);
  if (found.ok()) {
    address_ = found.value();
  } else if (found.status() == Status::kAgain) {
    return now + kPollMs;
  } else {
    LOG_WARN(*ports().log, "connector %u: %s cannot be found: %s", connector_id(), host_.c_str(),
             to_string(found.status()));
    resolve_at_ = now + kResolveMs;
  }
  return resolve_at_;
}

// --- questions

KebaDriver::Ask KebaDriver::choose(Instant now) const {
  // A charger that comes up enabled must not wait for the rest of the questions.
  const bool is_state_known = init_ != Init::kProduct && init_ != Init::kStatus;
  const Ask control = is_state_known ? choose_control(now) : Ask::kNone;
  if (control != Ask::kNone) return control;
  switch (init_) {
    case Init::kProduct:
      return Ask::kProduct;
    case Init::kStatus:
      return Ask::kStatus;
    case Init::kMeter:
      return Ask::kMeter;
    case Init::kSession:
      return Ask::kSession;
    case Init::kFailsafe:
      return Ask::kFailsafe;
    case Init::kDone:
      break;
  }
  if (next_status_ <= now) return Ask::kStatus;
  if (next_failsafe_ <= now) return Ask::kFailsafe;
  if (next_meter_ <= now || is_sample_wanted(now)) return Ask::kMeter;
  if (tags_ != nullptr && next_session_ <= now) return Ask::kSession;
  return Ask::kNone;
}

/// A stop at once; else the current first, then the permission.
KebaDriver::Ask KebaDriver::choose_control(Instant now) const {
  if (!has_offer() || now < control_at_) return Ask::kNone;
  if (target_ma() == 0) {
    if (must_write_enable_ || enable_user_ != 0) return Ask::kDisable;
  } else {
    if (must_write_current_ || current_user_ma_ != static_cast<int32_t>(target_ma()))
      return Ask::kCurrent;
    if (must_write_enable_ || enable_user_ != 1) return Ask::kEnable;
    if (authorise_ == 1) return Ask::kAuthorise;
    // A failsafe that tripped takes the system's permission, not the user's.
    if (enable_system_ == 0) return Ask::kEnable;
    if (has_tripped_) return Ask::kCurrent;
  }
  return is_unlock_wanted_ && state_ != kCharging ? Ask::kUnlock : Ask::kNone;
}

uint32_t KebaDriver::failsafe_s() const {
  return (config().watchdog_ms == 0 ? kFailsafeMs : config().watchdog_ms) / 1000;
}

void KebaDriver::send(Ask ask, Instant now) {
  char words[48] = "";
  switch (ask) {
    case Ask::kNone:
      return;
    case Ask::kProduct:
      std::snprintf(words, sizeof words, "report 1");
      break;
    case Ask::kStatus:
      std::snprintf(words, sizeof words, "report 2");
      next_status_ = now + config().timings.status_poll_ms;
      break;
    case Ask::kMeter:
      std::snprintf(words, sizeof words, "report 3");
      next_meter_ = now + config().timings.meter_poll_ms;
      break;
    case Ask::kSession:
      std::snprintf(words, sizeof words, "report 100");
      next_session_ = now + 2 * int64_t{config().timings.status_poll_ms};
      break;
    case Ask::kFailsafe:
      std::snprintf(words, sizeof words, "failsafe %" PRIu32 " %" PRIu32 " 0", failsafe_s(),
                    config().failsafe_ma);
      next_failsafe_ = now + int64_t{failsafe_s()} * 1000 / 2;
      break;
    case Ask::kCurrent:
      // 1 s: the least delay it knows.
      std::snprintf(words, sizeof words, "currtime %" PRIu32 " 1", target_ma());
      break;
    case Ask::kEnable:
      std::snprintf(words, sizeof words, "ena 1");
      break;
    case Ask::kDisable:
      std::snprintf(words, sizeof words, "ena 0");
      break;
    case Ask::kAuthorise:
      std::snprintf(words, sizeof words, "start %s",
                    tag_.empty() ? "5645560000000000" : tag_.c_str());
      break;
    case Ask::kUnlock:
      std::snprintf(words, sizeof words, "unlock");
      break;
  }
  const TextSpan text = common::text(words);
  // What cannot be sent is not answered: the time-out tries again.
  (void)udp_->send_to(address_, common::as_bytes(text));
  pending_ = ask;
  sent_at_ = now;
  not_before_ = now + (ask == Ask::kDisable ? kAfterDisableMs : kGapMs);
}

// --- answers

void KebaDriver::on_datagram(const platform::UdpAddress& from, TextSpan text, Instant now) {
  if (address_.port == 0 || from != address_) return;
  if (starts_with(text, "TCH-OK") || starts_with(text, "TCH-ERR")) {
    on_command_answer(starts_with(text, "TCH-OK"), now);
    return;
  }
  int32_t id = 0;
  if (number(text, "ID", id)) {
    on_report(id, text, now);
  } else if (!text.empty() && text[0] == '{') {
    // Told by itself: some members of report 2, one at a time.
    on_status(text, now);
  }
}

void KebaDriver::on_command_answer(bool is_ok, Instant now) {
  const Ask ask = pending_;
  switch (ask) {
    case Ask::kNone:
    case Ask::kProduct:
    case Ask::kStatus:
    case Ask::kMeter:
    case Ask::kSession:
      return;  // late, the question was given up
    case Ask::kFailsafe:
      if (init_ == Init::kFailsafe) init_ = Init::kDone;
      if (!is_ok)
        LOG_WARN(*ports().log, "connector %u: the charger refuses its failsafe", connector_id());
      break;
    case Ask::kUnlock:
      is_unlock_wanted_ = false;
      if (!is_ok) LOG_WARN(*ports().log, "connector %u: the plug is not unlocked", connector_id());
      break;
    case Ask::kCurrent:
    case Ask::kEnable:
    case Ask::kDisable:
    case Ask::kAuthorise:
      if (ask == Ask::kCurrent) must_write_current_ = false;
      if (ask == Ask::kEnable || ask == Ask::kDisable) must_write_enable_ = false;
      // currtime and ena take a second: until then report 2 shows what was. Others may follow at once.
      if (ask == Ask::kCurrent && is_ok) {
        current_user_ma_ = static_cast<int32_t>(target_ma());
        if (has_tripped_) must_write_enable_ = true;
        has_tripped_ = false;
      } else {
        control_at_ = now + kObeyMs;
      }
      status_valid_from_ = now + kTakeOverMs;
      count_failure(now);
      break;
  }
  on_answered(now);
}

/// The pause runs from the answer: by then the charger has heard the command, however long that took.
void KebaDriver::on_answered(Instant now) {
  const Instant free_at = now + (pending_ == Ask::kDisable ? kAfterDisableMs : kGapMs);
  if (free_at > not_before_) not_before_ = free_at;
  pending_ = Ask::kNone;
}

/// Each command counts until report 2 shows what was wanted.
void KebaDriver::count_failure(Instant now) {
  if (failures_ < 2 * kTries) {
    ++failures_;
    return;
  }
  set_rejected(true);
  control_at_ = now + config().timings.reject_retry_ms;
}

void KebaDriver::on_report(int32_t id, TextSpan text, Instant now) {
  constexpr int32_t kSessionReport = 100;
  const auto is_asked = [this, now](Ask ask) {
    if (pending_ == ask) on_answered(now);
  };
  switch (id) {
    case 1:
      is_asked(Ask::kProduct);
      if (init_ == Init::kProduct) {
        init_ = Init::kStatus;
        const TextSpan product = member(text, "Product");
        model().has_lock = !has_cable(product);
        LOG_INFO(*ports().log, "connector %u: %.*s", connector_id(),
                 static_cast<int>(product.size()), product.data());
      }
      return;
    case 2:
      is_asked(Ask::kStatus);
      on_status(text, now);
      if (init_ == Init::kStatus && has_read_state()) init_ = Init::kMeter;
      return;
    case 3:
      is_asked(Ask::kMeter);
      on_meter(text, now);
      if (init_ == Init::kMeter) init_ = Init::kSession;
      return;
    case kSessionReport:
      is_asked(Ask::kSession);
      on_session(text, now);
      if (init_ == Init::kSession) init_ = Init::kFailsafe;
      return;
    default:
      return;
  }
}

void KebaDriver::on_status(TextSpan text, Instant now) {
  (void)number(text, "State", state_);
  (void)number(text, "Plug", plug_);
  (void)number(text, "Enable sys", enable_system_);
  (void)number(text, "Authreq", authorise_);
  int32_t first_error = 0;
  int32_t second_error = 0;
  if (number(text, "Error1", first_error) && number(text, "Error2", second_error))
    error_ = first_error != 0 ? first_error : second_error;
  int32_t hardware_ma = 0;
  if (number(text, "Curr HW", hardware_ma) && hardware_ma > 0)
    set_hardware_limits(0, static_cast<uint32_t>(hardware_ma), now);
  if (now >= status_valid_from_) {
    (void)number(text, "Enable user", enable_user_);
    (void)number(text, "Curr user", current_user_ma_);
  }
  int32_t highest_ma = 0;
  int32_t failsafe_ma = 0;
  if (number(text, "Max curr", highest_ma) && number(text, "Curr FS", failsafe_ma)) {
    // It may also have tripped to a current that lets the EV charge on.
    has_tripped_ = enable_system_ == 1 && plug_ >= kPluggedAtEv && highest_ma == failsafe_ma &&
                   highest_ma < current_user_ma_;
  }
  int64_t uptime_s = 0;
  if (number(text, "Sec", uptime_s)) {
    if (uptime_s < uptime_s_) {
      LOG_WARN(*ports().log, "connector %u: the charger has restarted", connector_id());
      count_restart();
      start_init();
      control_at_ = now;
    }
    uptime_s_ = uptime_s;
  }
  if (state_ < 0 || plug_ < 0) return;
  evaluate(now);
}

void KebaDriver::evaluate(Instant now) {
  const bool is_plugged = plug_ >= kPluggedAtEv;
  StateRow row{static_cast<uint16_t>(state_), Pilot::kHold, Error::kNone, 0, ""};
  switch (state_) {
    case kStarting:
      row.flags = kStateBoot;
      break;
    case kNotReady:
    case kInterrupted:
      row.pilot = is_plugged ? Pilot::kB1 : Pilot::kA;
      break;
    case kReady:
      row.pilot = is_plugged ? Pilot::kB2 : Pilot::kA;
      break;
    case kCharging:
      row.pilot = Pilot::kC2;
      break;
    case kError:
    default:
      row.value = static_cast<uint16_t>(error_ != 0 ? error_ : state_);
      row.pilot = Pilot::kX;
      row.error = Error::kOtherError;
      row.info = state_ == kError ? "the charger reports an error" : "unknown state";
      break;
  }
  on_state(row, enable_system_ == 1, now);
  if (enable_user_ >= 0 && current_user_ma_ >= 0 && now >= status_valid_from_)
    on_limit_read(enable_user_ == 1 ? static_cast<uint32_t>(current_user_ma_) : 0);
  const bool is_obeyed = target_ma() == 0
                             ? enable_user_ == 0
                             : enable_user_ == 1 && enable_system_ != 0 && !has_tripped_ &&
                                   current_user_ma_ == static_cast<int32_t>(target_ma());
  if (has_offer() && is_obeyed && now >= status_valid_from_) {
    failures_ = 0;
    set_rejected(false);
  }
}

void KebaDriver::on_meter(TextSpan text, Instant now) {
  constexpr const char* kVoltages[] = {"U1", "U2", "U3"};
  constexpr const char* kCurrents[] = {"I1", "I2", "I3"};
  charger::MeterSample& sample = reading();
  sample.valid = 0;
  int32_t volts[3] = {};
  int32_t milliamps[3] = {};
  bool has_volts = true;
  bool has_milliamps = true;
  for (size_t i = 0; i < 3; ++i) {
    has_volts = number(text, kVoltages[i], volts[i]) && has_volts;
    has_milliamps = number(text, kCurrents[i], milliamps[i]) && has_milliamps;
    sample.voltage_mv[i] = volts[i] < 1000 ? volts[i] * 1000 : 0;
    sample.current_ma[i] = milliamps[i];
  }
  if (has_volts) sample.valid |= charger::kMeterVoltage;
  if (has_milliamps) sample.valid |= charger::kMeterCurrent;
  int64_t power_mw = 0;
  if (number(text, "P", power_mw) && power_mw >= 0) {
    sample.valid |= charger::kMeterPower;
    sample.power_w = static_cast<int32_t>(power_mw / 1000);
  }
  int64_t tenths_wh = 0;
  if (number(text, "E total", tenths_wh)) on_energy(tenths_wh / 10, now);
  emit_sample(now);
}

/// The report keeps the last session's tag: only a change is a tag that somebody held to the reader.
void KebaDriver::on_session(TextSpan text, Instant now) {
  int32_t session = 0;
  if (!number(text, "Session ID", session)) return;
  const TextSpan shown = member(text, "RFID tag");
  charger::IdTag tag;
  bool is_zero = true;
  for (size_t i = 0; i < shown.size() && i < limits::kIdTagBytes; ++i) {
    const char c =
        shown[i] >= 'a' && shown[i] <= 'z' ? static_cast<char>(shown[i] - 'a' + 'A') : shown[i];
    is_zero = is_zero && c == '0';
    (void)tag.append(TextSpan(&c, 1));
  }
  if (is_zero) tag.clear();
  const bool is_new = has_session_ && !tag.empty() && (session != session_ || tag != tag_);
  has_session_ = true;
  session_ = session;
  tag_ = tag;
  if (is_new && tags_ != nullptr) tags_->on_id_tag(connector_id(), tag, now);
}

void KebaDriver::fill_own(ConnectorDiagnostics& out) const {
  out.watchdog_ms = failsafe_s() * 1000;
  const auto add = [&out](const char* name, int32_t value) {
    (void)out.details.push_back({name, value});
  };
  add("address", static_cast<int32_t>(address_.ipv4));
  add("state", state_);
  add("plug", plug_);
  add("enable_sys", enable_system_);
  add("enable_user", enable_user_);
  add("curr_user_ma", current_user_ma_);
  add("error", error_);
  add("timeouts", static_cast<int32_t>(timeouts_));
}

}  // namespace bridge
