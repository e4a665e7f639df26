#include "platform/slot_firmware.hpp"

#include <algorithm>
#include <cstring>

namespace platform {

using common::Status;

namespace {

constexpr const char* kNoteKey = "slot";
constexpr const char* kSecurityKey = "security";
constexpr uint8_t kNoteVersion = 1;
/// Version, state, slot, flags, bytes (little-endian).
constexpr size_t kNoteBytes = 8;
constexpr uint32_t kUnit = FlashRegion::kUnitBytes;

}  // namespace

Status SlotFirmware::load() {
  uint8_t image[kNoteBytes];
  common::Result<size_t> size = state_.get(kNoteKey, common::MutableByteSpan(image));
  if (size.status() == Status::kIo) return Status::kIo;
  if (size.ok() && size.value() == kNoteBytes && image[0] == kNoteVersion &&
      image[1] <= static_cast<uint8_t>(State::kTried)) {
    note_.state = static_cast<State>(image[1]);
    note_.slot = image[2];
    note_.flags = image[3];
    std::memcpy(&note_.bytes, image + 4, sizeof note_.bytes);
  } else {
    note_.slot = slots_.other();
  }
  size = state_.get(kSecurityKey, common::MutableByteSpan(image));
  if (size.status() == Status::kIo) return Status::kIo;
  if (size.ok() && size.value() == sizeof security_)
    std::memcpy(&security_, image, sizeof security_);
  return Status::kOk;
}

Status SlotFirmware::begin() {
  if (slots_.is_on_trial()) boot_ = Boot::kTrial;
  if (slot_.size() == 0) return Status::kUnsupported;
  RETURN_IF_ERROR(load());
  const bool is_of_other = note_.slot != slots_.running();
  if (boot_ == Boot::kTrial) {
    Note tried;
    tried.state = State::kTried;
    tried.slot = slots_.running();
    if (is_of_other || note_.state != State::kTried) (void)store(tried);
  } else {
    // What runs without a trial is kept: the power may have gone before that was noted.
    RETURN_IF_ERROR(is_of_other ? settle() : note(State::kEmpty, 0));
    if (label_.security() > security_) {
      security_ = label_.security();
      RETURN_IF_ERROR(note_security());
    }
  }
  is_ready_ = true;
  return Status::kOk;
}

/// What became of the other image.
Status SlotFirmware::settle() {
  switch (note_.state) {
    case State::kEmpty:
      return Status::kOk;
    case State::kTried:
      boot_ = Boot::kRolledBack;
      return Status::kOk;
    case State::kChosen:
      // The power may have gone before the boot loader was told, or it never got as far as begin(): a second chance, no third.
      if ((note_.flags & kAgain) != 0 ||
          (slots_.is_given_up() && (note_.flags & kWasGivenUp) == 0)) {
        boot_ = Boot::kRolledBack;
        return Status::kOk;
      }
      RETURN_IF_ERROR(note(State::kWhole, note_.bytes, kAgain));
      break;
    case State::kWriting:
    case State::kWhole:
      break;
  }
  written_ = std::min(note_.bytes, slot_.size());
  if (note_.state == State::kWriting) written_ = sector_of(written_);
  return Status::kOk;
}

Status SlotFirmware::note(State state, uint32_t bytes, uint8_t flags) {
  Note next;
  next.state = state;
  next.slot = slots_.other();
  next.flags = flags;
  next.bytes = bytes;
  return store(next);
}

Status SlotFirmware::store(const Note& next) {
  uint8_t image[kNoteBytes] = {kNoteVersion, static_cast<uint8_t>(next.state), next.slot,
                               next.flags};
  std::memcpy(image + 4, &next.bytes, sizeof next.bytes);
  RETURN_IF_ERROR(state_.set(kNoteKey, common::ByteSpan(image)));
  note_ = next;
  return Status::kOk;
}

Status SlotFirmware::note_security() {
  uint8_t image[sizeof security_];
  std::memcpy(image, &security_, sizeof image);
  return state_.set(kSecurityKey, common::ByteSpan(image));
}

Status SlotFirmware::erase() {
  if (!is_ready_) return Status::kIo;
  if (boot_ == Boot::kTrial)
    return Status::kOk;  // what it would go back to is nobody's to throw away
  if (is_chosen_) return Status::kInvalidState;
  RETURN_IF_ERROR(note(State::kEmpty, 0));
  boot_ = Boot::kNormal;
  written_ = held_ = 0;
  is_written_ = is_verified_ = false;
  return Status::kOk;
}

uint32_t SlotFirmware::size() {
  if (!is_ready_ || boot_ == Boot::kTrial) return 0;
  is_written_ = true;  // whoever asks writes the rest, and it may be that nothing is missing
  const uint32_t sure = sector_of(written_ - held_);
  if (note_.state <= State::kWriting && sure > note_.bytes) (void)note(State::kWriting, sure);
  return written_;
}

Status SlotFirmware::write(uint32_t offset, common::ByteSpan data) {
  if (!is_ready_) return Status::kIo;
  if (boot_ == Boot::kTrial || is_chosen_) return Status::kInvalidState;
  if (offset != written_) return Status::kInvalidArgument;
  if (data.size() > slot_.size() - offset) return Status::kNoSpace;
  outdated_ = Status::kNotFound;
  is_verified_ = false;
  if (note_.state > State::kWriting) RETURN_IF_ERROR(note(State::kWriting, sector_of(written_)));
  // The end was padded: what comes behind it now needs the sector anew.
  if (held_ == 0 && written_ % kUnit != 0) return fall_back(written_);
  is_written_ = true;
  const uint32_t between_notes = kNoteSectors * slot_.sector_bytes();
  while (!data.empty()) {
    const uint32_t at = written_ - held_;
    common::ByteSpan part;
    if (held_ == 0 && data.size() >= kUnit) {
      part = data.first(std::min<size_t>(slot_.sector_bytes() - at % slot_.sector_bytes(),
                                         data.size() - data.size() % kUnit));
      RETURN_IF_ERROR(program(at, part));
    } else {
      part = data.first(kUnit - held_);
      std::memcpy(unit_ + held_, part.data(), part.size());
      held_ += static_cast<uint32_t>(part.size());
      if (held_ == kUnit) {
        RETURN_IF_ERROR(program(at, common::ByteSpan(unit_)));
        held_ = 0;
      }
    }
    written_ += static_cast<uint32_t>(part.size());
    data = data.subspan(part.size());
    // A note that is missing costs bytes of a download only.
    if (held_ == 0 && written_ % between_notes == 0) (void)note(State::kWriting, written_);
  }
  return Status::kOk;
}

Status SlotFirmware::program(uint32_t at, common::ByteSpan data) {
  const Status status = write_and_compare(at, data);
  return status == Status::kOk ? status : fall_back(at);
}

Status SlotFirmware::write_and_compare(uint32_t at, common::ByteSpan data) {
  if (at == sector_of(at)) RETURN_IF_ERROR(slot_.erase(at));
  RETURN_IF_ERROR(slot_.write(at, data));
  uint8_t back[64];
  for (size_t done = 0; done < data.size();) {
    const common::ByteSpan part = data.subspan(done, sizeof back);
    RETURN_IF_ERROR(slot_.read(at + static_cast<uint32_t>(done),
                               common::MutableByteSpan(back).first(part.size())));
    if (std::memcmp(back, part.data(), part.size()) != 0) return Status::kIo;
    done += part.size();
  }
  return Status::kOk;
}

/// The sector is written anew, from its first byte: it is not kept in memory.
Status SlotFirmware::fall_back(uint32_t at) {
  written_ = sector_of(at);
  held_ = 0;
  is_written_ = false;
  return Status::kIo;
}

/// Only who has written knows where an image ends: that is noted for later starts.
Status SlotFirmware::end_writing() {
  if (!is_ready_) return Status::kIo;
  if (note_.state == State::kWhole || (note_.state == State::kChosen && boot_ == Boot::kNormal))
    return Status::kOk;
  if (!is_written_) return Status::kNotFound;
  if (held_ > 0) {
    std::memset(unit_ + held_, 0xFF, kUnit - held_);
    RETURN_IF_ERROR(program(written_ - held_, common::ByteSpan(unit_)));
    held_ = 0;
  }
  return note(State::kWhole, written_);
}

common::Result<size_t> SlotFirmware::read(uint32_t offset, common::MutableByteSpan buffer) {
  RETURN_IF_ERROR(end_writing());
  if (offset >= written_) return size_t{0};
  const common::MutableByteSpan part = buffer.first(written_ - offset);
  RETURN_IF_ERROR(slot_.read(offset, part));
  return part.size();
}

Status SlotFirmware::verify() {
  is_verified_ = false;
  RETURN_IF_ERROR(end_writing());
  const common::Result<uint32_t> length = slots_.check();
  if (!length.ok()) return length.status();
  // Behind a short one there may be the rest of an earlier image.
  if (length.value() > written_) return Status::kCorrupt;
  RETURN_IF_ERROR(check_security());
  is_verified_ = true;
  return Status::kOk;
}

Status SlotFirmware::check_security() {
  ImageLabel label;
  RETURN_IF_ERROR(
      slot_.read(ImageLabel::kOffset,
                 common::MutableByteSpan(reinterpret_cast<uint8_t*>(&label), sizeof label)));
  if (label.security() >= security_) return Status::kOk;
  outdated_ = label.security();
  return Status::kUnsupported;
}

Status SlotFirmware::activate() {
  if (is_chosen_) return Status::kOk;
  if (!is_verified_) RETURN_IF_ERROR(verify());
  const uint8_t before = slots_.is_given_up() ? kWasGivenUp : uint8_t{0};
  RETURN_IF_ERROR(
      note(State::kChosen, written_, static_cast<uint8_t>((note_.flags & kAgain) | before)));
  const Status chosen = slots_.choose();
  is_chosen_ = chosen == Status::kOk;
  return chosen;
}

Status SlotFirmware::confirm() {
  if (boot_ != Boot::kTrial) return Status::kInvalidState;
  RETURN_IF_ERROR(slots_.keep());
  boot_ = Boot::kNormal;
  if (!is_ready_) return Status::kOk;  // the next start notes it
  security_ = std::max(security_, label_.security());
  return note_security();
}

}  // namespace platform
