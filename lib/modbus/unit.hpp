#pragma once

#include "common/fixed_vector.hpp"
#include "common/limits.hpp"
#include "common/time.hpp"
#include "modbus/frame.hpp"
#include "platform/serial_link.hpp"

namespace modbus {

/// One unit on a bus. Times in ms.
struct UnitConfig {
  uint8_t unit_id = 1;  ///< 1..255, though the standard ends at 247; 0..255 with Framing::kTcp.
  Framing framing = Framing::kRtu;
  platform::SerialSettings serial;  ///< Of the line that the unit is on; unused with Framing::kTcp.
  uint16_t timeout_ms =
      400;  ///< What the unit may take to answer, 50..5000; time on the wire is added.
  uint16_t gap_ms =
      0;  ///< Silence on the bus before a request to this unit; on a line at least 3.5 characters are kept.
  uint16_t write_gap_ms = 0;  ///< What it needs after a write before it is asked again.
  uint16_t wake_after_ms =
      0;  ///< Left alone for this long it sleeps through the next request, which is sent twice; 0 = never.
  bool has_outlets = false;  ///< Several units with this id: the outlets of one device.
  uint8_t retries = 2;       ///< Further tries of a request that got no valid answer, 0..5.
};

/// Counters of one unit; they wrap.
struct UnitStatistics {
  uint32_t requests = 0;    ///< Frames sent, retries included.
  uint32_t replies = 0;     ///< Valid answers, exceptions included.
  uint32_t timeouts = 0;    ///< Nothing came.
  uint32_t crc_errors = 0;  ///< An answer came with a wrong CRC or LRC.
  uint32_t garbage = 0;     ///< Bytes came, no answer.
  uint32_t exceptions = 0;  ///< The unit refused.
};

/// Stops and lower limits go before other writes, writes before reads of any unit, those before what can wait. On a full
/// bus one request in kPatience + 1 is one that could wait.
enum class Priority : uint8_t { kUrgent, kWrite, kRead, kBackground };

/// What a Bus knows of one of its units.
struct Unit {
  static constexpr size_t kQueueLength = 3;

  struct Entry {
    bool used = false;
    uint8_t tag = 0;
    Priority priority = Priority::kRead;
    uint8_t tries = 0;
    uint32_t order = 0;
    Request request;
  };

  UnitConfig config;
  UnitStatistics statistics;
  Entry queue[kQueueLength];
  const void* bus = nullptr;  ///< The Bus it is on.
  uint8_t failures = 0;       ///< Tries without a valid answer in a row, saturating.
  bool was_asked = false;
  uint16_t backoff_ms = 0;
  common::Instant not_before;  ///< No request to this unit earlier.
  common::Instant asked_at;    ///< Last request, when was_asked.
  uint32_t last_turn = 0;
};

/// The units of all buses of a gateway, about 150 bytes each: how they spread over the buses is the installation's affair.
using UnitPool = common::FixedVector<Unit, limits::kMaxUnits>;

}  // namespace modbus
