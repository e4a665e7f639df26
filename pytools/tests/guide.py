"""docs/new-charger.md as a test follows it."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from typer.testing import CliRunner

from vevgw.chargers import profiles, profiles_cli
from vevgw.dut import cli as dut_cli

_PAGE = profiles.REPOSITORY / "docs" / "new-charger.md"


def _blocks(language: str) -> list[str]:
    pattern = rf"^```{language}\n(.*?)^```"
    return re.findall(pattern, _PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def write_example(folder: Path) -> Path:
    """Writes the page's only profile under the name that the page gives it."""
    blocks = _blocks("yaml")
    assert len(blocks) == 1
    path = folder / "example-box.yaml"
    path.write_text(blocks[0], "utf-8")
    return path


def commands() -> Iterator[list[str]]:
    """The page's commands, in its order, without `vevgw`."""
    for block in _blocks("sh"):
        for line in block.splitlines():
            program, *words = shlex.split(line, comments=True)
            assert program == "vevgw", line
            yield words


async def run(words: list[str], stands_for: Mapping[str, str]) -> str:
    """Runs a command of the page and returns what it printed.

    Args:
        words: From `commands`.
        stands_for: What is here in place of a device or address of the page.
    """
    here = [stands_for.get(word, word) for word in words]
    if words[:2] == ["profiles", "try"]:
        # Nobody watches or answers.
        here += ["--once"] * ("--once" not in words) + ["--yes"]
    app = {"profiles": profiles_cli.app, "dut": dut_cli.app}[words[0]]
    result = await asyncio.to_thread(CliRunner().invoke, app, here[1:])
    assert result.exit_code == 0, (words, result.exception, result.output)
    return result.stdout
