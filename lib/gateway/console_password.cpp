#include "gateway/console.hpp"
#include "gateway/console_arguments.hpp"
#include "gateway/json_members.hpp"

namespace gateway {

LOG_MODULE("gateway.console");

using common::Instant;
using common::TextSpan;

bool Console::login(Arguments& arguments, json::Writer&, Error& error, Instant now) {
  if (parts_.lock == nullptr) {
    error = Error("no password is set");
    return false;
  }
  return parts_.lock->login(arguments.rest(), now, error);
}

bool Console::logout(Arguments&, json::Writer& out, Error& error, Instant) {
  if (parts_.lock == nullptr || !parts_.lock->has_password()) {
    error = Error("no password is set");
    return false;
  }
  parts_.lock->lock();
  flag(out, "locked", true);
  return true;
}

bool Console::password(Arguments& arguments, json::Writer& out, Error& error, Instant) {
  const TextSpan verb = arguments.word();
  const bool has_password = parts_.lock != nullptr && parts_.lock->has_password();
  if (verb.empty()) {
    flag(out, "password", has_password);
    return true;
  }
  if (parts_.lock == nullptr) {
    error = Error("this gateway has no store for a password");
    return false;
  }
  if (is_word(verb, "set")) return parts_.lock->change(arguments.rest(), error);
  if (!is_word(verb, "remove")) return false;
  if (!parts_.lock->remove()) {
    error = Error("the password could not be removed");
    return false;
  }
  flag(out, "password", false);
  return true;
}

/// Answers the command whose password was being looked at.
void Console::step_lock(Instant now) {
  if (parts_.lock == nullptr) return;
  const ConsoleLock::Outcome outcome = parts_.lock->step(now);
  switch (outcome) {
    case ConsoleLock::Outcome::kNone:
      return;
    case ConsoleLock::Outcome::kWrong:
      LOG_WARN(parts_.log, "a wrong console password");
      write_failure(pending_id_, common::text("that is not the password"));
      return;
    case ConsoleLock::Outcome::kNotStored:
      write_failure(pending_id_, common::text("the password could not be stored"));
      return;
    case ConsoleLock::Outcome::kUnlocked:
    case ConsoleLock::Outcome::kChanged:
      break;
  }
  json::Writer writer(reply_);
  begin_reply(writer, pending_id_, true);
  if (outcome == ConsoleLock::Outcome::kUnlocked) {
    flag(writer, "locked", false);
  } else {
    flag(writer, "password", true);
  }
  writer.end_object();
  (void)parts_.output.write_line(writer.text());
}

}  // namespace gateway
