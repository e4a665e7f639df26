// The commands `wifi` and `sim wifi`, and what `status` says about the network.

#include "gateway/console.hpp"
#include "gateway/console_arguments.hpp"
#include "gateway/json_members.hpp"

#include <cstdio>

namespace gateway {

using common::Instant;
using common::Status;
using common::TextSpan;

namespace {

constexpr size_t kMaxFound = 24;

void write_ipv4(json::Writer& out, const char* name, uint32_t ipv4) {
  char text[16];
  std::snprintf(text, sizeof text, "%u.%u.%u.%u", static_cast<unsigned>(ipv4 >> 24U),
                static_cast<unsigned>(ipv4 >> 16U & 255U), static_cast<unsigned>(ipv4 >> 8U & 255U),
                static_cast<unsigned>(ipv4 & 255U));
  member(out, name, text);
}

}  // namespace

/// Short: where it is, or why not.
void Console::write_network(json::Writer& out) const {
  const NetworkManager* const network = parts_.network;
  if (network == nullptr) return;
  out.key("wifi");
  out.begin_object();
  member(out, "state", to_string(network->state()));
  if (network->state() == NetworkManager::State::kJoined) {
    const platform::StationStatus station = network->station();
    member(out, "ssid", network->ssid().span());
    write_ipv4(out, "address", station.ipv4);
    member(out, "rssi_dbm", station.rssi_dbm);
  }
  out.key("networks");
  out.begin_array();
  for (size_t i = 0; i < network->network_count(); ++i) {
    out.begin_object();
    member(out, "ssid", network->stored(i).ssid.span());
    flag(out, "password_set", !network->stored(i).password.empty());
    member(out, "failure", platform::to_string(network->failure(i)));
    if (network->rssi_dbm(i) != 0) member(out, "rssi_dbm", network->rssi_dbm(i));
    out.end_object();
  }
  out.end_array();
  flag(out, "access_point", network->is_access_point_up());
  out.end_object();
}

bool Console::wifi(Arguments& arguments, json::Writer& out, Error& error, Instant now) {
  NetworkManager* const network = parts_.network;
  if (network == nullptr) {
    error = Error("this gateway has no Wi-Fi: the network is the operating system's");
    return false;
  }
  const TextSpan first = arguments.value();
  if (first.empty() || is_word(first, "list")) {
    write_network(out);
    return true;
  }
  common::FixedString<95> reason;
  if (is_word(first, "scan")) {
    network->start_scan();
    is_scan_asked_ = true;
    member(out, "follows", "event wifi_scan");
    return true;
  }
  if (is_word(first, "ap")) return access_point(arguments, out, now);
  Status status = Status::kOk;
  if (is_word(first, "remove")) {
    status = remove_wifi(parts_.settings, arguments.value(), reason);
  } else {
    const TextSpan ssid = is_word(first, "add") ? arguments.value() : first;
    status = store_wifi(parts_.settings, ssid, arguments.rest(), reason);
  }
  if (status != Status::kOk) {
    error = Error(reason.span());
    return false;
  }
  network->reload(now);
  member(out, "networks", static_cast<int64_t>(network->network_count()));
  return true;
}

bool Console::access_point(Arguments& arguments, json::Writer& out, Instant now) {
  NetworkManager& network = *parts_.network;
  const TextSpan verb = arguments.word();
  const bool is_on = is_word(verb, "on");
  if (is_on || is_word(verb, "off")) {
    network.set_access_point(is_on, now);
  } else if (!verb.empty()) {
    return false;
  }
  flag(out, "up", network.is_access_point_up());
  member(out, "ssid", network.access_point_ssid().span());
  // Whoever is at the console has the device in the hand.
  member(out, "password", network.access_point_password().span());
  write_ipv4(out, "address", platform::WifiRadio::kAccessPointIpv4);
  member(out, "clients", network.access_point_clients());
  return true;
}

/// The end of a search that `wifi scan` started.
void Console::report_scan() {
  if (!is_scan_asked_ || !parts_.network->take_scan_end()) return;
  is_scan_asked_ = false;
  json::Writer writer = begin_event("wifi_scan");
  writer.key("networks");
  writer.begin_array();
  platform::FoundNetwork found;
  for (size_t i = 0; i < kMaxFound && parts_.network->network(i, found) == Status::kOk; ++i) {
    writer.begin_object();
    member(writer, "ssid", found.ssid.span());
    member(writer, "rssi_dbm", found.rssi_dbm);
    flag(writer, "password", found.has_password);
    writer.end_object();
  }
  writer.end_array();
  send_event(writer);
}

#ifdef GATEWAY_TEST_HOOKS
/// What is in the air of a gateway without a radio.
bool Console::sim_wifi(Arguments& arguments, Error& error) {
  platform::SimulatedWifi* const air = parts_.simulated_wifi;
  if (air == nullptr) {
    error = Error("the radio is a real one");
    return false;
  }
  const TextSpan verb = arguments.word();
  platform::SimulatedWifi::Network network;
  int32_t number = 0;
  if (is_word(verb, "clients") && parse_integer(arguments.word(), number) && number >= 0 &&
      number <= 8) {
    air->set_clients(static_cast<uint8_t>(number));
    return true;
  }
  const TextSpan ssid = arguments.value();
  if (ssid.empty() || network.ssid.assign(ssid) != Status::kOk) return false;
  if (is_word(verb, "remove")) {
    if (air->remove(ssid) == Status::kOk) return true;
    error = Error("there is no such network in the air");
    return false;
  }
  network.is_full = is_word(verb, "full");
  network.gives_address = !is_word(verb, "silent");
  if (!is_word(verb, "add") && !network.is_full && network.gives_address) return false;
  if (network.password.assign(arguments.value()) != Status::kOk) return false;
  const TextSpan rssi = arguments.word();
  if (!rssi.empty() && (!parse_integer(rssi, number) || number < -120 || number >= 0)) return false;
  if (!rssi.empty()) network.rssi_dbm = static_cast<int8_t>(number);
  if (air->add(network) == Status::kOk) return true;
  error = Error("the air is full");
  return false;
}
#endif

}  // namespace gateway
