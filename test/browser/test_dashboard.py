"""What a person sees and does on the dashboard, in Chromium."""

from __future__ import annotations

import asyncio
import json

import pytest
from ocpp.exceptions import InternalError
from ocpp.v16 import call
from playwright.async_api import Locator, Page, expect

from vevgw.build import node_packages
from vevgw.csms.web import Dashboard

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def show(page: Page, dashboard: Dashboard, view: str, identity: str = "CP1") -> None:
    """Opens a view."""
    await page.goto(f"{dashboard.url}#{identity}/{view}")
    await expect(page.get_by_role("status").filter(has_text="live")).to_be_visible()
    await expect(page.locator(f"#tab-{view}")).to_have_attribute("aria-selected", "true")


def field(page: Page, name: str) -> Locator:
    """A field of a generated form."""
    return page.locator(f'[name="{name}"]:visible')


async def test_an_invalid_message_is_shown_with_what_is_wrong(page, dashboard, client):
    await show(page, dashboard, "messages")
    wrong = [2, "w1", "StatusNotification", {"connectorId": 1, "errorCode": "NoError"}]
    await client._connection.send(json.dumps(wrong))
    row = page.locator("details.frame.invalid").filter(has_text="StatusNotification")
    await expect(row.get_by_text('"status" is a required property')).to_be_visible()
    await expect(row.locator(".badge")).to_have_text("invalid")

    await row.locator("summary").first.click()
    decoded = row.get_by_label("Decoded payload")
    await expect(decoded).to_have_text('{\n  "connectorId": 1,\n  "errorCode": "NoError"\n}')
    await row.get_by_text("As on the wire").click()
    await expect(row.get_by_label("Text as on the wire")).to_have_text(json.dumps(wrong))

    await page.get_by_label("Only problems").check()
    # The invalid CALL and the CALLERROR to it.
    await expect(page.locator("details.frame")).to_have_count(2)
    await page.get_by_label("Search messages").fill("required property")
    await expect(page.locator("details.frame.invalid")).to_have_count(1)
    await page.get_by_label("Search messages").fill("no message has this in it")
    await expect(page.get_by_text("No message fits.")).to_be_visible()


async def test_a_fault_is_switched_on_and_off_and_acts(page, dashboard, client):
    await show(page, dashboard, "faults")
    await page.get_by_label("What goes wrong").select_option("error")
    await field(page, "action").fill("Authorize")
    await page.get_by_role("button", name="Switch on").click()
    switch = page.get_by_role("switch", name="Fault F1 error")
    await expect(switch).to_be_checked()

    with pytest.raises(InternalError):
        await client.call(call.Authorize("TAG"), suppress=False)
    await expect(page.get_by_text("acted 1 time")).to_be_visible()
    await client.call(call.Heartbeat(), suppress=False)  # another action

    await switch.click()
    await expect(switch).not_to_be_checked()
    answer = await client.call(call.Authorize("TAG"), suppress=False)
    assert answer.id_tag_info["status"] == "Accepted"

    await switch.click()
    await expect(switch).to_be_checked()
    with pytest.raises(InternalError):
        await client.call(call.Authorize("TAG"), suppress=False)
    await page.get_by_role("tab", name="Messages").click()
    marked = page.locator("details.frame").filter(has_text="fault on purpose: F1 error")
    await expect(marked.first).to_be_visible()

    await page.get_by_role("tab", name="Faults").click()
    await page.get_by_role("button", name="Remove fault F1").click()
    await expect(page.get_by_text("Nothing goes wrong on purpose.")).to_be_visible()
    await client.call(call.Authorize("TAG"), suppress=False)


async def test_a_wrong_fault_is_one_sentence(page, dashboard, client):
    await show(page, dashboard, "faults")
    await page.get_by_label("What goes wrong").select_option("close")
    await field(page, "code").fill("1")
    await page.locator("#fault").evaluate("form => form.noValidate = true")
    await page.get_by_role("button", name="Switch on").click()
    problem = page.locator("#fault").get_by_role("alert")
    await expect(problem).to_contain_text("Fault close: code: 1 is less than the minimum of 1000")


async def test_a_transaction_appears_live_with_its_curve(page, dashboard, client):
    await show(page, dashboard, "transactions")
    await expect(page.get_by_text("There is no transaction yet.")).to_be_visible()

    transaction = await client.start_transaction()
    await client.call(call.StatusNotification(1, "NoError", "Charging"))
    row = page.locator("#transactions tbody tr")
    await expect(row).to_contain_text("TAG-0815")
    await expect(row).to_contain_text("running")
    card = page.locator("#connectors article").filter(has_text="Connector 1")
    await expect(card).to_contain_text("Charging")

    for minute in range(1, 6):
        await client.measure(transaction, 100 * minute, 7.2)
    await expect(row).to_contain_text("500 Wh")
    await expect(card).to_contain_text("7.2 kW")
    await expect(page.locator("#chart canvas")).to_be_visible()
    await expect(page.locator("#chart")).to_have_attribute("data-points", "6")
    assert await page.locator("#chart canvas").evaluate(
        """canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
             .data.some(value => value !== 0)"""
    )

    await client.call(
        call.StopTransaction(1600, "2027-01-01T00:00:00Z", transaction, "EVDisconnected")
    )
    await expect(row).to_contain_text("EVDisconnected")
    await expect(row).to_contain_text("600 Wh")


async def test_an_operation_is_sent_from_its_form(page, dashboard, client):
    await show(page, dashboard, "operations")
    await page.get_by_label("Operation", exact=True).select_option("SetChargingProfile")
    assert await field(page, "connectorId").input_value() == "1"
    await field(page, "chargingProfilePurpose").select_option("TxDefaultProfile")
    await field(page, "chargingProfileKind").select_option("Recurring")
    await field(page, "recurrencyKind").select_option("Weekly")
    await field(page, "validFrom").fill("2026-11-22T10:00:00")
    await field(page, "limit").fill("10.3")
    await page.get_by_role("button", name="Add chargingSchedulePeriod").click()
    await field(page, "startPeriod").nth(1).fill("60")
    await page.get_by_role("button", name="Send").click()

    answer = page.locator(".answer").filter(has_text="SetChargingProfile")
    await expect(answer).to_contain_text('"status": "Accepted"')
    ((_, got),) = client.got
    profile = got["cs_charging_profiles"]
    assert profile["recurrency_kind"] == "Weekly"
    assert profile["valid_from"].endswith(":00:00.000Z")
    assert "transaction_id" not in profile
    periods = profile["charging_schedule"]["charging_schedule_period"]
    assert [(p["start_period"], float(p["limit"])) for p in periods] == [(0, 10.3), (60, 16)]


async def test_an_operation_that_fails_is_one_sentence(page, dashboard, client):
    await show(page, dashboard, "operations")
    await page.get_by_label("Operation", exact=True).select_option("ClearCache")
    await page.get_by_role("button", name="Send").click()
    answer = page.locator(".answer.bad")
    await expect(answer).to_contain_text("ClearCache was refused with CALLERROR Not")

    # A payload that violates the schema is sent only when that is asked for.
    await page.get_by_label("Operation", exact=True).select_option("Reset")
    await page.get_by_label("Edit as JSON").check()
    await page.get_by_label("Payload as JSON").fill('{"type": "Warm"}')
    await page.get_by_role("button", name="Send").click()
    await expect(answer.first).to_contain_text("Reset was not sent: type:")
    await page.get_by_label("Payload as JSON").fill('{"type": ')
    await page.get_by_role("button", name="Send").click()
    problem = page.locator("#operation").get_by_role("alert")
    await expect(problem).to_contain_text("The payload is not JSON")
    assert client.got == []


async def test_what_a_charge_point_sends_is_never_markup(page, dashboard, connect_client):
    async with connect_client("%3Cimg%20src=x%3E") as client:
        await show(page, dashboard, "messages", "%3Cimg%20src%3Dx%3E")
        await client.start_transaction("<b>bold</b>")
        await expect(page.get_by_role("heading", name="<img src=x>")).to_be_visible()
        await page.get_by_role("tab", name="Transactions").click()
        await expect(page.locator("#transactions tbody tr")).to_contain_text("<b>bold</b>")
        assert await page.locator("img, #transactions b").count() == 0


async def test_charge_points_come_and_go(page, dashboard, connect_client):
    await show(page, dashboard, "messages", "")
    nav = page.get_by_role("navigation", name="Charge points")
    await expect(nav).to_contain_text("0 of 0 connected")
    async with connect_client("NORTH-1"), connect_client("SOUTH-1"):
        await expect(nav).to_contain_text("2 of 2 connected")
        await page.get_by_label("Find a charge point").fill("south")
        await expect(nav.get_by_role("button")).to_have_count(2)
        await nav.get_by_role("button", name="SOUTH-1").click()
        await expect(page.get_by_role("heading", name="SOUTH-1")).to_be_visible()
        assert page.url.endswith("#SOUTH-1/messages")
        await page.get_by_role("button", name="Disconnect").click()
        await expect(page.locator("#head")).to_contain_text("not connected")


async def test_older_messages_come_from_the_database(page, dashboard, csms, client):
    await client.call(call.Authorize("EARLY-BIRD"))
    for _ in range(260):
        await client.call(call.Heartbeat())
    await show(page, dashboard, "messages")
    await page.get_by_label("Search messages").fill("early-bird")
    await expect(page.get_by_text("No message fits.")).to_be_visible()
    await page.get_by_role("button", name="Search older messages").click()
    await expect(page.locator("details.frame")).to_have_count(1)
    await expect(page.locator("details.frame")).to_contain_text("Authorize")


async def test_the_page_comes_back_after_the_connection_broke(page, dashboard, client):
    await show(page, dashboard, "messages")
    (open_page,) = dashboard._feed._pages
    await open_page.websocket.close(1012)
    await expect(page.get_by_text("no connection, trying again")).to_be_visible()
    await expect(page.get_by_text("live", exact=True)).to_be_visible()
    await client.call(call.Heartbeat())
    await expect(page.locator("details.frame").first).to_contain_text("Heartbeat")


async def test_the_page_is_used_with_the_keyboard_alone(page, dashboard, client):
    await show(page, dashboard, "messages")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the charge point")).to_be_focused()
    await page.get_by_role("tab", name="Messages").focus()
    for view in ("Transactions", "Operations"):
        await page.keyboard.press("ArrowRight")
        await expect(page.get_by_role("tab", selected=True)).to_have_text(view)
    await page.get_by_label("Operation", exact=True).select_option("Reset")
    await field(page, "type").focus()
    await page.keyboard.press("Enter")  # opens the list
    await page.keyboard.press("Escape")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Send")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator(".answer").first).to_contain_text("Rejected")
    nameless = await page.evaluate(
        """() => [...document.querySelectorAll("input, select, textarea")]
             .filter(e => !e.labels?.length && !e.getAttribute("aria-label"))
             .map(e => e.id || e.name)"""
    )
    assert nameless == []


async def test_the_token_is_asked_for_and_opens_the_page(browser, csms, client):
    token = "a token of a test, long enough"
    async with Dashboard(csms, token=token) as guarded:
        page = await browser.new_page()
        await page.goto(guarded.url)
        await page.get_by_label("Token").fill("not the one")
        await page.get_by_role("button", name="Open").click()
        await expect(page.get_by_role("alert")).to_have_text("This is not the token.")
        await page.get_by_label("Token").fill(token)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status").filter(has_text="live")).to_be_visible()
        assert page.url == guarded.url
        await page.close()


async def test_without_the_chart_library_the_rest_works(page, csms, client, monkeypatch, tmp_path):
    monkeypatch.setattr(node_packages, "folder", lambda: tmp_path)
    async with Dashboard(csms) as bare:
        await client.start_transaction()
        await page.goto(f"{bare.url}#CP1/transactions")
        await expect(page.locator("#transactions tbody tr")).to_contain_text("TAG-0815")
        await expect(page.get_by_text("Charts need uPlot, which is not installed")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "light"), (390, "dark")])
async def test_the_page_fits_the_screen(page, dashboard, csms, client, pictures, width, scheme):
    """Screenshots are kept in .cache/browser, to be looked at."""
    csms.faults.add({"what": "error", "action": "DataTransfer", "charge_point": "CP*"})
    csms.faults.add({"what": "delay", "delay_s": 0.01, "action": "Heartbeat", "count": 3})
    transaction = await client.start_transaction()
    await client.call(call.StatusNotification(1, "NoError", "Charging"))
    for minute in range(12):
        await client.measure(transaction, 120 * minute, round(7.2 - (minute % 4) / 3, 2))
        await asyncio.sleep(0.02)
    await client.call(call.StatusNotification(2, "GroundFailure", "Faulted"))
    await client._connection.send('[2,"w1","StatusNotification",{"connectorId":"1"}]')
    await client.call(call.DataTransfer("VEV", data="x" * 300))
    await page.emulate_media(color_scheme=scheme)
    await page.set_viewport_size({"width": width, "height": 900})
    for view in ("messages", "transactions", "operations", "faults"):
        await show(page, dashboard, view)
        if view == "messages":
            await expect(page.locator("#chart canvas")).to_be_visible()
            await page.locator("details.frame.invalid summary").first.click()
        if view == "operations":
            await page.get_by_label("Operation", exact=True).select_option("SetChargingProfile")
        if view == "faults":
            await expect(page.get_by_role("switch")).to_have_count(2)
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        wide = await page.evaluate(
            """() => [...document.querySelectorAll("main *")].filter(e => e.getClientRects().length)
                 .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
                 .filter(e => !e.closest(".hidden, .uplot")).map(e => e.outerHTML.slice(0, 80))"""
        )
        assert wide == []
        await page.screenshot(path=pictures / f"{view}-{width}-{scheme}.png", full_page=True)
