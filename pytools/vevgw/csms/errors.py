"""What can go wrong with the emulated CSMS, as exceptions.

Each stands for one situation that a caller may want to tell from the others:

    UserError
    `-- CsmsError                everything below; the text is one sentence
        |-- DatabaseError        the message log cannot be opened or read
        |-- WaitTimeout          something awaited did not come in time (also a TimeoutError)
        |-- UnexpectedMessage    a forbidden message came before an awaited one
        |-- NotConnected         the charge point has no connection, or lost it before it answered
        |-- InvalidCall          a CALL of ours does not match its schema; it was not sent
        |-- InvalidAnswer        the CALLRESULT does not match its schema
        `-- CallRefused          the charge point answered with a CALLERROR
"""

from __future__ import annotations

from typing import Any

from vevgw.errors import UserError


class CsmsError(UserError):
    """Any failure of the emulated CSMS that a user can act on."""


class DatabaseError(CsmsError):
    """The message log cannot be opened, written or read."""


class WaitTimeout(CsmsError, TimeoutError):
    """Something awaited did not happen; the text says what was seen and where the log is."""


class UnexpectedMessage(CsmsError):
    """A forbidden message came before an awaited one."""


class NotConnected(CsmsError):
    """The charge point has no connection, or lost it before it answered."""


class InvalidCall(CsmsError):
    """A CALL of ours violates its schema and was not sent."""


class InvalidAnswer(CsmsError):
    """A charge point's CALLRESULT violates its schema."""


class CallRefused(CsmsError):
    """The charge point answered with a CALLERROR.

    Attributes:
        code: OCPP-J error code, as received.
        description: As received.
        details: As received, usually an object.
    """

    def __init__(self, action: str, code: str, description: str, details: Any) -> None:
        text = f"{action} was refused with CALLERROR {code}"
        super().__init__(f"{text}: {description}" if description else f"{text}.")
        self.code = code
        self.description = description
        self.details = details
