#pragma once

#include "common/limits.hpp"
#include "platform/file_transfer.hpp"
#include "platform/firmware.hpp"

namespace gateway {

enum class JobState : uint8_t { kIdle, kRunning, kDone, kFailed };

/// Fetches an image into the other slot, checks and activates it, for an engine that leaves that to its surroundings.
/// Attempts and statuses are the engine's; a connection that broke after at least kProgressBytes goes on within the attempt.
/// @par Context  Loop thread; a call moves at most kPiece bytes.
class ImageDownload {
 public:
  /// Any may be nullptr: then begin() fails.
  ImageDownload(platform::FileTransfer* transfer, platform::Firmware* firmware)
      : transfer_(transfer), firmware_(firmware) {}
  bool is_offered() const { return transfer_ != nullptr && firmware_ != nullptr; }

  /// What was running ends. @retval kUnsupported  Not offered, or not a URL of the platform.  @retval kIo
  common::Status begin(common::TextSpan url);
  void step();
  JobState download() const { return download_; }
  uint32_t bytes() const { return bytes_; }
  /// Checks and activates what was fetched; the next restart runs it.
  void install() { install_ = JobState::kRunning; }
  JobState installation() const { return install_; }

  static constexpr size_t kPiece = 1024;
  static constexpr uint32_t kProgressBytes = 64 * 1024;

 private:
  common::Status start();
  void on_end();
  void fetch();

  platform::FileTransfer* transfer_;
  platform::Firmware* firmware_;
  JobState download_ = JobState::kIdle;
  JobState install_ = JobState::kIdle;
  common::FixedString<limits::kMaxLocationBytes> url_;
  uint32_t begun_at_ = 0;  ///< Bytes that were there when the connection was made.
  bool is_first_ = false;  ///< Nothing came over it so far.
  uint32_t bytes_ = 0;
  size_t held_ = 0;  ///< Bytes of buffer_ that are not written yet.
  uint8_t buffer_[kPiece] = {};
};

/// Sends a text to a server.
/// @par Context  Loop thread.
class TextUpload {
 public:
  TextUpload(platform::FileTransfer* transfer, platform::TextSource* source)
      : transfer_(transfer), source_(source) {}
  bool is_offered() const { return transfer_ != nullptr && source_ != nullptr; }

  /// What it fails with shows in state() after the next step(), never at once: statuses have to be told in their order.
  /// @param url       At most limits::kMaxLocationBytes.
  /// @param from, to  See platform::TextSource.
  void begin(common::TextSpan url, common::UtcTime from, common::UtcTime to);
  void step();
  JobState state() const { return state_; }

 private:
  static constexpr int kPieces = 4;  ///< In one step.

  common::Status start();

  platform::FileTransfer* transfer_;
  platform::TextSource* source_;
  JobState state_ = JobState::kIdle;
  bool is_begun_ = false;
  bool is_finished_ = false;
  common::UtcTime from_;
  common::UtcTime to_;
  common::FixedString<limits::kMaxLocationBytes> url_;
};

}  // namespace gateway
