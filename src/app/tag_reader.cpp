#include "app/tag_reader.hpp"

namespace app {

using common::Status;

Status TagReader::begin(const gateway::Settings& settings, common::Instant now,
                        common::FixedString<159>& error) {
  constexpr uint8_t kAllConnectors = 0;
  const gateway::SettingText kind = settings.text("reader");
  const gateway::SettingText format_name = settings.text("tag_format");
  const auto is = [](const gateway::SettingText& text, const char* word) {
    return common::equals(text.span(), common::text(word));
  };
  if (!is(format_name, "hex") && !is(format_name, "decimal")) {
    error = common::FixedString<159>("tag_format must be hex or decimal");
    return Status::kInvalidArgument;
  }
  const bridge::TagFormat format =
      is(format_name, "hex") ? bridge::TagFormat::kHex : bridge::TagFormat::kDecimal;
  if (is(kind, "none")) return Status::kOk;
  const bool is_serial = is(kind, "rdm6300") || is(kind, "pn532");
  if (!is_serial && !is(kind, "wiegand")) {
    error = common::FixedString<159>("reader must be none, rdm6300, pn532 or wiegand");
    return Status::kInvalidArgument;
  }
  if (is_serial && ports_.serial != nullptr) {
    if (is(kind, "rdm6300")) {
      reader_ = &rdm6300_.emplace(*ports_.serial, policy_, kAllConnectors, format);
    } else {
      reader_ = &pn532_.emplace(*ports_.serial, policy_, kAllConnectors, format);
    }
  } else if (!is_serial && ports_.pulses != nullptr) {
    reader_ = &wiegand_.emplace(*ports_.pulses, ports_.d0_pin, ports_.d1_pin, policy_,
                                kAllConnectors, format);
  }
  if (reader_ == nullptr) return Status::kOk;  // no place for one: natively without --reader
  if (reader_->begin(now) == Status::kOk) return Status::kOk;
  error = common::FixedString<159>(is_serial ? "the tag reader's serial device cannot be used"
                                             : "the tag reader's pins cannot be used");
  return Status::kIo;
}

common::Instant TagReader::step(common::Instant now) {
  if (reader_ == nullptr) return common::Instant::never();
  const common::Instant next = reader_->step(now);
  policy_.set_reader_health(reader_->is_healthy(), now);
  return next;
}

}  // namespace app
