#pragma once

#include "common/fixed_string.hpp"
#include "common/log.hpp"
#include "common/time.hpp"
#include "ocpp/clock_sync.hpp"
#include "platform/key_value_store.hpp"
#include "platform/record_log.hpp"

namespace ocpp {

/// Security events: OCPP 1.6 security whitepaper ed. 3, 8, and one of ours. Numbers are on flash: never changed or used again.
enum class SecurityEvent : uint8_t {
  FirmwareUpdated = 0,
  FailedToAuthenticateAtCentralSystem = 1,
  CentralSystemFailedToAuthenticate = 2,
  SettingSystemTime = 3,
  StartupOfTheDevice = 4,
  ResetOrReboot = 5,
  SecurityLogWasCleared = 6,
  ReconfigurationOfSecurityParameters = 7,
  MemoryExhaustion = 8,
  InvalidMessages = 9,
  AttemptedReplayAttacks = 10,
  TamperDetectionActivated = 11,
  InvalidFirmwareSignature = 12,
  InvalidFirmwareSigningCertificate = 13,
  InvalidCentralSystemCertificate = 14,
  InvalidChargePointCertificate = 15,
  InvalidTLSVersion = 16,
  InvalidTLSCipherSuite = 17,
  ClockSynchronised = 18,  ///< In the log only: tells when the entries since the start-up were.
};
constexpr uint8_t kSecurityEventCount = 19;
/// "?" for an event of newer firmware.
const char* to_string(SecurityEvent event);
/// Whether the CSMS is told: the critical ones of the list, and those that a rule of the whitepaper has triggered.
bool is_told(SecurityEvent event);

/// One entry of the security log.
struct SecurityEntry {
  static constexpr size_t kMaxInfoBytes = 120;

  uint32_t number = 0;  ///< Rises; never used twice.
  SecurityEvent event = SecurityEvent::StartupOfTheDevice;
  bool is_told = false;    ///< Was meant for the CSMS when it happened.
  common::Instant uptime;  ///< Since the start-up before it.
  common::UtcTime utc;     ///< As known when it happened.
  common::FixedString<kMaxInfoBytes> info;
  uint8_t hash[32] = {};  ///< Chains it to the entry before.
  /// @name The entry before it, for who reads the log in order
  /// @{
  uint32_t before = 0;  ///< Number; 0 = none, or not kept any more.
  uint8_t hash_before[32] = {};
  /// @}
};

/// The security log: the last entries, on flash, and which of them the CSMS knows. After a power cut at any byte an entry
/// is there whole or not at all.
///
/// Each entry carries SHA-256 over the hash of the entry before it, its own content and its number, so that entries which were
/// changed, removed or put in show. How far the log reached is kept apart, so that one which was cut off or deleted shows as well;
/// then SecurityLogWasCleared is its next entry. docs/security-log.md tells how to check an uploaded log.
///
/// File "security.log", a RecordLog (integers little-endian):
///   checkpoint  version u8 = 1, delivered through u32, hash of the entry before the first [32]
///   1 entry     event u8, told u8, uptime i64 (ms), utc i64 (ms, 0 unknown), hash [32], info length u8, info
///   2 delivered through u32
/// Setting "seclog": last entry u32, last entry at which a break of the chain was told u32.
/// @par Context  Loop thread. No heap; 0.8 KiB of stack.
class SecurityLog {
 public:
  /// What computes the chain.
  class Digest {
   public:
    virtual void sha256(common::ByteSpan data, uint8_t (&out)[32]) = 0;

   protected:
    ~Digest() = default;
  };
  static constexpr uint32_t kMaxBytes = 16 * 1024;

  /// All outlive it.
  SecurityLog(platform::FileStore& files, platform::KeyValueStore& settings, Digest& digest,
              common::LogSink& log);

  /// Reads and checks the log. @retval kIo  The flash does not answer: call it again.
  common::Status begin();
  /// False until begin() succeeded: entries get lost.
  bool is_ready() const { return is_ready_; }
  /// The log was cut off, deleted or changed since the last start: SecurityLogWasCleared is due. Once.
  bool take_alarm(common::FixedString<SecurityEntry::kMaxInfoBytes>& why);

  /// Adds an entry. @param info  ASCII; cut to kMaxInfoBytes.
  common::Status add(SecurityEvent event, common::TextSpan info, common::Instant uptime,
                     common::UtcTime utc);
  /// The oldest entry that the CSMS does not know. @retval kNotFound  It knows all.  @retval kIo
  common::Status next_untold(SecurityEntry& out);
  /// The CSMS has it. @retval kIo  Told again after a restart.
  common::Status on_told(uint32_t number);
  bool has_untold() const { return untold_ > 0; }
  uint32_t untold() const { return untold_; }
  /// Number of the last entry.
  uint32_t last() const { return last_; }
  /// Drops the oldest entries in small steps when the log is nearly full. @return Whether there is more to do soon.
  bool maintain();
  /// An entry of this start-up happened before the clock was set, and nothing in the log tells when.
  bool wants_clock() const { return wants_clock_; }

  /// Goes through the log.
  struct Reader {
    platform::RecordLog::Cursor cursor;
    uint32_t last = 0;         ///< Number of the entry read last.
    uint32_t compactions = 0;  ///< As the cursor knows.
    /// @name The entry that the cursor passed last; before the first one what that is chained to
    /// @{
    uint32_t passed = 0;
    uint8_t hash[32] = {};
    /// @}
  };
  /// @retval kNotFound  The end.  @retval kIo
  common::Status read(Reader& reader, SecurityEntry& out) const;
  /// When it happened, as far as that can be told by now; unknown only while the clock is.
  /// @param from  Where to look for later entries: a reader that has just read it spares time.
  common::UtcTime time_of(const SecurityEntry& entry, const ClockSync& clock,
                          const Reader& from) const;
  uint32_t size_bytes() const { return log_.size_bytes(); }

 private:
  class Loader;
  class Keeper;

  static bool decode(const platform::RecordLog::Record& record, SecurityEntry& out);
  void chain(const SecurityEntry& entry, const uint8_t (&before)[32], uint8_t (&out)[32]) const;
  void store_state();
  common::Status read(Reader& reader, SecurityEntry& out, int& records) const;
  bool begin_survey();
  bool survey();
  void begin_compaction(const uint8_t (&anchor)[32]);

  platform::KeyValueStore& settings_;
  Digest& digest_;
  common::LogSink& sink_;
  platform::RecordLog log_;
  bool is_ready_ = false;
  bool is_alarmed_ = false;
  bool wants_clock_ = false;
  uint32_t broken_at_ = 0;      ///< First entry that does not fit, this time.
  uint32_t broken_last_ = 0;    ///< Last one.
  uint32_t known_break_ = 0;    ///< ... that was told already.
  uint32_t last_ = 0;           ///< Entry.
  uint32_t expected_last_ = 0;  ///< As the setting says.
  uint32_t first_of_boot_ = UINT32_MAX;
  uint32_t told_through_ = 0;
  uint32_t untold_ = 0;
  uint32_t keep_from_ = 0;  ///< Of a running compaction, or the survey before it.
  uint32_t lost_ = 0;       ///< Events that it drops untold.
  Reader survey_;           ///< Within what goes.
  Reader next_;             ///< Before the oldest untold entry.
  uint8_t head_[32] = {};   ///< Hash of the last entry.
};

}  // namespace ocpp
