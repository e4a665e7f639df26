#pragma once

#include "gateway/settings.hpp"
#include "platform/entropy.hpp"

namespace gateway {

/// Wi-Fi networks among the settings: wifi_ssid and wifi_password, then wifi2_ssid ... The first comes first.
constexpr size_t kMaxWifiNetworks = 4;

struct WifiNetwork {
  common::FixedString<32> ssid;      ///< Empty = none.
  common::FixedString<63> password;  ///< Empty = an open network.
};

/// @param slot  0..kMaxWifiNetworks - 1
WifiNetwork read_wifi(const Settings& settings, size_t slot);

/// The stored network of this name; without a name when there is none.
WifiNetwork find_wifi(const Settings& settings, common::TextSpan ssid);

/// @param error  One sentence. @retval kInvalidArgument  Not 8 to 63 bytes, nor empty.
common::Status check_wifi_password(common::TextSpan password, common::FixedString<95>& error);

/// Stores the network: the one of this name gets the password, a new one comes after those that are there.
/// @param ssid      1..32 bytes. @param password  8..63 bytes; empty = open.
/// @param error     One sentence when the result is not kOk.
/// @retval kInvalidArgument  A name or password that Wi-Fi does not allow.
/// @retval kNoSpace          There are kMaxWifiNetworks already.
common::Status store_wifi(Settings& settings, common::TextSpan ssid, common::TextSpan password,
                          common::FixedString<95>& error);

/// Forgets the network; those behind it move up. @retval kNotFound  There is none of this name.
common::Status remove_wifi(Settings& settings, common::TextSpan ssid,
                           common::FixedString<95>& error);

/// The password of the gateway's own access point: the stored one, else one that is made of random bytes and stored.
/// @param entropy  Of cryptographic quality at the time of the call.
/// @param out      Set in any case. @return Of storing it.
common::Status access_point_password(Settings& settings, platform::Entropy& entropy,
                                     common::FixedString<63>& out);

}  // namespace gateway
