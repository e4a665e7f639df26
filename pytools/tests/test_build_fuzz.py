"""Fuzz targets: built with clang, run for a second."""

from __future__ import annotations

from pathlib import Path

import pytest

from vevgw.build import fuzz
from vevgw.errors import UserError

TARGET = """\
#include <cstddef>
#include <cstdint>
#include "json/first.hpp"
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return json::first(data, size) == 300 ? 1 : 0;
}
"""
HEADER = """\
#pragma once
#include <cstddef>
#include <cstdint>
namespace json { int first(const uint8_t* data, size_t size); }
"""
SOUND = """\
#include "json/first.hpp"
namespace json { int first(const uint8_t* data, size_t size) { return size > 0 ? data[0] : -1; } }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one library and one sound fuzz target `first`."""
    for name, text in (
        ("lib/json/first.hpp", HEADER),
        ("lib/json/first.cpp", SOUND),
        ("test/fuzz/fuzz_first.cpp", TARGET),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.native
def test_sound_target_runs_until_its_time_is_over(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    programs = fuzz.build(project, fuzz.targets(project))
    fuzz.run(project, programs, seconds=1, seed=1)
    printed = capfd.readouterr().out
    assert printed.startswith("fuzz: first for 1 s\n")
    assert "Done " in printed


@pytest.mark.native
def test_overrun_is_found_and_its_input_named(project: Path) -> None:
    (project / "lib/json/first.cpp").write_text(SOUND.replace("data[0]", "data[size]"))
    programs = fuzz.build(project, ["first"])
    with pytest.raises(UserError, match=r"Fuzz target 'first' failed; .*/fuzz_first .*/crash-\w+$"):
        fuzz.run(project, programs, seconds=5, seed=1)


@pytest.mark.native
def test_changed_header_compiles_its_users_again(project: Path) -> None:
    fuzz.build(project, ["first"])
    (project / "lib/json/first.hpp").write_text("#error changed\n")
    with pytest.raises(UserError, match=r"failed at .*\.cpp:\n(.|\n)*changed"):
        fuzz.build(project, ["first"])


@pytest.mark.native
def test_failing_target_is_told_with_its_output_and_the_rest_not_begun(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "target"
    program.write_text("#!/bin/sh\necho began >> begun\necho 'ERROR: it broke'\nexit 77\n")
    program.chmod(0o755)
    programs = {f"target{n}": program for n in range(40)}
    with pytest.raises(UserError, match=r"^Fuzz target 'target\d' failed; to see it again: "):
        fuzz.run(tmp_path, programs, seconds=1, seed=1)
    assert "ERROR: it broke" in capfd.readouterr().out
    assert (tmp_path / "begun").read_text().count("began") < len(programs)


def test_unknown_target_is_one_sentence(project: Path) -> None:
    with pytest.raises(UserError, match="no fuzz target 'second'; there are: first"):
        fuzz.build(project, ["second"])
