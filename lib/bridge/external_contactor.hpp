#pragma once

#include "bridge/gpio_config.hpp"
#include "common/time.hpp"

namespace bridge {

/// A contactor of the installation in a charger's power line, on a pin of the board: what stops current where the charger
/// has no watchdog. Open until the charger has been heard, so that it is open after a restart of the gateway, too; open
/// while the board is off or starts by its hardware (docs/external-contactor.md).
///
///   more current than allowed for open_ms               -> open until the EV is unplugged
///   the charger cannot be told to stop or to lower it for open_ms -> open until it obeys again
///
/// @par Memory  No heap. @par Context  One thread; does not block.
class ExternalContactor {
 public:
  enum class Cut : uint8_t {
    kNone,      ///< Closed.
    kNotHeard,  ///< The charger has not been heard since the start.
    kDeaf,      ///< It cannot be told to stop or to lower the current.
    kExcess,    ///< It draws more than it may.
  };
  /// The charger now.
  struct View {
    bool is_heard = false;      ///< Its state has been read at least once.
    bool obeys = true;          ///< It holds no more than it was told, as far as is known.
    bool is_unplugged = false;  ///< For sure.
    int64_t excess_ms = 0;      ///< For so long more current flows than may.
  };

  /// Opens it. @param gpio  Must outlive this.
  /// @return What the pin says.
  common::Status configure(platform::Gpio& gpio, const BoardPin& pin);
  bool exists() const { return gpio_ != nullptr; }
  /// @return true when it opened or closed.
  bool update(const View& view, uint32_t open_ms, common::Instant now);
  Cut cut() const { return cut_; }
  bool is_closed() const { return exists() && cut_ == Cut::kNone; }
  /// The pin did what it was told.
  bool is_pin_good() const { return is_pin_good_; }

 private:
  common::Status set(bool is_closed);

  platform::Gpio* gpio_ = nullptr;
  BoardPin pin_;
  Cut cut_ = Cut::kNotHeard;
  bool is_pin_good_ = true;
  bool is_deaf_ = false;
  common::Instant deaf_since_;
};

}  // namespace bridge
