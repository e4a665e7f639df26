#include "gateway/setup_portal.hpp"

namespace gateway {

LOG_MODULE("gateway.setup");

using common::Instant;
using common::Status;

namespace {

constexpr uint32_t kLoopback = 0x7F000001;
constexpr uint32_t kOwnAddress = platform::WifiRadio::kAccessPointIpv4;

}  // namespace

SetupPortal::SetupPortal(const SetupPorts& ports, const SetupPageParts& parts, common::LogSink& log)
    : ports_(ports),
      network_(parts.wifi),
      log_(log),
      page_(ports.listener, parts),
      names_(ports.names) {}

void SetupPortal::begin(common::TextSpan why_not_started) {
  page_.on_not_started(why_not_started);
  if (!has_own_port()) return;
  if (page_.open(kLoopback, static_cast<uint16_t>(ports_.own_port), false) == Status::kOk) {
    LOG_INFO(log_, "setup page: http://127.0.0.1:%u/",
             static_cast<unsigned>(ports_.listener->port()));
  } else {
    LOG_ERROR(log_, "no setup page: port %ld cannot be used", static_cast<long>(ports_.own_port));
  }
}

Instant SetupPortal::step(Instant now, bool has_transaction) {
  if (ports_.access_point_port != 0 && !has_own_port()) step_access_point(now);
  names_.step();
  return page_.step(now, has_transaction);
}

void SetupPortal::step_access_point(Instant now) {
  const bool is_wanted = network_ != nullptr && network_->is_access_point_up();
  if (!is_wanted && page_.is_open()) {
    page_.close();
    names_.close();
    LOG_INFO(log_, "the setup page is closed");
  }
  if (!is_wanted || page_.is_open() || now < retry_at_) return;
  retry_at_ = now + kRetryMs;
  if (page_.open(kOwnAddress, ports_.access_point_port, true) == Status::kOk) {
    // Without names the page is still there, for who knows the address.
    if (names_.open(kOwnAddress) != Status::kOk) LOG_WARN(log_, "port 53 cannot be used: no names");
    LOG_INFO(log_, "setup page: http://192.168.4.1/ in the network %s",
             network_->access_point_ssid().c_str());
    is_failing_ = false;
  } else if (!is_failing_) {
    LOG_ERROR(log_, "no setup page: port %u cannot be used",
              static_cast<unsigned>(ports_.access_point_port));
    is_failing_ = true;
  }
}

}  // namespace gateway
