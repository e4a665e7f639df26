#include "ocpp_messages/runtime/array_view.hpp"
#include "ocpp_messages/runtime/codec.hpp"
#include "ocpp_messages/runtime/decimal.hpp"
#include "ocpp_messages/runtime/text.hpp"
#include "ocpp_messages/runtime/time_text.hpp"

namespace ocpp_messages::runtime {

using common::Status;

namespace {

Status encode_array(const Field& field, const void* value, json::Writer& writer) {
  const auto& type = *static_cast<const ArrayType*>(field.type);
  size_t count = 0;
  writer.begin_array();
  RETURN_IF_ERROR(
      type.encode_items(*static_cast<const ArrayBase*>(value), type.item, writer, count));
  writer.end_array();
  return count < type.minimum || (type.maximum != 0 && count > type.maximum)
             ? Status::kInvalidArgument
             : Status::kOk;
}

Status encode_fields(const ObjectType& type, const void* object, json::Writer& writer) {
  writer.begin_object();
  for (uint8_t i = 0; i < type.count; ++i) {
    const Field& field = type.fields[i];
    const void* value = static_cast<const char*>(object) + field.offset;
    // The accessor takes a mutable pointer for its other uses; kGet changes nothing.
    if (field.optional != nullptr) value = field.optional(const_cast<void*>(value), Access::kGet);
    if (value == nullptr) continue;
    writer.key(field.name);
    RETURN_IF_ERROR(encode_value(field, value, writer));
  }
  writer.end_object();
  return writer.status();
}

}  // namespace

Status encode_value(const Field& field, const void* value, json::Writer& writer) {
  switch (field.kind) {
    case Kind::kBoolean:
      writer.boolean(*static_cast<const bool*>(value));
      return Status::kOk;
    case Kind::kInteger: {
      const int32_t number = *static_cast<const int32_t*>(value);
      const auto* range = static_cast<const IntegerRange*>(field.type);
      if (range != nullptr && (number < range->minimum || number > range->maximum))
        return Status::kInvalidArgument;
      writer.integer(number);
      return Status::kOk;
    }
    case Kind::kDecimal: {
      const int64_t milli = static_cast<const Decimal*>(value)->milli;
      if (field.limit != 0 && milli % field.limit != 0) return Status::kInvalidArgument;
      writer.thousandths(milli);
      return Status::kOk;
    }
    case Kind::kTime: {
      const common::FixedString<24> text = format_time(*static_cast<const common::UtcTime*>(value));
      if (text.empty()) return Status::kInvalidArgument;
      writer.plain_string(text.span());
      return Status::kOk;
    }
    case Kind::kEnum: {
      const auto& type = *static_cast<const EnumType*>(field.type);
      const uint8_t index = *static_cast<const uint8_t*>(value);
      if (index >= type.count) return Status::kInvalidArgument;
      writer.plain_string(common::text(type.names[index]));
      return Status::kOk;
    }
    case Kind::kString:
      writer.string(static_cast<const StringType*>(field.type)->get(value));
      return Status::kOk;
    case Kind::kText: {
      const auto& text = *static_cast<const Text*>(value);
      if (field.limit != 0 && text.length() > field.limit) return Status::kInvalidArgument;
      text.write_to(writer);
      return Status::kOk;
    }
    case Kind::kObject:
      return encode_fields(*static_cast<const ObjectType*>(field.type), value, writer);
    case Kind::kArray:
      return encode_array(field, value, writer);
  }
  return Status::kInvalidArgument;
}

Status encode_object(const ObjectType& type, const void* object, json::Writer& writer) {
  RETURN_IF_ERROR(encode_fields(type, object, writer));
  return writer.status();
}

}  // namespace ocpp_messages::runtime
