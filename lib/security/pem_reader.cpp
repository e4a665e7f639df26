#include "security/pem_reader.hpp"

#include <utility>

namespace security {

namespace {

/// @return 0..63, or -1.
int digit_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

bool Base64Decoder::put(char c, Buffer& out) {
  if (after_backslash_) {
    after_backslash_ = false;
    if (c == 'n' || c == 'r' || c == 't') return true;
    // "\/" and the like: the character itself.
  } else if (c == '\\') {
    after_backslash_ = true;
    return true;
  }
  if (is_space(c)) return true;
  if (c == '=') return ++pads_ <= 2;
  const int digit = digit_of(c);
  if (digit < 0 || pads_ > 0) return false;
  bits_ = bits_ << 6U | static_cast<uint32_t>(digit);
  if (digits_++ % 4 == 0) return true;
  // The second digit completes the first byte, the third the second, the fourth the third.
  const uint32_t shift = 2 * (3 - (digits_ - 1) % 4);
  return out.append_u8(static_cast<uint8_t>(bits_ >> shift));
}

void CertificateList::release() {
  buffer_.release();
  count_ = 0;
}

CertificateFault CertificateList::on_label() {
  const common::TextSpan label = label_.span();
  if (state_ != State::kBody) {
    is_certificate_ = common::equals(label, common::text("BEGIN CERTIFICATE")) ||
                      common::equals(label, common::text("BEGIN X509 CERTIFICATE"));
    base64_ = Base64Decoder();
    state_ = State::kBody;
    if (is_certificate_ && count_ == platform::TlsAuthority::kMaxChain) {
      return CertificateFault::kTooLarge;
    }
    return CertificateFault::kNone;
  }
  state_ = State::kOutside;
  if (!is_certificate_) return CertificateFault::kNone;
  if (!base64_.is_complete() || !common::equals(label_.span().first(3), common::text("END"))) {
    return CertificateFault::kMalformed;
  }
  ends_[++count_] = static_cast<uint16_t>(buffer_.size());
  return buffer_.size() - ends_[count_ - 1] > kMaxCertificateBytes ? CertificateFault::kTooLarge
                                                                   : CertificateFault::kNone;
}

CertificateFault CertificateList::put(char c) {
  if (c == '-') {
    ++dashes_;
    if (dashes_ == 5) {
      dashes_ = 0;
      if (in_label_ && !label_.empty()) {
        in_label_ = false;
        return on_label();
      }
      in_label_ = true;
      label_.clear();
    }
    return CertificateFault::kNone;
  }
  dashes_ = 0;
  if (in_label_) {
    // A label too long to be kept is none that is looked for.
    (void)label_.append(common::TextSpan(&c, 1));
    return CertificateFault::kNone;
  }
  if (state_ != State::kBody || !is_certificate_) return CertificateFault::kNone;
  const bool is_full = buffer_.size() == buffer_.capacity();
  if (base64_.put(c, buffer_)) return CertificateFault::kNone;
  return is_full ? CertificateFault::kTooLarge : CertificateFault::kMalformed;
}

CertificateFault CertificateList::read(PemText& text, size_t most_bytes) {
  release();
  state_ = State::kOutside;
  in_label_ = false;
  dashes_ = 0;
  if (!buffer_.allocate(most_bytes)) return CertificateFault::kNoMemory;
  for (common::TextSpan piece = text.next(); !piece.empty(); piece = text.next()) {
    for (const char c : piece) {
      const CertificateFault fault = put(c);
      if (fault != CertificateFault::kNone) return fault;
    }
  }
  if (state_ != State::kOutside || count_ == 0) return CertificateFault::kMalformed;
  // It is kept while mbedTLS needs its heap.
  Buffer exact;
  if (!exact.allocate(buffer_.size())) return CertificateFault::kNoMemory;
  exact.append(buffer_.bytes());
  buffer_ = std::move(exact);
  return CertificateFault::kNone;
}

CertificateFault decode_base64(PemText& text, size_t most_bytes, Buffer& out) {
  if (!out.allocate(most_bytes)) return CertificateFault::kNoMemory;
  Base64Decoder decoder;
  for (common::TextSpan piece = text.next(); !piece.empty(); piece = text.next()) {
    for (const char c : piece) {
      const bool is_full = out.size() == out.capacity();
      if (!decoder.put(c, out)) {
        return is_full ? CertificateFault::kTooLarge : CertificateFault::kMalformed;
      }
    }
  }
  return decoder.is_complete() ? CertificateFault::kNone : CertificateFault::kMalformed;
}

}  // namespace security
