#include "simulation/world.hpp"

#include <algorithm>

namespace simulation {
namespace {

const char* const kFaultyActions[] = {"StartTransaction",   "StopTransaction", "MeterValues",
                                      "StatusNotification", "Authorize",       "Heartbeat",
                                      "BootNotification"};
/// What OCPP-J knows, what later versions know, and what nobody knows.
const char* const kErrorCodes[] = {"InternalError",
                                   "NotImplemented",
                                   "NotSupported",
                                   "ProtocolError",
                                   "SecurityError",
                                   "FormationViolation",
                                   "FormatViolation",
                                   "GenericError",
                                   "PropertyConstraintViolation",
                                   "TypeConstraintViolation",
                                   "OccurenceConstraintViolation",
                                   "OccurrenceConstraintViolation",
                                   "RpcFrameworkError",
                                   "MessageTypeNotSupported",
                                   "",
                                   "No such code, 0x1F"};
const char* const kRefusals[] = {"Invalid", "Blocked", "Expired", "ConcurrentTx"};

}  // namespace

void World::start_timer(size_t timer, int64_t duration_ms) {
  timers_[timer] = std::max(timers_[timer], now_ms() + duration_ms);
  next_timer_ms_ = std::min(next_timer_ms_, timers_[timer]);
}

void World::run_timers() {
  if (now_ms() < next_timer_ms_) return;
  next_timer_ms_ = INT64_MAX;
  for (size_t timer = 0; timer < timers_.size(); ++timer) {
    if (timers_[timer] == 0) continue;
    if (timers_[timer] > now_ms()) {
      next_timer_ms_ = std::min(next_timer_ms_, timers_[timer]);
      continue;
    }
    timers_[timer] = 0;
    end_timer(timer);
  }
}

void World::end_timer(size_t timer) {
  switch (timer) {
    case kMuteTimer:
      csms_.faults.is_mute = false;
      return;
    case kSlowTimer:
      csms_.faults.delay_ms = 10;
      return;
    case kLatencyTimer:
      set_latency(20, 0);
      return;
    case kServerTimer:
      if (link_ != nullptr) link_->set_server_up(true);
      return;
    case kDeafTimer:
      csms_.faults.never_answered_action.clear();
      return;
    case kFlashTimer:
      flash_.set_capacity(script_.flash_bytes);
      return;
    case kRegistrationTimer:
      csms_.registration = "Accepted";
      csms_.interval_s = static_cast<int32_t>(script_.heartbeat_s);
      return;
    case kFileTimer:
      file_server_.bytes_per_s = 100'000;
      file_server_.can_resume = true;
      return;
    default:
      break;
  }
  if (timer >= kTagTimer) {
    csms_.id_tags.erase(kTags[timer - kTagTimer]);
  } else if (timer >= kFaultTimer) {
    charger_.set_error(static_cast<uint8_t>(timer - kFaultTimer), charger::Error::kNone, false);
  } else {
    const auto id = static_cast<uint8_t>(timer - kSilenceTimer);
    charger_.set_silent(id, false);
    charger_port_.repeat(id, clock_.now());
    bystanders_[id].loud_since_ms = now_ms();
  }
}

void World::happen(const Event& event) {
  note("!", describe(event));
  const uint8_t id = event.connector;
  const bool is_linked = link_ != nullptr && link_->is_connected();
  switch (event.kind) {
    case EventKind::kPlug: {
      platform_sim::SimCharger::Ev ev;
      ev.max_ma = static_cast<uint32_t>(event.a);
      ev.phases = static_cast<uint8_t>(event.b);
      ev.wanted_wh = event.c;
      charger_.plug(id, ev);
      bystanders_[id].is_plugged = true;
      if (bystanders_[id].has_transaction) bystanders_[id].are_phases_heard = false;
      bystanders_[id].phases = static_cast<uint8_t>(std::min<int64_t>(event.b, script_.phases));
      break;
    }
    case EventKind::kUnplug:
      charger_.unplug(id);
      bystanders_[id].is_plugged = false;
      break;
    case EventKind::kTag:
      if (is_on()) {
        watched(
            [&] { charge_point_->on_id_tag(id, charger::IdTag(kTags[event.a]), clock_.now()); });
      }
      break;
    case EventKind::kEvWants:
      charger_.set_ev_wants_energy(id, event.a != 0);
      break;
    case EventKind::kStopButton:
      if (is_on()) watched([&] { (void)charge_point_->stop_transaction(id, clock_.now()); });
      break;
    case EventKind::kEvPhases: {
      // Heard of with the next reading.
      charger_.set_ev_phases(id, static_cast<uint8_t>(event.a));
      Bystander& seen = bystanders_[id];
      seen.phases = static_cast<uint8_t>(std::min<int64_t>(event.a, script_.phases));
      seen.are_phases_heard = false;
      break;
    }
    case EventKind::kChargerFault:
      charger_.set_error(id, static_cast<charger::Error>(event.b), event.c != 0, "E42");
      start_timer(kFaultTimer + id, event.a);
      break;
    case EventKind::kSilence:
      charger_.set_silent(id, true);
      start_timer(kSilenceTimer + id, event.a);
      break;
    case EventKind::kDisconnect:
      if (!is_linked) break;
      if (event.a > 0) {
        for (const std::string& frame : under_way_)
          late_.push_back(Late{now_ms() + event.a, frame});
      }
      under_way_.clear();
      link_->server_disconnect();
      break;
    case EventKind::kServerDown:
      start_timer(kServerTimer, event.a);
      under_way_.clear();
      if (link_ != nullptr) link_->set_server_up(false, static_cast<uint16_t>(event.b));
      break;
    case EventKind::kDrop:
      drop_[static_cast<size_t>(event.b)] += event.a;
      break;
    case EventKind::kDuplicate:
      duplicate_[static_cast<size_t>(event.b)] += event.a;
      break;
    case EventKind::kLatency:
      set_latency(event.b, event.c);
      start_timer(kLatencyTimer, event.a);
      break;
    case EventKind::kGarbage:
      if (is_linked) garbage(static_cast<uint64_t>(event.a));
      break;
    case EventKind::kMute:
      csms_.faults.is_mute = true;
      start_timer(kMuteTimer, event.a);
      break;
    case EventKind::kSlow:
      csms_.faults.delay_ms = event.b;
      start_timer(kSlowTimer, event.a);
      break;
    case EventKind::kIgnore:
      csms_.faults.ignore[kFaultyActions[event.a]] += static_cast<int>(event.b);
      break;
    case EventKind::kCallError:
      csms_.faults.call_error[kFaultyActions[event.a]] += static_cast<int>(event.b);
      csms_.faults.error_code =
          kErrorCodes[static_cast<size_t>(event.c) % (sizeof kErrorCodes / sizeof kErrorCodes[0])];
      break;
    case EventKind::kMangle: {
      ocpp_world::ModelCsms::Mangle& mangle = csms_.faults.mangle[kFaultyActions[event.a]];
      mangle.count += static_cast<int>(event.b);
      mangle.kind = static_cast<ocpp_world::ModelCsms::Mangle::Kind>(event.c);
      break;
    }
    case EventKind::kNeverAnswer:
      csms_.faults.never_answered_action = kFaultyActions[event.a];
      csms_.faults.never_answered_payload.clear();
      start_timer(kDeafTimer, event.b);
      break;
    case EventKind::kRegistration:
      csms_.registration = event.b == 0 ? "Pending" : "Rejected";
      csms_.interval_s = 60;
      start_timer(kRegistrationTimer, event.a);
      break;
    case EventKind::kTagStatus:
      csms_.id_tags[kTags[event.a]] = kRefusals[event.c];
      start_timer(kTagTimer + static_cast<size_t>(event.a), event.b);
      break;
    case EventKind::kCsmsClock:
      csms_.utc_at_zero.ms += event.a;
      csms_.checks_time_order = false;
      auditor_.on_clock_set_back();
      break;
    case EventKind::kPlatformTime:
      csms_.checks_time_order = false;
      auditor_.on_clock_set_back();
      if (is_on()) {
        const common::UtcTime utc{csms_.utc_at_zero.ms + now_ms() + event.a};
        clock_.jump_utc_to(utc);
        watched([&] { charge_point_->on_utc(utc, clock_.now()); });
      }
      break;
    case EventKind::kCommand:
      if (is_linked) command(event);
      break;
    case EventKind::kPowerCut:
      if (is_on()) die(event.a, "power cut");
      break;
    case EventKind::kCutAtByte:
      off_ms_ = event.a;
      power_.cut_after_bytes(power_.bytes_written() + static_cast<uint64_t>(event.b));
      break;
    case EventKind::kCutAtWrite:
      off_ms_ = event.a;
      power_.cut_at_operation(power_.operations() + static_cast<uint64_t>(event.b), event.c != 0);
      break;
    case EventKind::kCutInBoot:
      off_ms_ = event.a;
      cut_in_boot_ = event.b;
      if (is_on()) die(event.a, "power cut");
      break;
    case EventKind::kAppendFails:
      flash_.fail_next_append(event.b != 0 ? common::Status::kNoSpace : common::Status::kIo,
                              static_cast<size_t>(event.a));
      break;
    case EventKind::kSetFails:
      settings_.fail_next_set(common::Status::kIo);
      firmware_books_.on_store_failure();
      diagnostics_books_.on_store_failure();
      break;
    case EventKind::kFlashFull:
      is_flash_tight_ = true;
      flash_.set_capacity(script_.flash_bytes);
      flash_.set_capacity(script_.flash_bytes - flash_.free_bytes() +
                          static_cast<uint32_t>(event.b));
      start_timer(kFlashTimer, event.a);
      auditor_.on_flash_full(timers_[kFlashTimer]);
      break;
    case EventKind::kFileFault:
      for (int64_t i = 0; i < event.c; ++i) {
        file_server_.faults.push_back(platform_sim::SimFileServer::Fault{
            static_cast<platform_sim::SimFileServer::Fault::Kind>(event.a),
            static_cast<uint32_t>(event.b)});
      }
      break;
    case EventKind::kFileServer:
      file_server_.bytes_per_s = static_cast<uint32_t>(event.b);
      file_server_.can_resume = event.c != 0;
      start_timer(kFileTimer, event.a);
      break;
    case EventKind::kBootClock:
      boot_clock_jump_ms_ = event.a;
      break;
    case EventKind::kBusFault:
    case EventKind::kNoise:
    case EventKind::kChargerReboot:
    case EventKind::kDisobey:
    case EventKind::kRefuseLimit:
    case EventKind::kMeterValue:
    case EventKind::kMeterSilence:
    case EventKind::kGlitch:
    case EventKind::kBusDown:
    case EventKind::kDropLimit:
    case EventKind::kWelded:
    case EventKind::kLimit:
      break;  // of BridgeWorld
  }
}

/// Something that is no proper frame.
void World::garbage(uint64_t seed) {
  platform_sim::SimEntropy dice(seed);
  static const char* const kTexts[] = {"",
                                       "[",
                                       "hello",
                                       "[2]",
                                       "[2,\"g1\"]",
                                       "[2,\"g2\",\"Reset\"]",
                                       "[2,\"g3\",\"Reset\",{\"type\":\"Hard\"}",
                                       "[2,4,\"Reset\",{}]",
                                       "[3,\"nobody\",{}]",
                                       "[4,\"nobody\",\"InternalError\",\"\",{}]",
                                       "[9,\"g4\",\"Reset\",{}]",
                                       "{\"a\":1}",
                                       "[2,\"g5\",\"GetConfiguration\",{\"key\":[7]}]"};
  std::string text = kTexts[dice.below(sizeof kTexts / sizeof kTexts[0])];
  if (dice.chance(200)) {
    text = "[2,\"g6\",\"DataTransfer\",{\"vendorId\":\"x\",\"data\":\"" +
           std::string(dice.below(9000), 'x') + "\"}]";
  }
  csms_.send(text, world_now());
}

}  // namespace simulation
