#pragma once

#include "gateway/ocpp_engine.hpp"

#include <string>
#include <vector>

/// Stand-ins for the neighbours of the session policy and the console.
namespace gateway_fakes {

using charger::Offer;
using common::Instant;

/// Notes what reaches the engine.
class FakeEngine final : public gateway::OcppEngine {
 public:
  common::Status begin(const gateway::EngineOptions&, Instant, common::UtcTime) override {
    return common::Status::kOk;
  }
  void on_link(bool, Instant) override {}
  bool is_online() const override { return online; }
  bool can_receive() const override { return true; }
  void receive(common::TextSpan, bool, Instant) override {}
  Instant step(Instant) override { return Instant::never(); }
  common::TextSpan next_to_send() override { return {}; }
  void on_sent(Instant) override {}
  void on_id_tag(uint8_t connector_id, const charger::IdTag& id_tag, Instant) override {
    tags.push_back(std::to_string(connector_id) + ":" + id_tag.c_str());
  }
  void on_utc(common::UtcTime, Instant) override {}
  bool take_event(gateway::EngineEvent&) override { return false; }
  void flush(Instant) override {}
  gateway::EngineSummary summary(Instant) const override {
    gateway::EngineSummary summary;
    summary.registration = "accepted";
    summary.pending_messages = pending_messages;
    summary.utc = utc;
    return summary;
  }
  bool lost_message(size_t index, gateway::LostMessage& message) override {
    if (index >= lost_messages.size()) return false;
    message = lost_messages[index];
    return true;
  }
  common::Status clear_lost_messages() override {
    if (clear_status == common::Status::kOk) lost_messages.clear();
    return clear_status;
  }
  common::Status resend_lost_messages() override { return resend_status; }
  gateway::ConnectorSummary connector(uint8_t) const override { return transaction; }
  bool is_operative(uint8_t) const override { return true; }
  size_t action_count() const override { return actions.size(); }
  gateway::ActionCounters counters(size_t index) const override { return actions.at(index); }
  size_t configuration_count() const override { return 2; }
  void configuration_at(size_t index, gateway::ConfigurationEntry& entry) const override {
    entry.key = index == 0 ? "HeartbeatInterval" : "AuthorizationKey";
    entry.has_value = index == 0;
    entry.is_readonly = false;
    entry.value = common::FixedString<500>(index == 0 ? heartbeat_interval.c_str() : "");
  }
  common::Status get_configuration(common::TextSpan key,
                                   gateway::ConfigurationEntry& entry) const override {
    for (size_t index = 0; index < 2; ++index) {
      configuration_at(index, entry);
      if (common::equals_ignore_case(key, common::text(entry.key))) return common::Status::kOk;
    }
    if (common::equals(key, common::text("FreeVendIdTag"))) {
      entry.value = common::FixedString<500>("FREEVEND");
      return common::Status::kOk;
    }
    return common::Status::kNotFound;
  }
  const char* set_configuration(common::TextSpan key, common::TextSpan value, Instant) override {
    if (!common::equals_ignore_case(key, common::text("HeartbeatInterval"))) return "NotSupported";
    if (value.empty() || value[0] < '0' || value[0] > '9') return "Rejected";
    heartbeat_interval.assign(value.data(), value.size());
    return "Accepted";
  }
  common::Status send_data_transfer(common::TextSpan vendor_id, common::TextSpan message_id,
                                    common::TextSpan data, Instant) override {
    if (vendor_id.size() > 255) return common::Status::kNoSpace;
    data_transfer = std::string(vendor_id.data(), vendor_id.size()) + "/" +
                    std::string(message_id.data(), message_id.size()) + "/" +
                    std::string(data.data(), data.size());
    return data_transfer_status;
  }
  gateway::FileJobs file_jobs() const override { return {}; }
  common::Status update_firmware(common::TextSpan, common::Instant) override {
    return common::Status::kUnsupported;
  }
  common::Status confirm_firmware(common::Instant) override { return confirm_status; }
  common::Status stop_transaction(uint8_t connector_id, gateway::StopCause cause,
                                  Instant) override {
    if (!transaction.has_transaction) return common::Status::kInvalidState;
    transaction.is_stopping = true;
    stops.push_back(std::to_string(connector_id) +
                    (cause == gateway::StopCause::kLocal ? ":Local" : ":Other"));
    return common::Status::kOk;
  }
  common::Status authorize(uint8_t connector_id, const charger::IdTag& id_tag, Instant) override {
    authorized.push_back(std::to_string(connector_id) + ":" + id_tag.c_str());
    return authorize_status;
  }
  void on_charger_state(uint8_t connector_id, const charger::ChargerState& state,
                        Instant) override {
    states.push_back(connector_id);
    last_state = state;
  }
  void on_meter_sample(uint8_t connector_id, const charger::MeterSample&, Instant) override {
    samples.push_back(connector_id);
  }

  bool online = false;
  std::string heartbeat_interval = "300";
  std::string data_transfer;
  std::vector<gateway::LostMessage> lost_messages;
  common::Status clear_status = common::Status::kOk;
  common::Status resend_status = common::Status::kOk;
  common::Status data_transfer_status = common::Status::kOk;
  common::Status confirm_status = common::Status::kInvalidState;
  size_t pending_messages = 0;
  common::UtcTime utc;
  std::vector<gateway::ActionCounters> actions;
  gateway::ConnectorSummary transaction;
  std::vector<std::string> tags;
  std::vector<std::string> stops;
  std::vector<std::string> authorized;
  common::Status authorize_status = common::Status::kOk;
  charger::ChargerState last_state;
  std::vector<int> states;
  std::vector<int> samples;
};

/// Notes the offers that reach the chargers.
class FakeChargers final : public charger::ChargerControl {
 public:
  void set_offer(uint8_t connector_id, const Offer& offer, Instant) override {
    last[connector_id] = offer;
    ++count;
  }
  void request_sample(uint8_t, Instant) override {}
  common::Status unlock(uint8_t, Instant) override { return common::Status::kUnsupported; }
  charger::Capabilities capabilities(uint8_t) const override { return {}; }

  Offer last[limits::kMaxConnectors + 1];
  int count = 0;
};

}  // namespace gateway_fakes
