// The command `certificate`, and the lines of PEM text that follow it.

#include "gateway/certificate_desk.hpp"
#include "gateway/console.hpp"
#include "gateway/console_arguments.hpp"
#include "gateway/json_members.hpp"

namespace gateway {

using common::Instant;
using common::TextSpan;

bool Console::certificate(Arguments& arguments, json::Writer& out, Error& error, Instant now) {
  CertificateDesk* const desk = parts_.certificates;
  if (desk == nullptr) {
    error = Error("this gateway keeps no certificates");
    return false;
  }
  const TextSpan verb = arguments.word();
  const TextSpan what = arguments.word();
  using Text = CertificateDesk::Text;
  if (is_word(verb, "list")) return desk->list(out, error);
  if (!not_started_.empty()) {
    error = Error("the gateway does not work yet: status tells why");
    return false;
  }
  if (is_word(verb, "request")) {
    if (!desk->request(now, error)) return false;
    await_certificate(now);
    return true;
  }
  if (is_word(verb, "accept")) return begin_text(Text::kClientChain, error, now);
  if (is_word(verb, "install") && is_word(what, "csms"))
    return begin_text(Text::kCsmsRoot, error, now);
  if (is_word(verb, "install") && is_word(what, "manufacturer"))
    return begin_text(Text::kManufacturerRoot, error, now);
  int32_t id = 0;
  if (is_word(verb, "delete") && parse_integer(what, id) && id > 0)
    return desk->remove(static_cast<uint32_t>(id), now, error);
  return false;
}

bool Console::begin_text(CertificateDesk::Text what, Error& error, Instant now) {
  if (!parts_.certificates->open(what, error)) return false;
  certificate_ = CertificateWork::kText;
  certificate_until_ = now + kTextLineMs;
  is_text_too_long_ = false;
  // Whoever sends text at once would have its lines taken for commands if the command is refused.
  json::Writer writer = begin_event("input");
  member(writer, "until", "end");
  member(writer, "timeout_ms", kTextLineMs);
  send_event(writer);
  return true;
}

void Console::await_certificate(Instant now) {
  certificate_ = CertificateWork::kRunning;
  certificate_until_ = now + kCertificateMs;
}

void Console::take_text_line(TextSpan line, Instant now) {
  if (line[0] == '#' && !is_line_too_long_) {
    end_text("another command came before the line 'end': nothing was taken");
    handle_line(line, now);
    return;
  }
  certificate_until_ = now + kTextLineMs;
  if (is_word(line, "cancel")) {
    end_text("cancelled: nothing was taken");
  } else if (!is_word(line, "end")) {
    // The rest is swallowed all the same: its lines are no commands.
    is_text_too_long_ = is_text_too_long_ || is_line_too_long_ || !parts_.certificates->put(line) ||
                        !parts_.certificates->put(common::text("\n"));
  } else if (is_text_too_long_) {
    end_text("the text is too long: at most 10000 characters, 640 in a line");
  } else {
    Error error;
    if (parts_.certificates->submit(now, error)) {
      await_certificate(now);
    } else {
      end_text(error.c_str());
    }
  }
}

void Console::end_text(const char* sentence) {
  parts_.certificates->drop();
  certificate_ = CertificateWork::kNone;
  write_failure(pending_id_, common::text(sentence));
}

/// Answers the command whose text came whole, or did not, or whose request was made.
void Console::step_certificates(Instant now) {
  if (certificate_ == CertificateWork::kNone) return;
  if (certificate_ == CertificateWork::kText) {
    if (now >= certificate_until_)
      end_text("no line came for 30 s, and no 'end': nothing was taken");
    return;
  }
  json::Writer writer(reply_);
  begin_reply(writer, pending_id_, true);
  Error error;
  switch (parts_.certificates->step(writer, error)) {
    case CertificateDesk::Step::kNone:
      if (now >= certificate_until_)
        end_text(
            "this takes longer than 3 minutes: certificate list tells later what became of it");
      return;
    case CertificateDesk::Step::kFailed:
      end_text(error.c_str());
      return;
    case CertificateDesk::Step::kDone:
      break;
  }
  certificate_ = CertificateWork::kNone;
  writer.end_object();
  (void)parts_.output.write_line(writer.text());
}

}  // namespace gateway
