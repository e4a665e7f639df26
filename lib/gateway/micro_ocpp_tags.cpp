// Tags at the reader, and transactions that begin without the CSMS.

#include "gateway/micro_ocpp_library.hpp"

#ifdef GATEWAY_ENGINE_MICROOCPP

#include <MicroOcpp/Core/Configuration.h>
#include <MicroOcpp/Core/Request.h>
#include <MicroOcpp/Model/Authorization/AuthorizationService.h>
#include <MicroOcpp/Model/Reservation/ReservationService.h>
#include <MicroOcpp/Model/Transactions/Transaction.h>
#include <MicroOcpp/Operations/Authorize.h>
#include <cstring>

namespace gateway {

using common::Instant;
using common::Status;
using Kind = EngineEvent::Kind;

namespace {

constexpr unsigned long kAuthorizeMs = 20000;  ///< As long as MicroOCPP waits for its own.

bool is_key_set(const char* key) {
  MicroOcpp::Configuration* entry = MicroOcpp::getConfigurationPublic(key);
  return entry != nullptr && entry->getBool();
}

/// As the local list says; nullptr = it does not know, or does not let it charge.
const char* local_group(MicroOcpp::Model& model, const char* id_tag) {
  MicroOcpp::AuthorizationData* entry =
      model.getAuthorizationService()->getLocalAuthorization(id_tag);
  if (entry == nullptr ||
      entry->getAuthorizationStatus() != MicroOcpp::AuthorizationStatus::Accepted)
    return nullptr;
  const MicroOcpp::Timestamp* expiry = entry->getExpiryDate();
  if (expiry != nullptr && *expiry < model.getClock().now()) return nullptr;
  return entry->getParentIdTag();
}

}  // namespace

void MicroOcppEngine::on_id_tag(uint8_t connector_id, const charger::IdTag& id_tag, Instant now) {
  set_now(now);
  if (has(connector_id)) return present_tag(connector_id, id_tag);
  micro_ocpp::Candidate candidates[limits::kMaxConnectors];
  for (uint8_t id = 1; id <= options_.connectors; ++id) {
    micro_ocpp::Candidate& candidate = candidates[id - 1];
    MicroOcpp::Transaction* transaction = library_->transaction(id);
    candidate.is_for_reader = (options_.reader_connectors >> id & 1U) != 0;
    candidate.is_plugged = at(id).is_plugged;
    candidate.is_free = transaction == nullptr && library_->connector(id).isOperative();
    if (transaction == nullptr) continue;
    candidate.is_of_group = transaction->isActive() && *transaction->getParentIdTag() != '\0';
    candidate.is_started_by_tag = std::strcmp(transaction->getIdTag(), id_tag.c_str()) == 0;
  }
  const micro_ocpp::Pick pick = micro_ocpp::pick_connector(candidates, options_.connectors);
  if (pick.groups != 0) return ask_group(pick, id_tag);
  if (pick.connector_id != 0) return present_tag(pick.connector_id, id_tag);
  push_tag(Kind::kTagRejected, 0, id_tag.c_str());
}

void MicroOcppEngine::present_tag(uint8_t connector_id, const charger::IdTag& id_tag) {
  MicroOcpp::Connector& connector = library_->connector(connector_id);
  MicroOcpp::Transaction* transaction = library_->transaction(connector_id);
  bool is_taken = true;
  if (transaction == nullptr) {
    is_taken = connector.isOperative() && connector.beginTransaction(id_tag.c_str()) != nullptr;
  } else if (!transaction->isActive()) {
    is_taken = false;
  } else if (std::strcmp(transaction->getIdTag(), id_tag.c_str()) == 0) {
    connector.endTransaction(id_tag.c_str(), "Local");
    push_tag(Kind::kTagAccepted, connector_id, id_tag.c_str());
  } else if (*transaction->getParentIdTag() != '\0') {
    ask_group({connector_id, static_cast<uint16_t>(1U << connector_id)}, id_tag);
  } else {
    is_taken = false;
  }
  if (!is_taken) push_tag(Kind::kTagRejected, connector_id, id_tag.c_str());
}

bool MicroOcppEngine::stop_by_group(uint16_t connectors, const charger::IdTag& id_tag,
                                    const char* group) {
  for (uint8_t id = 1; id <= options_.connectors; ++id) {
    MicroOcpp::Transaction* transaction = library_->transaction(id);
    const bool is_same = (connectors >> id & 1U) != 0 && transaction != nullptr &&
                         transaction->isActive() && *transaction->getParentIdTag() != '\0' &&
                         std::strcmp(group, transaction->getParentIdTag()) == 0;
    if (!is_same) continue;
    library_->connector(id).endTransaction(id_tag.c_str(), "Local");
    push_tag(Kind::kTagAccepted, id, id_tag.c_str());
    return true;
  }
  return false;
}

/// Another tag stops when it belongs to the same group; else it begins where it was picked for.
void MicroOcppEngine::ask_group(const micro_ocpp::Pick& pick, const charger::IdTag& id_tag) {
  if (is_key_set(is_link_up_ ? "LocalPreAuthorize" : "LocalAuthorizeOffline")) {
    const char* group = local_group(library_->model(), id_tag.c_str());
    if (group != nullptr && stop_by_group(pick.groups, id_tag, group)) return;
  }
  if (!is_link_up_) {
    if (pick.connector_id != 0 && library_->transaction(pick.connector_id) == nullptr)
      return present_tag(pick.connector_id, id_tag);
    return push_tag(Kind::kTagRejected, pick.connector_id, id_tag.c_str());
  }
  auto request =
      MicroOcpp::makeRequest(new MicroOcpp::Ocpp16::Authorize(library_->model(), id_tag.c_str()));
  request->setTimeout(kAuthorizeMs);
  request->setOnReceiveConfListener([this, pick, id_tag](JsonObject answer) {
    const char* status = answer["idTagInfo"]["status"] | "";
    const char* group = answer["idTagInfo"]["parentIdTag"] | "";
    const bool is_accepted = std::strcmp(status, "Accepted") == 0;
    if (is_accepted && stop_by_group(pick.groups, id_tag, group)) return;
    const bool is_begun =
        is_accepted && pick.connector_id != 0 && begin_authorized(pick.connector_id, id_tag, group);
    push_tag(is_begun ? Kind::kTagAccepted : Kind::kTagRejected, pick.connector_id, id_tag.c_str());
  });
  request->setOnAbortListener(
      [this, pick, id_tag] { push_tag(Kind::kTagRejected, pick.connector_id, id_tag.c_str()); });
  library_->context->initiateRequest(std::move(request));
}

/// @param group  Empty = none.
bool MicroOcppEngine::begin_authorized(uint8_t connector_id, const charger::IdTag& id_tag,
                                       const char* group) {
  MicroOcpp::Connector& connector = library_->connector(connector_id);
  if (library_->transaction(connector_id) != nullptr || !connector.isOperative()) return false;
  const char* parent = *group == '\0' ? nullptr : group;
  MicroOcpp::ReservationService* reservations = library_->model().getReservationService();
  MicroOcpp::Reservation* reservation =
      reservations == nullptr ? nullptr : reservations->getReservation(connector_id);
  if (reservation != nullptr && !reservation->matches(id_tag.c_str(), parent)) return false;
  return connector.beginTransaction_authorized(id_tag.c_str(), parent) != nullptr;
}

Status MicroOcppEngine::authorize(uint8_t connector_id, const charger::IdTag& id_tag, Instant now) {
  set_now(now);
  return has(connector_id) && begin_authorized(connector_id, id_tag, "") ? Status::kOk
                                                                         : Status::kInvalidState;
}

}  // namespace gateway

#endif
