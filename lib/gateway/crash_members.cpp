#include "gateway/crash_members.hpp"

#include "gateway/json_members.hpp"

#include <cstdio>

namespace gateway {

bool write_crash(json::Writer& out, const platform::Device& device) {
  platform::CrashSummary crash;
  if (!device.crash(crash)) return false;
  out.key("crash");
  out.begin_object();
  if (!crash.task.empty()) member(out, "task", crash.task.span());
  if (!crash.cause.empty()) member(out, "cause", crash.cause.span());
  if (!crash.image.empty()) {
    member(out, "image", crash.image.span());
    flag(out, "is_this_image", crash.is_this_image);
  }
  if (crash.pc != 0) {
    // Stack pointers are not kept: 0 stands in their place.
    char text[12 + platform::CrashSummary::kMaxBacktrace * 22 + 16];
    int size = std::snprintf(text, sizeof text, "Backtrace:");
    if (crash.depth == 0) crash.backtrace[crash.depth++] = crash.pc;
    for (uint8_t i = 0; i < crash.depth; ++i) {
      size += std::snprintf(text + size, sizeof text - static_cast<size_t>(size),
                            " 0x%08lx:0x00000000", static_cast<unsigned long>(crash.backtrace[i]));
    }
    if (crash.is_corrupt)
      std::snprintf(text + size, sizeof text - static_cast<size_t>(size), " |<-CORRUPTED");
    member(out, "backtrace", text);
  }
  member(out, "dump_bytes", crash.dump_bytes);
  out.end_object();
  return true;
}

}  // namespace gateway
