"""Fixtures for the WebSocket link of the Linux platform: driver program, servers, certificates."""

import asyncio
import concurrent.futures
import contextlib
import fcntl
import json
import os
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import trustme
from pyftpdlib.handlers import FTPHandler
from tls_servers import own_names
from websockets.asyncio.server import Server, ServerConnection, serve

ROOT = Path(__file__).resolve().parents[3]
LIBRARIES = ["lib/common", "lib/platform", "lib/security", "lib/platform_linux"]
#: Of lib/security: what TLS needs, without the store of certificates.
TLS_SOURCES = {
    "buffer",
    "certificate",
    "host_name",
    "path_validator",
    "pem_authority",
    "pem_reader",
    "tls_link",
    "tls_records",
    "tls_session",
}
TIMEOUT_S = 20.0


@pytest.fixture(scope="session")
def driver_program() -> Path:
    """The program that drives the WebSocket link."""
    return build_driver("link_driver")


@pytest.fixture(scope="session")
def transfer_program() -> Path:
    """The program that carries out one file transfer."""
    return build_driver("transfer_driver")


@pytest.fixture(autouse=True)
def no_penalty_at_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong password is answered at once, not after three seconds."""
    monkeypatch.setattr(FTPHandler, "auth_failed_timeout", 0.05)


Transfer = Callable[..., Awaitable[list[dict[str, Any]]]]


@pytest.fixture
def transfer(transfer_program: Path) -> Transfer:
    """A function that runs the driver and returns what it reports."""

    async def run(*words: object) -> list[dict[str, Any]]:
        process = await asyncio.create_subprocess_exec(
            transfer_program,
            *map(str, words),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, log = await asyncio.wait_for(process.communicate(), 30)
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode == 0, log.decode(errors="replace")
        return [json.loads(line) for line in out.splitlines()]

    return run


@pytest.fixture(scope="session")
def tls_program() -> Path:
    """The program that makes one TLS handshake."""
    return build_driver("tls_driver")


def build_driver(name: str) -> Path:
    """Builds test/drivers/<name> under sanitizers; compiles only what is out of date.

    VEVGW_SANITIZE chooses others than address,undefined ("thread").
    """
    # Under sanitizers it takes half the time of g++.
    compiler = os.environ.get("CXX", "clang++")
    if shutil.which(compiler) is None:
        pytest.fail(f"no C++ compiler '{compiler}': needs clang and the packages of `native`")
    sanitizers = os.environ.get("VEVGW_SANITIZE", "address,undefined")
    folder = ROOT / "build" / "link_driver" / sanitizers.replace(",", "-")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        # Workers of pytest-xdist share the folder.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return compile_driver(compiler, sanitizers, folder, name)


def compile_driver(compiler: str, sanitizers: str, folder: Path, name: str) -> Path:
    flags = ["-std=gnu++17", "-g1", "-O0", "-Wall", "-Wextra", "-Werror", "-pthread"]
    flags += [f"-fsanitize={sanitizers}", "-I", str(ROOT / "lib"), "-I", str(ROOT / "test")]
    driver = ROOT / "test/drivers" / name
    sources = [driver / "main.cpp"]
    headers = max((file.stat().st_mtime for file in driver.glob("*.hpp")), default=0.0)
    for library in LIBRARIES:
        found = sorted((ROOT / library).glob("*.cpp"))
        is_wanted = TLS_SOURCES.__contains__ if library == "lib/security" else bool
        sources += [source for source in found if is_wanted(source.stem)]
        headers = max([headers, *(file.stat().st_mtime for file in (ROOT / library).glob("*.hpp"))])

    def run(*command: str) -> None:
        result = subprocess.run([compiler, *flags, *command], capture_output=True, text=True)
        if result.returncode != 0:
            pytest.fail(f"the {name} does not build:\n{result.stderr[-4000:]}")

    def compile_one(source: Path) -> Path:
        target = folder / f"{source.parent.name}-{source.stem}.o"
        changed = max(headers, source.stat().st_mtime)
        if not target.exists() or target.stat().st_mtime <= changed:
            run("-c", str(source), "-o", str(target))
        return target

    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        objects = list(pool.map(compile_one, sources))
    program = folder / name
    newest = max(file.stat().st_mtime for file in objects)
    if not program.exists() or program.stat().st_mtime <= newest:
        names = ("websockets", "curl", "ssl", "crypto", "mbedtls", "mbedx509", "mbedcrypto")
        libraries = ["-Wl,--as-needed", *(f"-l{name}" for name in names)]
        run(*map(str, objects), *libraries, "-o", str(program))
    return program


@pytest.fixture(scope="module")
def run_alone(tls_program: Path) -> Iterator[Callable[..., dict[str, Any]]]:
    """A function that makes one handshake by lib/security alone."""
    process = subprocess.Popen(
        [tls_program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def run(port: int, host: str, **options: object) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        words = [str(port), host, *(f"{name}={value}" for name, value in options.items())]
        process.stdin.write("\t".join(words) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield run
    process.communicate(timeout=20)
    assert process.returncode == 0


class LinkDriver:
    """One running link_driver: commands in, events out."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.seen: list[dict[str, Any]] = []
        self._next = 0
        self._arrived = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())
        self._log_reader = asyncio.create_task(self._read_log())
        self.log_lines: list[str] = []

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            async with self._arrived:
                self.seen.append(json.loads(line))
                self._arrived.notify_all()

    async def _read_log(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            async with self._arrived:
                self.log_lines.append(line.decode(errors="replace").rstrip())
                self._arrived.notify_all()

    def command(self, *words: str) -> None:
        """Writes one command line."""
        assert self._process.stdin is not None
        self._process.stdin.write(("\t".join(words) + "\n").encode())

    def open(self, url: str, identity: str = "CP1", **fields: object) -> None:
        """Opens the link; fields as link_driver documents them."""
        words = [f"url={url}", f"identity={identity}"]
        self.command("open", *words, *(f"{name}={value}" for name, value in fields.items()))

    async def event(
        self, name: str, timeout_s: float = TIMEOUT_S, **match: object
    ) -> dict[str, Any]:
        """Waits for the next event of that name whose fields match; skips what comes before it.

        A callable as a field's value is asked whether it matches.
        """

        def matches(event: dict[str, Any]) -> bool:
            return event["event"] == name and all(
                want(event[key]) if callable(want) else event[key] == want
                for key, want in match.items()
            )

        try:
            async with asyncio.timeout(timeout_s), self._arrived:
                while True:
                    while self._next < len(self.seen):
                        event = self.seen[self._next]
                        self._next += 1
                        if matches(event):
                            return event
                    await self._arrived.wait()
        except TimeoutError:
            last = "\n".join([*map(str, self.seen[-8:]), *self.log_lines[-12:]])
            raise AssertionError(
                f"no event {name} {match} within {timeout_s} s; last:\n{last}"
            ) from None

    async def log(self, part: str, timeout_s: float = TIMEOUT_S) -> None:
        """Waits for a log line that contains part."""
        async with asyncio.timeout(timeout_s), self._arrived:
            await self._arrived.wait_for(lambda: any(part in line for line in self.log_lines))

    async def up(self, **match: object) -> dict[str, Any]:
        """Waits for an established connection."""
        return await self.event("status", up=True, **match)

    async def failure(self, **match: object) -> dict[str, Any]:
        """Waits for a failed attempt or a lost connection."""
        match.setdefault("error", bool)
        return await self.event("status", up=False, **match)

    async def quit(self) -> dict[str, Any]:
        """Ends the driver; fails when it did not end cleanly (sanitizers included)."""
        self.command("quit")
        end = await self.event("end")
        code = await asyncio.wait_for(self._process.wait(), TIMEOUT_S)
        await asyncio.gather(self._reader, self._log_reader)
        assert code == 0, "\n".join(self.log_lines)
        return end

    async def kill(self) -> None:
        """Makes sure that nothing is left behind."""
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        await asyncio.gather(self._reader, self._log_reader)


StartDriver = Callable[..., Awaitable[LinkDriver]]


@pytest.fixture
def names_of_hosts(tmp_path: Path) -> dict[str, str]:
    """Environment in which the hosts of tls_cases.py are this machine."""
    sanitized = {"ASAN_OPTIONS": "verify_asan_link_order=0", "NSS_WRAPPER_DISABLE_DEEPBIND": "1"}
    return {**own_names(tmp_path), **sanitized}


@pytest_asyncio.fixture
async def start_driver(driver_program: Path) -> AsyncIterator[StartDriver]:
    """A function that starts drivers: start_driver(max_frame_bytes=1000, env={...})."""
    drivers: list[LinkDriver] = []

    async def start(env: dict[str, str] | None = None, **options: int) -> LinkDriver:
        process = await asyncio.create_subprocess_exec(
            driver_program,
            *(f"{name}={value}" for name, value in options.items()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **(env or {})},
        )
        driver = LinkDriver(process)
        drivers.append(driver)
        return driver

    yield start
    for driver in drivers:
        await driver.kill()


@dataclass
class Csms:
    """A real WebSocket server that hands its connections to the test."""

    server: Server | None = None
    port: int = 0
    scheme: str = "ws"
    connections: asyncio.Queue[ServerConnection] = field(default_factory=asyncio.Queue)

    def url(self, host: str = "127.0.0.1", path: str = "/ocpp") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    async def connection(self) -> ServerConnection:
        """Waits for the next established connection."""
        return await asyncio.wait_for(self.connections.get(), TIMEOUT_S)

    async def stop(self) -> None:
        """Closes the listener and, with code 1001, every connection."""
        assert self.server is not None
        self.server.close()
        await self.server.wait_closed()


StartCsms = Callable[..., Awaitable[Csms]]


@pytest_asyncio.fixture
async def start_csms() -> AsyncIterator[StartCsms]:
    """A function that starts servers: start_csms(port=0, subprotocols=[...], ssl=...)."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(port: int = 0, **options: Any) -> Csms:
            csms = Csms(scheme="wss" if "ssl" in options else "ws")

            async def handler(connection: ServerConnection) -> None:
                await csms.connections.put(connection)
                await connection.wait_closed()

            options.setdefault("subprotocols", ["ocpp1.6"])
            options.setdefault("ping_interval", None)
            options.setdefault("close_timeout", 1)
            server = await serve(handler, "127.0.0.1", port, **options)
            stack.push_async_callback(server.wait_closed)
            stack.callback(server.close)
            csms.server = server
            csms.port = server.sockets[0].getsockname()[1]
            return csms

        yield start


@dataclass(frozen=True)
class Authority:
    """A certificate authority of the test and what it signs."""

    ca: trustme.CA
    file: Path

    def server(self, *names: str, **validity: Any) -> ssl.SSLContext:
        """A server's TLS context with a certificate for the names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names, **validity).configure_cert(context)
        return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The authority that the link is told to trust: authority.file."""
    return make_authority(tmp_path, "trusted")


@pytest.fixture
def other_authority(tmp_path: Path) -> Authority:
    """An authority that nobody trusts."""
    return make_authority(tmp_path, "other")


def make_authority(folder: Path, name: str) -> Authority:
    ca = trustme.CA(organization_name=name)
    path = folder / f"{name}.pem"
    ca.cert_pem.write_to_path(str(path))
    return Authority(ca, path)
