#include "ocpp/charge_point.hpp"

#include <new>

// The smallest program that needs the whole engine: `vevgw size` links it for a microcontroller and
// counts what of lib/ stays. The ports do nothing; every public function of ChargePoint is called.

namespace {

class Files final : public platform::FileStore {
 public:
  common::Result<uint32_t> size(const char*) override { return common::Status::kNotFound; }
  common::Result<size_t> read(const char*, uint32_t, common::MutableByteSpan) override {
    return common::Status::kNotFound;
  }
  common::Status append(const char*, common::ByteSpan) override { return common::Status::kIo; }
  common::Status rename(const char*, const char*) override { return common::Status::kIo; }
  common::Status remove(const char*) override { return common::Status::kOk; }
  uint32_t free_bytes() override { return 0; }
};

class Settings final : public platform::KeyValueStore {
 public:
  common::Result<size_t> get(const char*, common::MutableByteSpan) override {
    return common::Status::kNotFound;
  }
  common::Status set(const char*, common::ByteSpan) override { return common::Status::kIo; }
  common::Status erase(const char*) override { return common::Status::kIo; }
  common::Status erase_all() override { return common::Status::kIo; }
};

class Entropy final : public platform::Entropy {
 public:
  void fill(common::MutableByteSpan) override {}
};

class Charger final : public charger::ChargerControl {
 public:
  void set_offer(uint8_t, const charger::Offer&, common::Instant) override {}
  void request_sample(uint8_t, common::Instant) override {}
  common::Status unlock(uint8_t, common::Instant) override { return common::Status::kUnsupported; }
  charger::Capabilities capabilities(uint8_t) const override { return {}; }
};

class Log final : public common::LogSink {
 public:
  bool is_enabled(common::LogLevel, const char*) const override { return is_enabled_; }
  void vwrite(common::LogLevel, const char*, const char*, va_list) override {}

 private:
  volatile bool is_enabled_ = false;
};

Files files;
Settings settings;
Entropy entropy;
Charger charger_control;
Log log_sink;

alignas(ocpp::ChargePoint) unsigned char storage[sizeof(ocpp::ChargePoint)];

volatile uint8_t input;  ///< The compiler cannot know what comes.
volatile uint32_t sink;  ///< Nor that nobody looks.

}  // namespace

// The linker's symbol table says how large it is.
extern "C" {
unsigned char size_of_charge_point[sizeof(ocpp::ChargePoint)];
}

int main() {
  const ocpp::Ports ports{files, settings, entropy, charger_control, log_sink};
  auto& charge_point = *new (storage) ocpp::ChargePoint(ports);
  size_of_charge_point[0] = input;
  ocpp::Options options;
  common::Instant now;
  sink = static_cast<uint32_t>(charge_point.begin(options, now, common::UtcTime()));
  for (;;) {
    now.ms += input;
    char frame[64] = {};
    frame[0] = static_cast<char>(input);
    charge_point.on_link(input != 0, now);
    if (charge_point.can_receive())
      charge_point.receive(common::TextSpan(frame, sizeof frame), input != 0, now);
    charge_point.on_charger_state(input, charger::ChargerState(), now);
    charge_point.on_meter_sample(input, charger::MeterSample(), now);
    charge_point.on_id_tag(input, charger::IdTag(), now);
    charge_point.on_utc(common::UtcTime{input}, now);
    sink = static_cast<uint32_t>(charge_point.stop_transaction(input, now));
    sink = static_cast<uint32_t>(charge_point.step(now).ms);
    sink = static_cast<uint32_t>(charge_point.next_to_send().size());
    charge_point.on_sent(now);
    ocpp::Event event;
    while (charge_point.take_event(event)) sink = static_cast<uint32_t>(event.type);
    ocpp::ConfigurationEntry entry;
    charge_point.configuration_at(input % charge_point.configuration_count(), entry);
    sink = static_cast<uint32_t>(
        charge_point.get_configuration(common::TextSpan(frame, sizeof frame), entry));
    sink = static_cast<uint32_t>(charge_point.set_configuration(
        common::TextSpan(frame, sizeof frame), common::TextSpan(frame, sizeof frame), now));
    ocpp::TransactionView transaction;
    sink = charge_point.open_transaction(input, transaction) ? 1 : 0;
    sink = charge_point.is_link_up() ? 1 : 0;
    sink = static_cast<uint32_t>(charge_point.registration());
    sink = charge_point.connectors();
    sink = static_cast<uint32_t>(charge_point.status(input));
    sink = charge_point.offer(input).limit_ma;
    sink = static_cast<uint32_t>(charge_point.utc(now).ms);
    sink = charge_point.pending_messages();
    sink = charge_point.dead_letters();
    sink = charge_point.counters(input % charge_point.action_count()).sent;
  }
}
