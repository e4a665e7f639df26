#pragma once

#include "gateway/console_output.hpp"
#include "gateway/ocpp_engine.hpp"
#include "gateway/record_tag_mask.hpp"
#include "gateway/settings.hpp"
#include "gateway/storage_report.hpp"
#include "json/writer.hpp"
#include "platform/file_store.hpp"
#include "platform/file_transfer.hpp"

namespace gateway {

/// What the report is made from. All must outlive it.
struct DiagnosticsParts {
  const OcppEngine& engine;
  const Settings& settings;
  const platform::Device& device;
  const platform::Clock& clock;
  const ConsoleLog& log;
  platform::FileStore& files;
  const char* firmware_version;  ///< Static.
  const char* identity;
  const StorageReport* storage = nullptr;  ///< nullptr = not watched.
};

/// Diagnostics as JSON lines, made one line at a time: who the gateway is, its settings and OCPP configuration (of
/// secrets only whether they are set), connectors and open transactions, messages by action, the last log lines,
/// and the transaction records as they are on flash (hex), but for id tags. docs/diagnostics.md lists the lines.
/// @par Context  Loop thread. Does not allocate.
class DiagnosticsReport final : public platform::TextSource {
 public:
  explicit DiagnosticsReport(const DiagnosticsParts& parts) : parts_(parts) {}
  /// @param connectors  1..limits::kMaxConnectors
  void begin(uint8_t connectors) { connectors_ = connectors; }

  /// The period limits log lines; the rest is the present state.
  /// @retval kNotFound  The period ends before it begins, or has not begun.
  common::Status rewind(common::UtcTime from, common::UtcTime to) override;
  common::TextSpan piece() override;
  void next() override;

 private:
  enum Section : uint8_t {
    kGateway,
    kSettings,
    kKeys,
    kConnectors,
    kActions,
    kLog,
    kRecords,
    kEnd
  };

  bool write_line(json::Writer& out);
  bool write_gateway(json::Writer& out) const;
  bool write_setting(json::Writer& out) const;
  bool write_key(json::Writer& out) const;
  bool write_connector(json::Writer& out) const;
  bool write_action(json::Writer& out) const;
  bool write_log(json::Writer& out);
  bool write_record(json::Writer& out);
  common::UtcTime utc_of(common::Instant at) const;

  const DiagnosticsParts parts_;
  uint8_t connectors_ = 0;
  common::UtcTime from_;
  common::UtcTime to_;
  uint8_t section_ = kEnd;
  uint32_t index_ = 0;  ///< Within the section.
  uint32_t lines_ = 0;
  size_t size_ = 0;  ///< Of the line that waits; 0 = none.
  RecordTagMask tags_;
  char line_[1024] = {};
};

}  // namespace gateway
