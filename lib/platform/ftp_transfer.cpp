#include "platform/ftp_transfer.hpp"

#include <cstdio>

namespace platform {

using common::Status;
using common::text;
using common::TextSpan;

bool FtpTransfer::is_served(TransferProtocol protocol) const {
  const bool has_tls = links_.tls != nullptr && links_.secure_data != nullptr;
  return links_.data != nullptr &&
         (protocol == kTransferFtp || (protocol == kTransferFtps && has_tls));
}

void FtpTransfer::start() {
  reply_.clear();
  total_ = received_ = 0;
  control_begin_ = control_end_ = 0;
  is_cut_ = false;
  phase_ = Phase::kGreeting;
  if (is_protected() && url_.port == kImplicitTlsPort) {
    open(*links_.tls);
  } else {
    open(links_.plain);
  }
}

void FtpTransfer::close() {
  // A link closes the one below it.
  if (links_.secure_data != nullptr) links_.secure_data->close();
  if (links_.data != nullptr) links_.data->close();
  if (link_ != nullptr) link_->close();
  link_ = nullptr;
  is_connecting_ = false;
}

void FtpTransfer::on_broken(TcpLink& link) {
  if (&link != &data()) return fail_broken(link);
  // The server says on the other connection why it takes no more.
  data().close();
  begin_ = end_ = 0;
  is_cut_ = true;
  phase_ = Phase::kEnd;
}

void FtpTransfer::send(Phase phase, const char* command, TextSpan argument) {
  phase_ = phase;
  put(text(command));
  put(argument);
  put(text("\r\n"));
}

void FtpTransfer::send_path(Phase phase, const char* command) {
  // Relative to where the login leads: the slash only ends the host (RFC 1738, 3.2.2).
  common::FixedString<limits::kMaxLocationBytes> path;
  if (append_percent_decoded(url_.target.span().subspan(1), path) != Status::kOk)
    return fail("the path in the URL is not encoded as it must be");
  send(phase, command, path.span());
}

bool FtpTransfer::advance() {
  switch (phase_) {
    case Phase::kSecured:
      log_in();
      return true;
    case Phase::kConnectData:
    case Phase::kSecureData:
      return wait_for_data();
    case Phase::kData:
      return is_upload_ ? send_data() : move_data();
    case Phase::kDataEnd:
      return end_data();
    default:
      return read_reply();
  }
}

bool FtpTransfer::read_reply() {
  if (!flush(*link_)) return false;
  if (control_begin_ == control_end_) {
    const common::Result<size_t> count = link_->read(common::MutableByteSpan(control_));
    control_begin_ = 0;
    control_end_ = count.value_or(0);
    if (count.status() == Status::kAgain) return false;
    if (!count.ok()) fail_broken(*link_);
    if (control_end_ == 0) return false;
  }
  control_begin_ +=
      reply_.feed(common::ByteSpan(control_ + control_begin_, control_end_ - control_begin_));
  if (reply_.state() == FtpReply::State::kMalformed) fail("the server does not speak FTP");
  if (reply_.state() != FtpReply::State::kDone) return true;
  on_reply(reply_.code());
  reply_.clear();
  return true;
}

void FtpTransfer::on_reply(uint16_t code) {
  // "In a moment": the real answer follows. Not so when a transfer begins.
  if (code < 200 && phase_ != Phase::kCommand) return;
  switch (phase_) {
    case Phase::kType:
      if (code >= 300) return refuse(code);
      if (is_upload_) return send(Phase::kExtendedPassive, "EPSV");
      return send_path(Phase::kTime, "MDTM ");
    case Phase::kTime:
      return on_time(code);
    case Phase::kSize:
      return on_size(code);
    case Phase::kExtendedPassive:
      if (code == 229) return connect_data(parse_extended_passive(reply_.text()));
      return send(Phase::kPassive, "PASV");
    case Phase::kPassive:
      if (code != 227) return refuse(code);
      return connect_data(parse_passive(reply_.text()));
    case Phase::kRest:
      if (code != 350) offset_ = 0;
      return send_path(Phase::kCommand, "RETR ");
    case Phase::kCommand:
      if (code >= 200) return refuse(code);
      status_.begins_at = offset_;
      status_.total_bytes = total_;
      return begin_data();
    case Phase::kEnd:
      if (code >= 300) return refuse(code);
      return is_cut_ ? fail("the connection broke") : succeed();
    default:
      return on_login_reply(code);
  }
}

void FtpTransfer::on_login_reply(uint16_t code) {
  char sentence[64];
  switch (phase_) {
    case Phase::kGreeting:
      if (code != 220) return refuse(code);
      if (is_protected() && link_ != links_.tls) return send(Phase::kAuth, "AUTH TLS");
      return log_in();
    case Phase::kAuth:
      if (code == 234) return secure();
      std::snprintf(sentence, sizeof sentence, "the server offers no TLS: it answered %u",
                    static_cast<unsigned>(code));
      return fail(sentence);
    case Phase::kUser:
      if (code == 331)
        return send(Phase::kPassword, "PASS ",
                    url_.has_login ? url_.password.span() : text("vev-gateway@"));
      [[fallthrough]];
    case Phase::kPassword:
      if (code >= 300) return refuse(code);
      if (is_protected()) return send(Phase::kProtectionSize, "PBSZ 0");
      return send(Phase::kType, "TYPE I");
    case Phase::kProtectionSize:
      return send(Phase::kProtection, "PROT P");  // Which tells whether there is TLS.
    case Phase::kProtection:
      if (code < 300) return send(Phase::kType, "TYPE I");
      std::snprintf(sentence, sizeof sentence, "the server takes no TLS for files: it answered %u",
                    static_cast<unsigned>(code));
      return fail(sentence);
    default:
      return;
  }
}

void FtpTransfer::log_in() {
  send(Phase::kUser, "USER ", url_.has_login ? url_.user.span() : text("anonymous"));
}

void FtpTransfer::secure() {
  // What came before TLS is nobody's word: somebody on the way may have put it there.
  if (control_begin_ != control_end_) return fail("the server spoke before TLS stood");
  if (links_.tls->secure(url_.host.c_str()) != Status::kOk)
    return fail("the server cannot be reached");
  link_ = links_.tls;
  is_connecting_ = true;
  phase_ = Phase::kSecured;
}

void FtpTransfer::on_time(uint16_t code) {
  // When the file was changed is all that identifies it.
  if (code == 213) {
    const common::FixedString<95> changed(reply_.text());
    if (!memory_.validator.empty() && !(changed == memory_.validator)) offset_ = 0;
    memory_.validator = changed;
  }
  send_path(Phase::kSize, "SIZE ");
}

void FtpTransfer::on_size(uint16_t code) {
  if (code != 213 || !parse_size(reply_.text(), total_)) total_ = 0;
  if (total_ > 0 && offset_ == total_) {
    status_.begins_at = status_.total_bytes = offset_;
    return succeed();
  }
  if (total_ > 0 && offset_ > total_) offset_ = 0;  // another file
  send(Phase::kExtendedPassive, "EPSV");
}

void FtpTransfer::connect_data(uint16_t port) {
  // Looked up again, a name of several machines may give another one.
  const char* const peer = links_.plain.peer();
  const char* const host = *peer != '\0' ? peer : url_.host.c_str();
  if (port == 0 || links_.data->connect(host, port) != Status::kOk)
    return fail("the server gives no connection for the file");
  data_asked_ = now_;
  phase_ = Phase::kConnectData;
}

bool FtpTransfer::wait_for_data() {
  constexpr const char* kNone = "the server gives no connection for the file";
  TcpLink& link = phase_ == Phase::kSecureData ? data() : *links_.data;
  const TcpLink::State state = link.state();
  if (state == TcpLink::State::kConnecting && now_ - data_asked_ <= timeouts_.connect_ms) {
    note_progress();
    return false;
  }
  if (state != TcpLink::State::kOpen) {
    fail(phase_ == Phase::kSecureData && *link.last_error() != '\0' ? link.last_error() : kNone);
  } else if (phase_ == Phase::kSecureData) {
    phase_ = Phase::kData;
  } else {
    ask_for_file();
  }
  return true;
}

/// The server is about to send or take the file: only now does it begin TLS for it.
void FtpTransfer::begin_data() {
  phase_ = Phase::kData;
  if (!is_protected()) return;
  links_.tls->rest();
  if (links_.secure_data->secure(url_.host.c_str()) != Status::kOk)
    return fail("the server cannot be reached");
  data_asked_ = now_;
  phase_ = Phase::kSecureData;
}

void FtpTransfer::ask_for_file() {
  if (is_upload_) return send_path(Phase::kCommand, "STOR ");
  if (offset_ == 0) return send_path(Phase::kCommand, "RETR ");
  char number[16];
  std::snprintf(number, sizeof number, "%lu", static_cast<unsigned long>(offset_));
  send(Phase::kRest, "REST ", text(number));
}

bool FtpTransfer::move_data() {
  if (!fill(data())) {
    if (!is_closed_) return false;
    // Anybody can cut a connection; that the file ends there only its length can say, or TLS.
    const bool is_cut = total_ > 0 ? received_ != total_ - offset_
                                   : is_protected() && !links_.secure_data->is_complete();
    if (is_cut) {
      fail_broken(data());
    } else {
      data().close();
      phase_ = Phase::kEnd;
    }
    return true;
  }
  if (total_ > 0 && unread().size() > total_ - offset_ - received_) {
    fail("the server sends more than the file has");
    return true;
  }
  const size_t given = pipe_.give(unread());
  // Where there is no room, it is not the server that is slow.
  note_progress();
  received_ += static_cast<uint32_t>(given);
  consume(given);
  return given > 0;
}

bool FtpTransfer::send_data() {
  if (!flush(data())) return false;
  const bool is_complete = pipe_.is_complete();
  end_ = pipe_.take(common::MutableByteSpan(buffer_, kPieceBytes));
  if (end_ > 0) return true;
  if (!is_complete) {
    note_progress();
    return false;
  }
  phase_ = Phase::kDataEnd;
  return true;
}

bool FtpTransfer::end_data() {
  if (is_protected()) {
    const Status status = links_.secure_data->end();
    if (status == Status::kAgain) return false;
    if (status != Status::kOk) {
      on_broken(data());
      return true;
    }
  }
  data().close();
  phase_ = Phase::kEnd;
  return true;
}

}  // namespace platform
