#include "gateway/volume_start.hpp"

namespace gateway {

LOG_MODULE("gateway.volume");

using common::Status;
using platform::VolumeState;

VolumeState start_volume(platform::Volume& volume, const char* what, common::LogSink& log) {
  Status status = volume.mount();
  if (status == Status::kOk) return VolumeState::kReady;
  const bool is_blank = status == Status::kCorrupt && volume.is_blank();
  // The supply may not have been steady yet: what one look finds damaged is looked at again.
  if (!is_blank) status = volume.mount();
  if (status == Status::kOk) return VolumeState::kReady;
  if (status != Status::kCorrupt) {
    LOG_ERROR(log, "the place of %s cannot be used (%s)", what, to_string(status));
    return VolumeState::kFailed;
  }
  if (is_blank) {
    LOG_INFO(log, "the place of %s is new", what);
  } else {
    LOG_ERROR(log, "the place of %s is damaged: formatted, what was there is lost", what);
  }
  status = volume.format();
  if (status == Status::kOk) status = volume.mount();
  if (status == Status::kOk) return is_blank ? VolumeState::kReady : VolumeState::kFormatted;
  LOG_ERROR(log, "the place of %s could not be formatted (%s)", what, to_string(status));
  return VolumeState::kFailed;
}

}  // namespace gateway
