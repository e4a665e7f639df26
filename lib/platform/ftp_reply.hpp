#pragma once

#include "common/span.hpp"

namespace platform {

/// Reads the replies of an FTP server, one after the other, in pieces of any size. Of a reply with several lines the last
/// one is kept. About 530 bytes, whatever is sent.
/// @par Spec  RFC 959, 4.2.
class FtpReply {
 public:
  enum class State : uint8_t { kReading, kDone, kMalformed };

  static constexpr size_t kMaxLineBytes = 512;     ///< What is longer is cut.
  static constexpr size_t kMaxReplyBytes = 16384;  ///< Of one reply.

  /// The next reply begins.
  void clear();
  /// @return Bytes taken; those of the next reply are left.
  size_t feed(common::ByteSpan bytes);
  State state() const { return state_; }

  // kDone:
  uint16_t code() const { return code_; }  ///< 100..599
  /// Behind the code.
  common::TextSpan text() const { return common::TextSpan(line_, size_).subspan(4); }

 private:
  State on_line();

  char line_[kMaxLineBytes] = {};
  size_t size_ = 0;
  size_t bytes_ = 0;
  uint16_t code_ = 0;  ///< 0: the first line has not ended yet.
  State state_ = State::kReading;
};

/// Port of the reply to EPSV, "(|||6446|)". @return 0: there is none. @par Spec  RFC 2428, 3.
uint16_t parse_extended_passive(common::TextSpan reply);
/// Port of the reply to PASV, "(h1,h2,h3,h4,p1,p2)". Its address is left aside: it is the server's own, or a trap.
/// @return 0: there is none.
uint16_t parse_passive(common::TextSpan reply);
/// Number of the reply to SIZE. @return False: it is none, or larger than 2^32-2.
bool parse_size(common::TextSpan reply, uint32_t& out);

}  // namespace platform
