"""How the CSMS answers: registration, tags, transaction ids, data transfer.

How it misbehaves on purpose is in effects.py and faults.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from vevgw.csms.entries import Transaction
from vevgw.csms.errors import CsmsError
from vevgw.csms.history import iso_utc

Registration = Literal["Accepted", "Pending", "Rejected"]
TagStatus = Literal["Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"]

REGISTRATIONS: Final[tuple[Registration, ...]] = ("Accepted", "Pending", "Rejected")
TAG_STATUSES: Final[tuple[TagStatus, ...]] = (
    "Accepted",
    "Blocked",
    "Expired",
    "Invalid",
    "ConcurrentTx",
)


@dataclass(frozen=True, slots=True)
class IdTag:
    """One row of the tag table.

    Attributes:
        status: Answered while not expired.
        parent: parentIdTag; None = no group.
        expires: From then on the answer is Expired; None = never.
    """

    status: TagStatus = "Accepted"
    parent: str | None = None
    expires: datetime | None = None


@dataclass(slots=True)
class IdTags:
    """The tag table. Tags are compared without regard to case (OCPP 1.6 7.28, CiString20Type).

    Attributes:
        unknown: Status of a tag that is not in the table.
        refuse_concurrent: Answer ConcurrentTx to a tag that already has an open transaction.
    """

    unknown: TagStatus = "Accepted"
    refuse_concurrent: bool = False
    _rows: dict[str, IdTag] = field(default_factory=dict)

    def __setitem__(self, id_tag: str, row: IdTag) -> None:
        self._rows[id_tag.casefold()] = row

    def __getitem__(self, id_tag: str) -> IdTag:
        return self._rows.get(id_tag.casefold(), IdTag(self.unknown))

    def __delitem__(self, id_tag: str) -> None:
        del self._rows[id_tag.casefold()]

    def info(
        self, id_tag: str, now: datetime, open_transactions: Iterable[Transaction] = ()
    ) -> dict[str, Any]:
        """Returns the IdTagInfo of a tag.

        Args:
            id_tag: As received.
            now: UTC.
            open_transactions: Those that a concurrent one would collide with.
        """
        row = self[id_tag]
        status = row.status
        if status == "Accepted":
            if row.expires is not None and row.expires <= now:
                status = "Expired"
            elif self.refuse_concurrent and any(
                t.id_tag.casefold() == id_tag.casefold() for t in open_transactions
            ):
                status = "ConcurrentTx"
        info: dict[str, Any] = {"status": status}
        if row.parent is not None:
            info["parentIdTag"] = row.parent
        if row.expires is not None:
            info["expiryDate"] = iso_utc(row.expires)
        return info


@dataclass(slots=True)
class Boot:
    """Answers to BootNotification.

    Attributes:
        answers: One per BootNotification of a charge point; the last one stays. Empty is as
            Accepted.
        interval_s: Heartbeat interval when Accepted, s.
        retry_interval_s: Interval until the next BootNotification when not Accepted, s.
    """

    answers: tuple[Registration, ...] = ("Accepted",)
    interval_s: int = 300
    retry_interval_s: int = 30

    def answer(self, count: int) -> tuple[Registration, int]:
        """Returns status and interval, s, for the ``count``-th (from 0) of a charge point."""
        answers = self.answers or ("Accepted",)
        status = answers[min(count, len(answers) - 1)]
        return status, self.interval_s if status == "Accepted" else self.retry_interval_s


DataTransferHandler = Callable[[str, dict[str, Any]], dict[str, Any]]


@dataclass(slots=True)
class Behaviour:
    """Everything that decides about answers; may be changed while the CSMS runs.

    Attributes:
        data_transfer: Handler by vendorId: (charge point, payload) -> DataTransfer.conf payload.
            Other vendors get UnknownVendorId.
    """

    boot: Boot = field(default_factory=Boot)
    id_tags: IdTags = field(default_factory=IdTags)
    data_transfer: dict[str, DataTransferHandler] = field(default_factory=dict)

    def utc_now(self) -> datetime:
        """Returns the time that answers carry."""
        return datetime.now(UTC)


def parse_id_tag(text: str) -> tuple[str, IdTag]:
    """Reads ``TAG[=STATUS][,parent=P][,expires=TIME]``.

    Raises:
        CsmsError: The text is something else.
    """
    head, *options = text.split(",")
    id_tag, _, status = head.partition("=")
    parent: str | None = None
    expires: datetime | None = None
    wanted = (status or "Accepted").casefold()
    known = next((s for s in TAG_STATUSES if s.casefold() == wanted), None)
    if not id_tag or len(id_tag) > 20:
        raise CsmsError(f"The id tag in {text!r} must have 1 to 20 characters.", exit_code=2)
    if known is None:
        raise CsmsError(
            f"{status!r} is no tag status; use one of {', '.join(TAG_STATUSES)}.", exit_code=2
        )
    for option in options:
        name, _, value = option.partition("=")
        if name == "parent" and 0 < len(value) <= 20:
            parent = value
        elif name == "expires":
            try:
                expires = datetime.fromisoformat(value)
            except ValueError:
                raise CsmsError(f"{value!r} is no ISO 8601 time.", exit_code=2) from None
            if expires.tzinfo is None:
                expires = expires.replace(tzinfo=UTC)
        else:
            raise CsmsError(
                f"{option!r} is neither parent=TAG nor expires=TIME (of tag {id_tag}).", exit_code=2
            )
    return id_tag, IdTag(known, parent, expires)
