"""Errors that a user can act on."""

from __future__ import annotations


class UserError(Exception):
    """Something outside this program is wrong; the text is one sentence for the user.

    The command line prints the text on stderr without a traceback and exits with `exit_code`.

    Args:
        message: One sentence: what is wrong and, where possible, what to do.
        exit_code: 1 = the work failed, 2 = the command was called wrongly, 69 = something that
            must be installed is missing.
    """

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
