"""Dashboard and setup page in a real browser; the dashboard with a charge point not ours."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import pytest_asyncio
from ocpp.routing import on
from ocpp.v16 import ChargePoint as OcppChargePoint
from ocpp.v16 import call, call_result
from ocpp.v16.enums import ChargingProfileStatus, ResetStatus
from playwright.async_api import Browser, Page, async_playwright, expect
from websockets.asyncio.client import connect

from vevgw.csms import Csms
from vevgw.csms.web import Dashboard

expect.set_options(timeout=15_000)  # a busy machine takes seconds to paint

#: Screenshots: for people, looked at after a change of the page.
PICTURES = Path(__file__).parents[2] / ".cache" / "browser"


class Client(OcppChargePoint):
    """A charge point made of the package `ocpp`; keeps the operations that it got."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.got: list[tuple[str, dict[str, Any]]] = []

    @on("SetChargingProfile")
    def on_set_charging_profile(self, **payload: Any) -> Any:
        self.got.append(("SetChargingProfile", payload))
        return call_result.SetChargingProfile(ChargingProfileStatus.accepted)

    @on("Reset")
    def on_reset(self, **payload: Any) -> Any:
        self.got.append(("Reset", payload))
        return call_result.Reset(ResetStatus.rejected)

    async def start_transaction(self, id_tag: str = "TAG-0815") -> int:
        """Starts one on connector 1 and returns its id."""
        answer = await self.call(call.StartTransaction(1, id_tag, 1000, now()), suppress=False)
        return answer.transaction_id

    async def measure(self, transaction_id: int, energy_wh: int, power_kw: float) -> None:
        """Sends a register and a power."""
        values = [
            {"value": str(1000 + energy_wh), "unit": "Wh"},
            {"value": str(power_kw), "measurand": "Power.Active.Import", "unit": "kW"},
        ]
        meter_value = [{"timestamp": now(), "sampled_value": values}]
        await self.call(call.MeterValues(1, meter_value, transaction_id), suppress=False)


def now() -> str:
    """Returns a timestamp."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@asynccontextmanager
async def charge_point(csms: Csms, identity: str) -> AsyncIterator[Client]:
    """Connects a charge point and has it registered."""
    async with connect(f"{csms.url}/{identity}", subprotocols=["ocpp1.6"], proxy=None) as websocket:
        client = Client(identity, websocket, response_timeout=10)
        task = asyncio.create_task(client.start())
        await client.call(
            call.BootNotification(
                "Gateway 2",
                "VEV",
                firmware_version="1.4.2",
                charge_point_serial_number="VG-000123",
            )
        )
        for connector in (0, 1, 2):
            await client.call(call.StatusNotification(connector, "NoError", "Available"))
        yield client
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    options = ["--disable-dev-shm-usage"]  # it is small in containers
    options += ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=options
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def csms(tmp_path) -> AsyncIterator[Csms]:
    async with Csms(db=tmp_path / "csms.sqlite3") as csms:
        yield csms


@pytest_asyncio.fixture(loop_scope="session")
async def dashboard(csms) -> AsyncIterator[Dashboard]:
    async with Dashboard(csms) as dashboard:
        yield dashboard


@pytest.fixture
def connect_client(csms) -> Callable[[str], AbstractAsyncContextManager[Client]]:
    """For charge points with other names than `client`."""
    return lambda identity: charge_point(csms, identity)


@pytest_asyncio.fixture(loop_scope="session")
async def client(csms, dashboard) -> AsyncIterator[Client]:
    async with charge_point(csms, "CP1") as client:
        yield client


@asynccontextmanager
async def watched(browser: Browser, *, but: str = "", **options: Any) -> AsyncIterator[Page]:
    """An empty page. Whatever a test does: nothing comes from elsewhere, and no complaints.

    Args:
        browser: Gets the page.
        but: Complaints with this text are expected.
        options: Of the page.
    """
    page = await browser.new_page(**options)
    page.set_default_timeout(20_000)
    complaints: list[str] = []
    addresses: list[str] = []
    page.on(
        "console",
        lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: addresses.append(request.url))
    page.on("websocket", lambda socket: addresses.append(socket.url.replace("ws://", "http://")))
    yield page
    here = urljoin(page.url, "/")
    await page.close()
    assert [address for address in addresses if not address.startswith(here)] == []
    assert [text for text in complaints if not but or but not in text] == []


@pytest.fixture
def open_page(browser) -> Callable[..., AbstractAsyncContextManager[Page]]:
    """For pages of another size than `page`, and of others than the dashboard."""
    return lambda **options: watched(browser, **options)


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser, dashboard) -> AsyncIterator[Page]:
    async with watched(browser, viewport={"width": 1280, "height": 900}) as page:
        yield page


@pytest.fixture
def pictures() -> Path:
    """Where screenshots go."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    return PICTURES
