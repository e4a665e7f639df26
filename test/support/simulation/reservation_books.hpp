#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace simulation {

/// A reservation as the CSMS wrote it.
struct BookedReservation {
  int id = 0;
  int connector = 0;  ///< 0 = any.
  std::string id_tag;
  std::string parent;  ///< Empty: none.
  int64_t expiry_utc_ms = 0;
  int64_t length_ms = 0;  ///< From the request to expiry, as the charge point's clock has it.
  /// Not certain that it is in force: no answer came, or its end may be lost with the power.
  bool is_doubtful = false;
  /// In force for an earlier boot: without a clock it holds for its length from the start.
  int64_t booted_ms = 0;
  int64_t ended_ms = 0;  ///< Of a past one.

  /// @param parent  Of the tag.
  bool is_for(const std::string& tag, const std::string& tag_parent) const {
    return id_tag == tag || (!parent.empty() && parent == tag_parent);
  }
};

/// What connector is kept for whom, written from the specification (OCPP 1.6 ed. 2, 5.13).
class ReservationBooks {
 public:
  /// ReserveNow was accepted, or (doubtful) not answered.
  void add(const BookedReservation& reservation);
  void end(int id, int64_t now_ms);
  /// CancelReservation was not answered.
  void doubt(int id);
  /// What ended just before may come to life again with the next start: it was to be erased yet.
  void on_power_lost(int64_t now_ms);
  /// A transaction may just have begun there.
  void doubt_on(int connector);
  void on_boot(int64_t now_ms);
  /// Ends what has expired. @param utc_ms  Time of the charge point, 0 = unknown.
  void expire(int64_t utc_ms, int64_t now_ms);
  int64_t next_ms(int64_t utc_ms, int64_t now_ms) const;

  const std::vector<BookedReservation>& all() const { return all_; }
  bool empty() const { return all_.empty(); }
  /// Was ever written under that id for that tag.
  bool was_for(int id, int connector, const std::string& tag, const std::string& tag_parent) const;

 private:
  static int64_t end_ms(const BookedReservation& reservation, int64_t utc_ms, int64_t now_ms);

  std::vector<BookedReservation> all_;
  std::vector<BookedReservation> past_;  ///< Of the last minute.
  std::map<int, std::vector<BookedReservation>> history_;
};

}  // namespace simulation
