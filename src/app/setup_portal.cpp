#include "app/setup_portal.hpp"

namespace app {

LOG_MODULE("app.setup");

using common::Status;

void SetupPortal::begin(common::TextSpan why_not_started) {
  page_.on_not_started(why_not_started);
  if (ports_.page_port < 0) return;
  if (page_.open(static_cast<uint16_t>(ports_.page_port), 0) == Status::kOk) {
    LOG_INFO(log_, "setup page: http://127.0.0.1:%u/",
             static_cast<unsigned>(ports_.listener->port()));
  } else {
    LOG_ERROR(log_, "no setup page: port %ld cannot be used", static_cast<long>(ports_.page_port));
  }
}

}  // namespace app
