#pragma once

#include "common/time.hpp"
#include "ocpp_messages/action.hpp"

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace ocpp_world {

/// A CSMS in virtual time. Checks every frame of the charge point against the schema, answers like
/// a friendly backend unless told otherwise, and keeps books of transactions. Like SteVe it knows a
/// repeated StartTransaction by its content.
class ModelCsms {
 public:
  struct Transaction {
    int32_t id = 0;
    std::string start_payload;
    std::string stop_payload;
    int32_t connector_id = 0;
    std::string id_tag;
    int64_t meter_start = 0;
    int64_t meter_stop = 0;
    std::string reason;
    common::UtcTime started;
    common::UtcTime stopped;
    size_t starts = 0;        ///< How often the start arrived.
    size_t stops = 0;         ///< How often the stop arrived.
    size_t meter_values = 0;  ///< Arrived before the stop.
    int64_t last_register = 0;
  };
  struct Status {
    int32_t connector_id = 0;
    std::string status;
    std::string error;
    std::string info;
    common::Instant at;
  };
  struct Mangle {
    enum Kind : uint8_t {
      kWrongId,
      kOldId,  ///< Of the CALL before.
      kNoFields,
      kArray,
      kCutOff,
      kWrongTypes,
      kMoreFields,
      kTwice,
    };
    int count = 0;
    Kind kind = kWrongId;
  };
  struct Faults {
    bool is_mute = false;                      ///< Answers nothing.
    std::map<std::string, int> ignore;         ///< Action -> how many are not answered.
    std::map<std::string, int> call_error;     ///< Action -> how many are answered with CALLERROR.
    std::string error_code = "InternalError";  ///< Of the CALLERRORs.
    std::map<std::string, Mangle> mangle;      ///< Action -> how many are answered wrongly.
    /// The first message of this action that comes is carried out and never answered.
    std::string never_answered_action;
    std::string never_answered_payload;
    int64_t delay_ms = 10;  ///< Until an answer is on the wire.
  };

  // --- How it answers
  std::string registration = "Accepted";
  int32_t interval_s = 300;
  std::map<std::string, std::string> id_tags;  ///< Tag -> status; others are Accepted.
  std::map<std::string, std::string> parents;  ///< Tag -> parentIdTag.
  std::map<std::string, int64_t> expiries_ms;  ///< Tag -> expiryDate, ms since 1970.
  bool tells_validity_at_stop = false;         ///< IdTagInfo in StopTransaction.conf.
  Faults faults;
  int64_t message_timeout_ms = 30000;  ///< After that the charge point may go on without an answer.
  bool keeps_calls = true;             ///< Long lives need no list of all.
  common::UtcTime utc_at_zero{1'800'000'000'000};
  bool checks_time_order =
      true;  ///< Off once a clock was set back: a stop may then seem older than its start.

  // --- What it saw
  std::vector<Transaction> transactions;
  std::vector<Status> statuses;
  std::map<std::string, int> received;         ///< Action -> CALLs.
  std::vector<std::string> violations;         ///< Anything a charge point must not do.
  std::map<std::string, std::string> answers;  ///< Id of our CALL -> whole frame of the answer.
  std::vector<std::string> calls;              ///< "Action payload" of every CALL received.

  /// The charge point's frame arrived.
  void on_frame(const std::string& frame, common::Instant now);
  /// A frame that a proxy kept for a while, or brings a second time: carried out, not answered; its place in the order
  /// of messages says nothing about the charge point.
  void on_late_frame(const std::string& frame, common::Instant now);
  /// Sends a CALL. @return Its id.
  std::string call(const std::string& action, const std::string& payload, common::Instant now);
  /// Sends any text.
  void send(const std::string& frame, common::Instant now);
  void on_connection(bool is_up);

  /// The next frame for the charge point that is due. @return false when none is.
  bool take_due(common::Instant now, std::string& frame);
  common::Instant next_event() const {
    return outgoing_.empty() ? common::Instant::never() : outgoing_.front().at;
  }

  /// Status of a CALL's answer, "" when there is none.
  std::string answer_status(const std::string& id) const;
  const Transaction* find(int32_t transaction_id) const;
  /// Last status told for a connector, "" when none.
  std::string last_status(int32_t connector_id) const;

 private:
  struct Outgoing {
    common::Instant at;
    std::string frame;
  };

  void on_call(const std::string& id, const std::string& action, const std::string& payload,
               common::Instant now);
  void answer_wrongly(Mangle::Kind kind, const std::string& id, std::string payload,
                      common::Instant now);
  std::string handle(ocpp_messages::Action action, const std::string& payload, common::Instant now);
  std::string id_tag_info(const std::string& id_tag) const;
  std::string time(common::Instant now) const;
  void violation(const std::string& what) { violations.push_back(what); }

  std::deque<Outgoing> outgoing_;
  std::map<std::string, std::string> open_calls_;  ///< Ours: id -> action.
  std::map<std::string, int> seen_ids_;
  bool is_call_open_ = false;  ///< The charge point waits for an answer of ours.
  std::string open_id_;
  std::string id_before_;
  common::Instant opened_at_;
  int next_transaction_id_ = 1000;
  int next_call_ = 1;
  bool has_booted_ = false;
  bool is_late_ = false;  ///< The frame being handled is a late one.
  bool has_refused_start_ =
      false;  ///< A start was answered with CALLERROR: its stop may come with id -1.
};

}  // namespace ocpp_world
