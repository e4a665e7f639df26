#include "ocpp/security/security_log.hpp"

#include <algorithm>
#include <climits>
#include <cstdio>

LOG_MODULE("ocpp.security.log");

namespace ocpp {

using common::ByteSpan;
using common::MutableByteSpan;
using common::Status;
using platform::RecordLog;

namespace {

constexpr char kFile[] = "security.log";
constexpr char kStateKey[] = "seclog";
constexpr uint8_t kVersion = 1;
constexpr uint8_t kEntryType = 1;
constexpr uint8_t kToldType = 2;
constexpr size_t kHashBytes = 32;
constexpr size_t kHashAt = 18;
constexpr size_t kInfoAt = kHashAt + kHashBytes;
constexpr size_t kMaxEntryBytes = kInfoAt + 1 + SecurityEntry::kMaxInfoBytes;
constexpr size_t kNumberBytes = 4;
constexpr size_t kAnchorAt = 5;
constexpr size_t kCheckpointBytes = kAnchorAt + kHashBytes;
static_assert(kMaxEntryBytes <= RecordLog::kMaxPayloadBytes, "one record");
/// Less than this free: the oldest entries go. Some dozen entries fit while they do.
constexpr uint32_t kLowBytes = 5 * 1024;
/// Read in one turn of the loop before the oldest go.
constexpr int kRecordsPerTurn = 8;

constexpr const char* kNames[kSecurityEventCount] = {"FirmwareUpdated",
                                                     "FailedToAuthenticateAtCentralSystem",
                                                     "CentralSystemFailedToAuthenticate",
                                                     "SettingSystemTime",
                                                     "StartupOfTheDevice",
                                                     "ResetOrReboot",
                                                     "SecurityLogWasCleared",
                                                     "ReconfigurationOfSecurityParameters",
                                                     "MemoryExhaustion",
                                                     "InvalidMessages",
                                                     "AttemptedReplayAttacks",
                                                     "TamperDetectionActivated",
                                                     "InvalidFirmwareSignature",
                                                     "InvalidFirmwareSigningCertificate",
                                                     "InvalidCentralSystemCertificate",
                                                     "InvalidChargePointCertificate",
                                                     "InvalidTLSVersion",
                                                     "InvalidTLSCipherSuite",
                                                     "ClockSynchronised"};

void put(uint8_t* out, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) out[i] = static_cast<uint8_t>(value >> 8U * i);
}

uint64_t take(const uint8_t* in, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) value |= uint64_t{in[i]} << 8U * i;
  return value;
}

/// ASCII without control characters: what an upload tells of it is what the chain covers.
common::FixedString<SecurityEntry::kMaxInfoBytes> printable(common::TextSpan text) {
  char out[SecurityEntry::kMaxInfoBytes];
  const size_t size = std::min(text.size(), sizeof out);
  for (size_t i = 0; i < size; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    out[i] = c < 0x20 || c >= 0x7F ? '?' : text[i];
  }
  return common::FixedString<SecurityEntry::kMaxInfoBytes>(common::TextSpan(out, size));
}

/// @param out  At least kMaxEntryBytes.  @return Its size.
size_t encode(const SecurityEntry& entry, uint8_t* out) {
  out[0] = static_cast<uint8_t>(entry.event);
  out[1] = entry.is_told ? 1 : 0;
  put(out + 2, static_cast<uint64_t>(entry.uptime.ms), 8);
  put(out + 10, static_cast<uint64_t>(entry.utc.ms), 8);
  std::memcpy(out + kHashAt, entry.hash, kHashBytes);
  out[kInfoAt] = static_cast<uint8_t>(entry.info.size());
  std::memcpy(out + kInfoAt + 1, entry.info.c_str(), entry.info.size());
  return kInfoAt + 1 + entry.info.size();
}

bool is_checkpoint(const RecordLog::Record& record) {
  return record.type == RecordLog::kCheckpointType && record.payload.size() >= kCheckpointBytes &&
         record.payload[0] == kVersion;
}

}  // namespace

const char* to_string(SecurityEvent event) {
  const auto index = static_cast<size_t>(event);
  return index < kSecurityEventCount ? kNames[index] : "?";
}

bool is_told(SecurityEvent event) {
  switch (event) {
    case SecurityEvent::FirmwareUpdated:
    case SecurityEvent::SettingSystemTime:
    case SecurityEvent::StartupOfTheDevice:
    case SecurityEvent::ResetOrReboot:
    case SecurityEvent::SecurityLogWasCleared:
    case SecurityEvent::MemoryExhaustion:
    case SecurityEvent::TamperDetectionActivated:
    case SecurityEvent::InvalidFirmwareSignature:
    case SecurityEvent::InvalidFirmwareSigningCertificate:
    case SecurityEvent::InvalidCentralSystemCertificate:
    case SecurityEvent::InvalidChargePointCertificate:
    case SecurityEvent::InvalidTLSVersion:
    case SecurityEvent::InvalidTLSCipherSuite:
      return true;
    case SecurityEvent::FailedToAuthenticateAtCentralSystem:
    case SecurityEvent::CentralSystemFailedToAuthenticate:
    case SecurityEvent::ReconfigurationOfSecurityParameters:
    case SecurityEvent::InvalidMessages:
    case SecurityEvent::AttemptedReplayAttacks:
    case SecurityEvent::ClockSynchronised:
      break;
  }
  return false;
}

/// Replays the log: follows the chain, and finds up to where the CSMS was told.
class SecurityLog::Loader final : public RecordLog::Visitor {
 public:
  explicit Loader(SecurityLog& log) : log_(log) {}

  void on_record(const RecordLog::Record& record) override {
    const ByteSpan payload = record.payload;
    if (is_checkpoint(record)) {
      set_told(record, payload.data() + 1);
      std::memcpy(log_.head_, payload.data() + kAnchorAt, kHashBytes);
    } else if (record.type == kToldType && payload.size() >= 4) {
      set_told(record, payload.data());
    }
    SecurityEntry entry;
    if (!decode(record, entry)) return;
    uint8_t expected[kHashBytes];
    log_.chain(entry, log_.head_, expected);
    if (std::memcmp(expected, entry.hash, kHashBytes) != 0 && entry.number > log_.known_break_) {
      if (log_.broken_at_ == 0) log_.broken_at_ = entry.number;
      log_.broken_last_ = entry.number;
    }
    std::memcpy(log_.head_, entry.hash, kHashBytes);
    log_.last_ = entry.number;
  }

 private:
  /// Nobody knew an entry that was not there yet: who claims that would silence those to come.
  void set_told(const RecordLog::Record& record, const uint8_t* number) {
    const uint32_t most = record.sequence > 0 ? record.sequence - 1 : 0;
    log_.told_through_ = std::min(static_cast<uint32_t>(take(number, 4)), most);
  }

  SecurityLog& log_;
};

/// Keeps the entries from one on.
class SecurityLog::Keeper final : public RecordLog::Filter {
 public:
  explicit Keeper(uint32_t keep_from) : keep_from_(keep_from) {}
  bool may_keep(uint8_t type, uint32_t sequence) override {
    return type != RecordLog::kCheckpointType && sequence >= keep_from_;
  }
  bool keep(const RecordLog::Record&) override { return true; }

 private:
  uint32_t keep_from_;
};

SecurityLog::SecurityLog(platform::FileStore& files, platform::KeyValueStore& settings,
                         Digest& digest, common::LogSink& log)
    : settings_(settings), digest_(digest), sink_(log), log_(files, kFile, kMaxBytes) {}

Status SecurityLog::begin() {
  uint8_t state[16];  // room for fields of later versions
  const common::Result<size_t> size = settings_.get(kStateKey, MutableByteSpan(state));
  if (size.status() == Status::kIo) return Status::kIo;
  if (size.ok() && size.value() >= 8) {
    expected_last_ = static_cast<uint32_t>(take(state, 4));
    known_break_ = static_cast<uint32_t>(take(state + 4, 4));
  }
  last_ = told_through_ = untold_ = broken_at_ = keep_from_ = 0;
  std::memset(head_, 0, sizeof head_);
  Loader loader(*this);
  RETURN_IF_ERROR(log_.load(loader));
  known_break_ = std::min(known_break_, last_);  // numbers may have begun anew
  is_ready_ = true;
  is_alarmed_ = last_ < expected_last_ || broken_at_ != 0;
  first_of_boot_ = log_.next_sequence();
  next_ = Reader();
  Reader reader;
  reader.last = told_through_;
  SecurityEntry entry;
  while (read(reader, entry) == Status::kOk) untold_ += entry.is_told ? 1U : 0U;
  return Status::kOk;
}

bool SecurityLog::take_alarm(common::FixedString<SecurityEntry::kMaxInfoBytes>& why) {
  if (!is_alarmed_) return false;
  is_alarmed_ = false;
  char text[64];
  if (broken_at_ != 0) {
    std::snprintf(text, sizeof text, "the chain of hashes is broken at entry %lu",
                  static_cast<unsigned long>(broken_at_));
    known_break_ = broken_last_;
  } else {
    std::snprintf(text, sizeof text, "entries %lu to %lu are gone",
                  static_cast<unsigned long>(last_) + 1,
                  static_cast<unsigned long>(expected_last_));
  }
  why.assign_truncated(common::text(text));
  return true;
}

bool SecurityLog::decode(const RecordLog::Record& record, SecurityEntry& out) {
  const ByteSpan payload = record.payload;
  if (record.type != kEntryType || payload.size() <= kInfoAt) return false;
  const size_t info_size = payload[kInfoAt];
  if (payload.size() < kInfoAt + 1 + info_size) return false;
  out.number = record.sequence;
  out.event = static_cast<SecurityEvent>(payload[0]);
  out.is_told = payload[1] != 0;
  out.uptime.ms = static_cast<int64_t>(take(payload.data() + 2, 8));
  out.utc.ms = static_cast<int64_t>(take(payload.data() + 10, 8));
  std::memcpy(out.hash, payload.data() + kHashAt, kHashBytes);
  out.info = printable(
      common::TextSpan(reinterpret_cast<const char*>(payload.data()) + kInfoAt + 1, info_size));
  return true;
}

void SecurityLog::chain(const SecurityEntry& entry, const uint8_t (&before)[32],
                        uint8_t (&out)[32]) const {
  uint8_t image[kMaxEntryBytes + kNumberBytes];
  const size_t size = encode(entry, image);
  std::memcpy(image + kHashAt, before, kHashBytes);
  put(image + size, entry.number, kNumberBytes);
  digest_.sha256(ByteSpan(image, size + kNumberBytes), out);
}

Status SecurityLog::add(SecurityEvent event, common::TextSpan info, common::Instant uptime,
                        common::UtcTime utc) {
  if (!is_ready_) return Status::kInvalidState;
  SecurityEntry entry;
  entry.number = log_.next_sequence();
  entry.event = event;
  entry.is_told = ocpp::is_told(event);
  entry.uptime = uptime;
  entry.utc = utc;
  entry.info = printable(info);
  chain(entry, head_, entry.hash);
  uint8_t image[kMaxEntryBytes];
  const size_t size = encode(entry, image);
  const common::Result<uint32_t> number = log_.append(kEntryType, ByteSpan(image, size));
  if (!number.ok()) {
    LOG_ERROR(sink_, "%s not stored (%s)", to_string(event), to_string(number.status()));
    return number.status();
  }
  LOG_INFO(sink_, "%s: %s", to_string(event), entry.info.c_str());
  std::memcpy(head_, entry.hash, kHashBytes);
  last_ = number.value();
  if (entry.is_told) ++untold_;
  wants_clock_ = !utc.is_known();
  store_state();
  return Status::kOk;
}

void SecurityLog::store_state() {
  uint8_t state[8];
  put(state, last_, 4);
  put(state + 4, known_break_, 4);
  if (settings_.set(kStateKey, ByteSpan(state)) != Status::kOk)
    LOG_WARN(sink_, "the end of the log is not noted");
}

Status SecurityLog::read(Reader& reader, SecurityEntry& out) const {
  int records = INT_MAX;
  return read(reader, out, records);
}

/// @param records  That may be read; counts down. @retval kAgain  They are used up.
Status SecurityLog::read(Reader& reader, SecurityEntry& out, int& records) const {
  if (reader.compactions != log_.counters().compactions) {
    const uint32_t last = reader.last;
    reader = Reader();
    reader.last = last;
    reader.compactions = log_.counters().compactions;
  }
  uint8_t buffer[RecordLog::kBufferBytes];
  while (records > 0) {
    --records;
    RecordLog::Record record;
    RETURN_IF_ERROR(log_.read(reader.cursor, MutableByteSpan(buffer), record));
    if (is_checkpoint(record))
      std::memcpy(reader.hash, record.payload.data() + kAnchorAt, kHashBytes);
    if (!decode(record, out)) continue;
    out.before = reader.passed;
    std::memcpy(out.hash_before, reader.hash, kHashBytes);
    reader.passed = out.number;
    std::memcpy(reader.hash, out.hash, kHashBytes);
    if (out.number <= reader.last) continue;
    reader.last = out.number;
    return Status::kOk;
  }
  return Status::kAgain;
}

/// An entry without a time gets it from the first later one of its start-up that has one; else from the next with a time:
/// it was not later than that.
common::UtcTime SecurityLog::time_of(const SecurityEntry& entry, const ClockSync& clock,
                                     const Reader& from) const {
  if (entry.utc.is_known()) return entry.utc;
  if (entry.number >= first_of_boot_) return clock.utc(entry.uptime);
  Reader reader = from;
  reader.last = entry.number;
  bool is_same_boot = true;
  SecurityEntry later;
  while (read(reader, later) == Status::kOk) {
    is_same_boot = is_same_boot && later.event != SecurityEvent::StartupOfTheDevice;
    if (!later.utc.is_known() && later.number >= first_of_boot_)
      later.utc = clock.utc(later.uptime);
    if (!later.utc.is_known()) continue;
    if (!is_same_boot) return later.utc;
    // Without signs: what stands on flash may be anything.
    return common::UtcTime{static_cast<int64_t>(static_cast<uint64_t>(later.utc.ms) +
                                                static_cast<uint64_t>(entry.uptime.ms) -
                                                static_cast<uint64_t>(later.uptime.ms))};
  }
  return clock.utc();
}

Status SecurityLog::next_untold(SecurityEntry& out) {
  if (untold_ == 0) return Status::kNotFound;
  for (;;) {
    Reader ahead = next_;
    const Status status = read(ahead, out);
    if (status == Status::kNotFound) untold_ = 0;  // lost with a damaged record
    RETURN_IF_ERROR(status);
    if (out.is_told && out.number > told_through_) return Status::kOk;
    next_ = ahead;
  }
}

Status SecurityLog::on_told(uint32_t number) {
  if (number <= told_through_) return Status::kOk;
  told_through_ = number;
  if (untold_ > 0) --untold_;
  if (number <= survey_.last && lost_ > 0) --lost_;
  uint8_t through[4];
  put(through, number, 4);
  return log_.append(kToldType, ByteSpan(through)).status();
}

bool SecurityLog::maintain() {
  if (!is_ready_) return false;
  if (log_.is_compacting()) {
    Keeper keeper(keep_from_);
    if (log_.compaction_step(keeper) == Status::kAgain) return true;
    keep_from_ = 0;
    return false;
  }
  if (keep_from_ == 0 && (log_.free_bytes() >= kLowBytes || !begin_survey())) return false;
  return survey();
}

/// The newer half stays, and what the CSMS was not told; of that the oldest eighth goes if nothing else can.
bool SecurityLog::begin_survey() {
  survey_ = Reader();
  lost_ = 0;
  SecurityEntry entry;
  Status status = read(survey_, entry);
  if (status != Status::kOk && status != Status::kNotFound) return false;
  const uint32_t first = status == Status::kOk ? entry.number : 0;
  status = next_untold(entry);
  if (status != Status::kOk && status != Status::kNotFound) return false;
  const uint32_t oldest_untold = status == Status::kOk ? entry.number : UINT32_MAX;
  const uint32_t span = last_ - first;
  keep_from_ = std::max(first + span / 8 + 1, std::min(first + span / 2, oldest_untold));
  survey_ = Reader();
  return true;
}

/// Finds where what stays begins, a few records in each turn. @return Whether there is more to do.
bool SecurityLog::survey() {
  int records = kRecordsPerTurn;
  while (records > 0) {
    Reader ahead = survey_;
    SecurityEntry entry;
    const Status status = read(ahead, entry, records);
    const bool stays = status == Status::kOk && entry.number >= keep_from_;
    if (stays || status == Status::kNotFound) {
      // Of the entry before the first that stays; where none stays, of the last.
      begin_compaction(stays ? entry.hash_before : ahead.hash);
      return log_.is_compacting();
    }
    if (status != Status::kOk && status != Status::kAgain) {
      keep_from_ = 0;
      return false;
    }
    survey_ = ahead;
    if (status == Status::kOk && entry.is_told && entry.number > told_through_) ++lost_;
  }
  return true;
}

void SecurityLog::begin_compaction(const uint8_t (&anchor)[32]) {
  if (lost_ > 0) {
    LOG_ERROR(sink_, "%u events are dropped untold: the log is full", static_cast<unsigned>(lost_));
    told_through_ = keep_from_ - 1;
    untold_ -= std::min(untold_, lost_);
  }
  uint8_t checkpoint[kCheckpointBytes] = {kVersion};
  put(checkpoint + 1, told_through_, 4);
  std::memcpy(checkpoint + kAnchorAt, anchor, kHashBytes);
  if (log_.begin_compaction(ByteSpan(checkpoint)) != Status::kOk) keep_from_ = 0;
}

}  // namespace ocpp
