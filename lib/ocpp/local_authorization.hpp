#pragma once

#include "ocpp/authorization_cache.hpp"
#include "ocpp/configuration.hpp"

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
/// 3.5), as far as they are enabled.
class LocalAuthorization {
 public:
  LocalAuthorization(platform::FileStore& files, const Configuration& configuration,
                     common::LogSink& log)
      : configuration_(configuration),
        log_(log),
        list_(files, "local_list.bin"),
        cache_(files, log) {}

  /// Reads both files. @param buffer  At least TagTable::kMinimumBufferBytes.
  void begin(common::MutableByteSpan buffer);

  /// Id tags compare without case. The list has priority over the cache (3.5.3).
  /// @param utc  An entry that has expired by then is kExpired; while unknown so is every entry
  ///   with an expiry date, because it cannot be shown to be valid.
  LocalIdTag lookup(const IdTag& id_tag, common::UtcTime utc) const;

  /// The CSMS sent an IdTagInfo: goes into the cache unless the tag is in the list.
  /// @return Whether it contradicts the list (3.5.2).
  bool learn(const TagEntry& said, common::Instant now);

  // --- Local list
  const TagTable& list() const { return list_; }
  /// SendLocalList. @param buffer  As for TagTable::replace().
  common::Status update_list(const TagTable::Changes& changes, int32_t version,
                             common::MutableByteSpan buffer, common::Instant now);

  // --- Cache
  common::Status clear_cache() { return cache_.clear(); }
  common::Instant deadline() const { return cache_.deadline(); }
  /// Writes what the cache holds back. @param buffer  Not enough: tries again later.
  void write_cache(common::UtcTime utc, common::Instant now, common::MutableByteSpan buffer) {
    if (!deadline().is_never()) cache_.write(list_, utc, now, buffer);
  }

 private:
  bool find_listed(const IdTag& id_tag, TagEntry& out) const;

  const Configuration& configuration_;
  common::LogSink& log_;
  TagTable list_;
  AuthorizationCache cache_;
};

}  // namespace ocpp
