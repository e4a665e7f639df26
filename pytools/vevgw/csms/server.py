"""The emulated CSMS: listens, admits charge points, and ties the parts together.

What it listens to:

    ws://host:port/<anything>/<identity>   charge points, subprotocol ocpp1.6
    ws://host:port/_control/               operations from the command line, this machine only

The way of a frame, one step per file:

    handshake.py   admission
    server.py      one Connection per WebSocket
    connection.py  receives; judges with frames.py and schemas.py
    faults.py      a fault on purpose?
    answers.py     the answer, from behaviour.py and books.py
    sender.py      sends, harming frames on purpose
    recorder.py    every frame to store.py (SQLite in a thread) and history.py (what tests wait on)
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import ssl
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from websockets.asyncio.server import Server, ServerConnection

from vevgw.csms import control
from vevgw.csms.access import Access, identity_of
from vevgw.csms.answers import Answers
from vevgw.csms.behaviour import Behaviour
from vevgw.csms.books import Books
from vevgw.csms.charge_point import ChargePoint
from vevgw.csms.connection import Connection, Context
from vevgw.csms.effects import AtOnce
from vevgw.csms.errors import CsmsError, DatabaseError
from vevgw.csms.faults import Fault, Faults
from vevgw.csms.handshake import Admission, OpeningRequest, peer_of
from vevgw.csms.history import KEPT_FRAMES, FrameRecord
from vevgw.csms.listening import Listening, listen, port_of
from vevgw.csms.queries import FrameLog
from vevgw.csms.recorder import Recorder
from vevgw.csms.schemas import ocpp16_schemas
from vevgw.csms.store import Store

if TYPE_CHECKING:
    # Half a second to import, and needed by few.
    from vevgw.csms.files import FileServer

_LOG = logging.getLogger(__name__)


class Csms:
    """An emulated OCPP 1.6J CSMS; an async context manager, or start() and stop().

    A stopped one can be started again: on the same port, with the books read back from its
    database.

    Attributes:
        behaviour: How it answers; its parts may be changed while it runs.
        access: Who may connect; may be replaced while it runs.
        faults: What goes wrong on purpose; see faults.py.
        files: The file server that runs beside it, if any: whoever starts one says so here.
        books: Transactions, connectors and charge points. A new object after each start().
        log: The message log.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        db: Path | str | None = None,
        behaviour: Behaviour | None = None,
        access: Access | None = None,
        tls: ssl.SSLContext | None = None,
        also_tls: ssl.SSLContext | None = None,
        ping_interval_s: float | None = 20.0,
        max_frame_bytes: int = 1 << 20,
        kept_frames: int = KEPT_FRAMES,
        seed: int | None = None,
    ) -> None:
        """Prepares a CSMS; nothing is opened before start().

        Args:
            host: Address to listen on.
            port: TCP port; 0 = any free one (see ``port``), the same again after a restart.
            db: SQLite file of the books and the message log; None = a temporary one, deleted at
                the end.
            behaviour: How to answer; default: accept everything.
            access: Who may connect; default: everybody, without password.
            tls: Server context for wss; None = ws.
            also_tls: Server context for wss on a port of its own, beside ``port``; None = no such.
            ping_interval_s: Seconds between WebSocket pings, and until a missing pong ends the
                connection; None = no pings.
            max_frame_bytes: A longer frame ends the connection with code 1009.
            kept_frames: Frames per charge point that waits can look back on; less saves memory.
            seed: Of what is drawn (faults with a probability); None = a fresh one.
        """
        self.behaviour = behaviour or Behaviour()
        self.access = access or Access()
        self.files: FileServer | None = None
        self.faults = Faults(seed)
        self.faults.at_once = self._arm
        self._host = host
        self._port = port
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if db is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="vevgw-csms-")
            db = Path(self._temporary.name) / "csms.sqlite3"
        self._tls = tls
        self._also_tls = also_tls
        self._tls_port = 0
        self._tls_server: Server | None = None
        self._ping_interval_s = ping_interval_s
        self._max_frame_bytes = max_frame_bytes
        self._kept_frames = kept_frames
        self._schemas = ocpp16_schemas()
        self._charge_points: dict[str, ChargePoint] = {}
        self._listeners: list[Callable[[FrameRecord], None]] = []
        self._connection_listeners: list[Callable[[str], None]] = []
        self._server: Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._opening_listeners: list[Callable[[OpeningRequest], None]] = []
        self._admission = Admission(
            lambda: self.access, self.faults, self._on_refused, self._on_opening
        )
        self._new_parts(Path(db))

    def _new_parts(self, db: Path) -> None:
        self._store = Store(db)
        self.log = FrameLog(self._store)
        self.books = Books(self._store)
        self._recorder = Recorder(self._store)
        self._recorder.listeners = self._listeners
        self._context = Context(
            schemas=self._schemas,
            recorder=self._recorder,
            store=self._store,
            books=self.books,
            answers=Answers(self.behaviour, self.books),
            faults=self.faults,
        )

    @property
    def port(self) -> int:
        """TCP port; 0 before the first start() if any was asked for."""
        return self._port

    @property
    def url(self) -> str:
        """Base URL for charge points: they append ``/<identity>``."""
        return self._url_of(self._port, is_tls=self._tls is not None)

    @property
    def tls_url(self) -> str | None:
        """Base URL of the port of its own that TLS has; None without ``also_tls``."""
        return self._url_of(self._tls_port, is_tls=True) if self._also_tls else None

    def _url_of(self, port: int, *, is_tls: bool) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'wss' if is_tls else 'ws'}://{host}:{port}"

    @property
    def database(self) -> Path:
        """File of the books and the message log."""
        return self._store.path

    @property
    def database_failure(self) -> str | None:
        """What is wrong with the database now; None while it works."""
        return self._store.failure

    async def wait_database(self, *, timeout_s: float, failing: bool = False) -> None:
        """Waits until the database works (again), or fails.

        Raises:
            WaitTimeout: It did not in time.
        """
        await self._store.wait_for(
            lambda store: (store.failure is not None) == failing, timeout_s=timeout_s
        )

    @property
    def is_running(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    # -- life -------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()
        for task in self._tasks:
            task.cancel()
        if self._temporary is not None:
            self._temporary.cleanup()

    async def start(self) -> None:
        """Opens the database, reads the books back, and listens.

        Raises:
            DatabaseError: The database cannot be used.
            CsmsError: The address cannot be listened on.
        """
        if self._server is not None:
            raise CsmsError("The CSMS is already running.")
        self._new_parts(self._store.path)
        await asyncio.to_thread(self._load)
        try:
            self._server = await self._listen(self._port, self._tls)
            self._port = port_of(self._server)
            await self.offer_tls()
        except CsmsError:
            if self._server is None:
                await asyncio.to_thread(self._store.close)
            await self.stop(hard=True)
            raise

    async def _listen(self, port: int, tls: ssl.SSLContext | None) -> Server:
        return await listen(
            self._serve,
            self._admission,
            Listening(self._host, port, tls, self._ping_interval_s, self._max_frame_bytes),
        )

    async def offer_tls(self) -> None:
        """Listens for wss where ``also_tls`` was given; does nothing when it does already."""
        if self._also_tls is None or self._tls_server is not None:
            return
        self._tls_server = await self._listen(self._tls_port, self._also_tls)
        self._tls_port = port_of(self._tls_server)

    async def withdraw_tls(self) -> None:
        """Ends the connections of the port that TLS has for itself, and listens there no more."""
        if self._tls_server is None:
            return
        server, self._tls_server = self._tls_server, None
        server.close()
        await server.wait_closed()

    async def stop(self, *, hard: bool = False) -> None:
        """Ends all connections and closes the database. Does nothing when not running.

        Args:
            hard: Tear the TCP connections down like a killed process, instead of closing them with
                code 1001.
        """
        if self._server is None:
            return
        servers = [self._server] + ([self._tls_server] if self._tls_server else [])
        self._server = self._tls_server = None
        for server in servers:
            server.close(close_connections=not hard)
        for charge_point in self._charge_points.values():
            if charge_point.is_frozen:
                await charge_point.close(None)
        if hard:
            for websocket in [one for server in servers for one in server.all_connections]:
                websocket.transport.abort()
        self._admission.end()
        for server in servers:
            await server.wait_closed()
        await asyncio.to_thread(self._store.close)

    def _load(self) -> None:
        connection = self._store.open()
        try:
            self.books.load(connection)
            self._recorder.load(connection)
        except (sqlite3.Error, ValueError, TypeError) as error:
            self._store.close()
            raise DatabaseError(
                f"The database {self._store.path} cannot be read: {error}."
            ) from None
        finally:
            connection.close()

    # -- charge points ----------------------------------------------------------------------------

    def charge_point(self, identity: str) -> ChargePoint:
        """Returns the handle of a charge point, connected or not."""
        if identity not in self._charge_points:
            self._charge_points[identity] = ChargePoint(
                identity, self._schemas, lambda: str(self._store.path), self._kept_frames
            )
        return self._charge_points[identity]

    def charge_points(self) -> list[ChargePoint]:
        """Returns all handles, those of connected charge points included."""
        return list(self._charge_points.values())

    async def wait_for_charge_point(self, identity: str, *, timeout_s: float) -> ChargePoint:
        """Waits until a charge point is connected.

        Raises:
            WaitTimeout: It did not connect in time.
        """
        charge_point = self.charge_point(identity)
        await charge_point.wait_connected(timeout_s=timeout_s)
        return charge_point

    def on_frame(self, listener: Callable[[FrameRecord], None]) -> None:
        """Has a function called with every frame as it is recorded; it must return at once."""
        self._listeners.append(listener)

    def on_connection(self, listener: Callable[[str], None]) -> None:
        """Has a function called with the identity of a charge point when it gets or loses its
        connection; it must return at once."""
        self._connection_listeners.append(listener)

    def on_opening(self, listener: Callable[[OpeningRequest], None]) -> None:
        """Has every opening handshake of a charge point given to a function, refused ones, too."""
        self._opening_listeners.append(listener)

    def _on_opening(self, request: OpeningRequest) -> None:
        for listener in self._opening_listeners:
            listener(request)

    def _tell_connection(self, identity: str) -> None:
        for listener in self._connection_listeners:
            listener(identity)

    # -- connections ------------------------------------------------------------------------------

    async def _serve(self, websocket: ServerConnection) -> None:
        assert websocket.request is not None
        if control.is_control_path(websocket.request.path):
            await control.serve_control(self, websocket)
            return
        identity = identity_of(websocket.request.path)
        number = self._recorder.connection_opened(identity, peer_of(websocket))
        if websocket.subprotocol is None:
            # The handshake completes without a subprotocol, then the connection is closed (OCPP-J
            # 1.6 3.1.2).
            _LOG.warning(
                "Closed %s: charge point %r offers no ocpp1.6.", peer_of(websocket), identity
            )
            await websocket.close(1002, "subprotocol ocpp1.6 required")
            self._recorder.connection_closed(number, 1002, "subprotocol ocpp1.6 required")
            return
        charge_point = self.charge_point(identity)
        connection = Connection(identity, number, websocket, charge_point.history, self._context)
        replaced = charge_point.attach(connection)
        if replaced is not None:
            # Not awaited: the old one may be half-open, and the new one must not wait for it.
            self._spawn(replaced.close(1000, "replaced by a newer connection"))
        self._tell_connection(identity)
        try:
            await connection.run()
        finally:
            charge_point.detach(connection)
            self._tell_connection(identity)

    def _on_refused(self, identity: str, remote: str, why: str) -> None:
        number = self._recorder.connection_opened(identity, remote)
        self._recorder.connection_closed(number, None, why)

    # -- faults -----------------------------------------------------------------------------------

    def _arm(self, fault: Fault) -> None:
        """Has a fault of direction `now` act when its time has come.

        Raises:
            CsmsError: No event loop runs here.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self.faults.remove(fault.id)
            raise CsmsError("A fault that acts now needs a running CSMS.") from None
        self._spawn(self._act_later(fault))

    async def _act_later(self, fault: Fault) -> None:
        await asyncio.sleep(fault.from_s)
        for charge_point in self.charge_points():
            if charge_point.is_connected and self.faults.fire(fault, charge_point.identity):
                assert isinstance(fault.effect, AtOnce)
                await charge_point.act(fault.effect)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
