#pragma once

#include "ocpp/charge_point_types.hpp"
#include "ocpp/charging_profiles.hpp"
#include "ocpp/clock_sync.hpp"
#include "ocpp/configuration.hpp"
#include "ocpp/event_queue.hpp"
#include "ocpp/reservations.hpp"
#include "ocpp/status_reports.hpp"
#include "ocpp/transaction_store.hpp"

namespace ocpp {

/// What the features of one charge point share. Only references: everything lives in Engine.
struct Services {
  common::LogSink& log;
  charger::ChargerControl& charger;
  platform::KeyValueStore& settings;
  Configuration& configuration;
  ClockSync& clock;
  EventQueue& events;
  TransactionStore& store;
  ChargingProfiles& profiles;
  StatusReports& status;
  Reservations& reservations;
  /// Link up and registered: the CSMS can be asked.
  const bool& is_online;
  /// Chargers may be commanded: it is known which transactions are open.
  const bool& may_offer;
  const int32_t& nominal_voltage_mv;

  RecordTime stamp(common::Instant at) const { return store.stamp(at, clock.utc(at)); }
  RecordTime stamp() const { return stamp(clock.now()); }
};

}  // namespace ocpp
