#include "simulation/world.hpp"

#include <algorithm>
#include <cstdlib>

namespace simulation {
namespace {

constexpr int64_t kGraceMs = 5000;  ///< Longest time for which current may be above its limit.

std::string wh(int64_t value) { return std::to_string(value) + " Wh"; }

}  // namespace

/// The answer to a CALL of the CSMS has left: what it says holds from now on.
void World::on_answer_out(const std::string& text) {
  Frame frame;
  if (!split(text, frame)) return;
  const auto sent = commands_.find(frame.id);
  if (sent == commands_.end()) return;
  CsmsCommand& command = sent->second;
  command.is_answered = true;  // a second time when the link brought it twice
  const std::string status = frame.type == '3' ? text_field(frame.payload, "status") : "";
  if (command.action == "ChangeConfiguration" && !command.key.empty() && status == "Accepted") {
    expected_[command.key] = ExpectedSetting{command.value, "", false};
    if (command.key == "AllowOfflineTxForUnknownId" && command.value == "true")
      was_offline_allowed_ = true;
  }
  if (command.action == "ReserveNow" && status == "Accepted") {
    const int64_t length_ms =
        command.reservation.expiry_utc_ms - charge_point_->utc(clock_.now()).ms;
    command.reservation.length_ms = (length_ms + 999) / 1000 * 1000;
    reservations_.add(command.reservation);
  }
  if (command.action == "CancelReservation" && !status.empty())
    reservations_.end(command.reservation.id, now_ms());
  if (command.action == "UpdateFirmware" && frame.type == '3' && is_calm_)
    is_last_update_ordered_ = true;
  if (command.action == "SendLocalList") {
    if (const std::string wrong = list_.on_answer(command.list, status); !wrong.empty())
      fail(wrong);
  }
  if (command.action == "GetLocalListVersion" && frame.type == '3') {
    const int64_t version = number_field(frame.payload, "listVersion", INT64_MIN);
    if (version != -1 && !list_.may_have_version(version))
      fail("the charge point says that its local list has version " + std::to_string(version));
  }
  if (command.action == "SetChargingProfile" && !command.profile.periods.empty() &&
      status == "Accepted") {
    ocpp::TransactionView view;
    if (command.profile.transaction_id >= 0 &&
        charge_point_->open_transaction(static_cast<uint8_t>(command.profile.connector), view) &&
        view.transaction_id != command.profile.transaction_id) {
      fail("a profile for transaction " + std::to_string(command.profile.transaction_id) +
           " was accepted for transaction " + std::to_string(view.transaction_id));
    }
    limits_.install(command.profile, charge_point_->utc(clock_.now()).ms);
    limits_changed_ms_ = now_ms();
  }
  if (command.action == "ClearChargingProfile" && !status.empty()) {
    limits_.clear(command.profile.id);
    limits_changed_ms_ = now_ms();
    if (command.profile.id == 0) are_limits_sure_ = true;
  }
}

/// A command without an answer may have been carried out, or not.
void World::on_command_lost(CsmsCommand& command) {
  if (command.is_answered) return;
  command.is_answered = true;
  if (command.action == "ChangeConfiguration" && !command.key.empty()) {
    ExpectedSetting& expected = expected_[command.key];
    expected.is_other_possible = true;
    expected.other = command.value;
    if (command.key == "AllowOfflineTxForUnknownId") was_offline_allowed_ = true;
  }
  if (command.action == "SetChargingProfile" || command.action == "ClearChargingProfile")
    are_limits_sure_ = false;
  if (command.action == "ReserveNow") {
    command.reservation.is_doubtful = true;
    reservations_.add(command.reservation);
  }
  if (command.action == "CancelReservation") reservations_.doubt(command.reservation.id);
  if (command.action == "SendLocalList") list_.on_lost(command.list);
}

void World::on_connection_lost() {
  is_link_up_ = false;
  csms_.on_connection(false);
  for (auto& entry : commands_) on_command_lost(entry.second);
  commands_.clear();
}

void World::check_new_transactions() {
  for (; known_transactions_ < csms_.transactions.size(); ++known_transactions_) {
    const auto& transaction = csms_.transactions[known_transactions_];
    const bool is_thief = std::any_of(kTags + kStolenTag, kTags + kTagCount,
                                      [&](const char* tag) { return transaction.id_tag == tag; });
    if (is_thief && !was_offline_allowed_ && !was_thief_helped_)
      fail("a transaction was started with a tag that nobody accepted");
  }
}

void World::check_power() {
  double ampere_in_all = 0;
  double watt_in_all = 0;
  bool is_all_judged = are_limits_sure_ && is_on();
  const common::UtcTime utc = is_on() ? charge_point_->utc(clock_.now()) : common::UtcTime();
  for (uint8_t id = 1; id <= script_.connectors; ++id) {
    Bystander& seen = bystanders_[id];
    const int64_t energy_wh = charger_.energy_wh(id);
    const bool is_silent = timers_[kSilenceTimer + id] != 0;
    const bool is_late = !is_on() || now_ms() - seen.loud_since_ms < kGraceMs;
    if ((is_silent || seen.was_silent || is_late) && !seen.has_transaction)
      seen.unheard_wh += energy_wh - seen.last_energy_wh;
    seen.was_silent = is_silent;
    seen.last_energy_wh = energy_wh;
    const uint32_t current_ma = charger_.current_ma(id);
    if (!is_on()) {
      seen.unpaid_since_ms = seen.over_since_ms = -1;
      seen.loud_since_ms = now_ms();
      seen.was_off = true;
      continue;
    }
    ocpp::TransactionView view;
    const bool is_open = charge_point_->open_transaction(id, view);
    if (seen.has_transaction && (!is_open || view.local_number != seen.local_number)) {
      limits_.end_transaction(id);
      seen.has_transaction = false;
      if (seen.was_silent_at_stop) seen.unheard_wh += energy_wh - seen.heard_wh;
      seen.was_silent_at_stop = false;
    }
    if (is_open && view.is_stopping && is_silent) seen.was_silent_at_stop = true;
    if (is_open && !seen.has_transaction) {
      seen.has_transaction = true;
      seen.local_number = view.local_number;
      seen.start_wh = energy_wh;
      seen.are_phases_heard = false;
      // One that power cut off in the moment it began is seen only after the restart: it is older than that.
      seen.is_start_known = utc.is_known() && !is_clock_wrong_ && !seen.was_off;
      seen.started_utc_ms = utc.ms;
    }
    seen.was_off = false;
    const bool is_authorised = is_open && !view.is_stopping;
    if (charger_port_.is_permitted(id) && !is_authorised) {
      fail("connector " + std::to_string(id) + " is permitted to charge without a transaction");
    }
    const bool is_judged = !is_silent && now_ms() - seen.loud_since_ms >= kGraceMs;
    is_all_judged = is_all_judged && is_judged;
    const double ampere = current_ma / 1000.0;
    const double watt =
        !seen.are_phases_heard
            ? 0
            : ampere * 230 * std::min(seen.phases, std::max<uint8_t>(1, charger_.offer(id).phases));
    ampere_in_all += ampere;
    watt_in_all += watt;

    if (current_ma > 0 && !is_authorised && is_judged) {
      if (seen.unpaid_since_ms < 0) seen.unpaid_since_ms = now_ms();
      if (now_ms() - seen.unpaid_since_ms > kGraceMs)
        fail("connector " + std::to_string(id) + " charges without a transaction");
    } else {
      seen.unpaid_since_ms = -1;
    }
    bool is_over = false;
    if (current_ma > 0 && is_authorised && is_judged && are_limits_sure_ && !limits_.empty() &&
        seen.is_start_known && utc.is_known()) {
      const BookedLimit limit = limits_.of_connector(id, seen.started_utc_ms, utc.ms);
      is_over = ampere > limit.ampere + 0.05 || watt > limit.watt + 1 ||
                (script_.can_switch_phases && charger_.offer(id).phases > limit.phases);
      if (is_over && seen.over_since_ms >= 0 && now_ms() - seen.over_since_ms > kGraceMs) {
        fail("connector " + std::to_string(id) + " draws " + std::to_string(ampere) + " A, " +
             std::to_string(watt) + " W; its limit is " + std::to_string(limit.ampere) + " A, " +
             std::to_string(limit.watt) + " W, " + std::to_string(limit.phases) + " phases");
      }
    }
    if (!is_over) {
      seen.over_since_ms = -1;
    } else if (seen.over_since_ms < 0) {
      seen.over_since_ms = now_ms();
    }
  }
  bool is_over = false;
  if (is_all_judged && !limits_.empty() && utc.is_known() && ampere_in_all > 0) {
    const BookedLimit limit = limits_.of_charge_point(utc.ms);
    is_over = ampere_in_all > limit.ampere + 0.05 || watt_in_all > limit.watt + 1;
    if (is_over && over_in_all_since_ms_ >= 0 && now_ms() - over_in_all_since_ms_ > kGraceMs) {
      fail("all connectors draw " + std::to_string(ampere_in_all) + " A, " +
           std::to_string(watt_in_all) + " W; the limit is " + std::to_string(limit.ampere) +
           " A, " + std::to_string(limit.watt) + " W");
    }
  }
  if (!is_over) {
    over_in_all_since_ms_ = -1;
  } else if (over_in_all_since_ms_ < 0) {
    over_in_all_since_ms_ = now_ms();
  }
}

/// When the limit of a connector changes by itself.
int64_t World::next_limit_ms(Bystander& seen) {
  const common::UtcTime utc = charge_point_->utc(clock_.now());
  if (!utc.is_known()) return INT64_MAX;
  Bystander::LimitChange& known = seen.limit_change;
  const int64_t offset_ms = utc.ms - now_ms();
  if (known.version != limits_.version() || known.offset_ms != offset_ms ||
      known.started_utc_ms != seen.started_utc_ms || known.at_ms <= now_ms()) {
    const int64_t change_ms = limits_.next_change_utc_ms(seen.started_utc_ms, utc.ms);
    known.version = limits_.version();
    known.offset_ms = offset_ms;
    known.started_utc_ms = seen.started_utc_ms;
    known.at_ms = change_ms == INT64_MAX ? INT64_MAX : change_ms - offset_ms;
  }
  return known.at_ms;
}

/// Power fails. A stop may just have been stored, and the charger not been told.
void World::note_stops_at_death() {
  for (uint8_t id = 1; id <= script_.connectors; ++id) {
    Bystander& seen = bystanders_[id];
    ocpp::TransactionView view;
    if (!seen.has_transaction) continue;
    if (charge_point_->open_transaction(id, view)) {
      seen.died_wh = charger_.energy_wh(id);
      continue;
    }
    limits_.end_transaction(id);
    seen.has_transaction = false;
  }
}

/// The last write before the power was gone may have been whole, and the engine not have heard of it: the transaction
/// ended there, and who charges after it does so unheard.
void World::note_stops_at_boot() {
  for (uint8_t id = 1; id <= script_.connectors; ++id) {
    Bystander& seen = bystanders_[id];
    ocpp::TransactionView view;
    if (!seen.has_transaction || charge_point_->open_transaction(id, view)) continue;
    limits_.end_transaction(id);
    seen.has_transaction = false;
    seen.last_energy_wh = charger_.energy_wh(id);
    seen.unheard_wh += seen.last_energy_wh - seen.died_wh;
  }
}

void World::check_settings() {
  for (auto& entry : expected_) {
    ocpp::ConfigurationEntry found;
    if (charge_point_->get_configuration(common::text(entry.first.c_str()), found) !=
        common::Status::kOk)
      continue;  // a key that does not exist
    const std::string value = found.value.c_str();
    ExpectedSetting& expected = entry.second;
    const bool has_value = !expected.value.empty();
    const bool is_other = expected.is_other_possible && value == expected.other;
    if (has_value && value != expected.value && !is_other) {
      fail("after the restart " + entry.first + " is '" + value + "' instead of '" +
           expected.value + "'");
    }
    if (has_value || is_other) expected = ExpectedSetting{value, "", false};
  }
}

/// All faults end, everyone goes home. @return true
bool World::calm_down() {
  if (!is_calm_) note("!", "faults end, everyone goes home");
  for (size_t timer = 0; timer < timers_.size(); ++timer) {
    if (timers_[timer] != 0) timers_[timer] = now_ms();
  }
  next_timer_ms_ = now_ms();
  csms_.faults = ocpp_world::ModelCsms::Faults();
  file_server_.faults.clear();
  drop_ = {};
  duplicate_ = {};
  cut_in_boot_ = -1;
  flash_.fail_next_append(common::Status::kOk, 0);
  settings_.fail_next_set(common::Status::kOk);
  if (is_on()) {
    power_.restore();
    (void)charge_point_->set_configuration(common::text("FreeVendEnabled"), common::text("false"),
                                           clock_.now());
    expected_["FreeVendEnabled"] = ExpectedSetting{"false", "", false};
  } else {
    boot_at_ms_ = std::min(boot_at_ms_, now_ms() + 1000);
  }
  for (auto& entry : commands_) {
    if (now_ms() - entry.second.sent_ms > 120000) on_command_lost(entry.second);
  }
  for (uint8_t id = 1; id <= script_.connectors; ++id) {
    charger_.unplug(id);
    bystanders_[id].is_plugged = false;
    if (is_on()) (void)charge_point_->stop_transaction(id, clock_.now());
  }
  if (is_link_up_ && charge_point_->registration() == ocpp::RegistrationState::kAccepted) {
    CsmsCommand command;
    if (!are_limits_sure_ || !is_calm_) {
      command.action = "ClearChargingProfile";
      send_command("{}", command);
    }
    if (!is_calm_) {
      command.action = "ChangeAvailability";
      send_command(R"({"connectorId":0,"type":"Operative"})", command);
    }
    // One that is due now takes the place of whatever waits for its time; and it must work.
    if (!is_last_update_ordered_) {
      command.action = "UpdateFirmware";
      send_command(order_firmware(FirmwareImage::kSound, -86400'000LL * 365, 3, 10), command);
    }
    end_commands();
    is_calm_ = true;
  }
  return true;
}

/// How long everything may take to come to rest, ms: the longest waits, one after the other.
int64_t World::longest_drain_ms() const {
  const auto seconds = [this](const char* key) {
    ocpp::ConfigurationEntry entry;
    if (is_on()) (void)charge_point_->get_configuration(common::text(key), entry);
    return std::strtoll(entry.value.c_str(), nullptr, 10);
  };
  constexpr int64_t kBootMs = 2000;
  constexpr int64_t kReconnectMs = 15000 + 1000;
  constexpr int64_t kRegistrationMs = 60000;  // what a Pending or Rejected charge point was told
  constexpr int64_t kRoundTripMs = 100;
  constexpr int64_t kUpdateMs = 120000 + 30000 + 4 * kReconnectMs + 60000;  // and a minute of calm
  return kBootMs + kReconnectMs + kRegistrationMs + kUpdateMs +
         // The message that waits longest for its next attempt, the CALL that nobody answers,
         // a session that nobody uses.
         60000 * 5 + 1000 * (seconds("MessageTimeout") + seconds("ConnectionTimeOut")) +
         kRoundTripMs * static_cast<int64_t>(is_on() ? charge_point_->pending_messages() : 2000);
}

std::string World::why_not_at_rest() const {
  if (!is_on()) return "it is off";
  if (!is_link_up_ || charge_point_->registration() != ocpp::RegistrationState::kAccepted)
    return "it is offline";
  if (!is_calm_ || !late_.empty() || !under_way_.empty()) return "frames are under way";
  if (!reservations_.empty()) return "something is reserved";
  for (uint8_t id = 1; id <= script_.connectors; ++id) {
    ocpp::TransactionView view;
    if (charge_point_->open_transaction(id, view))
      return "connector " + std::to_string(id) + " has a transaction";
  }
  const bool is_answered = std::all_of(commands_.begin(), commands_.end(),
                                       [](const auto& entry) { return entry.second.is_answered; });
  if (!is_answered) return "a CALL is not answered";
  if (auditor_.has_open_call() && now_ms() < auditor_.open_call_times_out_ms())
    return "it waits for an answer";
  if (!is_last_update_ordered_ ||
      FirmwareImage::version(FirmwareImage::kSound) != firmware_->version().c_str() ||
      !FileBooks::is_final(charge_point_->firmware_status()))
    return std::string("firmware: ") + charge_point_->firmware_status();
  if (!FileBooks::is_final(charge_point_->diagnostics_status()))
    return std::string("diagnostics: ") + charge_point_->diagnostics_status();
  if (charge_point_->pending_messages() > 0)
    return std::to_string(charge_point_->pending_messages()) + " messages wait";
  return "";
}

void World::check_books() {
  if (!auditor_.violation().sentence.empty()) return;
  auditor_.on_queue_empty();
  size_t lost_starts = 0;
  size_t lost_stops = 0;
  std::vector<std::string> unknown_starts;
  for (const std::string& message : auditor_.given_up()) {
    if (message.compare(0, 16, "StartTransaction") == 0)
      unknown_starts.push_back(message.substr(17));
    lost_starts += message.compare(0, 16, "StartTransaction") == 0 ? 1 : 0;
    lost_stops += message.compare(0, 15, "StopTransaction") == 0 ? 1 : 0;
  }
  if (csms_.transactions.size() + lost_starts < started_) {
    fail(std::to_string(started_) + " transactions were started, the CSMS knows of " +
         std::to_string(csms_.transactions.size()));
  }
  if (lost_starts == 0) check_reserved_starts();
  size_t open = 0;
  std::vector<const ocpp_world::ModelCsms::Transaction*> by_meter[limits::kMaxConnectors + 1];
  for (const auto& transaction : csms_.transactions) {
    by_meter[transaction.connector_id].push_back(&transaction);
    if (transaction.stops > 0) continue;
    // Refused until it was given up, and carried out all the same from an old connection.
    if (std::count(unknown_starts.begin(), unknown_starts.end(), transaction.start_payload) > 0)
      continue;
    ++open;
    if (open > lost_stops)
      fail("transaction " + std::to_string(transaction.id) + " was never stopped");
  }
  for (uint8_t id = 1; id <= script_.connectors; ++id) {
    auto& transactions = by_meter[id];
    std::sort(transactions.begin(), transactions.end(), [](const auto* a, const auto* b) {
      return a->meter_start != b->meter_start ? a->meter_start < b->meter_start : a->id < b->id;
    });
    int64_t told_wh = 0;
    for (size_t i = 0; i < transactions.size(); ++i) {
      if (transactions[i]->stops == 0) continue;
      told_wh += transactions[i]->meter_stop - transactions[i]->meter_start;
      if (i + 1 < transactions.size() &&
          transactions[i]->meter_stop > transactions[i + 1]->meter_start)
        fail("transactions " + std::to_string(transactions[i]->id) + " and " +
             std::to_string(transactions[i + 1]->id) + " count the same energy");
    }
    const int64_t charged_wh = charger_.energy_wh(id) - 1000;
    const auto rounding_wh = static_cast<int64_t>(transactions.size());
    if (told_wh > charged_wh + rounding_wh) {
      fail("connector " + std::to_string(id) + " charged " + wh(charged_wh) +
           ", the CSMS was told " + wh(told_wh));
    }
    if (lost_starts + lost_stops == 0 &&
        told_wh < charged_wh - rounding_wh - bystanders_[id].unheard_wh) {
      fail("connector " + std::to_string(id) + " charged " + wh(charged_wh) + " (" +
           wh(bystanders_[id].unheard_wh) + " unheard), the CSMS was told only " + wh(told_wh));
    }
    const std::string told = csms_.last_status(id);
    const std::string truth = ocpp::to_string(charge_point_->status(id));
    if (told != truth && !auditor_.is_status_lost())
      fail("connector " + std::to_string(id) + " is " + truth + ", the CSMS was told " + told);
    if (truth != "Available") fail("connector " + std::to_string(id) + " at rest is " + truth);
  }
  if (charge_point_->dead_letters() >
      auditor_.given_up().size() + auditor_.recurrences() + (is_flash_tight_ ? 1 : 0)) {
    fail(std::to_string(charge_point_->dead_letters()) + " messages were given up, " +
         std::to_string(auditor_.given_up().size()) + " of them with reason");
  }
}

/// After all that has happened a plain session must still work.
void World::probe() {
  for (uint8_t id = 1; id <= script_.connectors && auditor_.violation().sentence.empty(); ++id) {
    const std::string name = "connector " + std::to_string(id);
    const size_t before = csms_.transactions.size();
    happen(Event{now_ms(), EventKind::kPlug, id, 16000, 3, 0});
    if (!run_until(now_ms() + 5000)) return;
    happen(Event{now_ms(), EventKind::kTag, id, 0, 0, 0});
    if (!run_until(now_ms() + 60000)) return;
    if (csms_.transactions.size() != before + 1) {
      fail(name + " cannot be used any more: no transaction starts");
      return;
    }
    if (charger_.current_ma(id) == 0) fail(name + " cannot be used any more: nothing flows");
    CsmsCommand command;
    command.action = "RemoteStopTransaction";
    send_command("{\"transactionId\":" + std::to_string(csms_.transactions.back().id) + "}",
                 command);
    if (!run_until(now_ms() + 60000)) return;
    if (csms_.transactions.back().stops != 1) fail(name + " cannot be stopped any more");
    if (charger_.current_ma(id) != 0) fail(name + " does not stop charging any more");
    charger_.unplug(id);
    if (!run_until(now_ms() + 60000)) return;
  }
}

}  // namespace simulation
