#include "platform/simulated_board.hpp"

#include <algorithm>
#include <cstdio>

namespace platform {

using common::Result;
using common::Status;

Status SimulatedBoard::begin() {
  if (has_begun_) return Status::kOk;
  RETURN_IF_ERROR(link_.configure({115200, Parity::kNone, 1}));
  has_begun_ = true;
  tell("H\n", 0, 0);
  return Status::kOk;
}

void SimulatedBoard::tell(const char* format, unsigned first, unsigned second) {
  char text[32];
  const int size = std::snprintf(text, sizeof text, format, first, second);
  (void)link_.write(common::as_bytes(common::TextSpan(text, static_cast<size_t>(size))));
}

Status SimulatedBoard::make_input(uint8_t pin, bool) {
  if (pin >= kPins) return Status::kInvalidArgument;
  return begin();
}

Status SimulatedBoard::set(uint8_t pin, bool level) {
  if (pin >= kPins) return Status::kInvalidArgument;
  RETURN_IF_ERROR(begin());
  const int8_t wanted = level ? 1 : 0;
  if (pins_[pin].output == wanted) return Status::kOk;
  pins_[pin].output = wanted;
  tell("O %u %u\n", pin, level ? 1 : 0);
  return Status::kOk;
}

Result<bool> SimulatedBoard::get(uint8_t pin) {
  if (pin >= kPins) return Status::kInvalidArgument;
  receive();
  return pins_[pin].level;
}

Status SimulatedBoard::set(uint8_t pin, uint16_t duty) {
  if (pin >= kPins || duty > kAlwaysHigh) return Status::kInvalidArgument;
  RETURN_IF_ERROR(begin());
  if (pins_[pin].has_duty && pins_[pin].duty == duty) return Status::kOk;
  pins_[pin].has_duty = true;
  pins_[pin].duty = duty;
  tell("P %u %u\n", pin, duty);
  return Status::kOk;
}

Status SimulatedBoard::open(uint8_t pin) { return make_input(pin, false); }

Status SimulatedBoard::open(uint8_t pin, const Filter&) { return make_input(pin, true); }

/// Makes the samples that the board's converter would have taken.
Result<size_t> SimulatedBoard::read_mv(uint8_t pin, common::Span<uint16_t> out) {
  if (pin >= kPins) return Status::kInvalidArgument;
  receive();
  Pin& source = pins_[pin];
  const common::Instant now = clock_.now();
  if (!source.has_levels) return Status::kAgain;
  if (now - source.told_at >= kSilentMs) return Status::kIo;
  const int64_t waiting = (now - source.read_at) * kSamplesPerMs;
  if (waiting <= 0) return Status::kAgain;
  source.read_at = now;
  const size_t count = std::min(out.size(), static_cast<size_t>(waiting));
  for (size_t i = 0; i < count; ++i) {
    const auto phase = static_cast<uint32_t>(i % kSamplesPerMs) * 10000U / kSamplesPerMs;
    out[i] = phase < source.high_share ? source.high_mv : source.low_mv;
  }
  return count;
}

Result<uint32_t> SimulatedBoard::take(uint8_t pin) {
  if (pin >= kPins) return Status::kInvalidArgument;
  receive();
  if (pins_[pin].pulses == 0) return Status::kAgain;
  --pins_[pin].pulses;
  return now_us();
}

void SimulatedBoard::receive() {
  constexpr int kMaxReads = 16;
  uint8_t buffer[64];
  for (int round = 0; round < kMaxReads; ++round) {
    const Result<size_t> got = link_.read(buffer);
    if (!got.ok()) return;
    for (size_t i = 0; i < got.value(); ++i) {
      if (buffer[i] == '\n') {
        line_[size_] = '\0';
        on_line();
        size_ = 0;
      } else if (size_ + 1 < sizeof line_) {
        line_[size_++] = static_cast<char>(buffer[i]);
      }
    }
  }
}

void SimulatedBoard::on_line() {
  char kind = 0;
  unsigned pin = 0;
  unsigned values[3] = {};
  const int count =
      std::sscanf(line_, "%c %u %u %u %u", &kind, &pin, &values[0], &values[1], &values[2]);
  if (count < 3 || pin >= kPins) return;
  Pin& target = pins_[pin];
  if (kind == 'A' && count == 5) {
    target.has_levels = true;
    target.high_mv = static_cast<uint16_t>(std::min(values[0], 5000U));
    target.low_mv = static_cast<uint16_t>(std::min(values[1], 5000U));
    target.high_share = static_cast<uint16_t>(std::min(values[2], 10000U));
    target.told_at = clock_.now();
  } else if (kind == 'I') {
    target.level = values[0] != 0;
  } else if (kind == 'S') {
    target.pulses += std::min(values[0], 1000U);
  }
}

}  // namespace platform
