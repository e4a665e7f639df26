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
  Decoder(json::Reader& reader, const DecodeOptions& options, bool integral_decimals,
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
  const Field* next_member(const ObjectType& type, uint8_t expected);
  const Field* find(const ObjectType& type) const;
  bool value(const Field& field, void* out);
  bool integer(const Field& field, void* out);
  bool decimal(const Field& field, void* out);
  bool text(const Field& field, void* out);
  bool array(const ArrayType& type, void* out);

  json::Reader& reader_;
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

const Field* Decoder::find(const ObjectType& type) const {
  const Text name = Text::from_json(reader_.text(), reader_.has_escapes());
  for (const Field* field = type.fields; field != type.fields + type.count; ++field) {
    if (name.equals(common::TextSpan(field->name, field->name_size))) return field;
  }
  return nullptr;
}

/// Reads a member name; reader_.token() tells whether there was one.
/// @param expected  Members mostly come in the order of the schema: these from here on are tried
///                  first.
/// @return nullptr if it is unknown.
const Field* Decoder::next_member(const ObjectType& type, uint8_t expected) {
  if (const char* const name = reader_.key_ahead(); name != nullptr) {
    for (; expected < type.count; ++expected) {
      const Field& field = type.fields[expected];
      if (*name == *field.name && reader_.take_key(name, field.name, field.name_size))
        return &field;
    }
  }
  return reader_.next() == Token::kKey ? find(type) : nullptr;
}

bool Decoder::object(const ObjectType& type, void* out) {
  uint32_t missing = 0;
  for (uint8_t i = 0; i < type.count; ++i) {
    const Field& field = type.fields[i];
    if (field.presence == Presence::kRequired) {
      missing |= 1U << i;
    } else if (out != nullptr) {
      is_present(member(out, field.offset)) = false;
    }
  }
  uint32_t seen = 0;
  for (uint8_t expected = 0;; ++expected) {
    const Field* field = next_member(type, expected);
    if (reader_.token() != Token::kKey) break;
    if (field == nullptr) {
      if (strict_) {
        return fail(kUnknownFieldError, "field is not known") || below(reader_.text());
      }
      reader_.next();
      if (!reader_.skip()) return syntax();
      --expected;
      continue;
    }
    expected = static_cast<uint8_t>(field - type.fields);
    const uint32_t bit = 1U << expected;
    if ((seen & bit) != 0) return fail_occurrence("field is given twice") || below(*field);
    seen |= bit;
    void* target = member(out, field->offset);
    if (reader_.next() == Token::kNull && field->presence == Presence::kOptional && !strict_)
      continue;
    if (target != nullptr && field->presence == Presence::kOptional) is_present(target) = true;
    if (!value(*field, target)) return below(*field);
  }
  if (reader_.token() != Token::kObjectEnd) return syntax();
  missing &= ~seen;
  for (uint8_t i = 0; missing != 0; ++i, missing >>= 1U) {
    if ((missing & 1U) != 0)
      return fail_occurrence("required field is missing") || below(type.fields[i]);
  }
  return true;
}

bool Decoder::value(const Field& field, void* out) {
  const Token token = reader_.token();
  if (token == Token::kError) return syntax();
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
      return object(*field.detail.object, out);
    case Kind::kArray:
      return token == Token::kArrayBegin ? array(*field.detail.array, out)
                                         : fail_type("not an array");
    case Kind::kTime:
    case Kind::kEnum:
    case Kind::kString:
    case Kind::kText:
    case Kind::kUri:
      break;
  }
  return token == Token::kString ? text(field, out) : fail_type("not a string");
}

/// An integer of a few digits, as nearly all are. @return -1 when it is something else.
int32_t short_integer(common::TextSpan text) {
  if (text.size() > 9) return -1;
  int32_t number = 0;
  for (const char c : text) {
    const uint32_t digit = static_cast<uint8_t>(c - '0');
    if (digit > 9) return -1;
    number = number * 10 + static_cast<int32_t>(digit);
  }
  return number;
}

bool Decoder::integer(const Field& field, void* out) {
  const int32_t short_number = short_integer(reader_.text());
  if (short_number >= 0 && field.detail.range == nullptr) {
    if (out != nullptr) *static_cast<int32_t*>(out) = short_number;
    return true;
  }
  if (strict_ && !integral_decimals_ && !json::is_integer_literal(reader_.text()))
    return fail_type("not an integer");
  int64_t number = 0;
  const common::Status status = json::to_scaled(reader_.text(), 0, number);
  if (status == common::Status::kInvalidArgument) return fail_type("not an integer");
  const IntegerRange* range = field.detail.range;
  if (status != common::Status::kOk || number != static_cast<int32_t>(number) ||
      (range != nullptr && (number < range->minimum || number > range->maximum))) {
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
  if (!is_multiple(milli, field.detail.number))
    return fail_constraint("number has too many decimals");
  if (out != nullptr) static_cast<Decimal*>(out)->milli = milli;
  return true;
}

/// A JSON string, of whatever kind.
bool Decoder::text(const Field& field, void* out) {
  const Text given = Text::from_json(reader_.text(), reader_.has_escapes());
  if (field.kind == Kind::kTime || field.kind == Kind::kEnum) {
    // Neither needs an escape, so a text with escapes is resolved first; one that is too long for
    // that is none.
    char buffer[48];
    common::TextSpan plain = reader_.text();
    if (reader_.has_escapes())
      plain = common::TextSpan(buffer, given.copy_to(common::Span<char>(buffer)).value_or(0));
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
  const bool is_fixed = field.kind == Kind::kString;
  if (is_too_long(given, is_fixed ? field.detail.string.characters : field.detail.number))
    return fail_constraint("string is too long");
  if (field.kind == Kind::kUri && !is_uri(given)) return fail_constraint("not a URI");
  if (is_fixed) {
    const size_t capacity = field.detail.string.bytes;
    const bool fits = out == nullptr ? given.size() <= capacity
                                     : given.copy_to_string(out, capacity) == common::Status::kOk;
    return fits || fail_constraint("string is too long");
  }
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
  return Decoder(position.reader_, kLenient, true, nullptr).item(type_->item, item);
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
