"""Charger profiles: what `vevgw profiles` says and builds."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from vevgw import cli
from vevgw.chargers import profiles, profiles_build
from vevgw.chargers.profiles_check import check_text
from vevgw.chargers.profiles_image import image
from vevgw.chargers.profiles_yaml import Finding
from vevgw.errors import UserError

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
  energy: {address: 72, space: input, type: f32, unit: kWh, poll: meter, meaning: energy_total, confidence: h}
"""  # noqa: E501


def findings(text: str, name: str = "box.yaml") -> list[Finding]:
    return check_text(Path(name), text)[1]


def change(old: str, new: str) -> str:
    assert MINIMAL.count(old) == 1, old
    return MINIMAL.replace(old, new)


def line_of(text: str, needle: str) -> int:
    return next(i for i, line in enumerate(text.splitlines(), 1) if needle in line)


def test_shipped_profiles_have_no_mistakes() -> None:
    for path in profiles.profile_files():
        profile, found = profiles.check_file(path)
        assert profile is not None, found


def test_minimal_profile_has_no_mistakes() -> None:
    assert findings(MINIMAL) == []


def test_profile_with_every_key_has_no_mistakes() -> None:
    assert findings(EVERYTHING) == []


def test_meter_has_no_mistakes() -> None:
    assert findings(METER) == []


# The same for the profile with everything.
MORE_MISTAKES = [
    ("address: 101, space: holding", "address: 100, space: holding", "limit-total:", "overlaps"),
    ("length: 4, byte_order", "byte_order", "firmware:", "needs a length"),
    ("type: hex, length: 4", "length: 4", "tag:", "is a number: no length"),
    ("type: hex, length: 4", "type: s32", "tag_reader:", "must be hex, ascii or utf16"),
    ("length: 4, poll: status", "length: 4, poll: meter", "tag_reader:", "with poll: status"),
    ("shift: 8, mask: 0x7F", "shift: 31, mask: 0x7F", "plug:", "beyond 32 bits"),
    (
        "elements: 3, stride: 2,",
        "elements: 3, stride: 2, mask: 1, type: s16,",
        "scale: 0.1, unit: A, zero",
        "must be u16 or u32",
    ),
    ("elements: 3, stride: 2", "elements: 1, stride: 2", "stride", "only one element"),
    (
        "type: f32, unit: kWh, elements: 3",
        "type: f32, unit: kWh, elements: 3, stride: 1",
        "energy:",
        "covers 2 registers",
    ),
    ("not_available: [0xFFFF]", "not_available: [0x10000]", "powers:", "does not fit s16"),
    ("before: 2, after: 1", "before: 30, after: 1", "currents:", "below address 0"),
    ("after: 1", "after: 60", "currents:", "needs 67 registers"),
    ("valid: [100, 300]", "valid: [300, 100]", "voltages:", "[lowest, highest]"),
    ("scale: 0.1, offset: -50, unit: degC", "offset: -50", "temperature:", "no unit"),
    ("min: 17}},\n", "min: 17, not: 3}},\n", "exists_when", "needs one of bit"),
    ("exists_when: {revision", "exists_when: {revison", "exists_when", "did you mean 'revision'"),
    ("exists_when: {revision", "exists_when: {soc", "exists_when", "poll: once"),
    ("readback: limit-now", "readback: limit-then", "limit-total:", "does not have"),
    ("readback: limit-now", "readback: voltages", "limit-total:", "another unit"),
    (
        "poll: once, access: rw, retentive: true",
        "poll: once, retentive: true",
        "config:",
        "never written",
    ),
    (
        "scale: 0.001, overlaps: true",
        "scale: 0.001, shared: false, write_with: single",
        "limit-now:",
        "never written",
    ),
    ('{pilot: ["E", "F"]}', '{pilot: [1, "F"]}', '[1, "F"]', "write 1 in quotes"),
    ('{pilot: "C*", plug: {in: [5, 7]}}', '{plug: "C*"}', "C*", "'plug' is a number"),
    ("{mask: 4, equals: 0}", "{mask: 4, equals: 1}", "equals: 1", "can never hold"),
    ("{mask: 0xF0, min: 1}", "{mask: 0xF0, min: 9, max: 1}", "max: 1", "min is above max"),
    ("{alarms: {bit: 6}}", "{powers: {bit: 6}}", "{powers", "several elements"),
    (
        "- {pilot: hold, boot: true}",
        "- {pilot: hold}\n    - {pilot: A}",
        "{pilot: hold}",
        "what follows never counts",
    ),
    ("warning: GroundFailure", "info: x", "0xF0", "needs an error or a warning"),
    (
        "zero_means: unlimited\n    off: 6",
        "zero_means: unlimited\n    off: 0",
        "off: 0",
        "0 lifts the limit",
    ),
    (
        "zero_means: unlimited\n    off: 6",
        "zero_means: autostart\n    off: 0",
        "off: 0",
        "starts charging",
    ),
    ("zero_means: unlimited\n    off: 6", "off: 6", "limit:", "lacks 'zero_means'"),
    ("    step_a: 0.1\n", "", "limit:", "lacks 'step_a'"),
    ("off: 6\n", "off: 6.5\n", "off: 6.5", "does not fit"),
    ("also: [limit-total]", "also: [limit-now]", "also", "read-only"),
    ("[{write: phases, value: 1}]", "[{write: phases}]", "write: phases}", "lacks 'value'"),
    (
        "[{write: phases, value: 1}]",
        "[{write: phases, value: 1, wait_s: 1}]",
        "wait_s: 1}",
        "one of write",
    ),
    (
        "{write: command, value: 40}",
        "{write: command, value: 40, mask: 1}",
        "value: 40",
        "must be readable",
    ),
    (
        "{write: command, value: 40}",
        "{write: command, value: 0x12345}",
        "0x12345",
        "its type is u16",
    ),
    (
        "{write: phases, value: 0, mask: 1}",
        "{write: phases, value: 2, mask: 1}",
        "value: 2",
        "outside the mask",
    ),
    ("    one_when: 1\n", "", "  phases:\n", "go together"),
    ("  value: 0x55AA\n", "", "watchdog:", "lacks 'value'"),
    ("fed_by: token", "fed_by: rewrite_limit", "  register: beat", "Only a token"),
    ("default_ms: 10000", "default_ms: 90000", "default_ms: 90000", "between min_ms and max_ms"),
    ("[failsafe-1, failsafe-3]", "[failsafe-1, timeout]", "failsafe_register", "has the unit s"),
    ("  max_ms: 60000\n", "", "watchdog:", "lacks 'max_ms'"),
    (
        "value: 0x80, mask: 0x80, when: {revision",
        "value: 0x80, mask: 0x80, when: {plug",
        "register: config, value",
        "poll: once",
    ),
    ("kind: charger", "kind: meter", "state:\n", "A meter has no 'state'"),
    (
        "restart_register: boot-current",
        "restart_register: phases",
        "restart_register",
        "has no unit",
    ),
    ("meaning: soc,", "", "soc:", "no rule uses it"),
]


@pytest.mark.parametrize(("old", "new", "place", "words"), MORE_MISTAKES)
def test_mistake_in_a_larger_profile_is_explained(
    old: str, new: str, place: str, words: str
) -> None:
    assert EVERYTHING.count(old) == 1, old
    text = EVERYTHING.replace(old, new)
    errors = [finding for finding in findings(text) if finding.is_error]
    match = [finding for finding in errors if words in finding.message]
    assert match, [str(finding) for finding in errors]
    lines = [i for i, line in enumerate(text.splitlines(True), 1) if place in line]
    assert match[0].line in lines, str(match[0])


def test_meter_without_energy_and_with_control_is_refused() -> None:
    text = METER.replace("meaning: energy_total", "meaning: energy_export")
    text += "watchdog: {fed_by: none}\n"
    messages = [finding.message for finding in findings(text)]
    assert "A meter has no 'watchdog'." in messages
    assert "The profile reads no energy: a meter must." in messages


# What is wrong, where (a text of the line), and the words that explain it.
MISTAKES = [
    pytest.param(
        "unit: A, access", "unit: furlong, access", "limit:", "furlong", id="unknown-unit"
    ),
    pytest.param(
        "type: u32", "type: u33", "meaning: energy_total", "did you mean 'u32'", id="unknown-type"
    ),
    pytest.param("address: 2,", "address: 1,", "energy:", "overlaps 'state'", id="overlap"),
    pytest.param(
        "type: u32, unit: Wh",
        "type: u32, scale: 0, unit: Wh",
        "meaning: energy_total",
        "must not be 0",
        id="scale-0",
    ),
    pytest.param(
        "space: holding, unit: A",
        "space: holding, scale: -1, unit: A",
        "limit: {register",
        "above 0",
        id="limit-scale-negative",
    ),
    pytest.param(
        "type: u32, unit: Wh",
        'type: u32, scale: "1/0", unit: Wh',
        "meaning: energy_total",
        "no number",
        id="scale-by-zero",
    ),
    pytest.param(
        "type: u32, unit: Wh",
        "type: u32, scale: 1.0e-30, unit: Wh",
        "meaning: energy_total",
        "no real register",
        id="scale-tiny",
    ),
    pytest.param(
        "unit: Wh",
        "unit: A",
        "meaning: energy_total",
        "possible: Wh",
        id="unit-of-another-quantity",
    ),
    pytest.param(
        "unit: A, access: rw",
        "unit: A, access: r",
        "limit: {register",
        "read-only",
        id="write-to-read-only",
    ),
    pytest.param(
        "space: holding, unit: A",
        "space: input, unit: A",
        "limit: {address",
        "cannot be written",
        id="write-to-input-register",
    ),
    pytest.param(
        "register: limit,",
        "register: limitt,",
        "limit: {register",
        "did you mean 'limit'",
        id="unknown-register",
    ),
    pytest.param(
        "step_a: 1,",
        "step_a: 0.1,",
        "limit: {register",
        "steps of 1 A",
        id="step-finer-than-register",
    ),
    pytest.param("min_a: 6,", "min_a: 20,", "limit: {register", "above max_a", id="min-above-max"),
    pytest.param(
        "min_a: 6,", "min_a: 1,", "limit: {register", "below 6 A", id="min-below-standard"
    ),
    pytest.param("off: 0", "off: 10", "limit: {register", "would allow 10 A", id="off-is-not-off"),
    pytest.param(
        "zero_means: stop",
        "zero_means: unlimited",
        "limit: {register",
        "enable register",
        id="zero-lifts-the-limit",
    ),
    pytest.param(
        "state: 1}, pilot: A}",
        "state: 1}, pilot: B}",
        "rules:",
        "No rule means pilot A",
        id="no-unplugged",
    ),
    pytest.param(
        "state: 2}, pilot: C}",
        "state: 2}, pilot: Z}",
        "state: 2}",
        "'Z', which is unknown",
        id="unknown-pilot",
    ),
    pytest.param(
        "state: 2}, pilot: C}",
        "state: 2}, pilot: C}\n    - {when: {state: 3}, pilot: E}",
        "state: 3}",
        "needs an error",
        id="fault-without-error",
    ),
    pytest.param("title: Box", "titel: Box", "titel", "did you mean 'title'", id="unknown-key"),
    pytest.param("phases: 3\n", "", "format: 2", "lacks 'phases'", id="missing-key"),
    pytest.param("phases: 3", "phases: three", "phases", "not an integer", id="wrong-type"),
    pytest.param("phases: 3", "phases: 4", "phases", "maximum of 3", id="out-of-range"),
    pytest.param("name: box", "name: crate", "name: crate", "box.yaml", id="name-is-not-the-file"),
    pytest.param(
        "phases: 3", "phases: 3\nphases: 1", "phases: 1", "there twice", id="duplicate-key"
    ),
    pytest.param("stop_bits: 1}", "stop_bits: 1", "unit: 1", "not YAML", id="malformed-yaml"),
    pytest.param(
        "space: coil, access: rw",
        "space: coil, scale: 2, access: rw",
        "enable:",
        "one bit",
        id="bit-with-scale",
    ),
    pytest.param(
        "address: 2,", "address: 65535,", "energy:", "beyond address 65535", id="beyond-the-end"
    ),
    pytest.param(
        "meaning: energy_total, poll: meter",
        "meaning: energy_total",
        "energy:",
        "poll is missing",
        id="never-read",
    ),
    pytest.param(
        "unit: A, access",
        "unit: A, from_layout: 3, access",
        "limit: {address",
        "layout_version",
        id="gate-without-layout",
    ),
    pytest.param(
        "{fed_by: none}",
        "{fed_by: any_transaction}",
        "watchdog",
        "lacks 'default_ms'",
        id="watchdog-incomplete",
    ),
]


@pytest.mark.parametrize(("old", "new", "place", "words"), MISTAKES)
def test_mistake_is_explained_at_its_line(old: str, new: str, place: str, words: str) -> None:
    text = change(old, new)
    errors = [finding for finding in findings(text) if finding.is_error]
    assert errors
    match = [finding for finding in errors if words in finding.message]
    assert match, [str(finding) for finding in errors]
    assert match[0].line == line_of(text, place), str(match[0])
    assert str(match[0]).startswith(f"box.yaml:{match[0].line}: ")
    assert "\n" not in str(match[0])


@pytest.mark.parametrize("text", ["", "- 1", "just words", "a: &x [*x]", "\t: :", "{", "\x00"])
def test_what_is_no_profile_is_explained(text: str) -> None:
    errors = [finding for finding in findings(text) if finding.is_error]
    assert errors
    assert all("\n" not in str(finding) for finding in errors)


def test_every_line_of_a_profile_can_be_missing_without_a_traceback() -> None:
    lines = HEIDELBERG.splitlines()
    for index in range(len(lines)):
        findings("\n".join(lines[:index] + lines[index + 1 :]), "heidelberg-energy-control.yaml")


def test_doubtful_register_is_a_warning() -> None:
    text = change(
        "unit: Wh, meaning: energy_total, poll: meter, confidence: h",
        "unit: Wh, meaning: energy_total, poll: meter, confidence: l",
    )
    found = findings(text)
    assert [finding.is_error for finding in found] == [False]
    assert "doubtful" in found[0].message
    assert str(found[0]).startswith("box.yaml:17: warning: ")


def folder_with(tmp_path: Path, text: str = MINIMAL) -> Path:
    (tmp_path / "box.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def run(*words: str) -> int:
    try:
        return cli.main(["profiles", *words])
    except SystemExit as ended:
        return int(ended.code or 0)


def test_check_counts_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_with(tmp_path, change("type: u32", "type: u33"))
    assert run("check", "--folder", str(folder)) == 1
    out, err = capsys.readouterr()
    assert re.search(r"box\.yaml:18: registers\.energy\.type is 'u33'", out)
    assert "1 mistake in 1 profile(s)." in err
    assert "Traceback" not in err


def test_check_strict_fails_on_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_with(tmp_path, MINIMAL.replace("confidence: h}", "confidence: l}", 1))
    assert run("check", "--folder", str(folder)) == 0
    assert run("check", "--strict", "--folder", str(folder)) == 1
    assert "1 warning" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "show"])
def test_unknown_profile_is_one_sentence(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command, "heidelberg-energy-contrl") == 1
    err = capsys.readouterr().err
    assert "There is no profile 'heidelberg-energy-contrl'" in err
    assert "did you mean 'heidelberg-energy-control'?" in err
    assert len(err.splitlines()) == 1


def test_missing_file_and_folder_are_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "nowhere/box.yaml") == 1
    assert run("list", "--folder", "/nowhere") == 1
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_list_and_show_name_the_profile(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list") == 0
    assert "heidelberg-energy-control" in capsys.readouterr().out
    assert run("show", "heidelberg-energy-control") == 0
    out = capsys.readouterr().out
    assert re.search(r"current-limit\s+holding\s+261", out)
    assert "follower" in out


def test_committed_tables_match_the_profiles() -> None:
    profiles_build.check(profiles.load_all())


def test_build_check_fails_on_drift(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_with(tmp_path)
    output = tmp_path / "tables"
    assert run("build", "--check", "--folder", str(folder), "--output", str(output)) == 1
    assert run("build", "--folder", str(folder), "--output", str(output)) == 0
    assert run("build", "--check", "--folder", str(folder), "--output", str(output)) == 0
    folder_with(tmp_path, change("max_a: 16", "max_a: 13"))
    assert run("build", "--check", "--folder", str(folder), "--output", str(output)) == 1
    err = capsys.readouterr().err
    assert "run `vevgw profiles build`" in err


def test_build_refuses_a_profile_with_mistakes(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, change("min_a: 6,", "min_a: 20,"))
    with pytest.raises(UserError, match=r"box\.yaml:26: .*above max_a"):
        profiles.load_all(folder)


@pytest.mark.native
def test_tables_of_every_kind_of_profile_compile(tmp_path: Path) -> None:
    extended = MINIMAL.replace(
        "zero_means: stop, off: 0}",
        'zero_means: unlimited, off: 1}\n  enable: {register: enable, "on": 1, "off": 0}',
    ).replace("title: Box", 'title: "Bóx \\"2\\""')
    assert [finding for finding in findings(extended) if finding.is_error] == []
    folder = folder_with(tmp_path, extended)
    (folder / "heidelberg-energy-control.yaml").write_text(HEIDELBERG, encoding="utf-8")
    (folder / "full.yaml").write_text(EVERYTHING.replace("name: box", "name: full"), "utf-8")
    (folder / "meter.yaml").write_text(METER.replace("name: box", "name: meter"), "utf-8")
    output = tmp_path / "tables"
    profiles_build.write(profiles.load_all(folder), output)
    command = ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
    lib = profiles.REPOSITORY / "lib"
    done = subprocess.run(
        [*command, f"-I{lib}", *map(str, output.glob("*.cpp"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


GOLDEN = profiles.REPOSITORY / "test" / "vectors" / "profiles"


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.vevp")), ids=lambda path: path.stem)
def test_profile_files_of_the_firmware_tests_are_up_to_date(path: Path) -> None:
    profile, _ = profiles.check_file(profiles.find_file(path.stem))
    assert profile is not None
    assert path.read_bytes() == image(profile), (
        f"vevgw profiles build --binary {path.stem} -o {path}"
    )


def test_profile_file_is_made_from_a_yaml_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = folder_with(tmp_path) / "box.yaml"
    output = tmp_path / "box.vevp"
    assert run("build", "--binary", str(source), "-o", str(output)) == 0
    content = output.read_bytes()
    assert content.startswith(b"VEVP\x01")
    assert f"box, {len(content)} bytes" in capsys.readouterr().out
    source.write_text(change("type: u32", "type: u33"), encoding="utf-8")
    assert run("build", "--binary", str(source), "-o", str(output)) == 1
    assert "did you mean 'u32'" in capsys.readouterr().err
