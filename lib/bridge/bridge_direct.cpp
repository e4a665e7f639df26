// Chargers without a register map: the adding part of the bridge.

#include "bridge/bridge.hpp"

namespace bridge {

LOG_MODULE("bridge");

using common::Status;

DirectDriver::Ports Bridge::direct_ports(const ConnectorConfig& config) {
  return {&store_, &log_, config.meter < meter_count_ ? &meters_[config.meter] : nullptr};
}

Status Bridge::check_direct(const ConnectorConfig& config, uint32_t max_ma) {
  constexpr uint32_t kLeastMa = 6000;
  const unsigned id = config.connector_id;
  if (config.meter != ConnectorConfig::kNoMeter && config.meter >= meter_count_) {
    return refuse(Status::kInvalidArgument, "connector %u: there is no meter %u", id, config.meter);
  }
  if (config.phases > 3) {
    return refuse(Status::kInvalidArgument, "connector %u: %u phases, 1 to 3 are possible", id,
                  config.phases);
  }
  const uint32_t highest_ma = config.max_ma == 0 || config.max_ma > max_ma ? max_ma : config.max_ma;
  const uint32_t lowest_ma = config.min_ma > kLeastMa ? config.min_ma : kLeastMa;
  if (lowest_ma > highest_ma) {
    return refuse(Status::kInvalidArgument,
                  "connector %u: the lowest current, %u mA, is above the highest, %u mA", id,
                  static_cast<unsigned>(lowest_ma), static_cast<unsigned>(highest_ma));
  }
  return Status::kOk;
}

Status Bridge::add_gpio(const ConnectorConfig& config, const GpioConfig& wiring,
                        const GpioDriver::Board& board) {
  RETURN_IF_ERROR(check_new(config));
  RETURN_IF_ERROR(check_direct(config, wiring.max_ma));
  if (config.failsafe_ma != 0) {
    return refuse(Status::kInvalidArgument,
                  "connector %u: a box on the board's own pins has no failsafe current, it stops",
                  static_cast<unsigned>(config.connector_id));
  }
  if (gpio_ == nullptr) gpio_ = board.gpio;
  for (const BoardPin& pin :
       {wiring.pilot_out, wiring.pilot_in, wiring.contactor, wiring.feedback, wiring.proximity,
        wiring.s0, wiring.lock, wiring.pilot_off, wiring.fault}) {
    RETURN_IF_ERROR(take_pin(config.connector_id, pin));
  }
  GpioDriver& driver = slots_[drivers_.size()].emplace<GpioDriver>();
  RETURN_IF_ERROR(drivers_.push_back(&driver));
  const Status status = driver.configure(config, wiring, board, direct_ports(config));
  if (status != Status::kOk) {
    return refuse(status, "connector %u: a pin of the charger cannot be used (%s)",
                  static_cast<unsigned>(config.connector_id), to_string(status));
  }
  return Status::kOk;
}

/// Time and current of a charger's own supervision.
Status Bridge::check_failsafe(const ConnectorConfig& config, uint32_t max_ma, uint32_t least_ms,
                              uint32_t most_ms) {
  const unsigned id = config.connector_id;
  if (config.failsafe_ma != 0 && (config.failsafe_ma < 6000 || config.failsafe_ma > max_ma)) {
    return refuse(Status::kInvalidArgument,
                  "connector %u: the failsafe current, %u mA, is not 0 or 6000 to %u mA", id,
                  static_cast<unsigned>(config.failsafe_ma), static_cast<unsigned>(max_ma));
  }
  if (config.watchdog_ms != 0 && (config.watchdog_ms < least_ms || config.watchdog_ms > most_ms)) {
    return refuse(Status::kInvalidArgument,
                  "connector %u: the watchdog time, %u ms, is not %u to %u ms", id,
                  static_cast<unsigned>(config.watchdog_ms), static_cast<unsigned>(least_ms),
                  static_cast<unsigned>(most_ms));
  }
  return Status::kOk;
}

Status Bridge::add_openevse(const ConnectorConfig& config, platform::SerialLink& link) {
  RETURN_IF_ERROR(check_new(config));
  RETURN_IF_ERROR(check_direct(config, RapiDriver::kMaxMa));
  RETURN_IF_ERROR(check_failsafe(config, RapiDriver::kMaxMa, 5000, 600000));
  RapiDriver& driver = slots_[drivers_.size()].emplace<RapiDriver>();
  RETURN_IF_ERROR(drivers_.push_back(&driver));
  const Status status = driver.configure(config, link, direct_ports(config));
  if (status != Status::kOk) {
    return refuse(status, "connector %u: the serial port of the charger cannot be used (%s)",
                  static_cast<unsigned>(config.connector_id), to_string(status));
  }
  return Status::kOk;
}

Status Bridge::add_keba(const ConnectorConfig& config, platform::UdpLink& udp, const char* host,
                        charger::IdReaderObserver* tags) {
  const unsigned id = config.connector_id;
  RETURN_IF_ERROR(check_new(config));
  RETURN_IF_ERROR(check_direct(config, KebaDriver::kMaxMa));
  RETURN_IF_ERROR(check_failsafe(config, KebaDriver::kMaxMa, 10000, 600000));
  if (udp_ != nullptr && udp_ != &udp)
    return refuse(Status::kInvalidArgument, "connector %u: all KEBAs share one UDP port", id);
  udp_ = &udp;
  KebaDriver& driver = slots_[drivers_.size()].emplace<KebaDriver>();
  RETURN_IF_ERROR(drivers_.push_back(&driver));
  if (driver.configure(config, udp, host, tags, direct_ports(config)) == Status::kOk)
    return Status::kOk;
  return refuse(Status::kInvalidArgument, "connector %u: the KEBA's host must be HOST or HOST:PORT",
                id);
}

common::Instant Bridge::step_udp(common::Instant now) {
  constexpr int64_t kRetryMs = 5000;
  constexpr int kMaxDatagrams = 16;
  if (udp_ == nullptr) return common::Instant::never();
  if (!udp_->is_open()) {
    if (now < bind_at_) return bind_at_;
    bind_at_ = now + kRetryMs;
    const Status status = udp_->bind(udp_port_);
    if (status != Status::kOk) {
      LOG_WARN(log_, "UDP port %u cannot be used yet: %s", udp_port_, to_string(status));
      return bind_at_;
    }
  }
  for (int i = 0; i < kMaxDatagrams; ++i) {
    const common::Result<platform::UdpDatagram> got = udp_->receive_from(
        common::MutableByteSpan(reinterpret_cast<uint8_t*>(datagram_), sizeof datagram_));
    if (!got.ok()) {
      if (got.status() != Status::kAgain) udp_->close();
      break;
    }
    if (got.value().truncated) continue;
    const common::TextSpan text(datagram_, got.value().size);
    for (Driver* driver : drivers_) driver->on_datagram(got.value().from, text, now);
  }
  return common::Instant::never();
}

}  // namespace bridge
