#include "platform/simulated_firmware.hpp"

#include "common/crc32.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace platform {

LOG_MODULE("firmware");

using common::Status;

namespace {

constexpr const char* kSlot = "slot.bin";
constexpr const char* kStateKey = "boot";
constexpr const char* kReceivedKey = "received";
constexpr size_t kMaxHeadBytes = 256;
/// "n", installed 50, candidate 50, security 10 characters.
constexpr size_t kMaxStateBytes = 160;
constexpr char kMagic[] = "VEVGW-FIRMWARE 1\n";

/// The value of "name value\n" in a head. @return false when it is not there.
bool find(const char* head, const char* name, char* value, size_t capacity) {
  const size_t length = std::strlen(name);
  for (const char* line = head; line != nullptr && *line != '\0';) {
    const char* const end = std::strchr(line, '\n');
    if (std::strncmp(line, name, length) == 0 && line[length] == ' ') {
      const char* const begin = line + length + 1;
      const size_t size = end == nullptr ? std::strlen(begin) : static_cast<size_t>(end - begin);
      if (size == 0 || size >= capacity) return false;
      std::memcpy(value, begin, size);
      value[size] = '\0';
      return true;
    }
    line = end == nullptr ? nullptr : end + 1;
  }
  return false;
}

}  // namespace

Status SimulatedFirmware::begin() {
  char text[kMaxStateBytes] = "";
  const common::Result<size_t> size = state_.get(
      kStateKey, common::MutableByteSpan(reinterpret_cast<uint8_t*>(text), sizeof text - 1));
  if (!size.ok() && size.status() != Status::kNotFound) return size.status();
  if (size.ok()) {
    text[size.value()] = '\0';
    char value[51];
    now_ = static_cast<State>(text[0]);
    if (find(text, "installed", value, sizeof value)) installed_ = Version(value);
    if (find(text, "candidate", value, sizeof value)) candidate_ = Version(value);
    unsigned long security = 0;
    if (find(text, "security", value, sizeof value) && std::sscanf(value, "%lu", &security) == 1)
      security_ = std::max(security_, static_cast<uint32_t>(security));
  }
  const common::Result<uint32_t> stored = files_.size(kSlot);
  is_unread_ = !stored.ok() && stored.status() != Status::kNotFound;
  if (is_unread_) return stored.status();
  stored_ = stored.value_or(0);
  if (now_ == State::kTrial) {
    LOG_WARN(log_, "version %s was not confirmed before the restart: back to the one before",
             candidate_.c_str());
    return store(State::kRolledBack);
  }
  if (now_ != State::kChosen) return Status::kOk;
  Head head;
  if (read_head(head) == Status::kOk && head.starts) return store(State::kTrial);
  LOG_WARN(log_, "version %s does not start: back to the one before", candidate_.c_str());
  return store(State::kRolledBack);
}

Status SimulatedFirmware::store(State state) {
  char text[kMaxStateBytes];
  const int size = std::snprintf(
      text, sizeof text, "%c\ninstalled %s\ncandidate %s\nsecurity %lu\n", static_cast<char>(state),
      installed_.c_str(), candidate_.c_str(), static_cast<unsigned long>(security_));
  RETURN_IF_ERROR(
      state_.set(kStateKey, common::as_bytes(common::TextSpan(text, static_cast<size_t>(size)))));
  now_ = state;
  return Status::kOk;
}

common::FixedString<50> SimulatedFirmware::version() const {
  if (now_ == State::kTrial) return candidate_;
  return installed_.empty() ? version_ : installed_;
}

Firmware::Boot SimulatedFirmware::boot() const {
  switch (now_) {
    case State::kTrial:
      return Boot::kTrial;
    case State::kRolledBack:
      return Boot::kRolledBack;
    case State::kNormal:
    case State::kChosen:
      break;
  }
  return Boot::kNormal;
}

Status SimulatedFirmware::erase() {
  is_verifying_ = false;
  is_written_ = is_whole_ = false;
  buffered_ = 0;
  RETURN_IF_ERROR(state_.erase(kReceivedKey));
  RETURN_IF_ERROR(files_.remove(kSlot));
  is_unread_ = false;
  stored_ = 0;
  return now_ == State::kRolledBack ? store(State::kNormal) : Status::kOk;
}

uint32_t SimulatedFirmware::size() {
  buffered_ = 0;
  is_written_ = true;  // whoever asks writes the rest, and it may be that nothing is missing
  is_whole_ = false;
  return stored_;
}

Status SimulatedFirmware::flush() {
  if (buffered_ == 0) return Status::kOk;
  const Status status = files_.append(kSlot, common::ByteSpan(buffer_, buffered_));
  buffered_ = 0;
  // What a failed append left behind is part of the slot as well.
  stored_ = files_.size(kSlot).value_or(stored_);
  return status;
}

/// Only who has written knows where an image ends: that is noted for later starts.
Status SimulatedFirmware::end_writing() {
  if (is_whole_) return Status::kOk;
  if (is_unread_) return Status::kIo;
  uint8_t size[4];
  if (is_written_) {
    RETURN_IF_ERROR(flush());
    std::memcpy(size, &stored_, sizeof size);
    RETURN_IF_ERROR(state_.set(kReceivedKey, common::ByteSpan(size)));
  } else {
    const common::Result<size_t> noted = state_.get(kReceivedKey, common::MutableByteSpan(size));
    if (!noted.ok()) return noted.status();
    if (noted.value() != sizeof size || std::memcmp(size, &stored_, sizeof size) != 0)
      return Status::kNotFound;
  }
  is_whole_ = true;
  return Status::kOk;
}

Status SimulatedFirmware::write(uint32_t offset, common::ByteSpan data) {
  if (offset != stored_ + buffered_) return Status::kInvalidArgument;
  if (data.size() > slot_bytes_ - offset) return Status::kNoSpace;
  is_verifying_ = false;
  is_written_ = true;
  is_whole_ = false;
  outdated_ = Status::kNotFound;
  while (!data.empty()) {
    const common::ByteSpan part = data.first(kBufferBytes - buffered_);
    std::memcpy(buffer_ + buffered_, part.data(), part.size());
    buffered_ += part.size();
    data = data.subspan(part.size());
    if (buffered_ == kBufferBytes) RETURN_IF_ERROR(flush());
  }
  return Status::kOk;
}

Status SimulatedFirmware::read_head(Head& head) {
  char text[kMaxHeadBytes + 1] = "";
  const common::Result<size_t> size = files_.read(
      kSlot, 0, common::MutableByteSpan(reinterpret_cast<uint8_t*>(text), kMaxHeadBytes));
  if (!size.ok()) return size.status() == Status::kNotFound ? Status::kCorrupt : size.status();
  text[size.value()] = '\0';
  char* const end = std::strstr(text, "\n\n");
  char value[51];
  unsigned long bytes = 0;
  unsigned long crc = 0;
  if (std::strncmp(text, kMagic, sizeof kMagic - 1) != 0) return Status::kUnsupported;
  if (end == nullptr) return Status::kCorrupt;
  end[1] = '\0';
  if (!find(text, "size", value, sizeof value) || std::sscanf(value, "%lu", &bytes) != 1 ||
      !find(text, "crc32", value, sizeof value) || std::sscanf(value, "%lx", &crc) != 1)
    return Status::kCorrupt;
  head.size = static_cast<uint32_t>(bytes);
  head.crc = static_cast<uint32_t>(crc);
  head.bytes = static_cast<uint32_t>(end + 2 - text);
  unsigned long security = 0;
  if (find(text, "security", value, sizeof value) && std::sscanf(value, "%lu", &security) != 1)
    return Status::kCorrupt;
  head.security = static_cast<uint32_t>(security);
  head.starts = !find(text, "starts", value, sizeof value) || std::strcmp(value, "no") != 0;
  if (!find(text, "version", value, sizeof value)) return Status::kCorrupt;
  head.version = Version(value);
  return Status::kOk;
}

common::Result<size_t> SimulatedFirmware::read(uint32_t offset, common::MutableByteSpan buffer) {
  RETURN_IF_ERROR(end_writing());
  return files_.read(kSlot, offset, buffer);
}

Status SimulatedFirmware::verify() {
  RETURN_IF_ERROR(end_writing());
  if (!is_verifying_) {
    RETURN_IF_ERROR(read_head(head_));
    if (stored_ < uint64_t{head_.bytes} + head_.size) return Status::kCorrupt;
    is_verifying_ = true;
    verified_ = 0;
    crc_ = 0;
  }
  if (verified_ < head_.size) {
    const common::Result<size_t> got =
        files_.read(kSlot, head_.bytes + verified_,
                    common::MutableByteSpan(buffer_).first(head_.size - verified_));
    if (!got.ok()) return got.status();
    if (got.value() == 0) return Status::kCorrupt;
    crc_ = common::crc32(common::ByteSpan(buffer_, got.value()), crc_);
    verified_ += static_cast<uint32_t>(got.value());
    return Status::kAgain;
  }
  is_verifying_ = false;
  return crc_ == head_.crc ? check_security(head_) : Status::kCorrupt;
}

Status SimulatedFirmware::check_security(const Head& head) {
  if (head.security >= security_) return Status::kOk;
  outdated_ = head.security;
  return Status::kUnsupported;
}

Status SimulatedFirmware::activate() {
  Head head;
  RETURN_IF_ERROR(read_head(head));
  RETURN_IF_ERROR(check_security(head));
  candidate_ = head.version;
  return store(State::kChosen);
}

Status SimulatedFirmware::confirm() {
  if (now_ != State::kTrial) return Status::kInvalidState;
  installed_ = candidate_;
  Head head;
  if (read_head(head) == Status::kOk) security_ = std::max(security_, head.security);
  return store(State::kNormal);
}

Status SimulatedFirmware::roll_back() {
  if (now_ != State::kTrial) return Status::kInvalidState;
  return store(State::kRolledBack);
}

}  // namespace platform
