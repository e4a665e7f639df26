#include "doctest_main/doctest_main.hpp"
#include "ocpp_messages/all.hpp"

#include <string>
#include <type_traits>
#include <vector>

using namespace ocpp_messages;
using common::Status;

namespace {

template <typename Message>
std::string encoded(const Message& message, Status expected = Status::kOk) {
  char buffer[2048];
  json::Writer writer{common::Span<char>(buffer)};
  CHECK(encode(message, writer) == expected);
  return expected == Status::kOk ? std::string(writer.text().data(), writer.text().size()) : "";
}

template <typename Message>
DecodeError decoded(const char* json, Message& message) {
  return decode(common::text(json), message);
}

struct Periods {
  size_t count;
  size_t passes = 0;
};

bool next_period(void* context, size_t index, ChargingSchedulePeriod& period) {
  auto& periods = *static_cast<Periods*>(context);
  if (index == 0) ++periods.passes;
  if (index >= periods.count) return false;
  CHECK_FALSE(period.number_phases.has_value());  // a fresh element every time
  period.start_period = static_cast<int32_t>(index) * 60;
  period.limit.milli = 16000 - static_cast<int64_t>(index) * 100;
  if (index == 0) period.number_phases = 3;
  return true;
}

}  // namespace

TEST_CASE("a request is decoded into its struct") {
  ReserveNowReq message;
  REQUIRE(decoded(R"({"connectorId":2,"expiryDate":"2026-03-01T08:00:00Z","idTag":"04\u00412",
                     "reservationId":-5})",
                  message)
              .ok());
  CHECK(message.connector_id == 2);
  CHECK(message.expiry_date == common::UtcTime{1772352000000});
  CHECK(message.id_tag == common::FixedString<20>("04A2"));
  CHECK(message.reservation_id == -5);
  CHECK_FALSE(message.parent_id_tag.has_value());
}

TEST_CASE("decoding forgets what the struct held before") {
  ClearChargingProfileReq message;
  REQUIRE(decoded(R"({"id":1,"connectorId":2})", message).ok());
  REQUIRE(decoded(R"({"stackLevel":3})", message).ok());
  CHECK_FALSE(message.id.has_value());
  CHECK_FALSE(message.connector_id.has_value());
  CHECK(message.stack_level == 3);
}

TEST_CASE("an array is read element by element, as often as wanted") {
  SetChargingProfileReq message;
  const std::string json = R"({"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,
    "stackLevel":0,"chargingProfilePurpose":"TxProfile","chargingProfileKind":"Absolute",
    "chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":[
      {"startPeriod":0,"limit":16,"numberPhases":3,"future":[1]} , {"startPeriod":60,"limit":6.5}]}}})";
  REQUIRE(decode(common::TextSpan(json.data(), json.size()), message).ok());
  const auto& periods = message.cs_charging_profiles.charging_schedule.charging_schedule_period;
  REQUIRE(periods.size() == 2);
  for (int pass = 0; pass < 2; ++pass) {
    auto iterator = periods.begin();
    CHECK(iterator->start_period == 0);
    CHECK(iterator->limit == Decimal{16000});
    CHECK(iterator->number_phases == 3);
    ++iterator;
    CHECK((*iterator).start_period == 60);
    CHECK(iterator->limit == Decimal{6500});
    CHECK_FALSE(iterator->number_phases.has_value());
    ++iterator;
    CHECK(iterator.done());
  }
}

TEST_CASE(
    "a sink gets each element while the message is decoded, optional fields fresh each time") {
  struct Taken {
    ChargingSchedulePeriod item;
    std::vector<ChargingSchedulePeriod> all;
    static void take(void* self, size_t index) {
      auto& taken = *static_cast<Taken*>(self);
      CHECK(index == taken.all.size());
      taken.all.push_back(taken.item);
    }
  } taken;
  const ItemSink sink{&taken.item, &Taken::take, &taken};
  DecodeOptions options;
  options.sink = &sink;
  const char* const json =
      R"({"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,)"
      R"("chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Relative",)"
      R"("chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":[)"
      R"({"startPeriod":0,"limit":16.1,"numberPhases":1},{"startPeriod":60,"limit":8}]}}})";
  SetChargingProfileReq request;
  CHECK(decode(common::text(json), request, options).ok());
  REQUIRE(taken.all.size() == 2);
  CHECK(taken.all[0].limit.milli == 16100);
  CHECK(taken.all[0].number_phases == 1);
  CHECK(taken.all[1].start_period == 60);
  CHECK(!taken.all[1].number_phases.has_value());
  CHECK(request.cs_charging_profiles.charging_schedule.charging_schedule_period.size() == 2);
}

TEST_CASE("an array of strings is read without copying") {
  GetConfigurationReq message;
  const std::string json = R"({"key":["HeartbeatInterval","\u0041"]})";
  REQUIRE(decode(common::TextSpan(json.data(), json.size()), message).ok());
  REQUIRE(message.key.has_value());
  auto key = message.key->begin();
  CHECK(key->equals_ignore_case(common::text("heartbeatinterval")));
  ++key;
  CHECK(key->equals(common::text("A")));
}

TEST_CASE("an empty array is not an absent one") {
  GetConfigurationReq message;
  REQUIRE(decoded(R"({"key":[]})", message).ok());
  REQUIRE(message.key.has_value());
  CHECK(message.key->empty());
  CHECK_FALSE(message.key->begin() != message.key->end());
}

TEST_CASE("null for an optional array means absent") {
  GetConfigurationReq message;
  REQUIRE(decoded(R"({"key":null})", message).ok());
  CHECK_FALSE(message.key.has_value());
}

TEST_CASE("an error tells code, field and reason") {
  ChangeConfigurationReq message;
  const DecodeError error = decoded(R"({"key":"K"})", message);
  REQUIRE_FALSE(error.ok());
  CHECK(error.code() == RpcErrorCode::OccurenceConstraintViolation);
  CHECK(std::string(to_string(error.code())) == "OccurenceConstraintViolation");
  CHECK(std::string(error.path().c_str()) == "value");
  CHECK(std::string(error.description().c_str()) == "value: required field is missing");
}

TEST_CASE("an error of the whole payload has no path") {
  ClearCacheReq message;
  const DecodeError error = decoded("[]", message);
  CHECK(error.path().empty());
  CHECK(std::string(error.description().c_str()) == "payload is not a JSON object");
}

TEST_CASE("no error has an empty reason") {
  ClearCacheReq message;
  const DecodeError error = decoded("{}", message);
  CHECK(error.ok());
  CHECK(std::string(error.reason()).empty());
}

TEST_CASE("the path of an unknown field with a long name keeps its bounds") {
  ClearCacheReq message;
  const std::string json = "{\"" + std::string(500, 'x') + "\":1}";
  DecodeOptions options;
  options.strict = true;
  const DecodeError error = decode(common::TextSpan(json.data(), json.size()), message, options);
  REQUIRE_FALSE(error.ok());
  CHECK(error.path().size() == DecodeError::Path::kCapacity);
}

TEST_CASE("what is no JSON counts first, wherever it stands") {
  ResetReq message;
  for (const char* json : {"", "{", "{\"type\":", "{\"type\":5,\"a\":[1,}", "{\"type\":5}x",
                           "{\"type\" 1}", "{\"a\":\"\\x\"}", "[1,}", "5x", "{}]"}) {
    CAPTURE(json);
    const DecodeError error = decode(common::text(json), message);
    REQUIRE_FALSE(error.ok());
    CHECK(error.code() == RpcErrorCode::FormationViolation);
    CHECK(error.path().empty());
    CHECK(std::string(error.reason()) == "payload is not valid JSON");
  }
}

TEST_CASE("fields are found in any order") {
  ReserveNowReq message;
  REQUIRE(decoded(R"({"\u0072eservationId":1,"parentIdTag":"P","idTag":"A","":0,
                     "expiryDate":"2026-03-01T08:00:00Z","connectorId":2})",
                  message)
              .ok());
  CHECK(message.reservation_id == 1);
  CHECK(message.connector_id == 2);
  CHECK(message.parent_id_tag == common::FixedString<20>("P"));
}

TEST_CASE("absent optionals are not written") {
  BootNotificationReq message;
  message.charge_point_vendor.assign_truncated(common::text("VEV"));
  message.charge_point_model.assign_truncated(common::text("Gateway"));
  CHECK(encoded(message) == R"({"chargePointVendor":"VEV","chargePointModel":"Gateway"})");
  message.firmware_version = common::FixedString<50>("1.0\"");
  CHECK(encoded(message) ==
        R"({"chargePointVendor":"VEV","chargePointModel":"Gateway","firmwareVersion":"1.0\""})");
}

TEST_CASE("an array is written from objects") {
  const SampledValue values[] = {{Text("1"), {}, {}, {}, {}, {}, UnitOfMeasure::Celsius},
                                 {Text("2"), {}, {}, {}, Phase::L1_N, {}, {}}};
  const MeterValue meter_value[] = {
      {common::UtcTime{1772352000000}, common::Span<const SampledValue>(values)}};
  MeterValuesReq message;
  message.connector_id = 1;
  message.meter_value = common::Span<const MeterValue>(meter_value);
  CHECK(encoded(message) ==
        R"({"connectorId":1,"meterValue":[{"timestamp":"2026-03-01T08:00:00.000Z",)"
        R"("sampledValue":[{"value":"1","unit":"Celcius"},{"value":"2","phase":"L1-N"}]}]})");
}

TEST_CASE("an array is written from a source") {
  Periods periods{2};
  GetCompositeScheduleConf message;
  message.status = GetCompositeScheduleStatus::Accepted;
  message.charging_schedule.emplace();
  message.charging_schedule->charging_rate_unit = ChargingRateUnitType::A;
  message.charging_schedule->charging_schedule_period =
      ArrayView<ChargingSchedulePeriod>::from_source(next_period, &periods);
  CHECK(encoded(message) ==
        R"({"status":"Accepted","chargingSchedule":{"chargingRateUnit":"A",)"
        R"("chargingSchedulePeriod":[{"startPeriod":0,"limit":16.0,"numberPhases":3},)"
        R"({"startPeriod":60,"limit":15.9}]}})");
  CHECK(periods.passes == 1);
  CHECK(message.charging_schedule->charging_schedule_period.size() == 2);
}

TEST_CASE("values that the schema forbids are not written") {
  HeartbeatConf unknown_time;
  CHECK(encoded(unknown_time, Status::kInvalidArgument).empty());

  ResetReq no_enumerator;
  no_enumerator.type = static_cast<ResetType>(2);  // one beyond the last
  CHECK(encoded(no_enumerator, Status::kInvalidArgument).empty());

  ChargingSchedulePeriod hundredths[1];
  hundredths[0].limit.milli = 16050;
  GetCompositeScheduleConf schedule;
  schedule.charging_schedule.emplace();
  schedule.charging_schedule->charging_schedule_period =
      common::Span<const ChargingSchedulePeriod>(hundredths);
  CHECK(encoded(schedule, Status::kInvalidArgument).empty());

  MeterValuesReq no_value;
  CHECK(encoded(no_value, Status::kInvalidArgument).empty());

  const std::string long_text(256, 'v');
  DataTransferReq vendor;
  vendor.vendor_id = Text(common::TextSpan(long_text.data(), long_text.size()));
  CHECK(encoded(vendor, Status::kInvalidArgument).empty());
}

TEST_CASE("a buffer of every size too small is reported") {
  StartTransactionReq message;
  message.connector_id = 1;
  message.id_tag.assign_truncated(common::text("04A1"));
  message.timestamp.ms = 1772352000000;
  const std::string whole = encoded(message);
  for (size_t size = 0; size <= whole.size(); ++size) {
    CAPTURE(size);
    std::string buffer(size, '\0');
    json::Writer writer(common::Span<char>(&buffer[0], size));
    CHECK(encode(message, writer) == (size == whole.size() ? Status::kOk : Status::kNoSpace));
  }
}

TEST_CASE("the longest encoding is as long as the struct says") {
  StatusNotificationReq message;
  message.connector_id = INT32_MIN;
  message.error_code = ChargePointErrorCode::EVCommunicationError;
  message.status = ChargePointStatus::SuspendedEVSE;
  message.timestamp = common::UtcTime{1772352000000};
  const std::string control(255, '\x01');
  message.info = common::FixedString<50>(common::TextSpan(control.data(), 50));
  message.vendor_error_code = common::FixedString<50>(common::TextSpan(control.data(), 50));
  message.vendor_id = Text(common::TextSpan(control.data(), control.size()));
  char buffer[StatusNotificationReq::kMaxEncodedSize];
  json::Writer writer{common::Span<char>(buffer)};
  CHECK(encode(message, writer) == Status::kOk);
  // EVCommunicationError and SuspendedEVSE are the longest enumerators.
  CHECK(writer.size() == StatusNotificationReq::kMaxEncodedSize);
}

// Rules: R-2.2-2 R-7.45-1 R-7.31-3
TEST_CASE("enumerators have the spelling of the wire, both ways") {
  CHECK(std::string(to_string(Measurand::Energy_Active_Import_Register)) ==
        "Energy.Active.Import.Register");
  CHECK(std::string(to_string(UnitOfMeasure::Celsius)) == "Celcius");
  UnitOfMeasure unit = UnitOfMeasure::Wh;
  CHECK(from_string(common::text("Celsius"), unit));
  CHECK(unit == UnitOfMeasure::Celsius);
  CHECK_FALSE(from_string(common::text("celsius"), unit));
  CHECK_FALSE(from_string(common::text("Hertz"), unit));
  CHECK(unit == UnitOfMeasure::Celsius);
  CHECK(std::string(to_string(static_cast<UnitOfMeasure>(200))) == "?");
}

// Rules: J-4.2.1-1
TEST_CASE("every action has a name, a sender and its structs") {
  size_t count = 0;
#define CHECK_ACTION(name)                                                                        \
  {                                                                                               \
    Action action{};                                                                              \
    CHECK(from_string(common::text(#name), action));                                              \
    CHECK(action == Action::name);                                                                \
    CHECK(std::string(to_string(action)) == #name);                                               \
    CHECK((sent_by_csms(action) || sent_by_charge_point(action)));                                \
    static_assert(name##Req::kAction == Action::name && name##Conf::kAction == Action::name, ""); \
    ++count;                                                                                      \
  }
  OCPP_MESSAGES_FOR_EACH_ACTION(CHECK_ACTION)
#undef CHECK_ACTION
  CHECK(count == kActionCount);
  Action action = Action::Reset;
  CHECK_FALSE(from_string(common::text("reset"), action));
  CHECK_FALSE(from_string(common::text("Reboot"), action));
  CHECK(action == Action::Reset);
  CHECK(sent_by_csms(Action::Reset));
  CHECK_FALSE(sent_by_charge_point(Action::Reset));
  CHECK_FALSE(sent_by_csms(static_cast<Action>(kActionCount)));
}

TEST_CASE("structs that a handler keeps on its stack are small") {
  CHECK(sizeof(SetChargingProfileReq) <= 192);
  CHECK(sizeof(SendLocalListReq) <= 64);
  CHECK(sizeof(ChangeConfigurationReq) <= 96);
  CHECK(sizeof(MeterValuesReq) <= 64);
  CHECK(sizeof(BootNotificationReq) <= 320);
  CHECK(sizeof(DecodeError) <= 128);
}

TEST_CASE("a payload is read where it stands in its frame, and what follows it counts") {
  struct Row {
    const char* rest;
    const char* reason;
  };
  for (const Row& row :
       {Row{R"(,{"type":"Soft"}])", ""}, Row{R"( , {"type":"Soft"} ] )", ""},
        Row{"]", "the payload is missing"}, Row{"", "payload is not valid JSON"},
        Row{R"(,{"type":"Soft"})", "payload is not valid JSON"},
        Row{R"(,{"type":"Soft"}]])", "payload is not valid JSON"},
        Row{R"(,{"type":"Soft"}],1)", "payload is not valid JSON"},
        Row{R"(,{"type":"Soft"},1])", "something follows the payload"},
        Row{R"(,{"type":"None"},1])", "something follows the payload"},
        Row{R"(,{"type":"None","x":[}])", "payload is not valid JSON"},
        Row{R"(,{"type":"None","x":[]}])", "value is not in the list"},
        Row{",[]]", "payload is not a JSON object"}, Row{",5]", "payload is not a JSON object"}}) {
    CAPTURE(row.rest);
    ResetReq message;
    const FramePayload payload{common::text(row.rest)};
    CHECK(std::string(decode(payload, message).reason()) == row.reason);
    // Without a message type the content does not matter.
    const bool is_about_content =
        std::strstr(row.reason, "list") != nullptr || std::strstr(row.reason, "object") != nullptr;
    CHECK(std::string(check(payload).reason()) == (is_about_content ? "" : row.reason));
  }
}
