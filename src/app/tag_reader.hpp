#pragma once

#include "bridge/id_readers/pn532.hpp"
#include "bridge/id_readers/rdm6300.hpp"
#include "bridge/id_readers/wiegand.hpp"
#include "gateway/session_policy.hpp"
#include "gateway/settings.hpp"

#include <optional>

namespace app {

/// Where a tag reader may be connected; nullptr = there is no such thing.
struct ReaderPorts {
  platform::SerialLink* serial = nullptr;  ///< rdm6300, pn532
  platform::PulseInput* pulses = nullptr;  ///< wiegand
  uint8_t d0_pin = 0;
  uint8_t d1_pin = 0;
};

/// The gateway's own tag reader, of the kind that the settings name; serves all connectors. A dead one is a warning
/// (ReaderFailure) on every connector: remote starts still work.
class TagReader {
 public:
  /// @param policy  Gets tags and health; outlives the reader.
  TagReader(const ReaderPorts& ports, gateway::SessionPolicy& policy)
      : ports_(ports), policy_(policy) {}

  /// @param error  One sentence that names the mistake.
  /// @retval kInvalidArgument  The settings reader or tag_format are none of the words. kIo: the reader cannot be used.
  common::Status begin(const gateway::Settings& settings, common::Instant now,
                       common::FixedString<159>& error);
  common::Instant step(common::Instant now);

 private:
  const ReaderPorts ports_;
  gateway::SessionPolicy& policy_;
  std::optional<bridge::Rdm6300> rdm6300_;
  std::optional<bridge::Pn532> pn532_;
  std::optional<bridge::Wiegand> wiegand_;
  bridge::IdReader* reader_ = nullptr;
};

}  // namespace app
