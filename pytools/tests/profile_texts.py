"""Profiles that tests take apart."""

from __future__ import annotations

from pathlib import Path

from vevgw.chargers import profiles
from vevgw.chargers.profiles_check import check_text
from vevgw.chargers.profiles_yaml import Finding

HEIDELBERG = (profiles.PROFILES_FOLDER / "chargers" / "heidelberg-energy-control.yaml").read_text(
    "utf-8"
)

MINIMAL = """\
format: 2
name: box
title: Box
models: [Box]
sources: {maker: "manual"}
transport:
  rtu: {baud: 9600, parity: none, stop_bits: 1}
  unit: 1
  gap_ms: 0
  timeout_ms: 400
  max_registers: 10
  read_across_gaps: false
  write_with: single
phases: 3
registers:
  state: {address: 1, space: input, meaning: state, poll: status, confidence: h}
  energy:
    {address: 2, space: input, type: u32, unit: Wh, meaning: energy_total, poll: meter, confidence: h}
  limit: {address: 10, space: holding, unit: A, access: rw, confidence: h}
  enable: {address: 11, space: coil, access: rw, confidence: h}
state:
  rules:
    - {when: {state: 1}, pilot: A}
    - {when: {state: 2}, pilot: C}
control:
  limit: {register: limit, min_a: 6, max_a: 16, step_a: 1, zero_means: stop, off: 0}
watchdog: {fed_by: none}
"""  # noqa: E501


# Every key of the format, in a charger that does not exist.
EVERYTHING = """\
format: 2
kind: charger
name: box
title: Box
models: [Box]
ocpp: some
sources: {maker: "manual"}
setup: ["Switch 1 ON."]
notes: ["Nothing."]
transport:
  rtu: {baud: 9600, parity: none, stop_bits: 1, other_bauds: [19200]}
  ascii: {baud: 38400, parity: even, stop_bits: 1}
  tcp: {port: 1502, max_clients: 2}
  unit: 255
  gap_ms: 20
  write_gap_ms: 1000
  timeout_ms: 400
  first_request_lost_after_ms: 500
  poll_every_ms: 2000
  max_registers: 24
  read_across_gaps: true
  write_with: multiple
connectors: {count: 2, address_offset: 0x100, unit_offset: 1, port_offset: 1}
identity: {model: {min: 300000, max: 399999}}
phases: 3
registers:
  model: {address: 0, space: holding, type: u32, poll: once, shared: true, confidence: h}
  firmware: {address: 2, space: holding, type: ascii, length: 4, byte_order: low_first, meaning: firmware, confidence: h}
  revision: {address: 6, space: holding, poll: once, confidence: h}
  config: {address: 7, space: holding, poll: once, access: rw, retentive: true, confidence: h}
  pilot: {address: 10, space: input, type: ascii, length: 2, poll: status, meaning: state, confidence: h}
  plug: {address: 12, space: input, type: u32, word_order: low_first, shift: 8, mask: 0x7F, poll: status, confidence: h}
  relay: {address: 0, space: discrete, poll: status, confidence: h}
  alarms: {address: 14, space: input, poll: meter, confidence: h}
  currents:
    {address: 20, space: input, elements: 3, stride: 2, reversed: true, scale: 0.1, unit: A, zero_when: [1, 0x3E8],
     poll: status, meaning: current, confidence: h, read_along: {before: 2, after: 1}}
  powers: {address: 30, space: input, type: s16, elements: 3, unit: W, not_available: [0xFFFF], poll: meter, meaning: power, confidence: h}
  fed-back: {address: 33, space: input, unit: W, poll: meter, meaning: power_export, confidence: m}
  voltages: {address: 34, space: input, elements: 3, unit: V, valid: [100, 300], poll: meter, meaning: voltage, confidence: h}
  energy-new:
    {address: 40, space: input, type: u64, unit: Wh, poll: meter, meaning: energy_total, exists_when: {revision: {min: 17}},
     optional: true, confidence: h}
  energy: {address: 44, space: input, type: f32, unit: kWh, elements: 3, poll: meter, meaning: energy_total, confidence: h}
  energy-back: {address: 50, space: input, type: s64, unit: Wh, poll: meter, meaning: energy_export, confidence: h}
  var: {address: 54, space: input, type: f64, unit: kvar, scale: -1, poll: meter, meaning: reactive_power, confidence: h}
  varh: {address: 58, space: input, type: s32, unit: varh, poll: meter, meaning: reactive_energy, confidence: h}
  factor: {address: 60, space: input, type: s16, scale: 0.001, poll: meter, meaning: power_factor, confidence: h}
  soc: {address: 61, space: input, unit: pct, poll: meter, meaning: soc, confidence: h}
  plugged-for: {address: 62, space: input, unit: s, poll: status, meaning: plug_time, confidence: h}
  temperature: {address: 63, space: input, scale: 0.1, offset: -50, unit: degC, poll: meter, meaning: temperature, confidence: h}
  tag: {address: 70, space: input, type: hex, length: 4, poll: status, confidence: h}
  tag-count: {address: 74, space: input, poll: status, confidence: h}
  tag-length: {address: 75, space: input, poll: status, confidence: h}
  limit:
    address: 100
    space: holding
    read_with: input
    write_with: single
    unit: A
    access: rw
    variants: [{when: {limit: {min: 60}}, scale: 0.1}, {when: {config: {bit: 7}}, scale: "1/167"}]
    confidence: h
  limit-total: {address: 101, space: holding, type: f32, unit: A, access: w, readback: limit-now, shared: true, confidence: h}
  limit-now: {address: 102, space: holding, unit: A, scale: 0.001, overlaps: true, confidence: h}
  enable: {address: 400, space: coil, access: rw, confidence: h}
  command: {address: 110, space: holding, access: w, confidence: h}
  phases: {address: 111, space: holding, access: rw, poll: meter, confidence: h}
  beat: {address: 112, space: holding, access: w, confidence: h}
  timeout: {address: 113, space: holding, unit: s, access: rw, confidence: h}
  failsafe-1: {address: 114, space: holding, unit: A, access: rw, confidence: h}
  failsafe-3: {address: 115, space: holding, unit: A, access: rw, confidence: h}
  boot-current: {address: 116, space: holding, unit: A, access: rw, retentive: true, confidence: h}
state:
  rules:
    - {when: {plug: {mask: 4, equals: 0}}, pilot: A}
    - {when: {pilot: ["E", "F"]}, pilot: X, error: OtherError, code: EF, info: "fault"}
    - {when: {pilot: "B*", relay: 0}, pilot: B1, auth: waiting}
    - {when: {pilot: "C*", plug: {in: [5, 7]}}, pilot: C2, warning: HighTemperature}
    - {when: {plug: {not: 9}, relay: 1}, pilot: B2}
    - {pilot: hold, boot: true}
errors:
  - {when: {alarms: {bit: 6}}, error: PowerSwitchFailure, info: "welded contactor"}
  - {when: {alarms: {mask: 0xF0, min: 1}}, warning: GroundFailure, code: high}
control:
  limit:
    register: limit
    also: [limit-total]
    min_a: 6
    max_a: 32
    step_a: 0.1
    zero_means: unlimited
    off: 6
    increase_every_s: 20
    write_every_s: 5
    again_after_enable: true
    three_phases_from_w: 4200
  enable: {register: enable, on: 1, off: 0}
  phases:
    one: [{write: phases, value: 1}]
    three: [{write: phases, value: 0, mask: 1}]
    register: phases
    one_when: 1
    pause: true
    dead_time_s: 10
  wake: {steps: [{write: command, value: 0xE0E0}, {wait_s: 3}, {write: command, value: 0xA1A1}], back_within_s: 15}
  unlock: [{idle_s: 10}, {write: command, value: 2, when: {plug: 7}}]
  authorize: [{write: command, value: 4}]
  deauthorize: [{write: command, value: 3}]
  in_service: [{write: command, value: 40}]
  out_of_service: [{write: command, value: 41}]
  restart: [{write: command, value: 9}]
watchdog:
  fed_by: token
  register: beat
  value: 0x55AA
  timeout_register: timeout
  default_ms: 10000
  min_ms: 1000
  max_ms: 60000
  divisor: 2
  failsafe_register: [failsafe-1, failsafe-3]
  then: pause
  restart_register: boot-current
init:
  - {register: config, value: 0x80, mask: 0x80, when: {revision: {min: 17}}, verify: true}
tag_reader: {register: tag, counter: tag-count, length: tag-length, reverse_bytes: true}
"""  # noqa: E501

METER = """\
format: 2
kind: meter
name: box
title: Meter
models: [Meter]
sources: {maker: "manual"}
transport:
  rtu: {baud: 9600, parity: none, stop_bits: 1}
  unit: 1
  gap_ms: 0
  timeout_ms: 400
  max_registers: 80
  read_across_gaps: true
  write_with: single
phases: 3
registers:
  voltages: {address: 0, space: input, type: f32, elements: 3, unit: V, poll: meter, meaning: voltage, confidence: h}
  serial: {address: 90, space: holding, type: ascii, length: 4, meaning: serial, confidence: h}
  energy: {address: 72, space: input, type: f32, unit: kWh, poll: meter, meaning: energy_total, confidence: h}
"""  # noqa: E501


def findings(text: str, name: str = "box.yaml") -> list[Finding]:
    """What the check says about a profile."""
    return check_text(Path(name), text)[1]


def change(old: str, new: str) -> str:
    """The minimal profile with one text in place of another."""
    assert MINIMAL.count(old) == 1, old
    return MINIMAL.replace(old, new)


def line_of(text: str, needle: str) -> int:
    return next(i for i, line in enumerate(text.splitlines(), 1) if needle in line)
