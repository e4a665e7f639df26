#pragma once

#include "common/span.hpp"

/// Members of the flat JSON objects that some chargers send: no nesting, no escapes, damaged text does no harm.
namespace bridge::flat_json {

/// Value of a member without its quotes, a part of text; empty when there is none.
common::TextSpan member(common::TextSpan text, const char* name);
/// A whole number. @return false, and out unchanged, when there is none or it does not fit.
bool number(common::TextSpan text, const char* name, int64_t& out);
bool number(common::TextSpan text, const char* name, int32_t& out);

}  // namespace bridge::flat_json
