"""Progress bars on stderr."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def bars() -> Iterator[Callable[[str, float], None]]:
    """Shows a bar for each name that the yielded function is called with, and its percentage."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn

    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True), transient=False) as progress:

        def show(name: str, percent: float) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=100)
            progress.update(tasks[name], completed=percent)

        yield show
