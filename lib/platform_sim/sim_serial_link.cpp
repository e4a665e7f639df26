#include "platform_sim/sim_serial_link.hpp"

namespace platform_sim {

using common::Result;
using common::Status;

Status SimSerialLink::configure(const platform::SerialSettings& settings) {
  if (gone_) return Status::kIo;
  if (settings.baud < 1200 || settings.baud > 921600) return Status::kUnsupported;
  if (settings.stop_bits != 1 && settings.stop_bits != 2) return Status::kUnsupported;
  if (settings == settings_) return Status::kOk;
  settings_ = settings;
  incoming_.clear();
  return Status::kOk;
}

int64_t SimSerialLink::per_byte_us() const {
  const int64_t bits =
      1 + 8 + (settings_.parity == platform::Parity::kNone ? 0 : 1) + settings_.stop_bits;
  return bits * 1000000 / settings_.baud;
}

Result<size_t> SimSerialLink::write(common::ByteSpan data) {
  if (gone_) return Status::kIo;
  const common::Instant now = clock_.now();
  bytes_written_ += data.size();
  const bool is_understood = peer_ != nullptr && peer_->settings_ == settings_;
  SimBytePipe timing;
  const common::Instant start = outgoing_drained_at_ > now ? outgoing_drained_at_ : now;
  timing.push(data, start, 0, per_byte_us());
  outgoing_drained_at_ = timing.drained_at();
  for (size_t i = 0; i < data.size(); ++i) {
    uint8_t byte = data[i];
    if (behaviour_.is_echoing) incoming_.push(common::ByteSpan(&byte, 1), start, 0, per_byte_us());
    if (peer_ == nullptr || is_cut_ || entropy_.chance(behaviour_.drop_per_mille)) continue;
    if (entropy_.chance(behaviour_.corrupt_per_mille))
      byte ^= static_cast<uint8_t>(1U << entropy_.below(8));
    if (!is_understood) byte = static_cast<uint8_t>(entropy_.next_u64());
    peer_->incoming_.push(common::ByteSpan(&byte, 1), start, behaviour_.latency_ms, per_byte_us());
  }
  return data.size();
}

Result<size_t> SimSerialLink::read(common::MutableByteSpan buffer) {
  if (gone_) return Status::kIo;
  const size_t count = incoming_.pull(buffer, clock_.now());
  if (count == 0) return Status::kAgain;
  return count;
}

}  // namespace platform_sim
