#pragma once

#include "ocpp/security/security_log.hpp"
#include "platform/file_transfer.hpp"

namespace ocpp {

/// The security log as JSON lines, for upload: a head with the hash that the first entry is chained to, then one line for each
/// entry. docs/security-log.md describes them.
class SecurityLogText final : public platform::TextSource {
 public:
  /// Both outlive it.
  SecurityLogText(const SecurityLog& log, const ClockSync& clock) : log_(log), clock_(clock) {}

  /// @retval kNotFound  The period ends before it begins, or has not begun.
  common::Status rewind(common::UtcTime from, common::UtcTime to) override;
  common::TextSpan piece() override;
  void next() override;

 private:
  void write_head();
  bool write_entry();

  const SecurityLog& log_;
  const ClockSync& clock_;
  common::UtcTime from_;
  common::UtcTime to_;
  SecurityLog::Reader reader_;
  bool is_at_head_ = true;
  bool is_at_end_ = true;
  size_t size_ = 0;  ///< Of the line that waits; 0 = none.
  char line_[512] = {};
};

}  // namespace ocpp
