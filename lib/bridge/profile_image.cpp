#include "bridge/profile_image.hpp"

#include "bridge/profile_check.hpp"
#include "common/crc32.hpp"

#include <new>

namespace bridge {

namespace {

constexpr size_t kHeadBytes = 16;
constexpr uint8_t kVersion = 2;

/// Takes values from the image one after another; at the end of it, zeros and a note.
class Reader {
 public:
  explicit Reader(common::ByteSpan image) : image_(image) {}

  uint64_t bits(size_t bytes) {
    if (image_.size() - at_ < bytes) {
      is_short_ = true;
      at_ = image_.size();
      return 0;
    }
    uint64_t result = 0;
    for (size_t i = 0; i < bytes; ++i) result |= uint64_t{image_[at_ + i]} << (8U * i);
    at_ += bytes;
    return result;
  }
  uint8_t u8() { return static_cast<uint8_t>(bits(1)); }
  uint16_t u16() { return static_cast<uint16_t>(bits(2)); }
  uint32_t u32() { return static_cast<uint32_t>(bits(4)); }
  int32_t i32() { return static_cast<int32_t>(bits(4)); }
  int64_t i64() { return static_cast<int64_t>(bits(8)); }
  bool flag() { return u8() != 0; }
  template <typename Kind>
  Kind kind() {
    return static_cast<Kind>(u8());
  }
  When when() {
    When result;
    result.first = u16();
    result.count = u8();
    return result;
  }
  common::ByteSpan bytes(size_t count) {
    const common::ByteSpan result = image_.subspan(at_, count);
    if (result.size() != count) is_short_ = true;
    at_ += result.size();
    return result;
  }
  bool is_short() const { return is_short_; }
  bool is_at_end() const { return at_ == image_.size(); }

 private:
  common::ByteSpan image_;
  size_t at_ = 0;
  bool is_short_ = false;
};

/// Gives out parts of the arena.
class Arena {
 public:
  explicit Arena(common::MutableByteSpan bytes) : bytes_(bytes) {}

  /// @return nullptr when there is no room.
  void* take(size_t size, size_t alignment) {
    const auto address = reinterpret_cast<uintptr_t>(bytes_.data()) + used_;
    const size_t skipped = (alignment - address % alignment) % alignment;
    if (bytes_.size() - used_ < size + skipped) {
      is_full_ = true;
      return nullptr;
    }
    used_ += skipped + size;
    return bytes_.data() + used_ - size;
  }
  template <typename T>
  T* array(size_t count) {
    return static_cast<T*>(take(count * sizeof(T), alignof(T)));
  }
  bool is_full() const { return is_full_; }
  size_t used() const { return used_; }

 private:
  common::MutableByteSpan bytes_;
  size_t used_ = 0;
  bool is_full_ = false;
};

const char* read_text(Reader& in, Arena& arena) {
  const size_t size = in.u8();
  const common::ByteSpan text = in.bytes(size);
  char* copy = arena.array<char>(text.size() + 1);
  if (copy == nullptr) return "";
  for (size_t i = 0; i < text.size(); ++i) copy[i] = static_cast<char>(text[i]);
  copy[text.size()] = 0;
  return copy;
}

RegisterRow read_row(Reader& in, RegisterRow*, Arena&) {
  RegisterRow row;
  row.meaning = in.kind<Meaning>();
  row.space = in.kind<Space>();
  row.address = in.u16();
  row.type = in.kind<WordType>();
  row.words = in.u8();
  row.elements = in.u8();
  row.stride = in.u8();
  row.poll = in.kind<Poll>();
  row.rank = in.u8();
  row.watch = in.u8();
  row.readback = in.u8();
  row.flags = in.u16();
  row.min_layout = in.u16();
  row.shift = in.u8();
  row.mask = in.u32();
  row.scale_num = in.i32();
  row.scale_den = in.i32();
  return row;
}

ExtraRow read_row(Reader& in, ExtraRow*, Arena&) {
  ExtraRow row;
  row.row = in.u8();
  row.kind = in.kind<ExtraKind>();
  row.when = in.when();
  row.a = in.i64();
  row.b = in.i64();
  return row;
}

Condition read_row(Reader& in, Condition*, Arena&) {
  Condition row;
  row.row = in.u8();
  row.flags = in.u8();
  row.mask = in.u32();
  row.low = in.u32();
  row.high = in.u32();
  return row;
}

StateRule read_row(Reader& in, StateRule*, Arena& arena) {
  StateRule rule;
  rule.when = in.when();
  rule.row.value = in.u32();
  rule.row.pilot = in.kind<Pilot>();
  rule.row.error = in.kind<charger::Error>();
  rule.row.flags = in.u8();
  rule.row.info = read_text(in, arena);
  rule.row.code = read_text(in, arena);
  return rule;
}

StepRow read_row(Reader& in, StepRow*, Arena&) {
  StepRow row;
  row.kind = in.kind<StepKind>();
  row.row = in.u8();
  row.when = in.when();
  row.value = in.u32();
  row.mask = in.u16();
  return row;
}

InitRow read_row(Reader& in, InitRow*, Arena&) {
  InitRow row;
  row.reg = in.u8();
  row.value = in.u32();
  row.mask = in.u16();
  row.verify = in.flag();
  row.when = in.when();
  return row;
}

template <typename Row>
void read_array(Reader& in, Arena& arena, common::Span<const Row>& out) {
  const size_t count = in.u16();
  out = common::Span<const Row>();
  if (in.is_short() || arena.is_full()) return;
  Row* rows = arena.array<Row>(count);
  if (rows == nullptr) return;
  for (size_t i = 0; i < count; ++i)
    new (&rows[i]) Row(read_row(in, static_cast<Row*>(nullptr), arena));
  out = common::Span<const Row>(rows, count);
}

void read_head(Reader& in, Arena& arena, Profile& out) {
  out.name = read_text(in, arena);
  out.description = read_text(in, arena);
  out.is_meter = in.flag();
  out.transports = in.u8();
  out.serial.baud = in.u32();
  out.serial.parity = in.kind<platform::Parity>();
  out.serial.stop_bits = in.u8();
  out.tcp_port = in.u16();
  out.unit_id = in.u8();
  out.gap_ms = in.u16();
  out.write_gap_ms = in.u16();
  out.wake_after_ms = in.u16();
  out.timeout_ms = in.u16();
  out.poll_ms = in.u32();
  out.max_read_registers = in.u8();
  out.read_across_gaps = in.flag();
  out.phases = in.u8();
  out.outlets = in.u8();
  out.address_offset = in.u16();
  out.unit_offset = in.u8();
  out.port_offset = in.u8();
  out.reverse_tag = in.flag();
  out.identity = in.when();
}

void read_control(Reader& in, ControlTable& out) {
  out.limit_register = in.u8();
  for (uint8_t& row : out.also_registers) row = in.u8();
  out.limit_is_power = in.flag();
  out.again_after_enable = in.flag();
  out.zero_means = in.kind<ZeroMeans>();
  out.off_raw = in.u32();
  out.min_ma = in.u32();
  out.max_ma = in.u32();
  out.step_ma = in.u32();
  out.increase_ms = in.u32();
  out.write_ms = in.u32();
  out.three_phases_w = in.u32();
  out.enable_register = in.u8();
  out.enable_on = in.u16();
  out.enable_off = in.u16();
  out.one_phase = in.when();
  out.pause_for_phases = in.flag();
  out.phases_option = in.flag();
  out.phases_dead_ms = in.u32();
  out.wake_ms = in.u32();
  for (Steps& action : out.actions) {
    action.first = in.u8();
    action.count = in.u8();
  }
}

void read_watchdog(Reader& in, WatchdogTable& out) {
  out.kind = in.kind<Heartbeat>();
  out.timeout_register = in.u8();
  out.token_register = in.u8();
  out.token = in.u16();
  out.default_ms = in.u32();
  out.min_ms = in.u32();
  out.max_ms = in.u32();
  out.feed_divisor = in.u8();
  for (uint8_t& row : out.failsafe_registers) row = in.u8();
  out.restart_register = in.u8();
}

}  // namespace

common::Status load_profile(common::ByteSpan image, common::MutableByteSpan arena, Profile& out,
                            const char*& why, size_t* used) {
  why = "it is not a profile file";
  if (image.size() < kHeadBytes || image.size() > kMaxImageBytes) return common::Status::kCorrupt;
  Reader head(image.first(kHeadBytes));
  constexpr uint32_t kMagic = 0x50564556;  // "VEVP"
  if (head.u32() != kMagic) return common::Status::kCorrupt;
  if (head.u8() != kVersion) {
    why = "it is of another version of the format";
    return common::Status::kCorrupt;
  }
  head.bits(3);
  const uint32_t size = head.u32();
  const uint32_t crc = head.u32();
  const common::ByteSpan body = image.subspan(kHeadBytes);
  if (size != body.size() || crc != common::crc32(body)) {
    why = "it is damaged";
    return common::Status::kCorrupt;
  }
  Reader in(body);
  Arena memory(arena);
  out = Profile();
  read_head(in, memory, out);
  read_control(in, out.control);
  read_watchdog(in, out.watchdog);
  read_array(in, memory, out.registers);
  read_array(in, memory, out.extras);
  read_array(in, memory, out.conditions);
  read_array(in, memory, out.states);
  read_array(in, memory, out.errors);
  read_array(in, memory, out.steps);
  read_array(in, memory, out.init);
  if (memory.is_full()) {
    why = "it is too large";
    return common::Status::kNoSpace;
  }
  if (in.is_short() || !in.is_at_end()) {
    why = "its tables are not complete";
    return common::Status::kCorrupt;
  }
  if (used != nullptr) *used = memory.used();
  why = check_profile(out);
  return why == nullptr ? common::Status::kOk : common::Status::kCorrupt;
}

}  // namespace bridge
