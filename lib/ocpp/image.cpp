#include "ocpp/image.hpp"

#include "ocpp/records.hpp"

namespace ocpp::image {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "members are copied as they are");

namespace {

constexpr int64_t kYear10000Ms = 253'402'300'800'000;

struct Range {
  uint8_t last;
  uint8_t otherwise;
};

template <typename Enum>
constexpr Range range(Enum last, Enum otherwise) {
  return Range{static_cast<uint8_t>(last), static_cast<uint8_t>(otherwise)};
}

/// From kSampleContextOrOther on.
constexpr Range kRanges[] = {
    range(SampleContext::kOther, SampleContext::kOther),
    range(StopReason::kDeAuthorized, StopReason::kOther),
    range(IdTagStatus::kConcurrentTx, IdTagStatus::kInvalid),
    range(DeadLetterReason::kNoTransaction, DeadLetterReason::kOther),
};

size_t width(Kind kind) {
  if (kind <= Kind::k8) return static_cast<size_t>(kind);
  if (kind == Kind::kMoment) return 8;
  if (kind == Kind::kIdTag) return 1 + IdTag::kCapacity;
  return kind == Kind::kGap3 ? 3 : 1;
}

}  // namespace

common::ByteSpan encode(const Layout& layout, const void* object, common::MutableByteSpan out) {
  uint8_t* to = out.data();
  for (size_t i = 0; i < layout.count; ++i) {
    const Field field = layout.fields[i];
    const uint8_t* const from = static_cast<const uint8_t*>(object) + field.offset;
    size_t bytes = width(field.kind);
    if (out.size() - static_cast<size_t>(to - out.data()) < bytes) common::index_fault();
    if (field.kind == Kind::kGap3 || field.kind == Kind::kIdTag) std::memset(to, 0, bytes);
    if (field.kind == Kind::kIdTag) {
      const IdTag& tag = *reinterpret_cast<const IdTag*>(from);
      *to = static_cast<uint8_t>(tag.size());
      std::memcpy(to + 1, tag.c_str(), tag.size());
    } else if (field.kind != Kind::kGap3) {
      std::memcpy(to, from, bytes);
    }
    to += bytes;
  }
  return common::ByteSpan(out.data(), static_cast<size_t>(to - out.data()));
}

common::Status decode(const Layout& layout, common::ByteSpan image, void* object) {
  std::memset(object, 0, layout.object_bytes);
  if (image.size() < layout.mandatory_bytes) return common::Status::kCorrupt;
  const uint8_t* from = image.data();
  for (size_t i = 0; i < layout.count; ++i) {
    const Field field = layout.fields[i];
    uint8_t* const to = static_cast<uint8_t*>(object) + field.offset;
    const size_t bytes = width(field.kind);
    if (static_cast<size_t>(image.end() - from) < bytes) break;
    if (field.kind == Kind::kIdTag) {
      const common::TextSpan text(reinterpret_cast<const char*>(from) + 1, *from);
      RETURN_IF_ERROR(reinterpret_cast<IdTag*>(to)->assign(text) == common::Status::kOk
                          ? common::Status::kOk
                          : common::Status::kCorrupt);
    } else if (field.kind >= Kind::kSampleContextOrOther) {
      const Range known = kRanges[static_cast<size_t>(field.kind) -
                                  static_cast<size_t>(Kind::kSampleContextOrOther)];
      *to = *from <= known.last ? *from : known.otherwise;
    } else if (field.kind == Kind::kBool) {
      *to = *from != 0 ? 1 : 0;
    } else if (field.kind != Kind::kGap3) {
      std::memcpy(to, from, bytes);
      int64_t ms = 0;
      if (field.kind == Kind::kMoment) std::memcpy(&ms, from, sizeof ms);
      if (ms < 0 || ms >= kYear10000Ms) std::memset(to, 0, bytes);
    }
    from += bytes;
  }
  return common::Status::kOk;
}

}  // namespace ocpp::image
