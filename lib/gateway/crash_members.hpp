#pragma once

#include "json/writer.hpp"
#include "platform/device.hpp"

namespace gateway {

/// Writes the member `crash` of the crash that the device keeps; nothing when it keeps none. The back-trace has the form that
/// `vevgw monitor` and ESP-IDF's tools decode. @return Whether it keeps one.
bool write_crash(json::Writer& out, const platform::Device& device);

}  // namespace gateway
