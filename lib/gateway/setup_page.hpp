#pragma once

#include "gateway/console_lock.hpp"
#include "gateway/http_request.hpp"
#include "gateway/network_manager.hpp"
#include "gateway/ocpp_engine.hpp"
#include "gateway/settings.hpp"
#include "json/writer.hpp"
#include "platform/entropy.hpp"
#include "platform/tcp_listener.hpp"
#include "platform/web_socket_link.hpp"

namespace gateway {

/// What the setup page shows and sets. All must outlive it.
struct SetupPageParts {
  platform::Entropy& entropy;
  platform::Device& device;
  platform::WebSocketLink& csms;
  Settings& settings;
  const OcppEngine& engine;
  const char* firmware_version;       ///< Static.
  const char* identity;               ///< Outlives the page.
  NetworkManager* wifi = nullptr;     ///< nullptr = the network is the operating system's.
  const ConsoleLock* lock = nullptr;  ///< While it is locked only the state is shown.
};

/// A web page for who stands beside the gateway: Wi-Fi, CSMS, identity, key and charger. HTTP/1.1, one request per
/// connection, TcpListener::kPlaces of them at a time. RAM: 6.8 KiB on the board, whatever is sent.
///
/// Who may: only requests to an address (or localhost), never to a name, are served, so that no web site can point a name
/// of its own at the gateway; a change needs JSON and the token of a page that was loaded from here; wrong tokens end in a
/// pause. No answer holds a secret. Where it is the way into the internet that phones look for (open()), requests to any name are sent to the gateway's address: a phone that looks
/// for the internet finds the page.
/// @par Context  Loop thread; does not block, does not allocate. Up to 2.4 KiB of stack, of which 1.4 are for the check of a URL.
class SetupPage {
 public:
  enum class Request : uint8_t { kNone, kRestart };

  static constexpr int64_t kRequestMs = 10000;  ///< A request that takes longer is given up.
  static constexpr int64_t kSendMs = 15000;     ///< An answer that nobody takes, too.
  static constexpr int64_t kLingerMs = 1000;    ///< For the other side's end.
  /// While every place is taken, a connection on which nothing was asked goes after this.
  static constexpr int64_t kIdleMs = 1000;
  static constexpr size_t kMaxWrongTokens = 10;
  static constexpr int64_t kPauseMs = 60000;

  /// @param listener  Outlives this; nullptr = there is no page.
  SetupPage(platform::TcpListener* listener, const SetupPageParts& parts)
      : listener_(listener), parts_(parts) {}

  /// Listens.
  /// @param ipv4         Address of the gateway, host byte order.
  /// @param is_captive   In the gateway's own network: who looks for anything else is sent to the page.
  /// @retval kIo           The port cannot be used.
  /// @retval kUnsupported  There is no listener.
  common::Status open(uint32_t ipv4, uint16_t port, bool is_captive);
  void close();
  bool is_open() const { return listener_ != nullptr && listener_->is_listening(); }
  /// The gateway does not work, for this reason.
  void on_not_started(common::TextSpan why) { not_started_.assign_truncated(why); }
  /// @param is_charging  A transaction runs: no restart.
  /// @return When to call again at the latest.
  common::Instant step(common::Instant now, bool is_charging);
  /// What was asked of the application since the last call.
  Request take_request();

 private:
  enum class Phase : uint8_t { kFree, kReading, kSending, kLingering };
  struct Place {
    HttpRequest request;
    common::FixedString<191> head;
    common::TextSpan parts[2];  ///< What is left to send.
    common::Instant deadline;
    common::Instant begun;
    Phase phase = Phase::kFree;
  };
  struct Route;

  static constexpr size_t kTokenBytes = 16;
  static constexpr size_t kTokens = 4;  ///< Pages that may be open at a time.

  /// For input, while answer_ is not needed.
  common::MutableByteSpan scratch() {
    return common::MutableByteSpan(reinterpret_cast<uint8_t*>(answer_), sizeof answer_);
  }
  bool is_idle(const Place& place) const;
  void accept(common::Instant now);
  void step_place(size_t index, common::Instant now);
  void read(size_t index, common::Instant now);
  void send(size_t index, common::Instant now);
  void drop(size_t index);

  void handle(Place& place, common::Instant now);
  void handle_post(Place& place, const Route& route, common::Instant now);
  bool is_token_good(common::TextSpan token) const;
  void answer_page(Place& place);
  void answer_elsewhere(Place& place);
  void answer_route(Place& place, const Route& route, common::Instant now);
  void answer_json(Place& place, uint16_t status, size_t size);
  void answer_error(Place& place, uint16_t status, const char* sentence);

  // One per route: writes the members of the answer and returns the HTTP status.
  uint16_t get_status(Place& place, json::Writer& out, common::Instant now);
  uint16_t get_settings(Place& place, json::Writer& out, common::Instant now);
  uint16_t get_networks(Place& place, json::Writer& out, common::Instant now);
  uint16_t get_chargers(Place& place, json::Writer& out, common::Instant now);
  uint16_t post_settings(Place& place, json::Writer& out, common::Instant now);
  uint16_t post_scan(Place& place, json::Writer& out, common::Instant now);
  uint16_t post_restart(Place& place, json::Writer& out, common::Instant now);

  /// Writes what is wrong with a change. @return How many fields are; SIZE_MAX: it cannot be read.
  size_t check_change(common::TextSpan body, json::Writer& out);
  common::Status store_change(common::TextSpan body, common::FixedString<95>& error);
  void write_network(json::Writer& out) const;
  void write_csms(json::Writer& out, common::Instant now) const;

  static const Route kRoutes[];

  platform::TcpListener* const listener_;
  const SetupPageParts parts_;
  Place places_[platform::TcpListener::kPlaces];
  char answer_[HttpRequest::kBufferBytes] = {};
  char value_[kMaxSettingBytes + 1] = {};  ///< Of the setting being read.
  uint8_t tokens_[kTokens][kTokenBytes] = {};
  size_t next_token_ = 0;
  size_t wrong_tokens_ = 0;
  common::Instant paused_until_;
  uint32_t ipv4_ = 0;
  uint32_t start_ = 0;  ///< Another one after each restart.
  bool is_captive_ = false;
  bool is_charging_ = false;
  Request request_ = Request::kNone;
  common::FixedString<159> not_started_;
};

}  // namespace gateway
