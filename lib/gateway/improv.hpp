#pragma once

#include "gateway/console_output.hpp"
#include "gateway/improv_frames.hpp"
#include "gateway/wifi_settings.hpp"
#include "platform/wifi_control.hpp"

namespace gateway {

/// Sets Wi-Fi up from a browser or another program on the console's line (Improv Wi-Fi, serial, version 1):
/// commands Wi-Fi settings, state, device information, scan. Wi-Fi settings are stored and tried at once,
/// and taken back when the network does not let the gateway in.
/// @par Context  Loop thread; does not block, does not allocate. Passwords are never sent or logged.
class Improv {
 public:
  /// As on the wire.
  enum class State : uint8_t { kAuthorized = 2, kProvisioning = 3, kProvisioned = 4 };
  enum class Error : uint8_t {
    kNone = 0,
    kInvalidCommand = 1,
    kUnknownCommand = 2,
    kNotJoined = 3
  };

  static constexpr int64_t kJoinMs = 20000;  ///< A network that has not let it in by then is wrong.
  static constexpr int64_t kScanMs = 15000;  ///< Longest search.
  static constexpr size_t kMaxNetworks = 16;

  /// Keeps references to output and settings.
  /// @param wifi  nullptr = there is no Wi-Fi: every frame is ignored.
  Improv(ConsoleOutput& output, Settings& settings, platform::WifiControl* wifi,
         const char* firmware_version, const char* identity)
      : output_(output),
        settings_(settings),
        wifi_(wifi),
        version_(firmware_version),
        identity_(identity) {}

  void on_frame(const ImprovFrames& frame, common::Instant now);
  /// Says what became of joining and of a search.
  void step(common::Instant now);
  State state() const;

 private:
  void join(common::ByteSpan arguments, common::Instant now);
  /// Takes back the network that did not let in: what worked before works again.
  void undo();
  void send_state();
  void send_error(Error error);
  void send_result(uint8_t command, std::initializer_list<common::TextSpan> texts);
  void send(ImprovFrames::Type type, common::ByteSpan data);

  ConsoleOutput& output_;
  Settings& settings_;
  platform::WifiControl* wifi_;
  const char* version_;
  const char* identity_;
  WifiNetwork tried_;
  WifiNetwork replaced_;  ///< What was stored in its place; without a name: nothing.
  bool is_joining_ = false;
  bool is_scanning_ = false;
  common::Instant deadline_;       ///< Of joining.
  common::Instant scan_deadline_;  ///< Of the search.
};

}  // namespace gateway
