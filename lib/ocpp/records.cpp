#include "ocpp/records.hpp"

namespace ocpp {

using common::ByteSpan;
using common::MutableByteSpan;
using common::Status;
using image::Field;
using image::Kind;

namespace {

// The members of RecordTime, at `at`.
#define OCPP_TIME_FIELDS(at)                                   \
  {Kind::k4, (at) + offsetof(RecordTime, boot_id)},            \
      {Kind::kMoment, (at) + offsetof(RecordTime, instant)}, { \
    Kind::kMoment, (at) + offsetof(RecordTime, utc)            \
  }

constexpr Field kStartFields[] = {
    {Kind::k4, offsetof(StartRecord, local_transaction)},
    {Kind::k1, offsetof(StartRecord, connector_id)},
    {Kind::kIdTag, offsetof(StartRecord, id_tag)},
    {Kind::k8, offsetof(StartRecord, meter_start_wh)},
    OCPP_TIME_FIELDS(offsetof(StartRecord, time)),
    {Kind::kBool, offsetof(StartRecord, has_reservation_id)},
    {Kind::k4, offsetof(StartRecord, reservation_id)},
    {Kind::k4, offsetof(StartRecord, session_marker)},
};
constexpr Field kStopFields[] = {
    {Kind::k4, offsetof(StopRecord, local_transaction)},
    {Kind::kBool, offsetof(StopRecord, has_id_tag)},
    {Kind::kIdTag, offsetof(StopRecord, id_tag)},
    {Kind::k8, offsetof(StopRecord, meter_stop_wh)},
    {Kind::kStopReasonOrOther, offsetof(StopRecord, reason)},
    OCPP_TIME_FIELDS(offsetof(StopRecord, time)),
};
constexpr Field kAssignedFields[] = {
    {Kind::k4, offsetof(TransactionAssignedRecord, local_transaction)},
    {Kind::k1, offsetof(TransactionAssignedRecord, connector_id)},
    {Kind::k4, offsetof(TransactionAssignedRecord, start_sequence)},
    {Kind::k4, offsetof(TransactionAssignedRecord, transaction_id)},
    {Kind::kIdTagStatusOrInvalid, offsetof(TransactionAssignedRecord, status)},
    {Kind::kIdTag, offsetof(TransactionAssignedRecord, parent_id_tag)},
};
constexpr Field kDeliveredFields[] = {{Kind::k4, offsetof(DeliveredRecord, through_sequence)}};
constexpr Field kRegisterFields[] = {
    {Kind::k4, offsetof(RegisterRecord, local_transaction)},
    {Kind::k8, offsetof(RegisterRecord, meter_wh)},
    OCPP_TIME_FIELDS(offsetof(RegisterRecord, time)),
};
constexpr Field kBootTimeFields[] = {
    {Kind::k4, offsetof(BootTimeRecord, boot_id)},
    {Kind::kMoment, offsetof(BootTimeRecord, instant)},
    {Kind::kMoment, offsetof(BootTimeRecord, utc)},
    {Kind::kBool, offsetof(BootTimeRecord, is_estimate)},
};
constexpr Field kCheckpointFields[] = {
    {Kind::k1, offsetof(CheckpointRecord, format)},
    {Kind::k4, offsetof(CheckpointRecord, delivered_through)},
    {Kind::k4, offsetof(CheckpointRecord, last_local_transaction)},
    {Kind::k4, offsetof(CheckpointRecord, last_boot_id)},
};
// What both versions begin with; the values follow.
constexpr Field kMeterValuesFields[] = {
    {Kind::k4, offsetof(MeterValuesRecord, local_transaction)},
    {Kind::k1, offsetof(MeterValuesRecord, connector_id)},
    {Kind::kSampleContextOrOther, offsetof(MeterValuesRecord, context)},
    {Kind::k2, offsetof(MeterValuesRecord, ordinal)},
    OCPP_TIME_FIELDS(offsetof(MeterValuesRecord, time)),
};
// The message follows.
constexpr Field kDeadLetterFields[] = {
    {Kind::k4, offsetof(DeadLetterRecord, sequence)},
    {Kind::kDeadLetterReasonOrOther, offsetof(DeadLetterRecord, reason)},
    {Kind::k1, offsetof(DeadLetterRecord, type)},
};
constexpr Field kTimeFields[] = {OCPP_TIME_FIELDS(0)};

#undef OCPP_TIME_FIELDS

constexpr size_t kMeterValuesHeadBytes = 28;
constexpr size_t kMeterValuesV1Bytes = 73;
constexpr size_t kDeadLetterHeadBytes = 6;
constexpr image::Layout kMeterValuesHead =
    image::layout<MeterValuesRecord>(kMeterValuesFields, kMeterValuesHeadBytes + 1);
constexpr image::Layout kDeadLetterHead =
    image::layout<DeadLetterRecord>(kDeadLetterFields, kDeadLetterHeadBytes + 1);
constexpr image::Layout kTime = image::layout<RecordTime>(kTimeFields, 20);

/// Adds a length and as many bytes behind the first `used` bytes of out. @return Bytes used now.
size_t append_counted(ByteSpan bytes, size_t used, MutableByteSpan out) {
  if (out.size() < used + 1 + bytes.size()) common::index_fault();
  out[used] = static_cast<uint8_t>(bytes.size());
  if (!bytes.empty()) std::memcpy(out.data() + used + 1, bytes.data(), bytes.size());
  return used + 1 + bytes.size();
}

/// What append_counted() added at an offset. @return false when it is not all there.
bool read_counted(ByteSpan image, size_t offset, ByteSpan& bytes) {
  if (image.size() <= offset) return false;
  bytes = image.subspan(offset + 1, image[offset]);
  return bytes.size() == image[offset];
}

/// @return Bytes used now.
size_t append_u32(uint32_t value, size_t used, MutableByteSpan out) {
  if (out.size() < used + sizeof value) common::index_fault();
  std::memcpy(out.data() + used, &value, sizeof value);
  return used + sizeof value;
}

/// @return false when the image does not have it: value is as it was.
template <typename Number>
bool read_number(ByteSpan image, size_t offset, Number& value) {
  if (image.size() < offset + sizeof value) return false;
  std::memcpy(&value, image.data() + offset, sizeof value);
  return true;
}

}  // namespace

const image::Layout StartRecord::kLayout = image::layout<StartRecord>(kStartFields, 54);
const image::Layout StopRecord::kLayout = image::layout<StopRecord>(kStopFields, 55);
const image::Layout TransactionAssignedRecord::kLayout =
    image::layout<TransactionAssignedRecord>(kAssignedFields, 14);
const image::Layout DeliveredRecord::kLayout = image::layout<DeliveredRecord>(kDeliveredFields, 4);
const image::Layout RegisterRecord::kLayout = image::layout<RegisterRecord>(kRegisterFields, 32);
const image::Layout BootTimeRecord::kLayout = image::layout<BootTimeRecord>(kBootTimeFields, 20);
const image::Layout CheckpointRecord::kLayout =
    image::layout<CheckpointRecord>(kCheckpointFields, 13);

ByteSpan append_values(ByteSpan image, const MeasuredValues& values, MutableByteSpan out) {
  return ByteSpan(out.data(), append_counted(values.bytes(), image.size(), out));
}

void values_behind(ByteSpan image, size_t record_bytes, MeasuredValues& out) {
  ByteSpan bytes;
  out.clear();
  if (read_counted(image, record_bytes, bytes)) (void)out.assign(bytes);
}

ByteSpan encode(const MeterValuesRecord& record, MutableByteSpan out) {
  size_t size = image::encode(kMeterValuesHead, &record, out).size();
  size = append_counted(record.values.bytes(), size, out);
  if (record.stop_index != 0) size = append_u32(record.stop_index, size, out);
  return ByteSpan(out.data(), size);
}

Status decode(ByteSpan image, MeterValuesRecord& out) {
  RETURN_IF_ERROR(image::decode(kMeterValuesHead, image, &out));
  ByteSpan bytes;
  if (!read_counted(image, kMeterValuesHeadBytes, bytes) || !out.values.assign(bytes))
    return Status::kCorrupt;
  (void)read_number(image, kMeterValuesHeadBytes + 1 + bytes.size(), out.stop_index);
  return Status::kOk;
}

Status decode_v1(ByteSpan image, MeterValuesRecord& out) {
  if (image.size() < kMeterValuesV1Bytes) return Status::kCorrupt;
  RETURN_IF_ERROR(image::decode(kMeterValuesHead, image, &out));
  /// What was measured, one after the other.
  struct Part {
    MeasurandChoice choice;
    uint16_t field;
    uint8_t bytes;
    uint8_t step;  ///< The sample's unit in that of the number.
  };
  static constexpr Part kParts[] = {
      {{Measurand::EnergyActiveImportRegister, 0}, charger::kMeterEnergyImport, 8, 1},
      {{Measurand::PowerActiveImport, 0}, charger::kMeterPower, 4, 1},
      {{Measurand::CurrentImport, 1}, charger::kMeterCurrent, 4, 10},
      {{Measurand::CurrentImport, 2}, charger::kMeterCurrent, 4, 10},
      {{Measurand::CurrentImport, 3}, charger::kMeterCurrent, 4, 10},
      {{Measurand::Voltage, 1}, charger::kMeterVoltage, 4, 100},
      {{Measurand::Voltage, 2}, charger::kMeterVoltage, 4, 100},
      {{Measurand::Voltage, 3}, charger::kMeterVoltage, 4, 100},
      {{Measurand::Temperature, 0}, charger::kMeterTemperature, 2, 1},
      {{Measurand::SoC, 0}, charger::kMeterSoc, 1, 1},
      {{Measurand::Frequency, 0}, charger::kMeterFrequency, 4, 10},
  };
  uint16_t valid = 0;
  (void)read_number(image, kMeterValuesHeadBytes, valid);
  const uint8_t* at = image.data() + kMeterValuesHeadBytes + sizeof valid;
  for (const Part& part : kParts) {
    // Signed, but for the one byte of the state of charge.
    int64_t value = part.bytes > 1 && at[part.bytes - 1] >= 0x80U ? -1 : 0;
    std::memcpy(&value, at, part.bytes);
    at += part.bytes;
    if ((valid & part.field) != 0) (void)out.values.add(part.choice, value / part.step);
  }
  return Status::kOk;
}

Status decode(RecordType type, ByteSpan image, MeterValuesRecord& out) {
  return type == RecordType::kMeterValuesV1 ? decode_v1(image, out) : decode(image, out);
}

ByteSpan encode(const DeadLetterRecord& record, MutableByteSpan out) {
  size_t size = image::encode(kDeadLetterHead, &record, out).size();
  size = append_counted(record.image, size, out);
  if (record.has_transaction_id)
    size = append_u32(static_cast<uint32_t>(record.transaction_id), size, out);
  return ByteSpan(out.data(), size);
}

Status decode(ByteSpan image, DeadLetterRecord& out) {
  RETURN_IF_ERROR(image::decode(kDeadLetterHead, image, &out));
  if (!read_counted(image, kDeadLetterHeadBytes, out.image) ||
      out.image.size() > DeadLetterRecord::kMaxImageBytes) {
    return Status::kCorrupt;
  }
  out.has_transaction_id =
      read_number(image, kDeadLetterHeadBytes + 1 + out.image.size(), out.transaction_id);
  return Status::kOk;
}

uint32_t local_number(ByteSpan image) {
  uint32_t number = 0;
  (void)read_number(image, 0, number);
  return number;
}

bool time_of(uint8_t type, ByteSpan image, RecordTime& out) {
  struct Place {
    RecordType type;
    uint8_t offset;  ///< Of the time, in the part that every version has.
    uint8_t mandatory_bytes;
  };
  static constexpr Place kPlaces[] = {
      {RecordType::kStart, 34, 54},
      {RecordType::kMeterValuesV1, 8, kMeterValuesV1Bytes},
      {RecordType::kMeterValues, 8, kMeterValuesHeadBytes + 1},
      {RecordType::kStopData, 8, kMeterValuesHeadBytes + 1},
      {RecordType::kStop, 35, 55},
      {RecordType::kRegister, 12, 32},
  };
  for (const Place& place : kPlaces) {
    if (static_cast<uint8_t>(place.type) != type || image.size() < place.mandatory_bytes) continue;
    return image::decode(kTime, image.subspan(place.offset), &out) == Status::kOk;
  }
  return false;
}

}  // namespace ocpp
