#include "doctest_main/doctest_main.hpp"
#include "ocpp/records.hpp"
#include "ocpp/transaction_store.hpp"
#include "platform/record_log.hpp"
#include "platform_sim/recording_log_sink.hpp"
#include "platform_sim/sim_file_store.hpp"

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

using common::ByteSpan;
using common::MutableByteSpan;
using common::Status;
using ocpp::RecordType;

namespace {

using Image = std::vector<uint8_t>;

/// test/vectors/records, whether the suite runs in the project's folder or elsewhere.
std::ifstream open_vectors(const std::string& name) {
  std::ifstream file("test/vectors/records/" + name);
  if (file) return file;
  std::string here = __FILE__;
  here.resize(here.rfind('/'));
  return std::ifstream(here + "/../../vectors/records/" + name);
}

Image from_hex(const std::string& text) {
  Image image;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    image.push_back(static_cast<uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
  }
  return image;
}

const std::map<std::string, Image>& vectors() {
  static const std::map<std::string, Image> images = [] {
    std::map<std::string, Image> result;
    std::ifstream file = open_vectors("records.hex");
    std::string line;
    while (std::getline(file, line)) {
      std::istringstream words(line);
      std::string name;
      std::string hex;
      if (line.empty() || line[0] == '#' || !(words >> name >> hex)) continue;
      result[name] = from_hex(hex);
    }
    return result;
  }();
  return images;
}

ByteSpan vector_of(const std::string& name) {
  const auto found = vectors().find(name);
  REQUIRE_MESSAGE(found != vectors().end(), "no vector " << name);
  return ByteSpan(found->second.data(), found->second.size());
}

Image copy_of(ByteSpan image) { return Image(image.begin(), image.end()); }

template <typename Record>
Record decoded(const std::string& name) {
  Record record;
  REQUIRE(ocpp::decode(vector_of(name), record) == Status::kOk);
  return record;
}

ocpp::MeasuredValues values_behind(ByteSpan image, size_t record_bytes) {
  ocpp::MeasuredValues values;
  ocpp::values_behind(image, record_bytes, values);
  return values;
}

/// "measurand.phase=number" of each value.
std::string text_of(const ocpp::MeasuredValues& values) {
  std::string text;
  size_t offset = 0;
  for (ocpp::MeasuredValues::Value value; values.next(offset, value);) {
    text += std::to_string(static_cast<int>(value.choice.measurand)) + "." +
            std::to_string(value.choice.phase) + "=" + std::to_string(value.number) + " ";
  }
  return text;
}

/// What this firmware writes is, to the byte, the image in the file.
template <typename Record>
void check_current(const std::string& type) {
  CAPTURE(type);
  uint8_t buffer[ocpp::kMaxDeadLetterBytes];
  const Record record = decoded<Record>(type + "-current");
  CHECK(copy_of(ocpp::encode(record, MutableByteSpan(buffer))) ==
        copy_of(vector_of(type + "-current")));
  // Later versions append: the part that is known reads the same.
  const Record longer = decoded<Record>(type + "-longer");
  CHECK(copy_of(ocpp::encode(longer, MutableByteSpan(buffer))) ==
        copy_of(vector_of(type + "-current")));
}

/// Every shorter image is either refused or read without touching what is not there.
template <typename Record>
void check_truncation(const std::string& type, size_t mandatory) {
  CAPTURE(type);
  const ByteSpan image = vector_of(type + "-current");
  for (size_t size = 0; size < image.size(); ++size) {
    const Image copy(image.begin(), image.begin() + size);  // exact size: sanitizers see overreads
    Record record;
    const Status status = ocpp::decode(ByteSpan(copy.data(), copy.size()), record);
    CHECK(status == (size < mandatory ? Status::kCorrupt : Status::kOk));
  }
}

}  // namespace

TEST_CASE("images of this version are the golden ones, and longer images read the same") {
  check_current<ocpp::StartRecord>("start");
  check_current<ocpp::MeterValuesRecord>("reading");
  check_current<ocpp::StopRecord>("stop");
  check_current<ocpp::TransactionAssignedRecord>("assigned");
  check_current<ocpp::DeliveredRecord>("delivered");
  check_current<ocpp::RegisterRecord>("register");
  check_current<ocpp::BootTimeRecord>("boot_time");
  check_current<ocpp::DeadLetterRecord>("dead_letter");
  check_current<ocpp::DeadLetterRecord>("dead_letter_named");
  check_current<ocpp::CheckpointRecord>("checkpoint");
}

// Rules: FP-8
TEST_CASE("cut images are refused unless only optional fields are missing") {
  check_truncation<ocpp::StartRecord>("start", 54);
  check_truncation<ocpp::MeterValuesRecord>("reading", 29 + 19);
  check_truncation<ocpp::StopRecord>("stop", 55);
  check_truncation<ocpp::TransactionAssignedRecord>("assigned", 14);
  check_truncation<ocpp::DeliveredRecord>("delivered", 4);
  check_truncation<ocpp::RegisterRecord>("register", 32);
  check_truncation<ocpp::BootTimeRecord>("boot_time", 20);
  check_truncation<ocpp::DeadLetterRecord>("dead_letter", SIZE_MAX);
  check_truncation<ocpp::CheckpointRecord>("checkpoint", 13);
}

TEST_CASE("every field of the golden images has its value") {
  const auto start = decoded<ocpp::StartRecord>("start-current");
  CHECK(start.local_transaction == 17);
  CHECK(start.connector_id == 2);
  CHECK(start.id_tag == ocpp::IdTag("04A2B3C4D5E680"));
  CHECK(start.meter_start_wh == 1234567);
  CHECK(start.time.boot_id == 3);
  CHECK(start.time.instant.ms == 123456);
  CHECK(start.time.utc.ms == 1767225600789);
  CHECK(start.has_reservation_id);
  CHECK(start.reservation_id == -42);
  CHECK(start.session_marker == 0xDEADBEEF);

  const auto values = decoded<ocpp::MeterValuesRecord>("reading-current");
  CHECK(values.local_transaction == 17);
  CHECK(values.connector_id == 2);
  CHECK(values.context == ocpp::SampleContext::kSampleClock);
  CHECK(values.ordinal == 513);
  CHECK(values.time.utc.ms == 0);
  CHECK(values.time.instant.ms == 183456);
  CHECK(values.stop_index == 258);
  CHECK(text_of(values.values) == "0.0=1234890 1.0=-7360 2.1=1590 2.3=0 3.1=2304 8.0=5001 ");

  const auto stop = decoded<ocpp::StopRecord>("stop-current");
  CHECK(stop.has_id_tag);
  CHECK(stop.id_tag == ocpp::IdTag("ABCDEFGHIJKLMNOPQRST"));
  CHECK(stop.meter_stop_wh == 1239999);
  CHECK(stop.reason == ocpp::StopReason::kRemote);
  CHECK(stop.time.boot_id == 4);

  const auto assigned = decoded<ocpp::TransactionAssignedRecord>("assigned-current");
  CHECK(assigned.start_sequence == 90);
  CHECK(assigned.transaction_id == INT32_MIN);
  CHECK(assigned.status == ocpp::IdTagStatus::kConcurrentTx);
  CHECK(assigned.parent_id_tag == ocpp::IdTag("GROUP1"));

  CHECK(decoded<ocpp::DeliveredRecord>("delivered-current").through_sequence == 0x01020304);
  CHECK(decoded<ocpp::RegisterRecord>("register-current").meter_wh == 1235000);
  const auto boot_time = decoded<ocpp::BootTimeRecord>("boot_time-current");
  CHECK(boot_time.instant.ms == 150000);
  CHECK(boot_time.utc.ms == 1767225627333);
  CHECK(boot_time.is_estimate);

  const auto letter = decoded<ocpp::DeadLetterRecord>("dead_letter-current");
  CHECK(letter.sequence == 90);
  CHECK(letter.reason == ocpp::DeadLetterReason::kCallError);
  CHECK(letter.type == RecordType::kStop);
  CHECK(copy_of(letter.image) == copy_of(vector_of("stop-current")));
  CHECK_FALSE(letter.has_transaction_id);
  const auto named = decoded<ocpp::DeadLetterRecord>("dead_letter_named-current");
  CHECK(named.has_transaction_id);
  CHECK(named.transaction_id == 1000);

  const auto checkpoint = decoded<ocpp::CheckpointRecord>("checkpoint-current");
  CHECK(checkpoint.format == 1);
  CHECK(checkpoint.delivered_through == 89);
  CHECK(checkpoint.last_local_transaction == 17);
  CHECK(checkpoint.last_boot_id == 4);
}

TEST_CASE("what an older image lacks has its default") {
  const auto start = decoded<ocpp::StartRecord>("start-shorter");
  CHECK(start.meter_start_wh == 1234567);
  CHECK_FALSE(start.has_reservation_id);
  CHECK(start.session_marker == 0);
  CHECK(decoded<ocpp::MeterValuesRecord>("reading-shorter").stop_index == 0);
  CHECK(decoded<ocpp::TransactionAssignedRecord>("assigned-shorter").parent_id_tag.empty());
  CHECK_FALSE(decoded<ocpp::BootTimeRecord>("boot_time-shorter").is_estimate);
}

TEST_CASE("the samples that earlier firmware stored are read as values") {
  const auto read = [](const char* name) {
    ocpp::MeterValuesRecord record;
    REQUIRE(ocpp::decode(RecordType::kMeterValuesV1, vector_of(name), record) == Status::kOk);
    return record;
  };
  const std::string all =
      "0.0=1234890 1.0=-7360 2.1=1600 2.2=1590 2.3=0 3.1=2301 3.2=2299 3.3=2310 7.0=-55 6.0=80 "
      "8.0=5001 ";
  const ocpp::MeterValuesRecord values = read("meter_values-current");
  CHECK(values.local_transaction == 17);
  CHECK(values.connector_id == 2);
  CHECK(values.context == ocpp::SampleContext::kSampleClock);
  CHECK(values.ordinal == 513);
  CHECK(values.time.instant.ms == 183456);
  CHECK(values.stop_index == 0);
  CHECK(text_of(values.values) == all);
  CHECK(text_of(read("meter_values-shorter").values) == all);
  CHECK(text_of(read("meter_values-longer").values) == all);
  CHECK(read("meter_values-unknown-context").context == ocpp::SampleContext::kOther);
  const ByteSpan image = vector_of("meter_values-current");
  for (size_t size = 0; size < 73; ++size) {
    const Image cut(image.begin(), image.begin() + size);
    ocpp::MeterValuesRecord record;
    CHECK(ocpp::decode_v1(ByteSpan(cut.data(), cut.size()), record) == Status::kCorrupt);
  }
}

TEST_CASE(
    "readings behind a start or a stop are read, and absent where earlier firmware wrote it") {
  ocpp::MeasuredValues values;
  REQUIRE(values.add({ocpp::Measurand::EnergyActiveImportRegister, 0}, INT64_MAX));
  REQUIRE(values.add({ocpp::Measurand::Temperature, 0}, INT64_MIN));
  uint8_t buffer[ocpp::kMaxRecordBytes];
  const auto stop = decoded<ocpp::StopRecord>("stop-current");
  ByteSpan image = ocpp::encode(stop, MutableByteSpan(buffer));
  CHECK(values_behind(image, ocpp::kStopRecordBytes).empty());
  image = ocpp::append_values(image, values, MutableByteSpan(buffer));
  CHECK(text_of(values_behind(image, ocpp::kStopRecordBytes)) ==
        "0.0=9223372036854775807 7.0=-9223372036854775808 ");
  ocpp::StopRecord again;
  REQUIRE(ocpp::decode(image, again) == Status::kOk);
  CHECK(again.meter_stop_wh == stop.meter_stop_wh);
  CHECK(values_behind(image.first(image.size() - 1), ocpp::kStopRecordBytes).empty());
}

TEST_CASE("enumerators of a later version have a safe reading") {
  CHECK(decoded<ocpp::StopRecord>("stop-unknown-reason").reason == ocpp::StopReason::kOther);
  CHECK(decoded<ocpp::MeterValuesRecord>("reading-unknown-context").context ==
        ocpp::SampleContext::kOther);
  CHECK(decoded<ocpp::TransactionAssignedRecord>("assigned-unknown-status").status ==
        ocpp::IdTagStatus::kInvalid);
}

TEST_CASE("an impossible length inside an image is refused") {
  Image image = copy_of(vector_of("start-current"));
  image[5] = 21;
  ocpp::StartRecord start;
  CHECK(ocpp::decode(ByteSpan(image.data(), image.size()), start) == Status::kCorrupt);
  image = copy_of(vector_of("dead_letter-current"));
  image[6] = 200;
  ocpp::DeadLetterRecord letter;
  CHECK(ocpp::decode(ByteSpan(image.data(), image.size()), letter) == Status::kCorrupt);
  // All bytes are there, but more than a dead letter may hold.
  image.resize(300, 0);
  image[6] = ocpp::DeadLetterRecord::kMaxImageBytes + 1;
  CHECK(ocpp::decode(ByteSpan(image.data(), image.size()), letter) == Status::kCorrupt);
}

TEST_CASE("a time that cannot be is unknown, the rest of its record is kept") {
  struct {
    int64_t instant_ms;
    int64_t utc_ms;
  } const cases[] = {{-1, -1},
                     {INT64_MIN, INT64_MAX},
                     {-9'220'556'183'264'231'078, 3'553'433'905'166'484'996},
                     {INT64_MAX, 253'402'300'800'000}};
  for (const auto& times : cases) {
    CAPTURE(times.utc_ms);
    uint8_t bytes[ocpp::kStartRecordBytes];
    ocpp::StartRecord start;
    start.meter_start_wh = 1234;
    start.time = {7, common::Instant{times.instant_ms}, common::UtcTime{times.utc_ms}};
    REQUIRE(ocpp::decode(ocpp::encode(start, MutableByteSpan(bytes)), start) == Status::kOk);
    CHECK(start.meter_start_wh == 1234);
    CHECK(start.time.boot_id == 7);
    CHECK(start.time.instant == common::Instant{0});
    CHECK_FALSE(start.time.utc.is_known());

    ocpp::BootTimeRecord boot;
    boot.instant = common::Instant{times.instant_ms};
    boot.utc = common::UtcTime{times.utc_ms};
    REQUIRE(ocpp::decode(ocpp::encode(boot, MutableByteSpan(bytes)), boot) == Status::kOk);
    CHECK(boot.utc.ms - boot.instant.ms == 0);
  }
}

TEST_CASE("sizes stated in the header are those written") {
  CHECK(vector_of("start-current").size() == ocpp::kStartRecordBytes);
  CHECK(vector_of("reading-shorter").size() == ocpp::kMeterValuesRecordBytes + 19);
  CHECK(vector_of("stop-current").size() == ocpp::kStopRecordBytes);
  CHECK(vector_of("assigned-current").size() == ocpp::kTransactionAssignedRecordBytes);
}

TEST_CASE("random bytes never decode beyond their end") {
  platform_sim::SimEntropy entropy(11);
  for (int round = 0; round < 2000; ++round) {
    Image image(entropy.below(140));
    entropy.fill(MutableByteSpan(image.data(), image.size()));
    const ByteSpan span(image.data(), image.size());
    ocpp::StartRecord start;
    ocpp::MeterValuesRecord values;
    ocpp::StopRecord stop;
    ocpp::TransactionAssignedRecord assigned;
    ocpp::DeadLetterRecord letter;
    static_cast<void>(ocpp::decode(span, start));
    static_cast<void>(ocpp::decode(span, values));
    static_cast<void>(ocpp::decode_v1(span, values));
    static_cast<void>(text_of(values.values));
    static_cast<void>(text_of(values_behind(span, ocpp::kStopRecordBytes)));
    static_cast<void>(ocpp::decode(span, stop));
    static_cast<void>(ocpp::decode(span, assigned));
    if (ocpp::decode(span, letter) == Status::kOk) REQUIRE(letter.image.size() <= image.size());
    REQUIRE(start.id_tag.size() <= ocpp::IdTag::kCapacity);
  }
}

// Rules: PD-4
TEST_CASE("a log written by earlier firmware loads") {
  std::ifstream file = open_vectors("transactions-log.hex");
  std::string hex;
  std::string line;
  while (std::getline(file, line)) {
    if (!line.empty() && line[0] != '#') hex += line;
  }
  REQUIRE(hex.size() > 100);
  platform_sim::SimPower power;
  platform_sim::SimFileStore files(power);
  files.raw("transactions.log") = from_hex(hex);
  platform_sim::RecordingLogSink log;
  ocpp::TransactionStore store(files, log);
  REQUIRE(store.load() == Status::kOk);
  CHECK(store.boot_id() == 5);
  CHECK(store.open_transactions().empty());
  CHECK(store.counters().damaged_frames == 1);
  CHECK(store.counters().pending_messages == 2);
  ocpp::PendingMessage message;
  CHECK(store.next_pending(message) == Status::kAgain);  // boot 3's meter values have no UTC yet
  REQUIRE(store.set_boot_time(common::Instant{1000}, common::UtcTime{1767230000000}) ==
          Status::kOk);
  REQUIRE(store.next_pending(message) == Status::kOk);
  CHECK(message.type == RecordType::kMeterValues);
  CHECK(message.transaction_id == INT32_MIN);
  CHECK(message.sequence == 93);
  // The start of the same boot was made with the clock set: it dates the boot.
  CHECK(message.utc.ms == 1767225600789 + (183456 - 123456));
  REQUIRE(store.mark_delivered(93) == Status::kOk);
  REQUIRE(store.next_pending(message) == Status::kOk);
  CHECK(message.type == RecordType::kStop);
  CHECK(message.stop.meter_stop_wh == 1239999);
  CHECK(message.utc.ms == 1767229200000);
}
