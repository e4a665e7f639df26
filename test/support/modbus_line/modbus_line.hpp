#pragma once

#include "platform/serial_link.hpp"
#include "platform_sim/sim_clock.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

namespace modbus_line {

/// A Modbus unit as the line sees it. Written from the Modbus specification, not from lib/modbus.
class Device {
 public:
  virtual ~Device() = default;
  /// Whether it answers at all now.
  virtual bool is_listening(common::Instant) { return true; }
  /// Something was addressed to it.
  virtual void on_request(common::Instant) {}
  /// @param function  3 or 4. @return 0 or a Modbus exception code.
  virtual uint8_t read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out,
                       common::Instant now) = 0;
  virtual uint8_t write(uint16_t address, uint16_t value, common::Instant now) = 0;
};

/// A Device that is a table of registers; what is not in it is an illegal address.
class TableDevice final : public Device {
 public:
  uint8_t read(uint8_t function, uint16_t address, uint16_t count, uint16_t* out,
               common::Instant now) override;
  uint8_t write(uint16_t address, uint16_t value, common::Instant now) override;

  std::map<uint16_t, uint16_t> input;
  std::map<uint16_t, uint16_t> holding;
};

/// One request seen on the line.
struct Seen {
  common::Instant at;  ///< End of the request.
  uint8_t unit;
  uint8_t function;
  uint16_t address;
  uint16_t value;  ///< Count of a read, value of a write.
};

/// The master's end of an RS-485 line with units on it. Bytes take their time on the wire.
class ModbusLine final : public platform::SerialLink {
 public:
  /// What goes wrong with one unit's answers.
  struct Faults {
    bool is_silent = false;
    int64_t latency_ms = 10;
    bool is_crc_wrong = false;
    bool is_truncated = false;
    uint8_t garbage_before = 0;  ///< Bytes of noise.
    uint8_t garbage_after = 0;
    uint8_t answers_as = 0;  ///< Other unit id in the answer; 0 = its own.
    uint8_t exception = 0;   ///< Answers everything with this exception.
    uint32_t fail_next = 0;  ///< This many requests get no answer.
  };

  explicit ModbusLine(platform_sim::SimClock& clock) : clock_(clock) {}

  /// @param device  Outlives the line.
  void attach(uint8_t unit, Device& device) { devices_[unit] = &device; }
  Faults& faults(uint8_t unit) { return faults_[unit]; }
  void set_gone(bool gone) { gone_ = gone; }
  /// Limits what one write() takes: 0 = nothing, SIZE_MAX = all.
  void set_write_limit(size_t bytes) { write_limit_ = bytes; }
  /// Noise that arrives now.
  void inject(const std::vector<uint8_t>& bytes);

  const std::vector<Seen>& seen() const { return seen_; }
  void forget() { seen_.clear(); }
  /// Writes to a register of a unit, in order.
  std::vector<Seen> writes_to(uint8_t unit, uint16_t address) const;
  size_t reads_of(uint8_t unit, uint16_t address) const;
  const platform::SerialSettings& settings() const { return settings_; }
  size_t configured() const { return configured_; }
  common::Instant next_event() const;

  common::Status configure(const platform::SerialSettings& settings) override;
  common::Result<size_t> write(common::ByteSpan data) override;
  common::Result<size_t> read(common::MutableByteSpan buffer) override;
  bool is_drained() override { return true; }

 private:
  struct Arrival {
    common::Instant at;
    uint8_t byte;
  };
  int64_t wire_ms(size_t bytes) const;
  void take_frame(size_t size);
  void answer(uint8_t unit, std::vector<uint8_t> pdu, common::Instant request_end);

  platform_sim::SimClock& clock_;
  std::map<uint8_t, Device*> devices_;
  std::map<uint8_t, Faults> faults_;
  platform::SerialSettings settings_;
  size_t configured_ = 0;
  bool gone_ = false;
  size_t write_limit_ = SIZE_MAX;
  std::vector<uint8_t> outgoing_;
  std::deque<Arrival> incoming_;
  std::vector<Seen> seen_;
};

}  // namespace modbus_line
