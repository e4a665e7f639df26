#include "gateway/captive_dns.hpp"

namespace gateway {

using common::ByteSpan;
using common::Status;

namespace {

constexpr size_t kHeaderBytes = 12;
constexpr size_t kMaxNameBytes = 255;
constexpr uint16_t kTypeA = 1;
constexpr uint16_t kTypeAny = 255;
constexpr uint16_t kClassInternet = 1;
constexpr uint8_t kNotImplemented = 4;

uint16_t u16(ByteSpan bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] << 8U | bytes[at + 1]);
}

/// @return Bytes of the name at `at`, its end included; 0: it has none, or is compressed.
size_t name_size(ByteSpan bytes, size_t at) {
  const size_t begin = at;
  while (at < bytes.size() && at - begin < kMaxNameBytes) {
    const uint8_t length = bytes[at];
    if (length == 0) return at + 1 - begin;
    if (length > 63) return 0;
    at += size_t{1} + length;
  }
  return 0;
}

}  // namespace

Status CaptiveDns::open(uint32_t ipv4) {
  ipv4_ = ipv4;
  return link_ == nullptr ? Status::kUnsupported : link_->bind(kPort);
}

void CaptiveDns::close() {
  if (link_ != nullptr) link_->close();
}

void CaptiveDns::step() {
  if (link_ == nullptr || !link_->is_open()) return;
  uint8_t bytes[kMaxQueryBytes];
  for (size_t i = 0; i < kMaxQueries; ++i) {
    const common::Result<platform::UdpDatagram> got = link_->receive_from(bytes);
    if (!got.ok()) {
      if (got.status() == Status::kIo) (void)link_->bind(kPort);
      return;
    }
    const bool is_near = (got.value().from.ipv4 ^ ipv4_) <= 0xFF;
    if (got.value().truncated || !is_near) continue;
    // The answer begins with the question: it takes the query's place.
    const size_t size = answer(ByteSpan(bytes, got.value().size), ipv4_, bytes);
    // Lost, like any datagram can be: the peer asks again.
    if (size > 0) (void)link_->send_to(got.value().from, ByteSpan(bytes, size));
  }
}

size_t CaptiveDns::answer(ByteSpan query, uint32_t ipv4, common::MutableByteSpan out) {
  if (query.size() < kHeaderBytes || (query[2] & 0x80U) != 0 || u16(query, 4) != 1) return 0;
  const size_t name = name_size(query, kHeaderBytes);
  const size_t question_end = kHeaderBytes + name + 4;
  if (name == 0 || question_end > query.size()) return 0;
  const uint16_t type = u16(query, kHeaderBytes + name);
  const uint16_t question_class = u16(query, kHeaderBytes + name + 2);
  const bool is_query = (query[2] & 0x78U) == 0;
  const bool has_address =
      is_query && (type == kTypeA || type == kTypeAny) && question_class == kClassInternet;
  const uint8_t record[] = {0xC0,
                            kHeaderBytes,  // the name of the question
                            0,
                            kTypeA,
                            0,
                            kClassInternet,
                            0,
                            0,
                            0,
                            0,  // not to be kept: the next network is a real one
                            0,
                            4,
                            static_cast<uint8_t>(ipv4 >> 24U),
                            static_cast<uint8_t>(ipv4 >> 16U),
                            static_cast<uint8_t>(ipv4 >> 8U),
                            static_cast<uint8_t>(ipv4)};
  const size_t size = question_end + (has_address ? sizeof record : 0);
  if (size > out.size()) return 0;
  const uint8_t flags = query[2];
  std::memmove(out.data(), query.data(), question_end);
  out[2] = static_cast<uint8_t>(0x84U | (flags & 0x79U));  // answer, authoritative
  out[3] = static_cast<uint8_t>(0x80U | (is_query ? 0U : kNotImplemented));
  out[6] = 0;
  out[7] = has_address ? 1 : 0;
  for (size_t i = 8; i < kHeaderBytes; ++i) out[i] = 0;
  if (has_address) std::memcpy(out.data() + question_end, record, sizeof record);
  return size;
}

}  // namespace gateway
