#pragma once

#include "common/time.hpp"
#include "platform/web_socket_link.hpp"
#include "security/device_credentials.hpp"

namespace gateway {

/// Between the link to the CSMS and the certificates: what the link may show and trust, and what became of it.
/// @par Context  Loop thread.
class LinkCredentials {
 public:
  /// @param credentials  Outlives this; nullptr = there are none.
  explicit LinkCredentials(security::DeviceCredentials* credentials) : credentials_(credentials) {}

  /// Sets who judges, and by which time: the link may connect before the next step(). The other settings of the link are
  /// complete.
  /// @param at  Later one of the clock and the earliest time that it can be.
  void fill(platform::LinkSettings& link, common::UtcTime at);
  /// Looks at the link. A certificate that is new has proved itself when a connection stands; after a refusal the one
  /// before it is shown next.
  /// @param at  As above.
  void step(const platform::LinkStatus& link, common::UtcTime at);

 private:
  security::DeviceCredentials* const credentials_;
  common::UtcTime told_;
  uint32_t connection_ = 0;
  uint8_t failures_ = 0;  ///< Of handshakes.
  bool is_up_ = false;
};

}  // namespace gateway
