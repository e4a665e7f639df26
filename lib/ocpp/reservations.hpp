#pragma once

#include "common/limits.hpp"
#include "common/log.hpp"
#include "ocpp/clock_sync.hpp"
#include "ocpp/records.hpp"
#include "platform/key_value_store.hpp"

namespace ocpp {

/// A connector kept for somebody until a time (OCPP 1.6 ed. 2, 5.13).
struct Reservation {
  static constexpr size_t kImageBytes = 20 + 2 * limits::kIdTagBytes;

  int32_t id = 0;            ///< Given by the CSMS.
  uint8_t connector_id = 0;  ///< 0 = any connector.
  IdTag id_tag;
  IdTag parent_id_tag;  ///< Of the group that may use it too; empty = none.
  common::UtcTime expiry;
  uint32_t length_s = 0;  ///< From the request to expiry.
};

/// Image on flash: version (1), id, connector, expiry, length, then both tags as a length byte and 20
/// bytes; little endian. Later versions only add at the end. @param out  kImageBytes.
void encode(const Reservation& reservation, common::MutableByteSpan out);
/// @retval kCorrupt  Too short, no version of ours, or a tag of an impossible length.
common::Status decode(common::ByteSpan image, Reservation& out);

/// The reservations of one charge point, each on flash before it is answered and gone from there
/// when it ends: one write and one erasure each.
///
/// After a restart without a clock a reservation holds for its whole length at most, so that a
/// gateway that never learns the time is not blocked for ever.
class Reservations {
 public:
  Reservations(platform::KeyValueStore& settings, const ClockSync& clock, common::LogSink& log)
      : settings_(settings), clock_(clock), log_(log) {}

  /// Reads what was stored. @param connectors  Reservations of others are dropped.
  void begin(uint8_t connectors);

  bool empty() const { return taken_ == 0; }
  /// @param index  0..limits::kMaxConnectors - 1. @return nullptr when there is none.
  const Reservation* at(size_t index) const {
    return (taken_ & 1U << index) != 0 ? &slots_[index] : nullptr;
  }
  /// The reservation of this very connector. @param connector_id  1..n
  const Reservation* on(uint8_t connector_id) const;
  /// The reservation that a transaction of this tag on the connector uses; nullptr when none.
  /// @param parent_id_tag  Of the tag; empty = none or unknown.
  const Reservation* matching(uint8_t connector_id, const IdTag& id_tag,
                              const IdTag& parent_id_tag) const;

  /// Connectors held for reservations of any connector, as bits 1..n.
  uint16_t held() const { return held_; }
  void set_held(uint16_t connectors);
  /// Only a matching tag may start here.
  bool is_reserved(uint8_t connector_id) const {
    return (held_ & 1U << connector_id) != 0 || (!empty() && on(connector_id) != nullptr);
  }
  /// Changes whenever is_reserved() may have changed for any connector.
  uint8_t revision() const { return revision_; }

  /// Adds it, or replaces the one with the same id.
  /// @retval kIo, kNoSpace  Not stored: nothing has changed.
  common::Status put(const Reservation& reservation);
  /// CancelReservation. @retval kNotFound  @retval kIo  Still stored: nothing has changed.
  common::Status cancel(int32_t id);
  /// It was used, or cannot be kept. Erased again later should the flash refuse now.
  void end(int32_t id, const char* cause);

  /// Ends what has expired. @return When there is more to do.
  common::Instant step();

 private:
  static constexpr int64_t kEraseRetryMs = 60000;

  void end_slot(size_t index, const char* cause);

  platform::KeyValueStore& settings_;
  const ClockSync& clock_;
  common::LogSink& log_;
  uint8_t taken_ = 0;     ///< Bit per slot.
  uint8_t unerased_ = 0;  ///< Slots without a reservation whose image is still on flash.
  uint8_t revision_ = 0;
  uint16_t held_ = 0;
  common::Instant erase_at_ = common::Instant::never();
  common::Instant begun_at_;  ///< For those of an earlier boot, whose clock is not known yet.
  Reservation slots_[limits::kMaxConnectors];
};

}  // namespace ocpp
