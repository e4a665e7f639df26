// Purpose:       Messages of the CSMS that are none: noted, and never so often that flash or log suffer.
// Given:         A gateway with the security extension in virtual time, a CSMS that sends what it should not.
// Steps:         See each case.
// Pass criteria: InvalidMessages stands in the log with what came and how often; the CSMS is not told, it is no critical event.
// Spec:          OCPP 1.6 security whitepaper ed. 3, A04 and 8; OCPP-J 1.6, 4.2.
#include "fixture.hpp"
#include "log_file.hpp"

namespace {

struct Invalid : Fixture {
  void send(const std::string& frame) {
    world.csms.send(frame, world.now());
    world.run_for(500);
  }
  /// What the log says of them, each followed by a blank.
  std::string noted() {
    std::string all;
    ocpp::SecurityLog::Reader reader;
    ocpp::SecurityEntry entry;
    while (world.security->log().read(reader, entry) == common::Status::kOk) {
      if (entry.event == ocpp::SecurityEvent::InvalidMessages)
        all += std::string(entry.info.c_str()) + "; ";
    }
    return all;
  }
};

constexpr int64_t kHourMs = 3'600'000;

}  // namespace

// Rules: WP-8-1
TEST_CASE_FIXTURE(Invalid, "each kind of message that is none is noted, and not told") {
  std::string expected;
  SUBCASE("no JSON") {
    send("hello");
    expected = "1 unreadable; ";
  }
  SUBCASE("a CALL whose payload is cut") {
    send(R"([2,"1","Reset",{"type":)");
    expected = "1 FormationViolation; ";
  }
  SUBCASE("a value of another type") {
    send(R"([2,"1","Reset",{"type":5}])");
    expected = "1 TypeConstraintViolation; ";
  }
  SUBCASE("a member that is missing") {
    send(R"([2,"1","Reset",{}])");
    expected = "1 OccurenceConstraintViolation; ";
  }
  SUBCASE("a word that the schema does not know") {
    send(R"([2,"1","Reset",{"type":"Warm"}])");
    expected = "1 PropertyConstraintViolation; ";
  }
  SUBCASE("an answer that is no JSON") {
    send(R"([3,"whose",{"currentTime":)");
    expected = "1 broken answer; ";
  }
  CHECK(noted() == expected);
  CHECK(count("InvalidMessages") == 0);
}

TEST_CASE_FIXTURE(Invalid, "what is refused for another reason is a message all the same") {
  send(R"([2,"1","NoSuchAction",{}])");
  send(R"([2,"2","DataTransfer",{"vendorId":"com.example"}])");
  send(R"([3,"nobody-asked",{}])");
  send(R"([8,"1",{}])");
  CHECK(noted() == "");
}

TEST_CASE_FIXTURE(Invalid,
                  "a flood is counted and noted ever more rarely, and one a day later at once") {
  for (int i = 0; i < 48 * 20; ++i) {
    send("hello");
    send(R"([2,"1","Reset",{}])");
    world.run_for(179'000);
  }
  CHECK(noted() ==
        "1 unreadable; "
        "20 unreadable, 20 OccurenceConstraintViolation; "
        "40 unreadable, 40 OccurenceConstraintViolation; "
        "80 unreadable, 80 OccurenceConstraintViolation; "
        "160 unreadable, 160 OccurenceConstraintViolation; "
        "320 unreadable, 320 OccurenceConstraintViolation; ");
  // A quiet time as long as the last wait, and it begins anew.
  world.run_for(2 * 24 * kHourMs);
  const size_t size = noted().size();
  world.run_for(2 * 24 * kHourMs);
  CHECK(noted().size() == size);
  send("hello");
  CHECK(noted().substr(size) == "1 unreadable; ");
}
