#include "platform/simulated_wifi.hpp"

namespace platform {

using common::Status;
using common::TextSpan;

const SimulatedWifi::Network* SimulatedWifi::find(TextSpan ssid) const {
  for (size_t i = 0; i < count_; ++i) {
    if (common::equals(networks_[i].ssid.span(), ssid)) return &networks_[i];
  }
  return nullptr;
}

Status SimulatedWifi::add(const Network& network) {
  for (size_t i = 0; i < count_; ++i) {
    if (networks_[i].ssid == network.ssid) {
      networks_[i] = network;
      return Status::kOk;
    }
  }
  if (count_ == kMaxNetworks) return Status::kNoSpace;
  networks_[count_++] = network;
  return Status::kOk;
}

Status SimulatedWifi::remove(TextSpan ssid) {
  const Network* const network = find(ssid);
  if (network == nullptr) return Status::kNotFound;
  for (auto i = static_cast<size_t>(network - networks_); i + 1 < count_; ++i)
    networks_[i] = networks_[i + 1];
  --count_;
  return Status::kOk;
}

void SimulatedWifi::configure(TextSpan hostname, TextSpan) { hostname_.assign_truncated(hostname); }

void SimulatedWifi::join(TextSpan ssid, TextSpan password) {
  ++joins_;
  ssid_.assign_truncated(ssid);
  password_.assign_truncated(password);
  state_ = StationStatus::State::kJoining;
  failure_ = JoinFailure::kNone;
  joined_at_ = clock_.now() + kJoinMs;
}

/// What becomes of joining; kTimeout: nothing, for ever.
JoinFailure SimulatedWifi::attempt() const {
  const Network* const network = find(ssid_.span());
  if (is_hung_) return JoinFailure::kTimeout;
  if (network == nullptr) return JoinFailure::kNotFound;
  if (network->is_full) return JoinFailure::kRefused;
  const bool is_right =
      network->takes_any_password ? password_.size() >= 8 : network->password == password_;
  if (!is_right) return JoinFailure::kWrongPassword;
  return network->gives_address ? JoinFailure::kNone : JoinFailure::kTimeout;
}

StationStatus SimulatedWifi::station() {
  if (state_ == StationStatus::State::kJoining && clock_.now() >= joined_at_) {
    failure_ = attempt();
    if (failure_ == JoinFailure::kNone) {
      state_ = StationStatus::State::kJoined;
    } else if (failure_ != JoinFailure::kTimeout) {
      state_ = StationStatus::State::kFailed;
    }
  }
  if (state_ == StationStatus::State::kJoined && attempt() != JoinFailure::kNone && !is_hung_) {
    state_ = StationStatus::State::kFailed;
    failure_ = JoinFailure::kLost;
  }
  StationStatus status;
  status.state = state_;
  status.failure = failure_;
  if (state_ == StationStatus::State::kJoined) {
    const Network* const network = find(ssid_.span());
    status.rssi_dbm = network != nullptr ? network->rssi_dbm : int8_t{0};
    status.ipv4 = 0xC0A80764;  // 192.168.7.100
  }
  return status;
}

void SimulatedWifi::start_scan() {
  ++scans_;
  scanned_at_ = clock_.now() + kScanMs;
}

Status SimulatedWifi::found(size_t index, FoundNetwork& out) {
  if (is_hung_ || clock_.now() < scanned_at_) return Status::kAgain;
  for (size_t i = 0; i < count_; ++i) {
    const Network& network = networks_[i];
    if (network.is_hidden || index-- > 0) continue;
    out.ssid = network.ssid;
    out.rssi_dbm = network.rssi_dbm;
    out.has_password = network.takes_any_password || !network.password.empty();
    return Status::kOk;
  }
  return Status::kNotFound;
}

void SimulatedWifi::start_access_point(TextSpan, TextSpan password) {
  access_point_password_.assign_truncated(password);
  is_access_point_up_ = !is_hung_;
}

void SimulatedWifi::restart() {
  ++restarts_;
  is_hung_ = false;
  is_access_point_up_ = false;
  state_ = StationStatus::State::kIdle;
}

}  // namespace platform
