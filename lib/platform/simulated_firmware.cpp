#include "platform/simulated_firmware.hpp"

#include "common/crc32.hpp"

#include <cstdio>
#include <cstring>

namespace platform {

LOG_MODULE("firmware");

using common::Status;

namespace {

constexpr const char* kSlot = "slot.bin";
constexpr const char* kStateKey = "boot";
constexpr size_t kMaxHeadBytes = 256;
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
  char text[160] = "";
  const common::Result<size_t> size = state_.get(
      kStateKey, common::MutableByteSpan(reinterpret_cast<uint8_t*>(text), sizeof text - 1));
  if (!size.ok() && size.status() != Status::kNotFound) return size.status();
  if (size.ok()) {
    text[size.value()] = '\0';
    char value[51];
    now_ = static_cast<State>(text[0]);
    if (find(text, "installed", value, sizeof value)) installed_ = Version(value);
    if (find(text, "candidate", value, sizeof value)) candidate_ = Version(value);
  }
  const common::Result<uint32_t> stored = files_.size(kSlot);
  if (!stored.ok() && stored.status() != Status::kNotFound) return stored.status();
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
  char text[160];
  const int size = std::snprintf(text, sizeof text, "%c\ninstalled %s\ncandidate %s\n",
                                 static_cast<char>(state), installed_.c_str(), candidate_.c_str());
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
  buffered_ = 0;
  RETURN_IF_ERROR(files_.remove(kSlot));
  stored_ = 0;
  return now_ == State::kRolledBack ? store(State::kNormal) : Status::kOk;
}

uint32_t SimulatedFirmware::size() {
  buffered_ = 0;
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

Status SimulatedFirmware::write(uint32_t offset, common::ByteSpan data) {
  if (offset != stored_ + buffered_) return Status::kInvalidArgument;
  if (data.size() > slot_bytes_ - offset) return Status::kNoSpace;
  is_verifying_ = false;
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
  head.starts = !find(text, "starts", value, sizeof value) || std::strcmp(value, "no") != 0;
  if (!find(text, "version", value, sizeof value)) return Status::kCorrupt;
  head.version = Version(value);
  return Status::kOk;
}

common::Result<size_t> SimulatedFirmware::read(uint32_t offset, common::MutableByteSpan buffer) {
  RETURN_IF_ERROR(flush());
  return files_.read(kSlot, offset, buffer);
}

Status SimulatedFirmware::verify() {
  RETURN_IF_ERROR(flush());
  if (!is_verifying_) {
    RETURN_IF_ERROR(read_head(head_));
    if (stored_ != uint64_t{head_.bytes} + head_.size) return Status::kCorrupt;
    is_verifying_ = true;
    verified_ = 0;
    crc_ = 0;
  }
  if (verified_ < head_.size) {
    const common::Result<size_t> got =
        files_.read(kSlot, head_.bytes + verified_, common::MutableByteSpan(buffer_));
    if (!got.ok()) return got.status();
    if (got.value() == 0) return Status::kCorrupt;
    crc_ = common::crc32(common::ByteSpan(buffer_, got.value()), crc_);
    verified_ += static_cast<uint32_t>(got.value());
    return Status::kAgain;
  }
  is_verifying_ = false;
  return crc_ == head_.crc ? Status::kOk : Status::kCorrupt;
}

Status SimulatedFirmware::activate() {
  Head head;
  RETURN_IF_ERROR(read_head(head));
  candidate_ = head.version;
  return store(State::kChosen);
}

Status SimulatedFirmware::confirm() {
  if (now_ != State::kTrial) return Status::kInvalidState;
  installed_ = candidate_;
  return store(State::kNormal);
}

Status SimulatedFirmware::roll_back() {
  if (now_ != State::kTrial) return Status::kInvalidState;
  return store(State::kRolledBack);
}

}  // namespace platform
