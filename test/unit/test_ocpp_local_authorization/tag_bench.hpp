#pragma once

#include "ocpp/tag_table.hpp"
#include "platform_sim/sim_entropy.hpp"
#include "platform_sim/sim_file_store.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

/// What tests of tables of id tags share.
namespace tag_bench {

inline ocpp::TagEntry entry(const std::string& tag,
                            ocpp::IdTagStatus status = ocpp::IdTagStatus::kAccepted,
                            const std::string& parent = "", int64_t expiry_ms = 0) {
  ocpp::TagEntry made;
  made.id_tag = ocpp::IdTag(tag.c_str());
  made.parent_id_tag = ocpp::IdTag(parent.c_str());
  made.status = status;
  made.expiry.ms = expiry_ms;
  return made;
}

/// Changes in the shape that TagTable::replace() wants.
class Changes {
 public:
  void put(const ocpp::TagEntry& entry) { add(entry, false); }
  void remove(const std::string& tag) { add(tag_bench::entry(tag), true); }

  ocpp::TagTable::Changes get(bool keeps_others = true) {
    order_.clear();
    for (uint8_t i = 0; i * kSlot < slots_.size(); ++i) order_.push_back(i);
    std::stable_sort(order_.begin(), order_.end(), [this](uint8_t a, uint8_t b) {
      return ocpp::TagTable::hash(&slots_[a * kSlot]) < ocpp::TagTable::hash(&slots_[b * kSlot]);
    });
    ocpp::TagTable::Changes changes;
    changes.slots = slots_.data();
    changes.order = order_.data();
    changes.count = static_cast<uint8_t>(order_.size());
    changes.keeps_others = keeps_others;
    return changes;
  }

 private:
  static constexpr size_t kSlot = ocpp::TagTable::kSlotBytes;
  void add(const ocpp::TagEntry& entry, bool is_removal) {
    slots_.resize(slots_.size() + kSlot);
    uint8_t* slot = slots_.data() + slots_.size() - kSlot;
    ocpp::TagTable::encode(entry, slot);
    if (is_removal) ocpp::TagTable::mark_removal(slot);
  }
  std::vector<uint8_t> slots_;
  std::vector<uint8_t> order_;
};

struct Buffer {
  explicit Buffer(size_t size = 1024) : bytes(size) {}
  operator common::MutableByteSpan() {  // NOLINT: implicit by design
    return common::MutableByteSpan(bytes.data(), bytes.size());
  }
  std::vector<uint8_t> bytes;
};

}  // namespace tag_bench
