#pragma once

#include "json/writer.hpp"

/// One member of an object: `"name":value`.
namespace gateway {

inline void member(json::Writer& out, const char* name, const char* value) {
  out.key(name);
  out.string(value);
}

inline void member(json::Writer& out, const char* name, common::TextSpan value) {
  out.key(name);
  out.string(value);
}

inline void member(json::Writer& out, const char* name, int64_t value) {
  out.key(name);
  out.integer(value);
}

inline void flag(json::Writer& out, const char* name, bool value) {
  out.key(name);
  out.boolean(value);
}

/// `{"id":7,"ok":true`: the beginning of the console's reply to a command.
inline void begin_reply(json::Writer& out, int32_t id, bool is_ok) {
  out.begin_object();
  member(out, "id", id);
  flag(out, "ok", is_ok);
}

/// @param out  At least twice as long. @return The digits, in out.
inline common::TextSpan to_hex(common::ByteSpan bytes, common::Span<char> out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (size_t i = 0; i < bytes.size(); ++i) {
    out[2 * i] = kDigits[bytes[i] >> 4U];
    out[2 * i + 1] = kDigits[bytes[i] & 0xFU];
  }
  return common::TextSpan(out.data(), 2 * bytes.size());
}

}  // namespace gateway
