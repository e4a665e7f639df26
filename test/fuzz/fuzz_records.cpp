// Fuzz target of what is read from flash. The first byte chooses.
//  - Even: the second byte is the type of a record (the one after the last: a charging profile), the
//    rest its image. What can be decoded is written back as an image that reads the same.
//  - One more than a multiple of four: a whole log file of transactions, in pieces of a type byte, a length byte and that many bytes. Type 255 puts
//    the bytes into the file as they are, any other makes a sound frame with them as payload.
//  - Three more: the same as a security log, on a medium so small that its ring turns.
//
// Whatever lies on flash: no crash; the store loads, gives each message once in ascending order, comes
// to an end and loads the same a second time - unless it says that newer firmware has locked the log.
// A file that is only damaged, without sound frames full of nonsense, takes a new transaction too. A security log tells that
// it is broken once, can be uploaded whole, and takes entries whose chain holds.
#include "ocpp/charging_profile.hpp"
#include "ocpp/records.hpp"
#include "ocpp/security/security_log_text.hpp"
#include "ocpp/transaction_store.hpp"
#include "platform/record_log.hpp"
#include "platform_sim/recording_log_sink.hpp"
#include "platform_sim/sim_file_store.hpp"
#include "platform_sim/sim_key_value_store.hpp"
#include "security/sha256.hpp"

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

using common::ByteSpan;
using common::MutableByteSpan;
using common::Status;

constexpr const char* kFile = "transactions.log";
constexpr const char* kSecurityFile = "security.log";
constexpr int kMaxMessages = 2000;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

template <typename Record>
void read_back(ByteSpan image) {
  Record record;
  if (ocpp::decode(image, record) != Status::kOk) return;
  uint8_t first[ocpp::kMaxDeadLetterBytes];
  const ByteSpan written = ocpp::encode(record, MutableByteSpan(first));
  Record again;
  require(ocpp::decode(written, again) == Status::kOk, "what was written can be read");
  uint8_t second[ocpp::kMaxDeadLetterBytes];
  const ByteSpan rewritten = ocpp::encode(again, MutableByteSpan(second));
  require(std::vector<uint8_t>(written.begin(), written.end()) ==
              std::vector<uint8_t>(rewritten.begin(), rewritten.end()),
          "an image that was read is written the same");
}

void read_profile(ByteSpan image) {
  ocpp::ChargingProfile profile;
  if (ocpp::decode_profile(image, profile) != Status::kOk) return;
  require(profile.period_count >= 1 && profile.period_count <= limits::kMaxSchedulePeriods,
          "a profile that was read has periods");
}

/// The type after the last.
constexpr uint8_t kProfile = static_cast<uint8_t>(ocpp::RecordType::kLettersCleared) + 1;

void read_image(uint8_t type, ByteSpan image) {
  switch (static_cast<ocpp::RecordType>(type % (kProfile + 1))) {
    case ocpp::RecordType::kCheckpoint:
      return read_back<ocpp::CheckpointRecord>(image);
    case ocpp::RecordType::kStart:
      return read_back<ocpp::StartRecord>(image);
    case ocpp::RecordType::kMeterValuesV1: {
      ocpp::MeterValuesRecord record;
      (void)ocpp::decode_v1(image, record);
      return;
    }
    case ocpp::RecordType::kMeterValues:
    case ocpp::RecordType::kStopData:
      return read_back<ocpp::MeterValuesRecord>(image);
    case ocpp::RecordType::kStop:
      return read_back<ocpp::StopRecord>(image);
    case ocpp::RecordType::kTransactionAssigned:
      return read_back<ocpp::TransactionAssignedRecord>(image);
    case ocpp::RecordType::kDelivered:
    case ocpp::RecordType::kLettersCleared:
      return read_back<ocpp::DeliveredRecord>(image);
    case ocpp::RecordType::kRegister:
      return read_back<ocpp::RegisterRecord>(image);
    case ocpp::RecordType::kBootTime:
      return read_back<ocpp::BootTimeRecord>(image);
    case ocpp::RecordType::kDeadLetter:
      return read_back<ocpp::DeadLetterRecord>(image);
  }
  read_profile(image);
}

struct Ignore final : platform::RecordLog::Visitor {
  void on_record(const platform::RecordLog::Record&) override {}
};

/// @return Whether sound frames with arbitrary contents were made.
bool make_file(platform_sim::SimFileStore& files, const char* name, const uint8_t* data,
               size_t size) {
  bool has_nonsense = false;
  size_t at = 0;
  while (at + 2 <= size) {
    const uint8_t type = data[at];
    const size_t length = data[at + 1] < size - at - 2 ? data[at + 1] : size - at - 2;
    const ByteSpan bytes(data + at + 2, length);
    at += 2 + length;
    if (type == 255) {
      (void)files.append(name, bytes);
      continue;
    }
    has_nonsense = true;
    platform::RecordLog log(files, name, 65536);
    Ignore ignore;
    if (log.load(ignore) != Status::kOk) break;
    // A checkpoint comes only with a compaction, that is in a raw piece.
    if (type != platform::RecordLog::kCheckpointType &&
        bytes.size() <= platform::RecordLog::kMaxPayloadBytes)
      (void)log.append(type, bytes);
  }
  return has_nonsense;
}

/// Delivers all there is. @return How many messages.
int drain(ocpp::TransactionStore& store) {
  (void)store.set_boot_time(common::Instant{1000}, common::UtcTime{1'800'000'000'000});
  ocpp::PendingMessage message;
  uint32_t last = 0;
  int count = 0;
  for (; store.next_pending(message) == Status::kOk; ++count) {
    require(count < kMaxMessages, "the queue comes to an end");
    require(count == 0 || message.sequence > last, "messages come in ascending order");
    last = message.sequence;
    const Status taken =
        message.type == ocpp::RecordType::kStart
            ? store.assign(message.sequence, 7, ocpp::IdTagStatus::kAccepted, ocpp::IdTag())
            : store.mark_delivered(message.sequence);
    require(taken == Status::kOk, "what was given can be acknowledged");
  }
  return count;
}

void read_log(const uint8_t* data, size_t size) {
  platform_sim::SimPower power;
  platform_sim::SimFileStore files(power);
  const bool has_nonsense = make_file(files, kFile, data, size);
  const std::vector<uint8_t> before = files.raw(kFile);
  common::NullLogSink log;
  uint32_t pending = 0;
  {
    ocpp::TransactionStore store(files, log);
    if (store.load() != Status::kOk) {
      require(files.raw(kFile) == before, "a log that is refused is not touched");
      return;
    }
    pending = store.counters().pending_messages;
  }
  ocpp::TransactionStore store(files, log);
  require(store.load() == Status::kOk, "what loaded once loads again");
  require(store.counters().pending_messages == pending, "loading changes no message");
  (void)drain(store);
  if (has_nonsense) return;
  for (uint8_t connector = 1; connector <= limits::kMaxConnectors; ++connector) {
    for (int i = 0; i < 2 && store.open_on(connector) != nullptr; ++i) {
      ocpp::StopRecord stop;
      stop.local_transaction = store.open_on(connector)->start.local_transaction;
      stop.time = store.stamp(common::Instant{2000}, common::UtcTime());
      require(store.end_transaction(stop) == Status::kOk, "an open transaction can be stopped");
    }
  }
  ocpp::StartRecord start;
  start.connector_id = 1;
  start.id_tag = ocpp::IdTag("NEW");
  start.time = store.stamp(common::Instant{3000}, common::UtcTime());
  require(store.begin_transaction(start).ok(), "a new transaction can begin");
  require(drain(store) >= 1, "its start is delivered");
}

struct Digest final : ocpp::SecurityLog::Digest {
  void sha256(ByteSpan data, uint8_t (&out)[32]) override { security::sha256(data, out); }
};

/// @return Entries that an upload holds.
uint32_t upload(const ocpp::SecurityLog& log, common::UtcTime from, common::UtcTime to) {
  ocpp::ClockSync clock;
  clock.set_now(common::Instant{5000});
  (void)clock.set(common::UtcTime{1'800'000'000'000});
  ocpp::SecurityLogText text(log, clock);
  if (text.rewind(from, to) != Status::kOk) return 0;
  uint32_t entries = 0;
  bool has_end = false;
  for (common::TextSpan piece = text.piece(); !piece.empty(); piece = text.piece()) {
    require(!has_end, "nothing stands behind the end");
    require(piece[0] == '{' && piece[piece.size() - 1] == '\n', "a piece is a line");
    has_end = piece[2] == 'e';
    entries += piece[2] == 'n' ? 1 : 0;
    require(entries < kMaxMessages, "an upload comes to an end");
    text.next();
  }
  require(has_end, "an upload has an end");
  return entries;
}

void read_security_log(const uint8_t* data, size_t size) {
  platform_sim::SimPower power;
  platform_sim::SimFileStore files(power);
  platform_sim::SimKeyValueStore settings(power);
  // The setting that tells how far the log has come, then the file.
  const size_t state_size = size < 8 ? size : 8;
  (void)settings.set("seclog", ByteSpan(data, state_size));
  (void)make_file(files, kSecurityFile, data + state_size, size - state_size);
  files.set_capacity(12'800);
  common::NullLogSink sink;
  Digest digest;
  const std::vector<uint8_t> before = files.raw(kSecurityFile);
  {
    ocpp::SecurityLog log(files, settings, digest, sink);
    require(log.begin() == Status::kOk, "a security log begins");
    require(files.raw(kSecurityFile) == before, "reading changes nothing");
    (void)upload(log, common::UtcTime{}, common::UtcTime{});
    (void)upload(log, common::UtcTime{1'700'000'000'000}, common::UtcTime{1'900'000'000'000});
    ocpp::SecurityEntry entry;
    uint32_t last = 0;
    while (log.next_untold(entry) == Status::kOk) {
      require(entry.number > last, "events come in ascending order");
      last = entry.number;
      if (log.on_told(last) != Status::kOk) break;
    }
    for (int i = 0; log.maintain(); ++i) require(i < 10'000, "the ring comes to rest");
    common::FixedString<ocpp::SecurityEntry::kMaxInfoBytes> why;
    (void)log.take_alarm(why);
    require(!log.take_alarm(why), "a break is told once");
    if (log.add(ocpp::SecurityEvent::SecurityLogWasCleared, why.span(), common::Instant{1000},
                common::UtcTime{}) != Status::kOk)
      return;
  }
  ocpp::SecurityLog log(files, settings, digest, sink);
  require(log.begin() == Status::kOk, "what began once begins again");
  common::FixedString<ocpp::SecurityEntry::kMaxInfoBytes> why;
  require(!log.take_alarm(why), "what was told is not told again");
  require(log.has_untold(), "a new event is to be told");
  require(upload(log, common::UtcTime{}, common::UtcTime{}) > 0, "a new entry is uploaded");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  if (data[0] % 2 == 0) {
    // A copy of the exact size: sanitizers see whoever reads beyond its end.
    const std::vector<uint8_t> image(data + 2, data + size);
    read_image(data[1], ByteSpan(image.data(), image.size()));
  } else if (data[0] % 4 == 3) {
    read_security_log(data + 1, size - 1);
  } else {
    read_log(data + 1, size - 1);
  }
  return 0;
}
