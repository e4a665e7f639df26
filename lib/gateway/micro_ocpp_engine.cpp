#include "gateway/micro_ocpp_engine.hpp"

#ifdef GATEWAY_ENGINE_MICROOCPP

#include "gateway/micro_ocpp_library.hpp"

#include <MicroOcpp/Core/Configuration.h>
#include <MicroOcpp/Core/Request.h>
#include <MicroOcpp/Model/Diagnostics/DiagnosticsService.h>
#include <MicroOcpp/Model/FirmwareManagement/FirmwareService.h>
#include <MicroOcpp/Model/Transactions/Transaction.h>
#include <MicroOcpp/Model/Transactions/TransactionStore.h>
#include <MicroOcpp/Operations/FirmwareStatusNotification.h>
#include <MicroOcpp/Operations/StatusNotification.h>
#include <cstring>
#include <initializer_list>

namespace gateway {

LOG_MODULE("microocpp");

using common::Instant;
using common::Status;
using Kind = EngineEvent::Kind;

namespace {

/// MicroOCPP has no deadlines: it is asked this often, ms.
constexpr int64_t kPollMs = 50;
constexpr int64_t kBusyPollMs = 5;
/// Turns of MicroOCPP in one step while it has something to send: it sends one frame in each.
constexpr int kTurnsPerStep = 3;
constexpr int64_t kFreshSampleMs = 3000;
constexpr int64_t kRestartMs = 3000;
constexpr int64_t kTellLossMs = 60000;
/// After a timestamp that the CSMS gave, MicroOCPP's own base.
constexpr int64_t kBaseYearMs = 1577836800000;  // 2020-01-01T00:00:00Z

int64_t clock_ms = 0;

unsigned long tick_ms() { return static_cast<unsigned long>(clock_ms); }

const char* text_of(MicroOcpp::Ocpp16::FirmwareStatus status) {
  using MicroOcpp::Ocpp16::FirmwareStatus;
  switch (status) {
    case FirmwareStatus::Downloaded:
      return "Downloaded";
    case FirmwareStatus::DownloadFailed:
      return "DownloadFailed";
    case FirmwareStatus::Downloading:
      return "Downloading";
    case FirmwareStatus::InstallationFailed:
      return "InstallationFailed";
    case FirmwareStatus::Installing:
      return "Installing";
    case FirmwareStatus::Installed:
      return "Installed";
    case FirmwareStatus::Idle:
      break;
  }
  return "Idle";
}

const char* text_of(MicroOcpp::Ocpp16::DiagnosticsStatus status) {
  using MicroOcpp::Ocpp16::DiagnosticsStatus;
  switch (status) {
    case DiagnosticsStatus::Uploaded:
      return "Uploaded";
    case DiagnosticsStatus::UploadFailed:
      return "UploadFailed";
    case DiagnosticsStatus::Uploading:
      return "Uploading";
    case DiagnosticsStatus::Idle:
      break;
  }
  return "Idle";
}

MicroOcpp::Timestamp base_time() { return MicroOcpp::Timestamp(2020, 0, 0, 0, 0, 0); }

bool is_one_of(common::TextSpan action, std::initializer_list<const char*> actions) {
  for (const char* one : actions) {
    if (common::equals(action, common::text(one))) return true;
  }
  return false;
}

}  // namespace

namespace micro_ocpp {

common::UtcTime utc_of(const MicroOcpp::Timestamp& at) {
  if (at < base_time()) return {};
  return common::UtcTime{kBaseYearMs + int64_t{at - base_time()} * 1000};
}

common::UtcTime utc_of(MicroOcpp::Model& model) { return utc_of(model.getClock().now()); }

void set_utc(MicroOcpp::Model& model, common::UtcTime utc) {
  if (utc.ms < kBaseYearMs) return;
  const MicroOcpp::Timestamp at = base_time() + static_cast<int>((utc.ms - kBaseYearMs) / 1000);
  char text[JSONDATE_LENGTH + 1] = {};
  if (at.toJsonString(text, sizeof text)) (void)model.getClock().setTime(text);
}

}  // namespace micro_ocpp

MicroOcppEngine::MicroOcppEngine(const ocpp::Ports& ports)
    : ports_(ports),
      image_(ports.transfer, ports.firmware),
      upload_(ports.transfer, ports.diagnostics),
      library_(std::make_unique<Library>(ports.files, ports.log)) {
  mocpp_set_timer(tick_ms);
}

MicroOcppEngine::~MicroOcppEngine() {
  library_->context.reset();
  MicroOcpp::configuration_deinit();
}

void MicroOcppEngine::set_now(Instant now) {
  now_ = now;
  clock_ms = now.ms;
}

Status MicroOcppEngine::begin(const EngineOptions& options, Instant now, common::UtcTime utc) {
  set_now(now);
  options_ = options;
  if (options.vendor.empty() || options.model.empty()) return Status::kInvalidArgument;
  has_records_ = library_->store->load() == Status::kOk;
  create_services();
  is_begun_ = true;
  for (uint8_t id = 1; id <= options_.connectors; ++id) create_connector(id);
  create_jobs();
  MicroOcpp::configuration_load();
  is_rolled_back_ = library_->is_updating != nullptr && library_->is_updating->getBool() &&
                    ports_.firmware->boot() == platform::Firmware::Boot::kRolledBack;
  micro_ocpp::set_utc(library_->model(), utc);
  for (uint8_t id = 1; id <= options_.connectors; ++id) {
    // Whether the EV is still there shows when the charger answers.
    const MicroOcpp::Transaction* transaction = library_->transaction(id);
    at(id).is_plugged = transaction != nullptr;
  }
  return has_records_ ? Status::kOk : Status::kIo;
}

// ------------------------------------------------------------------------------------ frames

void MicroOcppEngine::on_link(bool is_up, Instant now) {
  set_now(now);
  is_link_up_ = is_up;
  if (!is_begun_) return;
  if (!is_up) give_up_call();
  watch_.on_link_down();
  library_->connection.set_up(is_up, tick_ms());
}

/// MicroOCPP would wait 40 s for an answer that cannot come, and send nothing else on the next connection. Only Authorize is left
/// to its own time: what MicroOCPP decides without the CSMS it decides when that is over.
void MicroOcppEngine::give_up_call() {
  for (const std::string& frame : library_->connection.waiting()) {
    const common::TextSpan text(frame.data(), frame.size());
    if (read_frame_head(text).kind == FrameHead::Kind::kCall) watch_.on_sent(text);
  }
  if (watch_.waiting_id().empty() || std::strcmp(watch_.waiting_action(), "Authorize") == 0) return;
  const common::TextSpan action = common::text(watch_.waiting_action());
  if (is_one_of(action, {"StartTransaction", "StopTransaction"})) take_back_attempt();
  if (is_one_of(action, {"MeterValues"})) is_meter_value_cut_off_ = true;
  const std::string failure = std::string("[4,\"") +
                              std::string(watch_.waiting_id().data(), watch_.waiting_id().size()) +
                              "\",\"GenericError\",\"The connection was lost.\",{}]";
  library_->connection.receive(common::TextSpan(failure.data(), failure.size()));
}

/// Of the transaction message under way, that of the lowest number: it is tried anew as soon as there is a connection.
void MicroOcppEngine::take_back_attempt() {
  MicroOcpp::SendStatus* first = nullptr;
  for (uint8_t id = 1; id <= options_.connectors; ++id) {
    const std::shared_ptr<MicroOcpp::Transaction> transaction =
        library_->model().getTransactionStore()->getTransaction(
            id, library_->connector(id).getTxNrFront());
    if (transaction == nullptr || transaction->isSilent()) continue;
    for (MicroOcpp::SendStatus* one : {&transaction->getStartSync(), &transaction->getStopSync()}) {
      if (!one->isRequested() || one->isConfirmed()) continue;
      if (first == nullptr || one->getOpNr() < first->getOpNr()) first = one;
      break;
    }
  }
  if (first == nullptr || first->getAttemptNr() == 0) return;
  first->setAttemptNr(first->getAttemptNr() - 1);
  first->setAttemptTime(MicroOcpp::MIN_TIME);
}

bool MicroOcppEngine::can_receive() const {
  return library_->connection.waiting().size() + 1 < MicroOcppConnection::kMaxFrames;
}

void MicroOcppEngine::receive(common::TextSpan frame, bool is_truncated, Instant now) {
  set_now(now);
  const FrameHead head = watch_.on_received(frame);
  if (is_truncated) {
    if (head.kind != FrameHead::Kind::kCall && head.action.empty()) return;
    std::string refusal = "[4,\"";
    refusal.append(head.id.data(), head.id.size());
    refusal += "\",\"InternalError\",\"The message is too long.\",{}]";
    (void)library_->connection.sendTXT(refusal.c_str(), refusal.size());
    return;
  }
  library_->connection.receive(frame);
  if (head.kind == FrameHead::Kind::kResult) on_answer(head);
  run_library();  // makes the answer
  if (head.kind == FrameHead::Kind::kCall &&
      common::equals(head.action, common::text("ChangeConfiguration"))) {
    const common::TextSpan key = text_member(head.payload, "key");
    const std::string name(key.data(), key.size());
    if (MicroOcpp::Configuration* entry = MicroOcpp::getConfigurationPublic(name.c_str()))
      push(Kind::kConfigurationChanged, 0, entry->getKey());
  }
}

void MicroOcppEngine::on_answer(const FrameHead& answer) {
  const bool is_boot = common::equals(answer.action, common::text("BootNotification"));
  if (is_boot) {
    const common::TextSpan status = text_member(answer.payload, "status");
    registration_ = "rejected";
    if (common::equals(status, common::text("Accepted"))) registration_ = "accepted";
    if (common::equals(status, common::text("Pending"))) registration_ = "pending";
    is_accepted_ = std::strcmp(registration_, "accepted") == 0;
    push(Kind::kRegistration, 0, registration_);
    if (is_accepted_) (void)confirm_firmware(now_);
    if (is_accepted_ && is_rolled_back_ && !is_rollback_told_) tell_rollback();
    if (is_accepted_ && tell_loss_until_.is_never()) tell_loss_until_ = now_ + kTellLossMs;
  }
  if (is_boot || common::equals(answer.action, common::text("Heartbeat"))) {
    push(Kind::kClockSet, 0);
  }
}

/// MicroOCPP knows only of images that run. Once: the key is stored until the CSMS has heard it.
void MicroOcppEngine::tell_rollback() {
  is_rollback_told_ = true;
  auto request = MicroOcpp::makeRequest(new MicroOcpp::Ocpp16::FirmwareStatusNotification(
      MicroOcpp::Ocpp16::FirmwareStatus::InstallationFailed));
  request->setOnReceiveConfListener([this](JsonObject) { set_updating(false); });
  library_->context->initiateRequest(std::move(request));
}

void MicroOcppEngine::set_updating(bool is_updating) {
  if (library_->is_updating == nullptr || library_->is_updating->getBool() == is_updating) return;
  library_->is_updating->setBool(is_updating);
  if (!MicroOcpp::configuration_save()) LOG_ERROR(ports_.log, "the update could not be noted");
}

common::TextSpan MicroOcppEngine::next_to_send() {
  const std::deque<std::string>& waiting = library_->connection.waiting();
  return waiting.empty() ? common::TextSpan()
                         : common::TextSpan(waiting.front().data(), waiting.front().size());
}

void MicroOcppEngine::on_sent(Instant now) {
  set_now(now);
  std::deque<std::string>& waiting = library_->connection.waiting();
  const common::TextSpan frame(waiting.front().data(), waiting.front().size());
  watch_.on_sent(frame);
  if (is_meter_value_cut_off_ && is_one_of(read_frame_head(frame).action,
                                           {"MeterValues", "StartTransaction", "StopTransaction"}))
    is_meter_value_cut_off_ = false;
  waiting.pop_front();
}

// -------------------------------------------------------------------------------------- step

void MicroOcppEngine::run_library() {
  if (!is_meter_value_cut_off_ || !is_link_up_) return run_turns();
  // The attempts of meter values cannot be reached from outside; their interval can.
  MicroOcpp::Configuration* interval =
      MicroOcpp::getConfigurationPublic("TransactionMessageRetryInterval");
  if (interval == nullptr) return run_turns();
  const int usual = interval->getInt();
  const uint32_t written = library_->store->bytes_written();
  interval->setInt(0);
  run_turns();
  interval->setInt(usual);
  // Should the keys have been stored meanwhile: with the usual one again.
  if (library_->store->bytes_written() != written) (void)MicroOcpp::configuration_save();
}

void MicroOcppEngine::run_turns() {
  for (int i = 0; i < kTurnsPerStep; ++i) {
    const size_t waiting = library_->connection.waiting().size();
    library_->context->loop();
    if (library_->connection.waiting().size() == waiting) return;
  }
}

Instant MicroOcppEngine::step(Instant now) {
  set_now(now);
  const JobState installation = image_.installation();
  image_.step();
  if (installation == JobState::kRunning && image_.installation() == JobState::kDone)
    plan_restart(false);
  upload_.step();
  run_library();
  update(now);
  const bool is_busy = !library_->connection.waiting().empty() ||
                       image_.download() == JobState::kRunning ||
                       upload_.state() == JobState::kRunning;
  return now + (is_busy ? kBusyPollMs : kPollMs);
}

void MicroOcppEngine::update(Instant now) {
  for (uint8_t id = 0; id <= options_.connectors; ++id) {
    const char* status = MicroOcpp::cstrFromOcppEveState(library_->connector(id).getStatus());
    const char*& known = id == 0 ? charge_point_status_ : at(id).status;
    if (std::strcmp(status, known) != 0) {
      known = status;
      push(Kind::kConnectorStatus, id, status);
    }
    if (id != 0) update_offer(id, now);
  }
  if (MicroOcpp::FirmwareService* service = library_->model().getFirmwareService()) {
    using MicroOcpp::Ocpp16::FirmwareStatus;
    const FirmwareStatus state = service->getFirmwareStatus();
    const bool is_idle = state == FirmwareStatus::Idle;
    const char* status =
        is_idle && is_rolled_back_ ? text_of(FirmwareStatus::InstallationFailed) : text_of(state);
    if (std::strcmp(status, firmware_status_) != 0) {
      push(Kind::kFirmware, 0, firmware_status_ = status);
      if (!is_idle) is_rolled_back_ = false;
      // MicroOCPP takes it out of service for an update, and leaves it there when that fails.
      const bool is_over = is_idle || state == FirmwareStatus::DownloadFailed ||
                           state == FirmwareStatus::InstallationFailed;
      if (is_over) library_->connector(0).setAvailabilityVolatile(true);
    }
  }
  if (MicroOcpp::DiagnosticsService* service = library_->model().getDiagnosticsService()) {
    const char* status = text_of(service->getDiagnosticsStatus());
    if (std::strcmp(status, diagnostics_status_) != 0)
      push(Kind::kDiagnostics, 0, diagnostics_status_ = status);
  }
  if (restart_at_ <= now) {
    restart_at_ = Instant::never();
    EngineEvent event;
    event.kind = Kind::kResetRequested;
    event.is_hard = is_hard_restart_;
    push(event);
  }
}

/// With time for the last reading of a transaction that ends, and for its StopTransaction.
void MicroOcppEngine::plan_restart(bool is_hard) {
  if (!restart_at_.is_never()) return;
  is_hard_restart_ = is_hard;
  restart_at_ = now_;
  for (uint8_t id = 1; id <= options_.connectors; ++id) {
    if (library_->transaction(id) != nullptr) restart_at_ = now_ + kRestartMs;
  }
}

void MicroOcppEngine::update_offer(uint8_t connector_id, Instant now) {
  Connector& connector = at(connector_id);
  connector.can = ports_.charger.capabilities(connector_id);
  const charger::Offer offer =
      micro_ocpp::offer_of(library_->connector(connector_id).ocppPermitsCharge(), connector.limit,
                           common_limit_, connector.can, connector.sample);
  if (connector.has_offer && offer == connector.offer) return;
  connector.offer = offer;
  connector.has_offer = true;
  ports_.charger.set_offer(connector_id, offer, now);
}

// ------------------------------------------------------------------------------------ inputs

void MicroOcppEngine::on_charger_state(uint8_t connector_id, const charger::ChargerState& state,
                                       Instant now) {
  if (!has(connector_id)) return;
  set_now(now);
  Connector& connector = at(connector_id);
  using charger::Health;
  const bool is_heard = state.health == Health::kOk || state.health == Health::kStale;
  const bool was_heard =
      connector.state.health == Health::kOk || connector.state.health == Health::kStale;
  if (is_heard && state.plug != charger::Plug::kUnknown)
    connector.is_plugged = state.plug == charger::Plug::kPlugged;
  connector.state = state;
  if (is_heard != was_heard) library_->connector(connector_id).setAvailabilityVolatile(is_heard);
}

void MicroOcppEngine::on_meter_sample(uint8_t connector_id, const charger::MeterSample& sample,
                                      Instant now) {
  if (!has(connector_id)) return;
  set_now(now);
  at(connector_id).sample = sample;
  if (sample.has(charger::kMeterEnergyImport)) at(connector_id).has_energy = true;
}

/// For meterStart and meterStop: asks once, and goes on without an answer after a while.
bool MicroOcppEngine::has_fresh_sample(uint8_t connector_id) {
  Connector& connector = at(connector_id);
  if (connector.sample_asked_at.is_never()) {
    connector.sample_asked_at = now_;
    ports_.charger.request_sample(connector_id, now_);
    return false;
  }
  const bool is_fresh =
      connector.has_energy && connector.sample.taken_at >= connector.sample_asked_at;
  if (!is_fresh && now_ - connector.sample_asked_at < kFreshSampleMs) return false;
  connector.sample_asked_at = Instant::never();
  return true;
}

void MicroOcppEngine::on_utc(common::UtcTime utc, Instant now) {
  set_now(now);
  if (is_begun_) micro_ocpp::set_utc(library_->model(), utc);
}

void MicroOcppEngine::flush(Instant now) {
  set_now(now);
  if (!MicroOcpp::configuration_save()) LOG_ERROR(ports_.log, "the keys could not be stored");
}

Status MicroOcppEngine::stop_transaction(uint8_t connector_id, StopCause cause, Instant now) {
  set_now(now);
  if (!has(connector_id)) return Status::kInvalidState;
  MicroOcpp::Transaction* transaction = library_->transaction(connector_id);
  if (transaction == nullptr || !transaction->isActive()) return Status::kInvalidState;
  library_->connector(connector_id)
      .endTransaction(nullptr, cause == StopCause::kLocal ? "Local" : "Other");
  return Status::kOk;
}

// ------------------------------------------------------------------------------------ events

void MicroOcppEngine::push(Kind kind, uint8_t connector_id, const char* text) {
  EngineEvent event;
  event.kind = kind;
  event.connector_id = connector_id;
  event.text = text;
  if (kind == Kind::kClockSet) event.utc = micro_ocpp::utc_of(library_->model());
  if (kind == Kind::kDataTransferAnswered) event.data = data_transfer_answer_.span();
  push(event);
}

void MicroOcppEngine::push_tag(Kind kind, uint8_t connector_id, const char* id_tag) {
  EngineEvent event;
  event.kind = kind;
  event.connector_id = connector_id;
  event.id_tag = micro_ocpp::masked(id_tag);
  push(event);
}

void MicroOcppEngine::push_transaction(Kind kind, uint8_t connector_id) {
  MicroOcpp::Transaction* transaction = library_->transaction(connector_id);
  if (transaction == nullptr) return;
  EngineEvent event;
  event.kind = kind;
  event.connector_id = connector_id;
  event.local_transaction = micro_ocpp::local_number(transaction->getTxNr(), connector_id);
  event.id_tag = micro_ocpp::masked(transaction->getIdTag());
  if (kind == Kind::kTransactionStarted) ++transactions_;
  push(event);
}

void MicroOcppEngine::push(const EngineEvent& event) {
  if (events_.push(event) != Status::kOk) LOG_WARN(ports_.log, "an event was lost");
}

}  // namespace gateway

#endif
