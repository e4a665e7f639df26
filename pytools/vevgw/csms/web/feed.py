"""What changes in a CSMS, gathered and sent to every open page.

To a page over its WebSocket, JSON:

    {"type": "snapshot", ...}                        everything, at first and after falling behind
    {"type": "delta", "frames": [...], ...}          what has changed; only the keys that did
    {"type": "answer", "id": 1, "result": ...}       to a request, or with "error": one sentence

From a page: {"id": 1, "method": "...", "parameters": {...}}, see requests.py.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterable
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from vevgw.csms import control
from vevgw.csms.entries import read_samples
from vevgw.csms.errors import DatabaseError
from vevgw.csms.history import Direction, FrameRecord, Verdict
from vevgw.csms.queries import LoggedFrame
from vevgw.csms.server import Csms
from vevgw.csms.web.requests import Requests
from vevgw.csms.web.switches import FaultSwitches
from vevgw.csms.web.views import View, charge_point_view, frame_view, points, transaction_view

#: Time that changes gather before they are sent, s.
BATCH_S: Final = 0.1
#: Frames in a snapshot.
SNAPSHOT_FRAMES: Final = 500
#: Transactions in a snapshot, the latest ones.
SNAPSHOT_TRANSACTIONS: Final = 500
#: Deltas kept for a page that does not read; then it gets a snapshot instead.
_KEPT_DELTAS: Final = 50
#: Open pages and programs at the same time.
_MOST_PAGES: Final = 64


class _Page:
    """One open page: what is yet to be sent to it."""

    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket
        self._deltas: deque[str] = deque()
        self._answers: deque[str] = deque()
        self._behind = True
        self._wake = asyncio.Event()
        self._wake.set()

    def offer(self, delta: str) -> None:
        """Adds a delta; of a page that falls behind all are dropped."""
        if self._behind:
            return
        self._deltas.append(delta)
        if len(self._deltas) > _KEPT_DELTAS:
            self._deltas.clear()
            self._behind = True
        self._wake.set()

    def answer(self, text: str) -> None:
        """Adds the answer to a request."""
        self._answers.append(text)
        self._wake.set()

    async def send(self, feed: Feed) -> None:
        """Sends until the connection ends."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._behind or self._deltas or self._answers:
                if self._behind:
                    self._behind = False
                    text = json.dumps(feed.snapshot())
                elif self._deltas:
                    text = self._deltas.popleft()
                else:
                    text = self._answers.popleft()
                await self.websocket.send_text(text)


class Feed:
    """Serves all pages of one CSMS."""

    def __init__(self, csms: Csms, about: View) -> None:
        """Starts listening to a CSMS; it does so as long as that lives.

        Args:
            csms: What is shown.
            about: Goes with every snapshot.
        """
        self._csms = csms
        self._about = about
        self._switches = FaultSwitches(csms.faults, self._on_faults)
        self._requests = Requests(csms, self._switches)
        self._pages: set[_Page] = set()
        self._recent: deque[FrameRecord | LoggedFrame] = deque(maxlen=SNAPSHOT_FRAMES)
        self._timer: asyncio.TimerHandle | None = None
        self._database_failure: str | None = None
        self._forget()
        csms.on_frame(self._on_frame)
        csms.on_connection(self._on_connection)

    async def load(self) -> None:
        """Reads the latest frames of earlier runs; later ones come by themselves."""
        try:
            earlier = await self._csms.log.read(lambda log: log.frames(last=SNAPSHOT_FRAMES))
        except DatabaseError:
            return  # the page tells that the database fails
        known = {frame.sequence for frame in self._recent}
        live = list(self._recent)
        self._recent.clear()
        self._recent.extend(frame for frame in earlier if frame.sequence not in known)
        self._recent.extend(live)

    def snapshot(self) -> View:
        """Returns everything that a page shows at first."""
        csms, books = self._csms, self._csms.books
        known = {entry.identity for entry in books.charge_points()}
        known |= {handle.identity for handle in csms.charge_points() if handle.is_connected}
        return {
            "type": "snapshot",
            "about": self._about | {"url": csms.url, "database": str(csms.database)},
            "database_failure": csms.database_failure,
            "charge_points": self._charge_point_views(sorted(known)),
            "transactions": [
                transaction_view(t) for t in books.transactions()[-SNAPSHOT_TRANSACTIONS:]
            ],
            "faults": self._switches.as_data(),
            "frames": [frame_view(frame) for frame in self._recent],
        }

    async def serve(self, websocket: WebSocket) -> None:
        """Serves one page until its connection ends."""
        if len(self._pages) >= _MOST_PAGES:
            await websocket.close(1013, "too many pages are open")
            return
        await websocket.accept()
        page = _Page(websocket)
        self._pages.add(page)
        tasks = {asyncio.create_task(page.send(self))}
        try:
            while True:
                task = asyncio.create_task(self._respond(page, await websocket.receive_text()))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        except (WebSocketDisconnect, KeyError):
            pass  # KeyError: a binary message, which no page sends
        finally:
            self._pages.discard(page)
            for task in list(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """Closes all pages."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for page in list(self._pages):
            try:
                await page.websocket.close(1001, "the CSMS ends")
            except RuntimeError:
                continue  # it closes already

    async def _respond(self, page: _Page, text: str) -> None:
        response = await control.respond(text, self._requests.carry_out)
        page.answer(json.dumps({"type": "answer", **response}))

    # -- what changes -----------------------------------------------------------------------------

    def _forget(self) -> None:
        self._frames: list[FrameRecord] = []
        self._charge_points: set[str] = set()
        self._transactions: set[int] = set()
        self._points: dict[int, list[list[float | None]]] = {}
        self._faults_changed = False

    def _on_connection(self, identity: str) -> None:
        self._charge_points.add(identity)
        self._on_faults()  # one may have acted on the handshake

    def _on_faults(self) -> None:
        self._faults_changed = True
        self._schedule()

    def _on_frame(self, record: FrameRecord) -> None:
        self._recent.append(record)
        if not self._pages:
            return
        self._frames.append(record)
        if record.fault:
            self._faults_changed = True
            self._charge_points.add(record.charge_point)  # it may be frozen now
        if record.verdict is not Verdict.INVALID and isinstance(record.payload, dict):
            self._note(record, record.payload)
        self._schedule()

    def _note(self, record: FrameRecord, payload: dict[str, Any]) -> None:
        """Notes what a frame has changed in the books."""
        match record.direction, record.message_type, record.action:
            case Direction.IN, 2, "BootNotification" | "StatusNotification":
                self._charge_points.add(record.charge_point)
            case Direction.OUT, 3, "StartTransaction":
                self._note_transaction(record.charge_point, payload)
            case Direction.IN, 2, "MeterValues":
                self._note_transaction(record.charge_point, payload, payload.get("meterValue"))
            case Direction.IN, 2, "StopTransaction":
                self._note_transaction(record.charge_point, payload, payload.get("transactionData"))

    def _note_transaction(
        self, charge_point: str, payload: dict[str, Any], meter_values: Any = None
    ) -> None:
        transaction_id = payload.get("transactionId")
        if not isinstance(transaction_id, int):
            return
        transaction = self._csms.books.transaction(transaction_id)
        if transaction is None or transaction.charge_point != charge_point:
            return
        self._transactions.add(transaction_id)
        samples = list(read_samples(meter_values or ()))
        if transaction.has_all(samples):  # a fault on purpose may have kept them out of the books
            curve = points(samples, transaction.meter_start_wh)
            self._points.setdefault(transaction_id, []).extend(curve)

    def _schedule(self) -> None:
        if self._timer is None and self._pages:
            self._timer = asyncio.get_running_loop().call_later(BATCH_S, self._flush)

    def _flush(self) -> None:
        self._timer = None
        delta: View = {"type": "delta"}
        if self._frames:
            delta["frames"] = [frame_view(frame) for frame in self._frames]
        if self._charge_points:
            delta["charge_points"] = self._charge_point_views(sorted(self._charge_points))
        transactions = [self._csms.books.transaction(n) for n in sorted(self._transactions)]
        if transactions:
            delta["transactions"] = [transaction_view(t) for t in transactions if t is not None]
        if self._points:
            delta["points"] = {str(n): curve for n, curve in self._points.items()}
        if self._faults_changed:
            delta["faults"] = self._switches.as_data()
        if self._csms.database_failure != self._database_failure:
            self._database_failure = self._csms.database_failure
            delta["database_failure"] = self._database_failure
        self._forget()
        text = json.dumps(delta)
        for page in self._pages:
            page.offer(text)

    def _charge_point_views(self, identities: Iterable[str]) -> list[View]:
        books = self._csms.books
        return [
            charge_point_view(books.charge_point(identity), self._csms.charge_point(identity))
            for identity in identities
        ]
