#pragma once

#ifdef GATEWAY_ENGINE_MICROOCPP

#include "common/ring_buffer.hpp"
#include "gateway/frame_watch.hpp"
#include "gateway/image_download.hpp"
#include "gateway/micro_ocpp_mapping.hpp"
#include "ocpp/charge_point_types.hpp"

#include <memory>

namespace gateway {

/// MicroOCPP (https://github.com/matth-x/MicroOcpp) behind the gateway's interface. docs/engines.md lists what it lacks.
///
/// MicroOCPP keeps state outside of its objects: one engine per process. It allocates all the time, and each step polls everything.
/// @par Context  Loop thread only.
class MicroOcppEngine final : public OcppEngine {
 public:
  explicit MicroOcppEngine(const ocpp::Ports& ports);
  ~MicroOcppEngine() override;
  MicroOcppEngine(const MicroOcppEngine&) = delete;
  MicroOcppEngine& operator=(const MicroOcppEngine&) = delete;

  common::Status begin(const EngineOptions& options, common::Instant now,
                       common::UtcTime utc) override;
  void on_link(bool is_up, common::Instant now) override;
  bool is_online() const override { return is_link_up_ && is_accepted_; }
  bool can_receive() const override;
  void receive(common::TextSpan frame, bool is_truncated, common::Instant now) override;
  common::Instant step(common::Instant now) override;
  common::TextSpan next_to_send() override;
  void on_sent(common::Instant now) override;
  void on_charger_state(uint8_t connector_id, const charger::ChargerState& state,
                        common::Instant now) override;
  void on_meter_sample(uint8_t connector_id, const charger::MeterSample& sample,
                       common::Instant now) override;
  void on_id_tag(uint8_t connector_id, const charger::IdTag& id_tag, common::Instant now) override;
  void on_utc(common::UtcTime utc, common::Instant now) override;
  bool take_event(EngineEvent& event) override { return events_.pop(event); }
  void flush(common::Instant now) override;

  EngineSummary summary(common::Instant now) const override;
  /// MicroOCPP drops what the CSMS refuses: there is never one.
  bool lost_message(size_t, LostMessage&) override { return false; }
  common::Status clear_lost_messages() override { return common::Status::kUnsupported; }
  common::Status resend_lost_messages() override { return common::Status::kUnsupported; }
  ConnectorSummary connector(uint8_t connector_id) const override;
  bool is_operative(uint8_t connector_id) const override;
  size_t action_count() const override { return FrameWatch::kCount; }
  ActionCounters counters(size_t index) const override { return watch_.counters(index); }
  size_t configuration_count() const override;
  void configuration_at(size_t index, ConfigurationEntry& entry) const override;
  common::Status get_configuration(common::TextSpan key, ConfigurationEntry& entry) const override;
  const char* set_configuration(common::TextSpan key, common::TextSpan value,
                                common::Instant now) override;
  common::Status send_data_transfer(common::TextSpan vendor_id, common::TextSpan message_id,
                                    common::TextSpan data, common::Instant now) override;
  FileJobs file_jobs() const override;
  common::Status update_firmware(common::TextSpan url, common::Instant now) override;
  common::Status confirm_firmware(common::Instant now) override;
  common::Status stop_transaction(uint8_t connector_id, StopCause cause,
                                  common::Instant now) override;
  common::Status authorize(uint8_t connector_id, const charger::IdTag& id_tag,
                           common::Instant now) override;

 private:
  /// Everything whose type is MicroOCPP's.
  struct Library;

  struct Connector {
    charger::Capabilities can;
    charger::ChargerState state;
    bool is_plugged = false;  ///< As last known.
    charger::MeterSample sample;
    bool has_energy = false;
    micro_ocpp::Limit limit;
    charger::Offer offer;
    bool has_offer = false;
    const char* status = "";
    /// A fresh reading is awaited, for the start and for the stop of the transaction.
    common::Instant sample_asked_at = common::Instant::never();
  };

  bool has(uint8_t connector_id) const {
    return is_begun_ && connector_id >= 1 && connector_id <= options_.connectors;
  }
  Connector& at(uint8_t connector_id) { return connectors_[connector_id - 1]; }
  const Connector& at(uint8_t connector_id) const { return connectors_[connector_id - 1]; }
  void set_now(common::Instant now);
  void create_services();
  void create_connector(uint8_t connector_id);
  void create_meters(uint8_t connector_id);
  void create_jobs();
  bool has_fresh_sample(uint8_t connector_id);
  void plan_restart(bool is_hard);
  void give_up_call();
  void take_back_attempt();
  void tell_rollback();
  void set_updating(bool is_updating);
  void run_library();
  void run_turns();
  void update(common::Instant now);
  void update_offer(uint8_t connector_id, common::Instant now);
  void present_tag(uint8_t connector_id, const charger::IdTag& id_tag);
  bool stop_by_group(uint16_t connectors, const charger::IdTag& id_tag, const char* group);
  void ask_group(const micro_ocpp::Pick& pick, const charger::IdTag& id_tag);
  bool begin_authorized(uint8_t connector_id, const charger::IdTag& id_tag, const char* group);
  void on_answer(const FrameHead& answer);
  void push(EngineEvent::Kind kind, uint8_t connector_id, const char* text = "");
  void push(const EngineEvent& event);
  void push_tag(EngineEvent::Kind kind, uint8_t connector_id, const char* id_tag);
  void push_transaction(EngineEvent::Kind kind, uint8_t connector_id);

  const ocpp::Ports ports_;
  EngineOptions options_;
  FrameWatch watch_;
  ImageDownload image_;
  TextUpload upload_;
  common::RingBuffer<EngineEvent, 32> events_;
  common::Instant now_;
  bool is_begun_ = false;
  bool has_records_ = false;  ///< Else nothing starts until the next restart.
  /// Lost records are told until then.
  common::Instant tell_loss_until_ = common::Instant::never();
  bool is_link_up_ = false;
  bool is_accepted_ = false;
  const char* registration_ = "unregistered";
  const char* charge_point_status_ = "";
  const char* firmware_status_ = "Idle";
  bool is_rolled_back_ = false;  ///< By the last update; until the next.
  bool is_rollback_told_ = false;
  /// The last connection took a meter value with it: the next one sends it at once.
  bool is_meter_value_cut_off_ = false;
  const char* diagnostics_status_ = "Idle";
  common::Instant restart_at_ = common::Instant::never();
  bool is_hard_restart_ = false;
  micro_ocpp::Limit common_limit_;
  uint32_t transactions_ = 0;
  bool is_data_transfer_running_ = false;
  common::FixedString<limits::kDataTransferBytes> data_transfer_answer_;
  Connector connectors_[limits::kMaxConnectors];
  std::unique_ptr<Library> library_;
};

}  // namespace gateway

#endif
