#include "bridge/driver.hpp"

#include <cstdio>

namespace bridge {

LOG_MODULE("bridge");

namespace {

/// Where the energy register of a connector is stored.
common::FixedString<platform::KeyValueStore::kMaxKeyBytes> energy_key(uint8_t connector_id) {
  char key[platform::KeyValueStore::kMaxKeyBytes + 1];
  std::snprintf(key, sizeof key, "energy.%u", connector_id);
  return common::FixedString<platform::KeyValueStore::kMaxKeyBytes>(key);
}

}  // namespace

bool is_same_report(const charger::ChargerState& a, const charger::ChargerState& b) {
  return a.plug == b.plug && a.health == b.health && a.ev_requests_energy == b.ev_requests_energy &&
         a.energy_offered == b.energy_offered && a.is_faulted == b.is_faulted &&
         a.error == b.error && a.vendor_error_code == b.vendor_error_code && a.info == b.info &&
         a.limit_known == b.limit_known && a.limit_ma == b.limit_ma &&
         a.session_marker == b.session_marker;
}

void load_energy(EnergyRegister& energy, uint8_t connector_id, platform::KeyValueStore& store,
                 common::LogSink& log) {
  uint8_t record[EnergyRegister::kRecordBytes];
  const common::Result<size_t> got = store.get(energy_key(connector_id).c_str(), record);
  if (got.ok()) {
    if (energy.restore(common::ByteSpan(record, got.value())) != common::Status::kOk) {
      LOG_ERROR(log,
                "connector %u: the stored energy register is damaged, starting from the charger's",
                connector_id);
    }
  } else if (got.status() != common::Status::kNotFound) {
    LOG_ERROR(log, "connector %u: cannot read the stored energy register: %s", connector_id,
              to_string(got.status()));
  }
}

common::Status save_energy(const EnergyRegister& energy, uint8_t connector_id,
                           platform::KeyValueStore& store) {
  uint8_t record[EnergyRegister::kRecordBytes];
  const size_t size = energy.save(record);
  if (size == 0) return common::Status::kOk;
  return store.set(energy_key(connector_id).c_str(), common::ByteSpan(record, size));
}

}  // namespace bridge
