"""What the CSMS answers to each action of a charge point, and what it books.

Each handler gets a payload that matches its schema and is synchronous, so that messages are booked
in the order in which they arrived.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from vevgw.csms.behaviour import Behaviour, Boot
from vevgw.csms.books import Books
from vevgw.csms.errors import CsmsError
from vevgw.csms.history import Verdict, iso_utc

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer to a CALL.

    Attributes:
        payload: Of the CALLRESULT.
        verdict: On the CALL.
        reason: Why the verdict is not OK.
        booked: The answer must wait until the booking is in the database.
        then: CALLs to send after the answer, one after the other.
    """

    payload: Payload
    verdict: Verdict = Verdict.OK
    reason: str = ""
    booked: bool = False
    then: tuple[tuple[str, Payload], ...] = ()


class Answers:
    """Answers CALLs of charge points from the behaviour and the books."""

    def __init__(self, behaviour: Behaviour, books: Books) -> None:
        """Binds the handlers.

        Args:
            behaviour: Decides.
            books: Remember.
        """
        self._behaviour = behaviour
        self._books = books
        self._boots: dict[str, tuple[Boot, int]] = {}

    def reply(self, charge_point: str, action: str, payload: Payload) -> Reply:
        """Books a CALL and returns its answer.

        Args:
            charge_point: Identity.
            action: One of CHARGE_POINT_ACTIONS.
            payload: Matches the schema.
        """
        return _HANDLERS[action](self, charge_point, payload)

    def _now(self) -> str:
        return iso_utc(self._behaviour.utc_now())

    def _boot_notification(self, charge_point: str, payload: Payload) -> Reply:
        boot = self._behaviour.boot_of(charge_point)
        policy, count = self._boots.get(charge_point, (boot, 0))
        if policy is not boot:  # replaced: its answers start again
            count = 0
        self._boots[charge_point] = boot, count + 1
        status, interval_s = boot.answer(count)
        now = self._now()
        self._books.boot(charge_point, payload, status, now)
        return Reply(
            {"status": status, "currentTime": now, "interval": interval_s},
            booked=True,
            then=self._behaviour.after_boot if status == "Accepted" else (),
        )

    def _heartbeat(self, charge_point: str, payload: Payload) -> Reply:
        return Reply({"currentTime": self._now()})

    def _authorize(self, charge_point: str, payload: Payload) -> Reply:
        return Reply({"idTagInfo": self._id_tag_info(payload["idTag"])})

    def _start_transaction(self, charge_point: str, payload: Payload) -> Reply:
        # Only a start can be concurrent: the same tag must still be able to stop (OCPP 1.6 7.2).
        info = self._behaviour.id_tags.info(
            payload["idTag"], self._behaviour.utc_now(), self._books.open_transactions()
        )
        booking = self._books.start(
            charge_point, payload, info["status"], self._behaviour.transaction_ids
        )
        assert booking.transaction is not None
        # A repeat is told the same as the first time.
        info["status"] = booking.transaction.id_tag_status
        answer = {"transactionId": booking.transaction.id, "idTagInfo": info}
        return Reply(answer, booking.verdict, booking.reason, booked=True)

    def _stop_transaction(self, charge_point: str, payload: Payload) -> Reply:
        booking = self._books.stop(charge_point, payload)
        id_tag = payload.get("idTag")
        answer = {} if id_tag is None else {"idTagInfo": self._id_tag_info(id_tag)}
        return Reply(answer, booking.verdict, booking.reason, booked=True)

    def _meter_values(self, charge_point: str, payload: Payload) -> Reply:
        booking = self._books.meter_values(charge_point, payload)
        return Reply({}, booking.verdict, booking.reason, booked=True)

    def _status_notification(self, charge_point: str, payload: Payload) -> Reply:
        self._books.status(charge_point, payload, self._now())
        return Reply({})

    def _data_transfer(self, charge_point: str, payload: Payload) -> Reply:
        handler = self._behaviour.data_transfer.get(payload["vendorId"])
        if handler is None:
            return Reply({"status": "UnknownVendorId"})
        return Reply(handler(charge_point, payload))

    def _sign_certificate(self, charge_point: str, payload: Payload) -> Reply:
        # Without an authority say so instead of promising a CertificateSigned.
        if self._behaviour.sign_certificate is None:
            return Reply({"status": "Rejected"})
        try:
            chain = self._behaviour.sign_certificate(payload["csr"])
        except CsmsError as error:
            return Reply({"status": "Rejected"}, Verdict.SUSPECT, str(error))
        if chain is None:
            return Reply({"status": "Accepted"})
        signed = ("CertificateSigned", {"certificateChain": chain})
        return Reply({"status": "Accepted"}, then=(signed,))

    def _acknowledge(self, charge_point: str, payload: Payload) -> Reply:
        return Reply({})

    def _id_tag_info(self, id_tag: str) -> Payload:
        return self._behaviour.id_tags.info(id_tag, self._behaviour.utc_now())


_HANDLERS: Final[dict[str, Callable[[Answers, str, Payload], Reply]]] = {
    "Authorize": Answers._authorize,
    "BootNotification": Answers._boot_notification,
    "DataTransfer": Answers._data_transfer,
    "DiagnosticsStatusNotification": Answers._acknowledge,
    "FirmwareStatusNotification": Answers._acknowledge,
    "Heartbeat": Answers._heartbeat,
    "LogStatusNotification": Answers._acknowledge,
    "MeterValues": Answers._meter_values,
    "SecurityEventNotification": Answers._acknowledge,
    "SignCertificate": Answers._sign_certificate,
    "SignedFirmwareStatusNotification": Answers._acknowledge,
    "StartTransaction": Answers._start_transaction,
    "StatusNotification": Answers._status_notification,
    "StopTransaction": Answers._stop_transaction,
}
