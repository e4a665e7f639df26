#include "ocpp_messages/runtime/uri.hpp"

namespace ocpp_messages {

namespace {

bool is_letter(char c) {
  const char lower = common::ascii_lower(c);
  return lower >= 'a' && lower <= 'z';
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_hex(char c) {
  const char lower = common::ascii_lower(c);
  return is_digit(c) || (lower >= 'a' && lower <= 'f');
}

bool is_one_of(char c, const char* set) { return c != '\0' && std::strchr(set, c) != nullptr; }

/// Checks one character after the other.
class UriChecker {
 public:
  bool accept(char c) {
    if (hex_due_ > 0) {
      --hex_due_;
      return is_hex(c);
    }
    if (part_ != Part::kScheme && c == '%') {
      hex_due_ = 2;
      return part_ != Part::kPort && part_ != Part::kLiteral && part_ != Part::kLiteralEnd;
    }
    return accept_plain(c);
  }
  bool finish() const {
    return hex_due_ == 0 && part_ != Part::kScheme && part_ != Part::kLiteral && !bad_port_;
  }

 private:
  enum class Part : uint8_t {
    kScheme,
    kStart,
    kSlash,
    kHost,
    kLiteral,
    kLiteralEnd,
    kPort,
    kPath,
    kQuery,
    kFragment
  };

  /// @return false if what ends here was not complete.
  bool enter(Part part) {
    part_ = part;
    first_ = true;
    return !bad_port_;
  }

  bool accept_plain(char c) {
    const bool first = first_;
    first_ = false;
    if (part_ == Part::kScheme) {
      if (is_letter(c)) return true;
      if (first) return false;
      return c == ':' ? enter(Part::kStart) : is_digit(c) || is_one_of(c, "+-.");
    }
    if (part_ != Part::kLiteral) {
      if (c == '#') return part_ != Part::kFragment && enter(Part::kFragment);
      if (c == '?' && part_ != Part::kFragment) return enter(Part::kQuery);
    }
    switch (part_) {
      case Part::kStart:
        return c == '/' ? enter(Part::kSlash) : enter(Part::kPath) && is_path(c);
      case Part::kSlash:
        return c == '/' ? enter(Part::kHost) : enter(Part::kPath) && is_path(c);
      case Part::kHost:
        return accept_host(c, first);
      case Part::kLiteral:
        return c == ']' ? !first && enter(Part::kLiteralEnd) : is_hex(c) || is_one_of(c, ":.");
      case Part::kLiteralEnd:
        return c == '/' ? enter(Part::kPath) : c == ':' && enter(Part::kPort);
      case Part::kPort:
        return c == '/' ? enter(Part::kPath) : is_digit(c);
      case Part::kPath:
        return is_path(c);
      case Part::kQuery:
      case Part::kFragment:
        return is_path(c) || c == '?';
      case Part::kScheme:
        break;
    }
    return false;
  }

  /// User information or host; which of them is known only at '@', so what follows a colon is
  /// judged at the end.
  bool accept_host(char c, bool first) {
    if (c == '/') return enter(Part::kPath);
    if (c == '[') return first && enter(Part::kLiteral);
    if (c == '@') {
      if (has_user_) return false;
      has_user_ = true;
      has_colon_ = false;
      bad_port_ = false;
      return enter(Part::kHost);
    }
    if (has_colon_ && !is_digit(c)) bad_port_ = true;
    if (c == ':') has_colon_ = true;
    return is_path(c);
  }

  static bool is_path(char c) {
    return is_letter(c) || is_digit(c) || is_one_of(c, "-._~!$&'()*+,;=:@/");
  }

  Part part_ = Part::kScheme;
  uint8_t hex_due_ = 0;
  bool first_ = true;
  bool has_user_ = false;
  bool has_colon_ = false;
  bool bad_port_ = false;
};

}  // namespace

bool is_uri(const Text& text) {
  UriChecker checker;
  json::StringCursor pieces = text.cursor();
  for (common::TextSpan piece = pieces.next(); !piece.empty(); piece = pieces.next()) {
    for (const char c : piece) {
      if (!checker.accept(c)) return false;
    }
  }
  return checker.finish();
}

}  // namespace ocpp_messages
