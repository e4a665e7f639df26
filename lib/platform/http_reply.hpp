#pragma once

#include "common/fixed_string.hpp"
#include "common/limits.hpp"

namespace platform {

/// Reads the head of one HTTP/1 response, in pieces of any size, and keeps what a transfer of a file needs of it. Interim
/// responses (1xx) are read over. What is ambiguous or does not fit makes it malformed; whatever is sent, the memory is
/// this object: about 1.7 KB.
/// @par Spec  RFC 9112, 2 to 6; stricter: no line folding, no transfer coding but chunked.
class HttpReply {
 public:
  enum class State : uint8_t { kReading, kDone, kMalformed };

  static constexpr size_t kMaxLineBytes = limits::kMaxLocationBytes + 20;
  static constexpr size_t kMaxHeadBytes = 16384;  ///< Of all responses together.
  static constexpr size_t kMaxValidatorBytes = 95;
  static constexpr uint32_t kUnknown = UINT32_MAX;

  void clear();
  /// @return Bytes taken; what follows the head is left. All of them unless kDone or kMalformed.
  size_t feed(common::ByteSpan bytes);
  State state() const { return state_; }
  /// "100 Continue" was among the interim ones.
  bool has_continue() const { return has_continue_; }

  // kDone:
  uint16_t status() const { return status_; }  ///< 200..599
  /// Of the body that follows; kUnknown when the response does not say.
  uint32_t length() const { return length_; }
  bool is_chunked() const { return is_chunked_; }
  /// The body is packed (Content-Encoding), which nobody has asked for.
  bool is_encoded() const { return is_encoded_; }
  /// Content-Range: where the part begins, and the size of the whole; kUnknown.
  uint32_t range_first() const { return range_first_; }
  uint32_t range_total() const { return range_total_; }
  common::TextSpan location() const { return location_.span(); }
  /// For If-Range: a strong ETag with its quotes, else Last-Modified, else empty.
  common::TextSpan validator() const {
    return etag_.empty() ? last_modified_.span() : etag_.span();
  }

 private:
  State on_line();
  State on_status_line(common::TextSpan line);
  State on_header(common::TextSpan name, common::TextSpan value);
  State on_head_end();
  void forget_response();

  char line_[kMaxLineBytes] = {};
  size_t size_ = 0;
  size_t head_bytes_ = 0;
  State state_ = State::kReading;
  bool has_status_line_ = false;
  bool is_cut_ = false;  ///< The line was longer than line_.
  bool has_continue_ = false;
  bool is_chunked_ = false;
  bool is_encoded_ = false;
  bool has_transfer_coding_ = false;
  uint16_t status_ = 0;
  uint32_t length_ = kUnknown;
  uint32_t range_first_ = kUnknown;
  uint32_t range_total_ = kUnknown;
  common::FixedString<limits::kMaxLocationBytes> location_;
  common::FixedString<kMaxValidatorBytes> etag_;
  common::FixedString<kMaxValidatorBytes> last_modified_;
};

/// What the answer to a download from `offset` on means.
struct RangeVerdict {
  enum class Kind : uint8_t {
    kBody,       ///< What follows is the file from begins_at on.
    kComplete,   ///< There is nothing beyond offset: the file was whole already.
    kBeginAnew,  ///< Ask once more, for the whole file.
    kRefused,    ///< See HttpReply::status().
  };
  Kind kind = Kind::kRefused;
  uint32_t begins_at = 0;
  uint32_t total_bytes = 0;  ///< 0 = unknown.
};
/// @param offset  Of the request: "Range: bytes=<offset>-", no such header for 0.
/// @par Spec  RFC 9110, 14, 15.3.7, 15.5.17.
RangeVerdict judge_range(const HttpReply& reply, uint32_t offset);

/// Takes the content out of a body of known length, or of chunks.
/// @par Spec  RFC 9112, 6.3, 7.1
class HttpBody {
 public:
  enum class State : uint8_t { kReading, kDone, kMalformed };

  /// @pre  One of the two is known.
  void begin(const HttpReply& reply);
  /// @param content  The next piece of it, inside `bytes`; may be empty.
  /// @return Bytes taken, those of content included.
  size_t feed(common::ByteSpan bytes, common::ByteSpan& content);
  State state() const { return state_; }

 private:
  enum class Part : uint8_t { kContent, kSize, kExtension, kContentEnd, kTrailer };

  void on_byte(char c);

  static constexpr uint32_t kMaxOverheadBytes = 1024;  ///< Of one chunk's head, of all trailers.

  State state_ = State::kDone;
  Part part_ = Part::kContent;
  bool is_chunked_ = false;
  bool has_digit_ = false;
  bool is_line_empty_ = true;
  uint32_t left_ = 0;
  uint32_t overhead_ = 0;
};

}  // namespace platform
