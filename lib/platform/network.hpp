#pragma once

namespace platform {

/// The network below the links, where the gateway itself joins one (Wi-Fi).
class Network {
 public:
  virtual ~Network() = default;
  /// Joined, with an address.
  virtual bool is_up() const = 0;
};

}  // namespace platform
