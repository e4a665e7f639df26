#pragma once

#include "common/span.hpp"
#include "platform/udp_link.hpp"

namespace gateway {

/// Name server of an access point without a network behind it: every name has the gateway's address, so that whatever a
/// phone asks for ends at the setup page.
/// @par Context  Loop thread; does not block, does not allocate. Up to 600 bytes of stack.
/// @par Spec     RFC 1035; RFC 6891 is ignored, which it allows.
class CaptiveDns {
 public:
  static constexpr uint16_t kPort = 53;
  static constexpr size_t kMaxQueryBytes = 512;
  /// Answers of one step().
  static constexpr size_t kMaxQueries = 8;

  /// @param link  Outlives this; nullptr = there are no names.
  explicit CaptiveDns(platform::UdpLink* link) : link_(link) {}

  /// @param ipv4  What every name stands for, host byte order; only its network (255.255.255.0) is answered.
  /// @retval kIo  As UdpLink::bind(). @retval kUnsupported  There is no link.
  common::Status open(uint32_t ipv4);
  void close();
  /// Answers what has arrived; does nothing while closed.
  void step();

  /// Makes the answer to a query. @return Its size; 0: what came is no query that can be answered.
  static size_t answer(common::ByteSpan query, uint32_t ipv4, common::MutableByteSpan out);

 private:
  platform::UdpLink* const link_;
  uint32_t ipv4_ = 0;
};

}  // namespace gateway
