#include "gateway/improv.hpp"

#include <cstdio>

namespace gateway {

using common::ByteSpan;
using common::Instant;
using common::Status;
using common::TextSpan;

namespace {

enum : uint8_t { kWifiSettings = 1, kCurrentState = 2, kDeviceInformation = 3, kScan = 4 };

/// A text with its length before it. @return false when the bytes end inside.
bool take_text(ByteSpan& bytes, TextSpan& text) {
  if (bytes.empty() || bytes[0] > bytes.size() - 1) return false;
  text = TextSpan(reinterpret_cast<const char*>(bytes.data()) + 1, bytes[0]);
  bytes = bytes.subspan(size_t{1} + text.size());
  return true;
}

}  // namespace

Improv::State Improv::state() const {
  if (is_joining_) return State::kProvisioning;
  return wifi_ != nullptr && wifi_->is_joined() ? State::kProvisioned : State::kAuthorized;
}

void Improv::on_frame(const ImprovFrames& frame, Instant now) {
  if (wifi_ == nullptr || frame.type() != static_cast<uint8_t>(ImprovFrames::Type::kCommand))
    return;
  const ByteSpan data = frame.data();
  if (data.size() < 2 || data[1] != data.size() - 2) return send_error(Error::kInvalidCommand);
  switch (data[0]) {
    case kWifiSettings:
      return join(data.subspan(2), now);
    case kCurrentState:
      send_state();
      if (state() == State::kProvisioned) send_result(kCurrentState, {});
      return;
    case kDeviceInformation:
      return send_result(kDeviceInformation, {common::text("VEV-Gateway"), common::text(version_),
                                              common::text("ESP32"), common::text(identity_)});
    case kScan:
      wifi_->start_scan();
      is_scanning_ = true;
      scan_deadline_ = now + kScanMs;
      return;
    default:
      return send_error(Error::kUnknownCommand);
  }
}

void Improv::join(ByteSpan arguments, Instant now) {
  TextSpan ssid;
  TextSpan password;
  common::FixedString<95> reason;
  if (!take_text(arguments, ssid) || !take_text(arguments, password))
    return send_error(Error::kInvalidCommand);
  WifiNetwork replaced = find_wifi(settings_, ssid);
  Status status = store_wifi(settings_, ssid, password, reason);
  if (status == Status::kNoSpace) {
    // Nobody can be asked which one may go: the last choice does.
    replaced = read_wifi(settings_, kMaxWifiNetworks - 1);
    (void)remove_wifi(settings_, replaced.ssid.span(), reason);
    status = store_wifi(settings_, ssid, password, reason);
  }
  if (status != Status::kOk) return send_error(Error::kInvalidCommand);
  tried_.ssid.assign_truncated(ssid);
  tried_.password.assign_truncated(password);
  replaced_ = replaced;
  send_error(Error::kNone);
  wifi_->join(ssid, password);
  is_joining_ = true;
  deadline_ = now + kJoinMs;
  send_state();
}

void Improv::step(Instant now) {
  if (is_joining_ && (wifi_->is_joined() || now >= deadline_)) {
    is_joining_ = false;
    if (wifi_->is_joined()) {
      send_state();
      send_result(kWifiSettings, {});
    } else {
      undo();
      send_error(Error::kNotJoined);
      send_state();
    }
  }
  platform::WifiControl::Found network;
  if (!is_scanning_) return;
  if (wifi_->network(0, network) == Status::kAgain && now < scan_deadline_) return;
  is_scanning_ = false;
  for (size_t i = 0; i < kMaxNetworks && wifi_->network(i, network) == Status::kOk; ++i) {
    char rssi[8];
    std::snprintf(rssi, sizeof rssi, "%d", static_cast<int>(network.rssi_dbm));
    send_result(kScan, {network.ssid.span(), common::text(rssi),
                        common::text(network.has_password ? "YES" : "NO")});
  }
  send_result(kScan, {});  // the end of the list
}

void Improv::undo() {
  const WifiNetwork stored = find_wifi(settings_, tried_.ssid.span());
  // Another hand may have set it meanwhile.
  if (stored.ssid.empty() || stored.password != tried_.password) return;
  common::FixedString<95> reason;
  if (replaced_.ssid != tried_.ssid) (void)remove_wifi(settings_, tried_.ssid.span(), reason);
  if (!replaced_.ssid.empty())
    (void)store_wifi(settings_, replaced_.ssid.span(), replaced_.password.span(), reason);
  wifi_->on_networks_changed();
}

void Improv::send_state() {
  const uint8_t data[] = {static_cast<uint8_t>(state())};
  send(ImprovFrames::Type::kState, data);
}

void Improv::send_error(Error error) {
  const uint8_t data[] = {static_cast<uint8_t>(error)};
  send(ImprovFrames::Type::kError, data);
}

void Improv::send_result(uint8_t command, std::initializer_list<TextSpan> texts) {
  uint8_t data[ImprovFrames::kMaxDataBytes] = {command, 0};
  size_t size = 2;
  for (TextSpan text : texts) {
    text = text.first(sizeof data - size - 1);
    data[size++] = static_cast<uint8_t>(text.size());
    for (const char c : text) data[size++] = static_cast<uint8_t>(c);
  }
  data[1] = static_cast<uint8_t>(size - 2);
  send(ImprovFrames::Type::kResult, ByteSpan(data, size));
}

void Improv::send(ImprovFrames::Type type, ByteSpan data) {
  uint8_t frame[ImprovFrames::kMaxDataBytes + ImprovFrames::kOverheadBytes];
  const size_t size = ImprovFrames::write(type, data, frame);
  // A line of the console: never mixed with others.
  (void)output_.write_line(TextSpan(reinterpret_cast<const char*>(frame), size));
}

}  // namespace gateway
