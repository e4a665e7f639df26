#pragma once

#include "common/fixed_string.hpp"
#include "json/writer.hpp"

#include <cstddef>
#include <optional>

/// What the generated tables are made of. Only generated code and the codec use this header.
namespace ocpp_messages::runtime {

enum class Kind : uint8_t {
  kBoolean,
  kInteger,
  kDecimal,
  kTime,
  kEnum,
  kString,
  kText,
  kObject,
  kArray
};
enum class Format : uint8_t { kNone, kUri };

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

/// Access to a FixedString<N> through a pointer without type.
struct StringType {
  uint16_t capacity;  ///< N, bytes.
  void (*clear)(void* string);
  common::Status (*append)(void* string, common::TextSpan piece);
  common::TextSpan (*get)(const void* string);
};

struct IntegerRange {
  int32_t minimum;
  int32_t maximum;
};

enum class Access : uint8_t { kGet, kEmplace, kReset };
/// kGet: the value or nullptr. kEmplace: a fresh value. kReset: leaves it empty, returns nullptr.
using OptionalAccess = void* (*)(void* optional, Access access);

/// One member of a struct.
struct Field {
  const char* name;
  /// EnumType, StringType, ObjectType or ArrayType; for integers IntegerRange or nullptr.
  const void* type;
  /// nullptr: the field is required.
  OptionalAccess optional;
  /// Bytes from the start of the struct.
  uint16_t offset;
  /// Strings: most characters, 0 = no limit. Decimals: step, thousandths.
  uint16_t limit;
  Kind kind;
  Format format;
};

struct ObjectType {
  const Field* fields;
  uint8_t count;
  /// The JSON schema of this message takes 1.0 for an integer (draft 6 and later).
  bool integral_decimals;
};

class ArrayBase;
class Decoder;
using EncodeItems = common::Status (*)(const ArrayBase& array, const Field& item,
                                       json::Writer& writer, size_t& count);

struct ArrayType {
  Field item;
  uint16_t minimum;  ///< Elements.
  uint16_t maximum;  ///< 0 = no limit.
  EncodeItems encode_items;
};

template <typename T>
void* access_optional(void* field, Access access) {
  auto* optional = static_cast<std::optional<T>*>(field);
  switch (access) {
    case Access::kGet:
      return optional->has_value() ? &**optional : nullptr;
    case Access::kEmplace:
      return &optional->emplace();
    case Access::kReset:
      optional->reset();
      return nullptr;
  }
  return nullptr;
}

template <size_t N>
void clear_string(void* string) {
  static_cast<common::FixedString<N>*>(string)->clear();
}

template <size_t N>
common::Status append_string(void* string, common::TextSpan piece) {
  return static_cast<common::FixedString<N>*>(string)->append(piece);
}

template <size_t N>
common::TextSpan get_string(const void* string) {
  return static_cast<const common::FixedString<N>*>(string)->span();
}

template <size_t N>
inline constexpr StringType kStringType{N, clear_string<N>, append_string<N>, get_string<N>};

}  // namespace ocpp_messages::runtime
