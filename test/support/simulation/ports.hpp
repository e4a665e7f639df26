#pragma once

#include "common/log.hpp"
#include "platform_sim/malloc_trap.hpp"
#include "platform_sim/sim_charger.hpp"
#include "platform_sim/sim_file_store.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>

namespace simulation {

/// A bug planted around the engine, to show that the simulation finds bugs of its kind.
enum class Mutant : uint8_t {
  kNone,
  kDropRecord,         ///< Now and then a record does not reach the log.
  kStopTwice,          ///< StopTransaction goes out once more after it was confirmed.
  kTimeoutIsAttempt,   ///< A timeout of a transaction message counts like a CALLERROR.
  kSkipCrc,            ///< Damaged records are taken for good.
  kForgetAnswer,       ///< Now and then a CALL of the CSMS stays without answer.
  kExceedLimit,        ///< The charger is offered 1 A more than allowed.
  kPermitForEver,      ///< Power stays permitted after a transaction.
  kForgetSetting,      ///< Settings are lost with the power.
  kKeepHighLimit,      ///< A limit that falls does not reach the charger.
  kStopTooLow,         ///< meterStop is below the last register that was told.
  kTwoCalls,           ///< A second CALL of ours goes out while one is open.
  kAllocate,           ///< Heap is used for every frame from the CSMS.
  kKeepOldList,        ///< An update of the local list is accepted, and gone with the power.
  kIgnoreReadBack,     ///< Bridge: the charger's limit reads as it was written.
  kSilenceIsUnplug,    ///< Bridge: a silent charger has no car.
  kForgetRewrite,      ///< Bridge: what a charger forgot in a restart is not written again.
  kNoFailsafe,         ///< Bridge: watchdog and failsafe current are never written.
  kRoundUp,            ///< Bridge: a limit is written 0.1 A too high.
  kRepeatTag,          ///< Bridge: the tag in a charger's register is told again and again.
  kSkipDisable,        ///< Bridge: the end of a permission does not reach the charger.
  kStaleSample,        ///< Bridge: a silent charger's last reading is told as a new one.
  kEnergyBackwards,    ///< Bridge: now and then the energy register is lower than before.
  kEnergyLost,         ///< Bridge: what flowed while nobody could hear it is not booked.
  kForgetSetAside,     ///< Site: no current is set aside for chargers that may fall silent.
  kExceedShare,        ///< Site: the bridge is told 1 A more than a share.
  kForgetReservation,  ///< Reservations are lost with the power.
};

struct MutantName {
  Mutant mutant;
  const char* name;
};
constexpr MutantName kBridgeMutants[] = {
    {Mutant::kIgnoreReadBack, "ignore-read-back"},
    {Mutant::kSilenceIsUnplug, "silence-is-unplug"},
    {Mutant::kForgetRewrite, "forget-rewrite"},
    {Mutant::kNoFailsafe, "no-failsafe"},
    {Mutant::kRoundUp, "round-up"},
    {Mutant::kRepeatTag, "repeat-tag"},
    {Mutant::kSkipDisable, "skip-disable"},
    {Mutant::kStaleSample, "stale-sample"},
    {Mutant::kEnergyBackwards, "energy-backwards"},
    {Mutant::kEnergyLost, "energy-lost"},
    {Mutant::kForgetSetAside, "forget-set-aside"},
    {Mutant::kExceedShare, "exceed-share"},
};
constexpr MutantName kMutants[] = {
    {Mutant::kDropRecord, "drop-record"},
    {Mutant::kStopTwice, "stop-twice"},
    {Mutant::kTimeoutIsAttempt, "timeout-is-attempt"},
    {Mutant::kSkipCrc, "skip-crc"},
    {Mutant::kForgetAnswer, "forget-answer"},
    {Mutant::kExceedLimit, "exceed-limit"},
    {Mutant::kPermitForEver, "permit-for-ever"},
    {Mutant::kForgetSetting, "forget-setting"},
    {Mutant::kKeepHighLimit, "keep-high-limit"},
    {Mutant::kStopTooLow, "stop-too-low"},
    {Mutant::kTwoCalls, "two-calls"},
    {Mutant::kAllocate, "allocate"},
    {Mutant::kKeepOldList, "keep-old-list"},
    {Mutant::kForgetReservation, "forget-reservation"},
};

/// Gives log lines to a function; formats nothing while there is none.
class TraceLog final : public common::LogSink {
 public:
  std::function<void(const std::string&)> write_line;

  bool is_enabled(common::LogLevel level, const char*) const override {
    return write_line != nullptr && level <= common::LogLevel::kInfo;
  }
  void vwrite(common::LogLevel level, const char* module, const char* format,
              va_list arguments) override {
    if (!is_enabled(level, module)) return;
    const platform_sim::MallocTrap::Exempt exempt;
    char text[201];
    std::vsnprintf(text, sizeof text, format, arguments);
    write_line(std::string(1, "EWID"[static_cast<size_t>(level)]) + " " + module + ": " + text);
  }
};

/// What the bridge does with the engine's wishes: it keeps them, and writes them again when a charger comes back. A
/// gateway without power commands nothing.
class ChargerPort final : public charger::ChargerControl {
 public:
  ChargerPort(platform_sim::SimCharger& charger, const platform_sim::SimPower& power, Mutant mutant)
      : charger_(charger), power_(power), mutant_(mutant) {}

  void set_offer(uint8_t connector_id, const charger::Offer& offer, common::Instant now) override {
    if (!power_.is_on()) return;
    Wish& wish = wishes_[connector_id];
    const charger::Offer before = wish.offer;
    wish.is_given = true;
    wish.offer = offer;
    if (mutant_ == Mutant::kKeepHighLimit && offer.permit && before.permit)
      wish.offer.limit_ma = std::max(offer.limit_ma, before.limit_ma);
    if (mutant_ == Mutant::kExceedLimit && offer.permit && offer.limit_ma > 0)
      wish.offer.limit_ma += 1000;
    if (mutant_ == Mutant::kPermitForEver && !offer.permit && wish.was_permitted) {
      wish.offer.permit = true;
      wish.offer.limit_ma = 6000;
    }
    wish.was_permitted = wish.was_permitted || offer.permit;
    charger_.set_offer(connector_id, wish.offer, now);
  }
  void request_sample(uint8_t connector_id, common::Instant now) override {
    if (power_.is_on()) charger_.request_sample(connector_id, now);
  }
  common::Status unlock(uint8_t connector_id, common::Instant now) override {
    return power_.is_on() ? charger_.unlock(connector_id, now) : common::Status::kIo;
  }
  charger::Capabilities capabilities(uint8_t connector_id) const override {
    return charger_.capabilities(connector_id);
  }

  void on_boot() {
    for (Wish& wish : wishes_) wish = Wish();
  }
  void repeat(uint8_t connector_id, common::Instant now) {
    if (wishes_[connector_id].is_given)
      charger_.set_offer(connector_id, wishes_[connector_id].offer, now);
  }
  /// Whether the engine, since it started, has last permitted power.
  bool is_permitted(uint8_t connector_id) const {
    return wishes_[connector_id].is_given && wishes_[connector_id].offer.permit;
  }

 private:
  struct Wish {
    bool is_given = false;
    bool was_permitted = false;
    charger::Offer offer;
  };

  platform_sim::SimCharger& charger_;
  const platform_sim::SimPower& power_;
  Mutant mutant_;
  Wish wishes_[limits::kMaxConnectors + 1];
};

/// The flash of the gateway; can lose a record without telling.
class FilePort final : public platform::FileStore {
 public:
  FilePort(platform_sim::SimFileStore& files, Mutant mutant) : files_(files), mutant_(mutant) {}

  common::Result<uint32_t> size(const char* name) override { return files_.size(name); }
  common::Result<size_t> read(const char* name, uint32_t offset,
                              common::MutableByteSpan buffer) override {
    return files_.read(name, offset, buffer);
  }
  common::Status append(const char* name, common::ByteSpan data) override {
    if (mutant_ == Mutant::kDropRecord && ++appends_ % 23 == 0) {
      // The space is taken, no reader finds a record in it.
      const platform_sim::MallocTrap::Exempt exempt;
      const std::vector<uint8_t> blank(data.size(), 0x01);
      return files_.append(name, common::ByteSpan(blank.data(), blank.size()));
    }
    return files_.append(name, data);
  }
  common::Status rename(const char* from, const char* to) override {
    if (mutant_ == Mutant::kKeepOldList && std::strcmp(to, "local_list.bin") == 0)
      return files_.remove(from);
    return files_.rename(from, to);
  }
  common::Status remove(const char* name) override { return files_.remove(name); }
  uint32_t free_bytes() override { return files_.free_bytes(); }

 private:
  platform_sim::SimFileStore& files_;
  Mutant mutant_;
  uint64_t appends_ = 0;
};

/// Gives every damaged record of a log a matching checksum: what a reader that skips the check would see.
void make_checksums_match(std::vector<uint8_t>& log);
/// Takes 50 Wh off the meterStop of a StopTransaction.
void lower_meter_stop(std::string& frame);

}  // namespace simulation
