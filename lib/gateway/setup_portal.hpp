#pragma once

#include "common/log.hpp"
#include "gateway/captive_dns.hpp"
#include "gateway/setup_page.hpp"

namespace gateway {

/// What the setup page needs of the platform.
struct SetupPorts {
  platform::TcpListener* listener = nullptr;  ///< nullptr = no page.
  platform::UdpLink* names = nullptr;         ///< For the access point's names; nullptr = none.
  uint16_t access_point_port = 0;  ///< The page's while the access point is up; 0 = none.
  /// The page's on the loopback interface, all the time; 0 = any free one, -1 = none.
  int32_t own_port = -1;
};

/// Opens and closes the setup page: while the gateway's own access point is up, and only for those who are in it.
/// @par Context  Loop thread; does not block, does not allocate.
class SetupPortal {
 public:
  static constexpr int64_t kRetryMs = 5000;  ///< After a port that could not be used.

  /// Keeps a reference to the log.
  SetupPortal(const SetupPorts& ports, const SetupPageParts& parts, common::LogSink& log);

  /// @param why_not_started  Empty = the gateway works.
  void begin(common::TextSpan why_not_started);
  /// @param has_transaction  No restart now. @return When to call again at the latest.
  common::Instant step(common::Instant now, bool has_transaction);
  SetupPage::Request take_request() { return page_.take_request(); }
  bool is_open() const { return page_.is_open(); }

 private:
  void step_access_point(common::Instant now);
  bool has_own_port() const { return ports_.own_port >= 0; }

  const SetupPorts ports_;
  const NetworkManager* const network_;
  common::LogSink& log_;
  SetupPage page_;
  CaptiveDns names_;
  common::Instant retry_at_;
  bool is_failing_ = false;
};

}  // namespace gateway
