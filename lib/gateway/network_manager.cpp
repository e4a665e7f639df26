#include "gateway/network_manager.hpp"

#include <cstdio>

namespace gateway {

LOG_MODULE("gateway.net");

using common::Instant;
using common::Status;
using common::TextSpan;
using platform::JoinFailure;
using platform::StationStatus;

namespace {

/// While something is under way the radio is asked this often.
constexpr int64_t kPollMs = 250;
constexpr int64_t kIdlePollMs = 1000;
/// An access point that did not come up is tried again.
constexpr int64_t kAccessPointRetryMs = 10 * 1000;

constexpr platform::BackoffSettings kBackoff{1000, 5000, 60000, NetworkManager::kStableMs};

void write_address(uint32_t ipv4, char (&out)[16]) {
  std::snprintf(out, sizeof out, "%u.%u.%u.%u", static_cast<unsigned>(ipv4 >> 24U),
                static_cast<unsigned>(ipv4 >> 16U & 255U), static_cast<unsigned>(ipv4 >> 8U & 255U),
                static_cast<unsigned>(ipv4 & 255U));
}

}  // namespace

const char* to_string(NetworkManager::State state) {
  switch (state) {
    case NetworkManager::State::kOff:
      return "off";
    case NetworkManager::State::kScanning:
      return "scanning";
    case NetworkManager::State::kJoining:
      return "joining";
    case NetworkManager::State::kJoined:
      return "joined";
    case NetworkManager::State::kWaiting:
      break;
  }
  return "waiting";
}

NetworkManager::NetworkManager(platform::WifiRadio* radio, bool has_other_network,
                               Settings& settings, platform::Entropy& entropy, common::LogSink& log)
    : radio_(radio),
      has_other_network_(has_other_network || radio == nullptr),
      settings_(settings),
      entropy_(entropy),
      log_(log),
      backoff_(kBackoff) {}

void NetworkManager::begin(TextSpan serial_number, Instant now) {
  now_ = now;
  if (radio_ == nullptr) return;
  access_point_ssid_ = common::FixedString<32>("VEV-");
  (void)access_point_ssid_.append(serial_number);
  access_point_after_ms_ = int64_t{settings_.integer("ap_after_min")} * 60000;
  SettingText hostname = settings_.text("hostname");
  if (hostname.empty()) {
    hostname = SettingText("vev-");
    for (const char letter : serial_number) {
      const char lower = common::ascii_lower(letter);
      (void)hostname.append(TextSpan(&lower, 1));
    }
  }
  radio_->configure(hostname.span(), settings_.text("ntp_server").span());
  absent_since_ = now;
  // The password exists before it is needed: whoever stands before a gateway without a network asks the console for it.
  if (!has_other_network_) (void)access_point_password();
  load();
  if (count_ > 0) {
    begin_round(now);
  } else if (!has_other_network_) {
    LOG_WARN(log_, "no Wi-Fi network is stored: wifi add NAME PASSWORD");
  }
}

const common::FixedString<63>& NetworkManager::access_point_password() {
  if (access_point_password_.empty() &&
      gateway::access_point_password(settings_, entropy_, access_point_password_) != Status::kOk) {
    LOG_ERROR(log_, "the access point's password could not be stored: it holds until the restart");
  }
  return access_point_password_;
}

void NetworkManager::load() {
  Entry before[kMaxWifiNetworks];
  const size_t count_before = count_;
  for (size_t i = 0; i < count_; ++i) before[i] = networks_[i];
  count_ = 0;
  current_ = kNobody;
  for (size_t slot = 0; slot < kMaxWifiNetworks; ++slot) {
    Entry& entry = networks_[count_];
    entry = Entry();
    entry.config = read_wifi(settings_, slot);
    if (entry.config.ssid.empty()) continue;
    if (entry.config.ssid == target_.ssid && entry.config.password == target_.password)
      current_ = count_;
    ++count_;
    for (size_t i = 0; i < count_before; ++i) {
      if (before[i].config.ssid == entry.config.ssid &&
          before[i].config.password == entry.config.password) {
        entry.failure = before[i].failure;
        entry.rssi_dbm = before[i].rssi_dbm;
      }
    }
  }
}

void NetworkManager::reload(Instant now) {
  if (radio_ == nullptr) return;
  load();
  wanted_ = kNobody;
  if (state_ == State::kJoined) {
    if (current_ != kNobody) return;
    absent_since_ = now;
  }
  backoff_.reset();
  radio_->leave();
  if (count_ > 0) {
    begin_round(now);
  } else {
    set_state(State::kOff, now, 0);
  }
}

void NetworkManager::set_state(State state, Instant now, int64_t at_most_ms) {
  state_ = state;
  deadline_ = at_most_ms == 0 ? Instant::never() : now + at_most_ms;
}

void NetworkManager::begin_round(Instant now) {
  round_at_ = now;
  radio_->start_scan();
  if (is_scan_wanted_) scan_by_ = now + kScanMs;
  is_scanning_ = is_scanning_ || is_scan_wanted_;
  is_scan_wanted_ = false;
  set_state(State::kScanning, now, kScanMs);
}

void NetworkManager::order_candidates() {
  for (size_t i = 0; i < count_; ++i) networks_[i].rssi_dbm = 0;
  platform::FoundNetwork found;
  for (size_t n = 0; n < 64 && radio_->found(n, found) == Status::kOk; ++n) {
    for (size_t i = 0; i < count_; ++i) {
      Entry& entry = networks_[i];
      if (entry.config.ssid == found.ssid &&
          (entry.rssi_dbm == 0 || found.rssi_dbm > entry.rssi_dbm))
        entry.rssi_dbm = found.rssi_dbm;
    }
  }
  // Greater is earlier; ties keep the order of the settings.
  const auto rank = [this](size_t i) {
    const int rssi_dbm = networks_[i].rssi_dbm;
    return rssi_dbm == 0 ? -1000 : rssi_dbm < kWeak_dbm ? rssi_dbm : 0;
  };
  order_size_ = 0;
  order_next_ = 0;
  for (size_t i = 0; i < count_; ++i) {
    size_t at = order_size_++;
    for (; at > 0 && rank(order_[at - 1]) < rank(i); --at) order_[at] = order_[at - 1];
    order_[at] = static_cast<uint8_t>(i);
  }
}

void NetworkManager::try_next(Instant now) {
  if (order_next_ >= order_size_) return end_round(now);
  current_ = order_[order_next_++];
  target_ = networks_[current_].config;
  LOG_DEBUG(log_, "trying %s", target_.ssid.c_str());
  radio_->join(target_.ssid.span(), target_.password.span());
  set_state(State::kJoining, now, kJoinMs);
}

/// A line for each change: a network that is off for a week says so once.
void NetworkManager::note(JoinFailure failure) {
  if (current_ == kNobody || networks_[current_].failure == failure) return;
  networks_[current_].failure = failure;
  if (failure != JoinFailure::kNone)
    LOG_WARN(log_, "%s: %s", target_.ssid.c_str(), platform::to_string(failure));
}

void NetworkManager::on_failed(JoinFailure failure, Instant now) {
  note(failure);
  try_next(now);
}

void NetworkManager::on_joined(const StationStatus& station, Instant now) {
  note(JoinFailure::kNone);
  ++joins_;
  joined_at_ = now;
  backoff_.on_connected(now);
  set_state(State::kJoined, now, 0);
  char address[16];
  write_address(station.ipv4, address);
  LOG_INFO(log_, "joined %s, address %s, %d dBm", target_.ssid.c_str(), address,
           static_cast<int>(station.rssi_dbm));
}

void NetworkManager::on_lost(Instant now) {
  note(JoinFailure::kLost);
  absent_since_ = now;
  // One that lets in and drops at once gets no quick second chance.
  if (current_ == kNobody || now - joined_at_ < kStableMs) return end_round(now);
  order_[0] = static_cast<uint8_t>(current_);
  order_size_ = 1;
  order_next_ = 0;
  try_next(now);
}

void NetworkManager::end_round(Instant now) {
  radio_->leave();
  const Instant next = backoff_.on_failure(now, entropy_.next_u32());
  set_state(State::kWaiting, now, next - now);
}

void NetworkManager::step_station(Instant now) {
  const StationStatus station = radio_->station();
  platform::FoundNetwork found;
  switch (state_) {
    case State::kOff:
      return;
    case State::kScanning:
      if (radio_->found(0, found) == Status::kAgain && now < deadline_) return;
      order_candidates();
      return try_next(now);
    case State::kJoining:
      if (station.state == StationStatus::State::kJoined) return on_joined(station, now);
      if (station.state == StationStatus::State::kFailed) return on_failed(station.failure, now);
      if (now >= deadline_) on_failed(JoinFailure::kTimeout, now);
      return;
    case State::kJoined:
      if (station.state != StationStatus::State::kJoined) on_lost(now);
      return;
    case State::kWaiting:
      if (now < deadline_) return;
      if (access_point_clients() > 0 && now - round_at_ < kClientPauseMs) return;
      begin_round(now);
      return;
  }
}

Instant NetworkManager::step(Instant now) {
  now_ = now;
  if (radio_ == nullptr) return Instant::never();
  if (wanted_ != kNobody && now >= wanted_by_) wanted_ = kNobody;
  step_station(now);
  step_scan(now);
  step_access_point(now);
  if (state_ == State::kOff && !is_scanning_ && !is_access_point_on_ && has_other_network_)
    return Instant::never();
  const bool is_busy = state_ == State::kScanning || state_ == State::kJoining || is_scanning_;
  const Instant poll = now + (is_busy ? kPollMs : kIdlePollMs);
  return deadline_ > now ? common::earlier(deadline_, poll) : poll;
}

void NetworkManager::join(TextSpan ssid, TextSpan) {
  if (radio_ == nullptr) return;
  load();
  backoff_.reset();
  for (size_t i = 0; i < count_; ++i) {
    if (!common::equals(networks_[i].config.ssid.span(), ssid)) continue;
    if (state_ == State::kJoined) absent_since_ = now_;
    wanted_ = i;
    wanted_by_ = now_ + kJoinMs + kJoinMs / 2;
    order_[0] = static_cast<uint8_t>(i);
    order_size_ = 1;
    order_next_ = 0;
    return try_next(now_);
  }
  reload(now_);
}

bool NetworkManager::is_joined() const {
  return state_ == State::kJoined && (wanted_ == kNobody || wanted_ == current_);
}

StationStatus NetworkManager::station() const {
  return radio_ == nullptr ? StationStatus() : radio_->station();
}

void NetworkManager::restart(Instant now) {
  if (radio_ == nullptr) return;
  radio_->restart();
  backoff_.reset();
  wanted_ = kNobody;
  if (state_ == State::kJoined) absent_since_ = now;
  access_point_retry_ = now;
  if (count_ > 0) begin_round(now);
}

// -- Searches for others --

void NetworkManager::start_scan() {
  is_scan_wanted_ = radio_ != nullptr;
  has_scan_ended_ = false;
}

void NetworkManager::step_scan(Instant now) {
  // A search in the middle of joining would end that.
  if (is_scan_wanted_ && state_ != State::kScanning && state_ != State::kJoining) {
    is_scan_wanted_ = false;
    is_scanning_ = true;
    scan_by_ = now + kScanMs;
    radio_->start_scan();
  }
  platform::FoundNetwork found;
  if (is_scanning_ && (now >= scan_by_ || radio_->found(0, found) != Status::kAgain)) {
    is_scanning_ = false;
    has_scan_ended_ = true;
  }
}

bool NetworkManager::is_searched() const { return is_scan_wanted_ || is_scanning_; }

Status NetworkManager::network(size_t index, platform::FoundNetwork& out) {
  if (radio_ == nullptr) return Status::kNotFound;
  return is_searched() ? Status::kAgain : radio_->found(index, out);
}

bool NetworkManager::take_scan_end() {
  const bool has_ended = has_scan_ended_;
  has_scan_ended_ = false;
  return has_ended;
}

// -- The access point --

bool NetworkManager::is_access_point_up() const {
  return radio_ != nullptr && is_access_point_on_ && radio_->is_access_point_up();
}

uint8_t NetworkManager::access_point_clients() const {
  return is_access_point_up() ? radio_->access_point_clients() : uint8_t{0};
}

bool NetworkManager::needs_access_point(Instant now) const {
  if (has_other_network_ || access_point_after_ms_ == 0 || state_ == State::kJoined) return false;
  return count_ == 0 || now - absent_since_ >= access_point_after_ms_;
}

void NetworkManager::set_access_point(bool is_wanted, Instant now) {
  if (radio_ == nullptr) return;
  if (is_wanted) {
    is_access_point_on_ = true;
    access_point_retry_ = now;
    access_point_until_ = now + kAskedMs;
    return step_access_point(now);
  }
  is_access_point_on_ = false;
  access_point_until_ = now + kAskedMs;
  radio_->stop_access_point();
}

void NetworkManager::step_access_point(Instant now) {
  if (!is_access_point_on_) {
    if (!needs_access_point(now) || now < access_point_until_) return;
    is_access_point_on_ = true;
    access_point_retry_ = now;
    access_point_until_ = now;
    LOG_INFO(log_, "own access point %s: wifi ap tells its password", access_point_ssid_.c_str());
  }
  if (!radio_->is_access_point_up() && now >= access_point_retry_) {
    access_point_retry_ = now + kAccessPointRetryMs;
    radio_->start_access_point(access_point_ssid_.span(), access_point_password().span());
  }
  if (access_point_clients() > 0 || needs_access_point(now)) {
    access_point_until_ = common::Instant{
        access_point_until_.ms > now.ms + kLingerMs ? access_point_until_.ms : now.ms + kLingerMs};
  }
  const bool has_network = has_other_network_ || state_ == State::kJoined;
  if (!has_network || now < access_point_until_) return;
  if (state_ == State::kJoined && now - joined_at_ < kLingerMs) return;
  is_access_point_on_ = false;
  radio_->stop_access_point();
  LOG_INFO(log_, "own access point closed");
}

}  // namespace gateway
