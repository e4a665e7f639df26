#pragma once

#include "common/time.hpp"

#include <cstddef>
#include <cstdint>
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

/// What goes wrong with one unit's answers.
struct Faults {
  bool is_silent = false;
  int64_t latency_ms = 10;
  bool is_crc_wrong = false;  ///< Or the LRC; over TCP the protocol id.
  bool is_truncated = false;
  uint8_t garbage_before = 0;  ///< Bytes of noise.
  uint8_t garbage_after = 0;
  uint8_t answers_as = 0;       ///< Other unit id in the answer; 0 = its own.
  uint8_t exception = 0;        ///< Answers everything with this exception.
  uint32_t fail_next = 0;       ///< This many requests get no answer.
  uint32_t refuse_next = 0;     ///< This many requests are answered with the exception; 0 = all.
  int64_t sleeps_after_ms = 0;  ///< Left alone for this long it misses the next request; 0 = never.
};

/// The units that one line or one server reaches.
class Units {
 public:
  using Faults = modbus_line::Faults;

  /// @param device  Outlives the units.
  void attach(uint8_t unit, Device& device) { devices_[unit] = &device; }
  modbus_line::Faults& faults(uint8_t unit) { return faults_[unit]; }

  const std::vector<Seen>& seen() const { return seen_; }
  void forget() { seen_.clear(); }
  /// Writes to a register of a unit, in order.
  std::vector<Seen> writes_to(uint8_t unit, uint16_t address) const;
  size_t reads_of(uint8_t unit, uint16_t address) const;

 protected:
  using Bytes = std::vector<uint8_t>;

  /// @param pdu  Of a request that ended at `end`. @return Unit and PDU of the answer; empty for silence.
  Bytes carry_out(uint8_t unit, const Bytes& pdu, common::Instant end);
  /// Bytes of the request PDU that begins here; 0 while that cannot be told.
  static size_t request_size(const Bytes& bytes, size_t from);

 private:
  std::map<uint8_t, Device*> devices_;
  std::map<uint8_t, modbus_line::Faults> faults_;
  std::map<uint8_t, common::Instant> last_;
  std::vector<Seen> seen_;
};

}  // namespace modbus_line
