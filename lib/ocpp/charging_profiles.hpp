#pragma once

#include "common/log.hpp"
#include "ocpp/charging_profile.hpp"
#include "ocpp/clock_sync.hpp"
#include "platform/key_value_store.hpp"

namespace ocpp {

/// The installed charging profiles, kept over restarts (errata 3.37). Each has its own entry in the
/// settings store, so a profile is replaced whole or not at all.
///
/// Some CSMS change a profile every few seconds, for years. So a change that can only raise what would hold after a
/// restart waits until the profile has been left alone for a minute (ten minutes at most); everything else is stored
/// before the CSMS is answered: a power cut never brings back a higher limit than the one that held. Such writes have a
/// budget of kBurst at once and one per minute in the long run; beyond it they wait up to a minute, but no profile is
/// ever refused for it.
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

  ChargingProfiles(platform::KeyValueStore& settings, const ClockSync& clock, common::LogSink& log)
      : settings_(settings), clock_(clock), log_(log) {}

  /// Reads what was stored.
  void begin();
  /// Drops TxProfiles whose transaction is not open any more.
  /// @param is_open  bool(uint32_t local_transaction)
  template <typename IsOpen>
  void keep_open_transactions(IsOpen is_open) {
    for (ChargingProfile& profile : slots_) {
      if (profile.period_count == 0 || profile.purpose != ProfilePurpose::TxProfile) continue;
      if (!is_open(profile.local_transaction)) drop(profile, Urgency::kRelaxed);
    }
  }

  /// Installs a checked profile. It replaces the one with the same id and the one with the same
  /// purpose, stack level and connector (for TxProfile: transaction); a replacement never fails for
  /// lack of room.
  /// @retval kNoSpace  All slots are taken; unchanged.
  common::Status install(const ChargingProfile& profile);
  /// @return Whether one was there.
  bool clear_id(int32_t id);
  /// @return Profiles cleared.
  size_t clear(const Selection& selection);

  /// Gives the TxProfile that came with a remote start to the transaction that it was meant for.
  void bind_pending(uint8_t connector_id, uint32_t local_transaction);
  /// The remote start came to nothing.
  void drop_pending(uint8_t connector_id) { drop_transaction(connector_id, 0); }
  /// TxProfiles end with their transaction.
  void drop_transaction(uint8_t connector_id, uint32_t local_transaction);

  /// All slots; empty ones have no periods.
  common::Span<const ChargingProfile> all() const {
    return common::Span<const ChargingProfile>(slots_);
  }
  size_t size() const;
  /// Counts changes: a cheap way to see that limits must be computed anew.
  uint32_t revision() const { return revision_; }

  /// When step() wants to write.
  common::Instant deadline() const { return common::earlier(urgent_at_, relaxed_at_); }
  void step() {
    if (clock_.now() >= deadline()) flush();
  }
  /// Writes every change now (before a restart).
  void flush();

  /// Wear: each write costs this much of the budget, ms, which holds kBurst writes.
  static constexpr int64_t kWriteCostMs = 60000;
  static constexpr int64_t kBurst = 60;
  static constexpr int64_t kRelaxedMs =
      60000;  ///< A raise waits until nothing changed for so long,
  static constexpr int64_t kMostRelaxedMs = 600000;  ///< but no longer than this.

 private:
  enum class Urgency : uint8_t { kNow, kRelaxed };

  void drop(ChargingProfile& profile, Urgency urgency);
  void touch(const ChargingProfile& profile, Urgency urgency);
  size_t index_of(const ChargingProfile& profile) const {
    return static_cast<size_t>(&profile - slots_);
  }
  common::Status write(size_t slot);

  platform::KeyValueStore& settings_;
  const ClockSync& clock_;
  common::LogSink& log_;
  uint32_t revision_ = 0;
  uint32_t dirty_ = 0;  ///< Bit per slot.
  common::Instant urgent_at_ = common::Instant::never();
  common::Instant relaxed_at_ = common::Instant::never();
  common::Instant relaxed_by_ = common::Instant::never();
  common::Instant spent_until_;  ///< The budget is full again then.
  /// What the stored image sets at most, as long as it stays; kNotSteady = that changes with time.
  uint32_t stored_[limits::kMaxChargingProfiles];
  ChargingProfile slots_[limits::kMaxChargingProfiles];
};

}  // namespace ocpp
