#include "gateway/factory_reset.hpp"

#include "gateway/ocpp_engine.hpp"
#include "security/kept_roots.hpp"

#include <cstdio>

namespace gateway {

LOG_MODULE("gateway.reset");

using common::ByteSpan;
using common::MutableByteSpan;
using common::Result;
using common::Status;

namespace {

constexpr const char* kMark = "factory.rst";
constexpr const char* kDraft = "factory.new";
constexpr const char* kStageKey = "reset";
constexpr uint8_t kVersion = 1;
constexpr size_t kMaxKeptBytes = 192;

/// Position on flash is meaning: only appended to.
struct Kept {
  bool is_of_boot;
  const char* key;
};
constexpr Kept kKept[] = {{false, "wear"}, {true, "boot"}, {true, "written"}, {true, "old_news"}};

/// Files of both engines that hold transactions.
constexpr const char* kRecordFiles[] = {"transactions.log", "mo-index"};

}  // namespace

bool FactoryReset::loses_money(const OcppEngine* engine, uint8_t connectors,
                               platform::FileStore& files, common::Instant now, Sentence& why) {
  char text[160];
  if (engine == nullptr) {
    bool has_records = false;
    for (const char* name : kRecordFiles) {
      const Result<uint32_t> size = files.size(name);
      has_records = has_records || (size.ok() ? size.value() > 0 : size.status() == Status::kIo);
    }
    if (has_records) {
      why = Sentence(
          "the gateway does not run: transactions that the CSMS does not have cannot be counted");
    }
    return has_records;
  }
  const EngineSummary summary = engine->summary(now);
  unsigned running = 0;
  for (uint8_t id = 1; id <= connectors; ++id)
    running += engine->connector(id).has_transaction ? 1U : 0U;
  const size_t undelivered = summary.pending_messages + summary.dead_letters;
  if (running == 0 && undelivered == 0) return false;
  std::snprintf(text, sizeof text,
                "transactions running: %u, transaction messages that the CSMS does not have: %lu",
                running, static_cast<unsigned long>(undelivered));
  why = Sentence(text);
  return true;
}

Status FactoryReset::request() {
  RETURN_IF_ERROR(parts_.files.remove(kDraft));
  RETURN_IF_ERROR(parts_.files.append(kDraft, ByteSpan(&kVersion, 1)));
  uint8_t entry[2 + kMaxKeptBytes];
  for (uint8_t i = 0; i < sizeof kKept / sizeof kKept[0]; ++i) {
    platform::KeyValueStore& store = kKept[i].is_of_boot ? parts_.boot : parts_.crashes;
    const Result<size_t> size = store.get(kKept[i].key, MutableByteSpan(entry).subspan(2));
    if (!size.ok()) continue;
    entry[0] = i;
    entry[1] = static_cast<uint8_t>(size.value());
    RETURN_IF_ERROR(parts_.files.append(kDraft, ByteSpan(entry, 2 + size.value())));
  }
  return parts_.files.rename(kDraft, kMark);
}

Status FactoryReset::restore_kept() {
  uint8_t entry[2 + kMaxKeptBytes];
  for (uint32_t at = 1;;) {
    const Result<size_t> size = parts_.files.read(kMark, at, MutableByteSpan(entry));
    if (!size.ok()) return size.status();
    if (size.value() < 2 || entry[0] >= sizeof kKept / sizeof kKept[0] ||
        size.value() < size_t{2} + entry[1])
      return Status::kOk;
    platform::KeyValueStore& store = kKept[entry[0]].is_of_boot ? parts_.boot : parts_.crashes;
    RETURN_IF_ERROR(store.set(kKept[entry[0]].key, ByteSpan(entry + 2, entry[1])));
    at += 2U + entry[1];
  }
}

FactoryReset::Stage FactoryReset::stage() const {
  uint8_t value = 0;
  const Result<size_t> size = parts_.crashes.get(kStageKey, MutableByteSpan(&value, 1));
  return size.ok() && size.value() == 1 ? static_cast<Stage>(value) : Stage::kNone;
}

Status FactoryReset::set_stage(Stage stage) {
  const auto value = static_cast<uint8_t>(stage);
  return parts_.crashes.set(kStageKey, ByteSpan(&value, 1));
}

Status FactoryReset::finish() {
  if (stage() == Stage::kNone) {
    const Status mark = parts_.files.size(kMark).status();
    if (mark != Status::kOk) return mark == Status::kNotFound ? Status::kOk : mark;
    LOG_WARN(parts_.log, "factory reset: everything is erased");
    RETURN_IF_ERROR(parts_.device.erase_crash());
    RETURN_IF_ERROR(parts_.places.erase_stores());
    RETURN_IF_ERROR(restore_kept());
    RETURN_IF_ERROR(security::keep_roots(parts_.files, parts_.crashes));
    RETURN_IF_ERROR(set_stage(Stage::kStoresErased));
  }
  if (stage() == Stage::kStoresErased) {
    RETURN_IF_ERROR(parts_.places.erase_files());
    RETURN_IF_ERROR(security::restore_roots(parts_.crashes, parts_.files));
    RETURN_IF_ERROR(set_stage(Stage::kDone));
  }
  was_reset_ = true;
  return Status::kOk;
}

void FactoryReset::acknowledge() {
  if (!was_reset_) return;
  if (security::forget_kept_roots(parts_.crashes) != Status::kOk ||
      parts_.crashes.erase(kStageKey) != Status::kOk)
    LOG_ERROR(parts_.log, "the end of the factory reset cannot be stored");
  was_reset_ = false;
}

}  // namespace gateway
