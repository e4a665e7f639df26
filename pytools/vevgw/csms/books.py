"""The books of the CSMS: charge points, connectors, transactions and their meter values.

Kept in memory and written through to the database; a restarted CSMS reads them back. Booking is
synchronous, in the order in which messages arrive, and recognises the retries of a charge point
that missed an answer.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from vevgw.csms.behaviour import TransactionIds
from vevgw.csms.entries import (
    KEPT_SAMPLES,
    SAMPLE_COLUMNS,
    ChargePointEntry,
    ConnectorState,
    Sample,
    Transaction,
    read_samples,
)
from vevgw.csms.history import Verdict
from vevgw.csms.store import Store


@dataclass(frozen=True, slots=True)
class Booking:
    """Outcome of booking a message.

    Attributes:
        verdict: OK, REPEAT, or SUSPECT.
        reason: Why not OK.
        transaction: The transaction it belongs to; None when there is none.
    """

    verdict: Verdict
    reason: str = ""
    transaction: Transaction | None = None


class Books:
    """All charge points and transactions of one CSMS."""

    def __init__(self, store: Store) -> None:
        """Starts with empty books.

        Args:
            store: Where everything is written through to.
        """
        self._store = store
        self._transactions: dict[int, Transaction] = {}
        self._starts: dict[tuple[str, int, str, str, int], Transaction] = {}
        self._charge_points: dict[str, ChargePointEntry] = {}
        self._open: dict[int, Transaction] = {}
        self._highest_id = 0

    # -- queries ----------------------------------------------------------------------------------

    def transactions(self, charge_point: str | None = None) -> list[Transaction]:
        """Returns all transactions, oldest first; of one charge point if given."""
        return [t for t in self._transactions.values() if charge_point in (None, t.charge_point)]

    def open_transactions(self, charge_point: str | None = None) -> list[Transaction]:
        """Returns the transactions without StopTransaction, oldest first."""
        return [t for t in self._open.values() if charge_point in (None, t.charge_point)]

    def transaction(self, transaction_id: int) -> Transaction | None:
        """Returns one transaction; None if unknown."""
        return self._transactions.get(transaction_id)

    def energy_wh(self, charge_point: str | None = None) -> float:
        """Returns the energy of all transactions, Wh."""
        return sum(t.energy_wh for t in self.transactions(charge_point))

    def charge_points(self) -> list[ChargePointEntry]:
        """Returns all charge points that ever said something."""
        return list(self._charge_points.values())

    def charge_point(self, identity: str) -> ChargePointEntry:
        """Returns the entry of a charge point, a new one if unknown."""
        return self._charge_points.setdefault(identity, ChargePointEntry(identity))

    # -- bookings ---------------------------------------------------------------------------------

    def boot(self, charge_point: str, payload: dict[str, Any], registration: str, utc: str) -> None:
        """Books a BootNotification and the answer to it."""
        entry = self.charge_point(charge_point)
        entry.registration, entry.boot, entry.boot_utc = registration, payload, utc
        self._store.insert(
            "charge_points",
            replace=True,
            identity=charge_point,
            registration=registration,
            boot=json.dumps(payload),
            boot_utc=utc,
        )

    def status(self, charge_point: str, payload: dict[str, Any], utc: str) -> None:
        """Books a StatusNotification received at ``utc``; its own timestamp wins if it has one."""
        state = ConnectorState(
            payload["status"], payload["errorCode"], payload.get("timestamp", utc)
        )
        self.charge_point(charge_point).connectors[payload["connectorId"]] = state
        self._store.insert(
            "connectors",
            replace=True,
            charge_point=charge_point,
            connector_id=payload["connectorId"],
            status=state.status,
            error_code=state.error_code,
            utc=state.utc,
        )

    def known_start(self, charge_point: str, payload: dict[str, Any]) -> Transaction | None:
        """Returns the transaction that a StartTransaction repeats; None if it is new."""
        return self._starts.get(_start_key(charge_point, payload))

    def start(
        self,
        charge_point: str,
        payload: dict[str, Any],
        id_tag_status: str,
        ids: TransactionIds | None = None,
    ) -> Booking:
        """Books a StartTransaction; `ids` numbers it.

        A repeat (same charge point, connector, tag, timestamp and register) is the same
        transaction.
        """
        if known := self.known_start(charge_point, payload):
            known.start_repeats += 1
            self._store.write(
                "UPDATE transactions SET start_repeats = start_repeats + 1 WHERE id = ?", known.id
            )
            return Booking(Verdict.REPEAT, f"transaction {known.id} is already booked", known)
        transaction = Transaction(
            id=(ids or TransactionIds()).next(self._transactions, self._highest_id),
            charge_point=charge_point,
            connector_id=payload["connectorId"],
            id_tag=payload["idTag"],
            id_tag_status=id_tag_status,
            meter_start_wh=payload["meterStart"],
            start_utc=payload["timestamp"],
            reservation_id=payload.get("reservationId"),
        )
        open_here = [
            t
            for t in self.open_transactions(charge_point)
            if t.connector_id == transaction.connector_id
        ]
        self._enter(transaction)
        self._store.insert(
            "transactions",
            id=transaction.id,
            charge_point=charge_point,
            connector_id=transaction.connector_id,
            id_tag=transaction.id_tag,
            id_tag_status=id_tag_status,
            meter_start_wh=transaction.meter_start_wh,
            start_utc=transaction.start_utc,
            reservation_id=transaction.reservation_id,
        )
        if transaction.connector_id < 1:
            return Booking(
                Verdict.SUSPECT, f"connector {transaction.connector_id} cannot charge", transaction
            )
        if open_here:
            there = ", ".join(str(t.id) for t in open_here)
            return Booking(
                Verdict.SUSPECT, f"transaction {there} is still open on this connector", transaction
            )
        return Booking(Verdict.OK, transaction=transaction)

    def stop(self, charge_point: str, payload: dict[str, Any]) -> Booking:
        """Books a StopTransaction; one that repeats or contradicts an earlier one is not."""
        transaction = self._transactions.get(payload["transactionId"])
        if transaction is None or transaction.charge_point != charge_point:
            return Booking(Verdict.SUSPECT, f"transaction {payload['transactionId']} is unknown")
        if not transaction.is_open:
            if (transaction.meter_stop_wh, transaction.stop_utc) != (
                payload["meterStop"],
                payload["timestamp"],
            ):
                return Booking(
                    Verdict.SUSPECT,
                    f"transaction {transaction.id} was already stopped at "
                    f"{transaction.meter_stop_wh} Wh, {transaction.stop_utc}",
                    transaction,
                )
            transaction.stop_repeats += 1
            self._store.write(
                "UPDATE transactions SET stop_repeats = stop_repeats + 1 WHERE id = ?",
                transaction.id,
            )
            return Booking(
                Verdict.REPEAT, f"transaction {transaction.id} is already stopped", transaction
            )
        before_wh = transaction.meter_start_wh + transaction.energy_wh
        del self._open[transaction.id]
        transaction.meter_stop_wh = payload["meterStop"]
        transaction.stop_utc = payload["timestamp"]
        transaction.stop_id_tag = payload.get("idTag")
        transaction.reason = payload.get("reason", "Local")
        self._store.write(
            "UPDATE transactions SET meter_stop_wh = ?, stop_utc = ?, stop_id_tag = ?, reason = ?"
            " WHERE id = ?",
            transaction.meter_stop_wh,
            transaction.stop_utc,
            transaction.stop_id_tag,
            transaction.reason,
            transaction.id,
        )
        samples = list(read_samples(payload.get("transactionData", ())))
        self._keep_samples(charge_point, transaction.connector_id, transaction, samples)
        # Whole Wh against a register with decimals: the stop register may be rounded down.
        if payload["meterStop"] < int(before_wh):
            reason = f"meterStop is below the last register, {before_wh:g} Wh"
            return Booking(Verdict.SUSPECT, reason, transaction)
        return Booking(Verdict.OK, transaction=transaction)

    def meter_values(self, charge_point: str, payload: dict[str, Any]) -> Booking:
        """Books MeterValues; a retry within a transaction is not booked again."""
        connector_id, transaction_id = payload["connectorId"], payload.get("transactionId")
        transaction = None if transaction_id is None else self._transactions.get(transaction_id)
        if transaction is not None and transaction.charge_point != charge_point:
            transaction = None
        samples = list(read_samples(payload["meterValue"]))
        if transaction is not None and transaction.has_all(samples):
            return Booking(Verdict.REPEAT, "these samples are already booked", transaction)
        before_wh = transaction.energy_wh if transaction else 0.0
        self._keep_samples(charge_point, connector_id, transaction, samples)
        if transaction_id is None:
            return Booking(Verdict.OK)
        if transaction is None:
            return Booking(Verdict.SUSPECT, f"transaction {transaction_id} is unknown")
        if transaction.connector_id != connector_id:
            reason = f"transaction {transaction_id} runs on connector {transaction.connector_id}"
            return Booking(Verdict.SUSPECT, reason, transaction)
        if not transaction.is_open:
            return Booking(
                Verdict.SUSPECT, f"transaction {transaction_id} is already stopped", transaction
            )
        if transaction.energy_wh < before_wh:
            return Booking(Verdict.SUSPECT, "the energy register goes backwards", transaction)
        return Booking(Verdict.OK, transaction=transaction)

    # -- persistence ------------------------------------------------------------------------------

    def load(self, connection: sqlite3.Connection) -> None:
        """Reads the books of an earlier run back.

        Args:
            connection: To the database of the store.

        Raises:
            sqlite3.Error: The database cannot be read.
        """
        for identity, registration, boot, utc in connection.execute(
            "SELECT identity, registration, boot, boot_utc FROM charge_points"
        ):
            self._charge_points[identity] = ChargePointEntry(
                identity, registration, json.loads(boot), utc
            )
        for identity, connector_id, *state in connection.execute(
            "SELECT charge_point, connector_id, status, error_code, utc FROM connectors"
        ):
            self.charge_point(identity).connectors[connector_id] = ConnectorState(*state)
        for row in connection.execute(
            "SELECT id, charge_point, connector_id, id_tag, id_tag_status, meter_start_wh, "
            "start_utc, reservation_id, meter_stop_wh, stop_utc, stop_id_tag, reason, "
            "start_repeats, stop_repeats FROM transactions ORDER BY id"
        ):
            self._enter(Transaction(*row))
        for transaction in self.open_transactions():
            rows = connection.execute(
                f"SELECT {', '.join(SAMPLE_COLUMNS)} FROM samples "
                "WHERE transaction_id = ? ORDER BY rowid DESC LIMIT ?",
                (transaction.id, KEPT_SAMPLES),
            )
            transaction.keep(reversed([Sample(*row) for row in rows]))

    def _enter(self, transaction: Transaction) -> None:
        self._transactions[transaction.id] = transaction
        if transaction.is_open:
            self._open[transaction.id] = transaction
        key = (
            transaction.charge_point,
            transaction.connector_id,
            transaction.id_tag,
            transaction.start_utc,
            transaction.meter_start_wh,
        )
        self._starts[key] = transaction
        self._highest_id = max(self._highest_id, transaction.id)

    def _keep_samples(
        self,
        charge_point: str,
        connector_id: int,
        transaction: Transaction | None,
        samples: list[Sample],
    ) -> None:
        if transaction is not None:
            transaction.keep(samples)
        transaction_id = transaction.id if transaction else None
        self._store.insert_rows(
            "samples",
            ("charge_point", "connector_id", "transaction_id", *SAMPLE_COLUMNS),
            [(charge_point, connector_id, transaction_id, *s.values()) for s in samples],
        )


def _start_key(charge_point: str, payload: dict[str, Any]) -> tuple[str, int, str, str, int]:
    return (
        charge_point,
        payload["connectorId"],
        payload["idTag"],
        payload["timestamp"],
        payload["meterStart"],
    )
