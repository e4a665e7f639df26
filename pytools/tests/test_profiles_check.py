"""What `vevgw profiles check` says about mistakes."""

from __future__ import annotations

import pytest
from profile_texts import EVERYTHING, HEIDELBERG, METER, MINIMAL, change, findings, line_of

from vevgw.chargers import profiles


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
    pytest.param("  rtu:", "\trtu:", "rtu:", "indent with spaces", id="tab"),
    pytest.param("  unit: 1", "   unit: 1", "unit: 1", "the same column", id="indentation"),
    pytest.param("phases: 3", "phases 3", "phases 3", "behind the colon", id="no-colon"),
    pytest.param(
        "address: 10,", 'address: "0x0A",', "limit: {address", "without quotes", id="hex-in-quotes"
    ),
    pytest.param("address: 10,", "address: 0Ah,", "0Ah", "(write 0x0A)", id="hex-with-h"),
    pytest.param(
        "address: 10, space: holding",
        "address: 10, space: 3",
        "space: 3",
        "function 3 is 'holding'",
        id="function-code-as-table",
    ),
    pytest.param(
        "address: 10, space: holding",
        "address: 10, space: holding, function: 3",
        "function: 3",
        "has no key 'function'",
        id="function-code-as-key",
    ),
    pytest.param(
        "address: 10, space: holding",
        "address: 10, space: holding, type: u32, write_with: single",
        "limit: {address",
        "function 6 writes one only",
        id="two-registers-with-function-6",
    ),
    pytest.param('{maker: "manual"}', "{}", "sources", "is empty", id="no-source"),
    pytest.param('sources: {maker: "manual"}\n', "", "format", "lacks 'sources'", id="no-sources"),
    pytest.param(
        "state, poll: status, confidence: h}",
        "state, poll: status, confidence: h, sources: [makr]}",
        "state: {address",
        "did you mean 'maker'",
        id="source-that-is-not-listed",
    ),
    pytest.param("zero_means", "zero_mean", "zero_mean:", "'zero_means'?", id="key-with-typo"),
    pytest.param(
        "{state: 2}, pilot: C}",
        "{state: 1}, pilot: C}",
        "pilot: C}",
        "the rule in line 23 holds whenever it does",
        id="state-twice",
    ),
    pytest.param(
        "{state: 2}, pilot: C}",
        "{state: [2, 1]}, pilot: C}",
        "pilot: C}",
        "the rule in line 23 has 'state' 1 already",
        id="state-twice-in-a-list",
    ),
    pytest.param("address: 10,", "address: 70000,", "70000", "65535", id="address-beyond-65535"),
    pytest.param(
        "address: 10,", "address: -1,", "-1", "less than the minimum", id="address-below-0"
    ),
    pytest.param(
        "unit: Wh", 'scale: "0,1", unit: Wh', "0,1", "a number like 0.1", id="decimal-comma"
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


def test_second_register_of_a_meaning_is_a_warning_unless_the_first_may_be_absent() -> None:
    second = (
        "  counter: {address: 4, space: input, type: u32, unit: Wh, meaning: energy_total,"
        " poll: meter, confidence: h}\n"
    )
    text = change("  limit: {address", f"{second}  limit: {{address")
    found = findings(text)
    assert [str(finding)[:20] for finding in found] == ["box.yaml:19: warning"]
    assert "both mean energy_total" in found[0].message
    assert findings(text.replace("{address: 2,", "{optional: true, address: 2,")) == []


def test_doubtful_register_is_a_warning() -> None:
    text = change(
        "unit: Wh, meaning: energy_total, poll: meter, confidence: h",
        "unit: Wh, meaning: energy_total, poll: meter, confidence: l",
    )
    found = findings(text)
    assert [finding.is_error for finding in found] == [False]
    assert "doubtful" in found[0].message
    assert str(found[0]).startswith("box.yaml:17: warning: ")


def test_fallback_current_that_only_the_charger_knows_is_a_warning() -> None:
    text = change(
        "watchdog: {fed_by: none}", "watchdog: {fed_by: any_transaction, default_ms: 9000}"
    )
    found = findings(text)
    assert [finding.is_error for finding in found] == [False]
    assert "c?.failsafe_ma" in found[0].message
    assert findings(text.replace("9000}", "9000, then: pause}")) == []
