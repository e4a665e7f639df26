#pragma once

#include "common/fixed_string.hpp"
#include "common/span.hpp"
#include "common/status.hpp"
#include "json/writer.hpp"
#include "ocpp_messages/rpc_error_code.hpp"
#include "ocpp_messages/runtime/descriptor.hpp"

namespace ocpp_messages {

/// Takes the elements of the message's first array while they are decoded; without one they are decoded again when the
/// ArrayView is iterated. What it took counts only once the whole message turned out valid.
struct ItemSink {
  void* item;                                 ///< One object of the array's element type.
  void (*take)(void* context, size_t index);  ///< item is filled.
  void* context;
};

struct DecodeOptions {
  /// True: the verdict of the JSON schema. False: unknown fields and null for optional fields are
  /// ignored, times may lack a zone, 1.0 is an integer.
  bool strict = false;
  const ItemSink* sink = nullptr;
};
inline constexpr DecodeOptions kLenient{};

/// Why a payload was refused, or that it was not.
class DecodeError {
 public:
  using Path = common::FixedString<95>;

  bool ok() const { return reason_ == nullptr; }
  /// What to answer in the CallError; only meaningful when !ok().
  RpcErrorCode code() const { return code_; }
  /// One clause of English ("required field is missing"); "" when ok().
  const char* reason() const { return reason_ == nullptr ? "" : reason_; }
  /// The field at fault, from the payload down: "idTagInfo.status", "key[3]". Empty for the payload
  /// as a whole. If it does not fit, the outer part is left out.
  const Path& path() const { return path_; }
  /// "path: reason", for errorDescription and logs.
  common::FixedString<160> description() const;

 private:
  friend class runtime::Decoder;
  const char* reason_ = nullptr;
  RpcErrorCode code_{};
  Path path_;
};

/// The payload of a frame: the frame from the end of the action or of the message id on. Whatever reads the
/// payload also checks that the frame ends behind it.
struct FramePayload {
  common::TextSpan rest;
};

namespace runtime {

/// Decodes a payload into the struct that type describes.
/// @param out  The struct, not touched where type has nothing; unspecified content after an error.
///             nullptr: only checks.
DecodeError decode_object(const ObjectType& type, common::TextSpan json, void* out,
                          const DecodeOptions& options);
DecodeError decode_object(const ObjectType& type, FramePayload payload, void* out,
                          const DecodeOptions& options);

/// @retval kOk               Written.
/// @retval kNoSpace          Does not fit.
/// @retval kInvalidArgument  A value that the schema forbids: unknown time, enumerator out of
///                           range, text longer than allowed, number that is not a multiple of the
///                           step, too few or too many elements.
common::Status encode_object(const ObjectType& type, const void* object, json::Writer& writer);

/// Name of an enumerator, "?" if out of range.
const char* enum_name(const EnumType& type, uint8_t value);
/// @return false if no enumerator has that name; value unchanged.
bool enum_value(const EnumType& type, common::TextSpan name, uint8_t& value);

}  // namespace runtime

/// Checks that a payload is one JSON value and that the frame ends behind it, whatever the value.
DecodeError check(FramePayload payload);

/// Decodes a payload. Texts and arrays of message point into json.
template <typename Message>
DecodeError decode(common::TextSpan json, Message& message,
                   const DecodeOptions& options = kLenient) {
  return runtime::decode_object(Message::kType, json, &message, options);
}
template <typename Message>
DecodeError decode(FramePayload payload, Message& message,
                   const DecodeOptions& options = kLenient) {
  return runtime::decode_object(Message::kType, payload, &message, options);
}
/// Encodes a payload; see runtime::encode_object().
template <typename Message>
common::Status encode(const Message& message, json::Writer& writer) {
  return runtime::encode_object(Message::kType, &message, writer);
}

}  // namespace ocpp_messages
