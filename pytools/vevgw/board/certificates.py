"""Gives a board its roots and its client certificate over the console."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509

from vevgw.board.authority import RENEWED_DAYS, Issued, fingerprint, pem
from vevgw.board.fleet import CertificatePlan
from vevgw.errors import UserError

# An RSA key takes a board a minute or more.
_KEY_S: Final = 190.0
# A line that got lost ends the text after 30 s.
_CHECK_S: Final = 40.0

# Says a line to a board, with lines of text where the command takes them, and waits so long.
Say = Callable[[str, str | None, float], Coroutine[Any, Any, dict[str, Any]]]


@dataclass(slots=True)
class Given:
    """What a board has now.

    Attributes:
        changed: What it did not have before.
        same: How much it had already.
        client: Its client certificate; None = none was planned.
    """

    changed: list[str] = field(default_factory=list)
    same: int = 0
    client: Issued | None = None


async def give(say: Say, plan: CertificatePlan, board: str, identity: str) -> Given:
    """Installs what a board does not have yet. Called again with the same plan it changes nothing.

    Args:
        say: The way to its console.
        plan: What it gets.
        board: Its serial number.
        identity: Of the charge point, for the record of the authority.

    Raises:
        UserError: It refuses something, or does not keep it; one sentence.
    """
    given = Given()
    for kind, roots in (("csms", plan.csms_roots), ("manufacturer", plan.manufacturer_roots)):
        for root in roots:
            await _install(say, kind, root, given)
    if plan.authority is None:
        return given
    present = _newest_client(await _list(say))
    if present is not None and _lasts(present):
        given.client = plan.authority.find(board, str(present.get("sha256")))
    if given.client is not None:
        given.same += 1
        return given
    csr = str((await say("certificate request", None, _KEY_S))["csr"])
    given.client, chain = plan.authority.issue(csr, board, identity, plan.days)
    await say("certificate accept", chain, _CHECK_S)
    kept = _newest_client(await _list(say))
    if kept is None or kept.get("sha256") != given.client.sha256:
        raise UserError("The board took the client certificate, but does not show it.")
    given.changed.append("certificate")
    return given


async def _install(say: Say, kind: str, root: x509.Certificate, given: Given) -> None:
    wanted = (kind, fingerprint(root))
    if wanted in _roots(await _list(say)):
        given.same += 1
        return
    await say(f"certificate install {kind}", pem(root), _CHECK_S)
    if wanted not in _roots(await _list(say)):
        raise UserError(f"The board took a root ({kind}), but does not show it.")
    given.changed.append(f"{kind}_root")


async def _list(say: Say) -> list[dict[str, Any]]:
    found = (await say("certificate list", None, 5.0)).get("certificates")
    return found if isinstance(found, list) else []


def _roots(certificates: list[dict[str, Any]]) -> set[tuple[Any, Any]]:
    return {(one.get("type"), one.get("sha256")) for one in certificates}


def _newest_client(certificates: list[dict[str, Any]]) -> dict[str, Any] | None:
    clients = [one for one in certificates if one.get("type") == "client"]
    return max(clients, key=lambda one: int(one.get("id", 0)), default=None)


def _lasts(certificate: dict[str, Any]) -> bool:
    """Whether it is far enough from the day when the gateway renews it."""
    ends = float(certificate.get("until_utc_ms", 0)) / 1000
    return ends > (datetime.now(UTC) + timedelta(days=RENEWED_DAYS)).timestamp()
