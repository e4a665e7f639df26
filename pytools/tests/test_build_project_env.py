"""The project's Python environment."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from vevgw.build import project_env
from vevgw.errors import UserError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    return tmp_path


@pytest.fixture
def made(project: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Records each time an environment is made; making one only writes its files."""
    calls: list[Path] = []

    def make(folder: Path) -> None:
        calls.append(folder)
        python = project_env.python_of(folder)
        python.parent.mkdir(parents=True, exist_ok=True)
        python.unlink(missing_ok=True)
        python.symlink_to(sys.executable)
        (folder / ".venv" / "vevgw.stamp").write_text(project_env.fingerprint(folder))

    monkeypatch.setattr(project_env, "_make", make)
    return calls


def test_environment_is_made_once(project: Path, made: list[Path]) -> None:
    assert project_env.ensure(project) == project_env.ensure(project)
    assert made == [project]


@pytest.mark.parametrize("name", ["pyproject.toml", "requirements/constraints.txt"])
def test_changed_lock_makes_it_again(project: Path, made: list[Path], name: str) -> None:
    project_env.ensure(project)
    with (project / name).open("a") as file:
        file.write("# changed\n")
    project_env.ensure(project)
    assert len(made) == 2


def test_moved_project_makes_it_again(project: Path, made: list[Path]) -> None:
    project_env.ensure(project)
    moved = project.rename(project.with_name("moved"))
    project_env.ensure(moved)
    assert made == [project, moved]


def test_removed_interpreter_makes_it_again(project: Path, made: list[Path]) -> None:
    project_env.ensure(project).unlink()
    project_env.ensure(project)
    assert len(made) == 2


def test_a_further_group_is_added_once(
    project: Path, made: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    added: list[list[str]] = []
    monkeypatch.setattr(project_env, "_call", lambda _folder, command: added.append(command))
    project_env.ensure(project, "browser")
    project_env.ensure(project, "browser")
    (command,) = added
    assert command[-2:] == ["--group", "browser"]
    with (project / "requirements" / "constraints.txt").open("a") as file:
        file.write("# changed\n")
    project_env.ensure(project, "browser")
    assert (len(made), len(added)) == (2, 2)


def test_unreachable_package_index_is_one_sentence(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match=r"Cannot prepare the Python environment .*: ERROR: .*uv"):
        project_env.ensure(project)
    assert not project_env.is_current(project)


def test_lock_pins_every_dependency_without_hashes_or_indexes() -> None:
    lines = (ROOT / "requirements" / "constraints.txt").read_text().splitlines()
    names = {line.split("==")[0] for line in lines}
    assert all("==" in line and "--" not in line and "://" not in line for line in lines)
    assert {"platformio", "scons", "websockets", "ocpp", "pytest", "pyserial", "uv"} <= names
