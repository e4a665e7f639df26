"""What the system must have, and how its absence is told."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from vevgw.build import system
from vevgw.errors import UserError


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Two things are missing, one is there; apt-get exists and its calls are recorded, not made."""
    made: list[list[str]] = []

    def record(command: Sequence[str], **_options: object) -> subprocess.CompletedProcess[str]:
        made.append(list(command))
        return subprocess.CompletedProcess(command, 0, "", "")

    needs = {
        "there": system.Need(("there-dev",), lambda: True),
        "one": system.Need(("one-dev",), lambda: False),
        "two": system.Need(("two-a", "one-dev"), lambda: False),
    }
    monkeypatch.setattr(system, "NEEDS", needs)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(subprocess, "run", record)
    return made


def test_missing_packages_are_sorted_and_named_once(calls: list[list[str]]) -> None:
    assert system.missing(["two", "there", "one"]) == ["one-dev", "two-a"]
    assert calls == []


def test_root_installs_only_what_is_missing(calls: list[list[str]]) -> None:
    system.ensure(["there", "one"], is_root=True)
    assert calls == [
        ["apt-get", "update"],
        ["apt-get", "install", "-y", "--no-install-recommends", "one-dev"],
    ]


def test_other_users_get_the_exact_command_and_nothing_happens(calls: list[list[str]]) -> None:
    with pytest.raises(UserError) as error:
        system.ensure(["there", "one", "two"], is_root=False)
    assert error.value.exit_code == 69
    last = str(error.value).splitlines()[-1].strip()
    assert last == "apt-get update && apt-get install -y --no-install-recommends one-dev two-a"
    assert calls == []


@pytest.mark.parametrize("is_root", [True, False])
def test_nothing_missing_needs_nothing(calls: list[list[str]], *, is_root: bool) -> None:
    system.ensure(["there"], is_root=is_root)
    assert calls == []


@pytest.mark.usefixtures("calls")
def test_without_apt_the_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(UserError, match=r"no apt-get here.*one-dev") as error:
        system.ensure(["one"], is_root=True)
    assert error.value.exit_code == 69


@pytest.mark.usefixtures("calls")
def test_failed_installation_quotes_the_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(command: Sequence[str], **_options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 100, "", "W: old\nE: no space left\n")

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(UserError, match="`apt-get update` failed: E: no space left"):
        system.ensure(["one"], is_root=True)


@pytest.mark.native
def test_header_that_does_not_exist_is_missing() -> None:
    need = system.NEEDS["g++"]
    assert need.is_there()
    assert system._has_header("vector")
    assert not system._has_header("no/such/header.h")


@pytest.mark.parametrize(("system_id", "offered"), [("debian", True), ("ubuntu", False)])
def test_a_browser_is_asked_for_where_there_is_a_package(
    monkeypatch: pytest.MonkeyPatch, system_id: str, *, offered: bool
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: f"NAME=x\nID={system_id}\n")
    assert system.missing(["chromium"]) == (["chromium"] if offered else [])
