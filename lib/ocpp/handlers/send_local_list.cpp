#include "ocpp/handlers/handlers.hpp"
#include "ocpp/id_tag_info.hpp"

#include <algorithm>

namespace ocpp {
namespace {

using messages::UpdateStatus;

/// The entries of a request as slots at the front of a borrowed buffer, taken over while the
/// request is decoded; their order by hash is at its end.
class Slots {
 public:
  explicit Slots(common::MutableByteSpan buffer)
      : buffer_(buffer),
        most_(std::min(limits::kMaxLocalListUpdate, buffer.size() / (TagTable::kSlotBytes + 1))),
        order_(buffer.end() - most_) {}

  messages::AuthorizationData item;

  static void take(void* self, size_t /*index*/) { static_cast<Slots*>(self)->add(); }

  /// False when there were too many, one was no entry, or an id tag came twice.
  bool are_valid() const { return are_valid_; }
  bool has_removal() const { return has_removal_; }
  TagTable::Changes changes() const {
    TagTable::Changes changes;
    changes.slots = buffer_.data();
    changes.order = order_;
    changes.count = count_;
    return changes;
  }
  common::MutableByteSpan rest() const {
    uint8_t* const begin = at(count_);
    return common::MutableByteSpan(begin, static_cast<size_t>(order_ - begin));
  }

 private:
  uint8_t* at(size_t index) const { return buffer_.data() + index * TagTable::kSlotBytes; }

  void add() {
    are_valid_ = are_valid_ && count_ < most_ && !item.id_tag.empty();
    if (!are_valid_) return;
    uint8_t* const slot = at(count_);
    const bool is_removal = !item.id_tag_info.has_value();
    if (is_removal) *item.id_tag_info = messages::IdTagInfo();
    const messages::IdTagInfo& info = *item.id_tag_info;
    common::TextSpan parent;
    common::UtcTime expiry;
    if (info.parent_id_tag.has_value()) parent = info.parent_id_tag->span();
    if (info.expiry_date.has_value()) expiry = *info.expiry_date;
    TagTable::encode(item.id_tag, parent, static_cast<IdTagStatus>(info.status), expiry, 0, slot);
    if (is_removal) {
      TagTable::mark_removal(slot);
      has_removal_ = true;
    }
    are_valid_ = insert(slot);
  }
  /// @return false if the tag is there already.
  bool insert(const uint8_t* slot) {
    const uint16_t hash = TagTable::hash(slot);
    size_t first = 0;
    size_t end = count_;
    while (first < end) {
      const size_t middle = (first + end) / 2;
      if (TagTable::hash(at(order_[middle])) < hash) {
        first = middle + 1;
      } else {
        end = middle;
      }
    }
    for (; end < count_ && TagTable::hash(at(order_[end])) == hash; ++end) {
      if (TagTable::same_tag(at(order_[end]), slot)) return false;
    }
    std::memmove(order_ + first + 1, order_ + first, count_ - first);
    order_[first] = count_++;
    return true;
  }

  common::MutableByteSpan buffer_;
  size_t most_;
  uint8_t* order_;
  uint8_t count_ = 0;
  bool are_valid_ = true;
  bool has_removal_ = false;
};

UpdateStatus update(Engine& engine, const messages::SendLocalListReq& request, const Slots& slots) {
  LocalAuthorization& local = engine.local_authorization;
  const bool is_full = request.update_type == messages::UpdateType::Full;
  if (!engine.configuration.flag(Key::LocalAuthListEnabled)) return UpdateStatus::NotSupported;
  if (!is_full && request.list_version <= local.list().version())
    return UpdateStatus::VersionMismatch;
  // Only a difference may say that a tag is to go (7.1).
  if (request.list_version <= 0 || !slots.are_valid() || (is_full && slots.has_removal()) ||
      slots.rest().size() < TagTable::kMinimumBufferBytes)
    return UpdateStatus::Failed;
  TagTable::Changes changes = slots.changes();
  changes.keeps_others = !is_full;
  const common::Status status =
      local.update_list(changes, request.list_version, slots.rest(), engine.clock.now());
  return status == common::Status::kOk ? UpdateStatus::Accepted : UpdateStatus::Failed;
}

}  // namespace

/// OCPP 1.6 ed. 2, 5.15, 6.41, 7.1, 7.47; errata 3.52. The outbox lends its free space: nothing is
/// queued until the answer.
void handle_send_local_list(const InboundCall& call) {
  messages::SendLocalListReq request;
  Slots slots(call.engine().spare_buffer());
  const messages::ItemSink sink{&slots.item, &Slots::take, &slots};
  messages::DecodeOptions options;
  options.sink = &sink;
  if (const messages::DecodeError error = decode(call.payload(), request, options); !error.ok()) {
    call.refuse(error);
    return;
  }
  messages::SendLocalListConf conf;
  conf.status = update(call.engine(), request, slots);
  call.answer(conf);
}

}  // namespace ocpp
