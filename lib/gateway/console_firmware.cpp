#include "gateway/console.hpp"
#include "gateway/console_arguments.hpp"
#include "gateway/json_members.hpp"

namespace gateway {

using common::Instant;
using common::Status;
using common::TextSpan;

bool Console::firmware(Arguments& arguments, json::Writer& out, Error& error, Instant now) {
  static constexpr const char* kBoots[] = {"normal", "trial", "rolled back"};
  const TextSpan verb = arguments.word();
  if (is_word(verb, "update")) {
    const TextSpan url = arguments.rest();
    if (url.empty()) return false;
    if (parts_.firmware == nullptr) {
      error = Error("this gateway has no place for firmware images");
      return false;
    }
    switch (parts_.engine.update_firmware(url, now)) {
      case Status::kOk:
        return true;
      case Status::kUnsupported:
        error = Error(
            "only signed images are taken, and there is no root of the manufacturer to "
            "check them with; the setting unsigned_fw allows others");
        break;
      case Status::kInvalidState:
        error = Error("an image is being installed");
        break;
      case Status::kInvalidArgument:
        error = Error("the URL is too long");
        break;
      default:
        error = Error("the order could not be stored");
    }
    return false;
  }
  if (is_word(verb, "confirm")) {
    switch (parts_.engine.confirm_firmware(now)) {
      case Status::kOk:
        return true;
      case Status::kInvalidState:
        error = Error("no image is on trial");
        break;
      default:
        error =
            Error("the decision could not be stored: the image is given up at the next restart");
    }
    return false;
  }
  if (!verb.empty()) return false;
  const FileJobs jobs = parts_.engine.file_jobs();
  if (parts_.firmware != nullptr) {
    member(out, "version", parts_.firmware->version().span());
    member(out, "boot", kBoots[static_cast<size_t>(parts_.firmware->boot())]);
    member(out, "security_version", static_cast<int64_t>(parts_.firmware->security_version()));
    if (const common::Result<uint32_t> outdated = parts_.firmware->outdated(); outdated.ok())
      member(out, "outdated_security_version", static_cast<int64_t>(outdated.value()));
  }
  member(out, "update", jobs.firmware);
  member(out, "received_bytes", jobs.firmware_bytes);
  member(out, "diagnostics", jobs.diagnostics);
  if (parts_.transfer != nullptr) {
    const platform::TransferStatus& transfer = parts_.transfer->status();
    member(out, "total_bytes", transfer.total_bytes);
    if (!transfer.error.empty()) member(out, "last_error", transfer.error.span());
  }
  return true;
}

}  // namespace gateway
