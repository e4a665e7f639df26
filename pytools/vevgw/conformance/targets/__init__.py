"""Charge points that can be judged: each is a small adapter that obeys stimuli."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol


class Target(Protocol):
    """One charge point under test.

    Attributes:
        identity: Its name in the URL.
        connectors: How many it has.
        is_fresh: It begins each case in the state of a new device; else the suite cleans up.
        boots_at_start: start() makes it boot; else it only connects.
    """

    identity: str
    connectors: int
    is_fresh: bool
    boots_at_start: bool

    async def start(self, csms_url: str, tls_url: str | None = None) -> None:
        """Has it connect to this CSMS; it boots, or has booted before.

        Args:
            csms_url: Where it connects.
            tls_url: Where it would with security profile 2 or 3, when that is another port.

        Raises:
            UserError: It cannot be reached.
        """

    async def stop(self) -> None:
        """Ends the work with it; never fails."""

    async def do(self, action: str, arguments: Mapping[str, Any]) -> None:
        """Carries out a stimulus (`do:` in the cases).

        Raises:
            UserError: It cannot be done.
        """

    async def is_locked(self, connector: int) -> bool | None:
        """Whether the cable is locked; None: nobody knows."""

    def files(self) -> list[Path]:
        """Returns the logs that it wrote."""
