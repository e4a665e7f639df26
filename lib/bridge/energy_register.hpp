#pragma once

#include "common/span.hpp"
#include "common/status.hpp"
#include "common/time.hpp"

namespace bridge {

/// Makes a monotonic register of Wh from a charger's counter, which may wrap, restart at zero or glitch.
///
/// Rules for a reading `now` after an accepted reading `last`, dt later:
///  - 0 <= now - last <= plausible(dt): the difference is booked.
///  - now < last and last > 90 % of the counter's range: the counter wrapped. A lifetime counter may also wrap where
///    its decimal digits end, at 100 MWh or a power of ten above, if the difference to there is plausible.
///  - now < last and now <= plausible(dt): the counter restarted at zero; now is booked. A lifetime counter that is
///    lower after a restart of the gateway belongs to another meter: nothing is booked.
///  - the counter of another device (Settings::device) is a new base, nothing is booked.
///  - anything else is a glitch: ignored; after kGlitchSamples of them in a row the base moves. Booked is what flowed
///    since the first of those that are plausible among themselves, not the jump to it.
/// plausible(dt) = 1.2 * max_power * dt + 2 * resolution. After a restart of the gateway dt is unknown: up to
/// kMaxGapWh counts as plausible.
class EnergyRegister {
 public:
  static constexpr uint8_t kGlitchSamples = 3;
  static constexpr int64_t kMaxGapWh = 1000 * 1000;  ///< 1000 kWh: more is never one session.
  static constexpr int64_t kLeastDecimalRangeWh =
      100 * 1000 * 1000;  ///< No meter has fewer digits.
  static constexpr size_t kRecordBytes = 24;

  struct Settings {
    uint8_t source = 0;         ///< Which counter: a base of another source is not used.
    bool may_restart = false;   ///< Counts since power-up or plug-in; else a lifetime counter.
    int64_t range_wh = 0;       ///< The counter wraps here; 0 = never.
    int64_t resolution_wh = 1;  ///< Smallest step of the counter, >= 1.
    int64_t max_power_w = 22000;
    uint8_t device = 0;  ///< Mark of the device's serial number; 0 = not known.
  };

  enum class Update : uint8_t {
    kBooked,
    kUnchanged,
    kWrapped,
    kRestarted,
    kIgnored,
    kRebased,
    kOtherDevice
  };

  void configure(const Settings& settings) { settings_ = settings; }
  void set_device(uint8_t device) { settings_.device = device; }
  /// Takes what save() made. @retval kCorrupt  Not such a record; the register stays as it was.
  common::Status restore(common::ByteSpan record);
  /// @return Bytes written: kRecordBytes, or 0 when out is too small.
  size_t save(common::MutableByteSpan out) const;

  /// Books a fresh reading of the counter, Wh. The very first one sets the register to the counter's value.
  Update update(int64_t counter_wh, common::Instant now);

  /// False until the first reading or restore().
  bool is_known() const { return known_; }
  int64_t value_wh() const { return value_wh_; }

 private:
  int64_t plausible_wh(int64_t elapsed_ms) const;
  int64_t decimal_range_wh() const;
  void accept(int64_t counter_wh, common::Instant now);

  Settings settings_;
  bool known_ = false;
  bool has_base_ = false;
  bool base_has_time_ = false;
  uint8_t base_source_ = 0;
  uint8_t base_device_ = 0;
  uint8_t glitches_ = 0;
  int64_t value_wh_ = 0;
  int64_t base_wh_ = 0;
  common::Instant base_at_;
  int64_t doubtful_wh_ = 0;  ///< First of the readings ignored since.
  common::Instant doubtful_at_;
};

}  // namespace bridge
