// Whatever bytes come from the bus: no crash, nothing read outside what was received, no limit above the offer,
// no energy that goes backwards, and every step ends.

#include "bridge/bridge.hpp"

#include <cstdlib>
#include <cstring>

namespace {

using common::ByteSpan;
using common::Instant;
using common::MutableByteSpan;
using common::Result;
using common::Status;

void require(bool holds) {
  if (!holds) std::abort();
}

/// The fuzzer's bytes, taken one by one; zeros when they are used up.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  uint8_t next() { return position_ < size_ ? data_[position_++] : 0; }
  bool is_over() const { return position_ >= size_; }
  ByteSpan rest() const { return ByteSpan(data_ + position_, size_ - position_); }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t position_ = 0;
};

void fuzz_parser(Input& input) {
  constexpr modbus::Function kFunctions[] = {modbus::Function::kReadCoils,
                                             modbus::Function::kReadDiscreteInputs,
                                             modbus::Function::kReadHoldingRegisters,
                                             modbus::Function::kReadInputRegisters,
                                             modbus::Function::kWriteSingleCoil,
                                             modbus::Function::kWriteSingleRegister,
                                             modbus::Function::kWriteMultipleRegisters,
                                             modbus::Function::kWriteMultipleCoils};
  modbus::Request request;
  request.function = kFunctions[input.next() % 8];
  request.unit = input.next();
  request.address = input.next();
  request.count =
      static_cast<uint16_t>(1 + input.next() % (modbus::is_write(request.function) ? 1 : 125));
  request.values[0] = input.next();
  require(modbus::validate(request) == Status::kOk);
  const ByteSpan bytes = input.rest();
  const size_t expected =
      modbus::is_bit_read(request.function) ? (request.count + 7U) / 8U : 2U * request.count;
  size_t skipped = 0;
  for (const modbus::ReplyView& view : {modbus::find_rtu_reply(bytes, request),
                                        modbus::find_tcp_reply(bytes, request, 0x0102, skipped)}) {
    if (view.verdict != modbus::ReplyVerdict::kComplete || modbus::is_write(request.function))
      continue;
    require(view.payload.size() == expected);
    require(view.payload.data() >= bytes.data() && view.payload.end() <= bytes.end());
  }
}

/// The characters of Modbus ASCII must not be trusted either.
void fuzz_ascii(Input& input) {
  modbus::Request request;
  request.unit = input.next();
  request.count = static_cast<uint16_t>(1 + input.next() % 125);
  uint8_t frame[256];
  modbus::AsciiDecoder decoder;
  decoder.reset(MutableByteSpan(frame));
  for (const uint8_t character : input.rest()) {
    const bool is_whole = decoder.push(character);
    require(decoder.size() <= sizeof(frame));
    const ByteSpan bytes(frame, decoder.size());
    const modbus::ReplyView view = modbus::match_ascii_reply(bytes, is_whole, request);
    if (view.verdict != modbus::ReplyVerdict::kComplete) continue;
    require(view.payload.size() == 2U * request.count);
    require(view.payload.data() >= frame && view.payload.end() <= frame + decoder.size());
  }
}

/// A charger made of the fuzzer's bytes: proper frames with arbitrary values, exceptions, noise, silence, or an end
/// of the connection.
class FuzzLine final : public platform::SerialLink, public platform::TcpLink {
 public:
  FuzzLine(Input& input, modbus::Framing framing) : input_(input), framing_(framing) {}

  Status configure(const platform::SerialSettings&) override { return Status::kOk; }
  bool is_drained() override { return true; }

  Status connect(const char*, uint16_t) override {
    require(state_ == State::kClosed);
    size_ = 0;
    state_ = static_cast<State>(input_.next() % 3);
    return Status::kOk;
  }
  void close() override { state_ = State::kClosed; }
  State state() const override { return state_; }
  const char* last_error() const override { return ""; }

  Result<size_t> write(ByteSpan data) override {
    uint8_t frame[16];  // unit and PDU
    modbus::AsciiDecoder decoder;
    decoder.reset(MutableByteSpan(frame));
    switch (framing_) {
      case modbus::Framing::kRtu:
        require(data.size() >= 8);
        std::memcpy(frame, data.data(), 6);
        break;
      case modbus::Framing::kTcp:
        require(state_ == State::kOpen && data.size() >= 12);
        std::memcpy(frame, data.data() + 6, 6);
        break;
      case modbus::Framing::kAscii:
        for (const uint8_t character : data) (void)decoder.push(character);
        require(decoder.size() == 7);
        break;
    }
    if (frame[1] == 6 && frame[2] == 1 && frame[3] == 5) {
      const uint32_t limit_ma = 100U * static_cast<uint32_t>(frame[4] << 8 | frame[5]);
      require(limit_ma == 0 || (limit_ma >= 6000 && limit_ma <= offer_ma && limit_ma <= 16000));
    }
    answer(frame, data);
    return data.size();
  }

  Result<size_t> read(MutableByteSpan buffer) override {
    require(!buffer.empty());
    if (size_ == 0) {
      return framing_ == modbus::Framing::kTcp && state_ != State::kOpen ? Status::kClosed
                                                                         : Status::kAgain;
    }
    const size_t count = size_ < buffer.size() ? size_ : buffer.size();
    std::memcpy(buffer.data(), pending_, count);
    size_ = 0;
    return count;
  }

  uint32_t offer_ma = 0;

 private:
  void add(uint8_t byte) {
    if (size_ < sizeof(pending_)) pending_[size_++] = byte;
  }

  void answer(const uint8_t* request, ByteSpan sent) {
    const uint8_t kind = input_.next();
    size_ = 0;
    if (kind > 250) state_ = State::kClosed;
    if (kind % 8 == 0) return;
    if (kind % 8 == 1) {
      for (int i = input_.next(); i > 0; --i) add(input_.next());
      return;
    }
    add(request[0]);
    if (kind % 8 == 2) {
      add(request[1] | 0x80U);
      add(input_.next());
    } else if (request[1] == 6) {
      for (size_t i = 1; i < 6; ++i) add(request[i]);
    } else {
      const int count = request[5];
      add(request[1]);
      add(static_cast<uint8_t>(2 * count));
      for (int i = 0; i < 2 * count; ++i) {
        // Mostly what the profile knows: layout 1.0.8, then small numbers.
        const bool is_layout = request[1] == 4 && request[3] == 4;
        add(is_layout && kind % 8 != 3
                ? static_cast<uint8_t>(i == 0 ? 0x01 : 0x08)
                : static_cast<uint8_t>(i % 2 == 0 && kind % 8 > 4 ? 0 : input_.next()));
      }
    }
    pack(sent);
  }

  /// Makes a frame of unit and PDU.
  void pack(ByteSpan sent) {
    switch (framing_) {
      case modbus::Framing::kRtu: {
        const uint16_t crc = modbus::crc16(ByteSpan(pending_, size_));
        add(static_cast<uint8_t>(crc & 0xFFU));
        add(static_cast<uint8_t>(crc >> 8U));
        break;
      }
      case modbus::Framing::kTcp:
        std::memmove(pending_ + 6, pending_, size_);
        std::memcpy(pending_, sent.data(), 4);
        pending_[4] = static_cast<uint8_t>(size_ >> 8U);
        pending_[5] = static_cast<uint8_t>(size_ & 0xFFU);
        size_ += 6;
        break;
      case modbus::Framing::kAscii: {
        uint8_t bytes[300];
        uint8_t sum = 0;
        const size_t size = size_;
        std::memcpy(bytes, pending_, size);
        for (size_t i = 0; i < size; ++i) sum = static_cast<uint8_t>(sum + bytes[i]);
        bytes[size] = static_cast<uint8_t>(-sum);
        size_ = 0;
        add(':');
        for (size_t i = 0; i <= size; ++i) {
          add(static_cast<uint8_t>("0123456789ABCDEF"[bytes[i] >> 4U]));
          add(static_cast<uint8_t>("0123456789ABCDEF"[bytes[i] & 15U]));
        }
        add('\r');
        add('\n');
        break;
      }
    }
  }

  Input& input_;
  const modbus::Framing framing_;
  State state_ = State::kClosed;
  uint8_t pending_[700] = {};
  size_t size_ = 0;
};

class NoStore final : public platform::KeyValueStore {
 public:
  Result<size_t> get(const char*, MutableByteSpan) override { return Status::kNotFound; }
  Status set(const char*, ByteSpan) override { return Status::kOk; }
  Status erase(const char*) override { return Status::kOk; }
  Status erase_all() override { return Status::kOk; }
};

class CheckingObserver final : public charger::ChargerObserver {
 public:
  void on_charger_state(uint8_t, const charger::ChargerState&, Instant) override {}
  void on_meter_sample(uint8_t, const charger::MeterSample& sample, Instant) override {
    if (!sample.has(charger::kMeterEnergyImport)) return;
    require(sample.energy_import_wh >= last_wh_);
    last_wh_ = sample.energy_import_wh;
  }

 private:
  int64_t last_wh_ = 0;
};

void fuzz_bridge(Input& input, modbus::Framing framing) {
  FuzzLine line(input, framing);
  NoStore store;
  common::NullLogSink log;
  CheckingObserver observer;
  bridge::Bridge bridge(store, log);
  platform::SerialLink& serial = line;
  platform::TcpLink& tcp = line;
  modbus::TcpTarget target;
  target.host = common::FixedString<63>("charger");
  require(framing == modbus::Framing::kTcp ? bridge.add_tcp_bus(tcp, target).ok()
                                           : bridge.add_bus(serial).ok());
  bridge::ConnectorConfig config;
  config.override_serial = framing == modbus::Framing::kAscii;
  config.serial_framing = framing;
  config.profile = "heidelberg-energy-control";
  require(bridge.add_connector(config) == Status::kOk);
  Instant now;
  require(bridge.begin(observer, now) == Status::kOk);
  int stuck = 0;
  for (int step = 0; step < 2000 && !input.is_over(); ++step) {
    if (step % 16 == 15) {
      charger::Offer offer;
      const uint8_t wish = input.next();
      offer.permit = (wish & 1U) != 0;
      offer.limit_ma = wish * 100U;
      // A limit that is on the wire already may still be the older, higher one.
      line.offer_ma = line.offer_ma > offer.limit_ma ? line.offer_ma : offer.limit_ma;
      bridge.set_offer(1, offer, now);
    }
    const Instant next = bridge.step(now);
    stuck = next <= now ? stuck + 1 : 0;
    require(stuck < 20);
    if (next > now) now = next - now > 60000 ? now + 60000 : next;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  switch (input.next() % 5) {
    case 0:
      fuzz_parser(input);
      break;
    case 1:
      fuzz_bridge(input, modbus::Framing::kRtu);
      break;
    case 2:
      fuzz_bridge(input, modbus::Framing::kTcp);
      break;
    case 3:
      fuzz_bridge(input, modbus::Framing::kAscii);
      break;
    default:
      fuzz_ascii(input);
      break;
  }
  return 0;
}
