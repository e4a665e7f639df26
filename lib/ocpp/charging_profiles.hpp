#pragma once

#include "common/log.hpp"
#include "ocpp/charging_profile.hpp"
#include "platform/key_value_store.hpp"

namespace ocpp {

/// The installed charging profiles, kept over restarts (errata 3.37). Each has its own entry in the
/// settings store, so a profile is replaced whole or not at all. Writing is put off a little: some
/// CSMS change a profile every minute.
class ChargingProfiles {
 public:
  /// Criteria of ClearChargingProfile; what is not set matches everything (errata 3.25).
  struct Selection {
    bool has_connector_id = false;
    uint8_t connector_id = 0;
    bool has_purpose = false;
    ProfilePurpose purpose = ProfilePurpose::TxDefaultProfile;
    bool has_stack_level = false;
    int32_t stack_level = 0;
  };

  ChargingProfiles(platform::KeyValueStore& settings, common::LogSink& log)
      : settings_(settings), log_(log) {}

  /// Reads what was stored.
  void begin();
  /// Drops TxProfiles whose transaction is not open any more.
  /// @param is_open  bool(uint32_t local_transaction)
  template <typename IsOpen>
  void keep_open_transactions(IsOpen is_open, common::Instant now) {
    for (ChargingProfile& profile : slots_) {
      if (profile.period_count == 0 || profile.purpose != ProfilePurpose::TxProfile) continue;
      if (!is_open(profile.local_transaction)) drop(profile, now);
    }
  }

  /// Installs a checked profile. It replaces the one with the same id and the one with the same
  /// purpose, stack level and connector (for TxProfile: transaction); a replacement never fails for
  /// lack of room.
  /// @retval kNoSpace  All slots are taken; unchanged.
  common::Status install(const ChargingProfile& profile, common::Instant now);
  /// @return Whether one was there.
  bool clear_id(int32_t id, common::Instant now);
  /// @return Profiles cleared.
  size_t clear(const Selection& selection, common::Instant now);

  /// Gives the TxProfile that came with a remote start to the transaction that it was meant for.
  void bind_pending(uint8_t connector_id, uint32_t local_transaction, common::Instant now);
  /// The remote start came to nothing.
  void drop_pending(uint8_t connector_id, common::Instant now) {
    drop_transaction(connector_id, 0, now);
  }
  /// TxProfiles end with their transaction.
  void drop_transaction(uint8_t connector_id, uint32_t local_transaction, common::Instant now);

  /// All slots; empty ones have no periods.
  common::Span<const ChargingProfile> all() const {
    return common::Span<const ChargingProfile>(slots_);
  }
  size_t size() const;
  /// Counts changes: a cheap way to see that limits must be computed anew.
  uint32_t revision() const { return revision_; }

  /// When step() wants to write.
  common::Instant deadline() const { return write_at_; }
  void step(common::Instant now) {
    if (now >= write_at_) flush(now);
  }
  /// Writes every change now (before a restart).
  void flush(common::Instant now);

 private:
  static constexpr int64_t kWriteDelayMs = 2000;
  static constexpr int64_t kWriteIntervalMs = 60000;

  void drop(ChargingProfile& profile, common::Instant now);
  void touch(const ChargingProfile& profile, common::Instant now);

  platform::KeyValueStore& settings_;
  common::LogSink& log_;
  uint32_t revision_ = 0;
  uint32_t dirty_ = 0;  ///< Bit per slot.
  common::Instant write_at_ = common::Instant::never();
  common::Instant last_write_{INT64_MIN / 2};
  ChargingProfile slots_[limits::kMaxChargingProfiles];
};

}  // namespace ocpp
