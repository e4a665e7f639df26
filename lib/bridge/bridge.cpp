#include "bridge/bridge.hpp"

#include <cstdarg>
#include <cstdio>

namespace bridge {

namespace {

/// Completions handled in one step; more wait for the next.
constexpr int kMaxRounds = 16;

}  // namespace

common::Status Bridge::refuse(common::Status status, const char* format, ...) {
  char text[161];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  error_text_.assign_truncated(common::text(text));
  return status;
}

common::Result<uint8_t> Bridge::next_bus() {
  error_text_.clear();
  if (has_begun_)
    return refuse(common::Status::kInvalidState, "a bus cannot be added after the start");
  if (bus_count_ == limits::kMaxBuses) {
    return refuse(common::Status::kNoSpace, "only %u charger buses are possible",
                  static_cast<unsigned>(limits::kMaxBuses));
  }
  return bus_count_++;
}

common::Result<uint8_t> Bridge::add_bus(platform::SerialLink& link) {
  const common::Result<uint8_t> index = next_bus();
  if (index.ok()) buses_[index.value()].begin(link, units_);
  return index;
}

common::Result<uint8_t> Bridge::add_tcp_bus(platform::TcpLink& link,
                                            const modbus::TcpTarget& target) {
  if (find_tcp_bus(target).ok()) {
    return refuse(common::Status::kInvalidArgument, "%s port %u is a charger bus already",
                  target.host.c_str(), target.port);
  }
  const common::Result<uint8_t> index = next_bus();
  if (index.ok()) buses_[index.value()].begin(link, target, units_, log_);
  return index;
}

size_t Bridge::tcp_bus_count() const {
  size_t count = 0;
  for (uint8_t index = 0; index < bus_count_; ++index)
    count += buses_[index].transport().is_tcp() ? 1U : 0U;
  return count;
}

common::Result<uint8_t> Bridge::find_tcp_bus(const modbus::TcpTarget& target) const {
  for (uint8_t index = 0; index < bus_count_; ++index) {
    const modbus::Transport& transport = buses_[index].transport();
    if (transport.is_tcp() && transport.target().port == target.port &&
        common::equals_ignore_case(transport.target().host.span(), target.host.span()))
      return index;
  }
  return common::Status::kNotFound;
}

common::Status Bridge::check(const ConnectorConfig& config, const Profile& profile) {
  const unsigned id = config.connector_id;
  const ControlTable& control = profile.control;
  const WatchdogTable& watchdog = profile.watchdog;
  if (config.bus >= bus_count_) {
    return refuse(common::Status::kInvalidArgument, "connector %u: there is no bus %u", id,
                  config.bus);
  }
  if (profile.is_meter) {
    return refuse(common::Status::kInvalidArgument, "connector %u: %s is a meter, not a charger",
                  id, profile.name);
  }
  if (config.meter != ConnectorConfig::kNoMeter && config.meter >= meter_count_) {
    return refuse(common::Status::kInvalidArgument, "connector %u: there is no meter %u", id,
                  config.meter);
  }
  if (config.outlet < 1 || config.outlet > profile.outlets) {
    return refuse(common::Status::kInvalidArgument, "connector %u: %s has %u outlet(s), not %u", id,
                  profile.name, profile.outlets, config.outlet);
  }
  // What speaks RTU is also reached over TCP, through a converter.
  if (profile.transports == kOverTcp && !buses_[config.bus].transport().is_mbap()) {
    return refuse(common::Status::kInvalidArgument,
                  "connector %u: %s is only reached over TCP: it needs a host, not a serial line",
                  id, profile.name);
  }
  if (config.phases > 3) {
    return refuse(common::Status::kInvalidArgument, "connector %u: %u phases, 1 to 3 are possible",
                  id, config.phases);
  }
  const uint32_t max_ma =
      config.max_ma == 0 || config.max_ma > control.max_ma ? control.max_ma : config.max_ma;
  const uint32_t min_ma = config.min_ma > control.min_ma ? config.min_ma : control.min_ma;
  if (min_ma > max_ma) {
    return refuse(common::Status::kInvalidArgument,
                  "connector %u: the lowest current, %u mA, is above the highest, %u mA", id,
                  static_cast<unsigned>(min_ma), static_cast<unsigned>(max_ma));
  }
  if (config.failsafe_ma != 0 && watchdog.kind == Heartbeat::kNone &&
      watchdog.restart_register == kNoRegister) {
    return refuse(common::Status::kInvalidArgument, "connector %u: %s has no failsafe current", id,
                  profile.name);
  }
  if (config.failsafe_ma != 0 &&
      (config.failsafe_ma < control.min_ma || config.failsafe_ma > max_ma)) {
    return refuse(common::Status::kInvalidArgument,
                  "connector %u: the failsafe current, %u mA, is not 0 or %u to %u mA", id,
                  static_cast<unsigned>(config.failsafe_ma), static_cast<unsigned>(control.min_ma),
                  static_cast<unsigned>(max_ma));
  }
  if (config.watchdog_ms != 0 && watchdog.timeout_register == kNoRegister) {
    return refuse(common::Status::kInvalidArgument, "connector %u: %s has no watchdog time to set",
                  id, profile.name);
  }
  if (config.watchdog_ms != 0 &&
      (config.watchdog_ms < watchdog.min_ms || config.watchdog_ms > watchdog.max_ms)) {
    return refuse(common::Status::kInvalidArgument,
                  "connector %u: the watchdog time, %u ms, is not %u to %u ms", id,
                  static_cast<unsigned>(config.watchdog_ms), static_cast<unsigned>(watchdog.min_ms),
                  static_cast<unsigned>(watchdog.max_ms));
  }
  return common::Status::kOk;
}

common::Status Bridge::check_new(const ConnectorConfig& config) {
  error_text_.clear();
  const unsigned id = config.connector_id;
  if (has_begun_)
    return refuse(common::Status::kInvalidState, "a connector cannot be added after the start");
  if (drivers_.full()) {
    return refuse(common::Status::kNoSpace, "only %u connectors are possible",
                  static_cast<unsigned>(limits::kMaxConnectors));
  }
  if (config.connector_id < 1 || config.connector_id > limits::kMaxConnectors) {
    return refuse(common::Status::kInvalidArgument, "connector %u: ids are 1 to %u", id,
                  static_cast<unsigned>(limits::kMaxConnectors));
  }
  if (find(config.connector_id) != nullptr) {
    return refuse(common::Status::kInvalidArgument, "connector %u is configured twice", id);
  }
  const Timings& timings = config.timings;
  if (timings.status_poll_ms < 100 || timings.meter_poll_ms < timings.status_poll_ms ||
      timings.stale_ms < 2 * timings.status_poll_ms || timings.lost_ms <= timings.stale_ms ||
      timings.faulted_ms < timings.lost_ms || timings.overrun_stop_ms < timings.overrun_write_ms ||
      timings.overrun_open_ms < timings.overrun_stop_ms || timings.confirm_ms < 1000 ||
      timings.verify_poll_ms < 1000) {
    return refuse(common::Status::kInvalidArgument,
                  "connector %u: the timings contradict each other (status_poll <= meter_poll, "
                  "2 status_poll <= stale < lost <= faulted, overrun_write <= overrun_stop "
                  "<= overrun_open)",
                  id);
  }
  return common::Status::kOk;
}

common::Status Bridge::add_connector(const ConnectorConfig& config,
                                     charger::IdReaderObserver* tags) {
  RETURN_IF_ERROR(check_new(config));
  const unsigned id = config.connector_id;
  const Profile* profile = config.loaded_profile;
  if (profile == nullptr && config.profile != nullptr)
    profile = find_charger_profile(config.profile);
  if (profile == nullptr) {
    return refuse(common::Status::kNotFound, "connector %u: there is no charger profile \"%.60s\"",
                  id, config.profile == nullptr ? "" : config.profile);
  }
  RETURN_IF_ERROR(check(config, *profile));
  RETURN_IF_ERROR(take_pin(config.connector_id, config.contactor));
  modbus::Bus& bus = buses_[config.bus];
  ConnectorConfig complete = config;
  if (complete.unit_id == 0) {
    const unsigned further = config.outlet - 1U;
    complete.unit_id = static_cast<uint8_t>(profile->unit_id + further * profile->unit_offset);
  }
  if (!complete.override_serial) {
    complete.serial = profile->serial;
    const bool is_ascii = (profile->transports & (kOverRtu | kOverAscii)) == kOverAscii;
    complete.serial_framing = is_ascii ? modbus::Framing::kAscii : modbus::Framing::kRtu;
  }

  modbus::UnitConfig unit;
  unit.unit_id = complete.unit_id;
  unit.has_outlets = profile->outlets > 1;
  unit.serial = complete.serial;
  unit.framing = bus.transport().is_mbap() ? modbus::Framing::kTcp : complete.serial_framing;
  unit.timeout_ms = profile->timeout_ms;
  unit.gap_ms = profile->gap_ms;
  unit.write_gap_ms = profile->write_gap_ms;
  unit.wake_after_ms = profile->wake_after_ms;
  const common::Result<uint8_t> unit_index = bus.add_unit(unit);
  if (!unit_index.ok()) {
    return refuse(
        unit_index.status(),
        "connector %u: unit %u on its bus is taken, or unit or line settings are out of range", id,
        unit.unit_id);
  }
  ChargerDriver::Ports ports;
  ports.bus = &bus;
  ports.unit_index = unit_index.value();
  ports.store = &store_;
  ports.log = &log_;
  ports.tags = tags;
  ports.gpio = gpio_;
  if (config.meter < meter_count_) ports.meter = &meters_[config.meter];
  ChargerDriver& driver = slots_[drivers_.size()].emplace<ChargerDriver>();
  RETURN_IF_ERROR(drivers_.push_back(&driver));
  const common::Status status = driver.configure(complete, *profile, ports);
  if (status == common::Status::kOk) return status;
  return refuse(status, "connector %u: the contactor's pin cannot be used (%s)", id,
                to_string(status));
}

common::Status Bridge::take_pin(uint8_t connector_id, const BoardPin& pin) {
  if (!pin.exists()) return common::Status::kOk;
  const uint64_t bit = uint64_t{1} << (pin.pin() & 63U);
  if (gpio_ != nullptr && (pins_ & bit) == 0) {
    pins_ |= bit;
    return common::Status::kOk;
  }
  return gpio_ == nullptr
             ? refuse(common::Status::kInvalidArgument,
                      "connector %u: this gateway has no pins for a contactor", connector_id)
             : refuse(common::Status::kInvalidArgument,
                      "connector %u: GPIO%u belongs to another connector", connector_id, pin.pin());
}

common::Status Bridge::begin(charger::ChargerObserver& observer, common::Instant now) {
  error_text_.clear();
  if (has_begun_)
    return refuse(common::Status::kInvalidState, "the bridge has been started already");
  if (drivers_.empty()) return refuse(common::Status::kInvalidState, "no connector is configured");
  has_begun_ = true;
  for (uint8_t i = 0; i < meter_count_; ++i) meters_[i].begin(now);
  for (Driver* driver : drivers_) driver->begin(observer, now);
  return common::Status::kOk;
}

common::Instant Bridge::step(common::Instant now) {
  if (!has_begun_) return common::Instant::never();
  stepped_at_ = now;
  const common::Instant udp_due = step_udp(now);
  for (int round = 0; round < kMaxRounds; ++round) {
    common::Instant next = common::Instant::never();
    bool has_progressed = false;
    for (uint8_t i = 0; i < meter_count_; ++i) next = common::earlier(next, meters_[i].step(now));
    for (Driver* driver : drivers_) next = common::earlier(next, driver->step(now));
    for (uint8_t index = 0; index < bus_count_; ++index) {
      modbus::Bus& bus = buses_[index];
      next = common::earlier(next, bus.step(now));
      modbus::Completion completion;
      if (!bus.take_completion(completion)) continue;
      has_progressed = true;
      for (uint8_t i = 0; i < meter_count_; ++i) meters_[i].on_completion(index, completion, now);
      for (Driver* driver : drivers_) driver->on_completion(index, completion, now);
    }
    if (!has_progressed) return common::earlier(next, udp_due);
  }
  return now;
}

void Bridge::set_offer(uint8_t connector_id, const charger::Offer& offer, common::Instant now) {
  Driver* driver = find(connector_id);
  if (driver != nullptr) driver->set_offer(offer, now);
}

void Bridge::request_sample(uint8_t connector_id, common::Instant now) {
  Driver* driver = find(connector_id);
  if (driver != nullptr) driver->request_sample(now);
}

common::Status Bridge::unlock(uint8_t connector_id, common::Instant now) {
  Driver* driver = find(connector_id);
  return driver == nullptr ? common::Status::kNotFound : driver->unlock(now);
}

common::Status Bridge::request(uint8_t connector_id, Action action, common::Instant now) {
  Driver* driver = find(connector_id);
  return driver == nullptr ? common::Status::kNotFound : driver->request(action, now);
}

void Bridge::set_in_service(uint8_t connector_id, bool is_in_service) {
  Driver* driver = find(connector_id);
  if (driver != nullptr) driver->set_in_service(is_in_service);
}

bool Bridge::is_restarting() const {
  for (const Driver* driver : drivers_) {
    if (driver->is_restarting()) return true;
  }
  return false;
}

charger::Capabilities Bridge::capabilities(uint8_t connector_id) const {
  const Driver* driver = find(connector_id);
  return driver == nullptr ? charger::Capabilities() : driver->capabilities();
}

common::Status Bridge::checkpoint(uint8_t connector_id) {
  Driver* driver = find(connector_id);
  return driver == nullptr ? common::Status::kNotFound : driver->checkpoint();
}

common::Status Bridge::checkpoint_all() {
  common::Status result = common::Status::kOk;
  for (Driver* driver : drivers_) {
    const common::Status status = driver->checkpoint();
    if (status != common::Status::kOk) result = status;
  }
  return result;
}

void Bridge::close() {
  for (modbus::Bus& bus : buses_) bus.close();
}

const ConnectorDiagnostics* Bridge::diagnostics(uint8_t connector_id) {
  const Driver* driver = find(connector_id);
  if (driver == nullptr) return nullptr;
  driver->fill(diagnostics_, stepped_at_);
  return &diagnostics_;
}

Driver* Bridge::find(uint8_t connector_id) const {
  for (Driver* driver : drivers_) {
    if (driver->connector_id() == connector_id) return driver;
  }
  return nullptr;
}

}  // namespace bridge
