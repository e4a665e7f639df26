#include "ocpp/local_authorization.hpp"

LOG_MODULE("ocpp.authorization");

namespace ocpp {

using common::Status;

void LocalAuthorization::begin(common::MutableByteSpan buffer) {
  const Status status = list_.load(buffer);
  if (status != Status::kOk) {
    // Version 0 tells the CSMS to send it again.
    LOG_ERROR(log_, "local list unreadable (%s), it is empty", to_string(status));
  }
  cache_.begin(buffer);
}

bool LocalAuthorization::find_listed(const IdTag& id_tag, TagEntry& out) const {
  return configuration_.flag(Key::LocalAuthListEnabled) && list_.find(id_tag, out) == Status::kOk;
}

LocalIdTag LocalAuthorization::lookup(const IdTag& id_tag, common::UtcTime utc) const {
  LocalIdTag result;
  TagEntry entry;
  if (find_listed(id_tag, entry)) {
    result.source = LocalIdTag::Source::kList;
  } else if (configuration_.flag(Key::AuthorizationCacheEnabled) && cache_.find(id_tag, entry)) {
    result.source = LocalIdTag::Source::kCache;
  } else {
    return result;
  }
  result.status = entry.status;
  result.parent_id_tag = entry.parent_id_tag;
  const bool may_be_expired = entry.expiry.is_known() && (!utc.is_known() || entry.expiry <= utc);
  if (result.is_accepted() && may_be_expired) result.status = IdTagStatus::kExpired;
  return result;
}

bool LocalAuthorization::learn(const TagEntry& said, common::Instant now) {
  TagEntry listed;
  if (find_listed(said.id_tag, listed)) {
    // Another transaction of the tag says nothing about its validity.
    return said.status != IdTagStatus::kConcurrentTx &&
           (said.status == IdTagStatus::kAccepted) != (listed.status == IdTagStatus::kAccepted);
  }
  if (configuration_.flag(Key::AuthorizationCacheEnabled)) cache_.learn(said, now);
  return false;
}

Status LocalAuthorization::update_list(const TagTable::Changes& changes, int32_t version,
                                       common::MutableByteSpan buffer, common::Instant now) {
  RETURN_IF_ERROR(list_.replace(changes, version, limits::kLocalListEntries, buffer));
  if (cache_.size() > 0) cache_.purge(now);
  LOG_INFO(log_, "local list: version %ld, %u id tags", static_cast<long>(list_.version()),
           static_cast<unsigned>(list_.size()));
  return Status::kOk;
}

}  // namespace ocpp
