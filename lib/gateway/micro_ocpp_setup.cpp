#include "gateway/micro_ocpp_library.hpp"

#ifdef GATEWAY_ENGINE_MICROOCPP

#include <MicroOcpp.h>
#include <MicroOcpp/Core/Configuration.h>
#include <MicroOcpp/Model/Authorization/AuthorizationService.h>
#include <MicroOcpp/Model/Boot/BootService.h>
#include <MicroOcpp/Model/ConnectorBase/ConnectorsCommon.h>
#include <MicroOcpp/Model/Diagnostics/DiagnosticsService.h>
#include <MicroOcpp/Model/FirmwareManagement/FirmwareService.h>
#include <MicroOcpp/Model/Heartbeat/HeartbeatService.h>
#include <MicroOcpp/Model/Metering/MeteringService.h>
#include <MicroOcpp/Model/Reservation/ReservationService.h>
#include <MicroOcpp/Model/Reset/ResetService.h>
#include <MicroOcpp/Model/SmartCharging/SmartChargingService.h>
#include <MicroOcpp/Model/Transactions/TransactionStore.h>
#include <cstdio>
#include <cstring>

namespace gateway {

LOG_MODULE("microocpp");

using Kind = EngineEvent::Kind;
using MicroOcpp::declareConfiguration;
using MicroOcpp::TxNotification;

namespace {

constexpr int kDefaultPingIntervalS = 30;

/// Its texts have three digits at most, where MicroOCPP writes six of a float.
struct Decimal {
  static double deserialize(const char* text) { return std::strtod(text, nullptr); }
  static bool ready(double&) { return true; }
  static int32_t toInteger(double& value) { return static_cast<int32_t>(value); }
  static MicroOcpp::String serialize(double& value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f", value);
    size_t size = std::strlen(text);
    while (text[size - 1] == '0') --size;
    if (text[size - 1] == '.') --size;
    text[size] = '\0';
    return MicroOcpp::makeString("gateway", text);
  }
};
using Sampler = MicroOcpp::SampledValueSamplerConcrete<double, Decimal>;

template <typename Service, typename... Arguments>
std::unique_ptr<Service> make(Arguments&&... arguments) {
  return std::unique_ptr<Service>(new Service(std::forward<Arguments>(arguments)...));
}

}  // namespace

/// What mocpp_initialize() does, but with a number of connectors that is known only now.
void MicroOcppEngine::create_services() {
  using namespace MicroOcpp;  // NOLINT: every service below
  // A store that cannot be read is not written either: what it holds may come back.
  const std::shared_ptr<MicroOcppFiles> files = has_records_ ? library_->store : nullptr;
  BootStats boots;
  BootService::loadBootStats(files, boots);
  BootService::migrate(files, boots);
  ++boots.bootNr;
  BootService::storeBootStats(files, boots);
  configuration_init(files);
  library_->context =
      make<Context>(library_->connection, files, boots.bootNr, ProtocolVersion(1, 6));
  Context& context = *library_->context;
  Model& model = context.getModel();
  const unsigned count = options_.connectors + 1U;  // and the charge point
  model.setBootService(make<BootService>(context, files));
  model.setTransactionStore(make<TransactionStore>(count, files));
  model.setConnectorsCommon(make<ConnectorsCommon>(context, count, files));
  auto connectors = makeVector<std::unique_ptr<MicroOcpp::Connector>>("gateway");
  for (unsigned id = 0; id < count; ++id)
    connectors.push_back(make<MicroOcpp::Connector>(context, files, id));
  model.setConnectors(std::move(connectors));
  model.setHeartbeatService(make<HeartbeatService>(context));
  model.setAuthorizationService(make<AuthorizationService>(context, files));
  model.setReservationService(make<ReservationService>(context, count));
  model.setResetService(make<ResetService>(context));
  model.setMeteringSerivce(make<MeteringService>(context, static_cast<int>(count), files));
  model.setSmartChargingService(make<SmartChargingService>(context, files, count));
  for (unsigned id = 0; id < count; ++id) {
    char* key = library_->availability_keys[id];
    std::snprintf(key, sizeof library_->availability_keys[id], MO_CONFIG_EXT_PREFIX "AVAIL_CONN_%u",
                  id);
    library_->availability[id] =
        declareConfiguration<bool>(key, true, MO_KEYVALUE_FN, false, false, false);
  }
  // Keys that MicroOCPP leaves to its surroundings.
  declareConfiguration<int>("WebSocketPingInterval", kDefaultPingIntervalS);
  declareConfiguration<const char*>("ConnectorPhaseRotation", "NotApplicable");
  declareConfiguration<const char*>("FreeVendIdTag", "FREEVEND");
  registerConfigurationValidator("FreeVendIdTag", [](const char* value) {
    const size_t size = std::strlen(value);
    return size >= 1 && size <= charger::IdTag::kCapacity;
  });
  const auto text_or_none = [](const char* text) { return *text == '\0' ? nullptr : text; };
  model.getBootService()->setChargePointCredentials(
      ChargerCredentials(options_.model.c_str(), options_.vendor.c_str(),
                         text_or_none(options_.firmware_version.c_str()),
                         text_or_none(options_.serial_number.c_str())));
  model.getSmartChargingService()->setSmartChargingOutput(
      0,
      [this](float watts, float amperes, int phases) { common_limit_ = {watts, amperes, phases}; });
  model.getSmartChargingService()->updateAllowedChargingRateUnit(true, true);
  library_->connector(0).addErrorDataInput([this] {
    MicroOcpp::ErrorData error(nullptr);
    error.isFaulted = !has_records_;
    error.isError = error.isFaulted || (options_.has_lost_records && now_ < tell_loss_until_);
    error.errorCode = error.isError ? "InternalError" : nullptr;
    error.info = has_records_ ? "records were lost" : "records cannot be read";
    return error;
  });
  model.getResetService()->setPreReset([](bool) { return true; });
  model.getResetService()->setExecuteReset([this](bool is_hard) { plan_restart(is_hard); });
}

void MicroOcppEngine::create_connector(uint8_t connector_id) {
  Connector& own = at(connector_id);
  own.can = ports_.charger.capabilities(connector_id);
  MicroOcpp::Connector& connector = library_->connector(connector_id);
  connector.setAvailabilityVolatile(false);  // until the charger answers
  connector.setConnectorPluggedInput([&own] { return own.is_plugged; });
  connector.setEvReadyInput([&own] { return own.state.ev_requests_energy; });
  connector.setEvseReadyInput(
      [&own] { return own.state.energy_offered && own.offer.permit && own.offer.limit_ma > 0; });
  connector.setStartTxReadyInput([this, connector_id] { return has_fresh_sample(connector_id); });
  connector.setStopTxReadyInput([this, connector_id] { return has_fresh_sample(connector_id); });
  connector.addErrorDataInput([this, &own] {
    MicroOcpp::ErrorData error(nullptr);
    if (!has_records_) {
      error.errorCode = "InternalError";
      error.isError = error.isFaulted = true;
      return error;
    }
    error.errorCode = micro_ocpp::error_code(own.state);
    error.isError = error.errorCode != nullptr;
    error.isFaulted = own.state.is_faulted;
    if (!own.state.info.empty()) error.info = own.state.info.c_str();
    if (!own.state.vendor_error_code.empty())
      error.vendorErrorCode = own.state.vendor_error_code.c_str();
    return error;
  });
  if (own.can.has_lock) {
    connector.setOnUnlockConnector([this, connector_id] {
      switch (ports_.charger.unlock(connector_id, now_)) {
        case common::Status::kOk:
          return UnlockConnectorResult_Unlocked;
        case common::Status::kAgain:
          return UnlockConnectorResult_Pending;
        default:
          return UnlockConnectorResult_UnlockFailed;
      }
    });
  }
  connector.setTxNotificationOutput(
      [this, connector_id](MicroOcpp::Transaction* transaction, TxNotification what) {
        const char* id_tag = transaction == nullptr ? "" : transaction->getIdTag();
        switch (what) {
          case TxNotification::Authorized:
            return push_tag(Kind::kTagAccepted, connector_id, id_tag);
          case TxNotification::AuthorizationRejected:
          case TxNotification::AuthorizationTimeout:
          case TxNotification::ReservationConflict:
            return push_tag(Kind::kTagRejected, connector_id, id_tag);
          case TxNotification::StartTx:
            return push_transaction(Kind::kTransactionStarted, connector_id);
          case TxNotification::StopTx:
            return push_transaction(Kind::kTransactionStopped, connector_id);
          case TxNotification::ConnectionTimeout:
          case TxNotification::DeAuthorized:
          case TxNotification::RemoteStart:
          case TxNotification::RemoteStop:
            return;
        }
      });
  library_->model().getSmartChargingService()->setSmartChargingOutput(
      connector_id,
      [&own](float watts, float amperes, int phases) { own.limit = {watts, amperes, phases}; });
  create_meters(connector_id);
}

void MicroOcppEngine::create_meters(uint8_t connector_id) {
  const Connector& own = at(connector_id);
  for (const micro_ocpp::Measurand& measurand : micro_ocpp::kMeasurands) {
    const bool is_register = measurand.field == charger::kMeterEnergyImport;
    if (!is_register && (own.can.meter_fields & measurand.field) == 0) continue;
    MicroOcpp::SampledValueProperties properties;
    properties.setMeasurand(measurand.name);
    if (measurand.unit != nullptr) properties.setUnit(measurand.unit);
    if (measurand.phase != nullptr) properties.setPhase(measurand.phase);
    library_->model().getMeteringService()->addMeterValueSampler(
        connector_id, make<Sampler>(properties, [&own, &measurand](ReadingContext) {
          return micro_ocpp::value_of(own.sample, measurand);
        }));
  }
}

void MicroOcppEngine::create_jobs() {
  using namespace MicroOcpp;  // NOLINT: states of its jobs
  Model& model = library_->model();
  if (image_.is_offered() && options_.allows_updates) {
    auto service = make<FirmwareService>(*library_->context);
    service->setBuildNumber(options_.firmware_version.c_str());
    service->setOnDownload(
        [this](const char* url) { return image_.begin(common::text(url)) == common::Status::kOk; });
    service->setDownloadStatusInput([this] {
      switch (image_.download()) {
        case JobState::kDone:
          return DownloadStatus::Downloaded;
        case JobState::kFailed:
          return DownloadStatus::DownloadFailed;
        default:
          return DownloadStatus::NotDownloaded;
      }
    });
    library_->is_updating = declareConfiguration<bool>(MO_CONFIG_EXT_PREFIX "UPDATING", false,
                                                       MO_KEYVALUE_FN, false, false, false);
    service->setOnInstall([this](const char*) {
      set_updating(true);
      image_.install();
      return true;
    });
    service->setInstallationStatusInput([this] {
      switch (image_.installation()) {
        case JobState::kFailed:
          return InstallationStatus::InstallationFailed;
        default:  // Installed it is told to be by the image itself, after the restart
          return InstallationStatus::NotInstalled;
      }
    });
    model.setFirmwareService(std::move(service));
  }
  if (!upload_.is_offered()) return;
  auto service = make<DiagnosticsService>(*library_->context);
  service->setRefreshFilename(
      [this] { return std::string("diagnostics-") + options_.serial_number.c_str() + ".jsonl"; });
  service->setOnUpload([this](const char* url, Timestamp& from, Timestamp& to) {
    upload_.begin(common::text(url), micro_ocpp::utc_of(from), micro_ocpp::utc_of(to));
    return true;
  });
  service->setOnUploadStatusInput([this] {
    switch (upload_.state()) {
      case JobState::kDone:
        return UploadStatus::Uploaded;
      case JobState::kFailed:
        return UploadStatus::UploadFailed;
      default:
        return UploadStatus::NotUploaded;
    }
  });
  model.setDiagnosticsService(std::move(service));
}

}  // namespace gateway

#endif
