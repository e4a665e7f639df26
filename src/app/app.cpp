#include "app/app.hpp"

#include "app/charger_buses.hpp"
#include "build/version.hpp"
#include "platform/csms_url.hpp"

#include <algorithm>
#include <cstdio>

namespace app {

LOG_MODULE("app");

using common::Instant;
using common::Status;

namespace {

constexpr int64_t kMsPerHour = 3600 * 1000;
/// Less free heap than this at any time is MemoryExhaustion (security whitepaper, 8).
constexpr uint32_t kLowHeapBytes = 8 * 1024;
constexpr int64_t kHeapLookMs = 10'000;  ///< Looking walks through the whole heap.

}  // namespace

App::App(const Platform& platform)
    : platform_(platform),
      settings_(platform.device_settings),
      policy_(engine_, site_, platform.log),
      site_(policy_, bridge_, platform.log),
      security_(settings_, platform.files, platform.ocpp_settings, platform.credentials, access_,
                platform.log),
      engine_(ocpp::Ports{platform.files, platform.ocpp_settings, platform.entropy, policy_,
                          platform.log, platform.transfer, platform.firmware, &diagnostics_,
                          security_.extension()}),
      bridge_(platform.registers, platform.log),
      direct_chargers_(platform_, settings_, bridge_, policy_.chargers()),
      reader_(platform.reader, policy_),
      diagnostics_(gateway::DiagnosticsParts{engine_, settings_, platform.device, platform.clock,
                                             platform.log, platform.files, build::kVersion,
                                             identity_.c_str(), &storage_}),
      upload_(platform_.files, profile_files_),
      crash_guard_(&platform.crashes, platform.log),
      image_trial_(platform.firmware),
      storage_({platform.files,
                {&platform.device_settings, &platform.ocpp_settings, &platform.registers,
                 &platform.crashes},
                platform.crashes},
               platform.log),
      network_(platform.radio, platform.has_other_network, settings_, platform.entropy,
               platform.log),
      access_(settings_, platform_.device_settings, platform.log),
      known_time_(platform.device_settings),
      link_credentials_(platform.credentials),
      console_lock_(platform.device_settings, platform.entropy),
      console_(gateway::ConsoleParts{platform.console,
                                     platform.output,
                                     platform.log,
                                     platform.clock,
                                     platform.device,
                                     platform.csms,
                                     settings_,
                                     engine_,
                                     policy_,
                                     site_,
                                     bridge_,
                                     build::kVersion,
                                     identity_.c_str(),
                                     platform.firmware,
                                     platform.transfer,
                                     &upload_,
                                     &crash_guard_,
                                     &loop_meter_,
                                     platform.radio == nullptr ? nullptr : &network_,
                                     &storage_,
                                     platform.simulated_wifi,
                                     platform.board.gpio,
                                     &console_lock_,
                                     &access_,
                                     security_.view(),
                                     security_.certificates(),
                                     platform.reset,
                                     &tamper_}),
      led_(platform.status_led_pin < 0 ? nullptr : platform.gpio,
           static_cast<uint8_t>(platform.status_led_pin)),
      button_(platform.button_pin < 0 ? nullptr : platform.gpio,
              static_cast<uint8_t>(platform.button_pin)),
      tamper_(platform.crashes),
      setup_portal_(
          platform.setup,
          gateway::SetupPageParts{platform.entropy, platform.device, platform.csms, settings_,
                                  engine_, build::kVersion, identity_.c_str(),
                                  platform.radio == nullptr ? nullptr : &network_, &console_lock_},
          platform.log) {
  settings_.set_pins(platform.board.gpio);
}

Status App::begin(Error& error) {
  const Status status = start(error);
  if (status != Status::kOk) console_.on_not_started(error.span());
  setup_portal_.begin(status == Status::kOk ? common::TextSpan() : error.span());
  return status;
}

Status App::start(Error& error) {
  const Instant now = platform_.clock.now();
  crash_guard_.begin(platform_.device.reset_cause(), now);
  storage_.begin(files_state_, settings_state_, now);
  image_trial_.begin(now);
  (void)led_.step(gateway::Light::kBoot, now);
  if (button_.begin() != Status::kOk) LOG_ERROR(platform_.log, "the button's pin cannot be read");
  common::LogLevel level = common::LogLevel::kInfo;
  if (gateway::log_level_from_text(settings_.text("log_level").span(), level))
    platform_.log.set_level(level);
  if (identity_.assign(settings_.text("identity").span()) != Status::kOk || identity_.empty()) {
    identity_ = common::FixedString<48>("VEV-");
    (void)identity_.append(platform_.device.serial_number().span());
  }
  known_time_.begin(common::UtcTime{build::kBuildUtc_s * 1000});
  network_.begin(platform_.device.serial_number().span(), now);
  csms_watch_.begin(settings_.integer("csms_lost_h") * kMsPerHour, now);
  connectors_ = static_cast<uint8_t>(settings_.integer("connectors"));
  console_lock_.begin(now);
  console_.begin(connectors_);
  diagnostics_.begin(connectors_);
  set_transfer_trust();
  gateway::PolicySettings policy;
  policy.connectors = connectors_;
  policy.offline_after_ms = int64_t{settings_.integer("offline_s")} * 1000;
  policy.offline_ma = static_cast<uint32_t>(settings_.integer("offline_ma"));
  policy.silence_stop_ms = int64_t{settings_.integer("silence_stop_s")} * 1000;
  const gateway::SettingText button = settings_.text("button");
  if (common::equals(button.span(), common::text("stop"))) {
    policy.button = gateway::ButtonUse::kStop;
  } else if (common::equals(button.span(), common::text("start_stop"))) {
    policy.button = gateway::ButtonUse::kStartStop;
  }
  policy_.begin(policy, now);  // the console asks it, even when nothing else can start
  if (crash_guard_.mode() == gateway::CrashGuard::Mode::kConsoleOnly) {
    error = Error("crashes went on in safe mode: say safe-mode leave, or wait half an hour");
    return Status::kInvalidState;
  }
  RETURN_IF_ERROR(begin_site(error));
  RETURN_IF_ERROR(begin_bridge(policy, error));
  policy_.begin(policy, now);
  policy_.set_safe_mode(crash_guard_.mode() != gateway::CrashGuard::Mode::kNormal, now);
  gateway::EngineOptions options;
  options.vendor.assign_truncated(settings_.text("vendor").span());
  options.model.assign_truncated(settings_.text("model").span());
  options.serial_number = platform_.device.serial_number();
  options.firmware_version = platform_.firmware != nullptr
                                 ? platform_.firmware->version()
                                 : common::FixedString<50>(build::kVersion);
  // Where nothing can be checked.
  options.allows_updates = security_.view() != nullptr || settings_.boolean("unsigned_fw");
  options.connectors = connectors_;
  options.reader_connectors = policy_.reader_connectors();
  options.reset_cause = platform_.device.reset_cause();
  options.has_lost_records = storage_.files() == platform::VolumeState::kFormatted;
  const common::UtcTime utc = platform_.clock.utc();
  is_clock_known_ = utc.is_known();
  // Without its records (kIo) it starts no transaction, but says so to the CSMS, and goes on trying.
  security_.begin(known_time_.earliest(),
                  platform_.reset != nullptr && platform_.reset->was_reset());
  const Status status = engine_.begin(options, now, utc);
  if (status != Status::kOk && status != Status::kIo) {
    error = Error("the setting vendor or model is empty");
    return status;
  }
  if (bridge_.begin(site_, now) != Status::kOk) {
    error = Error(bridge_.error_text());
    return Status::kInvalidState;
  }
  RETURN_IF_ERROR(reader_.begin(settings_, now, error));
  RETURN_IF_ERROR(begin_tamper(error));
  RETURN_IF_ERROR(begin_link(error));
  is_running_ = true;
  console_.on_ready();
  LOG_INFO(platform_.log, "gateway %s, %u connector(s), identity %s", build::kVersion,
           static_cast<unsigned>(connectors_), identity_.c_str());
  return Status::kOk;
}

Status App::begin_site(Error& error) {
  gateway::SiteSettings site;
  site.connectors = connectors_;
  site.limit_ma = static_cast<uint32_t>(settings_.integer("site_ma"));
  site.turn_ms = int64_t{settings_.integer("site_turn_s")} * 1000;
  uint32_t failsafe_ma = 0;
  for (uint8_t id = 1; id <= connectors_; ++id) {
    site.first_phase[id - 1] = static_cast<uint8_t>(settings_.integer("phase", id));
    failsafe_ma += static_cast<uint32_t>(settings_.integer("failsafe_ma", id));
  }
  if (site.limit_ma != 0 && failsafe_ma > site.limit_ma) {
    char text[160];
    std::snprintf(
        text, sizeof text,
        "the failsafe currents add up to %lu mA, the site has %lu mA: lower c?.failsafe_ma",
        static_cast<unsigned long>(failsafe_ma), static_cast<unsigned long>(site.limit_ma));
    error = Error(text);
    return Status::kInvalidArgument;
  }
  site_.begin(site, platform_.clock.now());
  return Status::kOk;
}

Status App::begin_bridge(gateway::PolicySettings& policy, Error& error) {
  bridge_.set_udp_port(static_cast<uint16_t>(settings_.integer("keba_port")));
  ChargerBuses buses(platform_, settings_, bridge_, profile_files_);
  RETURN_IF_ERROR(buses.begin(direct_chargers_.owned_buses(connectors_), error));
  RETURN_IF_ERROR(buses.add_meters(error));
  const bridge::Timings timings = settings_.timings();
  policy.lost_ms = timings.lost_ms;
  policy.auth_back_ms = timings.auth_back_ms;
  for (uint8_t id = 1; id <= connectors_; ++id) {
    char text[160];
    const gateway::SettingText profile = settings_.text("profile", id);
    if (profile.empty()) {
      std::snprintf(text, sizeof text, "connector %u has no charger: set c%u.profile", id, id);
      error = Error(text);
      return Status::kInvalidArgument;
    }
    bridge::ConnectorConfig config;
    config.connector_id = id;
    config.profile = profile.c_str();
    const common::Result<const bridge::Profile*> loaded =
        buses.load('c', id, profile.c_str(), error);
    if (!loaded.ok()) return loaded.status();
    config.loaded_profile = loaded.value();
    config.unit_id = static_cast<uint8_t>(settings_.integer("unit", id));
    config.outlet = static_cast<uint8_t>(settings_.integer("outlet", id));
    config.has_phase_switch = settings_.integer("phase_switch", id) != 0;
    config.phases = static_cast<uint8_t>(settings_.integer("phases", id));
    config.min_ma = static_cast<uint32_t>(settings_.integer("min_ma", id));
    config.max_ma = static_cast<uint32_t>(settings_.integer("max_ma", id));
    config.failsafe_ma = static_cast<uint32_t>(settings_.integer("failsafe_ma", id));
    config.timings = timings;
    RETURN_IF_ERROR(buses.assign_meter(config, error));
    gateway::ConnectorAccess& access = policy.access[id - 1];
    access = gateway::read_access(settings_, id);
    bool is_charger_known = true;
    if (config.loaded_profile != nullptr) {
      access.charger = bridge::access_of(*config.loaded_profile);
    } else {
      is_charger_known = bridge::access_of(profile.span(), access.charger);
    }
    common::FixedString<95> lack;
    if (is_charger_known &&
        gateway::check_access(access.mode, access.charger, id, lack) != Status::kOk) {
      error = Error(lack.span());
      return Status::kUnsupported;
    }
    if (DirectChargers::is_direct(profile.span())) {
      RETURN_IF_ERROR(direct_chargers_.add(config, profile.span(), error));
      continue;
    }
    RETURN_IF_ERROR(buses.assign(config, error));
    if (const Status status = bridge_.add_connector(config, &policy_.chargers());
        status != Status::kOk) {
      error = Error(bridge_.error_text());
      return status;
    }
  }
  return Status::kOk;
}

/// Finds mistakes now, and connects when there is a network and, for TLS, the time.
Status App::begin_link(Error& error) {
  const gateway::SettingText url = settings_.text("csms_url");
  if (url.empty()) {
    error = Error("there is no CSMS: set csms_url");
    return Status::kInvalidArgument;
  }
  access_.begin();
  {  // stack that open_link() has use for
    platform::LinkSettings link;
    access_.fill(link);
    platform::CsmsUrl parsed;
    common::FixedString<95> reason;
    const Status status =
        platform::parse_csms_url(link.url.span(), identity_.span(), parsed, reason);
    if (status != Status::kOk) {
      error = Error(reason.span());
      return status;
    }
    is_tls_ = parsed.is_tls;
  }
  is_link_wanted_ = true;
  const bool has_time = !is_tls_ || platform_.clock.utc().is_known();
  if (!has_time) LOG_INFO(platform_.log, "wss:// waits for the time, at most a minute");
  if (network_.is_up() && has_time) return open_link(error);
  return Status::kOk;
}

/// A name is that of a file that came over the console, if there is one.
common::FixedString<127> App::ca_file() const {
  const gateway::SettingText name = settings_.text("ca_file");
  const bool is_ours = name.size() <= platform::FileStore::kMaxNameBytes &&
                       platform_.file_folder[0] != '\0' && platform_.files.size(name.c_str()).ok();
  common::FixedString<127> path;
  if (is_ours) {
    path.assign_truncated(common::text(platform_.file_folder));
    (void)path.append(common::text("/"));
  }
  (void)path.append(name.span());
  return path;
}

/// Files come from servers that are believed for the same reasons as the CSMS is, and always have to be.
void App::set_transfer_trust() {
  if (platform_.transfer == nullptr) return;
  platform::TlsTrust trust;
  trust.authority =
      platform_.credentials == nullptr ? nullptr : &platform_.credentials->authority();
  trust.ca_file = ca_file();
  trust.allow_wildcard = settings_.boolean("tls_wildcard");
  trust.earliest_utc = known_time_.earliest();
  platform_.transfer->set_trust(trust);
}

Status App::open_link(Error& error) {
  platform::LinkSettings link;
  access_.fill(link);
  (void)link.identity.assign(identity_.span());
  link.ca_file = ca_file();
  link.ping_interval_s = ping_interval_s();
  link.require_subprotocol = settings_.boolean("subprotocol");
  link.earliest_utc = known_time_.earliest();
  link_credentials_.fill(link, std::max(platform_.clock.utc(), known_time_.earliest()));
  set_transfer_trust();
  joins_ = network_.joins();
  is_link_open_ = true;
  is_tls_ = common::equals_ignore_case(link.url.span().first(6), common::text("wss://"));
  if (is_tls_ && !link.verify_certificate)
    LOG_WARN(platform_.log, "tls_verify is off: any server is taken for the CSMS");
  const Status status = platform_.csms.open(link);
  if (status != Status::kOk) error = Error(platform_.csms.status().last_error.span());
  return status;
}

/// A transaction, current without one, or an image in the making: nothing that a restart may end.
bool App::is_busy() const {
  if (has_transaction() || is_updating()) return true;
  for (uint8_t id = 1; is_running_ && id <= connectors_; ++id) {
    const charger::ChargerState& state = policy_.state(id);
    if (state.energy_offered && state.ev_requests_energy) return true;
  }
  return network_.access_point_clients() > 0;  // somebody sets it up
}

common::Instant App::step_network(Instant now) {
  const Instant next = network_.step(now);
  known_time_.step(platform_.clock.utc(), network_.is_up(), now);
  link_credentials_.step(platform_.csms.status(),
                         std::max(platform_.clock.utc(), known_time_.earliest()));
  // After the address has changed a connection may stand for ever on a dead socket: a new network is a new connection.
  if (is_link_open_ && (!network_.is_up() || joins_ != network_.joins())) {
    platform_.csms.close(kGoingAway);
    is_link_open_ = false;
  }
  const bool has_new_access = access_.step(platform_.csms.status(), now);
  const bool has_new_certificate =
      is_running_ && security_.step(platform_.csms.status(), known_time_.earliest(), now);
  if ((has_new_access || has_new_certificate) && is_link_open_) {
    Error error;
    if (open_link(error) != Status::kOk) LOG_ERROR(platform_.log, "%s", error.c_str());
  }
  if (is_link_wanted_ && !is_link_open_ && network_.is_up() &&
      (!is_tls_ || known_time_.is_ready())) {
    Error error;
    if (open_link(error) != Status::kOk) LOG_ERROR(platform_.log, "%s", error.c_str());
  }
  if (!is_running_) return next;
  switch (csms_watch_.step({was_up_, platform_.csms.status().is_stuck, is_busy()}, now)) {
    case gateway::CsmsWatch::Action::kNone:
      break;
    case gateway::CsmsWatch::Action::kRestartNetwork:
      LOG_WARN(platform_.log, "no CSMS for %ld min: the network starts again",
               static_cast<long>(csms_watch_.away_ms(now) / 60000));
      platform_.csms.close(kGoingAway);
      is_link_open_ = false;
      network_.restart(now);
      break;
    case gateway::CsmsWatch::Action::kRestartDevice:
      LOG_WARN(platform_.log, "still no CSMS: the gateway starts again");
      plan_reboot(now);
      break;
  }
  return next;
}

void App::step() {
  loop_meter_.on_turn(platform_.clock.now_us());
  const Instant now = platform_.clock.now();
  Instant deadline = now + 1000;  // The watchdog is fed at least this often.
  platform_.device.feed_watchdog();
  if (is_running_) {
    if (!is_clock_known_ && platform_.clock.utc().is_known()) {
      is_clock_known_ = true;
      engine_.on_utc(platform_.clock.utc(), now);
    }
    step_link(now);
    deadline = common::earlier(deadline, reader_.step(now));
    (void)bridge_.step(
        now);  // First the reports, then what the engine makes of them, then the commands.
    deadline = common::earlier(deadline, policy_.step(now));
    deadline = common::earlier(deadline, site_.step(now));
    deadline = common::earlier(deadline, engine_.step(now));
    for (uint8_t id = 1; id <= connectors_; ++id)
      bridge_.set_in_service(id, engine_.is_operative(id));
    deadline = common::earlier(deadline, bridge_.step(now));
    send_frames(now);
    handle_events(now);
  }
  console_.step(now);
  if (console_.is_busy()) deadline = now;
  handle_request(now);
  deadline = common::earlier(deadline, step_network(now));
  if (!chargers_restart_by_.is_never() &&
      (now >= chargers_restart_by_ || !bridge_.is_restarting())) {
    chargers_restart_by_ = Instant::never();
    plan_reboot(now);
  }
  deadline = common::earlier(deadline, chargers_restart_by_);
  deadline = common::earlier(deadline, step_reset(now));
  deadline = common::earlier(deadline, step_tamper(now));
  deadline = common::earlier(deadline, step_button(now));
  deadline = common::earlier(deadline, setup_portal_.step(now, has_transaction()));
  if (setup_portal_.take_request() == gateway::SetupPage::Request::kRestart) plan_reboot(now);
  deadline = common::earlier(deadline, led_.step(light(now), now));
  deadline = common::earlier(deadline, step_reliability(now));
  deadline = common::earlier(deadline, reboot_at_);
  if (reboot_at_ <= now) platform_.device.reboot();
  loop_meter_.on_wait(platform_.clock.now_us(), deadline.ms * 1000);
  platform_.waiter.wait_until(deadline);
}

Instant App::step_reliability(Instant now) {
  const Instant next = common::earlier(crash_guard_.step(now), storage_.step(now));
  if (is_running_)
    policy_.set_safe_mode(crash_guard_.mode() != gateway::CrashGuard::Mode::kNormal, now);
  if (crash_guard_.needs_restart()) plan_reboot(now);
  if (is_running_ && now >= look_at_heap_at_) {
    look_at_heap_at_ = now + kHeapLookMs;
    const uint32_t least = platform_.device.heap().minimum_free;
    if (least != 0 && least < kLowHeapBytes) security_.report_memory(least);
  }
  if (image_trial_.step(is_running_, now)) {
    LOG_ERROR(platform_.log, "this image does not start the gateway: back to the one before");
    plan_reboot(now);
  }
  return next;
}

void App::step_link(Instant now) {
  const platform::LinkStatus& link = platform_.csms.status();
  // A connection that broke and came back between two turns is still a new one.
  if (was_up_ && (!link.is_up || link.connection_id != connection_id_)) {
    was_up_ = false;
    engine_.on_link(false, now);
  }
  if (link.is_up && !was_up_) {
    was_up_ = true;
    connection_id_ = link.connection_id;
    engine_.on_link(true, now);
  }
  while (was_up_ && engine_.can_receive()) {
    const common::Result<platform::ReceivedFrame> frame = platform_.csms.receive(frame_);
    if (!frame.ok()) break;
    engine_.receive(common::TextSpan(frame_, frame.value().size), frame.value().truncated, now);
    send_frames(now);
  }
}

void App::send_frames(Instant now) {
  for (common::TextSpan frame = engine_.next_to_send(); !frame.empty();
       frame = engine_.next_to_send()) {
    if (platform_.csms.send(frame) != Status::kOk) break;
    engine_.on_sent(now);
  }
}

}  // namespace app
