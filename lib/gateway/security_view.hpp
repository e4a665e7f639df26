#pragma once

#include "json/writer.hpp"

namespace gateway {

/// What the console tells about certificates and security events.
class SecurityView {
 public:
  /// Adds members to the open object. Reads the security log.
  virtual void write(json::Writer& out) const = 0;

 protected:
  ~SecurityView() = default;
};

}  // namespace gateway
