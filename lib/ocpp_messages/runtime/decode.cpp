#include "json/number.hpp"
#include "json/reader.hpp"
#include "ocpp_messages/runtime/array_view.hpp"
#include "ocpp_messages/runtime/checks.hpp"
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
  /// @param error  Where to tell what is wrong; nullptr when nobody asks.
  Decoder(const json::Reader& reader, const DecodeOptions& options, bool integral_decimals,
          DecodeError* error)
      : reader_(reader),
        error_(error),
        sink_(options.sink),
        strict_(options.strict),
        integral_decimals_(integral_decimals) {}

  /// @param type  nullptr: any value will do.
  void message(const ObjectType* type, void* out) {
    const uint8_t outside = reader_.depth();
    const Token first = reader_.next();
    if (first == Token::kArrayEnd) {
      (void)fail(kSyntaxError, "the payload is missing");
      return;
    }
    if (type == nullptr) {
    } else if (first == Token::kObjectBegin) {
      (void)object(*type, out);
    } else {
      (void)fail(kSyntaxError, "payload is not a JSON object");
    }
    // A fault in the rest of the text outdoes one in its content.
    while (reader_.depth() > outside && reader_.next() != Token::kError) {
    }
    const bool is_alone = outside == 0 || reader_.next() == Token::kArrayEnd;
    const bool ends = reader_.next() == Token::kEnd;
    if (is_alone && ends) return;
    error_->path_.clear();
    (void)fail(kSyntaxError, is_alone || reader_.token() == Token::kError
                                 ? "payload is not valid JSON"
                                 : "something follows the payload");
  }
  const json::Reader& reader() const { return reader_; }
  bool item(const Field& field, void* out) {
    return reader_.next() < Token::kEnd && reader_.token() != Token::kArrayEnd && value(field, out);
  }

 private:
  static void* member(void* object, size_t offset) {
    return object == nullptr ? nullptr : static_cast<char*>(object) + offset;
  }
  /// Of an optional member, beside its value.
  static bool& is_present(void* value) { return static_cast<bool*>(value)[-1]; }

  bool fail(RpcErrorCode code, const char* reason) {
    if (error_ == nullptr) return false;
    error_->code_ = code;
    error_->reason_ = reason;
    return false;
  }
  bool fail_type(const char* reason) { return fail(kTypeError, reason); }
  bool fail_constraint(const char* reason) { return fail(kConstraintError, reason); }
  bool fail_occurrence(const char* reason) { return fail(kOccurrenceError, reason); }
  bool syntax() { return fail(kSyntaxError, "payload is not valid JSON"); }

  bool below(common::TextSpan element);
  bool below(const Field& field) { return below(common::TextSpan(field.name, field.name_size)); }
  bool below_index(uint32_t index);

  bool object(const ObjectType& type, void* out);
  const Field* next_member(const ObjectType& type, const Field* expected);
  bool take_value(const Field& field, void* out);
  const Field* find_next(const ObjectType& type);
  bool value(const Field& field, void* out);
  bool other_type(const Field& field, void* out, const char* reason);
  bool integer(const Field& field, void* out);
  bool set_integer(const Field& field, int32_t number, void* out);
  bool decimal(const Field& field, void* out);
  bool set_decimal(const Field& field, int64_t milli, void* out);
  bool literal(const Field& field, void* out);
  bool text(const Field& field, void* out);
  bool array(const ArrayType& type, void* out);

  json::Reader reader_;
  DecodeError* error_;
  const ItemSink* sink_;
  bool strict_;
  bool integral_decimals_;
};

/// Puts a path element in front, then returns false.
bool Decoder::below(common::TextSpan element) {
  if (error_ == nullptr) return false;
  DecodeError::Path path(element);
  const common::TextSpan inner = error_->path_.span();
  const bool dot = !inner.empty() && *inner.data() != '[';
  if (path.size() + (dot ? 1 : 0) + inner.size() > DecodeError::Path::kCapacity) return false;
  if (dot) (void)path.append(common::text("."));
  (void)path.append(inner);
  error_->path_ = path;
  return false;
}

bool Decoder::below_index(uint32_t index) {
  char element[12];
  char* const end = element + sizeof element;
  char* at = end;
  *--at = ']';
  do {
    *--at = static_cast<char>('0' + index % 10);
    index /= 10;
  } while (index != 0);
  *--at = '[';
  return below(common::TextSpan(at, static_cast<size_t>(end - at)));
}

const Field* Decoder::find_next(const ObjectType& type) {
  while (reader_.next() == Token::kKey) {
    const Text name = Text::from_json(reader_.text(), reader_.has_escapes());
    for (const Field* field = type.fields; field != type.fields + type.count; ++field) {
      if (name.equals(common::TextSpan(field->name, field->name_size))) return field;
    }
    if (strict_) break;
    reader_.next_value();
    if (!reader_.skip()) break;
  }
  return nullptr;
}

bool Decoder::object(const ObjectType& type, void* out) {
  const Field* expected = type.fields;
  uint32_t unseen = (1U << type.count) - 1;
  while (const Field* const field = next_member(type, expected)) {
    expected = field + 1;
    const uint32_t bit = 1U << (field - type.fields);
    if ((unseen & bit) == 0) return fail_occurrence("field is given twice") || below(*field);
    unseen -= bit;
    void* const target = member(out, field->offset);
    if (field->presence != Presence::kRequired && target != nullptr) is_present(target) = true;
    if (!take_value(*field, target)) return below(*field);
  }
  if (reader_.token() == Token::kKey)
    return fail(kUnknownFieldError, "field is not known") || below(reader_.text());
  if (reader_.token() != Token::kObjectEnd) return syntax();
  for (const Field* field = type.fields; unseen != 0; ++field, unseen >>= 1U) {
    if ((unseen & 1U) == 0) continue;
    if (field->presence == Presence::kRequired)
      return fail_occurrence("required field is missing") || below(*field);
    if (out != nullptr) is_present(member(out, field->offset)) = false;
  }
  return true;
}

/// Reads a member name, skipping unknown ones.
/// @param expected  Members mostly come in the order of the schema: these from here on are tried
///                  first.
/// @return nullptr if there is none: reader_.token() tells what came instead; kKey: an unknown one.
[[gnu::always_inline]] inline const Field* Decoder::next_member(const ObjectType& type,
                                                                const Field* expected) {
  if (const char* const name = reader_.key_ahead(); name != nullptr) {
    for (const Field* const end = type.fields + type.count; expected != end; ++expected) {
      if (*name == *expected->name && reader_.take_key(name, expected->name, expected->name_size))
        return expected;
    }
  } else if (reader_.take_object_end()) {
    return nullptr;
  }
  return find_next(type);
}

/// Reads the value of a member. What is mostly met is read without making a token of it first.
[[gnu::always_inline]] inline bool Decoder::take_value(const Field& field, void* out) {
  int32_t number = 0;
  switch (field.kind) {
    case Kind::kEnum:
      for (uint8_t i = 0; i < field.detail.names->count; ++i) {
        if (!reader_.take_string(field.detail.names->names[i])) continue;
        if (out != nullptr) *static_cast<uint8_t*>(out) = i;
        return true;
      }
      break;
    case Kind::kInteger:
      if (reader_.take_number(0, number)) return set_integer(field, number, out);
      break;
    case Kind::kDecimal:
      if (reader_.take_number(3, number)) return set_decimal(field, number, out);
      break;
    case Kind::kObject:
      if (reader_.take_object_begin()) return object(*field.detail.object, out);
      break;
    default:
      break;
  }
  reader_.next_value();
  return value(field, out);
}

bool Decoder::value(const Field& field, void* out) {
  const Token token = reader_.token();
  switch (field.kind) {
    case Kind::kBoolean:
      if (token != Token::kTrue && token != Token::kFalse)
        return other_type(field, out, "not a boolean");
      if (out != nullptr) *static_cast<bool*>(out) = token == Token::kTrue;
      return true;
    case Kind::kInteger:
      return token == Token::kNumber ? integer(field, out)
                                     : other_type(field, out, "not an integer");
    case Kind::kDecimal:
      return token == Token::kNumber ? decimal(field, out) : other_type(field, out, "not a number");
    case Kind::kObject:
      return token == Token::kObjectBegin ? object(*field.detail.object, out)
                                          : other_type(field, out, "not an object");
    case Kind::kArray:
      return token == Token::kArrayBegin ? array(*field.detail.array, out)
                                         : other_type(field, out, "not an array");
    case Kind::kTime:
    case Kind::kEnum:
      if (token == Token::kString) return literal(field, out);
      break;
    case Kind::kString:
    case Kind::kText:
    case Kind::kUri:
      if (token == Token::kString) return text(field, out);
      break;
  }
  return other_type(field, out, "not a string");
}

/// Lenient: null is as good as nothing.
bool Decoder::other_type(const Field& field, void* out, const char* reason) {
  if (reader_.token() == Token::kError) return syntax();
  if (reader_.token() != Token::kNull || field.presence == Presence::kRequired || strict_)
    return fail_type(reason);
  if (out != nullptr) is_present(out) = false;
  return true;
}

bool Decoder::integer(const Field& field, void* out) {
  if (strict_ && !integral_decimals_ && !json::is_integer_literal(reader_.text()))
    return fail_type("not an integer");
  int64_t number = 0;
  const common::Status status = json::to_scaled(reader_.text(), 0, number);
  if (status == common::Status::kInvalidArgument) return fail_type("not an integer");
  if (status != common::Status::kOk || number != static_cast<int32_t>(number))
    return fail_constraint("integer is out of range");
  return set_integer(field, static_cast<int32_t>(number), out);
}

bool Decoder::set_integer(const Field& field, int32_t number, void* out) {
  const IntegerRange* const range = field.detail.range;
  if (range != nullptr && (number < range->minimum || number > range->maximum))
    return fail_constraint("integer is out of range");
  if (out != nullptr) *static_cast<int32_t*>(out) = number;
  return true;
}

bool Decoder::decimal(const Field& field, void* out) {
  int64_t milli = 0;
  const common::Status status = json::to_scaled(reader_.text(), 3, milli);
  if (status == common::Status::kInvalidArgument)
    return fail_constraint("number has too many decimals");
  if (status != common::Status::kOk || milli > Decimal::kMaxMilli || milli < -Decimal::kMaxMilli)
    return fail_constraint("number is out of range");
  return set_decimal(field, milli, out);
}

bool Decoder::set_decimal(const Field& field, int64_t milli, void* out) {
  if (!is_multiple(milli, field.detail.number))
    return fail_constraint("number has too many decimals");
  if (out != nullptr) static_cast<Decimal*>(out)->milli = milli;
  return true;
}

/// A time or an enumerator. Neither needs an escape, so a text with escapes is resolved first; one
/// that is too long for that is none.
bool Decoder::literal(const Field& field, void* out) {
  char buffer[48];
  common::TextSpan plain = reader_.text();
  if (reader_.has_escapes()) {
    plain = common::TextSpan(
        buffer, Text::from_json(plain, true).copy_to(common::Span<char>(buffer)).value_or(0));
  }
  if (field.kind == Kind::kEnum) {
    uint8_t number = 0;
    if (!enum_value(*field.detail.names, plain, number))
      return fail_constraint("value is not in the list");
    if (out != nullptr) *static_cast<uint8_t*>(out) = number;
    return true;
  }
  common::UtcTime time;
  if (!parse_time(plain, strict_, time)) return fail_constraint("not a date and time");
  if (out != nullptr) *static_cast<common::UtcTime*>(out) = time;
  return true;
}

bool Decoder::text(const Field& field, void* out) {
  const bool is_fixed = field.kind == Kind::kString;
  // Nearly all: no text has more characters than bytes.
  if (is_fixed && out != nullptr && !reader_.has_escapes() &&
      reader_.text().size() <= field.detail.string.characters &&
      common::fixed_string::assign(out, field.detail.string.bytes, reader_.text()) ==
          common::Status::kOk) {
    return true;
  }
  const Text given = Text::from_json(reader_.text(), reader_.has_escapes());
  if (is_too_long(given, is_fixed ? field.detail.string.characters : field.detail.number))
    return fail_constraint("string is too long");
  if (is_fixed) {
    const size_t capacity = field.detail.string.bytes;
    const bool fits = out == nullptr ? given.size() <= capacity
                                     : given.copy_to_string(out, capacity) == common::Status::kOk;
    return fits || fail_constraint("string is too long");
  }
  if (field.kind == Kind::kUri && !is_uri(given)) return fail_constraint("not a URI");
  if (out != nullptr) *static_cast<Text*>(out) = given;
  return true;
}

bool Decoder::array(const ArrayType& type, void* out) {
  const char* const start = reader_.here() - 1;
  const ItemSink* const sink = out == nullptr ? nullptr : sink_;
  if (sink != nullptr) sink_ = nullptr;  // arrays inside the elements are not meant
  void* const item = sink == nullptr ? nullptr : sink->item;
  uint32_t count = 0;
  for (; reader_.next() != Token::kArrayEnd; ++count) {
    if (!value(type.item, item)) return below_index(count);
    if (sink != nullptr) sink->take(sink->context, count);
  }
  if (count < type.minimum) return fail_occurrence("array has too few elements");
  if (type.maximum != 0 && count > type.maximum)
    return fail_occurrence("array has too many elements");
  if (out != nullptr) {
    auto& array = *static_cast<ArrayBase*>(out);
    array.origin_ = ArrayBase::Origin::kJson;
    array.data_ = start;
    array.json_size_ = static_cast<size_t>(reader_.here() - start);
    array.count_ = count;
    array.type_ = &type;
  }
  return true;
}

ArrayBase::Position::Position(const ArrayBase& array)
    : reader_(array.origin_ == Origin::kJson
                  ? common::TextSpan(static_cast<const char*>(array.data_), array.json_size_)
                  : common::TextSpan()) {
  reader_.next();
}

bool ArrayBase::next(Position& position, void* item, size_t item_size) const {
  std::memset(item, 0, item_size);
  const size_t index = position.index_++;
  if (origin_ == Origin::kSpan) {
    if (index >= count_) return false;
    std::memcpy(item, memory() + index * item_size, item_size);
    return true;
  }
  if (origin_ == Origin::kSource) return call_(next_, const_cast<void*>(data_), index, item);
  // The array was checked with the options of its message; the lenient rules take all of that.
  Decoder decoder(position.reader_, kLenient, true, nullptr);
  const bool is_item = decoder.item(type_->item, item);
  position.reader_ = decoder.reader();
  return is_item;
}

namespace {

DecodeError decode_any(const ObjectType* type, json::Reader reader, void* out,
                       const DecodeOptions& options) {
  DecodeError error;
  Decoder(reader, options, type != nullptr && type->integral_decimals, &error).message(type, out);
  return error;
}

}  // namespace

DecodeError decode_object(const ObjectType& type, common::TextSpan json, void* out,
                          const DecodeOptions& options) {
  return decode_any(&type, json::Reader(json), out, options);
}

DecodeError decode_object(const ObjectType& type, FramePayload payload, void* out,
                          const DecodeOptions& options) {
  return decode_any(&type, json::Reader::inside_array(payload.rest), out, options);
}

const char* enum_name(const EnumType& type, uint8_t value) {
  return value < type.count ? type.names[value] : "?";
}

bool enum_value(const EnumType& type, common::TextSpan name, uint8_t& value) {
  const auto is_name = [name](const char* spelling) {
    const char* at = name.begin();
    while (at != name.end() && *at == *spelling && *at != '\0') {
      ++at;
      ++spelling;
    }
    return at == name.end() && *spelling == '\0';
  };
  if (name.empty()) return false;
  for (uint8_t i = 0; i < type.count; ++i) {
    if (type.names[i][0] == name.data()[0] && is_name(type.names[i])) {
      value = i;
      return true;
    }
  }
  for (uint8_t i = 0; i < type.alias_count; ++i) {
    if (is_name(type.aliases[i].name)) {
      value = type.aliases[i].value;
      return true;
    }
  }
  return false;
}

}  // namespace runtime

DecodeError check(FramePayload payload) {
  return runtime::decode_any(nullptr, json::Reader::inside_array(payload.rest), nullptr, kLenient);
}

}  // namespace ocpp_messages
