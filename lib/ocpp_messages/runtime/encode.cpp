#include "ocpp_messages/runtime/array_view.hpp"
#include "ocpp_messages/runtime/checks.hpp"
#include "ocpp_messages/runtime/codec.hpp"
#include "ocpp_messages/runtime/decimal.hpp"
#include "ocpp_messages/runtime/time_text.hpp"

namespace ocpp_messages::runtime {

using common::Status;

namespace {

Status encode_value(const Field& field, const void* value, json::Writer& writer);

/// Never inlined: its buffer would stand on the stack at every level of nesting.
[[gnu::noinline]] Status encode_array(const ArrayType& type, const ArrayBase& array,
                                      json::Writer& writer) {
  writer.begin_array();
  uint32_t count = 0;
  if (const char* item = array.memory(); array.origin() == ArrayBase::Origin::kSpan) {
    for (; count < array.count(); ++count, item += type.item_size)
      RETURN_IF_ERROR(encode_value(type.item, item, writer));
  } else {
    alignas(kItemAlignment) char made[kMaxItemSize];
    ArrayBase::Position position(array);
    for (; array.next(position, made, type.item_size); ++count)
      RETURN_IF_ERROR(encode_value(type.item, made, writer));
  }
  writer.end_array();
  return count < type.minimum || (type.maximum != 0 && count > type.maximum)
             ? Status::kInvalidArgument
             : Status::kOk;
}

Status encode_value(const Field& field, const void* value, json::Writer& writer) {
  switch (field.kind) {
    case Kind::kBoolean:
      writer.boolean(*static_cast<const bool*>(value));
      return Status::kOk;
    case Kind::kInteger: {
      const int32_t number = *static_cast<const int32_t*>(value);
      const IntegerRange* range = field.detail.range;
      if (range != nullptr && (number < range->minimum || number > range->maximum))
        return Status::kInvalidArgument;
      writer.integer(number);
      return Status::kOk;
    }
    case Kind::kDecimal: {
      const int64_t milli = static_cast<const Decimal*>(value)->milli;
      if (!is_multiple(milli, field.detail.number)) return Status::kInvalidArgument;
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
      const EnumType& type = *field.detail.names;
      const uint8_t index = *static_cast<const uint8_t*>(value);
      if (index >= type.count) return Status::kInvalidArgument;
      writer.plain_string(common::text(type.names[index]));
      return Status::kOk;
    }
    case Kind::kString:
      writer.string(common::fixed_string::span(value));
      return Status::kOk;
    case Kind::kText:
    case Kind::kUri: {
      const auto& text = *static_cast<const Text*>(value);
      if (is_too_long(text, field.detail.number)) return Status::kInvalidArgument;
      text.write_to(writer);
      return Status::kOk;
    }
    case Kind::kObject:
      return encode_object(*field.detail.object, value, writer);
    case Kind::kArray:
      return encode_array(*field.detail.array, *static_cast<const ArrayBase*>(value), writer);
  }
  return Status::kInvalidArgument;
}

}  // namespace

Status encode_object(const ObjectType& type, const void* object, json::Writer& writer) {
  writer.begin_object();
  const Field* const end = type.fields + type.count;
  for (const Field* field = type.fields; field != end; ++field) {
    const char* value = static_cast<const char*>(object) + field->offset;
    // Beside an optional value stands whether there is one.
    if (field->presence != Presence::kRequired && value[-1] == 0) continue;
    writer.inlined_key(common::TextSpan(field->name, field->name_size));
    RETURN_IF_ERROR(encode_value(*field, value, writer));
  }
  writer.end_object();
  return writer.status();
}

}  // namespace ocpp_messages::runtime
