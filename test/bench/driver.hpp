#pragma once

#include "bench_ports.hpp"
#include "ocpp/charge_point.hpp"
#include "platform_sim/sim_clock.hpp"
#include "stack_probe.hpp"

#include <deque>
#include <map>
#include <memory>
#include <string>

/// Ends the program with one sentence: the engine did not do what the workload needs.
[[noreturn]] void fail(const std::string& sentence);

/// One charge point with one connector, a wallbox that does what it is told and a CSMS that says yes, in virtual time.
/// An iteration is the unit of all workloads: clock + 10 ms, at most one frame in, one step().
class Driver {
 public:
  struct Part {
    uint32_t marks = 0;
    uint32_t iterations = 0;
    size_t allocations = 0;
  };
  /// The deepest stack below one function of the engine, and the part in which that was.
  struct Depth {
    size_t bytes = 0;
    std::string part;
  };

  Driver();

  /// Constructs the engine, boots it and settles.
  void boot();
  void iterate();
  /// Iterates until nothing is left to do for a second.
  void settle();
  /// The engine's step() and nothing else, at the same time as before.
  void step_only();
  /// Ends a part: what was counted since the last mark belongs to it.
  void mark(const char* part);

  /// Sends a CALL of the CSMS. @return The whole answer.
  std::string call(const std::string& action, const std::string& payload);
  /// Sets a configuration key by a CALL, as a part of its own.
  void configure(const std::string& key, const std::string& value);

  void present_tag();
  void plug(bool is_plugged);
  /// Time passes while the EV charges, without a report; the next sample carries the energy.
  void charge(int64_t duration_ms, int64_t energy_wh);

  /// Frames of an action the engine sent so far.
  uint32_t sent(const std::string& action) const;
  size_t longest_frame(const std::string& action) const;
  ocpp::ChargePoint& charge_point() { return *charge_point_; }
  const std::map<std::string, Part>& parts() const { return parts_; }
  const std::map<std::string, Depth>& stack() const { return stack_; }
  common::Instant now() const { return clock_.now(); }
  common::Instant deadline() const { return deadline_; }

  platform_sim::SimPower power;
  StackProbe probe;
  bench_ports::Files files{power, probe};
  bench_ports::Settings settings{power, probe};

 private:
  template <typename Function>
  void engine(const char* entry, Function function);
  void take_frame(const std::string& frame);
  void answer(const std::string& id, const std::string& action);
  void report_state();
  void report_sample();
  bool is_settled() const;
  std::string time_text() const;

  platform_sim::SimClock clock_;
  bench_ports::Entropy entropy_{probe};
  bench_ports::Charger charger_;
  common::NullLogSink log_;
  std::unique_ptr<ocpp::ChargePoint> charge_point_;
  common::Instant deadline_;

  charger::ChargerState state_;
  int64_t energy_wh_ = 1000;
  std::deque<std::string> inbound_;
  std::string answer_;  ///< To our last call.
  uint32_t calls_ = 0;
  int32_t next_transaction_id_ = 1;
  std::map<std::string, uint32_t> sent_;
  std::map<std::string, size_t> longest_;
  std::map<std::string, Part> parts_;
  Part part_;
  std::map<std::string, size_t> stack_since_mark_;
  std::map<std::string, Depth> stack_;
};
