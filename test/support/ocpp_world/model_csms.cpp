#include "ocpp_world/model_csms.hpp"

#include "json/reader.hpp"
#include "ocpp_messages/all.hpp"
#include "ocpp_messages/runtime/time_text.hpp"

namespace ocpp_world {

using namespace ocpp_messages;  // NOLINT: a test double that speaks nothing else
using common::Instant;

namespace {

std::string str(common::TextSpan text) { return std::string(text.data(), text.size()); }
common::TextSpan span(const std::string& text) {
  return common::TextSpan(text.data(), text.size());
}

template <typename Message>
std::string check(const std::string& payload, Message& out) {
  DecodeOptions options;
  options.strict = true;
  const DecodeError error = decode(span(payload), out, options);
  return error.ok() ? "" : error.description().c_str();
}

/// What follows the value that was read last, up to the end of the array: for a decoder that checks it.
bool rest(const std::string& frame, const json::Reader& reader, std::string& out) {
  const size_t comma = reader.position();
  if (comma + 2 > frame.size() || frame[comma] != ',' || frame.back() != ']') return false;
  out = frame.substr(comma + 1, frame.size() - comma - 2);
  return true;
}

}  // namespace

std::string ModelCsms::time(Instant now) const {
  return format_time(common::UtcTime{utc_at_zero.ms + now.ms}).c_str();
}

void ModelCsms::on_connection(bool) {
  outgoing_.clear();
  is_call_open_ = false;
  seen_ids_.clear();
}

void ModelCsms::send(const std::string& frame, Instant now) {
  Instant at = now + faults.delay_ms;
  if (!outgoing_.empty() && outgoing_.back().at > at) at = outgoing_.back().at;
  outgoing_.push_back(Outgoing{at, frame});
}

std::string ModelCsms::call(const std::string& action, const std::string& payload, Instant now) {
  const std::string id = "csms-" + std::to_string(next_call_++);
  open_calls_[id] = action;
  send("[2,\"" + id + "\",\"" + action + "\"," + payload + "]", now);
  return id;
}

bool ModelCsms::take_due(Instant now, std::string& frame) {
  if (outgoing_.empty() || outgoing_.front().at > now) return false;
  frame = outgoing_.front().frame;
  outgoing_.pop_front();
  if (is_call_open_ && (frame.compare(0, 3, "[3,") == 0 || frame.compare(0, 3, "[4,") == 0) &&
      frame.find("\"" + open_id_ + "\"") != std::string::npos) {
    is_call_open_ = false;
  }
  return true;
}

void ModelCsms::on_frame(const std::string& frame, Instant now) {
  json::Reader reader(span(frame));
  if (reader.next() != json::Token::kArrayBegin || reader.next() != json::Token::kNumber) {
    violation("not a frame: " + frame);
    return;
  }
  const std::string type = str(reader.text());
  const std::string raw_id = str(reader.capture());
  const std::string id =
      raw_id.size() >= 2 && raw_id[0] == '"' ? raw_id.substr(1, raw_id.size() - 2) : raw_id;
  if (type == "2") {
    reader.next();
    const std::string action = str(reader.text());
    std::string payload;
    if (!rest(frame, reader, payload)) violation("not JSON: " + frame);
    on_call(id, action, payload, now);
    return;
  }
  if (answers.count(id) != 0) violation("answered twice: " + frame);
  answers[id] = frame;
  const auto open = open_calls_.find(id);
  if (type == "3" && open != open_calls_.end()) {
    std::string payload;
    std::string fault = rest(frame, reader, payload) ? "no such action" : "not JSON";
#define CHECK_CONF(A)             \
  if (open->second == #A) {       \
    A##Conf conf;                 \
    fault = check(payload, conf); \
  }
    OCPP_MESSAGES_FOR_EACH_ACTION(CHECK_CONF)
#undef CHECK_CONF
    if (!fault.empty()) violation("answer to " + open->second + ": " + fault + ": " + frame);
  } else if (!json::is_valid(span(frame))) {
    violation("not JSON: " + frame);
  }
}

void ModelCsms::on_late_frame(const std::string& frame, Instant now) {
  json::Reader reader(span(frame));
  if (reader.next() != json::Token::kArrayBegin || reader.next() != json::Token::kNumber ||
      str(reader.text()) != "2")
    return;
  (void)reader.capture();
  reader.next();
  Action action{};
  if (!from_string(reader.text(), action)) return;
  is_late_ = true;
  std::string payload;
  if (rest(frame, reader, payload)) (void)handle(action, payload, now);
  is_late_ = false;
}

void ModelCsms::on_call(const std::string& id, const std::string& action,
                        const std::string& payload, Instant now) {
  ++received[action];
  if (keeps_calls) calls.push_back(action + " " + payload);
  if (is_call_open_ && now - opened_at_ < message_timeout_ms) {
    violation("a second Call while one is open: " + action);
  }
  opened_at_ = now;
  if (++seen_ids_[id] > 1) violation("message id used twice on a connection: " + id);
  if (id.size() > 36) violation("message id too long: " + id);
  if (!has_booted_ && action != "BootNotification") violation("before BootNotification: " + action);
  is_call_open_ = true;
  id_before_ = open_id_;
  open_id_ = id;

  Action known{};
  if (!from_string(span(action), known) || !sent_by_charge_point(known)) {
    violation("not an action of a charge point: " + action);
    return;
  }
  if (auto error = faults.call_error.find(action);
      error != faults.call_error.end() && error->second > 0) {
    --error->second;
    if (known == Action::StartTransaction) has_refused_start_ = true;
    send("[4,\"" + id + "\",\"" + faults.error_code + "\",\"database is down\",{}]", now);
    return;
  }
  if (faults.is_mute) return;
  if (auto ignored = faults.ignore.find(action);
      ignored != faults.ignore.end() && ignored->second > 0) {
    // Read and carried out, but the answer is lost: the hard case.
    --ignored->second;
    (void)handle(known, payload, now);
    return;
  }
  if (action == faults.never_answered_action) {
    if (faults.never_answered_payload.empty()) faults.never_answered_payload = payload;
    if (payload == faults.never_answered_payload) {
      (void)handle(known, payload, now);
      return;
    }
  }
  const std::string answer = handle(known, payload, now);
  if (auto mangle = faults.mangle.find(action);
      mangle != faults.mangle.end() && mangle->second.count > 0) {
    --mangle->second.count;
    if (known == Action::StartTransaction) has_refused_start_ = true;
    answer_wrongly(mangle->second.kind, id, answer, now);
    return;
  }
  send("[3,\"" + id + "\"," + answer + "]", now);
}

void ModelCsms::answer_wrongly(Mangle::Kind kind, const std::string& id, std::string payload,
                               Instant now) {
  const std::string begin = "[3,\"" + id + "\",";
  switch (kind) {
    case Mangle::kWrongId:
      send("[3,\"not-" + id.substr(0, 30) + "\"," + payload + "]", now);
      return;
    case Mangle::kOldId:
      send("[3,\"" + (id_before_.empty() ? "none" : id_before_) + "\"," + payload + "]", now);
      return;
    case Mangle::kNoFields:
      send(begin + "{}]", now);
      return;
    case Mangle::kArray:
      send(begin + "[]]", now);
      return;
    case Mangle::kCutOff:
      send((begin + payload).substr(0, begin.size() + payload.size() / 2), now);
      return;
    case Mangle::kWrongTypes:
      // Numbers become texts, texts become numbers.
      for (size_t at = payload.find(':'); at != std::string::npos && at + 1 < payload.size();
           at = payload.find(':', at + 1)) {
        if (payload[at + 1] == '{' || payload[at - 1] != '"') continue;
        const size_t end = payload.find_first_of(payload[at + 1] == '"' ? "\"" : ",}", at + 2);
        if (payload[at + 1] == '"') {
          payload.replace(at + 1, end - at, "17");
        } else {
          payload.replace(at + 1, end - at - 1, "\"x\"");
        }
      }
      send(begin + payload + "]", now);
      return;
    case Mangle::kMoreFields:
      payload.insert(payload.size() - 1, payload == "{}" ? "" : ",");
      payload.insert(payload.size() - 1, "\"customData\":{\"vendorId\":\"x\"}");
      send(begin + payload + "]", now);
      return;
    case Mangle::kTwice:
      send(begin + payload + "]", now);
      send(begin + payload + "]", now);
      return;
  }
}

std::string ModelCsms::id_tag_info(const std::string& id_tag) const {
  const auto status = id_tags.find(id_tag);
  const auto parent = parents.find(id_tag);
  std::string info =
      "{\"status\":\"" + (status == id_tags.end() ? "Accepted" : status->second) + "\"";
  if (parent != parents.end()) info += ",\"parentIdTag\":\"" + parent->second + "\"";
  if (const auto expiry = expiries_ms.find(id_tag); expiry != expiries_ms.end())
    info += std::string(",\"expiryDate\":\"") +
            format_time(common::UtcTime{expiry->second}).c_str() + "\"";
  return info + "}";
}

const ModelCsms::Transaction* ModelCsms::find(int32_t transaction_id) const {
  for (const Transaction& transaction : transactions) {
    if (transaction.id == transaction_id) return &transaction;
  }
  return nullptr;
}

std::string ModelCsms::last_status(int32_t connector_id) const {
  for (auto status = statuses.rbegin(); status != statuses.rend(); ++status) {
    if (status->connector_id == connector_id) return status->status;
  }
  return "";
}

std::string ModelCsms::answer_status(const std::string& id) const {
  const auto answer = answers.find(id);
  if (answer == answers.end()) return "";
  const std::string mark = "\"status\":\"";
  const size_t at = answer->second.find(mark);
  if (at == std::string::npos) return answer->second;
  const size_t begin = at + mark.size();
  return answer->second.substr(begin, answer->second.find('"', begin) - begin);
}

std::string ModelCsms::handle(Action action, const std::string& payload, Instant now) {
  std::string fault;
  std::string answer = "{}";
  switch (action) {
    case Action::BootNotification: {
      BootNotificationReq req;
      fault = check(payload, req);
      has_booted_ = true;
      answer = "{\"status\":\"" + registration + "\",\"currentTime\":\"" + time(now) +
               "\",\"interval\":" + std::to_string(interval_s) + "}";
      break;
    }
    case Action::Heartbeat: {
      HeartbeatReq req;
      fault = check(payload, req);
      answer = "{\"currentTime\":\"" + time(now) + "\"}";
      break;
    }
    case Action::Authorize: {
      AuthorizeReq req;
      fault = check(payload, req);
      answer = "{\"idTagInfo\":" + id_tag_info(req.id_tag.c_str()) + "}";
      break;
    }
    case Action::SecurityEventNotification: {
      SecurityEventNotificationReq req;
      fault = check(payload, req);
      break;
    }
    case Action::LogStatusNotification: {
      LogStatusNotificationReq req;
      fault = check(payload, req);
      break;
    }
    case Action::SignedFirmwareStatusNotification: {
      SignedFirmwareStatusNotificationReq req;
      fault = check(payload, req);
      break;
    }
    case Action::SignCertificate: {
      SignCertificateReq req;
      fault = check(payload, req);
      answer = R"({"status":"Accepted"})";
      break;
    }
    case Action::DataTransfer: {
      DataTransferReq req;
      fault = check(payload, req);
      answer = R"({"status":"UnknownVendorId"})";
      break;
    }
    case Action::StatusNotification: {
      StatusNotificationReq req;
      fault = check(payload, req);
      statuses.push_back(Status{req.connector_id, to_string(req.status), to_string(req.error_code),
                                req.info.has_value() ? req.info->c_str() : "", now});
      break;
    }
    case Action::StartTransaction: {
      StartTransactionReq req;
      fault = check(payload, req);
      Transaction* found = nullptr;
      for (Transaction& transaction : transactions) {
        if (transaction.start_payload == payload) found = &transaction;
      }
      if (found == nullptr) {
        transactions.emplace_back();
        found = &transactions.back();
        found->id = next_transaction_id_++;
        found->start_payload = payload;
        found->connector_id = req.connector_id;
        found->id_tag = req.id_tag.c_str();
        found->meter_start = req.meter_start;
        found->last_register = req.meter_start;
        found->started = req.timestamp;
        if (req.timestamp.ms < 1'700'000'000'000)
          violation("start without a real time: " + payload);
      }
      ++found->starts;
      answer = "{\"transactionId\":" + std::to_string(found->id) +
               ",\"idTagInfo\":" + id_tag_info(found->id_tag) + "}";
      break;
    }
    case Action::MeterValues: {
      MeterValuesReq req;
      fault = check(payload, req);
      if (!req.transaction_id.has_value() || is_late_) break;
      for (Transaction& transaction : transactions) {
        if (transaction.id != *req.transaction_id) continue;
        if (transaction.stops > 0) violation("meter values after the stop: " + payload);
        ++transaction.meter_values;
        for (const MeterValue& value : req.meter_value) {
          for (const SampledValue& sample : value.sampled_value) {
            // What was triggered is told at once and overtakes what waits.
            if (sample.measurand.value_or(Measurand::Energy_Active_Import_Register) !=
                    Measurand::Energy_Active_Import_Register ||
                sample.context.value_or(ReadingContext::Sample_Periodic) ==
                    ReadingContext::Trigger) {
              continue;
            }
            common::FixedString<20> text;
            (void)sample.value.copy_to(text);
            const int64_t wh = std::stoll(text.c_str());
            if (wh < transaction.last_register)
              violation("the register went backwards: " + payload);
            transaction.last_register = wh;
          }
        }
      }
      break;
    }
    case Action::StopTransaction: {
      StopTransactionReq req;
      fault = check(payload, req);
      bool is_known = false;
      if (tells_validity_at_stop && req.id_tag.has_value())
        answer = "{\"idTagInfo\":" + id_tag_info(req.id_tag->c_str()) + "}";
      for (Transaction& transaction : transactions) {
        if (transaction.id != req.transaction_id) continue;
        is_known = true;
        if (transaction.stops > 0 && transaction.stop_payload != payload)
          violation("two different stops: " + payload);
        ++transaction.stops;
        transaction.stop_payload = payload;
        transaction.meter_stop = req.meter_stop;
        transaction.reason = req.reason.has_value() ? to_string(*req.reason) : "";
        transaction.stopped = req.timestamp;
        if (req.meter_stop < transaction.last_register)
          violation("meterStop below the register: " + payload);
        if (checks_time_order && req.timestamp < transaction.started)
          violation("stopped before it started: " + payload);
      }
      if (!is_known && !(req.transaction_id == -1 && has_refused_start_))
        violation("stop of an unknown transaction: " + payload);
      break;
    }
    default:
      break;
  }
  if (!fault.empty()) violation(std::string(to_string(action)) + ": " + fault + ": " + payload);
  return answer;
}

}  // namespace ocpp_world
