#include "ocpp/handlers/handlers.hpp"
#include "ocpp/id_tag_info.hpp"

namespace ocpp {
namespace {

using messages::UpdateStatus;
using List = messages::ArrayView<messages::AuthorizationData>;

/// The entries of a request as slots, sorted by hash, at the front of a borrowed buffer.
class Slots {
 public:
  explicit Slots(common::MutableByteSpan buffer) : buffer_(buffer) {}

  /// @return false when there are too many, one is no entry, or an id tag comes twice.
  bool collect(const List& list, bool is_full) {
    const size_t count = list.size();
    if (count > limits::kMaxLocalListUpdate || buffer_.size() < count * (TagTable::kSlotBytes + 1))
      return false;
    order_ = buffer_.data() + count * TagTable::kSlotBytes;
    for (const messages::AuthorizationData& item : list) {
      uint8_t* const slot = at(count_);
      // Only a difference may say that a tag is to go (7.1).
      const bool is_removal = !item.id_tag_info.has_value();
      if (item.id_tag.empty() || (is_full && is_removal)) return false;
      TagTable::encode(to_tag_entry(item.id_tag, item.id_tag_info.value_or(messages::IdTagInfo())),
                       slot);
      if (is_removal) TagTable::mark_removal(slot);
      if (!insert(slot)) return false;
    }
    return true;
  }

  TagTable::Changes changes() const {
    TagTable::Changes changes;
    changes.slots = buffer_.data();
    changes.order = order_;
    changes.count = count_;
    return changes;
  }
  common::MutableByteSpan rest() const {
    return buffer_.subspan(count_ * (TagTable::kSlotBytes + 1));
  }

 private:
  uint8_t* at(size_t index) const { return buffer_.data() + index * TagTable::kSlotBytes; }
  bool insert(const uint8_t* slot) {
    uint8_t place = count_;
    for (; place > 0; --place) {
      const uint8_t* const other = at(order_[place - 1]);
      if (TagTable::hash(other) < TagTable::hash(slot)) break;
      if (TagTable::same_tag(other, slot)) return false;
      order_[place] = order_[place - 1];
    }
    order_[place] = count_++;
    return true;
  }

  common::MutableByteSpan buffer_;
  uint8_t* order_ = nullptr;
  uint8_t count_ = 0;
};

}  // namespace

/// OCPP 1.6 ed. 2, 5.15, 6.41, 7.1, 7.47; errata 3.52. The outbox lends its free space: nothing is
/// queued until the answer.
Refusal handle(Engine& engine, const messages::SendLocalListReq& request,
               messages::SendLocalListConf& conf, common::Instant now) {
  LocalAuthorization& local = engine.local_authorization;
  const bool is_full = request.update_type == messages::UpdateType::Full;
  conf.status = UpdateStatus::NotSupported;
  if (!engine.configuration.flag(Key::LocalAuthListEnabled)) return Refusal::none();
  conf.status = UpdateStatus::VersionMismatch;
  if (!is_full && request.list_version <= local.list().version()) return Refusal::none();
  conf.status = UpdateStatus::Failed;
  Slots slots(engine.spare_buffer());
  if (request.list_version <= 0 ||
      !slots.collect(request.local_authorization_list.value_or(List()), is_full))
    return Refusal::none();
  TagTable::Changes changes = slots.changes();
  changes.keeps_others = !is_full;
  if (slots.rest().size() < TagTable::kMinimumBufferBytes) return Refusal::none();
  if (local.update_list(changes, request.list_version, slots.rest(), now) == common::Status::kOk)
    conf.status = UpdateStatus::Accepted;
  return Refusal::none();
}

}  // namespace ocpp
