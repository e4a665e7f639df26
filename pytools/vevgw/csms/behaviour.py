"""How the CSMS answers: registration, tags, transaction ids, data transfer.

How it misbehaves on purpose is in effects.py and faults.py.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from vevgw.csms.entries import Transaction
from vevgw.csms.errors import CsmsError
from vevgw.csms.history import iso_utc

Registration = Literal["Accepted", "Pending", "Rejected"]
TagStatus = Literal["Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"]

_MAX_ID: Final = 2**31 - 1

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

    def rows(self) -> dict[str, IdTag]:
        """Returns the table; tags are in lower case."""
        return dict(self._rows)

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


@dataclass(slots=True)
class TransactionIds:
    """Ids of new transactions.

    Attributes:
        values: Given first, in this order, leaving out those in use; 0, -1 and 2147483647 are
            favourites. Then the numbers go up from the highest one.
        random: Draw them from 1 to 2147483647 instead of counting.
    """

    values: tuple[int, ...] = ()
    random: bool = False

    def next(self, used: Collection[int], highest: int) -> int:
        """Returns the id of a new transaction.

        Args:
            used: Ids in the books.
            highest: The highest of them; 0 if there is none.
        """
        for value in self.values:
            if value not in used:
                return value
        candidate = max(highest, 0) + 1
        while self.random or candidate > _MAX_ID or candidate in used:
            candidate = secrets.randbelow(_MAX_ID) + 1
            if candidate not in used:
                break
        return candidate


DataTransferHandler = Callable[[str, dict[str, Any]], dict[str, Any]]


@dataclass(slots=True)
class Behaviour:
    """Everything that decides about answers; may be changed while the CSMS runs.

    Attributes:
        boot: Answers to BootNotification of all charge points that ``boots`` does not name.
        boots: By identity.
        id_tags: The tag table.
        transaction_ids: How new transactions are numbered.
        sign_certificate: Makes the chain of CertificateSigned from the request of SignCertificate,
            PEM; None = Rejected. It may return None: Accepted, and somebody else sends the chain.
        after_boot: CALLs sent one after the other when a charge point was accepted.
        data_transfer: Handler by vendorId: (charge point, payload) -> DataTransfer.conf payload.
            Other vendors get UnknownVendorId.
    """

    boot: Boot = field(default_factory=Boot)
    boots: dict[str, Boot] = field(default_factory=dict)
    id_tags: IdTags = field(default_factory=IdTags)
    transaction_ids: TransactionIds = field(default_factory=TransactionIds)
    sign_certificate: Callable[[str], str | None] | None = None
    after_boot: tuple[tuple[str, dict[str, Any]], ...] = ()
    data_transfer: dict[str, DataTransferHandler] = field(default_factory=dict)

    def boot_of(self, charge_point: str) -> Boot:
        """Returns the answers to BootNotification of a charge point."""
        return self.boots.get(charge_point, self.boot)

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


def parse_transaction_ids(text: str) -> TransactionIds:
    """Reads ``counting``, ``random``, or numbers such as ``0,-1,2147483647``.

    Raises:
        CsmsError: The text is something else.
    """
    if text in ("counting", "random"):
        return TransactionIds(random=text == "random")
    try:
        values = tuple(int(part) for part in text.split(","))
    except ValueError:
        values = ()
    if not values or any(not -(2**31) <= value <= _MAX_ID for value in values):
        raise CsmsError(
            f"{text!r} is neither 'counting' nor 'random' nor a list of 32-bit numbers.",
            exit_code=2,
        )
    return TransactionIds(values)


def policy_data(behaviour: Behaviour) -> dict[str, Any]:
    """Returns the policies as JSON, for people and user interfaces."""

    def boot(policy: Boot) -> dict[str, Any]:
        return {
            "answers": list(policy.answers),
            "interval_s": policy.interval_s,
            "retry_interval_s": policy.retry_interval_s,
        }

    return {
        "boot": boot(behaviour.boot),
        "boots": {identity: boot(policy) for identity, policy in behaviour.boots.items()},
        "id_tags": {
            tag: {
                "status": row.status,
                "parent": row.parent,
                "expires": None if row.expires is None else iso_utc(row.expires),
            }
            for tag, row in behaviour.id_tags.rows().items()
        },
        "unknown_id_tags": behaviour.id_tags.unknown,
        "refuse_concurrent": behaviour.id_tags.refuse_concurrent,
        "transaction_ids": {
            "values": list(behaviour.transaction_ids.values),
            "random": behaviour.transaction_ids.random,
        },
        "signs_certificates": behaviour.sign_certificate is not None,
        "after_boot": [list(call) for call in behaviour.after_boot],
    }
