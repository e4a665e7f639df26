#pragma once

#include "common/log.hpp"
#include "gateway/setup_page.hpp"

namespace app {

/// What the setup page needs of the platform.
struct SetupPorts {
  platform::TcpListener* listener = nullptr;  ///< nullptr = no page.
  int32_t page_port = -1;  ///< Open at this port all the time; 0 = any free one, -1 = it is not.
};

/// Opens and closes the setup page.
class SetupPortal {
 public:
  SetupPortal(const SetupPorts& ports, const gateway::SetupPageParts& parts, common::LogSink& log)
      : ports_(ports), log_(log), page_(parts) {}

  /// @param why_not_started  Empty = the gateway works.
  void begin(common::TextSpan why_not_started);
  /// @param has_transaction  No restart now. @return When to call again at the latest.
  common::Instant step(common::Instant now, bool has_transaction) {
    return page_.step(now, has_transaction);
  }
  gateway::SetupPage::Request take_request() { return page_.take_request(); }

 private:
  const SetupPorts ports_;
  common::LogSink& log_;
  gateway::SetupPage page_;
};

}  // namespace app
