#pragma once

#include "charger/charger.hpp"
#include "platform_sim/sim_entropy.hpp"
#include "platform_sim/sim_file_store.hpp"
#include "platform_sim/sim_key_value_store.hpp"
#include "stack_probe.hpp"

/// The engine's surroundings, simulated. Neither their instructions nor their stack count: `vevgw bench` tells
/// callgrind to stop at the functions of this namespace, so nothing else may be defined here.
namespace bench_ports {

class Files final : public platform::FileStore {
 public:
  Files(platform_sim::SimPower& power, StackProbe& probe) : files_(power), probe_(probe) {}

  common::Result<uint32_t> size(const char* name) override {
    const StackProbe::Exempt exempt(probe_);
    return files_.size(name);
  }
  common::Result<size_t> read(const char* name, uint32_t offset,
                              common::MutableByteSpan buffer) override {
    const StackProbe::Exempt exempt(probe_);
    return files_.read(name, offset, buffer);
  }
  common::Status append(const char* name, common::ByteSpan data) override {
    const StackProbe::Exempt exempt(probe_);
    return files_.append(name, data);
  }
  common::Status rename(const char* from, const char* to) override {
    const StackProbe::Exempt exempt(probe_);
    return files_.rename(from, to);
  }
  common::Status remove(const char* name) override {
    const StackProbe::Exempt exempt(probe_);
    return files_.remove(name);
  }
  uint32_t free_bytes() override {
    const StackProbe::Exempt exempt(probe_);
    return files_.free_bytes();
  }
  uint64_t appends() const { return files_.appends(); }

 private:
  platform_sim::SimFileStore files_;
  StackProbe& probe_;
};

class Settings final : public platform::KeyValueStore {
 public:
  Settings(platform_sim::SimPower& power, StackProbe& probe) : settings_(power), probe_(probe) {}

  common::Result<size_t> get(const char* key, common::MutableByteSpan buffer) override {
    const StackProbe::Exempt exempt(probe_);
    return settings_.get(key, buffer);
  }
  common::Status set(const char* key, common::ByteSpan value) override {
    const StackProbe::Exempt exempt(probe_);
    return settings_.set(key, value);
  }
  common::Status erase(const char* key) override {
    const StackProbe::Exempt exempt(probe_);
    return settings_.erase(key);
  }
  common::Status erase_all() override {
    const StackProbe::Exempt exempt(probe_);
    return settings_.erase_all();
  }
  uint64_t writes() const { return settings_.writes(); }

 private:
  platform_sim::SimKeyValueStore settings_;
  StackProbe& probe_;
};

class Entropy final : public platform::Entropy {
 public:
  explicit Entropy(StackProbe& probe) : entropy_(1), probe_(probe) {}
  void fill(common::MutableByteSpan out) override {
    const StackProbe::Exempt exempt(probe_);
    entropy_.fill(out);
  }

 private:
  platform_sim::SimEntropy entropy_;
  StackProbe& probe_;
};

/// Remembers what it was asked; the workload acts on it.
class Charger final : public charger::ChargerControl {
 public:
  void set_offer(uint8_t, const charger::Offer& offer, common::Instant) override {
    is_state_due = is_state_due || offer.permit != is_permitted;
    is_permitted = offer.permit;
  }
  void request_sample(uint8_t, common::Instant) override { is_sample_due = true; }
  common::Status unlock(uint8_t, common::Instant) override { return common::Status::kUnsupported; }
  charger::Capabilities capabilities(uint8_t) const override {
    charger::Capabilities all;
    all.meter_fields = 0x7F;
    all.phases = 1;  // One value per measurand: MeterValues carries six.
    return all;
  }

  bool is_permitted = false;
  bool is_state_due = false;
  bool is_sample_due = false;
};

}  // namespace bench_ports
