#include "simulation/world.hpp"

#include <algorithm>

namespace simulation {
namespace {

const char* const kFaultyActions[] = {"StartTransaction",   "StopTransaction", "MeterValues",
                                      "StatusNotification", "Authorize",       "Heartbeat",
                                      "BootNotification"};
const char* const kRefusals[] = {"Invalid", "Blocked", "Expired", "ConcurrentTx"};

struct Setting {
  const char* key;
  const char* value;
};
/// What a CSMS changes. Values as the charge point reports them.
constexpr Setting kSettings[] = {
    {"MeterValueSampleInterval", "60"},
    {"MeterValueSampleInterval", "600"},
    {"MeterValueSampleInterval", "0"},
    {"ClockAlignedDataInterval", "0"},
    {"ClockAlignedDataInterval", "900"},
    {"ClockAlignedDataInterval", "3600"},
    {"ConnectionTimeOut", "10"},
    {"ConnectionTimeOut", "120"},
    {"MessageTimeout", "5"},
    {"MessageTimeout", "30"},
    {"MinimumStatusDuration", "0"},
    {"MinimumStatusDuration", "5"},
    {"StopTransactionOnEVSideDisconnect", "true"},
    {"StopTransactionOnEVSideDisconnect", "false"},
    {"StopTransactionOnInvalidId", "true"},
    {"StopTransactionOnInvalidId", "false"},
    {"AllowOfflineTxForUnknownId", "true"},
    {"AllowOfflineTxForUnknownId", "false"},
    {"AuthorizeRemoteTxRequests", "true"},
    {"AuthorizeRemoteTxRequests", "false"},
    {"TransactionMessageAttempts", "1"},
    {"TransactionMessageAttempts", "3"},
    {"TransactionMessageAttempts", "5"},
    {"TransactionMessageRetryInterval", "1"},
    {"TransactionMessageRetryInterval", "60"},
    {"TxResumeAfterPowerLoss", "true"},
    {"TxResumeAfterPowerLoss", "false"},
    {"MeterValuesSampledData", "Energy.Active.Import.Register"},
    {"MeterValuesSampledData",
     "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage"},
    {"MeterValuesAlignedData", "Energy.Active.Import.Register"},
    {"NumberOfConnectors", "7"},
    {"NoSuchKey", "1"},
};

std::string quote(const std::string& text) { return "\"" + text + "\""; }

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
    case kRegistrationTimer:
      csms_.registration = "Accepted";
      csms_.interval_s = static_cast<int32_t>(script_.heartbeat_s);
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
      if (bystanders_[id].has_transaction) bystanders_[id].are_phases_heard = false;
      bystanders_[id].phases = static_cast<uint8_t>(std::min<int64_t>(event.b, script_.phases));
      break;
    }
    case EventKind::kUnplug:
      charger_.unplug(id);
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
      break;
  }
}

void World::send_command(const std::string& payload, const CsmsCommand& command) {
  const std::string id = csms_.call(command.action, payload, world_now());
  commands_[id] = command;
  commands_[id].sent_ms = now_ms();
}

void World::command(const Event& event) {
  platform_sim::SimEntropy dice(static_cast<uint64_t>(event.b) * 2654435761U + 17);
  const std::string connector = std::to_string(event.connector);
  CsmsCommand command;
  if (!are_limits_sure_) {
    command.action = "ClearChargingProfile";
    send_command("{}", command);
  }
  switch (event.a) {
    case 0:
    case 1: {
      command.action = "RemoteStartTransaction";
      const size_t tag = dice.below(20) == 0 ? kStolenTag : dice.below(kStolenTag);
      if (tag == kStolenTag) was_thief_helped_ = true;
      send_command(
          "{" + (event.connector == 0 ? std::string() : "\"connectorId\":" + connector + ",") +
              "\"idTag\":" + quote(kTags[tag]) + "}",
          command);
      break;
    }
    case 2:
    case 3: {
      command.action = "RemoteStopTransaction";
      int32_t which = 4711;
      for (const auto& transaction : csms_.transactions) {
        if (transaction.stops == 0) which = transaction.id;
      }
      send_command("{\"transactionId\":" + std::to_string(which) + "}", command);
      break;
    }
    case 4:
    case 5:
    case 6: {
      command.action = "SetChargingProfile";
      BookedProfile& profile = command.profile;
      profile.id = 1 + static_cast<int>(dice.below(6));
      profile.purpose = static_cast<BookedProfile::Purpose>(dice.below(3));
      profile.connector = profile.purpose == BookedProfile::Purpose::kMax ? 0 : event.connector;
      profile.stack_level = static_cast<int>(dice.below(3));
      profile.kind = static_cast<BookedProfile::Kind>(dice.below(3));
      if (profile.purpose == BookedProfile::Purpose::kMax)
        profile.kind = static_cast<BookedProfile::Kind>(dice.below(2));
      profile.is_watt = dice.chance(400);
      if (dice.chance(300)) profile.duration_s = 60 + dice.below(86400);
      const int64_t utc_ms = csms_.utc_at_zero.ms + now_ms();
      if (profile.kind != BookedProfile::Kind::kRelative)
        profile.start_utc_ms = utc_ms / 1000 * 1000 - 1000LL * dice.below(86400);
      int64_t start_s = 0;
      for (uint32_t i = 1 + dice.below(4); i > 0; --i) {
        double limit = 0.1 * dice.below(400);
        if (profile.is_watt) limit *= 230.0 * script_.phases;
        profile.periods.push_back(
            BookedProfile::Period{start_s, static_cast<int64_t>(limit * 10) / 10.0});
        start_s += 30 + dice.below(20000);
      }
      send_command(profile.request(-1), command);
      break;
    }
    case 7: {
      command.action = "ClearChargingProfile";
      command.profile.id = static_cast<int>(dice.below(4));
      send_command(
          command.profile.id == 0 ? "{}" : "{\"id\":" + std::to_string(command.profile.id) + "}",
          command);
      break;
    }
    case 8:
    case 9: {
      const Setting& setting = kSettings[dice.below(sizeof kSettings / sizeof kSettings[0])];
      command.action = "ChangeConfiguration";
      command.key = setting.key;
      command.value = setting.value;
      send_command("{\"key\":" + quote(setting.key) + ",\"value\":" + quote(setting.value) + "}",
                   command);
      break;
    }
    case 10:
      command.action = "Reset";
      send_command(dice.chance(500) ? R"({"type":"Hard"})" : R"({"type":"Soft"})", command);
      break;
    case 11:
    case 12: {
      static const char* const kWanted[] = {"BootNotification",
                                            "Heartbeat",
                                            "MeterValues",
                                            "StatusNotification",
                                            "DiagnosticsStatusNotification",
                                            "FirmwareStatusNotification"};
      command.action = "TriggerMessage";
      send_command("{\"requestedMessage\":" + quote(kWanted[dice.below(6)]) +
                       (event.connector == 0 ? "}" : ",\"connectorId\":" + connector + "}"),
                   command);
      break;
    }
    case 13:
      command.action = "UnlockConnector";
      send_command("{\"connectorId\":" + std::to_string(std::max<int>(1, event.connector)) + "}",
                   command);
      break;
    case 14:
      command.action = "ChangeAvailability";
      send_command("{\"connectorId\":" + connector +
                       ",\"type\":" + (dice.chance(150) ? "\"Inoperative\"}" : "\"Operative\"}"),
                   command);
      break;
    case 15:
      command.action = "GetConfiguration";
      send_command("{}", command);
      break;
    case 16:
      command.action = "GetCompositeSchedule";
      send_command("{\"connectorId\":" + connector +
                       ",\"duration\":" + std::to_string(dice.below(90000)) + "}",
                   command);
      break;
    case 17:
      command.action = "DataTransfer";
      send_command(R"({"vendorId":"org.example","data":"x"})", command);
      break;
    case 18:
      command.action = "ClearCache";
      send_command("{}", command);
      break;
    default: {
      static const char* const kBad[][2] = {
          {"ChangeConfiguration", R"({"key":"HeartbeatInterval"})"},
          {"NoSuchAction", "{}"},
          {"Reset", R"({"type":"Lukewarm"})"},
          {"RemoteStopTransaction", R"({"transactionId":"seven"})"},
          {"StartTransaction", "{}"},
          {"SetChargingProfile", R"({"connectorId":-1,"csChargingProfiles":{}})"},
      };
      const auto& bad = kBad[dice.below(6)];
      command.action = bad[0];
      send_command(bad[1], command);
      break;
    }
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
