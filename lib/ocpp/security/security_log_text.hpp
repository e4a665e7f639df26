#pragma once

#include "json/writer.hpp"
#include "ocpp/security/security_log.hpp"
#include "platform/file_transfer.hpp"

namespace ocpp {

/// The security log as JSON lines, for upload: a head with the hash that the first entry is chained to, one line for each
/// entry, one for entries that are left out between two of them, and an end. docs/security-log.md describes them.
class SecurityLogText final : public platform::TextSource {
 public:
  /// Both outlive it.
  SecurityLogText(const SecurityLog& log, const ClockSync& clock) : log_(log), clock_(clock) {}

  /// @retval kNotFound  The period ends before it begins, or has not begun.
  common::Status rewind(common::UtcTime from, common::UtcTime to) override;
  common::TextSpan piece() override;
  void next() override;

 private:
  enum class Part : uint8_t { kHead, kBody, kNone };

  bool write_head();
  bool write_entry();
  bool write_left_out(const char* why, uint32_t number, const uint8_t (&hash)[32]);
  bool write_end();
  bool end_line(json::Writer& out);

  const SecurityLog& log_;
  const ClockSync& clock_;
  common::UtcTime from_;
  common::UtcTime to_;
  SecurityLog::Reader reader_;
  Part part_ = Part::kNone;
  uint32_t written_ = 0;  ///< Entries.
  /// @name The entry that the next line is about to follow
  /// @{
  uint32_t number_ = 0;
  uint8_t hash_[32] = {};
  /// @}
  size_t size_ = 0;  ///< Of the line that waits; 0 = none.
  char line_[544] = {};
};

}  // namespace ocpp
