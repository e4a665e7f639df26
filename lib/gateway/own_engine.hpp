#pragma once

#include "gateway/ocpp_engine.hpp"
#include "ocpp/charge_point.hpp"
#include "ocpp/extension.hpp"

namespace gateway {

/// The engine of lib/ocpp behind the gateway's interface.
class OwnEngine final : public OcppEngine {
 public:
  explicit OwnEngine(const ocpp::Ports& ports)
      : extension_(ports.extension), charge_point_(ports) {}

  common::Status begin(const EngineOptions& options, common::Instant now,
                       common::UtcTime utc) override;
  void on_link(bool is_up, common::Instant now) override { charge_point_.on_link(is_up, now); }
  bool is_online() const override {
    return charge_point_.is_link_up() &&
           charge_point_.registration() == ocpp::RegistrationState::kAccepted;
  }
  bool can_receive() const override { return charge_point_.can_receive(); }
  void receive(common::TextSpan frame, bool is_truncated, common::Instant now) override {
    if (extension_ != nullptr) extension_->on_received(frame, is_truncated, now);
    charge_point_.receive(frame, is_truncated, now);
  }
  common::Instant step(common::Instant now) override { return charge_point_.step(now); }
  common::TextSpan next_to_send() override { return charge_point_.next_to_send(); }
  void on_sent(common::Instant now) override {
    if (extension_ != nullptr) extension_->on_sent(charge_point_.next_to_send(), now);
    charge_point_.on_sent(now);
  }
  void on_charger_state(uint8_t connector_id, const charger::ChargerState& state,
                        common::Instant now) override {
    charge_point_.on_charger_state(connector_id, state, now);
  }
  void on_meter_sample(uint8_t connector_id, const charger::MeterSample& sample,
                       common::Instant now) override {
    charge_point_.on_meter_sample(connector_id, sample, now);
  }
  void on_id_tag(uint8_t connector_id, const charger::IdTag& id_tag, common::Instant now) override {
    charge_point_.on_id_tag(connector_id, id_tag, now);
  }
  void on_utc(common::UtcTime utc, common::Instant now) override { charge_point_.on_utc(utc, now); }
  bool take_event(EngineEvent& event) override;
  void flush(common::Instant now) override { charge_point_.flush(now); }

  EngineSummary summary(common::Instant now) const override;
  bool lost_message(size_t index, LostMessage& message) override;
  common::Status clear_lost_messages() override { return charge_point_.clear_dead_letters(); }
  common::Status resend_lost_messages() override { return charge_point_.resend_dead_letters(); }
  ConnectorSummary connector(uint8_t connector_id) const override;
  bool is_operative(uint8_t connector_id) const override {
    return charge_point_.is_operative(connector_id);
  }
  size_t action_count() const override { return charge_point_.action_count(); }
  ActionCounters counters(size_t index) const override;
  size_t configuration_count() const override {
    return charge_point_.configuration_count() +
           (extension_ == nullptr ? 0 : extension_->key_count());
  }
  void configuration_at(size_t index, ConfigurationEntry& entry) const override;
  common::Status get_configuration(common::TextSpan key, ConfigurationEntry& entry) const override;
  const char* set_configuration(common::TextSpan key, common::TextSpan value,
                                common::Instant now) override;
  common::Status send_data_transfer(common::TextSpan vendor_id, common::TextSpan message_id,
                                    common::TextSpan data, common::Instant now) override {
    return charge_point_.send_data_transfer(vendor_id, message_id, data, now);
  }
  FileJobs file_jobs() const override {
    return {charge_point_.firmware_status(), charge_point_.firmware_bytes(),
            charge_point_.diagnostics_status()};
  }
  common::Status update_firmware(common::TextSpan url, common::Instant now) override {
    if (url.empty() || url.size() > limits::kMaxLocationBytes)
      return common::Status::kInvalidArgument;
    if (extension_ != nullptr) RETURN_IF_ERROR(extension_->begin_local_update());
    return charge_point_.update_firmware(url, now);
  }
  common::Status confirm_firmware(common::Instant now) override {
    return charge_point_.confirm_firmware(now);
  }
  common::Status stop_transaction(uint8_t connector_id, StopCause cause,
                                  common::Instant now) override {
    return charge_point_.stop_transaction(
        connector_id, now,
        cause == StopCause::kLocal ? ocpp::StopReason::kLocal : ocpp::StopReason::kOther);
  }
  common::Status authorize(uint8_t connector_id, const charger::IdTag& id_tag,
                           common::Instant now) override {
    return charge_point_.authorize(connector_id, id_tag, now);
  }

 private:
  ocpp::Extension* const extension_;  ///< nullptr = none.
  ocpp::ChargePoint charge_point_;
};

}  // namespace gateway
