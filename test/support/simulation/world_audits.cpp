#include "simulation/world.hpp"

#include <algorithm>

namespace simulation {
namespace {

using ocpp::ChargePointStatus;

/// Of one call into the engine: as many as reading all of a flash of 1 MiB in records of 128 bytes takes.
constexpr uint64_t kMaxAccesses = 8192;
constexpr const char* kFreeVendTag = "FREEVEND";

}  // namespace

World::KnownTag World::tag_of(const ocpp::MaskedIdTag& masked) {
  for (size_t tag = 0; tag < kTagCount; ++tag) {
    if (ocpp::mask(charger::IdTag(kTags[tag])) == masked)
      return KnownTag{kTags[tag], tag < 2 ? "FAMILY" : ""};
  }
  return KnownTag{kFreeVendTag, ""};
}

/// Certainly true.
bool World::is_set(const char* key) const {
  const auto found = expected_.find(key);
  return found != expected_.end() && found->second.value == "true" &&
         !found->second.is_other_possible;
}

void World::check_list(const char* when) {
  const std::string wrong = list_.check(read_list(flash_));
  if (!wrong.empty()) fail(std::string(when) + " " + wrong);
}

// ---------------------------------------------------------------------------------------------- reservations

/// Whom a connector is kept for, and whether somebody else got it.
void World::on_transaction_started(const ocpp::Event& event) {
  ++started_;
  reservations_.expire(charge_point_->utc(clock_.now()).ms, now_ms());
  const KnownTag tag = tag_of(event.id_tag);
  const uint8_t id = event.connector_id;
  bool is_kept = false;
  size_t kept_for_any = 0;
  const std::vector<BookedReservation> all = reservations_.all();
  std::vector<BookedReservation> used_any;
  for (const BookedReservation& reservation : all) {
    const bool is_for = reservation.is_for(tag.id_tag, tag.parent);
    if (reservation.connector == 0) {
      if (is_for) used_any.push_back(reservation);
      kept_for_any += reservation.is_doubtful ? 0 : 1;
    }
    if (reservation.connector != id) continue;
    is_kept = true;
    if (is_for && !reservation.is_doubtful && reservation.id_tag == tag.id_tag) {
      used_.push_back(reservation);
      reservations_.end(reservation.id, now_ms());
    } else if (is_for) {
      reservations_.doubt(reservation.id);
    } else if (reservation.is_doubtful) {
      reservations_.end(reservation.id, now_ms());
    } else {
      fail("connector " + std::to_string(id) + " is reserved for " + reservation.id_tag +
           ", and was given to " + tag.id_tag);
    }
  }
  // Whether a group is known at the charge point nobody knows from outside.
  if (used_any.size() == 1 && !is_kept && !used_any[0].is_doubtful &&
      used_any[0].id_tag == tag.id_tag) {
    used_.push_back(used_any[0]);
    used_.back().connector = id;
    reservations_.end(used_any[0].id, now_ms());
    return;
  }
  for (const BookedReservation& reservation : used_any) reservations_.doubt(reservation.id);
  if (is_kept || !used_any.empty() || kept_for_any == 0) return;
  // Somebody else takes a connector: so many must have been left as are reserved without a number.
  const auto is_free = [](ChargePointStatus status) {
    return status == ChargePointStatus::Available || status == ChargePointStatus::Reserved;
  };
  if (!is_free(bystanders_[id].status)) return;
  size_t free = 0;
  for (uint8_t other = 1; other <= script_.connectors; ++other) {
    const bool is_reserved = std::any_of(all.begin(), all.end(), [&](const auto& reservation) {
      return reservation.connector == other;
    });
    if (!is_reserved &&
        (is_free(bystanders_[other].status) || is_free(charge_point_->status(other))))
      ++free;
  }
  if (free <= kept_for_any) {
    fail("connector " + std::to_string(id) + " was given to " + tag.id_tag + ": " +
         std::to_string(free) + " were free, " + std::to_string(kept_for_any) +
         " of any are reserved");
  }
}

/// What the CSMS heard of transactions that used a reservation.
void World::check_reserved_starts() {
  const auto number_of = [](const auto& transaction) {
    return static_cast<int>(number_field(transaction.start_payload, "reservationId", INT32_MIN));
  };
  for (const auto& transaction : csms_.transactions) {
    const int number = number_of(transaction);
    const bool is_of_family = transaction.id_tag == kTags[0] || transaction.id_tag == kTags[1];
    if (number != INT32_MIN &&
        !reservations_.was_for(number, transaction.connector_id, transaction.id_tag,
                               is_of_family ? "FAMILY" : "")) {
      fail("transaction " + std::to_string(transaction.id) + " names reservation " +
           std::to_string(number) + ", which was for somebody else");
    }
  }
  for (const BookedReservation& used : used_) {
    const auto is_its = [&](const auto& transaction) {
      return transaction.connector_id == used.connector && transaction.id_tag == used.id_tag &&
             number_of(transaction) == used.id;
    };
    if (std::none_of(csms_.transactions.begin(), csms_.transactions.end(), is_its)) {
      fail("no transaction of " + used.id_tag + " on connector " + std::to_string(used.connector) +
           " names reservation " + std::to_string(used.id));
    }
  }
}

void World::check_reservations() {
  if (!is_on()) return;
  const bool is_settled = deadline_ > clock_.now() && !is_busy_instant_;
  reservations_.expire(charge_point_->utc(clock_.now()).ms, now_ms());
  const auto is_out_of_order = [&](uint8_t id) {
    return bystanders_[id].status == ChargePointStatus::Faulted ||
           bystanders_[id].status == ChargePointStatus::Unavailable;
  };
  for (uint8_t id = 1; id <= script_.connectors; ++id) {
    bystanders_[id].status = charge_point_->status(id);
    check_free_vend(id);
  }
  const std::vector<BookedReservation> all = reservations_.all();
  for (const BookedReservation& reservation : all) {
    bool is_ended = true;
    bool is_sure = true;
    for (uint8_t id = 1; id <= script_.connectors; ++id) {
      if (reservation.connector != 0 && reservation.connector != id) continue;
      is_ended = is_ended && is_out_of_order(id);
      // Unavailable as well: nothing was heard yet since the start.
      is_sure = is_sure && bystanders_[id].status == ChargePointStatus::Faulted;
    }
    if (!is_ended) continue;
    if (is_sure && is_settled) {
      reservations_.end(reservation.id, now_ms());
    } else {
      reservations_.doubt(reservation.id);
    }
  }
  for (uint8_t id = 1; id <= script_.connectors; ++id) check_reserved(id, is_settled);
}

void World::check_reserved(uint8_t id, bool is_settled) {
  if (!is_settled) return;
  const ChargePointStatus status = bystanders_[id].status;
  const std::vector<BookedReservation>& all = reservations_.all();
  if (status == ChargePointStatus::Reserved &&
      std::none_of(all.begin(), all.end(), [&](const BookedReservation& reservation) {
        return reservation.connector == 0 || reservation.connector == id;
      })) {
    fail("connector " + std::to_string(id) + " is Reserved for nobody");
  }
  if (status != ChargePointStatus::Available) return;
  for (const BookedReservation& reservation : all) {
    if (reservation.connector == id && !reservation.is_doubtful)
      fail("connector " + std::to_string(id) + " is Available, and reserved for " +
           reservation.id_tag);
  }
}

/// Whoever plugs in may charge while free vend is on.
void World::check_free_vend(uint8_t id) {
  Bystander& seen = bystanders_[id];
  const bool is_due = is_set("FreeVendEnabled") && seen.is_plugged && !seen.has_transaction &&
                      seen.status == ChargePointStatus::Preparing &&
                      timers_[kSilenceTimer + id] == 0 && reservations_.empty() && !is_flash_tight_;
  if (!is_due) {
    seen.vend_since_ms = -1;
  } else if (seen.vend_since_ms < 0) {
    seen.vend_since_ms = now_ms();
  } else if (now_ms() - seen.vend_since_ms > kVendMs) {
    // The tag of someone who asked before has precedence until the CSMS has answered, which may take MessageTimeout,
    // and so may the CALL that went out before.
    if (auditor_.has_open_call() && now_ms() < auditor_.open_call_times_out_ms()) {
      seen.vend_since_ms += 1000;
      return;
    }
    fail("connector " + std::to_string(id) + " has free vend and a car, and does not start");
  }
}

/// A call into the engine may take long, but not as long as it likes.
void World::check_work() {
  if (outcome_.most_accesses > kMaxAccesses)
    fail("one call into the engine took " + std::to_string(outcome_.most_accesses) +
         " accesses to flash");
}

// --------------------------------------------------------------------------------------------------- files

void World::on_file_status(const std::string& text) {
  if (text.find("StatusNotification\",{\"status\"") == std::string::npos) return;
  Frame frame;
  if (!split(text, frame)) return;
  const bool is_firmware = frame.action == "FirmwareStatusNotification";
  const std::string status = text_field(frame.payload, "status");
  FileBooks& books = is_firmware ? firmware_books_ : diagnostics_books_;
  const std::string wrong = books.on_status(status);
  if (!wrong.empty()) fail(wrong);
  if (status == "Uploaded") {
    const std::string whole = [] {
      std::string lines;
      for (int i = 0; i < SimDiagnostics::kLines; ++i)
        lines.append(SimDiagnostics::line().data(), SimDiagnostics::line().size());
      return lines;
    }();
    if (file_server_.uploads.empty()) fail("Uploaded was told, and the server has no file");
    for (const auto& upload : file_server_.uploads) {
      if (upload.second != whole) fail("the file " + upload.first + " is not whole");
    }
  }
}

void World::check_files() {
  if (!FirmwareImage::is_runnable(firmware_->version().c_str()))
    fail(std::string("version ") + firmware_->version().c_str() + " runs, and should not");
}

}  // namespace simulation
