"""What may happen while a case runs."""

from __future__ import annotations

from vevgw.errors import UserError


class Deviation(Exception):
    """The charge point did not do what the case asks for.

    Args:
        reason: One sentence.
        entry: Index of the message in the log of the case; None: something is missing.
    """

    def __init__(self, reason: str, entry: int | None = None) -> None:
        super().__init__(reason)
        self.entry = entry


class Obstacle(UserError):
    """The case could not be carried out: a stimulus, the target or the case itself failed."""
