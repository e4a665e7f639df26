#pragma once

#include "common/fixed_string.hpp"
#include "json/writer.hpp"
#include "ocpp_messages/runtime/optional.hpp"

/// What the generated tables are made of. Only generated code and the codec use this header. Flash
/// is scarce: rows are packed, and there is no code per message, field or type.
namespace ocpp_messages::runtime {

enum class Kind : uint8_t {
  kBoolean,
  kInteger,
  kDecimal,
  kTime,
  kEnum,
  kString,  ///< common::FixedString.
  kText,
  kUri,  ///< A Text that must be one.
  kObject,
  kArray
};
enum class Presence : uint8_t { kRequired, kOptional };

/// A second spelling that is understood but never written.
struct EnumAlias {
  const char* name;
  uint8_t value;
};

struct EnumType {
  const char* const* names;  ///< Spelling on the wire, indexed by the enumerator.
  const EnumAlias* aliases;
  uint8_t count;
  uint8_t alias_count;
};

struct IntegerRange {
  int32_t minimum;
  int32_t maximum;
};

struct StringSize {
  uint16_t characters;  ///< Most, 0 = no limit.
  uint16_t bytes;       ///< N of the FixedString.
};

struct ObjectType;
struct ArrayType;

/// What there is to know of a field besides its kind.
union Detail {
  constexpr Detail() : number(0) {}
  /// Decimals: step, thousandths. Texts: most characters. 0 = no limit.
  static constexpr Detail limit(uint32_t number) {
    Detail detail;
    detail.number = number;
    return detail;
  }
  constexpr Detail(uint16_t characters, uint16_t bytes) : string(StringSize{characters, bytes}) {}
  /// Integers that do not use all 32 bits.
  constexpr Detail(const IntegerRange* the_range) : range(the_range) {}   // NOLINT: implicit
  constexpr Detail(const EnumType* the_names) : names(the_names) {}       // NOLINT: implicit
  constexpr Detail(const ObjectType* the_object) : object(the_object) {}  // NOLINT: implicit
  constexpr Detail(const ArrayType* the_array) : array(the_array) {}      // NOLINT: implicit

  uint32_t number;
  StringSize string;
  const IntegerRange* range;
  const EnumType* names;
  const ObjectType* object;
  const ArrayType* array;
};

/// One member of a struct.
struct Field {
  const char* name;
  Detail detail;
  uint16_t offset;  ///< Of the value, bytes from the start of the struct.
  uint8_t name_size;
  Kind kind : 6;
  Presence presence : 2;
};

/// The row of a member.
/// @param member_offset  offsetof(struct, member).
template <typename Member, size_t N>
constexpr Field field(const char (&name)[N], Kind kind, Presence presence, size_t member_offset,
                      Detail detail) {
  static_assert(N - 1 <= UINT8_MAX, "Field::name_size");
  return Field{name,
               detail,
               static_cast<uint16_t>(member_offset + ValueOffset<Member>::kBytes),
               static_cast<uint8_t>(N - 1),
               kind,
               presence};
}

class Decoder;

struct ObjectType {
  const Field* fields;
  uint8_t count;
  /// The JSON schema of this message takes 1.0 for an integer (draft 6 and later).
  bool integral_decimals;
  uint16_t size;  ///< Of the struct, bytes.
};

struct ArrayType {
  Field item;
  uint16_t minimum;    ///< Elements.
  uint16_t maximum;    ///< 0 = no limit.
  uint16_t item_size;  ///< Bytes.
};

/// Largest element of an array, bytes, and its alignment: the encoder keeps one on the stack.
constexpr size_t kMaxItemSize = 20 * sizeof(void*);
constexpr size_t kItemAlignment = alignof(uint64_t);

template <typename Item>
constexpr ArrayType array(Field item, uint16_t minimum, uint16_t maximum) {
  static_assert(sizeof(Item) <= kMaxItemSize && alignof(Item) <= kItemAlignment, "kMaxItemSize");
  return ArrayType{item, minimum, maximum, sizeof(Item)};
}

constexpr ObjectType object(const Field* fields, uint8_t count, bool integral_decimals,
                            size_t size) {
  return ObjectType{fields, count, integral_decimals, static_cast<uint16_t>(size)};
}

}  // namespace ocpp_messages::runtime
