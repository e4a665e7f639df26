#include "ocpp/reservations.hpp"

#include <algorithm>

LOG_MODULE("ocpp.reservation");

namespace ocpp {

using common::Instant;
using common::Status;

namespace {

constexpr uint8_t kVersion = 1;

struct SlotKey {
  explicit SlotKey(size_t slot)
      : text{'r', 'e', 's', 'e', 'r', 'v', 'e', static_cast<char>('1' + slot), '\0'} {}
  char text[9];
};

using image::Kind;
/// Behind the version.
constexpr image::Field kFields[] = {
    {Kind::k4, offsetof(Reservation, id)},
    {Kind::k1, offsetof(Reservation, connector_id)},
    {Kind::k8, offsetof(Reservation, expiry)},
    {Kind::k4, offsetof(Reservation, length_s)},
    {Kind::kIdTag, offsetof(Reservation, id_tag)},
    {Kind::kIdTag, offsetof(Reservation, parent_id_tag)},
};
constexpr image::Layout kLayout = image::layout<Reservation>(kFields, Reservation::kImageBytes - 1);

bool same(const IdTag& a, const IdTag& b) {
  return !a.empty() && common::equals_ignore_case(a.span(), b.span());
}

}  // namespace

void encode(const Reservation& reservation, common::MutableByteSpan out) {
  out[0] = kVersion;
  (void)image::encode(kLayout, &reservation, out.subspan(1));
}

Status decode(common::ByteSpan image, Reservation& out) {
  if (image.empty() || image[0] == 0) return Status::kCorrupt;
  return image::decode(kLayout, image.subspan(1), &out);
}

void Reservations::begin(uint8_t connectors) {
  begun_at_ = clock_.now();
  for (size_t i = 0; i < limits::kMaxConnectors; ++i) {
    uint8_t image[2 * Reservation::kImageBytes];
    const common::Result<size_t> size =
        settings_.get(SlotKey(i).text, common::MutableByteSpan(image));
    if (!size.ok()) continue;
    taken_ = static_cast<uint8_t>(taken_ | 1U << i);
    if (decode(common::ByteSpan(image, size.value()), slots_[i]) != Status::kOk ||
        slots_[i].connector_id > connectors) {
      end_slot(i, "not one of ours");
    }
  }
}

const Reservation* Reservations::on(uint8_t connector_id) const {
  for (size_t i = 0; i < limits::kMaxConnectors; ++i) {
    const Reservation* reservation = at(i);
    if (reservation != nullptr && reservation->connector_id == connector_id) return reservation;
  }
  return nullptr;
}

const Reservation* Reservations::matching(uint8_t connector_id, const IdTag& id_tag,
                                          const IdTag& parent_id_tag) const {
  const Reservation* of_any = nullptr;
  for (size_t i = 0; i < limits::kMaxConnectors; ++i) {
    const Reservation* reservation = at(i);
    if (reservation == nullptr ||
        (!same(reservation->id_tag, id_tag) && !same(reservation->parent_id_tag, parent_id_tag))) {
      continue;
    }
    if (reservation->connector_id == connector_id) return reservation;
    if (reservation->connector_id == 0) of_any = reservation;
  }
  return on(connector_id) == nullptr ? of_any : nullptr;
}

void Reservations::set_held(uint16_t connectors) {
  if (connectors == held_) return;
  held_ = connectors;
  ++revision_;
}

Status Reservations::put(const Reservation& reservation) {
  size_t target = limits::kMaxConnectors;
  for (size_t i = limits::kMaxConnectors; i-- > 0;) {
    if (at(i) == nullptr) {
      if (target == limits::kMaxConnectors || at(target) == nullptr) target = i;
    } else if (slots_[i].id == reservation.id) {
      target = i;
    }
  }
  if (target == limits::kMaxConnectors) return Status::kNoSpace;
  uint8_t image[Reservation::kImageBytes];
  encode(reservation, common::MutableByteSpan(image));
  RETURN_IF_ERROR(settings_.set(SlotKey(target).text, common::ByteSpan(image)));
  slots_[target] = reservation;
  taken_ = static_cast<uint8_t>(taken_ | 1U << target);
  unerased_ = static_cast<uint8_t>(unerased_ & ~(1U << target));
  ++revision_;
  LOG_INFO(log_, "reservation %ld: connector %u for %lu s", static_cast<long>(reservation.id),
           reservation.connector_id, static_cast<unsigned long>(reservation.length_s));
  return Status::kOk;
}

Status Reservations::cancel(int32_t id) {
  for (size_t i = 0; i < limits::kMaxConnectors; ++i) {
    if (at(i) == nullptr || slots_[i].id != id) continue;
    RETURN_IF_ERROR(settings_.erase(SlotKey(i).text));
    end_slot(i, "cancelled");
    return Status::kOk;
  }
  return Status::kNotFound;
}

void Reservations::end(int32_t id, const char* cause) {
  for (size_t i = 0; i < limits::kMaxConnectors; ++i) {
    if (at(i) != nullptr && slots_[i].id == id) end_slot(i, cause);
  }
}

void Reservations::end_slot(size_t index, const char* cause) {
  LOG_INFO(log_, "reservation %ld ends: %s", static_cast<long>(slots_[index].id), cause);
  taken_ = static_cast<uint8_t>(taken_ & ~(1U << index));
  unerased_ = static_cast<uint8_t>(unerased_ | 1U << index);
  erase_at_ = Instant{};
  ++revision_;
}

Instant Reservations::step() {
  Instant next = Instant::never();
  for (size_t i = 0; taken_ != 0 && i < limits::kMaxConnectors; ++i) {
    if (at(i) == nullptr) continue;
    const Instant ends_at = clock_.is_known() ? clock_.instant(slots_[i].expiry)
                                              : begun_at_ + int64_t{slots_[i].length_s} * 1000;
    if (clock_.now() >= ends_at) {
      end_slot(i, "expired");
    } else {
      next = common::earlier(next, ends_at);
    }
  }
  if (clock_.now() >= erase_at_) {
    erase_at_ = Instant::never();
    for (size_t i = 0; i < limits::kMaxConnectors; ++i) {
      if ((unerased_ & 1U << i) == 0) continue;
      if (settings_.erase(SlotKey(i).text) == Status::kOk) {
        unerased_ = static_cast<uint8_t>(unerased_ & ~(1U << i));
      } else {
        erase_at_ = clock_.now() + kEraseRetryMs;
      }
    }
  }
  return common::earlier(next, erase_at_);
}

}  // namespace ocpp
