"""The packages of npm beside the Python environment."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from vevgw.build import node_packages
from vevgw.errors import UserError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    return tmp_path


def answer(monkeypatch: pytest.MonkeyPatch, code: int, errors: str = "") -> list[Sequence[str]]:
    """Has npm end with this, without running it; returns its calls."""
    calls: list[Sequence[str]] = []

    def run(command: Sequence[str], **_options: object) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        return subprocess.CompletedProcess(command, code, "", errors)

    monkeypatch.setattr(subprocess, "run", run)
    return calls


def test_packages_are_installed_once_and_when_the_lock_changes(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = answer(monkeypatch, 0)
    python = project / ".venv" / "bin" / "python"
    node_packages.ensure(project, python)
    node_packages.ensure(project, python)
    assert len(calls) == 1
    assert {"ci", "--ignore-scripts"} <= set(calls[0])
    assert (node_packages.folder(project / ".venv").parent / "package-lock.json").is_file()
    (project / "requirements" / "package-lock.json").write_text("{}")
    node_packages.ensure(project, python)
    assert len(calls) == 2


def test_a_failure_is_one_sentence_and_tried_again(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = answer(monkeypatch, 1, "npm warn x\nnpm error code EAI_AGAIN\nnpm error y\n")
    python = project / ".venv" / "bin" / "python"
    for _ in range(2):
        with pytest.raises(UserError, match=r"cannot be installed: npm error code EAI_AGAIN$"):
            node_packages.ensure(project, python)
    assert len(calls) == 2


def test_the_lock_pins_every_package_by_hash_and_names_no_address() -> None:
    text = (ROOT / "requirements" / "package-lock.json").read_text()
    packages = {name: data for name, data in json.loads(text)["packages"].items() if name}
    assert "node_modules/uplot" in packages
    for data in packages.values():
        assert data["integrity"].startswith("sha512-")
        assert "resolved" not in data


@pytest.mark.parametrize("given", [None, "/own.pem"])
def test_npm_trusts_the_authorities_of_the_system_unless_told_others(
    given: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = tmp_path / "system.pem"
    monkeypatch.setattr(node_packages, "_AUTHORITIES", system)
    monkeypatch.delenv("NODE_EXTRA_CA_CERTS", raising=False)
    assert "NODE_EXTRA_CA_CERTS" not in node_packages._environment()
    system.write_text("")
    if given is not None:
        monkeypatch.setenv("NODE_EXTRA_CA_CERTS", given)
    assert node_packages._environment()["NODE_EXTRA_CA_CERTS"] == (given or str(system))
