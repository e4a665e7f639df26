#pragma once

#include "ocpp/tag_table.hpp"
#include "ocpp_messages/id_tag_info.hpp"

namespace ocpp {

static_assert(static_cast<int>(IdTagStatus::kConcurrentTx) ==
                      static_cast<int>(ocpp_messages::AuthorizationStatus::ConcurrentTx) &&
                  static_cast<int>(IdTagStatus::kExpired) ==
                      static_cast<int>(ocpp_messages::AuthorizationStatus::Expired),
              "both enums follow the specification's order");

/// What an IdTagInfo says about a tag.
inline TagEntry to_tag_entry(const IdTag& id_tag, const ocpp_messages::IdTagInfo& info) {
  TagEntry entry;
  entry.id_tag = id_tag;
  entry.status = static_cast<IdTagStatus>(info.status);
  if (info.parent_id_tag.has_value()) entry.parent_id_tag = *info.parent_id_tag;
  if (info.expiry_date.has_value()) entry.expiry = *info.expiry_date;
  return entry;
}

}  // namespace ocpp
