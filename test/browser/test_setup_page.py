"""What a person with a phone sees and does on the setup page of the native gateway, in Chromium."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from vevgw.chargers.sim import ChargerSim
from vevgw.dut import GatewayOptions, NativeGateway, find_gateway
from vevgw.dut.bench import PROFILE

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
DESKTOP = {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"}
# The gateway is away for a moment, or says what is wrong.
ANSWERS = "Failed to load resource"
KEY = "a key that nobody may see"

# Contrast of every visible text to what lies behind it (WCAG 2.2, 1.4.3), names of all controls
# (4.1.2), sizes of targets (2.5.8), and whether the page is wider than the screen.
FAULTS = """() => {
  const found = [];
  const luminance = text => {
    const [r, g, b] = text.match(/[\\d.]+/g).map(Number).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const both = [luminance(one), luminance(other)];
    return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
  };
  const ground = element => {
    for (; element; element = element.parentElement) {
      const color = getComputedStyle(element).backgroundColor;
      if (!color.endsWith(", 0)")) return color;
    }
    return "rgb(255, 255, 255)";
  };
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!element.checkVisibility() || (!own && !("value" in element))) continue;
    if (element.disabled) continue;
    const part = element.placeholder && !element.value ? "::placeholder" : null;
    const ratio = contrast(getComputedStyle(element, part).color, ground(element));
    if (ratio < 4.5) found.push(`${element.tagName}#${element.id}: contrast ${ratio.toFixed(1)}`);
  }
  for (const control of document.querySelectorAll("input, select, button")) {
    if (!control.checkVisibility()) continue;
    const name = control.labels?.length ? control.labels[0].textContent : control.textContent;
    if (!name.trim()) found.push(`${control.id} has no name`);
    const target = control.type === "checkbox" ? control.labels[0] : control;
    if (target.getBoundingClientRect().height < 43.5) found.push(`${control.id} is too small`);
    for (const id of (control.getAttribute("aria-describedby") || "").split(" ")) {
      if (id && !document.getElementById(id)) found.push(`${control.id}: there is no ${id}`);
    }
  }
  const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
  if (new Set(ids).size < ids.length) found.push("an id is there twice");
  if (document.documentElement.scrollWidth > innerWidth) found.push("wider than the screen");
  return found;
}"""


def free_port() -> int:
    """A port that nobody uses right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def port() -> int:
    return free_port()


@pytest_asyncio.fixture(loop_scope="session")
async def gateway(port, tmp_path, pytestconfig) -> AsyncIterator[NativeGateway]:
    """A new gateway at a wallbox: nothing is set."""
    words = [str(find_gateway(Path(pytestconfig.rootpath))), "--on-error=stay"]
    async with ChargerSim(PROFILE, port=tmp_path / "wallbox") as charger:
        options = GatewayOptions(buses={1: charger.port_path})
        command = [*words, f"--setup-page={port}"]
        async with NativeGateway(command, tmp_path, options) as gateway:
            yield gateway


async def show(page: Page, port: int) -> None:
    """Opens the page."""
    await page.goto(f"http://127.0.0.1:{port}/")
    await expect(page.locator("#found button")).to_have_count(1)


async def check(page: Page) -> None:
    """Nobody is kept from reading and using what is there now."""
    assert await page.evaluate(FAULTS) == []


async def test_a_new_gateway_is_set_up_with_a_phone(
    open_page, csms, gateway, port, pictures
) -> None:
    async with open_page(but=ANSWERS, **PHONE) as page:
        await show(page, port)
        await check(page)
        await page.screenshot(path=pictures / "setup-phone.png", full_page=True)
        await expect(page.get_by_text("connector 1 has no charger")).to_be_visible()

        await page.get_by_role("button", name="simulated").tap()
        await expect(page.get_by_label("Network name (SSID)", exact=True)).to_have_value(
            "simulated"
        )
        await page.get_by_label("Password", exact=True).fill("let me in")
        await page.get_by_label("URL").fill(csms.url)
        await page.get_by_label("Identity").fill("CP 7")
        await page.get_by_label("Authorization key").fill(KEY)
        await page.get_by_label("Model at connector 1").select_option(PROFILE)
        await page.get_by_role("button", name="Save and restart").tap()

        await expect(page.get_by_role("heading", name="Saved")).to_be_visible()
        charge_point = await csms.wait_for_charge_point("CP 7", timeout_s=15)
        await charge_point.expect("BootNotification", timeout_s=15)
        await expect(page.get_by_text("Connected and accepted")).to_be_visible()
        await expect(page.get_by_text("The gateway has restarted.")).to_be_visible()
        await check(page)
        await page.screenshot(path=pictures / "setup-phone-saved.png", full_page=True)

        await show(page, port)
        await expect(page.get_by_label("Network name (SSID)", exact=True)).to_have_value(
            "simulated"
        )
        await expect(page.get_by_label("Authorization key")).to_have_value("")
        assert KEY not in await page.content() + gateway.log_path.read_text()


async def test_wrong_input_is_a_sentence_beside_its_field(
    open_page, gateway, port, pictures
) -> None:
    async with open_page(but=ANSWERS, **DESKTOP) as page:
        await show(page, port)
        await page.get_by_label("Network name (SSID)", exact=True).fill("caf\u00e9 \u2615 7")
        await page.get_by_label("URL").fill("http://csms.example")
        await page.get_by_label("Identity").fill("depot/7")
        await page.get_by_role("button", name="Save and restart").click()

        sentences = {
            "Password": "A new network needs its password",
            "URL": "The CSMS URL must begin with ws:// or wss://",
            "Identity of this charge point": "The charge point identity must not contain '/'",
        }
        for name, sentence in sentences.items():
            field = page.get_by_label(name, exact=True)
            await expect(field).to_have_attribute("aria-invalid", "true")
            await expect(field).to_have_accessible_description(re.compile(re.escape(sentence)))
        await expect(page.get_by_label("Password", exact=True)).to_be_focused()
        await check(page)
        await page.screenshot(path=pictures / "setup-desktop-wrong.png", full_page=True)

        await page.get_by_label("No password (open network)", exact=True).check()
        await page.get_by_label("URL").fill("ws://127.0.0.1:9/ocpp")
        await page.get_by_label("Identity").fill("")
        await page.get_by_role("button", name="Save and restart").click()
        await expect(page.get_by_text("The gateway has restarted.")).to_be_visible()
        await show(page, port)
        name = page.get_by_label("Network name (SSID)", exact=True)
        await expect(name).to_have_value("caf\u00e9 \u2615 7")
        await expect(page.get_by_label("No password (open network)", exact=True)).to_be_checked()
