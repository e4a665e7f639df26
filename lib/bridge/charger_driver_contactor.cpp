// The contactor beside a charger: when it must open.

#include "bridge/charger_driver.hpp"

namespace bridge {

LOG_MODULE("bridge");

using Cut = ExternalContactor::Cut;

namespace {

const char* reason(Cut cut) {
  switch (cut) {
    case Cut::kNone:
      return "closed";
    case Cut::kNotHeard:
      return "open until the charger answers";
    case Cut::kDeaf:
      return "opened: the charger cannot be told to stop";
    case Cut::kExcess:
      return "opened until the EV is unplugged: too much current";
  }
  return "";
}

}  // namespace

common::Status ChargerDriver::open_contactor() {
  if (!config_.contactor.exists()) return common::Status::kOk;
  return contactor_.configure(*ports_.gpio, config_.contactor);
}

/// Whether the charger's registers allow no more than was offered. Silence says nothing about a charger that should stop.
bool ChargerDriver::obeys() {
  const bool has_switch = profile_->control.enable_register != kNoRegister;
  const bool is_known = limit_.is_device_known() && (!has_switch || enable_.is_device_known());
  if (is_known) held_ma_ = has_switch && enable_.device() == 0 ? 0 : limit_.device();
  if (!has_offer_) return true;
  if (limit_.is_settled() && (!has_switch || enable_.is_settled())) {
    held_ma_ = target_ma_;
    return true;
  }
  return held_ma_ <= target_ma_ && (is_known || target_ma_ != 0);
}

void ChargerDriver::run_contactor(common::Instant now) {
  if (!contactor_.exists()) return;
  ExternalContactor::View view;
  view.is_heard = has_read_state_;
  view.obeys = obeys();
  view.is_unplugged =
      health(now) == charger::Health::kOk && normaliser_.output().plug == charger::Plug::kUnplugged;
  view.excess_ms = has_offer_ ? guard_.excess_ms(now) : 0;
  const bool was_good = contactor_.is_pin_good();
  if (contactor_.update(view, config_.timings.overrun_open_ms, now)) {
    LOG_WARN(*ports_.log, "connector %u: contactor %s", config_.connector_id,
             reason(contactor_.cut()));
  }
  if (was_good && !contactor_.is_pin_good()) {
    LOG_ERROR(*ports_.log, "connector %u: the contactor's pin cannot be set", config_.connector_id);
  }
}

void ChargerDriver::describe_contactor(charger::ChargerState& state) const {
  state.error = charger::Error::kOtherError;
  state.is_faulted = true;
  state.vendor_error_code.assign_truncated(common::text("CONTACTOR_OPEN"));
  state.info.assign_truncated(common::text(contactor_.cut() == Cut::kExcess
                                               ? "cut off: unplug the vehicle to try again"
                                               : "cut off: the charger cannot be stopped"));
}

}  // namespace bridge
