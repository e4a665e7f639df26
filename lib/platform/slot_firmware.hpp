#pragma once

#include "platform/boot_slots.hpp"
#include "platform/firmware.hpp"
#include "platform/flash_region.hpp"
#include "platform/image_label.hpp"
#include "platform/key_value_store.hpp"

namespace platform {

/// Firmware in two places of flash, with a boot loader that goes back.
///
/// An image is written sector by sector as it arrives, and read back. What is certain to be there is noted every
/// kNoteSectors and when a connection has ended, always after the flash and in whole sectors, so that a download goes on after
/// a power cut; 104 notes for a full slot of the board. Nothing is chosen that was not written to its end
/// and checked, and nothing is written while the slot holds the image that an image on trial would go back to.
class SlotFirmware final : public Firmware {
 public:
  static constexpr uint32_t kNoteSectors = 4;

  /// @param slot     The other place; its sectors are multiples of kUnitBytes.
  /// @param state    Keys of this alone.  @param version  Of this build, static.
  /// @param label    Of this build, static: that it is used here keeps it in the image.
  /// All outlive this.
  SlotFirmware(FlashRegion& slot, BootSlots& slots, KeyValueStore& state, const char* version,
               const ImageLabel& label)
      : slot_(slot), slots_(slots), state_(state), version_(version), label_(label) {}
  /// Once, before the rest. When it fails the image on trial can be kept, and nothing can be written.
  /// @retval kUnsupported  There is no second place.  @retval kIo  The notes cannot be read or written.
  common::Status begin();

  common::FixedString<50> version() const override { return version_; }
  Boot boot() const override { return boot_; }
  uint32_t security_version() const override { return security_; }
  common::Result<uint32_t> outdated() const override { return outdated_; }
  /// @retval kInvalidState  The next restart runs it.
  common::Status erase() override;
  uint32_t size() override;
  /// After kIo write() goes on at size().
  /// @retval kInvalidState  On trial, or the next restart runs it.
  common::Status write(uint32_t offset, common::ByteSpan data) override;
  common::Result<size_t> read(uint32_t offset, common::MutableByteSpan buffer) override;
  /// At once: about a second on the board.
  common::Status verify() override;
  common::Status activate() override;
  common::Status confirm() override;
  /// The boot loader does it at the next restart.
  common::Status roll_back() override {
    return boot_ == Boot::kTrial ? common::Status::kOk : common::Status::kInvalidState;
  }

 private:
  enum class State : uint8_t {
    kEmpty,
    kWriting,  ///< `bytes` of it are there, whole sectors.
    kWhole,    ///< `bytes` are all of it.
    kChosen,   ///< Before the boot loader is told.
    kTried,    ///< It has run.
  };
  /// What survives a restart, as one value: the note.
  struct Note {
    State state = State::kEmpty;
    uint8_t slot = 0;  ///< That it speaks of.
    uint8_t flags = 0;
    uint32_t bytes = 0;
  };
  static constexpr uint8_t kWasGivenUp = 1;  ///< The slot's image before this one.
  static constexpr uint8_t kAgain = 2;       ///< Chosen for the second time.

  common::Status load();
  common::Status settle();
  common::Status note(State state, uint32_t bytes, uint8_t flags = 0);
  common::Status store(const Note& next);
  common::Status note_security();
  common::Status check_security();
  common::Status program(uint32_t at, common::ByteSpan data);
  common::Status write_and_compare(uint32_t at, common::ByteSpan data);
  common::Status fall_back(uint32_t at);
  common::Status end_writing();
  uint32_t sector_of(uint32_t at) const { return at - at % slot_.sector_bytes(); }

  FlashRegion& slot_;
  BootSlots& slots_;
  KeyValueStore& state_;
  const common::FixedString<50> version_;
  const ImageLabel& label_;
  Boot boot_ = Boot::kNormal;
  bool is_ready_ = false;
  bool is_written_ =
      false;  ///< Since the start, without an error: an image ends where writing ends.
  bool is_verified_ = false;  ///< What is in the slot now.
  bool is_chosen_ = false;    ///< For the next restart.
  Note note_;
  uint32_t security_ = 0;  ///< Never decreases.
  common::Result<uint32_t> outdated_ = common::Status::kNotFound;
  uint32_t written_ = 0;  ///< With what is held.
  uint32_t held_ = 0;
  uint8_t unit_[FlashRegion::kUnitBytes] = {};  ///< The end that is no whole unit.
};

}  // namespace platform
