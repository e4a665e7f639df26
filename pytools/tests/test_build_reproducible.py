"""The check of reproducible builds must find what differs."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from vevgw.build import reproducible
from vevgw.errors import UserError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with one source file and one that no commit holds."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "main.cpp").write_text("int main() {}\n")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "main.cpp"], ["commit", "-q", "-m", "test"]):
        subprocess.run([*git, *words], cwd=folder, check=True, capture_output=True)
    (folder / "notes.txt").write_text("not committed")
    return folder


def compiled(folder: Path, *flags: str) -> Path:
    program = folder / "program"
    words = ["g++", "-g", *flags, str(folder / "main.cpp"), "-o", str(program)]
    subprocess.run(words, check=True)
    return program


def test_the_same_bytes_give_their_digest(project: Path) -> None:
    folders = []

    def build(folder: Path) -> Path:
        folders.append(folder)
        assert not (folder / "notes.txt").exists()
        return compiled(folder, f"-ffile-prefix-map={folder}=.")

    digest = reproducible.check(project, "native", build)
    assert len(digest) == len(hashlib.sha256().hexdigest())
    assert len(set(folders)) == 2


def test_a_path_in_the_binary_is_found(project: Path) -> None:
    with pytest.raises(UserError, match=r"differ from byte 0x[0-9a-f]+ on"):
        reproducible.check(project, "native", compiled)


def test_a_folder_without_history_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="git cannot give the sources"):
        reproducible.check(tmp_path, "native", compiled)
