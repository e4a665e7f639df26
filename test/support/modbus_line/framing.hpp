#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

/// The framings of Modbus, independent of lib/modbus.
namespace modbus_line {

/// CRC of the Modbus specification, section 6.2.2, by long division.
inline std::vector<uint8_t> with_crc(std::vector<uint8_t> bytes) {
  uint16_t remainder = 0xFFFF;
  for (const uint8_t byte : bytes) {
    remainder = static_cast<uint16_t>(remainder ^ byte);
    for (int shift = 0; shift < 8; ++shift) {
      remainder =
          static_cast<uint16_t>((remainder & 1) != 0 ? (remainder >> 1) ^ 0xA001 : remainder >> 1);
    }
  }
  bytes.push_back(static_cast<uint8_t>(remainder & 0xFF));
  bytes.push_back(static_cast<uint8_t>(remainder >> 8));
  return bytes;
}

/// Unit and PDU as characters.
inline std::vector<uint8_t> to_ascii(std::vector<uint8_t> bytes) {
  unsigned sum = 0;
  for (const uint8_t byte : bytes) sum += byte;
  bytes.push_back(static_cast<uint8_t>(0x100U - (sum & 0xFFU)));
  std::string text = ":";
  for (const uint8_t byte : bytes) {
    char pair[3];
    std::snprintf(pair, sizeof pair, "%02X", byte);
    text += pair;
  }
  text += "\r\n";
  return std::vector<uint8_t>(text.begin(), text.end());
}

/// Unit and PDU of a frame of characters; empty when it is none.
inline std::vector<uint8_t> from_ascii(const std::vector<uint8_t>& characters) {
  const std::string text(characters.begin(), characters.end());
  std::vector<uint8_t> bytes;
  unsigned sum = 0;
  if (text.size() < 9 || text[0] != ':' || text.substr(text.size() - 2) != "\r\n") return {};
  for (size_t i = 1; i + 2 < text.size(); i += 2) {
    unsigned byte = 0;
    if (std::sscanf(text.substr(i, 2).c_str(), "%2X", &byte) != 1) return {};
    bytes.push_back(static_cast<uint8_t>(byte));
    sum += byte;
  }
  if ((sum & 0xFFU) != 0) return {};
  bytes.pop_back();
  return bytes;
}

}  // namespace modbus_line
