#include "simulation/list_books.hpp"

#include "ocpp/tag_table.hpp"

#include <algorithm>

namespace simulation {
namespace {

constexpr char kFile[] = "local_list.bin";

}  // namespace

std::string BookedListUpdate::request() const {
  std::string text = "{\"listVersion\":" + std::to_string(version) + ",\"updateType\":\"" +
                     (is_full ? "Full" : "Differential") + "\"";
  if (!entries.empty()) {
    text += ",\"localAuthorizationList\":[";
    for (const Entry& entry : entries) {
      text += "{\"idTag\":\"" + entry.id_tag + "\"";
      if (!entry.status.empty()) {
        text += ",\"idTagInfo\":{\"status\":\"" + entry.status + "\"" +
                (entry.parent.empty() ? "" : ",\"parentIdTag\":\"" + entry.parent + "\"") + "}";
      }
      text += "},";
    }
    text.back() = ']';
  }
  return text + "}";
}

bool ListBooks::is_applicable(const Content& content, const BookedListUpdate& update) {
  return update.is_full || update.version > content.version;
}

ListBooks::Content ListBooks::applied(const Content& content, const BookedListUpdate& update) {
  Content after = update.is_full ? Content() : content;
  after.version = update.version;
  for (const BookedListUpdate::Entry& entry : update.entries) {
    if (entry.status.empty()) {
      after.tags.erase(entry.id_tag);
    } else {
      after.tags[entry.id_tag] = entry.status + " " + entry.parent;
    }
  }
  if (after.tags.empty()) after.version = 0;
  return after;
}

void ListBooks::add(std::vector<Content>& to, const Content& content) const {
  if (std::find(to.begin(), to.end(), content) == to.end()) to.push_back(content);
}

std::string ListBooks::on_answer(const BookedListUpdate& update, const std::string& status) {
  if (status != "Accepted" && status != "VersionMismatch") return "";
  std::vector<Content> after;
  for (const Content& content : possible_) {
    if (is_applicable(content, update) != (status == "Accepted")) continue;
    add(after, status == "Accepted" ? applied(content, update) : content);
  }
  if (after.empty()) {
    return "SendLocalList with version " + std::to_string(update.version) + " was answered " +
           status + ", the list has version " + std::to_string(possible_.front().version);
  }
  possible_ = after;
  return "";
}

void ListBooks::on_lost(const BookedListUpdate& update) {
  const std::vector<Content> before = possible_;
  for (const Content& content : before) {
    if (is_applicable(content, update)) add(possible_, applied(content, update));
  }
}

bool ListBooks::may_have_version(int64_t version) const {
  return std::any_of(possible_.begin(), possible_.end(),
                     [version](const Content& content) { return content.version == version; });
}

std::string ListBooks::check(const Content& found) {
  const auto same = std::find(possible_.begin(), possible_.end(), found);
  if (same == possible_.end()) {
    const Content& wanted = possible_.front();
    return "the local list has version " + std::to_string(found.version) + " and " +
           std::to_string(found.tags.size()) + " tags, the CSMS was told of version " +
           std::to_string(wanted.version) + " with " + std::to_string(wanted.tags.size());
  }
  possible_ = {found};
  return "";
}

ListBooks::Content read_list(platform_sim::SimFileStore& flash) {
  static const char* const kStatuses[] = {"Accepted", "Blocked", "Expired", "Invalid",
                                          "ConcurrentTx"};
  ListBooks::Content content;
  // A copy: whoever looks must not wear the flash.
  platform_sim::SimPower power;
  platform_sim::SimFileStore copy(power);
  if (flash.exists(kFile)) copy.raw(kFile) = flash.raw(kFile);
  uint8_t buffer[16 * ocpp::TagTable::kSlotBytes];
  ocpp::TagTable table(copy, kFile);
  if (table.load(common::MutableByteSpan(buffer)) != common::Status::kOk) {
    content.version = -1;
    return content;
  }
  content.version = table.version();
  ocpp::TagTable::Reader reader(table, common::MutableByteSpan(buffer));
  while (const uint8_t* slot = reader.next()) {
    ocpp::TagEntry entry;
    ocpp::TagTable::decode(slot, entry);
    content.tags[entry.id_tag.c_str()] = std::string(kStatuses[static_cast<size_t>(entry.status)]) +
                                         " " + entry.parent_id_tag.c_str();
  }
  return content;
}

}  // namespace simulation
