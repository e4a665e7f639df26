// Purpose:       Connectors kept for somebody: one connector or any, by tag or by group.
// Given:         A gateway with one or two connectors in virtual time, its flash and its CSMS.
// Steps:         See each case.
// Pass criteria: The expected driver always finds a connector, nobody else gets it; the reservation ends when it is
//                used, over, cancelled or cannot be kept, and outlives a restart.
// Spec:          OCPP 1.6 ed. 2, 3.10, 4.8, 4.9, 5.1, 5.13, 9.3.1.
#include "doctest_main/doctest_main.hpp"
#include "ocpp/reservations.hpp"
#include "ocpp_messages/runtime/time_text.hpp"
#include "ocpp_world/world.hpp"

using ocpp_world::World;

namespace {

World::Setup connectors(uint8_t count) {
  World::Setup setup;
  setup.connectors = count;
  return setup;
}

struct Lot {
  World world;

  explicit Lot(uint8_t count = 1) : world(connectors(count)) { world.start(); }

  std::string reserve(int id, int connector_id, const char* tag, const char* parent = nullptr,
                      int64_t for_ms = 3600000) {
    const common::UtcTime now = world.charge_point->utc(world.now());
    const std::string expiry = ocpp_messages::format_time(common::UtcTime{now.ms + for_ms}).c_str();
    const std::string status = world.call(
        "ReserveNow", R"({"reservationId":)" + std::to_string(id) + R"(,"connectorId":)" +
                          std::to_string(connector_id) + R"(,"idTag":")" + tag +
                          R"(","expiryDate":")" + expiry + '"' +
                          (parent != nullptr ? std::string(R"(,"parentIdTag":")") + parent + '"'
                                             : std::string()) +
                          "}");
    world.run_for(1000);
    return status;
  }
  std::string cancel(int id) {
    const std::string status =
        world.call("CancelReservation", R"({"reservationId":)" + std::to_string(id) + "}");
    world.run_for(1000);
    return status;
  }
  std::string availability(int connector_id, const char* type) {
    const std::string status =
        world.call("ChangeAvailability", R"({"connectorId":)" + std::to_string(connector_id) +
                                             R"(,"type":")" + type + "\"}");
    world.run_for(1000);
    return status;
  }
  std::string status(int connector_id) { return world.csms.last_status(connector_id); }
  bool charges(uint8_t connector_id) {
    return world.run_until([&] { return status(connector_id) == "Charging"; }, 20000);
  }
  void tag(const char* id_tag, uint8_t connector_id = 0) {
    world.tag(id_tag, connector_id);
    world.run_for(2000);
  }
  void plug(uint8_t connector_id) {
    world.charger.plug(connector_id);
    world.run_for(3000);
  }
  int asked() { return world.csms.received["Authorize"]; }
  std::string start(size_t index) { return world.csms.transactions.at(index).start_payload; }
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

// Rules: R-5.13-1 R-5.13-2 R-5.13-7 R-5.13-11 R-5.13-12 R-4.8-2 R-4.9-1
TEST_CASE("a reserved connector takes the reserved tag only, and the start carries the id") {
  Lot lot;
  CHECK(lot.reserve(77, 1, "AAAA") == "Accepted");
  CHECK(lot.status(1) == "Reserved");
  lot.tag("BBBB");
  CHECK(lot.asked() == 0);
  CHECK(lot.world.has_event(ocpp::EventType::kIdTagRejected));
  CHECK(lot.status(1) == "Reserved");
  lot.tag("aaaa");  // tags compare without case
  CHECK(lot.status(1) == "Preparing");
  lot.plug(1);
  CHECK(lot.charges(1));
  CHECK(contains(lot.start(0), "\"reservationId\":77"));
  lot.tag("aaaa");
  lot.world.run_for(15000);
  lot.world.charger.unplug(1);
  lot.world.run_for(3000);
  CHECK(lot.status(1) == "Available");
  lot.plug(1);
  lot.tag("BBBB");
  CHECK(lot.charges(1));
  CHECK(!contains(lot.start(1), "reservationId"));
  CHECK(lot.world.problems() == "");
}

// Rules: R-5.13-1 R-5.13-3
TEST_CASE("a reservation is replaced by its id only, and a connector in use is Occupied") {
  Lot lot(2);
  CHECK(lot.reserve(1, 1, "AAAA") == "Accepted");
  CHECK(lot.reserve(2, 1, "AAAA") == "Occupied");
  CHECK(lot.reserve(2, 1, "BBBB") == "Occupied");
  CHECK(lot.reserve(1, 1, "BBBB") == "Accepted");
  lot.tag("AAAA", 1);
  CHECK(lot.asked() == 0);
  CHECK(lot.reserve(1, 2, "BBBB") == "Accepted");  // it moves
  CHECK(lot.status(1) == "Available");
  CHECK(lot.status(2) == "Reserved");
  lot.plug(1);
  CHECK(lot.reserve(3, 1, "CCCC") == "Occupied");  // Preparing
  CHECK(lot.reserve(1, 1, "BBBB") == "Occupied");  // and the old one stays
  CHECK(lot.status(2) == "Reserved");
  lot.tag("DDDD", 1);
  CHECK(lot.charges(1));
  CHECK(lot.reserve(3, 1, "CCCC") == "Occupied");
  CHECK(lot.reserve(3, 3, "CCCC") == "Rejected");
  CHECK(lot.reserve(3, -1, "CCCC") == "Rejected");
  CHECK(lot.world.problems() == "");
}

// Rules: R-5.13-4 R-5.13-5 R-5.13-11
TEST_CASE("nothing out of order or unavailable is reserved, and becoming so ends a reservation") {
  Lot lot;
  CHECK(lot.availability(1, "Inoperative") == "Accepted");
  CHECK(lot.reserve(1, 1, "AAAA") == "Unavailable");
  CHECK(lot.reserve(1, 0, "AAAA") == "Unavailable");
  CHECK(lot.availability(1, "Operative") == "Accepted");
  lot.world.charger.set_error(1, charger::Error::kGroundFailure, true);
  lot.world.run_for(3000);
  CHECK(lot.reserve(1, 1, "AAAA") == "Faulted");
  CHECK(lot.reserve(1, 0, "AAAA") == "Faulted");
  lot.world.charger.set_error(1, charger::Error::kNone, false);
  lot.world.run_for(3000);
  for (const int connector_id : {1, 0}) {
    CHECK(lot.reserve(1, connector_id, "AAAA") == "Accepted");
    CHECK(lot.status(1) == "Reserved");
    lot.world.charger.set_error(1, charger::Error::kGroundFailure, true);
    lot.world.run_for(3000);
    lot.world.charger.set_error(1, charger::Error::kNone, false);
    lot.world.run_for(3000);
    CHECK(lot.status(1) == "Available");
    CHECK(lot.cancel(1) == "Rejected");
    CHECK(lot.reserve(1, connector_id, "AAAA") == "Accepted");
    CHECK(lot.availability(0, "Inoperative") == "Accepted");
    CHECK(lot.availability(0, "Operative") == "Accepted");
    CHECK(lot.status(1) == "Available");
    CHECK(lot.cancel(1) == "Rejected");
  }
  CHECK(!lot.world.settings.exists("reserve1"));
  CHECK(lot.world.problems() == "");
}

// Rules: R-5.1-1
TEST_CASE("a reservation is cancelled by its id") {
  Lot lot;
  CHECK(lot.cancel(5) == "Rejected");
  CHECK(lot.reserve(5, 1, "AAAA") == "Accepted");
  CHECK(lot.cancel(6) == "Rejected");
  CHECK(lot.status(1) == "Reserved");
  CHECK(lot.cancel(5) == "Accepted");
  CHECK(lot.status(1) == "Available");
  CHECK(lot.cancel(5) == "Rejected");
  lot.tag("BBBB");
  CHECK(lot.status(1) == "Preparing");
  CHECK(lot.world.problems() == "");
}

// Rules: R-5.13-11 R-5.13-13
TEST_CASE("a reservation ends at its expiry date to the second, and an expired one is refused") {
  Lot lot;
  CHECK(lot.reserve(1, 1, "AAAA", nullptr, -1000) == "Rejected");
  const common::Instant asked_at = lot.world.now();
  CHECK(lot.reserve(1, 1, "AAAA", nullptr, 60000) == "Accepted");
  lot.world.run_until(common::Instant{asked_at.ms + 59000});
  CHECK(lot.status(1) == "Reserved");
  lot.world.run_until(common::Instant{asked_at.ms + 61000});
  CHECK(lot.status(1) == "Available");
  CHECK(!lot.world.settings.exists("reserve1"));
  lot.tag("BBBB");
  CHECK(lot.status(1) == "Preparing");
  CHECK(lot.world.problems() == "");
}

// Rules: R-5.13-7 R-5.13-10 R-5.13-12 R-3.10-1 R-3.10-2
TEST_CASE("a tag of the reserved group may start; the CSMS is asked for the group of a stranger") {
  Lot lot;
  lot.world.csms.parents["MATE"] = "FLEET";
  lot.world.csms.parents["OTHER"] = "ELSE";
  CHECK(lot.reserve(9, 1, "AAAA", "FLEET") == "Accepted");
  lot.tag("FLEET");  // the parent itself is no tag of the group
  CHECK(lot.asked() == 1);
  CHECK(lot.status(1) == "Reserved");
  lot.tag("OTHER");
  CHECK(lot.asked() == 2);
  CHECK(lot.status(1) == "Reserved");
  lot.world.disconnect();
  lot.tag("MATE");  // offline nobody knows the group
  lot.world.connect();
  lot.world.run_for(2000);
  CHECK(lot.status(1) == "Reserved");
  lot.tag("MATE");
  CHECK(lot.status(1) == "Preparing");
  lot.plug(1);
  CHECK(lot.charges(1));
  CHECK(contains(lot.start(0), "\"reservationId\":9"));
  CHECK(contains(lot.start(0), "\"idTag\":\"MATE\""));
  CHECK(lot.world.problems() == "");
}

// Rules: R-5.13-7 R-5.13-10 R-5.11-1
TEST_CASE("a remote start obeys the reservation, and asks for the group although it need not ask") {
  Lot lot;
  lot.world.csms.parents["MATE"] = "FLEET";
  const auto start = [&](const char* tag) {
    const std::string answer =
        lot.world.call("RemoteStartTransaction", std::string(R"({"idTag":")") + tag + "\"}");
    lot.world.run_for(2000);
    return answer;
  };
  CHECK(lot.reserve(1, 1, "AAAA") == "Accepted");
  CHECK(start("MATE") == "Rejected");
  CHECK(lot.cancel(1) == "Accepted");
  CHECK(lot.reserve(1, 1, "AAAA", "FLEET") == "Accepted");
  CHECK(start("STRANGER") == "Accepted");
  CHECK(lot.status(1) == "Reserved");
  CHECK(start("MATE") == "Accepted");
  CHECK(lot.asked() == 2);
  CHECK(lot.status(1) == "Preparing");
  lot.plug(1);
  CHECK(lot.charges(1));
  CHECK(contains(lot.start(0), "\"reservationId\":1"));
  CHECK(lot.world.problems() == "");
}

// Rules: R-5.13-8 R-5.13-12 R-4.9-2
TEST_CASE("a reservation of any connector keeps the last free one") {
  Lot lot(3);
  CHECK(lot.world.configuration("ReserveConnectorZeroSupported") == "true");
  CHECK(lot.reserve(1, 0, "AAAA") == "Accepted");
  CHECK(lot.status(0) == "Available");
  CHECK(lot.status(1) == "Available");
  lot.plug(1);
  lot.tag("BBBB", 1);
  CHECK(lot.charges(1));
  CHECK(lot.status(2) == "Available");
  lot.plug(2);  // no tag yet: not free any more
  CHECK(lot.status(3) == "Reserved");
  CHECK(lot.reserve(2, 3, "CCCC") == "Occupied");
  CHECK(lot.reserve(2, 0, "CCCC") == "Occupied");
  lot.tag("CCCC", 3);
  CHECK(lot.status(3) == "Reserved");
  lot.tag("CCCC", 2);
  CHECK(lot.charges(2));
  lot.plug(3);  // the car may be the expected one
  CHECK(lot.status(3) == "Reserved");
  lot.tag("AAAA");
  CHECK(lot.charges(3));
  CHECK(contains(lot.start(2), "\"reservationId\":1"));
  CHECK(lot.cancel(1) == "Rejected");
  CHECK(lot.world.problems() == "");
}

// Rules: R-5.13-8 R-5.13-11
TEST_CASE("a reservation of any connector is used up on whichever connector its tag starts") {
  Lot lot(2);
  CHECK(lot.reserve(1, 0, "AAAA") == "Accepted");
  lot.plug(2);
  CHECK(lot.status(1) == "Reserved");
  lot.tag("AAAA", 2);
  CHECK(lot.charges(2));
  CHECK(contains(lot.start(0), "\"reservationId\":1"));
  CHECK(lot.status(1) == "Available");
  CHECK(lot.world.problems() == "");
}

TEST_CASE("two strangers who are asked about at once do not take the last free connector") {
  Lot lot(2);
  CHECK(lot.reserve(1, 0, "AAAA") == "Accepted");
  lot.world.tag("BBBB", 1);
  lot.world.tag("CCCC", 2);
  lot.world.run_for(3000);
  CHECK(lot.asked() == 2);
  CHECK(lot.status(1) == "Preparing");
  CHECK(lot.status(2) == "Reserved");
  CHECK(lot.world.problems() == "");
}

TEST_CASE("with one reader the reserved tag goes to its reserved connector") {
  Lot lot(2);
  CHECK(lot.reserve(1, 2, "AAAA") == "Accepted");
  lot.tag("AAAA");
  CHECK(lot.status(2) == "Preparing");
  lot.tag("BBBB");
  CHECK(lot.status(1) == "Preparing");
  CHECK(lot.world.problems() == "");
}

// Rules: R-5.13-11 R-4.9-15
TEST_CASE("a reserved driver who does not plug in keeps the reservation") {
  Lot lot;
  CHECK(lot.reserve(1, 1, "AAAA") == "Accepted");
  lot.tag("AAAA");
  const size_t before = lot.world.csms.statuses.size();
  lot.world.run_for(70000);  // ConnectionTimeOut
  REQUIRE(lot.world.csms.statuses.size() == before + 2);
  CHECK(lot.world.csms.statuses[before].status == "Available");
  CHECK(lot.world.csms.statuses[before + 1].status == "Reserved");
  CHECK(lot.world.problems() == "");
}

// Rules: R-5.13-11 R-5.13-13
TEST_CASE("reservations survive a restart, those that expired meanwhile do not") {
  Lot lot(2);
  CHECK(lot.reserve(1, 1, "AAAA", "FLEET", 60000) == "Accepted");
  CHECK(lot.reserve(2, 2, "BBBB", nullptr, 600000) == "Accepted");
  const uint64_t writes = lot.world.settings.writes();
  lot.world.run_for(30000);
  CHECK(lot.world.settings.writes() == writes);
  (void)lot.world.restart(platform::ResetCause::kPowerOn, 40000);
  lot.world.connect();
  lot.world.run_for(3000);
  CHECK(lot.status(1) == "Available");
  CHECK(lot.status(2) == "Reserved");
  lot.tag("CCCC", 2);
  CHECK(lot.asked() == 0);
  lot.tag("BBBB", 2);
  CHECK(lot.status(2) == "Preparing");
  lot.plug(2);
  CHECK(lot.charges(2));
  (void)lot.world.restart(platform::ResetCause::kPowerOn, 1000);
  lot.world.connect();
  lot.world.run_for(3000);
  CHECK(lot.cancel(2) == "Rejected");
  CHECK(lot.world.problems() == "");
}

TEST_CASE("without a clock a reservation holds for its whole length after a restart, not longer") {
  Lot lot;
  CHECK(lot.reserve(1, 1, "AAAA", nullptr, 600000) == "Accepted");
  CHECK(lot.world.call("ChangeConfiguration",
                       R"({"key":"AllowOfflineTxForUnknownId","value":"true"})") == "Accepted");
  (void)lot.world.restart(platform::ResetCause::kPowerOn, 3600000);
  lot.world.run_for(590000);
  CHECK(lot.world.charge_point->status(1) == ocpp::ChargePointStatus::Reserved);
  lot.tag("BBBB");
  CHECK(lot.world.charge_point->status(1) == ocpp::ChargePointStatus::Reserved);
  lot.world.run_for(20000);
  CHECK(lot.world.charge_point->status(1) == ocpp::ChargePointStatus::Available);
  lot.tag("BBBB");
  CHECK(lot.world.charge_point->status(1) == ocpp::ChargePointStatus::Preparing);
}

TEST_CASE("a reservation that cannot be stored or erased is refused, and changes nothing") {
  Lot lot;
  lot.world.settings.fail_next_set(common::Status::kIo);
  CHECK(lot.reserve(1, 1, "AAAA") == "Rejected");
  CHECK(lot.status(1) == "Available");
  CHECK(lot.reserve(1, 1, "AAAA") == "Accepted");
  CHECK(lot.reserve(1, 1, "AAAA") == "Accepted");
  CHECK(lot.world.problems() == "");
}

TEST_CASE("a stored reservation is read by later versions, and nothing else is taken for one") {
  ocpp::Reservation reservation;
  reservation.id = -2;
  reservation.connector_id = 3;
  reservation.expiry = common::UtcTime{1'800'000'000'123};
  reservation.length_s = 4000000000U;
  reservation.id_tag = ocpp::IdTag("01234567890123456789");
  reservation.parent_id_tag = ocpp::IdTag("P");
  uint8_t image[80] = {};
  ocpp::encode(reservation, common::MutableByteSpan(image));
  static const uint8_t kGolden[] = {
      1,    0xFE, 0xFF, 0xFF, 0xFF, 3,   0x7B, 0x50, 0x5C, 0x18, 0xA3, 0x01, 0x00, 0x00,
      0x00, 0x28, 0x6B, 0xEE, 20,   '0', '1',  '2',  '3',  '4',  '5',  '6',  '7',  '8',
      '9',  '0',  '1',  '2',  '3',  '4', '5',  '6',  '7',  '8',  '9',  1,    'P'};
  for (size_t i = 0; i < sizeof kGolden; ++i) {
    CAPTURE(i);
    CHECK(static_cast<int>(image[i]) == static_cast<int>(kGolden[i]));
  }
  ocpp::Reservation read;
  const size_t size = ocpp::Reservation::kImageBytes;
  CHECK(size == 60);
  REQUIRE(ocpp::decode(common::ByteSpan(image, size + 7), read) == common::Status::kOk);
  CHECK(read.id == -2);
  CHECK(read.connector_id == 3);
  CHECK(read.expiry.ms == reservation.expiry.ms);
  CHECK(read.length_s == 4000000000U);
  CHECK(read.id_tag == reservation.id_tag);
  CHECK(read.parent_id_tag == reservation.parent_id_tag);
  CHECK(ocpp::decode(common::ByteSpan(image, size - 1), read) == common::Status::kCorrupt);
  image[0] = 0;
  CHECK(ocpp::decode(common::ByteSpan(image, size), read) == common::Status::kCorrupt);
}

// Rules: R-5.13-8
TEST_CASE("a car that waits at the connector kept for any does not get it by a restart") {
  Lot lot;
  CHECK(lot.world.call("ChangeConfiguration", R"({"key":"FreeVendEnabled","value":"true"})") ==
        "Accepted");
  CHECK(lot.reserve(1, 0, "AAAA") == "Accepted");
  lot.plug(1);
  CHECK(lot.status(1) == "Reserved");
  (void)lot.world.restart(platform::ResetCause::kSoftware);
  lot.world.connect();
  lot.world.run_for(5000);
  CHECK(lot.world.csms.transactions.empty());
  lot.tag("BBBB");
  CHECK(lot.world.csms.transactions.empty());
  lot.tag("AAAA");
  CHECK(lot.charges(1));
  CHECK(contains(lot.start(0), "\"reservationId\":1"));
  CHECK(lot.world.problems() == "");
}

// Rules: R-5.13-11 R-5.13-12
TEST_CASE("a remote start that asks nobody uses the reservation of its group at any connector") {
  Lot lot(2);
  lot.world.csms.parents["AAAA"] = lot.world.csms.parents["BBBB"] = "FAMILY";
  CHECK(lot.world.call("ChangeConfiguration",
                       R"({"key":"AuthorizeRemoteTxRequests","value":"false"})") == "Accepted");
  lot.plug(1);
  lot.tag("BBBB", 1);
  CHECK(lot.charges(1));
  lot.tag("BBBB", 1);
  lot.world.run_for(15000);
  CHECK(lot.reserve(1, 0, "AAAA", "FAMILY") == "Accepted");
  CHECK(lot.status(2) == "Reserved");
  CHECK(lot.world.call("RemoteStartTransaction", R"({"idTag":"BBBB","connectorId":1})") ==
        "Accepted");
  CHECK(lot.charges(1));
  CHECK(contains(lot.start(1), "\"reservationId\":1"));
  CHECK(lot.status(2) == "Available");
  CHECK(lot.world.problems() == "");
}

TEST_CASE("what is stored under a reservation's key and is none of this gateway's is removed") {
  Lot lot(2);
  ocpp::Reservation reservation;
  reservation.id = 9;
  reservation.connector_id = 3;  // of a build with more connectors
  reservation.expiry = common::UtcTime{1'900'000'000'000};
  reservation.id_tag = ocpp::IdTag("AAAA");
  uint8_t image[ocpp::Reservation::kImageBytes] = {};
  ocpp::encode(reservation, common::MutableByteSpan(image));
  auto& settings = lot.world.settings;
  REQUIRE(settings.set("reserve1", common::ByteSpan(image)) == common::Status::kOk);
  REQUIRE(settings.set("reserve2", common::ByteSpan(image, 7)) == common::Status::kOk);
  (void)lot.world.restart(platform::ResetCause::kPowerOn);
  lot.world.connect();
  lot.world.run_for(3000);
  CHECK(!settings.exists("reserve1"));
  CHECK(!settings.exists("reserve2"));
  CHECK(lot.status(1) == "Available");
  CHECK(lot.cancel(9) == "Rejected");
}

// Rules: R-5.13-4 R-5.13-5
TEST_CASE("of several reasons the one is told that a driver's leaving or a repair would end") {
  Lot lot(2);
  CHECK(lot.availability(1, "Inoperative") == "Accepted");
  lot.world.charger.set_error(2, charger::Error::kGroundFailure, true);
  lot.world.run_for(3000);
  CHECK(lot.reserve(1, 0, "AAAA") == "Faulted");
  lot.world.charger.set_error(2, charger::Error::kNone, false);
  lot.plug(2);
  CHECK(lot.reserve(1, 0, "AAAA") == "Occupied");
  lot.world.charger.unplug(2);
  lot.world.run_for(3000);
  CHECK(lot.reserve(1, 0, "AAAA") == "Accepted");
  // The only usable connector is promised already.
  CHECK(lot.reserve(2, 2, "BBBB") == "Occupied");
  CHECK(lot.reserve(1, 0, "CCCC") == "Accepted");  // replaced by its id
  // A lost wallbox cannot keep a promise.
  lot.world.charger.set_silent(2, true);
  lot.world.run_for(70000);
  CHECK(lot.cancel(1) == "Rejected");
  CHECK(lot.world.problems() == "");
}

TEST_CASE("without a tag nothing is reserved, and connector 0 cannot be switched off") {
  Lot lot;
  CHECK(lot.reserve(1, 1, "") == "Rejected");
  CHECK(lot.world.call("ChangeConfiguration",
                       R"({"key":"ReserveConnectorZeroSupported","value":"false"})") == "Rejected");
  CHECK(lot.status(1) == "Available");
}

TEST_CASE("as many reservations as connectors can be had, and a used one makes room") {
  Lot lot(limits::kMaxConnectors);
  for (int id = 1; id <= static_cast<int>(limits::kMaxConnectors); ++id)
    CHECK(lot.reserve(id, id, "AAAA") == "Accepted");
  CHECK(lot.reserve(100, 0, "BBBB") == "Occupied");
  CHECK(lot.reserve(100, 1, "BBBB") == "Occupied");
  CHECK(lot.cancel(3) == "Accepted");
  CHECK(lot.reserve(100, 0, "BBBB") == "Accepted");
  CHECK(lot.world.problems() == "");
}

// Rules: FP-8
TEST_CASE("a cancellation that the flash refuses is refused, and the reservation holds on") {
  Lot lot;
  CHECK(lot.reserve(1, 1, "AAAA") == "Accepted");
  lot.world.power.fail_accesses(lot.world.power.accesses(), UINT64_MAX);
  CHECK(lot.cancel(1) == "Rejected");
  CHECK(lot.status(1) == "Reserved");
  lot.world.power.fail_accesses(UINT64_MAX, 0);
  CHECK(lot.cancel(1) == "Accepted");
  CHECK(lot.status(1) == "Available");
}

// Rules: R-5.13-7
TEST_CASE(
    "a tag that is known to be of another group does not get a reserved connector, nor a "
    "question") {
  Lot lot;
  World& world = lot.world;
  world.csms.parents["BBBB"] = "OTHERS";
  world.csms.parents["CCCC"] = "FAMILY";
  for (const char* tag : {"BBBB", "CCCC"}) {
    lot.tag(tag);
    lot.tag(tag);  // taken back: now the cache knows it
    world.run_for(2000);
  }
  const int asked = lot.asked();
  CHECK(lot.reserve(1, 1, "AAAA", "FAMILY") == "Accepted");
  lot.tag("BBBB");
  CHECK(lot.status(1) == "Reserved");
  CHECK(lot.asked() == asked);
  lot.tag("CCCC");
  CHECK(lot.status(1) == "Preparing");
  CHECK(world.problems() == "");
}

// Rules: R-5.13-8
TEST_CASE("of two cars that wait at a restart one keeps the connector kept for any") {
  Lot lot(2);
  lot.plug(1);
  CHECK(lot.reserve(1, 0, "AAAA") == "Accepted");
  lot.plug(2);
  CHECK(lot.status(2) == "Reserved");
  (void)lot.world.restart(platform::ResetCause::kSoftware);
  lot.world.connect();
  lot.world.run_for(5000);
  lot.tag("BBBB", 1);
  CHECK(lot.charges(1));
  lot.tag("CCCC", 2);
  CHECK(lot.world.csms.transactions.size() == 1);
  lot.tag("AAAA", 2);
  CHECK(lot.charges(2));
  CHECK(contains(lot.start(1), "\"reservationId\":1"));
  CHECK(lot.world.problems() == "");
}
