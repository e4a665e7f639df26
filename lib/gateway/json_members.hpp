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

}  // namespace gateway
