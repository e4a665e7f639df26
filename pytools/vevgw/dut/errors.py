"""What can go wrong with a device under test."""

from __future__ import annotations

from vevgw.errors import UserError


class DutError(UserError):
    """The device refused, did not answer in time, or is not reachable; the text says which.

    Sentences about waiting say what was expected, the last lines seen and where the full log is.
    """


class NoAnswer(DutError, TimeoutError):
    """A command was not answered, in time or because the device restarted; it may be repeated."""
