#pragma once

#include "common/span.hpp"
#include "common/status.hpp"
#include "platform/web_socket_link.hpp"

namespace platform {

/// How the gateway reaches its CSMS and what for a key it shows, as far as OCPP may change it: security whitepaper, A01 and
/// A05. A change is tried by a new connection, begun when the answer to the CSMS has had time to leave; what was before
/// is kept until the new connection stands, and used again when it does not come about.
/// @par Context  Loop thread.
class CsmsAccess {
 public:
  virtual ~CsmsAccess() = default;
  /// In force, or being tried.
  virtual SecurityProfile security_profile() const = 0;
  /// A key is set that profiles 1 and 2 can be used with.
  virtual bool has_key() const = 0;
  /// AuthorizationKey. @param key  16 to 20 characters, or the 32 to 40 hexadecimal digits of as many bytes; where the
  ///                              setting auth_key_form is text, 16 to 40 characters.
  /// @retval kInvalidArgument  Not such a key; nothing has changed.  @retval kIo, kNoSpace  Not stored; as above.
  virtual common::Status set_key(common::TextSpan key, common::Instant now) = 0;
  /// SecurityProfile. Whether certificates are there for it is for the caller to know.
  /// @retval kInvalidArgument  Not higher than the one in force: OCPP never lowers it.
  /// @retval kInvalidState     It needs a key.  @retval kIo, kNoSpace  Not stored. Nothing has changed.
  virtual common::Status raise_profile(SecurityProfile profile, common::Instant now) = 0;
};

}  // namespace platform
