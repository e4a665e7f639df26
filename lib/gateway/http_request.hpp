#pragma once

#include "common/fixed_string.hpp"

namespace gateway {

/// Reads one HTTP/1 request, byte by byte, and keeps what a small server needs of it. Whatever is sent, the memory is this
/// object; what does not fit, or is ambiguous, ends the request with a status.
/// @par Spec  RFC 9112; stricter: one Host, no line folding, no transfer coding.
class HttpRequest {
 public:
  enum class Method : uint8_t { kGet, kHead, kPost, kOther };
  enum class State : uint8_t { kReading, kDone, kRefused };

  static constexpr size_t kBufferBytes = 1280;   ///< Longest line that matters; longest body.
  static constexpr size_t kMaxHeadBytes = 8192;  ///< Request line and headers.
  static constexpr size_t kMaxPathBytes = 48;    ///< A longer path is cut.
  static constexpr size_t kMaxHostBytes = 63;    ///< A longer one is refused.
  static constexpr size_t kMaxTokenBytes = 40;   ///< A longer one is cut.
  static constexpr const char* kToken = "x-setup-token";  ///< The header's name.

  /// Forgets everything: the next byte is the first of a request. Secrets in the body are overwritten.
  void clear();
  /// @return kReading: more is needed. After kDone or kRefused no byte is taken.
  State feed(char c);
  State state() const { return state_; }
  /// Whether anything has arrived.
  bool has_begun() const { return head_bytes_ > 0; }

  /// kRefused: 400, 411, 413, 414, 431, 501 or 505.
  uint16_t refusal() const { return refusal_; }
  // kDone:
  Method method() const { return method_; }
  /// Without the query, not decoded.
  common::TextSpan path() const { return path_.span(); }
  /// With the port, if there is one; never empty.
  common::TextSpan host() const { return host_.span(); }
  common::TextSpan token() const { return token_.span(); }
  /// The body is said to be application/json.
  bool is_json() const { return is_json_; }
  common::TextSpan body() const { return common::TextSpan(buffer_, size_); }
  /// For the answer, once the request is no longer needed.
  common::Span<char> buffer() { return buffer_; }

 private:
  enum class Part : uint8_t { kRequestLine, kHeaders, kBody };

  State refuse(uint16_t status);
  State on_line_end();
  State on_request_line(common::TextSpan line);
  State on_header(common::TextSpan line);
  State on_head_end();
  State set_host(common::TextSpan host);

  char buffer_[kBufferBytes] = {};
  size_t size_ = 0;        ///< Of the present line, or of the body.
  size_t head_bytes_ = 0;  ///< So far.
  size_t content_length_ = 0;
  common::FixedString<kMaxPathBytes> path_;
  common::FixedString<kMaxHostBytes> host_;
  common::FixedString<kMaxTokenBytes> token_;
  uint16_t refusal_ = 0;
  State state_ = State::kReading;
  Part part_ = Part::kRequestLine;
  Method method_ = Method::kOther;
  bool has_return_ = false;  ///< The last byte was a carriage return.
  bool is_line_cut_ = false;
  bool has_host_ = false;     ///< A header Host was seen.
  bool is_absolute_ = false;  ///< The request line has a host, which counts.
  bool has_length_ = false;
  bool is_json_ = false;
};

}  // namespace gateway
