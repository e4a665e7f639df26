#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_set>
#include <vector>

namespace simulation {

/// One OCPP-J frame taken apart; action only for CALLs.
struct Frame {
  char type = '0';
  std::string id;
  std::string action;
  std::string payload;
};
/// @return false when the text is not a frame of types 2 to 4 with a string as id.
bool split(const std::string& text, Frame& out);
/// Value of `"name":"..."` in a payload of ours or of the model CSMS; empty when absent.
std::string text_field(const std::string& payload, const char* name);
/// Value of `"name":123`. @return `fallback` when absent.
int64_t number_field(const std::string& payload, const char* name, int64_t fallback);

/// The first promise that was broken.
struct Violation {
  std::string sentence;  ///< Empty: none.
  int64_t at_ms = 0;
};

/// Watches the frames between the charge point and its link, and knows nothing of either side but those. Checks what
/// DESIGN section 11 promises about CALLs: exactly one answer to each, one of ours at a time, unchanged retries in the
/// order of events, nothing sent again that was confirmed, nothing given up without reason, never a time of 1970.
class Auditor {
 public:
  /// @param may_thin  Small flash: waiting meter values may disappear.
  explicit Auditor(bool may_thin) : may_thin_(may_thin) {}

  /// Nothing can be stored until then: waiting meter values may disappear, and answers be forgotten.
  void on_flash_full(int64_t until_ms) {
    may_thin_ = true;
    flash_full_until_ms_ = until_ms;
    settled_ms_ = std::max(settled_ms_, until_ms + kSettleMs);
  }
  void on_boot();
  void on_power_lost(int64_t now_ms);
  void on_connection_lost(int64_t now_ms);
  /// A text that is no proper CALL is about to be delivered: at most one answer may follow.
  void on_garbage_delivered() { ++loose_answers_; }
  /// The charge point says that no message waits: one that was refused often enough has been given up.
  void on_queue_empty();
  /// A StatusNotification was refused or not answered: the CSMS may not know the present status.
  bool is_status_lost() const { return is_status_lost_; }
  void on_clock_set_back() { was_clock_set_back_ = true; }
  /// The charge point hands a frame to the link. @param timeout_ms  Its MessageTimeout.
  void on_frame_out(const std::string& text, int64_t timeout_ms, int64_t now_ms);
  /// A frame of the CSMS is handed to the charge point.
  /// @param attempts    Its TransactionMessageAttempts.
  /// @param is_answered  Not while Rejected (OCPP 1.6 ed. 2, 4.2).
  void on_frame_in(const std::string& text, int64_t attempts, bool is_answered, int64_t now_ms);
  /// Something is due now whatever happened.
  void on_time(int64_t now_ms);
  int64_t next_ms() const;

  void fail(const std::string& sentence, int64_t now_ms);
  const Violation& violation() const { return violation_; }
  /// Messages that the charge point may have given up because the CSMS refused them often enough.
  const std::vector<std::string>& given_up() const { return given_up_; }
  /// Of those that look the same as the one before, how many may be other ones.
  size_t recurrences() const { return recurrences_; }
  bool has_open_call() const { return is_call_open_; }
  const Frame& open_call() const { return open_call_; }
  int64_t open_call_times_out_ms() const { return open_until_ms_; }
  bool is_queue_message_open() const { return is_call_open_ && is_queue_message_open_; }

  uint64_t calls_out = 0;
  uint64_t calls_in = 0;
  uint64_t retries = 0;

 private:
  enum class Fate : uint8_t {
    kNone,      ///< Nothing was sent yet, or all is done.
    kOpen,      ///< Must come again, unchanged.
    kAnswered,  ///< Must not come again once `settled_ms_` has passed with power.
    kUnsure,    ///< Power failed while the answer was being stored, or it was refused often enough.
  };
  struct Waiting {
    size_t deliveries = 0;
    int64_t until_ms = 0;
  };

  static constexpr int64_t kSettleMs = 5000;  ///< An answer is on flash by then.

  static bool is_queue_message(const Frame& frame);
  void check_times(const Frame& frame, int64_t now_ms);
  void on_queue_message(const Frame& frame, int64_t now_ms);
  void settle();

  bool may_thin_;
  bool was_clock_set_back_ = false;
  bool is_status_lost_ = false;
  Violation violation_;
  bool is_call_open_ = false;
  Frame open_call_;
  bool is_queue_message_open_ = false;
  int64_t open_until_ms_ = 0;
  std::unordered_set<std::string> ids_;

  Fate fate_ = Fate::kNone;
  std::string last_;  ///< Action and payload of the last queue message.
  int64_t settled_ms_ = 0;
  int64_t flash_full_until_ms_ = 0;
  size_t recurrences_ = 0;
  int64_t refusals_ = 0;  ///< CALLERRORs to it since boot.
  bool may_be_given_up_ = false;
  std::unordered_set<std::string> confirmed_;
  std::vector<std::string> given_up_;

  std::map<std::string, Waiting> waiting_;  ///< CALLs of the CSMS by id.
  size_t loose_answers_ = 0;
};

}  // namespace simulation
