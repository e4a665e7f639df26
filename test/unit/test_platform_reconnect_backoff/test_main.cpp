#include "doctest_main/doctest_main.hpp"
#include "platform/reconnect_backoff.hpp"

#include <initializer_list>

using common::Instant;
using platform::BackoffSettings;
using platform::ReconnectBackoff;

namespace {

/// Random bits that draw the longest wait of ceiling_ms.
uint32_t longest(const ReconnectBackoff& backoff) {
  return static_cast<uint32_t>(backoff.ceiling_ms() - BackoffSettings{}.minimum_ms);
}

}  // namespace

TEST_CASE("the first wait lies between one and two seconds") {
  for (const uint32_t random : {0U, 1U, 999U, 1000U, 1001U, 123456789U, UINT32_MAX}) {
    ReconnectBackoff backoff;
    const int64_t wait_ms = backoff.on_failure(Instant{5000}, random) - Instant{5000};
    CHECK(wait_ms >= 1000);
    CHECK(wait_ms <= 2000);
  }
}

// Rules: J-3.2-1 FP-2
TEST_CASE("the ceiling doubles with every failure and stops at the maximum") {
  ReconnectBackoff backoff;
  Instant now{0};
  for (const int64_t expected_ms :
       {2000, 4000, 8000, 16000, 32000, 64000, 120000, 120000, 120000}) {
    const Instant next = backoff.on_failure(now, longest(backoff));
    CHECK(next - now == expected_ms);
    now = next;
  }
}

TEST_CASE("jitter can draw the whole range at every step") {
  ReconnectBackoff low;
  ReconnectBackoff high;
  for (int i = 0; i < 10; ++i) {
    CHECK(low.on_failure(Instant{0}, 0).ms == 1000);
    const int64_t ceiling_ms = high.ceiling_ms();
    CHECK(high.on_failure(Instant{0}, longest(high)).ms == ceiling_ms);
  }
}

TEST_CASE("a connection that lived a minute makes the next failure a first one") {
  ReconnectBackoff backoff;
  for (int i = 0; i < 8; ++i) (void)backoff.on_failure(Instant{0}, 0);
  backoff.on_connected(Instant{1000});
  SUBCASE("after 60 s") {
    CHECK(backoff.on_failure(Instant{61000}, 1000) - Instant{61000} == 2000);
  }
  SUBCASE("not before") {
    CHECK(backoff.on_failure(Instant{60999}, 119000) - Instant{60999} == 120000);
  }
  SUBCASE("a failure in between does not count as connected time") {
    (void)backoff.on_failure(Instant{2000}, 0);
    CHECK(backoff.on_failure(Instant{200000}, 119000) - Instant{200000} == 120000);
  }
}

TEST_CASE("the server's Retry-After is a lower bound, capped at the maximum") {
  ReconnectBackoff backoff;
  CHECK(backoff.on_failure(Instant{0}, 0, 30000).ms == 30000);
  CHECK(backoff.on_failure(Instant{0}, 0, 3600000).ms == 120000);
  CHECK(backoff.on_failure(Instant{0}, longest(backoff), 10).ms == 8000);
}

TEST_CASE("settings with no room for jitter give exactly that wait") {
  ReconnectBackoff backoff(BackoffSettings{50, 50, 50, 1000});
  for (int i = 0; i < 5; ++i) CHECK(backoff.on_failure(Instant{7}, 99) - Instant{7} == 50);
}

TEST_CASE("reset starts again") {
  ReconnectBackoff backoff;
  for (int i = 0; i < 5; ++i) (void)backoff.on_failure(Instant{0}, 0);
  backoff.reset();
  CHECK(backoff.ceiling_ms() == 2000);
}
