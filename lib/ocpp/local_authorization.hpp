#pragma once

#include "common/time.hpp"
#include "ocpp/records.hpp"

namespace ocpp {

/// What the CSMS (or a local rule) said about an id tag.
struct AuthorizationResult {
  IdTagStatus status = IdTagStatus::kInvalid;
  IdTag parent_id_tag;  ///< Empty when none.

  bool is_accepted() const { return status == IdTagStatus::kAccepted; }
};

/// What is known here about an id tag, without asking the CSMS.
struct LocalIdTag : AuthorizationResult {
  enum class Source : uint8_t { kNone, kList, kCache };
  Source source = Source::kNone;

  bool is_known() const { return source != Source::kNone; }
};

/// The id tags known here: the local authorization list and the authorization cache (OCPP 1.6 ed. 2,
/// 3.5).
class LocalAuthorization {
 public:
  /// Id tags compare without case. The list has priority over the cache (3.5.3).
  /// @param utc  An entry that has expired by then is kExpired; while unknown so is every entry
  ///   with an expiry date, because it cannot be shown to be valid.
  LocalIdTag lookup(const IdTag& id_tag, common::UtcTime utc) const;
};

}  // namespace ocpp
