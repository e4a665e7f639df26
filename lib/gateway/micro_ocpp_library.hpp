#pragma once

#ifdef GATEWAY_ENGINE_MICROOCPP

#include "gateway/micro_ocpp_engine.hpp"
#include "gateway/micro_ocpp_files.hpp"

#include <MicroOcpp/Core/Connection.h>
#include <MicroOcpp/Core/Context.h>
#include <deque>
#include <string>

/// Between the files of the adapter only: what no other part of the gateway may see.
namespace gateway {

/// The gateway's link as MicroOCPP sees it: frames wait here for the loop to carry them.
class MicroOcppConnection final : public MicroOcpp::Connection {
 public:
  static constexpr size_t kMaxFrames = 4;

  void loop() override {}
  bool sendTXT(const char* text, size_t size) override {
    if (waiting_.size() >= kMaxFrames) return false;
    waiting_.emplace_back(text, size);
    return true;
  }
  void setReceiveTXTcallback(MicroOcpp::ReceiveTXTcallback& receive) override {
    receive_ = receive;
  }
  unsigned long getLastConnected() override { return connected_at_ms_; }
  bool isConnected() override { return is_up_; }

  void set_up(bool is_up, unsigned long now_ms) {
    is_up_ = is_up;
    if (is_up) connected_at_ms_ = now_ms;
    waiting_.clear();
  }
  void receive(common::TextSpan frame) {
    if (receive_) (void)receive_(frame.data(), frame.size());
  }
  std::deque<std::string>& waiting() { return waiting_; }

 private:
  std::deque<std::string> waiting_;
  MicroOcpp::ReceiveTXTcallback receive_;
  unsigned long connected_at_ms_ = 0;
  bool is_up_ = false;
};

struct MicroOcppEngine::Library {
  Library(platform::FileStore& files, common::LogSink& log)
      : store(std::make_shared<MicroOcppFiles>(files, log)) {}

  MicroOcpp::Model& model() const { return context->getModel(); }
  MicroOcpp::Connector& connector(uint8_t connector_id) const {
    return *model().getConnector(connector_id);
  }
  /// nullptr = none.
  MicroOcpp::Transaction* transaction(uint8_t connector_id) const {
    return context == nullptr ? nullptr : connector(connector_id).getTransaction().get();
  }

  MicroOcppConnection connection;
  std::shared_ptr<MicroOcppFiles> store;
  std::unique_ptr<MicroOcpp::Context> context;
  /// As ChangeAvailability says; 0 = the charge point.
  std::shared_ptr<MicroOcpp::Configuration> availability[limits::kMaxConnectors + 1];
  /// A new image is about to run and the CSMS does not know yet what became of it; nullptr = no updates.
  std::shared_ptr<MicroOcpp::Configuration> is_updating;
  /// Names of `availability`; MicroOCPP keeps the pointers.
  char availability_keys[limits::kMaxConnectors + 1][24] = {};
};

namespace micro_ocpp {

/// Of its clock; unknown until it was set.
common::UtcTime utc_of(MicroOcpp::Model& model);
void set_utc(MicroOcpp::Model& model, common::UtcTime utc);
common::UtcTime utc_of(const MicroOcpp::Timestamp& at);

inline MaskedIdTag masked(const char* id_tag) { return ocpp::mask(charger::IdTag(id_tag)); }

}  // namespace micro_ocpp
}  // namespace gateway

#endif
