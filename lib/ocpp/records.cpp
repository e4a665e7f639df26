#include "ocpp/records.hpp"

#include <algorithm>

namespace ocpp {

using common::ByteSpan;
using common::MutableByteSpan;
using common::Status;

namespace {

class ImageWriter {
 public:
  explicit ImageWriter(MutableByteSpan out) : out_(out) {}

  void u8(uint8_t value) { *take(1) = value; }
  void u16(uint16_t value) {
    uint8_t* const to = take(2);
    to[0] = static_cast<uint8_t>(value);
    to[1] = static_cast<uint8_t>(value >> 8U);
  }
  void u32(uint32_t value) {
    uint8_t* const to = take(4);
    for (size_t i = 0; i < 4; ++i, value >>= 8U) to[i] = static_cast<uint8_t>(value);
  }
  void i32(int32_t value) { u32(static_cast<uint32_t>(value)); }
  void i64(int64_t value) {
    u32(static_cast<uint32_t>(value));
    u32(static_cast<uint32_t>(static_cast<uint64_t>(value) >> 32U));
  }
  void boolean(bool value) { u8(value ? 1 : 0); }
  /// Always the same length, so that what follows has a fixed place.
  void id_tag(const IdTag& tag) {
    u8(static_cast<uint8_t>(tag.size()));
    uint8_t* const to = take(IdTag::kCapacity);
    std::memset(to, 0, IdTag::kCapacity);
    std::memcpy(to, tag.c_str(), tag.size());
  }
  void time(const RecordTime& value) {
    u32(value.boot_id);
    i64(value.instant.ms);
    i64(value.utc.ms);
  }
  void bytes(ByteSpan value) {
    uint8_t* const to = take(value.size());
    if (!value.empty()) std::memcpy(to, value.data(), value.size());
  }
  ByteSpan image() const { return ByteSpan(out_.data(), size_); }

 private:
  uint8_t* take(size_t bytes) {
    if (size_ + bytes > out_.size()) common::index_fault();
    size_ += bytes;
    return out_.data() + size_ - bytes;
  }

  MutableByteSpan out_;
  size_t size_ = 0;
};

/// Reads fields in order. A field that is not wholly inside the image leaves its variable alone.
class ImageReader {
 public:
  explicit ImageReader(ByteSpan image) : image_(image) {}

  void u8(uint8_t& out) { out = static_cast<uint8_t>(get(out, 1)); }
  void u16(uint16_t& out) { out = static_cast<uint16_t>(get(out, 2)); }
  void u32(uint32_t& out) { out = static_cast<uint32_t>(get(out, 4)); }
  void i16(int16_t& out) { out = static_cast<int16_t>(get(static_cast<uint16_t>(out), 2)); }
  void i32(int32_t& out) { out = static_cast<int32_t>(get(static_cast<uint32_t>(out), 4)); }
  void i64(int64_t& out) {
    if (!has(8)) {
      offset_ = image_.size();
      return;
    }
    const uint64_t low = get(0, 4);
    out = static_cast<int64_t>(static_cast<uint64_t>(get(0, 4)) << 32U | low);
  }
  void boolean(bool& out) { out = get(out ? 1 : 0, 1) != 0; }
  void id_tag(IdTag& out) {
    if (!has(1 + IdTag::kCapacity)) {
      offset_ = image_.size();
      return;
    }
    const size_t size = image_[offset_];
    const char* const text = reinterpret_cast<const char*>(image_.data() + offset_ + 1);
    if (out.assign(common::TextSpan(text, size)) != Status::kOk) is_valid_ = false;
    offset_ += 1 + IdTag::kCapacity;
  }
  /// Times that cannot be are taken for unknown, so that sums of them stay in range; the rest of the
  /// record is worth keeping.
  void moment(common::Instant& instant, common::UtcTime& utc) {
    constexpr int64_t kYear10000Ms = 253'402'300'800'000;
    i64(instant.ms);
    i64(utc.ms);
    if (instant.ms < 0 || instant.ms >= kYear10000Ms) instant = common::Instant();
    if (utc.ms < 0 || utc.ms >= kYear10000Ms) utc = common::UtcTime();
  }
  void time(RecordTime& out) {
    u32(out.boot_id);
    moment(out.instant, out.utc);
  }
  ByteSpan bytes(size_t size) {
    if (!has(size)) {
      is_valid_ = false;
      return ByteSpan();
    }
    offset_ += size;
    return image_.subspan(offset_ - size, size);
  }
  bool is_valid() const { return is_valid_; }

 private:
  bool has(size_t bytes) const { return image_.size() - offset_ >= bytes; }
  uint32_t get(uint32_t absent, size_t bytes) {
    if (!has(bytes)) {
      offset_ = image_.size();
      return absent;
    }
    const uint8_t* const first = image_.data() + offset_;
    uint32_t value = 0;
    for (size_t i = bytes; i > 0; --i) value = value << 8U | first[i - 1];
    offset_ += bytes;
    return value;
  }

  ByteSpan image_;
  size_t offset_ = 0;
  bool is_valid_ = true;
};

/// An enumerator that this firmware does not know becomes the fallback.
template <typename Enum>
void read_enum(ImageReader& reader, Enum& out, Enum last, Enum fallback) {
  uint8_t number = static_cast<uint8_t>(out);
  reader.u8(number);
  out = number <= static_cast<uint8_t>(last) ? static_cast<Enum>(number) : fallback;
}

Status outcome(const ImageReader& reader) {
  return reader.is_valid() ? Status::kOk : Status::kCorrupt;
}

// What the images of every version have, bytes.
constexpr size_t kStartMandatory = 54;
constexpr size_t kMeterValuesMandatory = 29;
constexpr size_t kMeterValuesV1Mandatory = 73;
constexpr size_t kStopMandatory = 55;
constexpr size_t kAssignedMandatory = 14;
constexpr size_t kDeliveredMandatory = 4;
constexpr size_t kRegisterMandatory = 32;
constexpr size_t kBootTimeMandatory = 20;
constexpr size_t kDeadLetterMandatory = 7;
constexpr size_t kCheckpointMandatory = 13;

}  // namespace

ByteSpan encode(const StartRecord& record, MutableByteSpan out) {
  ImageWriter writer(out);
  writer.u32(record.local_transaction);
  writer.u8(record.connector_id);
  writer.id_tag(record.id_tag);
  writer.i64(record.meter_start_wh);
  writer.time(record.time);
  writer.boolean(record.has_reservation_id);
  writer.i32(record.reservation_id);
  writer.u32(record.session_marker);
  return writer.image();
}

Status decode(ByteSpan image, StartRecord& out) {
  if (image.size() < kStartMandatory) return Status::kCorrupt;
  out = StartRecord();
  ImageReader reader(image);
  reader.u32(out.local_transaction);
  reader.u8(out.connector_id);
  reader.id_tag(out.id_tag);
  reader.i64(out.meter_start_wh);
  reader.time(out.time);
  reader.boolean(out.has_reservation_id);
  reader.i32(out.reservation_id);
  reader.u32(out.session_marker);
  return outcome(reader);
}

ByteSpan append_values(ByteSpan image, const MeasuredValues& values, MutableByteSpan out) {
  const ByteSpan bytes = values.bytes();
  ImageWriter writer(out.subspan(image.size()));
  writer.u8(static_cast<uint8_t>(bytes.size()));
  writer.bytes(bytes);
  return ByteSpan(out.data(), image.size() + writer.image().size());
}

void values_behind(ByteSpan image, size_t record_bytes, MeasuredValues& out) {
  ImageReader reader(image.subspan(record_bytes));
  uint8_t size = 0;
  reader.u8(size);
  out.clear();
  (void)out.assign(reader.bytes(size));
}

ByteSpan encode(const MeterValuesRecord& record, MutableByteSpan out) {
  ImageWriter writer(out);
  writer.u32(record.local_transaction);
  writer.u8(record.connector_id);
  writer.u8(static_cast<uint8_t>(record.context));
  writer.u16(record.ordinal);
  writer.time(record.time);
  const ByteSpan values = record.values.bytes();
  writer.u8(static_cast<uint8_t>(values.size()));
  writer.bytes(values);
  if (record.stop_index != 0) writer.u32(record.stop_index);
  return writer.image();
}

namespace {

/// What both versions begin with.
void read_head(ImageReader& reader, MeterValuesRecord& out) {
  reader.u32(out.local_transaction);
  reader.u8(out.connector_id);
  read_enum(reader, out.context, SampleContext::kOther, SampleContext::kOther);
  reader.u16(out.ordinal);
  reader.time(out.time);
}

}  // namespace

Status decode(ByteSpan image, MeterValuesRecord& out) {
  if (image.size() < kMeterValuesMandatory) return Status::kCorrupt;
  out = MeterValuesRecord();
  ImageReader reader(image);
  read_head(reader, out);
  uint8_t size = 0;
  reader.u8(size);
  if (!out.values.assign(reader.bytes(size))) return Status::kCorrupt;
  reader.u32(out.stop_index);
  return outcome(reader);
}

Status decode_v1(ByteSpan image, MeterValuesRecord& out) {
  if (image.size() < kMeterValuesV1Mandatory) return Status::kCorrupt;
  out = MeterValuesRecord();
  ImageReader reader(image);
  read_head(reader, out);
  uint16_t valid = 0;
  int64_t energy_wh = 0;
  reader.u16(valid);
  reader.i64(energy_wh);
  if ((valid & charger::kMeterEnergyImport) != 0)
    (void)out.values.add(MeasurandChoice(), energy_wh);
  struct Part {
    Measurand measurand;
    uint8_t phase;
    uint16_t field;
    uint8_t step;  ///< The sample's unit in that of the number.
  };
  static constexpr Part kParts[] = {{Measurand::PowerActiveImport, 0, charger::kMeterPower, 1},
                                    {Measurand::CurrentImport, 1, charger::kMeterCurrent, 10},
                                    {Measurand::CurrentImport, 2, charger::kMeterCurrent, 10},
                                    {Measurand::CurrentImport, 3, charger::kMeterCurrent, 10},
                                    {Measurand::Voltage, 1, charger::kMeterVoltage, 100},
                                    {Measurand::Voltage, 2, charger::kMeterVoltage, 100},
                                    {Measurand::Voltage, 3, charger::kMeterVoltage, 100}};
  for (const Part& part : kParts) {
    int32_t value = 0;
    reader.i32(value);
    if ((valid & part.field) != 0)
      (void)out.values.add(MeasurandChoice{part.measurand, part.phase}, value / part.step);
  }
  int16_t temperature = 0;
  uint8_t soc = 0;
  int32_t frequency = 0;
  reader.i16(temperature);
  reader.u8(soc);
  reader.i32(frequency);
  if ((valid & charger::kMeterTemperature) != 0)
    (void)out.values.add(MeasurandChoice{Measurand::Temperature, 0}, temperature);
  if ((valid & charger::kMeterSoc) != 0)
    (void)out.values.add(MeasurandChoice{Measurand::SoC, 0}, soc);
  if ((valid & charger::kMeterFrequency) != 0)
    (void)out.values.add(MeasurandChoice{Measurand::Frequency, 0}, frequency / 10);
  return outcome(reader);
}

Status decode(RecordType type, ByteSpan image, MeterValuesRecord& out) {
  return type == RecordType::kMeterValuesV1 ? decode_v1(image, out) : decode(image, out);
}

ByteSpan encode(const StopRecord& record, MutableByteSpan out) {
  ImageWriter writer(out);
  writer.u32(record.local_transaction);
  writer.boolean(record.has_id_tag);
  writer.id_tag(record.id_tag);
  writer.i64(record.meter_stop_wh);
  writer.u8(static_cast<uint8_t>(record.reason));
  writer.time(record.time);
  return writer.image();
}

Status decode(ByteSpan image, StopRecord& out) {
  if (image.size() < kStopMandatory) return Status::kCorrupt;
  out = StopRecord();
  ImageReader reader(image);
  reader.u32(out.local_transaction);
  reader.boolean(out.has_id_tag);
  reader.id_tag(out.id_tag);
  reader.i64(out.meter_stop_wh);
  read_enum(reader, out.reason, StopReason::kDeAuthorized, StopReason::kOther);
  reader.time(out.time);
  return outcome(reader);
}

ByteSpan encode(const TransactionAssignedRecord& record, MutableByteSpan out) {
  ImageWriter writer(out);
  writer.u32(record.local_transaction);
  writer.u8(record.connector_id);
  writer.u32(record.start_sequence);
  writer.i32(record.transaction_id);
  writer.u8(static_cast<uint8_t>(record.status));
  writer.id_tag(record.parent_id_tag);
  return writer.image();
}

Status decode(ByteSpan image, TransactionAssignedRecord& out) {
  if (image.size() < kAssignedMandatory) return Status::kCorrupt;
  out = TransactionAssignedRecord();
  ImageReader reader(image);
  reader.u32(out.local_transaction);
  reader.u8(out.connector_id);
  reader.u32(out.start_sequence);
  reader.i32(out.transaction_id);
  read_enum(reader, out.status, IdTagStatus::kConcurrentTx, IdTagStatus::kInvalid);
  reader.id_tag(out.parent_id_tag);
  return outcome(reader);
}

ByteSpan encode(const DeliveredRecord& record, MutableByteSpan out) {
  ImageWriter writer(out);
  writer.u32(record.through_sequence);
  return writer.image();
}

Status decode(ByteSpan image, DeliveredRecord& out) {
  if (image.size() < kDeliveredMandatory) return Status::kCorrupt;
  out = DeliveredRecord();
  ImageReader reader(image);
  reader.u32(out.through_sequence);
  return outcome(reader);
}

ByteSpan encode(const RegisterRecord& record, MutableByteSpan out) {
  ImageWriter writer(out);
  writer.u32(record.local_transaction);
  writer.i64(record.meter_wh);
  writer.time(record.time);
  return writer.image();
}

Status decode(ByteSpan image, RegisterRecord& out) {
  if (image.size() < kRegisterMandatory) return Status::kCorrupt;
  out = RegisterRecord();
  ImageReader reader(image);
  reader.u32(out.local_transaction);
  reader.i64(out.meter_wh);
  reader.time(out.time);
  return outcome(reader);
}

ByteSpan encode(const BootTimeRecord& record, MutableByteSpan out) {
  ImageWriter writer(out);
  writer.u32(record.boot_id);
  writer.i64(record.instant.ms);
  writer.i64(record.utc.ms);
  writer.boolean(record.is_estimate);
  return writer.image();
}

Status decode(ByteSpan image, BootTimeRecord& out) {
  if (image.size() < kBootTimeMandatory) return Status::kCorrupt;
  out = BootTimeRecord();
  ImageReader reader(image);
  reader.u32(out.boot_id);
  reader.moment(out.instant, out.utc);
  reader.boolean(out.is_estimate);
  return outcome(reader);
}

ByteSpan encode(const DeadLetterRecord& record, MutableByteSpan out) {
  ImageWriter writer(out);
  writer.u32(record.sequence);
  writer.u8(static_cast<uint8_t>(record.reason));
  writer.u8(static_cast<uint8_t>(record.type));
  writer.u8(static_cast<uint8_t>(record.image.size()));
  writer.bytes(record.image);
  if (record.has_transaction_id) writer.i32(record.transaction_id);
  return writer.image();
}

Status decode(ByteSpan image, DeadLetterRecord& out) {
  if (image.size() < kDeadLetterMandatory) return Status::kCorrupt;
  out = DeadLetterRecord();
  ImageReader reader(image);
  uint8_t type = 0;
  uint8_t size = 0;
  reader.u32(out.sequence);
  read_enum(reader, out.reason, DeadLetterReason::kNoTransaction, DeadLetterReason::kOther);
  reader.u8(type);
  reader.u8(size);
  if (size > DeadLetterRecord::kMaxImageBytes) return Status::kCorrupt;
  out.type = static_cast<RecordType>(type);
  out.image = reader.bytes(size);
  out.has_transaction_id = image.size() >= kDeadLetterMandatory + size + 4;
  if (out.has_transaction_id) reader.i32(out.transaction_id);
  return outcome(reader);
}

ByteSpan encode(const CheckpointRecord& record, MutableByteSpan out) {
  ImageWriter writer(out);
  writer.u8(record.format);
  writer.u32(record.delivered_through);
  writer.u32(record.last_local_transaction);
  writer.u32(record.last_boot_id);
  return writer.image();
}

Status decode(ByteSpan image, CheckpointRecord& out) {
  if (image.size() < kCheckpointMandatory) return Status::kCorrupt;
  out = CheckpointRecord();
  ImageReader reader(image);
  reader.u8(out.format);
  reader.u32(out.delivered_through);
  reader.u32(out.last_local_transaction);
  reader.u32(out.last_boot_id);
  return outcome(reader);
}

uint32_t local_number(ByteSpan image) {
  uint32_t number = 0;
  ImageReader(image).u32(number);
  return number;
}

bool time_of(uint8_t type, ByteSpan image, RecordTime& out) {
  size_t offset = 0;  // of the time, in the fixed part of every version
  size_t mandatory = 0;
  switch (static_cast<RecordType>(type)) {
    case RecordType::kStart:
      offset = 34;
      mandatory = kStartMandatory;
      break;
    case RecordType::kMeterValuesV1:
      offset = 8;
      mandatory = kMeterValuesV1Mandatory;
      break;
    case RecordType::kMeterValues:
    case RecordType::kStopData:
      offset = 8;
      mandatory = kMeterValuesMandatory;
      break;
    case RecordType::kStop:
      offset = 35;
      mandatory = kStopMandatory;
      break;
    case RecordType::kRegister:
      offset = 12;
      mandatory = kRegisterMandatory;
      break;
    case RecordType::kCheckpoint:
    case RecordType::kTransactionAssigned:
    case RecordType::kDelivered:
    case RecordType::kBootTime:
    case RecordType::kDeadLetter:
    case RecordType::kLettersCleared:
      return false;
  }
  // Types of later firmware have no number here.
  if (offset == 0 || image.size() < mandatory) return false;
  ImageReader reader(image.subspan(offset));
  reader.time(out);
  return true;
}

}  // namespace ocpp
