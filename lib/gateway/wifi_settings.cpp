#include "gateway/wifi_settings.hpp"

namespace gateway {

using common::FixedString;
using common::Status;
using common::TextSpan;

namespace {

constexpr const char* kSsid[kMaxWifiNetworks] = {"wifi_ssid", "wifi2_ssid", "wifi3_ssid",
                                                 "wifi4_ssid"};
constexpr const char* kPassword[kMaxWifiNetworks] = {"wifi_password", "wifi2_password",
                                                     "wifi3_password", "wifi4_password"};
constexpr const char* kAccessPointPassword = "ap_password";
constexpr size_t kRandomLetters = 12;  // 60 bits
/// No two of these look alike.
constexpr char kLetters[] = "abcdefghijkmnpqrstuvwxyz23456789";
static_assert(sizeof kLetters == 32 + 1, "each byte gives a letter without bias");
constexpr size_t kMinPasswordBytes = 8;  // WPA2

size_t find(const Settings& settings, TextSpan ssid) {
  for (size_t i = 0; i < kMaxWifiNetworks; ++i) {
    if (common::equals(settings.text(kSsid[i]).span(), ssid)) return i;
  }
  return kMaxWifiNetworks;
}

/// The password first: after a power cut between the two, a name never comes with the password of another.
Status write(Settings& settings, size_t slot, TextSpan ssid, TextSpan password,
             FixedString<95>& error) {
  RETURN_IF_ERROR(settings.set(common::text(kPassword[slot]), password, error));
  return settings.set(common::text(kSsid[slot]), ssid, error);
}

}  // namespace

WifiNetwork read_wifi(const Settings& settings, size_t slot) {
  WifiNetwork network;
  network.ssid.assign_truncated(settings.text(kSsid[slot]).span());
  network.password.assign_truncated(settings.text(kPassword[slot]).span());
  return network;
}

WifiNetwork find_wifi(const Settings& settings, TextSpan ssid) {
  const size_t slot = ssid.empty() ? kMaxWifiNetworks : find(settings, ssid);
  return slot == kMaxWifiNetworks ? WifiNetwork() : read_wifi(settings, slot);
}

Status check_wifi_password(TextSpan password, FixedString<95>& error) {
  if (password.empty() || (password.size() >= kMinPasswordBytes && password.size() <= 63))
    return Status::kOk;
  error = FixedString<95>("a Wi-Fi password has 8 to 63 characters, or none for an open network");
  return Status::kInvalidArgument;
}

Status store_wifi(Settings& settings, TextSpan ssid, TextSpan password, FixedString<95>& error) {
  if (ssid.empty() || ssid.size() > 32) {
    error = FixedString<95>("the name of a Wi-Fi network has 1 to 32 bytes");
    return Status::kInvalidArgument;
  }
  RETURN_IF_ERROR(check_wifi_password(password, error));
  size_t slot = find(settings, ssid);
  if (slot == kMaxWifiNetworks) slot = find(settings, TextSpan());
  if (slot == kMaxWifiNetworks) {
    error = FixedString<95>("four networks are stored already: wifi remove NAME makes room");
    return Status::kNoSpace;
  }
  return write(settings, slot, ssid, password, error);
}

Status remove_wifi(Settings& settings, TextSpan ssid, FixedString<95>& error) {
  size_t slot = ssid.empty() ? kMaxWifiNetworks : find(settings, ssid);
  if (slot == kMaxWifiNetworks) {
    error = FixedString<95>("no such network is stored");
    return Status::kNotFound;
  }
  for (; slot + 1 < kMaxWifiNetworks; ++slot) {
    const WifiNetwork next = read_wifi(settings, slot + 1);
    // Its name goes first: no name may stand beside the password of another.
    RETURN_IF_ERROR(settings.set(common::text(kSsid[slot]), TextSpan(), error));
    RETURN_IF_ERROR(write(settings, slot, next.ssid.span(), next.password.span(), error));
  }
  RETURN_IF_ERROR(settings.set(common::text(kSsid[slot]), TextSpan(), error));
  return settings.set(common::text(kPassword[slot]), TextSpan(), error);
}

Status access_point_password(Settings& settings, platform::Entropy& entropy, FixedString<63>& out) {
  out.assign_truncated(settings.text(kAccessPointPassword).span());
  if (!out.empty()) return Status::kOk;
  uint8_t random[kRandomLetters];
  entropy.fill(random);
  for (const uint8_t byte : random) (void)out.append(TextSpan(&kLetters[byte % 32U], 1));
  FixedString<95> error;
  return settings.set(common::text(kAccessPointPassword), out.span(), error);
}

}  // namespace gateway
