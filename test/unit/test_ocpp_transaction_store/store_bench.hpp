#pragma once

#include "doctest_main/doctest_main.hpp"
#include "ocpp/transaction_store.hpp"
#include "platform_sim/malloc_trap.hpp"
#include "platform_sim/recording_log_sink.hpp"
#include "platform_sim/sim_file_store.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

using common::Status;
using ocpp::DeadLetter;
using ocpp::DeadLetterReason;
using ocpp::IdTag;
using ocpp::IdTagStatus;
using ocpp::MeterValuesRecord;
using ocpp::PendingMessage;
using ocpp::RecordTime;
using ocpp::RecordType;
using ocpp::StartRecord;
using ocpp::StopRecord;
using ocpp::TransactionStore;

/// A store on simulated flash with a CSMS that answers everything. Transaction ids count from 100.
struct StoreBench {
  platform_sim::SimPower power;
  platform_sim::SimFileStore files{power};
  platform_sim::RecordingLogSink log;
  TransactionStore::Settings settings;
  std::unique_ptr<TransactionStore> store;
  common::Instant now;
  uint32_t next_transaction_id = 100;

  static common::UtcTime utc_at(int64_t ms) { return common::UtcTime{1767225600000 + ms}; }

  void start_up() {
    store.reset(new TransactionStore(files, log, settings));
    REQUIRE(store->load() == Status::kOk);
  }
  void restart(int64_t now_ms = 0) {
    now.ms = now_ms;
    start_up();
  }
  void compact() { REQUIRE(store->compact() == Status::kOk); }
  /// The clock becomes known: it is `ms` after the simulation's epoch.
  void set_clock(int64_t ms) { REQUIRE(store->set_boot_time(now, utc_at(ms)) == Status::kOk); }

  RecordTime stamp() const { return store->stamp(now, common::UtcTime()); }
  StartRecord start_record(size_t connector, const char* tag, int64_t meter_wh) const {
    StartRecord record;
    record.connector_id = static_cast<uint8_t>(connector);
    record.id_tag = IdTag(tag);
    record.meter_start_wh = meter_wh;
    record.time = stamp();
    return record;
  }
  uint32_t begin(size_t connector, const char* tag, int64_t meter_wh) {
    const auto local = store->begin_transaction(start_record(connector, tag, meter_wh));
    REQUIRE(local.ok());
    return local.value();
  }
  static MeterValuesRecord values_record(size_t connector, uint32_t local, int64_t meter_wh,
                                         const RecordTime& time) {
    MeterValuesRecord record;
    record.local_transaction = local;
    record.connector_id = static_cast<uint8_t>(connector);
    record.time = time;
    // As long as a reading with six measurands of a meter with three phases.
    (void)record.values.add(ocpp::MeasurandChoice(), meter_wh);
    (void)record.values.add({ocpp::Measurand::PowerActiveImport, 0}, 11040);
    for (uint8_t phase = 1; phase <= 3; ++phase) {
      (void)record.values.add({ocpp::Measurand::CurrentImport, phase}, 1600);
      (void)record.values.add({ocpp::Measurand::Voltage, phase}, 2300);
    }
    (void)record.values.add({ocpp::Measurand::SoC, 0}, 57);
    (void)record.values.add({ocpp::Measurand::Temperature, 0}, 315);
    return record;
  }
  static int64_t register_of(const MeterValuesRecord& record) {
    int64_t meter_wh = -1;
    REQUIRE(record.register_wh(meter_wh));
    return meter_wh;
  }
  Status append(MeterValuesRecord record) { return store->append_meter_values(record); }
  void values_at(size_t connector, uint32_t local, int64_t meter_wh, const RecordTime& time) {
    REQUIRE(append(values_record(connector, local, meter_wh, time)) == Status::kOk);
  }
  void values(size_t connector, uint32_t local, int64_t meter_wh) {
    values_at(connector, local, meter_wh, stamp());
  }
  void values_outside(size_t connector) { values_at(connector, 0, 0, stamp()); }
  void end(uint32_t local, int64_t meter_wh, ocpp::StopReason reason = ocpp::StopReason::kLocal) {
    StopRecord record;
    record.local_transaction = local;
    record.meter_stop_wh = meter_wh;
    record.reason = reason;
    record.time = stamp();
    REQUIRE(store->end_transaction(record) == Status::kOk);
  }

  static std::string describe(const PendingMessage& message) {
    const std::string id =
        message.has_transaction_id ? "=" + std::to_string(message.transaction_id) : "";
    if (message.type == RecordType::kStart) {
      return "S" + std::to_string(message.start.connector_id) + "(" + message.start.id_tag.c_str() +
             "," + std::to_string(message.start.meter_start_wh) + ") ";
    }
    if (message.type == RecordType::kStop) {
      return "E" + std::to_string(message.connector_id) + id + "(" +
             std::to_string(message.stop.meter_stop_wh) + ") ";
    }
    const std::string text = "M" + std::to_string(message.meter_values.connector_id) + id;
    if (message.local_transaction == 0) return text + " ";
    return text + "(" + std::to_string(register_of(message.meter_values)) + ") ";
  }
  void acknowledge(const PendingMessage& message) {
    if (message.type == RecordType::kStart) {
      REQUIRE(store->assign(message.sequence, static_cast<int32_t>(next_transaction_id++),
                            IdTagStatus::kAccepted, IdTag()) == Status::kOk);
    } else {
      REQUIRE(store->mark_delivered(message.sequence) == Status::kOk);
    }
  }
  /// Delivers at most `count` messages. @return What the CSMS saw.
  std::string drain(int count = 1000000) {
    std::string seen;
    PendingMessage message;
    for (int i = 0; i < count && store->next_pending(message) == Status::kOk; ++i) {
      seen += describe(message);
      acknowledge(message);
    }
    return seen;
  }
};
