#include "simulation/reservation_books.hpp"

#include <algorithm>

namespace simulation {
namespace {

/// An image that could not be erased is erased later.
constexpr int64_t kErasedMs = 65000;

}  // namespace

void ReservationBooks::add(const BookedReservation& reservation) {
  history_[reservation.id].push_back(reservation);
  if (reservation.is_doubtful) {
    doubt(reservation.id);
  } else {
    const auto is_replaced = [&](const BookedReservation& old) { return old.id == reservation.id; };
    all_.erase(std::remove_if(all_.begin(), all_.end(), is_replaced), all_.end());
    past_.erase(std::remove_if(past_.begin(), past_.end(), is_replaced), past_.end());
  }
  all_.push_back(reservation);
}

void ReservationBooks::end(int id, int64_t now_ms) {
  for (size_t i = 0; i < all_.size();) {
    if (all_[i].id != id) {
      ++i;
      continue;
    }
    past_.push_back(all_[i]);
    past_.back().ended_ms = now_ms;
    all_.erase(all_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void ReservationBooks::doubt(int id) {
  for (BookedReservation& reservation : all_)
    reservation.is_doubtful = reservation.is_doubtful || reservation.id == id;
}

void ReservationBooks::doubt_on(int connector) {
  for (BookedReservation& reservation : all_) {
    if (reservation.connector == 0 || reservation.connector == connector)
      reservation.is_doubtful = true;
  }
}

void ReservationBooks::on_power_lost(int64_t now_ms) {
  for (BookedReservation& past : past_) {
    if (now_ms - past.ended_ms > kErasedMs) continue;
    past.is_doubtful = true;
    all_.push_back(past);
  }
  past_.clear();
}

void ReservationBooks::on_boot(int64_t now_ms) {
  for (BookedReservation& reservation : all_) reservation.booted_ms = now_ms;
}

int64_t ReservationBooks::end_ms(const BookedReservation& reservation, int64_t utc_ms,
                                 int64_t now_ms) {
  if (utc_ms != 0) return now_ms + (reservation.expiry_utc_ms - utc_ms);
  return reservation.is_doubtful ? INT64_MAX : reservation.booted_ms + reservation.length_ms;
}

void ReservationBooks::expire(int64_t utc_ms, int64_t now_ms) {
  for (size_t i = 0; i < all_.size();) {
    if (now_ms < end_ms(all_[i], utc_ms, now_ms)) {
      ++i;
      continue;
    }
    past_.push_back(all_[i]);
    past_.back().ended_ms = now_ms;
    all_.erase(all_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

int64_t ReservationBooks::next_ms(int64_t utc_ms, int64_t now_ms) const {
  int64_t next = INT64_MAX;
  for (const BookedReservation& reservation : all_)
    next = std::min(next, end_ms(reservation, utc_ms, now_ms));
  return next;
}

bool ReservationBooks::was_for(int id, int connector, const std::string& tag,
                               const std::string& tag_parent) const {
  const auto known = history_.find(id);
  return known != history_.end() &&
         std::any_of(known->second.begin(), known->second.end(), [&](const auto& reservation) {
           return (reservation.connector == 0 || reservation.connector == connector) &&
                  reservation.is_for(tag, tag_parent);
         });
}

}  // namespace simulation
