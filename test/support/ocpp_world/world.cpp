#include "ocpp_world/world.hpp"

namespace ocpp_world {

using common::Instant;

World::World(const Setup& the_setup)
    : setup(the_setup),
      entropy(the_setup.seed),
      charger(clock, the_setup.connectors, the_setup.wallbox) {}

common::Status World::boot(platform::ResetCause cause, bool is_clock_known) {
  transfer = std::make_unique<platform_sim::SimFileTransfer>(clock, file_server);
  firmware = std::make_unique<platform::SimulatedFirmware>(image_files, boot_state, log, "0.1.0",
                                                           uint32_t{1024 * 1024});
  (void)firmware->begin();
  credentials.restart();
  if (setup.has_security) {
    security = std::make_unique<ocpp::SecurityExtension>(files, settings, digest, credentials,
                                                         access, log);
    security->configure(security_options);
  }
  charge_point = std::make_unique<ocpp::ChargePoint>(ocpp::Ports{
      files, settings, entropy, charger, log, setup.has_transfer ? transfer.get() : nullptr,
      firmware.get(), &diagnostics, security.get()});
  charger.set_observer(*charge_point);
  ocpp::Options options;
  options.reader_connectors = setup.reader_connectors;
  options.identity.vendor = common::FixedString<20>("VEV");
  options.identity.model = common::FixedString<20>("Gateway");
  options.identity.serial_number = common::FixedString<25>(setup.serial_number);
  options.identity.firmware_version = firmware->version();
  options.connectors = setup.connectors;
  options.divides_total = setup.divides_total;
  options.reset_cause = cause;
  options.own_error = setup.own_error;
  deadline_ = clock.now();
  const common::UtcTime utc =
      is_clock_known ? common::UtcTime{csms.utc_at_zero.ms + csms_ahead_ms_ + clock.now().ms}
                     : common::UtcTime{};
  return charge_point->begin(options, clock.now(), utc);
}

common::Status World::restart(platform::ResetCause cause, int64_t off_ms, bool is_clock_known) {
  charge_point.reset();
  power.restore();
  csms_ahead_ms_ += clock.now().ms + off_ms;
  is_link_up_ = false;
  csms.on_connection(false);
  clock.restart(false);
  charger.on_gateway_restart(off_ms);
  return boot(cause, is_clock_known);
}

void World::connect() {
  is_link_up_ = true;
  csms.on_connection(true);
  charge_point->on_link(true, clock.now());
}

void World::disconnect() {
  is_link_up_ = false;
  csms.on_connection(false);
  charge_point->on_link(false, clock.now());
}

void World::start() {
  (void)boot();
  connect();
  run_for(2000);
}

void World::note(char direction, const std::string& frame) {
  messages.push_back(std::to_string(clock.now().ms + csms_ahead_ms_) + ' ' + direction + ' ' +
                     frame);
}

/// Runs a call into the engine (and the ports it uses) and counts what it allocates.
template <typename Call>
void World::watched(Call call) {
  if (!setup.counts_allocations) {
    call();
    return;
  }
  platform_sim::MallocTrap trap;
  call();
  allocations += trap.count();
}

/// One pass of the application's loop.
void World::turn() {
  ++steps;
  const Instant now = clock.now();
  const Instant csms_now{now.ms + csms_ahead_ms_};
  watched([&] { charger.step(); });
  std::string frame;
  while (is_link_up_ && charge_point->can_receive() && csms.take_due(csms_now, frame)) {
    note('<', frame);
    if (security) security->on_received(common::TextSpan(frame.data(), frame.size()), false, now);
    watched(
        [&] { charge_point->receive(common::TextSpan(frame.data(), frame.size()), false, now); });
  }
  watched([&] { deadline_ = charge_point->step(now); });
  // Without power nothing is sent any more.
  for (common::TextSpan out = charge_point->next_to_send();
       is_link_up_ && power.is_on() && !out.empty(); out = charge_point->next_to_send()) {
    frame.assign(out.data(), out.size());
    note('>', frame);
    if (security) security->on_sent(out, now);
    charge_point->on_sent(now);
    csms.on_frame(frame, csms_now);
  }
  ocpp::Event event;
  while (charge_point->take_event(event)) events.push_back(event);
}

void World::run_until(Instant end) {
  for (;;) {
    // As often as something is due now; the bound catches a loop that never comes to rest.
    int turns = 0;
    do {
      turn();
      if (++turns > 1000) {
        csms.violations.push_back("the engine does not come to rest");
        return;
      }
    } while (deadline_ <= clock.now() && power.is_on());
    if (!power.is_on() || clock.now() >= end) return;
    Instant next = common::earlier(end, common::earlier(deadline_, charger.next_event()));
    if (is_link_up_) next = common::earlier(next, csms.next_event() + -csms_ahead_ms_);
    if (next <= clock.now()) next = clock.now() + 1;
    clock.advance_to(next);
  }
}

bool World::run_until(const std::function<bool()>& condition, int64_t timeout_ms) {
  const Instant end = clock.now() + timeout_ms;
  while (!condition()) {
    if (clock.now() >= end || !power.is_on()) return false;
    run_until(common::earlier(end, clock.now() + 100));
  }
  return true;
}

void World::tag(const char* id_tag, uint8_t connector_id) {
  watched([&] { charge_point->on_id_tag(connector_id, charger::IdTag(id_tag), clock.now()); });
}

std::string World::call_frame(const std::string& action, const std::string& payload) {
  const std::string id = csms.call(action, payload, Instant{clock.now().ms + csms_ahead_ms_});
  if (!run_until([&] { return csms.answers.count(id) != 0; }, 10000)) return "no answer";
  return csms.answers[id];
}

std::string World::call(const std::string& action, const std::string& payload) {
  const std::string id = csms.call(action, payload, Instant{clock.now().ms + csms_ahead_ms_});
  if (!run_until([&] { return csms.answers.count(id) != 0; }, 10000)) return "no answer";
  return csms.answer_status(id);
}

bool World::restart_on_request(int64_t timeout_ms) {
  const bool is_requested =
      run_until([&] { return has_event(ocpp::EventType::kResetRequested); }, timeout_ms);
  events.clear();
  if (!is_requested) return false;
  (void)restart(platform::ResetCause::kSoftware, 2000);
  connect();
  return true;
}

std::string World::configuration(const char* key) const {
  ocpp::ConfigurationEntry entry;
  if (charge_point->get_configuration(common::text(key), entry) != common::Status::kOk)
    return "unknown key";
  return entry.value.c_str();
}

bool World::has_event(ocpp::EventType type) const {
  for (const ocpp::Event& event : events) {
    if (event.type == type) return true;
  }
  return false;
}

std::string World::problems() const {
  std::string text;
  for (const std::string& violation : csms.violations) text += violation + "\n";
  return text;
}

}  // namespace ocpp_world
