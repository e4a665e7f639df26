#include "gateway/file_index.hpp"

#include <algorithm>
#include <string>

namespace gateway {
namespace {

using common::Status;

constexpr const char* kDraft = "mo-draft";

}  // namespace

Status FileIndex::load() {
  names_.clear();
  Name name;
  char piece[64];
  for (uint32_t offset = 0;;) {
    const common::Result<size_t> read = files_.read(
        kFile, offset, common::MutableByteSpan(reinterpret_cast<uint8_t*>(piece), sizeof piece));
    if (read.status() == Status::kNotFound) return Status::kOk;
    if (!read.ok()) return read.status();
    if (read.value() == 0) return Status::kOk;
    for (size_t i = 0; i < read.value(); ++i) {
      if (piece[i] != '\n') {
        (void)name.append(common::TextSpan(&piece[i], 1));
        continue;
      }
      if (!name.empty()) names_.push_back(name);
      name.clear();
    }
    offset += static_cast<uint32_t>(read.value());
  }
}

Status FileIndex::add(const Name& name) {
  if (std::find(names_.begin(), names_.end(), name) != names_.end()) return Status::kOk;
  names_.push_back(name);
  const Status status = store();
  if (status != Status::kOk) names_.pop_back();
  return status;
}

Status FileIndex::remove(const Name& name) {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) return Status::kOk;
  names_.erase(found);
  return store();
}

Status FileIndex::store() {
  std::string lines;
  for (const Name& name : names_) (lines += name.c_str()) += '\n';
  return replace(Name(kFile), common::as_bytes(common::TextSpan(lines.data(), lines.size())));
}

Status FileIndex::replace(const Name& name, common::ByteSpan content) {
  RETURN_IF_ERROR(files_.remove(kDraft));
  RETURN_IF_ERROR(files_.append(kDraft, content));
  bytes_written_ += static_cast<uint32_t>(content.size());
  return files_.rename(kDraft, name.c_str());
}

}  // namespace gateway
