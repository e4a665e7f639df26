// Fuzz target of the tables of id tags on flash: local list and authorization cache.
//  - First byte odd: the rest is the file.
//  - Even: bytes in threes are changes: what to do, which of 32 tags, its status.
//
// Whatever lies on flash: no crash, and it is either the table that was written or an empty one.
// Whatever is changed: each tag is found as it was set last, after a restart too; a change that is
// refused changes nothing.
#include "ocpp/tag_table.hpp"
#include "platform_sim/sim_file_store.hpp"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <vector>

namespace {

using common::MutableByteSpan;
using common::Status;
using ocpp::TagEntry;
using ocpp::TagTable;

constexpr const char* kFile = "tags.bin";
constexpr size_t kMaxTags = 12;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

ocpp::IdTag tag_of(uint8_t number) {
  // Letters of both cases: tags are compared without case.
  const char text[3] = {static_cast<char>(number % 2 == 0 ? 'T' : 't'),
                        static_cast<char>('A' + number / 2), '\0'};
  return ocpp::IdTag(text);
}

struct Target {
  platform_sim::SimPower power;
  platform_sim::SimFileStore files{power};
  uint8_t buffer[2 * TagTable::kMinimumBufferBytes];
  std::unique_ptr<TagTable> table = std::make_unique<TagTable>(files, kFile);

  Status restart() {
    table = std::make_unique<TagTable>(files, kFile);
    return table->load(MutableByteSpan(buffer));
  }
};

void read_file(const uint8_t* data, size_t size) {
  Target target;
  target.files.raw(kFile) = std::vector<uint8_t>(data, data + size);
  const Status loaded = target.restart();
  require(loaded == Status::kOk || target.table->size() == 0, "a damaged table is empty");
  TagEntry entry;
  for (uint8_t number = 0; number < 32; ++number) {
    (void)target.table->find(tag_of(number), entry);
  }
  TagTable::Reader reader(*target.table, MutableByteSpan(target.buffer));
  size_t count = 0;
  while (const uint8_t* slot = reader.next()) {
    TagTable::decode(slot, entry);
    require(++count <= target.table->size(), "no more slots than the table has");
  }
}

void change_table(const uint8_t* data, size_t size) {
  Target target;
  require(target.restart() == Status::kOk, "a missing file is an empty table");
  std::map<uint8_t, ocpp::IdTagStatus> model;
  int32_t version = 0;
  for (size_t at = 0; at + 3 <= size && version < 60; at += 3) {
    const uint8_t action = data[at] % 4;
    const uint8_t number = data[at + 1] % 32;
    // Tags that differ in case only are one tag.
    const uint8_t key = number / 2;
    TagEntry entry;
    entry.id_tag = tag_of(number);
    entry.status = static_cast<ocpp::IdTagStatus>(data[at + 2] % 5);
    TagTable::Slot slot;
    TagTable::encode(entry, slot);
    const uint8_t order[1] = {0};
    TagTable::Changes changes;
    changes.slots = slot;
    changes.order = order;
    changes.count = 1;
    std::map<uint8_t, ocpp::IdTagStatus> wanted = model;
    switch (action) {
      case 0:
        wanted[key] = entry.status;
        break;
      case 1:
        TagTable::mark_removal(slot);
        wanted.erase(key);
        break;
      case 2:
        changes.keeps_others = false;
        wanted = {{key, entry.status}};
        break;
      default:
        require(target.restart() == Status::kOk, "what was written can be read");
        changes.count = 0;
        break;
    }
    const Status status =
        target.table->replace(changes, ++version, kMaxTags, MutableByteSpan(target.buffer));
    require(status == (wanted.size() > kMaxTags ? Status::kNoSpace : Status::kOk),
            "a change is refused only for room");
    if (status == Status::kOk) model = wanted;
    require(target.table->size() == model.size(), "the table has what was set");
    for (uint8_t other = 0; other < 32; ++other) {
      TagEntry found;
      const Status answer = target.table->find(tag_of(other), found);
      const auto expected = model.find(other / 2);
      require(answer == (expected == model.end() ? Status::kNotFound : Status::kOk),
              "what is set is found, and nothing else");
      require(expected == model.end() || found.status == expected->second,
              "what is found is what was set");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  if (data[0] % 2 == 1) {
    read_file(data + 1, size - 1);
  } else {
    change_table(data + 1, size - 1);
  }
  return 0;
}
