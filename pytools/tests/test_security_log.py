"""`vevgw verify-log`: each way to change an uploaded security log shows, and is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vevgw import cli
from vevgw.errors import UserError
from vevgw.security import log_check

Line = dict[str, Any]
_NOTHING = "00" * 32
ROOT = Path(__file__).parents[2]


def _chain(line: Line, before: str) -> Line:
    return line | {"hash": log_check._entry(line).expected_hash(bytes.fromhex(before)).hex()}


def _lines(count: int = 8, *, first: int = 1, after: int = 0, anchor: str = _NOTHING) -> list[Line]:
    """Makes a log of entries with every second number, as where each was told."""
    lines: list[Line] = [{"log": "security", "version": 2, "anchor": anchor}]
    number, before = after, anchor
    for i in range(count):
        line: Line = {"n": first + 2 * i, "after": number, "time": "2027-01-15T08:00:00.000Z"}
        line |= {"event": "MemoryExhaustion", "info": f'entry "{i}"', "code": 8, "told": True}
        line |= {"uptime_ms": 1000 * i, "utc_ms": 1_800_000_000_000, "hash": _NOTHING}
        lines.append(_chain(line, before))
        number, before = lines[-1]["n"], lines[-1]["hash"]
    lines.append({"end": True, "entries": count, "n": number, "hash": before})
    return lines


def _text(lines: list[Line]) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)


def _said(lines: list[Line]) -> str:
    with pytest.raises(log_check.BrokenLogError) as caught:
        log_check.read(_text(lines))
    return str(caught.value)


def _with_entry(lines: list[Line], at: int) -> list[Line]:
    """Puts an entry in whose own hash is right."""
    before = lines[at - 1]
    line = lines[at] | {"n": before["n"] + 1, "after": before["n"], "info": "put in"}
    return [*lines[:at], _chain(line, before["hash"]), *lines[at:]]


def test_log_as_uploaded_holds() -> None:
    log = log_check.read(_text(_lines()))
    said = log_check.describe(log)
    assert said.startswith("8 entries, from 1 (2027-01-15T08:00:00.000Z) to 15 (2027-")
    assert said.endswith("chain unbroken; begins with the gateway's first")
    assert log_check.describe(log_check.read(_text(_lines(0)))) == "no entries, chain unbroken"


def test_ring_that_went_round_is_no_break() -> None:
    log = log_check.read(_text(_lines(first=41, anchor="ab" * 32)))
    assert log_check.describe(log).endswith("chain unbroken; older ones are not kept")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("info", "nothing"),
        ("n", 8),
        ("told", False),
        ("uptime_ms", 1),
        ("utc_ms", 1_800_000_000_001),
        ("time", "2027-01-15T08:00:00.001Z"),
        ("event", "ResetOrReboot"),
        ("hash", "cd" * 32),
        ("note", "more"),
        ("code", "8"),
        ("info", "caf\u00e9"),
        ("told", None),
    ],
)
def test_changed_entry_is_named(member: str, value: object) -> None:
    lines = _lines()
    lines[4][member] = value
    said = _said(lines)
    assert "changed" in said
    assert f"ntry {lines[4]['n']}" in said


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda all: all[:4] + all[5:], "between entries 5 and 9 were taken out, the last of them"),
        (lambda all: all[:1] + all[3:], "before 5 were taken out, the last of them entry 3"),
        (lambda all: [*all[:7], all[-1]], "behind entry 11 are gone: the log ended with 15"),
        (lambda all: [*all[:4], all[5], all[4], *all[6:]], "before entry 7: the order was changed"),
        (lambda all: [*all[:4], all[3], *all[4:]], "Entry 5 was put in"),
        (lambda all: _with_entry(all, 4), "Entry 6 was put in: MemoryExhaustion 'put in'"),
        (lambda all: all[:-1], "cut off"),
        (lambda all: [*all[:-1], all[-1] | {"entries": 7}], "does not fit to its last entry, 15"),
        (lambda all: [all[0] | {"anchor": "ab" * 32}, *all[1:]], "Entry 1 was changed"),
        (lambda all: [*all[:4], {"left_out": "period", "n": 5, "hash": "0" * 64}], "cut off"),
        (
            lambda all: [
                *all[:4],
                {"left_out": "period", "n": 7, "hash": all[4]["hash"]},
                *all[5:],
            ],
            "behind entry 5 are left out, and nobody asked",
        ),
    ],
)
def test_other_changes_are_named(change: Callable[[list[Line]], list[Line]], says: str) -> None:
    assert says in _said(change(_lines()))


def test_file_that_ends_anywhere_is_cut_off() -> None:
    text = _text(_lines(3))
    for size in range(len(text)):
        with pytest.raises(UserError):
            log_check.read(text[:size])


def test_period_leaves_entries_out_and_the_chain_goes_on() -> None:
    lines = _lines()
    left = {"left_out": "period", "n": lines[3]["n"], "hash": lines[3]["hash"]}
    part = [lines[0] | {"from": "2027-01-15T08:00:00.000Z"}, left, *lines[4:-1]]
    part.append(lines[-1] | {"entries": 5})
    log = log_check.read(_text(part))
    assert log_check.describe(log).endswith("of a period, not the whole log")
    del part[3]
    assert "taken out" in _said(part)


def test_later_log_continues_the_earlier_one_or_not() -> None:
    every = _lines(12)
    earlier = [*every[:7], {"end": True, "entries": 6, "n": 11, "hash": every[6]["hash"]}]

    def after(lines: list[Line]) -> str:
        return log_check.check_after(log_check.read(_text(lines)), log_check.read(_text(earlier)))

    assert after(every) == "continues the earlier log, which ended with entry 11"
    # The ring went round, as far as the end of the earlier one.
    wrapped = [every[0] | {"anchor": every[6]["hash"]}, every[7] | {"after": 0}, *every[8:-1]]
    wrapped.append(every[-1] | {"entries": 6})
    assert after(wrapped) == "continues the earlier log, which ended with entry 11"
    for lines, says in [
        (_lines(6, first=41, anchor="ab" * 32), "cannot be shown"),
        (_lines(2), "ends with entry 3, the earlier one with 11"),
        (_lines(12, anchor="ab" * 32), "Entry 1 is another one than in the earlier log"),
    ]:
        with pytest.raises(log_check.BrokenLogError, match=says):
            after(lines)


def test_what_the_csms_was_told_must_be_there() -> None:
    lines = _lines(first=41, anchor="ab" * 32)
    log = log_check.read(_text(lines))
    digits = lines[2]["hash"][:32]
    assert "is the one" in log_check.check_anchor(log, f"43:{digits}")
    assert "not kept any more" in log_check.check_anchor(log, f"3:{digits}")
    for anchor, says in [
        (f"41:{digits}", "Entry 41 is another one"),
        (f"42:{digits}", "Entry 42, of which the CSMS was told, is not there"),
        (f"99:{digits}", "ends with entry 55; the CSMS was told of entry 99"),
    ]:
        with pytest.raises(log_check.BrokenLogError, match=says):
            log_check.check_anchor(log, anchor)
    with pytest.raises(UserError, match="is no anchor"):
        log_check.check_anchor(log, "power on")


def test_command_says_and_exits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    every = _lines()
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    good.write_text(_text(every))
    bad.write_text(_text([*every[:4], *every[5:]]))
    anchor = f"3:{every[2]['hash'][:32]}"
    with pytest.raises(SystemExit) as done:
        cli.main(["verify-log", str(good), "--after", str(good), "--anchor", anchor])
    assert done.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert cli.main(["verify-log", str(bad)]) == 1
    assert "between entries 5 and 9 were taken out" in capsys.readouterr().err
    assert cli.main(["verify-log", str(tmp_path / "none")]) == 2
    good.write_bytes(b"\xff\n")
    assert cli.main(["verify-log", str(good)]) == 1


def test_events_are_those_of_the_firmware() -> None:
    source = (ROOT / "lib/ocpp/security/security_log.cpp").read_text()
    table = source[source.index("kNames[") :]
    assert re.findall(r'"(\w+)"', table[: table.index("};")]) == list(log_check.EVENTS)
