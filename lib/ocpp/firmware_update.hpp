#pragma once

#include "ocpp/file_job.hpp"
#include "ocpp_messages/enums.hpp"

namespace ocpp {

/// UpdateFirmware (OCPP 1.6 ed. 2, 5.19, 4.5; errata 3.47 to 3.49, 3.63).
///
///     kNone --order--> kWaiting --retrieveDate--> kDownloading --> kDownloaded --all idle--> kInstalling
///                         ^ \___________ retries left ____/ \                                  | verified
///                         |                    DownloadFailed                                  v
///                         +-- power cut                             Installed <-- restart -- kActivating
///
/// While it waits for transactions to end in kDownloaded, and until the restart, connectors that are not in use
/// are Unavailable. The new image is on trial until the CSMS has answered its BootNotification; if that does not
/// happen in time, or it crashes before, the earlier image returns: InstallationFailed.
/// Every change of phase is on flash before it counts: after a power cut it goes on where it stood, a download
/// at the byte where it stood.
class FirmwareUpdate : public FileJob {
 public:
  explicit FirmwareUpdate(Engine& engine) : FileJob(engine, "firmware", "firmware_url") {}

  void begin();
  common::Instant step();
  /// Takes an order and drops an earlier one; the same order once more changes nothing.
  /// @retval kInvalidState  An image is being installed.  @retval kNoSpace, kIo  Not stored.
  common::Status order(const FileOrder& order);
  /// Keeps the image on trial, as the CSMS's answer does. @retval kInvalidState  None is on trial.
  common::Status confirm();

  /// Connectors that are not in use take no new session.
  bool is_blocking() const { return is_blocking_; }
  /// What is told when asked for.
  ocpp_messages::FirmwareStatus status() const;
  static ocpp_messages::FirmwareStatus status_of(uint8_t step);
  uint32_t received_bytes() const { return received_; }

  /// @name For who checks the image before it is installed
  /// @{
  bool is_waiting() const { return phase_ == kWaiting; }
  bool is_downloaded() const { return phase_ == kDownloaded; }
  bool is_activating() const { return phase_ == kActivating; }
  bool is_idle() const { return phase_ == kNone; }
  bool is_installing() const { return phase_ >= kInstalling; }
  /// Gives the image up; what was reached until then is still told. @param is_failure  InstallationFailed, too.
  void abandon(bool is_failure);
  /// Downloads the rest once more.
  void fetch_again() { enter(kWaiting); }
  /// Last step that was reached, or kNoStep.
  using FileJob::kNoStep;
  using FileJob::last_step;
  /// @}

 private:
  enum Phase : uint8_t {
    kNone,
    kWaiting,
    kDownloading,
    kDownloaded,
    kInstalling,
    kActivating,  ///< The other slot was, or was about to be, chosen for the next start.
    kConfirming,  ///< The new image runs and is good.
  };

  void reach(uint8_t phase, uint8_t step);
  void finish(uint8_t step);
  void set_blocking(bool is_blocking);
  common::Instant wait_to_download();
  common::Instant download();
  void on_attempt_failed(bool is_retry_useful, const char* why);
  common::Instant install();
  common::Instant try_out();

  bool is_blocking_ = false;
  bool has_read_ = false;       ///< The server has sent something in this attempt.
  uint32_t received_ = 0;       ///< Bytes in the other slot.
  uint32_t attempt_from_ = 0;   ///< ... when this attempt began.
  common::Instant install_by_;  ///< Longest wait for the CSMS to hear of it.
  common::Instant trial_ends_ = common::Instant::never();
};

}  // namespace ocpp
