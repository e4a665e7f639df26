#include "ocpp_messages/runtime/time_text.hpp"
#include "simulation/world.hpp"

#include <algorithm>

namespace simulation {
namespace {

using Dice = platform_sim::SimEntropy;

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
    {"FreeVendEnabled", "true"},
    {"FreeVendEnabled", "false"},
    {"FreeVendEnabled", "false"},
    {"LocalAuthListEnabled", "true"},
    {"NumberOfConnectors", "7"},
    {"NoSuchKey", "1"},
};

/// Not to be changed at random: floods of messages, or nothing for hours.
const char* const kLeftAlone[] = {
    "HeartbeatInterval",
    "ClockAlignedDataInterval",
    "MeterValueSampleInterval",
    "MinimumStatusDuration",
    "TransactionMessageRetryInterval",
    "TransactionMessageAttempts",
    "AllowOfflineTxForUnknownId",
    "ConnectionTimeOut",
    "FreeVendEnabled",
};

template <typename T, size_t N>
const T& one_of(const T (&choice)[N], Dice& dice) {
  return choice[dice.below(N)];
}

std::string quote(const std::string& text) { return "\"" + text + "\""; }
std::string member(const char* name, const std::string& value) { return quote(name) + ":" + value; }
std::string member(const char* name, int64_t value) { return member(name, std::to_string(value)); }
std::string text_member(const char* name, const std::string& value) {
  return member(name, quote(value));
}
/// `,"connectorId":1`, nothing for connector 0.
std::string and_connector(uint8_t connector) {
  return connector == 0 ? "" : "," + member("connectorId", connector);
}

/// A value for a key that has this one.
std::string another_value(const std::string& value, Dice& dice) {
  static const char* const kNumbers[] = {"0", "1", "7", "60", "300"};
  if (value == "true" || value == "false") return dice.chance(500) ? "true" : "false";
  if (!value.empty() && value.find_first_not_of("0123456789") == std::string::npos)
    return one_of(kNumbers, dice);
  return value;
}

}  // namespace

/// One kind of CALL that the CSMS may make at any time. `make` returns its payload and notes in `command` what is to be
/// remembered of it; a command with its own entry there is looked at again in World::on_answer_out().
struct World::CommandRow {
  const char* action;
  uint32_t weight;
  std::string (*make)(World& world, Dice& dice, uint8_t connector, CsmsCommand& command);
};

const World::CommandRow World::kCommands[] = {
    {"RemoteStartTransaction", 20,
     [](World& world, Dice& dice, uint8_t connector, CsmsCommand&) {
       const size_t tag = dice.below(20) == 0 ? kStolenTag : dice.below(kStolenTag);
       if (is_stolen(tag)) world.was_thief_helped_ = true;
       return "{" + text_member("idTag", kTags[tag]) + and_connector(connector) + "}";
     }},
    {"RemoteStopTransaction", 20,
     [](World& world, Dice&, uint8_t, CsmsCommand&) {
       int32_t which = 4711;
       for (const auto& transaction : world.csms_.transactions) {
         if (transaction.stops == 0) which = transaction.id;
       }
       return "{" + member("transactionId", which) + "}";
     }},
    {"SetChargingProfile", 30,
     [](World& world, Dice& dice, uint8_t connector, CsmsCommand& command) {
       using Purpose = BookedProfile::Purpose;
       using Kind = BookedProfile::Kind;
       BookedProfile& profile = command.profile;
       profile.id = 1 + static_cast<int>(dice.below(6));
       profile.purpose = static_cast<Purpose>(dice.below(3));
       profile.connector = profile.purpose == Purpose::kMax ? 0 : connector;
       profile.stack_level = static_cast<int>(dice.below(3));
       profile.kind = static_cast<Kind>(dice.below(profile.purpose == Purpose::kMax ? 3 : 4));
       profile.is_watt = dice.chance(400);
       if (dice.chance(300)) profile.duration_s = 60 + dice.below(86400);
       const int64_t now_utc_ms =
           world.csms_.utc_at_zero.ms / 1000 * 1000 + world.now_ms() / 1000 * 1000;
       if (profile.kind != Kind::kRelative)
         profile.start_utc_ms = now_utc_ms - 1000LL * dice.below(86400);
       if (profile.kind == Kind::kWeekly) profile.start_utc_ms -= 86400'000LL * dice.below(7);
       if (dice.chance(150))
         profile.valid_from_utc_ms = now_utc_ms + 1000LL * dice.below(2 * 86400) - 86400'000;
       if (dice.chance(150)) profile.valid_to_utc_ms = now_utc_ms + 1000LL * dice.below(2 * 86400);
       if (profile.purpose == Purpose::kTx && dice.chance(400)) {
         profile.transaction_id = 4711;
         for (const auto& transaction : world.csms_.transactions) {
           if (transaction.stops == 0 && transaction.connector_id == connector)
             profile.transaction_id = transaction.id;
         }
       }
       int64_t start_s = 0;
       for (uint32_t i = 1 + dice.below(4); i > 0; --i) {
         double limit = 0.1 * dice.below(400);
         if (profile.is_watt) limit *= 230.0 * world.script_.phases;
         const int phases = dice.chance(300) ? 1 + static_cast<int>(dice.below(3)) : 0;
         profile.periods.push_back(
             BookedProfile::Period{start_s, static_cast<int64_t>(limit * 10) / 10.0, phases});
         start_s += 30 + dice.below(20000);
       }
       return profile.request();
     }},
    {"ClearChargingProfile", 10,
     [](World&, Dice& dice, uint8_t, CsmsCommand& command) {
       command.profile.id = static_cast<int>(dice.below(4));
       return command.profile.id == 0 ? std::string("{}")
                                      : "{" + member("id", command.profile.id) + "}";
     }},
    {"ChangeConfiguration", 20,
     [](World&, Dice& dice, uint8_t, CsmsCommand& command) {
       const Setting& setting = one_of(kSettings, dice);
       command.key = setting.key;
       command.value = setting.value;
       return "{" + text_member("key", setting.key) + "," + text_member("value", setting.value) +
              "}";
     }},
    {"ChangeConfiguration", 20,
     [](World& world, Dice& dice, uint8_t, CsmsCommand& command) {
       ocpp::ConfigurationEntry entry;
       if (world.is_on()) {
         world.charge_point_->configuration_at(
             dice.below(static_cast<uint32_t>(world.charge_point_->configuration_count())), entry);
       }
       const bool is_left_alone =
           std::any_of(std::begin(kLeftAlone), std::end(kLeftAlone),
                       [&](const char* key) { return std::string(key) == entry.key; });
       command.key = is_left_alone ? "ConnectionTimeOut" : entry.key;
       command.value = is_left_alone ? "30" : another_value(entry.value.c_str(), dice);
       return "{" + text_member("key", command.key) + "," + text_member("value", command.value) +
              "}";
     }},
    {"GetConfiguration", 7, [](World&, Dice&, uint8_t, CsmsCommand&) { return std::string("{}"); }},
    {"GetConfiguration", 3,
     [](World&, Dice&, uint8_t, CsmsCommand&) {
       return std::string(R"({"key":["meterValueSampleInterval","NoSuchKey"]})");
     }},
    {"Reset", 10,
     [](World&, Dice& dice, uint8_t, CsmsCommand&) {
       return "{" + text_member("type", dice.chance(500) ? "Hard" : "Soft") + "}";
     }},
    {"TriggerMessage", 20,
     [](World& world, Dice& dice, uint8_t connector, CsmsCommand&) {
       static const char* const kWanted[] = {"BootNotification",
                                             "Heartbeat",
                                             "MeterValues",
                                             "StatusNotification",
                                             "DiagnosticsStatusNotification",
                                             "FirmwareStatusNotification"};
       world.firmware_books_.on_trigger();
       world.diagnostics_books_.on_trigger();
       return "{" + text_member("requestedMessage", one_of(kWanted, dice)) +
              and_connector(connector) + "}";
     }},
    {"UnlockConnector", 10,
     [](World&, Dice&, uint8_t connector, CsmsCommand&) {
       return "{" + member("connectorId", std::max<uint8_t>(1, connector)) + "}";
     }},
    {"ChangeAvailability", 10,
     [](World&, Dice& dice, uint8_t connector, CsmsCommand&) {
       return "{" + member("connectorId", connector) + "," +
              text_member("type", dice.chance(150) ? "Inoperative" : "Operative") + "}";
     }},
    {"GetCompositeSchedule", 10,
     [](World&, Dice& dice, uint8_t connector, CsmsCommand&) {
       return "{" + member("connectorId", connector) + "," + member("duration", dice.below(90000)) +
              (dice.chance(300) ? ",\"chargingRateUnit\":\"W\"" : "") + "}";
     }},
    {"DataTransfer", 10,
     [](World&, Dice&, uint8_t, CsmsCommand&) {
       return std::string(R"({"vendorId":"org.example","data":"x"})");
     }},
    {"ClearCache", 10, [](World&, Dice&, uint8_t, CsmsCommand&) { return std::string("{}"); }},
    {"ReserveNow", 10,
     [](World& world, Dice& dice, uint8_t connector, CsmsCommand& command) {
       BookedReservation& wish = command.reservation;
       wish.id = 1 + static_cast<int>(dice.below(4));
       wish.connector = connector;
       wish.id_tag = kTags[dice.below(kStolenTag)];
       if (dice.chance(300)) wish.parent = "FAMILY";
       wish.length_ms = 1000 * (60 + static_cast<int64_t>(dice.below(20000)));
       wish.expiry_utc_ms = world.csms_.utc_at_zero.ms + world.now_ms() + wish.length_ms;
       const auto expiry = ocpp_messages::format_time(common::UtcTime{wish.expiry_utc_ms});
       return "{" + member("connectorId", connector) + "," +
              text_member("expiryDate", expiry.c_str()) + "," + text_member("idTag", wish.id_tag) +
              (wish.parent.empty() ? "" : "," + text_member("parentIdTag", wish.parent)) + "," +
              member("reservationId", wish.id) + "}";
     }},
    {"CancelReservation", 5,
     [](World&, Dice& dice, uint8_t, CsmsCommand& command) {
       command.reservation.id = 1 + static_cast<int>(dice.below(4));
       return "{" + member("reservationId", command.reservation.id) + "}";
     }},
    {"SendLocalList", 12,
     [](World& world, Dice& dice, uint8_t, CsmsCommand& command) {
       BookedListUpdate& update = command.list;
       update.is_full = dice.chance(350);
       // Now and then not newer than the last one.
       update.version =
           dice.chance(150)
               ? 1 + static_cast<int>(dice.below(static_cast<uint32_t>(world.list_version_)))
               : ++world.list_version_;
       for (uint32_t i = dice.below(25); i > 0; --i) {
         BookedListUpdate::Entry entry;
         const size_t tag = dice.below(20);
         entry.id_tag =
             tag < kTagCount ? kTags[tag] : "LIST" + std::to_string(100 + dice.below(200));
         static const char* const kStatuses[] = {"Accepted", "Accepted", "Blocked", "Invalid"};
         entry.status = is_stolen(tag) && tag < kTagCount ? "Blocked" : one_of(kStatuses, dice);
         if (tag < 2) entry.parent = "FAMILY";
         if (!update.is_full && dice.chance(200)) entry.status = entry.parent = "";
         const bool is_there = std::any_of(
             update.entries.begin(), update.entries.end(),
             [&](const BookedListUpdate::Entry& other) { return other.id_tag == entry.id_tag; });
         if (!is_there) update.entries.push_back(entry);
       }
       return update.request();
     }},
    {"GetLocalListVersion", 6,
     [](World&, Dice&, uint8_t, CsmsCommand&) { return std::string("{}"); }},
    {"UpdateFirmware", 3,
     [](World& world, Dice& dice, uint8_t, CsmsCommand&) {
       return world.order_firmware(static_cast<int>(dice.below(FirmwareImage::kCount)),
                                   static_cast<int64_t>(dice.below(3600)) * 1000 - 1800'000,
                                   dice.below(4), 5 + dice.below(60));
     }},
    {"GetDiagnostics", 6,
     [](World& world, Dice& dice, uint8_t, CsmsCommand&) {
       world.diagnostics_books_.on_order();
       return "{" +
              text_member("location", dice.chance(500) ? "ftp://files.example/in"
                                                       : "https://files.example/in/a.log") +
              "," + member("retries", dice.below(4)) + "," +
              member("retryInterval", 5 + dice.below(60)) + "}";
     }},
    // What is refused.
    {"ChangeConfiguration", 2,
     [](World&, Dice&, uint8_t,
        CsmsCommand&) { return std::string(R"({"key":"HeartbeatInterval"})"); }},
    {"NoSuchAction", 2, [](World&, Dice&, uint8_t, CsmsCommand&) { return std::string("{}"); }},
    {"Reset", 2,
     [](World&, Dice&, uint8_t, CsmsCommand&) { return std::string(R"({"type":"Lukewarm"})"); }},
    {"RemoteStopTransaction", 2,
     [](World&, Dice&, uint8_t,
        CsmsCommand&) { return std::string(R"({"transactionId":"seven"})"); }},
    {"StartTransaction", 2, [](World&, Dice&, uint8_t, CsmsCommand&) { return std::string("{}"); }},
    {"SetChargingProfile", 2,
     [](World&, Dice&, uint8_t,
        CsmsCommand&) { return std::string(R"({"connectorId":-1,"csChargingProfiles":{}})"); }},
};

void World::send_command(const std::string& payload, const CsmsCommand& command) {
  const std::string id = csms_.call(command.action, payload, world_now());
  commands_[id] = command;
  commands_[id].sent_ms = now_ms();
}

void World::command(const Event& event) {
  Dice dice(static_cast<uint64_t>(event.b) * 2654435761U + 17);
  if (!are_limits_sure_) {
    CsmsCommand clear;
    clear.action = "ClearChargingProfile";
    send_command("{}", clear);
  }
  uint32_t weights = 0;
  for (const CommandRow& row : kCommands) weights += row.weight;
  auto at = static_cast<uint32_t>(event.a) % weights;
  for (const CommandRow& row : kCommands) {
    if (at < row.weight) {
      CsmsCommand command;
      command.action = row.action;
      const std::string payload = row.make(*this, dice, event.connector, command);
      send_command(payload, command);
      return;
    }
    at -= row.weight;
  }
}

/// Takes back what would keep a connector from being Available.
void World::end_commands() {
  std::vector<int> ids;
  for (const BookedReservation& reservation : reservations_.all()) ids.push_back(reservation.id);
  for (const int id : ids) {
    CsmsCommand command;
    command.action = "CancelReservation";
    command.reservation.id = id;
    send_command("{" + member("reservationId", id) + "}", command);
  }
}

/// Payload of UpdateFirmware.req.
std::string World::order_firmware(int image, int64_t in_ms, uint32_t retries, uint32_t interval_s) {
  firmware_books_.on_order();
  const auto date =
      ocpp_messages::format_time(common::UtcTime{csms_.utc_at_zero.ms + now_ms() + in_ms});
  return "{" + text_member("location", FirmwareImage::url(image)) + "," +
         text_member("retrieveDate", date.c_str()) + "," + member("retries", retries) + "," +
         member("retryInterval", interval_s) + "}";
}

}  // namespace simulation
