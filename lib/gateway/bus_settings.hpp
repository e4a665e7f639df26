#pragma once

#include "common/fixed_string.hpp"
#include "modbus/frame.hpp"
#include "modbus/transport.hpp"
#include "platform/serial_link.hpp"

namespace gateway {

/// How a serial line is set: the value of b?.line and c?.line.
struct LineSetting {
  platform::SerialSettings serial;
  modbus::Framing framing = modbus::Framing::kRtu;  ///< kRtu or kAscii.
};

/// Reads "9600 8N1" or "38400 8E1 ascii": speed, 8 data bits, parity N, E or O, 1 or 2 stop bits, framing (rtu when not
/// given); upper and lower case alike. @return false when it is none; out is unspecified.
bool parse_line(common::TextSpan text, LineSetting& out);

/// Where a charger with an IP address is: the value of c?.host.
struct HostSetting {
  modbus::TcpTarget target;
  bool has_port = false;  ///< Otherwise target.port is the default.
};

/// Reads "HOST" or "HOST:PORT" (Modbus TCP; also after "tcp://"), or "rtu+tcp://HOST:PORT" (a converter that passes the
/// frames of a serial line on). HOST is a name, an IPv4 address, or an IPv6 address in brackets.
/// @return false when it is none; out is unspecified.
bool parse_host(common::TextSpan text, HostSetting& out);

}  // namespace gateway
