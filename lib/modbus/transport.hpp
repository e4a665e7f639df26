#pragma once

#include "common/fixed_string.hpp"
#include "common/log.hpp"
#include "common/time.hpp"
#include "platform/serial_link.hpp"
#include "platform/tcp_link.hpp"

namespace modbus {

/// Where a Modbus TCP server or a serial-to-Ethernet converter listens.
struct TcpTarget {
  static constexpr uint16_t kDefaultPort = 502;

  common::FixedString<63> host;  ///< Name or address.
  uint16_t port = kDefaultPort;
  bool is_converter = false;  ///< Passes the frames of a serial line on as they are.
};

/// What is below a bus: a serial line, or one TCP connection. The connection is made when it is needed, kept for as
/// long as it works, and closed before another is made: chargers take one or two clients.
///
/// @par Memory  No heap. @par Context  One thread; does not block.
class Transport {
 public:
  enum class Loss : uint8_t {
    kLink,     ///< The platform says so, or the connection took too long.
    kGarbage,  ///< What came is no Modbus TCP.
    kSilence,  ///< Nothing comes.
  };

  /// A connection that is not there by then is given up, ms.
  static constexpr int64_t kConnectMs = 10000;
  /// Wait until a serial device is looked for again; first wait after a connection that brought no answer, ms.
  static constexpr uint16_t kFirstRetryMs = 1000;
  /// It doubles up to this, ms.
  static constexpr uint16_t kMaxRetryMs = 30000;

  /// Everything given must outlive the transport.
  void begin(platform::SerialLink& link) { serial_ = &link; }
  void begin(platform::TcpLink& link, const TcpTarget& target, common::LogSink& log);
  bool has_begun() const { return serial_ != nullptr || tcp_ != nullptr; }
  bool is_tcp() const { return tcp_ != nullptr; }
  /// Bytes have their Modbus TCP framing.
  bool is_mbap() const { return is_tcp() && !target_.is_converter; }
  const TcpTarget& target() const { return target_; }
  /// How the line is set; the default before prepare().
  const platform::SerialSettings& settings() const { return settings_; }

  /// Sets the line for a unit, or connects.
  /// @retval kOk     Ready.
  /// @retval kAgain  Connecting: call again, at give_up_at() at the latest.
  /// Others: it failed; call lose().
  common::Status prepare(const platform::SerialSettings& settings, common::Instant now);
  common::Instant give_up_at() const { return give_up_at_; }
  /// The connection is open, or the serial line is set.
  bool is_open() const;

  /// As of SerialLink and TcpLink.
  common::Result<size_t> write(common::ByteSpan data);
  common::Result<size_t> read(common::MutableByteSpan buffer);

  /// A valid answer came.
  void on_reply();
  /// Line or connection cannot be used: closes it, logs the reason once. A connection that worked and ends while nothing
  /// is asked is no failure.
  /// @return When to try again; now, when the connection had worked.
  common::Instant lose(Loss loss, bool is_idle, common::Instant now);
  /// Closes the connection in order.
  void close();

 private:
  void log_failure(Loss loss, bool is_timeout, int64_t wait_ms);

  platform::SerialLink* serial_ = nullptr;
  platform::TcpLink* tcp_ = nullptr;
  common::LogSink* log_ = nullptr;
  TcpTarget target_;
  platform::SerialSettings settings_;
  bool is_set_ = false;         ///< Serial: settings_ are in force.
  bool is_connecting_ = false;  ///< TCP: connect() was called and state() has not been kOpen yet.
  bool has_worked_ = false;     ///< TCP: this connection has brought an answer.
  bool was_told_ = false;       ///< The last thing logged is that it works.
  uint16_t retry_ms_ = kFirstRetryMs;
  uint32_t told_reason_ = 0;  ///< Hash of the failure logged last.
  common::Instant give_up_at_;
};

}  // namespace modbus
