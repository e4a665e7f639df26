"""noxfile.py, called as a script and by nox."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def call(*arguments: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "noxfile.py", *arguments],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def sessions() -> dict[str, str]:
    """Name and description of each session that nox sees."""
    command = [sys.executable, "-m", "nox", "--list", "--nocolor"]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    rows = (line[2:].partition(" -> ") for line in text.splitlines() if line[:2] in ("* ", "- "))
    return {name.strip(): description for name, _, description in rows}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """noxfile.py with the package and an environment nobody has prepared."""
    shutil.copy(ROOT / "noxfile.py", tmp_path)
    shutil.copytree(ROOT / "pytools" / "vevgw", tmp_path / "pytools" / "vevgw")
    return tmp_path


def test_no_session_prints_usage_with_all_sessions() -> None:
    done = call()
    assert done.returncode == 2
    listed = done.stderr.strip().removesuffix(".").split("the sessions are: ")[1].split()
    assert sorted(listed) == sorted(sessions())


def test_unknown_session_is_one_sentence() -> None:
    done = call("frobnicate")
    assert done.returncode == 2
    assert done.stderr.startswith("There is no session 'frobnicate'. Usage: ")
    assert "Traceback" not in done.stderr


def test_every_session_is_described() -> None:
    assert all(sessions().values())


def test_missing_packages_stop_the_script_before_anything_is_made(copy: Path) -> None:
    # Neither a compiler nor apt-get is on this PATH.
    (copy / "bin").mkdir()
    done = call("unit", cwd=copy, PATH=str(copy / "bin"))
    assert done.returncode == 69
    assert "g++" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (copy / ".venv").exists()


def test_every_session_of_tests_exists() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "nox", "--list", "-f", str(ROOT / "noxfile.py")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    tree = ast.parse((ROOT / "noxfile.py").read_text())
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    everything = ast.literal_eval(constants["EVERYTHING"])
    assert {"lint", "unit", "scenario", "system", "demo"} <= set(everything)
    for name in everything:
        assert f"- {name} ->" in listed
