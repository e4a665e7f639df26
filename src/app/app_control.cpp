// What follows from events, orders and the button: restarts, resets, the LED.
#include "app/app.hpp"

#include <algorithm>
#include <cstdlib>

namespace app {

LOG_MODULE("app");

using common::Instant;
using common::Status;

namespace {

/// Time for the last frames and the close frame to leave before a restart, ms.
constexpr int64_t kRebootDelayMs = 500;
/// Chargers get this long to stop and to take the command to restart, ms.
constexpr int64_t kChargerRestartMs = 10000;
constexpr int64_t kLostMs =
    int64_t{1000} * 3600 * 1000;  // `sim csms lost`: more than csms_lost_h can be
/// What the test hooks `sim stall` and `sim leak` do to the loop and to the heap: enough for a soak test to find.
constexpr int64_t kStallUs = 80000;
constexpr size_t kLeakBytes = 8192;
constexpr int64_t kResetWaitMs = 10'000;  ///< For what charges to end.
constexpr int64_t kForceMs = 60'000;
constexpr const char* kPingIntervalKey = "WebSocketPingInterval";

void leak() {
  auto* const block = static_cast<volatile uint8_t*>(std::malloc(kLeakBytes));
  if (block != nullptr) block[0] = 1;  // or the compiler leaves it out
}

}  // namespace

uint16_t App::ping_interval_s() const {
  gateway::ConfigurationEntry entry;
  int32_t seconds = 0;
  if (engine_.get_configuration(common::text(kPingIntervalKey), entry) != Status::kOk ||
      !gateway::parse_integer(entry.value.span(), seconds)) {
    return 0;
  }
  return static_cast<uint16_t>(std::min<int32_t>(std::max<int32_t>(seconds, 0), UINT16_MAX));
}

void App::handle_events(Instant now) {
  gateway::EngineEvent event;
  while (policy_.take_event(event)) console_.on_event(event);
  while (engine_.take_event(event)) {
    console_.on_event(event);
    switch (event.kind) {
      case gateway::EngineEvent::Kind::kTransactionStarted:
      case gateway::EngineEvent::Kind::kTransactionStopped:
        if (bridge_.checkpoint(event.connector_id) != Status::kOk) {
          LOG_ERROR(platform_.log, "connector %u: the energy register could not be stored",
                    event.connector_id);
        }
        break;
      case gateway::EngineEvent::Kind::kClockSet:
        if (settings_.boolean("trust_csms_time")) platform_.clock.set_utc(event.utc);
        break;
      case gateway::EngineEvent::Kind::kResetRequested:
        restart(event.is_hard, now);
        break;
      case gateway::EngineEvent::Kind::kRegistration:
      case gateway::EngineEvent::Kind::kConnectorStatus:
      case gateway::EngineEvent::Kind::kTagAccepted:
      case gateway::EngineEvent::Kind::kTagRejected:
      case gateway::EngineEvent::Kind::kTagIgnored:
      case gateway::EngineEvent::Kind::kDataTransferAnswered:
      case gateway::EngineEvent::Kind::kFirmware:
      case gateway::EngineEvent::Kind::kDiagnostics:
        break;
      case gateway::EngineEvent::Kind::kConfigurationChanged:
        if (common::equals(common::text(event.text), common::text(kPingIntervalKey)))
          platform_.csms.set_ping_interval(ping_interval_s());
        break;
    }
  }
}

void App::handle_request(Instant now) {
  Error error;
  switch (console_.take_request()) {
    case gateway::Console::Request::kNone:
      break;
    case gateway::Console::Request::kReboot:
      plan_reboot(now);
      break;
    case gateway::Console::Request::kFactoryReset:
      factory_reset(now);
      break;
    case gateway::Console::Request::kCrash:
      std::abort();
    case gateway::Console::Request::kLeak:
      leak();
      break;
    case gateway::Console::Request::kStall:
      for (const int64_t end_us = platform_.clock.now_us() + kStallUs;
           platform_.clock.now_us() < end_us;) {
      }
      break;
    case gateway::Console::Request::kCsmsLost:
      csms_watch_.age(kLostMs);
      break;
    case gateway::Console::Request::kLinkDown:
      platform_.csms.close(kGoingAway);
      is_link_wanted_ = false;
      is_link_open_ = false;
      break;
    case gateway::Console::Request::kLinkUp:
      if (begin_link(error) != Status::kOk) LOG_ERROR(platform_.log, "%s", error.c_str());
      break;
  }
}

/// It is marked, and happens at the next start. What still charges ends first, so that nothing flows unwatched.
void App::factory_reset(Instant now) {
  LOG_WARN(platform_.log, "factory reset: the gateway starts again");
  for (uint8_t id = 1; is_running_ && id <= connectors_; ++id)
    (void)engine_.stop_transaction(id, gateway::StopCause::kLocal, now);
  reset_by_ = now + (has_transaction() ? kResetWaitMs : 0);
}

Instant App::step_reset(Instant now) {
  if (platform_.reset != nullptr && platform_.reset->was_reset() && is_running_ &&
      security_.has_noted_reset())
    platform_.reset->acknowledge();
  if (reset_by_.is_never()) return Instant::never();
  bool is_off = !has_transaction();
  for (uint8_t id = 1; is_running_ && id <= connectors_; ++id)
    is_off = is_off && !policy_.state(id).energy_offered;
  if (is_off || now >= reset_by_) plan_reboot(now);
  return reset_by_;
}

Status App::begin_tamper(Error& error) {
  const gateway::SettingText setting = settings_.text("tamper");
  if (common::equals(setting.span(), common::text("none"))) return Status::kOk;
  bridge::BoardPin pin;
  pin.number = platform_.tamper_pin;
  if (setting.empty() && !pin.exists()) return Status::kOk;
  platform::Gpio* const gpio = platform_.board.gpio;
  if (gpio == nullptr) {
    error = Error("tamper: this gateway has no pins");
    return Status::kInvalidArgument;
  }
  if (!setting.empty())
    RETURN_IF_ERROR(bridge::parse_input_pin("tamper", setting.span(), *gpio, pin, error));
  if (tamper_.begin(*gpio, pin) != Status::kOk)
    LOG_ERROR(platform_.log, "the pin of the lid's contact cannot be read");
  return Status::kOk;
}

Instant App::step_tamper(Instant now) {
  const Instant next = tamper_.step(now);
  if (tamper_.is_due() && is_running_ && security_.report_tamper()) {
    LOG_WARN(platform_.log, "the lid was opened");
    tamper_.note_told();
  }
  return next;
}

/// A button has no words: holding it a second time, soon after it was refused, is the way to force it.
void App::reset_by_button(Instant now) {
  if (platform_.reset == nullptr) return;
  gateway::FactoryReset::Sentence why;
  const bool is_forced = !reset_refused_at_.is_never() && now - reset_refused_at_ <= kForceMs;
  if (!is_forced &&
      platform_.reset->loses_money(is_running_ ? &engine_ : nullptr, connectors_, now, why)) {
    LOG_WARN(platform_.log, "no factory reset by the button: %s; hold it again to lose them",
             why.c_str());
    reset_refused_at_ = now;
    return;
  }
  if (platform_.reset->request() == Status::kOk) {
    factory_reset(now);
  } else {
    LOG_ERROR(platform_.log, "no factory reset: the flash takes no mark");
  }
}

bool App::has_transaction() const {
  for (uint8_t id = 1; is_running_ && id <= connectors_; ++id) {
    if (engine_.connector(id).has_transaction) return true;
  }
  return false;
}

Instant App::step_button(Instant now) {
  Instant next;
  switch (button_.step(now, next)) {
    case gateway::Button::Press::kNone:
      break;
    case gateway::Button::Press::kShort:
      if (is_running_ && connectors_ == 1) policy_.on_button(now);
      break;
    case gateway::Button::Press::kReset:
      reset_by_button(now);
      break;
  }
  return next;
}

/// A hard reset is one for the chargers, too, where they have a command for it.
void App::restart(bool is_hard, Instant now) {
  bool has_command = false;
  for (uint8_t id = 1; is_hard && id <= connectors_; ++id)
    has_command = bridge_.request(id, bridge::Action::kRestart, now) == Status::kOk || has_command;
  if (has_command) {
    chargers_restart_by_ = now + kChargerRestartMs;
  } else {
    plan_reboot(now);
  }
}

void App::plan_reboot(Instant now) {
  if (!reboot_at_.is_never()) return;
  send_frames(now);
  shutdown();
  reboot_at_ = now + kRebootDelayMs;
}

void App::shutdown() {
  platform_.csms.close(kGoingAway);
  is_link_wanted_ = false;
  if (is_running_) engine_.flush(platform_.clock.now());
  if (is_running_ && bridge_.checkpoint_all() != Status::kOk) {
    LOG_ERROR(platform_.log, "an energy register could not be stored");
  }
  (void)storage_.flush(platform_.clock.now());
  bridge_.close();
  (void)platform_.output.flush();
}

bool App::is_updating() const {
  const common::TextSpan job = common::text(engine_.file_jobs().firmware);
  bool is_updating = false;
  for (const char* busy : {"Downloading", "Downloaded", "Installing"})
    is_updating = is_updating || (is_running_ && common::equals(job, common::text(busy)));
  return is_updating;
}

gateway::Light App::light(Instant now) const {
  const int64_t held_ms = button_.held_ms(now);
  if (held_ms >= gateway::Button::kShortMs)
    return held_ms >= gateway::Button::kResetMs ? gateway::Light::kRelease : gateway::Light::kHeld;
  gateway::LightInputs in;
  in.is_running = is_running_;
  in.is_safe_mode = crash_guard_.mode() != gateway::CrashGuard::Mode::kNormal;
  in.is_network_up = network_.is_up();
  in.is_csms_up = was_up_;
  in.is_updating = is_updating();
  for (uint8_t id = 1; is_running_ && id <= connectors_; ++id) {
    const charger::ChargerState& state = policy_.state(id);
    if (state.is_faulted || state.health == charger::Health::kLost) in.is_faulted = true;
    if (state.plug == charger::Plug::kPlugged) in.is_plugged = true;
    if (state.energy_offered && state.ev_requests_energy) in.is_charging = true;
  }
  return gateway::light_of(in);
}

}  // namespace app
