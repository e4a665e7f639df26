#pragma once

#include "common/fixed_string.hpp"
#include "common/status.hpp"

#include <atomic>
#include <lwip/ip_addr.h>

namespace platform_esp32 {

/// One name looked up by lwIP in its own task; IPv4 only.
///
/// The object must live for ever: lwIP's answer cannot be called off.
/// @par Context  Loop task.
class LwipLookup {
 public:
  static constexpr size_t kMaxHostBytes = 63;

  /// Asks for the host's address; call again with the same host until the answer is not kAgain. Another host has to wait
  /// until the one before it is answered (at most 20 s). An answer is given once.
  /// @retval kNotFound         No such name, or no name server answers.
  /// @retval kInvalidArgument  Over-long host.
  common::Result<uint32_t> ask(const char* host);
  bool is_for(const char* host) const;
  /// Free for another host.
  bool is_idle() const { return state_ == State::kIdle || (state_ == State::kDone && !is_wanted_); }
  /// Nobody waits for the answer any more.
  void forget() { is_wanted_ = false; }

 private:
  enum class State : uint8_t { kIdle, kAsked, kDone };

  static void run(void* self);
  static void on_found(const char* name, const ip_addr_t* address, void* self);
  void finish(const ip_addr_t* address);

  // Written by the loop while kIdle, read by lwIP's task while kAsked.
  common::FixedString<kMaxHostBytes> host_;
  // Written by lwIP's task before it sets kDone.
  uint32_t ipv4_ = 0;
  std::atomic<State> state_{State::kIdle};
  bool is_wanted_ = false;
};

}  // namespace platform_esp32
