#include "link_access_fixture.hpp"
#include "platform/reconnect_backoff.hpp"

using common::Instant;
using common::Status;
using gateway::LinkAccess;
using platform::LinkFailure;
using platform::SecurityProfile;

namespace {

constexpr const char* kOld = "the old password";
constexpr const char* kNew = "a new key of text";
constexpr int64_t kMinuteMs = 60'000;
constexpr int64_t kDayMs = 24 * 60 * kMinuteMs;

/// What a CSMS takes; with is_up false there is none.
struct Wants {
  bool is_up = true;
  std::string password = kOld;
  SecurityProfile profile = SecurityProfile::kBasic;
};

/// A gateway whose link tries as the real ones do, and a CSMS that takes one password and one profile.
struct Site {
  Fixture gateway;
  Wants csms;
  platform::ReconnectBackoff backoff;
  Instant next{0};
  uint32_t random = 1;
  uint32_t attempts = 0;

  Site() {
    gateway.set("password", kOld);
    restart();
    REQUIRE(run_until_up(kMinuteMs));
  }
  void restart() {
    gateway.restart();
    open();
  }
  void open() {
    backoff.reset();
    next = gateway.now;
  }
  LinkFailure judge() const {
    const platform::LinkSettings& link = gateway.opened;
    if (!csms.is_up) return LinkFailure::kConnection;
    if (link.security_profile != csms.profile)
      return link.security_profile > csms.profile ? LinkFailure::kTls : LinkFailure::kConnection;
    const bool is_right = csms.profile == SecurityProfile::kTlsClientCertificate ||
                          str(link.password) == csms.password ||
                          str(link.other_password) == csms.password;
    return is_right ? LinkFailure::kNone : LinkFailure::kUnauthorized;
  }
  void attempt() {
    ++attempts;
    random = random * 1664525U + 1013904223U;
    const LinkFailure failure = judge();
    const bool is_opened = failure == LinkFailure::kNone
                               ? gateway.connect(str(gateway.opened.password) != csms.password)
                               : gateway.fail(failure);
    if (is_opened) return open();
    if (failure != LinkFailure::kNone) next = backoff.on_failure(gateway.now, random);
  }
  /// Time passes. @return Whether it is connected, with nothing on trial, before it has.
  bool run_until_up(int64_t duration_ms) {
    const Instant end = gateway.now + duration_ms;
    while (gateway.now < end) {
      if (gateway.link.is_up && !gateway.access->is_trying()) return true;
      gateway.now = gateway.now + 500;
      if (gateway.step()) open();
      if (!gateway.link.is_up && gateway.now >= next) attempt();
    }
    return false;
  }
  void lose() {
    gateway.link.is_up = false;
    ++gateway.link.failures;
    gateway.link.failure = LinkFailure::kConnection;
    next = gateway.now;
  }
  bool connects_within(int64_t duration_ms) {
    lose();
    open();
    return run_until_up(duration_ms);
  }
};

}  // namespace

// Rules: WP-A01.FR.01 WP-A05.FR.08 FP-21
TEST_CASE(
    "without a CSMS for a day in the midst of a change attempts stay rare, and both work after "
    "it") {
  for (const char* accepted : {kNew, kOld}) {
    CAPTURE(accepted);
    Site site;
    REQUIRE(site.gateway.set_key(kNew) == Status::kOk);
    site.csms.is_up = false;
    site.lose();
    site.attempts = 0;
    CHECK_FALSE(site.run_until_up(kDayMs));
    // One in half a minute: without a change it is one in a minute.
    CHECK(site.attempts < 2 * 24 * 60);
    site.csms = Wants{true, accepted, SecurityProfile::kBasic};
    CHECK(site.run_until_up(15 * kMinuteMs));
    CHECK(str(site.gateway.settings.text("password")) == accepted);
  }
}

// Rules: FP-21
TEST_CASE("a CSMS that takes neither key gets both in turn until it takes one again") {
  Site site;
  REQUIRE(site.gateway.set_key(kNew) == Status::kOk);
  site.csms.password = "a third password";
  site.lose();
  site.attempts = 0;
  CHECK_FALSE(site.run_until_up(kDayMs));
  CHECK(site.attempts < 2 * 24 * 60);
  site.csms.password = kOld;
  CHECK(site.run_until_up(15 * kMinuteMs));
  CHECK(str(site.gateway.settings.text("password")) == kOld);
}

// Rules: WP-A01.FR.01 WP-A05.FR.05 WP-A05.FR.08 FP-21
TEST_CASE(
    "wherever power fails in a change the gateway comes back to a CSMS that took it, or did not") {
  struct Change {
    bool has_key;
    bool has_profile;
  };
  for (const Change change : {Change{true, false}, Change{false, true}, Change{true, true}}) {
    CAPTURE(change.has_key);
    CAPTURE(change.has_profile);
    bool has_ended = false;
    for (uint64_t cut = 0; !has_ended && cut < 60; ++cut) {
      CAPTURE(cut);
      Site site;
      auto& power = site.gateway.power;
      power.cut_at_operation(power.operations() + cut / 2, cut % 2 == 1);
      // What was not answered the CSMS has not changed either.
      if (change.has_key && site.gateway.set_key(kNew) == Status::kOk) site.csms.password = kNew;
      if (change.has_profile && site.gateway.access->raise_profile(SecurityProfile::kTlsBasic,
                                                                   site.gateway.now) == Status::kOk)
        site.csms.profile = SecurityProfile::kTlsBasic;
      if (power.is_on()) (void)site.run_until_up(kMinuteMs);
      has_ended = power.is_on();
      power.restore();
      site.restart();
      CHECK(site.run_until_up(5 * kMinuteMs));
      CHECK(str(site.gateway.settings.text("password")) == site.csms.password);
      CHECK(site.gateway.access->security_profile() == site.csms.profile);
      site.restart();
      CHECK(site.run_until_up(kMinuteMs));
    }
    CHECK(has_ended);
  }
}

// Rules: WP-A05.FR.08 FP-21
TEST_CASE("of a key and a profile that were changed together the one that works is kept") {
  for (const bool is_key_good : {true, false}) {
    CAPTURE(is_key_good);
    Site site;
    REQUIRE(site.gateway.set_key(kNew) == Status::kOk);
    REQUIRE(site.gateway.access->raise_profile(SecurityProfile::kTlsBasic, site.gateway.now) ==
            Status::kOk);
    if (is_key_good) {
      site.csms.password = kNew;
    } else {
      site.csms.profile = SecurityProfile::kTlsBasic;
    }
    REQUIRE(site.connects_within(5 * kMinuteMs));
    CHECK(str(site.gateway.settings.text("password")) == site.csms.password);
    CHECK(site.gateway.access->security_profile() == site.csms.profile);
  }
}

// Rules: FP-21
TEST_CASE("a profile that is tried keeps the form of the key that the CSMS took") {
  constexpr const char* kDigits = "4F43415F4F4354545F61646D696E5F74657374";
  Site site;
  site.gateway.set("password", kDigits);
  site.csms.password = kDigits;  // the characters, not the bytes
  site.restart();
  REQUIRE(site.run_until_up(kMinuteMs));
  REQUIRE(site.gateway.access->raise_profile(SecurityProfile::kTlsBasic, site.gateway.now) ==
          Status::kOk);
  site.csms.profile = SecurityProfile::kTlsBasic;
  REQUIRE(site.gateway.step(LinkAccess::kAnswerMs));
  CHECK(str(site.gateway.opened.password) == kDigits);
  REQUIRE(site.connects_within(kMinuteMs));
  site.restart();
  CHECK(str(site.gateway.opened.password) == kDigits);
}
