#include "simulation/file_books.hpp"

#include "common/crc32.hpp"

#include <algorithm>
#include <cstdio>

namespace simulation {
namespace {

struct Step {
  const char* before;
  const char* after;
};
constexpr Step kFirmwareSteps[] = {
    {"Downloading", "DownloadFailed"}, {"Downloading", "Downloaded"},
    {"Downloaded", "Installing"},      {"Installing", "InstallationFailed"},
    {"Installing", "Installed"},
};
constexpr Step kDiagnosticsSteps[] = {{"Uploading", "UploadFailed"}, {"Uploading", "Uploaded"}};

}  // namespace

bool FileBooks::is_final(const std::string& status) {
  static const char* const kFinal[] = {"Idle",      "DownloadFailed", "InstallationFailed",
                                       "Installed", "UploadFailed",   "Uploaded"};
  return std::any_of(std::begin(kFinal), std::end(kFinal),
                     [&](const char* one) { return status == one; });
}

bool FileBooks::can_follow(const std::string& before, const std::string& status) const {
  if (before == status) return true;  // not answered before
  const auto is_step = [&](const Step& step) {
    return before == step.before && status == step.after;
  };
  return job_ == Job::kFirmware
             ? std::any_of(std::begin(kFirmwareSteps), std::end(kFirmwareSteps), is_step)
             : std::any_of(std::begin(kDiagnosticsSteps), std::end(kDiagnosticsSteps), is_step);
}

std::string FileBooks::on_status(const std::string& status) {
  std::set<std::string> after;
  if (is_triggered_) after = last_;
  const bool is_first = status == (job_ == Job::kFirmware ? "Downloading" : "Uploading");
  if ((is_first && (is_ordered_ || may_repeat_)) ||
      std::any_of(last_.begin(), last_.end(),
                  [&](const std::string& before) { return can_follow(before, status); }))
    after.insert(status);
  if (is_first) is_ordered_ = false;
  if (after.empty()) {
    return "the status " + status + " of a file cannot follow " + *last_.begin();
  }
  last_ = after;
  return "";
}

std::string FirmwareImage::url(int number) {
  return "http://files.example/firmware-" + std::to_string(number) + ".bin";
}

std::string FirmwareImage::version(int number) { return "1.0." + std::to_string(number); }

std::string FirmwareImage::content(int number) {
  const size_t size = 3000 + 5000 * static_cast<size_t>(number);
  std::string body(size, ' ');
  for (size_t i = 0; i < size; ++i) body[i] = static_cast<char>(i * 31 + i / 251);
  uint32_t crc = common::crc32(common::as_bytes(common::TextSpan(body.data(), body.size())));
  if (number == kDamaged) crc ^= 1;
  char text[9];
  std::snprintf(text, sizeof text, "%08x", static_cast<unsigned>(crc));
  return "VEVGW-FIRMWARE 1\nversion " + version(number) + "\nsize " + std::to_string(size) +
         "\ncrc32 " + text + "\nstarts " + (number == kCrashes ? "no" : "yes") + "\n\n" + body;
}

bool FirmwareImage::is_runnable(const std::string& running) {
  return running != version(kCrashes) && running != version(kDamaged);
}

}  // namespace simulation
