#pragma once

#include "charger/charger.hpp"
#include "common/status.hpp"

#include <cstddef>
#include <type_traits>

/// Images of structs on flash: little-endian, without gaps, in the order of a table that serves both
/// directions.
namespace ocpp::image {

/// How a member stands in the image. Up to k8: the member itself, that many bytes.
enum class Kind : uint8_t {
  k1 = 1,
  k2 = 2,
  k4 = 4,
  k8 = 8,
  kGap3,   ///< No member: three bytes that are 0.
  kBool,   ///< One byte; anything but 0 is true.
  kIdTag,  ///< Length, then limits::kIdTagBytes bytes: what follows has a fixed place.
  kMoment,  ///< Instant or UtcTime. Read as unknown when it cannot be, so that sums of them stay in range.
  // One byte; an enumerator that this firmware does not know is read as the last word says.
  kSampleContextOrOther,
  kStopReasonOrOther,
  kIdTagStatusOrInvalid,
  kDeadLetterReasonOrOther,
};

struct Field {
  Kind kind;
  uint8_t offset;  ///< Of the member.
};

/// A struct of plain members, whose defaults are all zero but for those that every image has.
struct Layout {
  const Field* fields;
  uint8_t count;
  uint8_t mandatory_bytes;  ///< What the images of every version have.
  uint16_t object_bytes;
};

template <typename Object, size_t N>
constexpr Layout layout(const Field (&fields)[N], uint8_t mandatory_bytes) {
  static_assert(std::is_trivially_copyable_v<Object>, "made by filling it with zeros");
  return Layout{fields, N, mandatory_bytes, sizeof(Object)};
}

/// @param out  Long enough: anything else ends the program.
/// @return The image, inside out.
common::ByteSpan encode(const Layout& layout, const void* object, common::MutableByteSpan out);
/// Members that the image does not wholly have get their defaults.
/// @retval kCorrupt  Shorter than mandatory_bytes, or an id tag of an impossible length; `object` is
///   unspecified.
common::Status decode(const Layout& layout, common::ByteSpan image, void* object);

}  // namespace ocpp::image
