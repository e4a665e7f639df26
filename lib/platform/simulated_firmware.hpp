#pragma once

#include "common/fixed_string.hpp"
#include "common/log.hpp"
#include "platform/file_store.hpp"
#include "platform/firmware.hpp"
#include "platform/key_value_store.hpp"

namespace platform {

/// Firmware images where there is no boot loader: on Linux and in the simulation. An image carries no program;
/// "running" it means that the same program tells its version. Everything else is as on the board: slot, check,
/// trial, confirmation, roll-back, power cuts.
///
/// An image is a text head, an empty line and any bytes (vevgw csms make-firmware writes one):
///
///     VEVGW-FIRMWARE 1
///     version 1.2.3          1..50 printable characters
///     size 1024              bytes after the empty line
///     crc32 cbf43926         CRC-32 (IEEE 802.3) of them, lower-case hex
///     starts yes             no = crashes when it starts, so that the boot loader goes back
///     security 1             its security version; may be left out: 0
///
/// What follows those bytes belongs to nobody: a signature, for instance.
class SimulatedFirmware final : public Firmware {
 public:
  /// @param files       Holds the slot; outlives this.  @param state  Keys of this alone; outlives this.
  /// @param version     Of the program, static.  @param slot_bytes  Largest image.
  /// @param security    Security version of the program.
  SimulatedFirmware(FileStore& files, KeyValueStore& state, common::LogSink& log,
                    const char* version, uint32_t slot_bytes, uint32_t security = 0)
      : files_(files),
        state_(state),
        log_(log),
        version_(version),
        slot_bytes_(slot_bytes),
        security_(security) {}

  /// Plays the boot loader. Once per start, before the rest.
  /// @retval kIo  The state cannot be read or written.
  common::Status begin();

  common::FixedString<50> version() const override;
  Boot boot() const override;
  uint32_t security_version() const override { return security_; }
  common::Result<uint32_t> outdated() const override { return outdated_; }
  common::Status erase() override;
  uint32_t size() override;
  common::Status write(uint32_t offset, common::ByteSpan data) override;
  common::Result<size_t> read(uint32_t offset, common::MutableByteSpan buffer) override;
  common::Status verify() override;
  common::Status activate() override;
  common::Status confirm() override;
  common::Status roll_back() override;

 private:
  using Version = common::FixedString<50>;
  enum class State : char { kNormal = 'n', kChosen = 'c', kTrial = 't', kRolledBack = 'r' };
  struct Head {
    Version version;
    uint32_t size = 0;
    uint32_t crc = 0;
    uint32_t security = 0;
    bool starts = true;
    uint32_t bytes = 0;  ///< Of the head itself.
  };

  common::Status store(State state);
  common::Status flush();
  common::Status end_writing();
  common::Status read_head(Head& head);
  common::Status check_security(const Head& head);

  static constexpr size_t kBufferBytes = 8192;

  FileStore& files_;
  KeyValueStore& state_;
  common::LogSink& log_;
  const Version version_;
  const uint32_t slot_bytes_;
  uint32_t security_;  ///< Never decreases.
  common::Result<uint32_t> outdated_ = common::Status::kNotFound;
  State now_ = State::kNormal;
  Version installed_;  ///< Confirmed image; empty = the program itself.
  Version candidate_;  ///< Image that was chosen.
  uint32_t stored_ = 0;
  bool is_unread_ = true;    ///< It could not be read how much there is.
  bool is_written_ = false;  ///< Since the start: an image ends where writing ends.
  bool is_whole_ = false;    ///< All of the image is in the slot.
  size_t buffered_ = 0;
  uint8_t buffer_[kBufferBytes] = {};
  bool is_verifying_ = false;
  Head head_;
  uint32_t verified_ = 0;
  uint32_t crc_ = 0;
};

}  // namespace platform
