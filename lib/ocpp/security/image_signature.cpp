#include "ocpp/security/image_signature.hpp"

#include <algorithm>
#include <cstring>

namespace ocpp {

using common::Status;

namespace {

constexpr char kMagic[] = "VEVGWSIG";

uint32_t take(const uint8_t* in) {
  return in[0] | uint32_t{in[1]} << 8U | uint32_t{in[2]} << 16U | uint32_t{in[3]} << 24U;
}

}  // namespace

common::Result<ImageSignature> ImageSignature::find(platform::Firmware& firmware) {
  uint8_t foot[kFootBytes];
  // Ends the writing: only then is it known how much there is.
  const common::Result<size_t> begun = firmware.read(0, common::MutableByteSpan(foot));
  if (!begun.ok()) return begun.status() == Status::kNotFound ? Status::kAgain : Status::kIo;
  const uint32_t size = firmware.size();
  if (size < kFootBytes) return Status::kNotFound;
  const common::Result<size_t> got =
      firmware.read(size - kFootBytes, common::MutableByteSpan(foot));
  if (!got.ok() || got.value() != kFootBytes) return Status::kIo;
  if (std::memcmp(foot + 8, kMagic, 8) != 0) return Status::kNotFound;
  ImageSignature found;
  found.pem_size = take(foot);
  found.text_size = take(foot + 4);
  if (found.pem_size > kMaxPemBytes || found.text_size > kMaxTextBytes ||
      found.pem_size + found.text_size > size - kFootBytes)
    return Status::kNotFound;
  found.image_size = size - static_cast<uint32_t>(kFootBytes) - found.pem_size - found.text_size;
  return found;
}

common::TextSpan SlotText::next() {
  const common::MutableByteSpan room = common::MutableByteSpan(piece_).first(end_ - at_);
  const common::Result<size_t> got = firmware_.read(at_, room);
  if (!got.ok()) return common::TextSpan();
  at_ += static_cast<uint32_t>(got.value());
  return common::TextSpan(reinterpret_cast<const char*>(piece_), got.value());
}

}  // namespace ocpp
