#pragma once

#include "platform/ftp_reply.hpp"
#include "platform/stream_transfer.hpp"

namespace platform {

/// FTP, binary and passive. The data connection goes to the machine that the control connection stands with, whatever address it names. Folders are
/// not made. About 4 KB.
///
/// ftps: both connections in TLS, asked for with AUTH TLS before the login and PROT P after it, or from the first byte where
/// the port is 990. A server that refuses either is left: nothing goes in clear text then. While the file moves, the
/// records of the control connection rest, and the data connection asks to take up its TLS session, so that one of the two
/// has them at a time.
/// @par Spec  RFC 959; EPSV of RFC 2428, MDTM, SIZE and REST of RFC 3659; RFC 4217.
class FtpTransfer final : public StreamTransfer {
 public:
  using StreamTransfer::StreamTransfer;

 private:
  enum class Phase : uint8_t {
    kGreeting,
    kAuth,
    kSecured,  ///< TLS stands on the control connection.
    kUser,
    kPassword,
    kProtectionSize,
    kProtection,
    kType,
    kTime,
    kSize,
    kExtendedPassive,
    kPassive,
    kConnectData,
    kRest,
    kCommand,  ///< RETR or STOR was sent.
    kSecureData,
    kData,
    kDataEnd,  ///< The last byte was sent.
    kEnd,
  };

  bool is_served(TransferProtocol protocol) const override;
  void start() override;
  bool advance() override;
  void close() override;
  void on_broken(TcpLink& link) override;

  void send(Phase phase, const char* command, common::TextSpan argument = common::TextSpan());
  void send_path(Phase phase, const char* command);
  bool is_protected() const { return url_.protocol == kTransferFtps; }
  TcpLink& data() const { return is_protected() ? *links_.secure_data : *links_.data; }
  bool read_reply();
  void on_reply(uint16_t code);
  void on_login_reply(uint16_t code);
  void secure();
  void log_in();
  void on_time(uint16_t code);
  void on_size(uint16_t code);
  void connect_data(uint16_t port);
  bool wait_for_data();
  void begin_data();
  void ask_for_file();
  bool move_data();
  bool send_data();
  bool end_data();

  Phase phase_ = Phase::kGreeting;
  FtpReply reply_;
  uint32_t total_ = 0;  ///< 0 = unknown.
  uint32_t received_ = 0;
  bool is_cut_ = false;  ///< The server takes no more of an upload.
  common::Instant data_asked_;
  size_t control_begin_ = 0;
  size_t control_end_ = 0;
  uint8_t control_[128] = {};  ///< Of replies, not read yet.
};

}  // namespace platform
