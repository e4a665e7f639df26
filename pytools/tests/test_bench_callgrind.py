"""Output of callgrind."""

from __future__ import annotations

import pytest

from vevgw.bench import callgrind
from vevgw.errors import UserError

HEADER = """\
# callgrind format
version: 1
creator: callgrind-3.19.0
cmd:  ./workloads
part: 1

desc: Timerange: Basic block 0 - 100
{trigger}
positions: line
events: Ir
summary: {total}

"""

# step() costs 5 itself and calls put() twice (4 in all), put() calls itself once.
FIRST = (
    HEADER.format(trigger="desc: Trigger: Client Request: idle.step", total=9)
    + """\
ob=(1) /work/workloads
fl=(1) engine.cpp
fn=(10) ocpp::Engine::step(common::Instant)
12 3
+2 2
cfi=(2) writer.hpp
cfn=(11) json::Writer::put(char)
calls=2 40
* 4

fl=(2)
fn=(11)
40 3
cfn=(11)
calls=1 40
-1 1
41 1

totals: 9
"""
)
# The second dump uses names of the first; numbers of files and functions are apart.
SECOND = (
    HEADER.format(trigger="desc: Trigger: Client Request: idle.step", total=2)
    + """\
fl=(2)
fn=(10)
12 2

totals: 2
"""
)
LAST = HEADER.format(trigger="desc: Trigger: Program termination", total=0) + "totals: 0\n"


def test_dumps_of_one_name_add_up() -> None:
    parts = callgrind.parse([FIRST, SECOND])
    assert list(parts) == ["idle.step"]
    assert parts["idle.step"].dumps == 2
    assert parts["idle.step"].instructions == 11


def test_own_instructions_leave_calls_out_and_sum_to_the_total() -> None:
    part = callgrind.parse([FIRST, SECOND])["idle.step"]
    assert part.own == {
        "ocpp::Engine::step(common::Instant)": 7,
        "json::Writer::put(char)": 4,
    }
    assert sum(part.own.values()) == part.instructions


def test_inclusive_instructions_hold_calls_but_no_recursion() -> None:
    part = callgrind.parse([FIRST])["idle.step"]
    assert part.within == {
        "ocpp::Engine::step(common::Instant)": 9,
        "json::Writer::put(char)": 4,
    }


def test_dump_at_the_end_of_the_program_is_no_part() -> None:
    assert callgrind.parse([LAST]) == {}


def test_foreign_file_is_one_sentence() -> None:
    with pytest.raises(UserError, match="unknown format"):
        callgrind.parse(["<html>"])


def test_file_cut_short_is_one_sentence() -> None:
    with pytest.raises(UserError, match="without a total"):
        callgrind.parse(["# callgrind format\nversion: 1\nevents: Ir\n"])
