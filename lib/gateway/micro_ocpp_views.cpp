#include "gateway/micro_ocpp_library.hpp"

#ifdef GATEWAY_ENGINE_MICROOCPP

#include "json/writer.hpp"

#include <MicroOcpp/Core/Configuration.h>
#include <MicroOcpp/Core/Request.h>
#include <MicroOcpp/Model/FirmwareManagement/FirmwareService.h>
#include <MicroOcpp/Model/Transactions/TransactionStore.h>
#include <MicroOcpp/Operations/ChangeConfiguration.h>
#include <MicroOcpp/Operations/CustomOperation.h>
#include <cstdio>

namespace gateway {

LOG_MODULE("microocpp");

using common::Status;
using common::TextSpan;
using Kind = EngineEvent::Kind;

namespace {

void copy(MicroOcpp::Configuration& from, ConfigurationEntry& to) {
  to.key = from.getKey();
  to.is_readonly = from.isReadOnly();
  to.has_value = true;
  char number[16];
  switch (from.getType()) {
    case MicroOcpp::TConfig::Int:
      std::snprintf(number, sizeof number, "%d", from.getInt());
      to.value.assign_truncated(common::text(number));
      break;
    case MicroOcpp::TConfig::Bool:
      to.value.assign_truncated(common::text(from.getBool() ? "true" : "false"));
      break;
    case MicroOcpp::TConfig::String:
      to.value.assign_truncated(common::text(from.getString()));
      break;
  }
}

/// One of the few that ChangeConfiguration.conf may say.
const char* static_status(const char* status) {
  for (const char* known : {"Accepted", "RebootRequired", "NotSupported"}) {
    if (common::equals(common::text(status), common::text(known))) return known;
  }
  return "Rejected";
}

}  // namespace

EngineSummary MicroOcppEngine::summary(common::Instant) const {
  EngineSummary summary;
  summary.registration = registration_;
  summary.is_link_up = is_link_up_;
  summary.flash_bytes = library_->store->bytes_written();
  summary.transactions = transactions_;
  if (!is_begun_) return summary;
  summary.utc = micro_ocpp::utc_of(library_->model());
  MicroOcpp::TransactionStore& store = *library_->model().getTransactionStore();
  for (uint8_t id = 1; id <= options_.connectors; ++id) {
    MicroOcpp::Connector& connector = library_->connector(id);
    for (unsigned number = connector.getTxNrFront(); number != connector.getTxNrEnd();
         number = (number + 1) % MAX_TX_CNT) {
      const std::shared_ptr<MicroOcpp::Transaction> transaction = store.getTransaction(id, number);
      if (transaction == nullptr || transaction->isSilent()) continue;
      MicroOcpp::SendStatus& start = transaction->getStartSync();
      MicroOcpp::SendStatus& stop = transaction->getStopSync();
      if (start.isRequested() && !start.isConfirmed()) ++summary.pending_messages;
      if (stop.isRequested() && !stop.isConfirmed()) ++summary.pending_messages;
    }
  }
  return summary;
}

ConnectorSummary MicroOcppEngine::connector(uint8_t connector_id) const {
  ConnectorSummary summary;
  summary.status = connector_id == 0 ? charge_point_status_ : "";
  if (!has(connector_id)) return summary;
  const Connector& own = at(connector_id);
  summary.status = own.status;
  summary.offer = own.offer;
  MicroOcpp::Transaction* transaction = library_->transaction(connector_id);
  if (transaction == nullptr || !transaction->isRunning()) return summary;
  summary.has_transaction = true;
  summary.is_stopping = !transaction->isActive();
  summary.has_transaction_id = transaction->getStartSync().isConfirmed();
  summary.transaction_id = transaction->getTransactionId();
  summary.local_transaction = micro_ocpp::local_number(transaction->getTxNr(), connector_id);
  summary.id_tag = micro_ocpp::masked(transaction->getIdTag());
  summary.meter_start_wh = transaction->getMeterStart();
  summary.meter_last_wh = own.sample.energy_import_wh;
  return summary;
}

bool MicroOcppEngine::is_operative(uint8_t connector_id) const {
  if (!has(connector_id)) return true;
  return library_->availability[0]->getBool() && library_->availability[connector_id]->getBool();
}

size_t MicroOcppEngine::configuration_count() const {
  size_t count = 0;
  for (MicroOcpp::ConfigurationContainer* container : MicroOcpp::getConfigurationContainersPublic())
    count += container->size();
  return count;
}

void MicroOcppEngine::configuration_at(size_t index, ConfigurationEntry& entry) const {
  for (MicroOcpp::ConfigurationContainer* container :
       MicroOcpp::getConfigurationContainersPublic()) {
    if (index < container->size()) return copy(*container->getConfiguration(index), entry);
    index -= container->size();
  }
}

Status MicroOcppEngine::get_configuration(TextSpan key, ConfigurationEntry& entry) const {
  for (size_t i = 0; i < configuration_count(); ++i) {
    configuration_at(i, entry);
    if (common::equals_ignore_case(common::text(entry.key), key)) return Status::kOk;
  }
  return Status::kNotFound;
}

const char* MicroOcppEngine::set_configuration(TextSpan key, TextSpan value, common::Instant now) {
  set_now(now);
  ConfigurationEntry entry;
  if (get_configuration(key, entry) != Status::kOk) return "NotSupported";
  MicroOcpp::Ocpp16::ChangeConfiguration operation;
  StaticJsonDocument<JSON_OBJECT_SIZE(2)> request;
  const std::string text(value.data(), value.size());
  request["key"] = entry.key;
  request["value"] = text.c_str();
  operation.processReq(request.as<JsonObject>());
  const std::unique_ptr<MicroOcpp::JsonDoc> answer = operation.createConf();
  const char* status = static_status((*answer)["status"] | "");
  if (status[0] == 'A' || status[1] == 'e') push(Kind::kConfigurationChanged, 0, entry.key);
  return status;
}

Status MicroOcppEngine::send_data_transfer(TextSpan vendor_id, TextSpan message_id, TextSpan data,
                                           common::Instant now) {
  set_now(now);
  if (!is_online()) return Status::kInvalidState;
  if (is_data_transfer_running_) return Status::kAgain;
  if (vendor_id.empty() || vendor_id.size() > 255 || message_id.size() > 50 ||
      vendor_id.size() + message_id.size() + data.size() > limits::kDataTransferBytes)
    return Status::kNoSpace;
  const std::string vendor(vendor_id.data(), vendor_id.size());
  const std::string message(message_id.data(), message_id.size());
  const std::string content(data.data(), data.size());
  const auto make_request = [vendor, message, content] {
    auto request = MicroOcpp::makeJsonDoc(
        "gateway", JSON_OBJECT_SIZE(3) + vendor.size() + message.size() + content.size() + 3);
    (*request)["vendorId"] = vendor;
    if (!message.empty()) (*request)["messageId"] = message;
    if (!content.empty()) (*request)["data"] = content;
    return request;
  };
  const auto take_answer = [this](JsonObject answer) {
    static constexpr const char* kStatuses[] = {"Accepted", "Rejected", "UnknownMessageId",
                                                "UnknownVendorId"};
    const char* text = "no answer";
    for (const char* status : kStatuses) {
      if (answer["status"] == status) text = status;
    }
    data_transfer_answer_.assign_truncated(common::text(answer["data"] | ""));
    is_data_transfer_running_ = false;
    push(Kind::kDataTransferAnswered, 0, text);
  };
  auto request = MicroOcpp::makeRequest(
      new MicroOcpp::Ocpp16::CustomOperation("DataTransfer", make_request, take_answer));
  request->setOnAbortListener([this] {
    data_transfer_answer_.clear();
    is_data_transfer_running_ = false;
    push(Kind::kDataTransferAnswered, 0, "no answer");
  });
  is_data_transfer_running_ = true;
  library_->context->initiateRequest(std::move(request));
  return Status::kOk;
}

FileJobs MicroOcppEngine::file_jobs() const {
  FileJobs jobs;
  jobs.firmware = firmware_status_;
  jobs.firmware_bytes = image_.bytes();
  jobs.diagnostics = diagnostics_status_;
  return jobs;
}

Status MicroOcppEngine::update_firmware(TextSpan url, common::Instant now) {
  set_now(now);
  MicroOcpp::FirmwareService* service =
      is_begun_ ? library_->model().getFirmwareService() : nullptr;
  if (service == nullptr) return Status::kUnsupported;
  if (url.empty() || url.size() > limits::kMaxLocationBytes) return Status::kInvalidArgument;
  if (image_.installation() == JobState::kRunning) return Status::kInvalidState;
  const std::string location(url.data(), url.size());
  service->scheduleFirmwareUpdate(location.c_str(), library_->model().getClock().now());
  return Status::kOk;
}

Status MicroOcppEngine::confirm_firmware(common::Instant now) {
  set_now(now);
  if (ports_.firmware == nullptr || ports_.firmware->boot() != platform::Firmware::Boot::kTrial)
    return Status::kInvalidState;
  RETURN_IF_ERROR(ports_.firmware->confirm());
  set_updating(false);
  return Status::kOk;
}

}  // namespace gateway

#endif
