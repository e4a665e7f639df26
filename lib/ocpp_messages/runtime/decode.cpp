#include "json/number.hpp"
#include "json/reader.hpp"
#include "ocpp_messages/runtime/array_view.hpp"
#include "ocpp_messages/runtime/codec.hpp"
#include "ocpp_messages/runtime/decimal.hpp"
#include "ocpp_messages/runtime/text.hpp"
#include "ocpp_messages/runtime/time_text.hpp"
#include "ocpp_messages/runtime/uri.hpp"

namespace ocpp_messages {

common::FixedString<160> DecodeError::description() const {
  common::FixedString<160> out(path_.span());
  if (!out.empty()) (void)out.append(common::text(": "));
  (void)out.append(common::text(reason()));
  return out;
}

namespace runtime {

using json::Token;

/// One pass over one payload. Objects nest by recursion, as deep as the message types do, never
/// deeper because of input.
class Decoder {
 public:
  Decoder(common::TextSpan json, const DecodeOptions& options, bool integral_decimals)
      : json_(json),
        reader_(json),
        sink_(options.sink),
        strict_(options.strict),
        integral_decimals_(integral_decimals) {}

  void message(const ObjectType& type, void* out) {
    if (reader_.next() == Token::kObjectBegin) {
      (void)object(type, out);
    } else {
      (void)fail(kSyntaxError, "payload is not a JSON object");
    }
    // A fault in the rest of the text outdoes one in its content.
    while (reader_.next() < Token::kEnd) {
    }
    if (reader_.token() == Token::kError) {
      error_.path_.clear();
      (void)syntax();
    }
  }
  bool item(const Field& field, json::Reader& reader, void* out) {
    reader_ = reader;
    const Token token = reader_.next();
    const bool ok = token != Token::kArrayEnd && token != Token::kError && value(field, out);
    reader = reader_;
    return ok;
  }
  const DecodeError& error() const { return error_; }

 private:
  static void* member(void* object, size_t offset) {
    return object == nullptr ? nullptr : static_cast<char*>(object) + offset;
  }

  bool fail(RpcErrorCode code, const char* reason) {
    error_.code_ = code;
    error_.reason_ = reason;
    return false;
  }
  bool fail_type(const char* reason) { return fail(kTypeError, reason); }
  bool fail_constraint(const char* reason) { return fail(kConstraintError, reason); }
  bool fail_occurrence(const char* reason) { return fail(kOccurrenceError, reason); }
  bool syntax() { return fail(kSyntaxError, "payload is not valid JSON"); }

  /// Puts a path element in front, then returns false.
  bool below(common::TextSpan element) {
    DecodeError::Path path(element);
    const DecodeError::Path& inner = error_.path_;
    const bool dot = !inner.empty() && inner.span()[0] != '[';
    if (path.size() + (dot ? 1 : 0) + inner.size() > DecodeError::Path::kCapacity) return false;
    if (dot) (void)path.append(common::text("."));
    (void)path.append(inner.span());
    error_.path_ = path;
    return false;
  }
  bool below_index(size_t index) {
    char element[12];
    size_t at = sizeof(element);
    element[--at] = ']';
    do {
      element[--at] = static_cast<char>('0' + index % 10);
      index /= 10;
    } while (index != 0 && at > 1);
    element[--at] = '[';
    return below(common::TextSpan(element + at, sizeof(element) - at));
  }

  bool object(const ObjectType& type, void* out);
  bool member_value(const Field& field, void* out);
  bool value(const Field& field, void* out);
  bool integer(const Field& field, void* out);
  bool decimal(const Field& field, void* out);
  bool time(void* out);
  bool enumerator(const Field& field, void* out);
  bool fixed_string(const Field& field, void* out);
  bool array(const Field& field, void* out);

  static void reset(const ObjectType& type, void* out);
  const Field* find(const ObjectType& type, uint8_t expected) const;

  common::TextSpan json_;
  json::Reader reader_;
  DecodeError error_;
  const ItemSink* sink_;
  bool strict_;
  bool integral_decimals_;
};

void Decoder::reset(const ObjectType& type, void* out) {
  for (uint8_t i = 0; i < type.count; ++i) {
    const Field& field = type.fields[i];
    if (field.optional != nullptr) field.optional(member(out, field.offset), Access::kReset);
  }
}

const Field* Decoder::find(const ObjectType& type, uint8_t expected) const {
  const common::TextSpan name = reader_.text();
  const Text text = Text::from_json(name, reader_.has_escapes());
  const char first = name.empty() ? '\0' : name[0];
  // Members mostly come in the order of the schema: begin with the one that is due.
  for (uint8_t i = 0; i < type.count; ++i, ++expected) {
    if (expected >= type.count) expected = 0;
    const Field& field = type.fields[expected];
    if (first != field.name[0] && first != '\\') continue;
    if (text.equals(common::text(field.name))) return &field;
  }
  return nullptr;
}

bool Decoder::object(const ObjectType& type, void* out) {
  if (out != nullptr) reset(type, out);
  uint32_t seen = 0;
  uint8_t expected = 0;
  while (reader_.next() == Token::kKey) {
    const Field* field = find(type, expected);
    if (field == nullptr) {
      if (strict_) {
        return fail(kUnknownFieldError, "field is not known") || below(reader_.text());
      }
      reader_.next();
      if (!reader_.skip()) return syntax();
      continue;
    }
    expected = static_cast<uint8_t>(field - type.fields);
    const uint32_t bit = 1U << expected;
    if ((seen & bit) != 0)
      return fail_occurrence("field is given twice") || below(common::text(field->name));
    seen |= bit;
    ++expected;
    reader_.next();
    if (!member_value(*field, out)) return below(common::text(field->name));
  }
  if (reader_.token() != Token::kObjectEnd) return syntax();
  for (uint8_t i = 0; i < type.count; ++i) {
    const Field& field = type.fields[i];
    if (field.optional == nullptr && (seen & (1U << i)) == 0) {
      return fail_occurrence("required field is missing") || below(common::text(field.name));
    }
  }
  return true;
}

bool Decoder::member_value(const Field& field, void* out) {
  if (reader_.token() == Token::kError) return syntax();
  void* target = member(out, field.offset);
  if (field.optional != nullptr) {
    if (reader_.token() == Token::kNull && !strict_) return true;
    if (target != nullptr) target = field.optional(target, Access::kEmplace);
  }
  return value(field, target);
}

bool Decoder::value(const Field& field, void* out) {
  const Token token = reader_.token();
  switch (field.kind) {
    case Kind::kBoolean:
      if (token != Token::kTrue && token != Token::kFalse) return fail_type("not a boolean");
      if (out != nullptr) *static_cast<bool*>(out) = token == Token::kTrue;
      return true;
    case Kind::kInteger:
      return token == Token::kNumber ? integer(field, out) : fail_type("not an integer");
    case Kind::kDecimal:
      return token == Token::kNumber ? decimal(field, out) : fail_type("not a number");
    case Kind::kObject:
      if (token != Token::kObjectBegin) return fail_type("not an object");
      return object(*static_cast<const ObjectType*>(field.type), out);
    case Kind::kArray:
      return token == Token::kArrayBegin ? array(field, out) : fail_type("not an array");
    case Kind::kTime:
    case Kind::kEnum:
    case Kind::kString:
    case Kind::kText:
      break;
  }
  if (token != Token::kString) return fail_type("not a string");
  if (field.limit != 0 && reader_.length() > field.limit)
    return fail_constraint("string is too long");
  if (field.kind == Kind::kTime) return time(out);
  if (field.kind == Kind::kEnum) return enumerator(field, out);
  if (field.kind == Kind::kString) return fixed_string(field, out);
  const Text text = Text::from_json(reader_.text(), reader_.has_escapes());
  if (field.format == Format::kUri && !is_uri(text)) return fail_constraint("not a URI");
  if (out != nullptr) *static_cast<Text*>(out) = text;
  return true;
}

bool Decoder::integer(const Field& field, void* out) {
  if (strict_ && !integral_decimals_ && !json::is_integer_literal(reader_.text()))
    return fail_type("not an integer");
  int64_t number = 0;
  const common::Status status = json::to_scaled(reader_.text(), 0, number);
  if (status == common::Status::kInvalidArgument) return fail_type("not an integer");
  const auto* given = static_cast<const IntegerRange*>(field.type);
  const IntegerRange range = given == nullptr ? IntegerRange{INT32_MIN, INT32_MAX} : *given;
  if (status != common::Status::kOk || number < range.minimum || number > range.maximum) {
    return fail_constraint("integer is out of range");
  }
  if (out != nullptr) *static_cast<int32_t*>(out) = static_cast<int32_t>(number);
  return true;
}

bool Decoder::decimal(const Field& field, void* out) {
  int64_t milli = 0;
  const common::Status status = json::to_scaled(reader_.text(), 3, milli);
  if (status == common::Status::kInvalidArgument)
    return fail_constraint("number has too many decimals");
  if (status != common::Status::kOk || milli > Decimal::kMaxMilli || milli < -Decimal::kMaxMilli) {
    return fail_constraint("number is out of range");
  }
  if (field.limit != 0 && milli % field.limit != 0)
    return fail_constraint("number has too many decimals");
  if (out != nullptr) static_cast<Decimal*>(out)->milli = milli;
  return true;
}

bool Decoder::time(void* out) {
  common::TextSpan text = reader_.text();
  char buffer[48];
  if (reader_.has_escapes()) {
    const common::Result<size_t> size = json::unescape(text, buffer);
    text = common::TextSpan(buffer, size.value_or(0));
  }
  common::UtcTime time;
  if (!parse_time(text, strict_, time)) return fail_constraint("not a date and time");
  if (out != nullptr) *static_cast<common::UtcTime*>(out) = time;
  return true;
}

bool Decoder::enumerator(const Field& field, void* out) {
  const Text text = Text::from_json(reader_.text(), reader_.has_escapes());
  const auto& type = *static_cast<const EnumType*>(field.type);
  // No enumerator needs an escape, so a text with escapes is resolved first; one that is too long
  // for that is none.
  char buffer[48];
  common::TextSpan name = text.plain();
  if (reader_.has_escapes()) {
    const common::Result<size_t> size = text.copy_to(common::Span<char>(buffer));
    name = common::TextSpan(buffer, size.value_or(0));
  }
  uint8_t value = 0;
  if (!enum_value(type, name, value)) return fail_constraint("value is not in the list");
  if (out != nullptr) *static_cast<uint8_t*>(out) = value;
  return true;
}

bool Decoder::fixed_string(const Field& field, void* out) {
  const auto& type = *static_cast<const StringType*>(field.type);
  const Text text = Text::from_json(reader_.text(), reader_.has_escapes());
  if (text.size() > type.capacity) return fail_constraint("string is too long");
  if (out == nullptr) return true;
  type.clear(out);
  json::StringCursor pieces = text.cursor();
  for (common::TextSpan piece = pieces.next(); !piece.empty(); piece = pieces.next())
    (void)type.append(out, piece);
  return true;
}

bool Decoder::array(const Field& field, void* out) {
  const auto& type = *static_cast<const ArrayType*>(field.type);
  const size_t start = reader_.position() - 1;
  const ItemSink* const sink = out == nullptr ? nullptr : sink_;
  if (sink != nullptr) sink_ = nullptr;  // arrays inside the elements are not meant
  void* const item = sink == nullptr ? nullptr : sink->item;
  uint32_t count = 0;
  for (Token token = reader_.next(); token != Token::kArrayEnd; token = reader_.next(), ++count) {
    if (token == Token::kError) return syntax();
    if (!value(type.item, item)) return below_index(count);
    if (sink != nullptr) sink->take(sink->context, count);
  }
  if (count < type.minimum) return fail_occurrence("array has too few elements");
  if (type.maximum != 0 && count > type.maximum)
    return fail_occurrence("array has too many elements");
  if (out != nullptr) {
    auto& array = *static_cast<ArrayBase*>(out);
    array.origin_ = ArrayBase::Origin::kJson;
    array.data_ = json_.data() + start;
    array.json_size_ = static_cast<uint32_t>(reader_.position() - start);
    array.count_ = count;
    array.type_ = &type;
  }
  return true;
}

bool ArrayBase::next_from_json(json::Reader& reader, void* item) const {
  // The array was checked with the options of its message; the lenient rules take all of that.
  const common::TextSpan json(static_cast<const char*>(data_), json_size_);
  return Decoder(json, DecodeOptions(), true).item(type_->item, reader, item);
}

DecodeError decode_object(const ObjectType& type, common::TextSpan json, void* out,
                          DecodeOptions options) {
  Decoder decoder(json, options, type.integral_decimals);
  decoder.message(type, out);
  return decoder.error();
}

const char* enum_name(const EnumType& type, uint8_t value) {
  return value < type.count ? type.names[value] : "?";
}

bool enum_value(const EnumType& type, common::TextSpan name, uint8_t& value) {
  for (uint8_t i = 0; i < type.count; ++i) {
    if (common::equals(name, common::text(type.names[i]))) {
      value = i;
      return true;
    }
  }
  for (uint8_t i = 0; i < type.alias_count; ++i) {
    if (common::equals(name, common::text(type.aliases[i].name))) {
      value = type.aliases[i].value;
      return true;
    }
  }
  return false;
}

}  // namespace runtime

}  // namespace ocpp_messages
