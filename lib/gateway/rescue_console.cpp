#include "gateway/rescue_console.hpp"

#include "gateway/crash_members.hpp"
#include "gateway/json_members.hpp"
#include "gateway/settings.hpp"
#include "gateway/words.hpp"

#include <cstdio>

namespace gateway {

LOG_MODULE("gateway.rescue");

using common::Instant;
using common::Status;
using common::TextSpan;

void RescueConsole::begin(uint32_t wanted_bytes, Instant now) {
  char text[160];
  std::snprintf(text, sizeof text,
                "not enough memory: %lu bytes are wanted, %lu are free, %lu in one block",
                static_cast<unsigned long>(wanted_bytes),
                static_cast<unsigned long>(parts_.device.heap().free),
                static_cast<unsigned long>(parts_.device.heap().largest_block));
  why_ = common::FixedString<159>(text);
  parts_.crashes.begin(parts_.device.reset_cause(), now);
  parts_.lock.begin(now);
  restart_at_ = now + kRetryMs;
  LOG_ERROR(parts_.log, "%s", text);
  if (parts_.firmware.boot() != platform::Firmware::Boot::kTrial) return;
  LOG_ERROR(parts_.log, "this image does not start the gateway: back to the one before");
  if (parts_.firmware.roll_back() == Status::kOk) restart_at_ = now + kRebootDelayMs;
}

Instant RescueConsole::step(Instant now) {
  parts_.device.feed_watchdog();
  answer_login(now);
  if (!parts_.lock.is_busy()) read(now);
  (void)parts_.output.flush();
  if (now >= restart_at_) parts_.device.reboot();
  if (parts_.lock.is_busy()) return now;
  return common::earlier(restart_at_, common::earlier(parts_.crashes.step(now), now + 1000));
}

void RescueConsole::read(Instant now) {
  uint8_t bytes[32];
  for (;;) {
    const common::Result<size_t> got = parts_.input.read(bytes);
    if (!got.ok() || got.value() == 0) return;
    for (size_t i = 0; i < got.value(); ++i) {
      const char c = static_cast<char>(bytes[i]);
      if (c == '\n' || c == '\r') {
        if (size_ > 0 && !parts_.lock.is_busy()) handle(TextSpan(line_, size_), now);
        size_ = 0;
        is_too_long_ = false;
      } else if (size_ < sizeof line_) {
        line_[size_++] = c;
      } else {
        is_too_long_ = true;
      }
    }
  }
}

void RescueConsole::handle(TextSpan line, Instant now) {
  int32_t id = 0;
  Words words(line);
  TextSpan command = words.word();
  if (command[0] == '#') {
    if (!parse_integer(command.subspan(1), id) || id < 0) id = 0;
    command = words.word();
  }
  ConsoleLock::Error error;
  if (!is_too_long_ && is_word(command, "status")) {
    char text[1024];
    json::Writer out(text);
    begin_reply(out, id, true);
    write_status(out, now);
    out.end_object();
    (void)parts_.output.write_line(out.text());
    return;
  }
  if (!is_too_long_ && is_word(command, "login")) {
    login_id_ = id;
    if (!parts_.lock.login(words.rest(), now, error)) reply(id, error.span());
    return;
  }
  const bool is_reset = is_word(command, "factory-reset");
  if (is_too_long_ || !(is_reset || is_word(command, "reboot"))) {
    char text[256];
    std::snprintf(text, sizeof text,
                  "%s; only status, login, reboot and factory-reset CONFIRM work: flash another "
                  "image",
                  why_.c_str());
    return reply(id, common::text(text));
  }
  if (parts_.lock.is_locked()) {
    return reply(id, common::text("the console is locked: login PASSWORD"));
  }
  if (is_reset && !factory_reset(words.word(), now, error)) return reply(id, error.span());
  reply(id, TextSpan());
  restart_at_ = now + kRebootDelayMs;
}

bool RescueConsole::factory_reset(TextSpan word, Instant now, ConsoleLock::Error& error) {
  const bool discards = is_word(word, "DISCARD");
  if (!discards && !is_word(word, "CONFIRM")) {
    error = ConsoleLock::Error("this erases everything; say factory-reset CONFIRM");
  } else if (!discards && parts_.reset.loses_money(nullptr, 0, now, error)) {
    (void)error.append(common::text("; to lose them say factory-reset DISCARD"));
  } else if (parts_.reset.request() != Status::kOk) {
    error = ConsoleLock::Error("the flash takes no mark: nothing is erased");
  }
  return error.empty();
}

void RescueConsole::answer_login(Instant now) {
  switch (parts_.lock.step(now)) {
    case ConsoleLock::Outcome::kUnlocked:
      return reply(login_id_, TextSpan());
    case ConsoleLock::Outcome::kWrong:
      return reply(login_id_, common::text("that is not the password"));
    case ConsoleLock::Outcome::kNone:
    case ConsoleLock::Outcome::kChanged:
    case ConsoleLock::Outcome::kNotStored:
      return;
  }
}

/// @param error  Empty = it worked.
void RescueConsole::reply(int32_t id, TextSpan error) {
  char text[400];
  json::Writer out(text);
  begin_reply(out, id, error.empty());
  if (!error.empty()) {
    out.key("error");
    out.string(error);
  }
  out.end_object();
  (void)parts_.output.write_line(out.text());
}

void RescueConsole::write_status(json::Writer& out, Instant now) const {
  const platform::HeapFigures heap = parts_.device.heap();
  member(out, "version", parts_.version);
  member(out, "serial_number", parts_.device.serial_number().span());
  member(out, "not_started", why_.span());
  member(out, "uptime_ms", parts_.log.uptime_ms());
  member(out, "reset_cause", parts_.device.reset_reason());
  member(out, "mode", to_string(CrashGuard::Mode::kConsoleOnly));
  member(out, "mode_ends_in_ms", restart_at_ - now);
  member(out, "crashes", parts_.crashes.total());
  write_crash(out, parts_.device);
  member(out, "heap_free", heap.free);
  member(out, "heap_minimum_free", heap.minimum_free);
  member(out, "heap_largest_block", heap.largest_block);
}

}  // namespace gateway
