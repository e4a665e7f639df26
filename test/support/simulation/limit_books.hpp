#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace simulation {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

/// A charging profile as the CSMS wrote it.
struct BookedProfile {
  enum class Purpose : uint8_t { kMax, kDefault, kTx };
  enum class Kind : uint8_t { kAbsolute, kDaily, kWeekly, kRelative };
  int id = 0;
  int connector = 0;
  int stack_level = 0;
  Purpose purpose = Purpose::kDefault;
  Kind kind = Kind::kAbsolute;
  bool is_watt = false;
  int64_t duration_s = -1;
  int64_t start_utc_ms = 0;       ///< startSchedule; 0 = none.
  int64_t valid_from_utc_ms = 0;  ///< 0 = since ever.
  int64_t valid_to_utc_ms = 0;    ///< 0 = for ever.
  int64_t transaction_id = -1;    ///< Of a TxProfile; -1 = whatever runs.
  struct Period {
    int64_t start_s;
    double limit;
    int phases;  ///< numberPhases; 0 = not said.
  };
  std::vector<Period> periods;

  /// Payload of SetChargingProfile.req.
  std::string request() const;
};

/// All hold: so many A per phase, so many W in all, on so many phases.
struct BookedLimit {
  double ampere = kNoLimit;
  double watt = kNoLimit;
  int phases = 3;
};

/// The CSMS's list of installed profiles, and what it allows: slow and simple on purpose, written from the
/// specification (OCPP 1.6 ed. 2, 3.13), not from the engine.
class LimitBooks {
 public:
  /// A beginning within the next minute counts as now: the clocks of CSMS and charge point differ.
  /// @param utc_ms  Time of the charge point; 0 = it does not know.
  void install(const BookedProfile& profile, int64_t utc_ms);
  /// @param id  0 = all.
  void clear(int id);
  void end_transaction(int connector);
  bool empty() const { return profiles_.empty(); }
  /// Another one after every change.
  uint32_t version() const { return version_; }

  /// Limit of a connector with a running transaction, without ChargePointMaxProfile.
  BookedLimit of_connector(int connector, int64_t started_utc_ms, int64_t utc_ms) const;
  /// ChargePointMaxProfile: for all connectors together.
  BookedLimit of_charge_point(int64_t utc_ms) const;
  /// No limit changes between now and then.
  int64_t next_change_utc_ms(int64_t started_utc_ms, int64_t utc_ms) const;

 private:
  std::vector<BookedProfile> profiles_;
  uint32_t version_ = 0;
};

}  // namespace simulation
