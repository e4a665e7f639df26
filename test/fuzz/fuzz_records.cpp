// Fuzz target of what is read from flash. The first byte chooses.
//  - Even: the second byte is the type of a record (the one after the last: a charging profile), the
//    rest its image. What can be decoded is written back as an image that reads the same.
//  - Odd: a whole log file, in pieces of a type byte, a length byte and that many bytes. Type 255 puts
//    the bytes into the file as they are, any other makes a sound frame with them as payload.
//
// Whatever lies on flash: no crash; the store loads, gives each message once in ascending order, comes
// to an end and loads the same a second time - unless it says that newer firmware has locked the log.
// A file that is only damaged, without sound frames full of nonsense, takes a new transaction too.
#include "ocpp/charging_profile.hpp"
#include "ocpp/records.hpp"
#include "ocpp/transaction_store.hpp"
#include "platform/record_log.hpp"
#include "platform_sim/recording_log_sink.hpp"
#include "platform_sim/sim_file_store.hpp"

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

using common::ByteSpan;
using common::MutableByteSpan;
using common::Status;

constexpr const char* kFile = "transactions.log";
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
bool make_file(platform_sim::SimFileStore& files, const uint8_t* data, size_t size) {
  bool has_nonsense = false;
  size_t at = 0;
  while (at + 2 <= size) {
    const uint8_t type = data[at];
    const size_t length = data[at + 1] < size - at - 2 ? data[at + 1] : size - at - 2;
    const ByteSpan bytes(data + at + 2, length);
    at += 2 + length;
    if (type == 255) {
      (void)files.append(kFile, bytes);
      continue;
    }
    has_nonsense = true;
    platform::RecordLog log(files, kFile, 65536);
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
  const bool has_nonsense = make_file(files, data, size);
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  if (data[0] % 2 == 0) {
    // A copy of the exact size: sanitizers see whoever reads beyond its end.
    const std::vector<uint8_t> image(data + 2, data + size);
    read_image(data[1], ByteSpan(image.data(), image.size()));
  } else {
    read_log(data + 1, size - 1);
  }
  return 0;
}
