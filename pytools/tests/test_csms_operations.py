"""What the emulated CSMS can be told to do: operations, policies, files, personalities."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
from typing import Any

import pytest
from csms_command import vevgw

from vevgw.cli import main
from vevgw.csms import Behaviour, Boot, Csms, CsmsError, InvalidAnswer, InvalidCall
from vevgw.csms.behaviour import TransactionIds
from vevgw.csms.files import FileServer
from vevgw.csms.operations import OPERATIONS, build_payload, describe, fields
from vevgw.csms.personalities import adopt
from vevgw.csms.raw_client import BOOT, RawClient
from vevgw.csms.schemas import CHARGE_POINT_ACTIONS, ocpp16_schemas

START = {
    "connectorId": 1,
    "idTag": "A1",
    "meterStart": 1000,
    "timestamp": "2026-11-22T10:00:00.000Z",
}


@pytest.fixture
async def csms(tmp_path):
    async with Csms(db=tmp_path / "csms.sqlite3") as csms:
        yield csms


@pytest.fixture
async def client(csms):
    async with RawClient(f"{csms.url}/CP1") as client:
        yield client


def sample(root: dict[str, Any], schema: dict[str, Any]) -> Any:
    """Returns the smallest value that fits a schema."""
    if "$ref" in schema:
        return sample(root, root["definitions"][schema["$ref"].rpartition("/")[2]])
    if "enum" in schema:
        return schema["enum"][0]
    match schema["type"]:
        case "object":
            names = schema.get("required", ())
            return {name: sample(root, schema["properties"][name]) for name in names}
        case "array":
            return [sample(root, schema["items"])]
        case "string":
            formats = {"date-time": START["timestamp"], "uri": "ftp://example.org/"}
            return formats.get(schema.get("format", ""), "text")
        case "boolean":
            return True
        case _:
            return 1


# -- operations ------------------------------------------------------------------------------------


def test_every_action_of_the_schemas_belongs_to_one_side():
    assert set(OPERATIONS) | CHARGE_POINT_ACTIONS == ocpp16_schemas().actions
    assert set(OPERATIONS) & CHARGE_POINT_ACTIONS == {"DataTransfer"}


async def test_every_operation_is_sent_answered_and_checked_both_ways(csms, client):
    charge_point = csms.charge_point("CP1")
    for action in OPERATIONS:
        operation = describe(ocpp16_schemas(), action)
        request = sample(operation["request"], operation["request"])
        response = sample(operation["response"], operation["response"])
        answer, received = await asyncio.gather(
            charge_point.call(action, request, timeout_s=5), client.answer(response)
        )
        assert (answer, received[2:]) == (response, [action, request])
        with pytest.raises(InvalidCall):
            await charge_point.call(action, {**request, "unknown": 1}, timeout_s=5)
        calling = asyncio.create_task(charge_point.call(action, request, timeout_s=5))
        await client.answer({**response, "unknown": 1})
        with pytest.raises(InvalidAnswer):
            await calling


def test_payloads_are_made_of_words_by_the_schema():
    schemas = ocpp16_schemas()
    schedule = "csChargingProfiles.chargingSchedule"
    words = [
        "connectorId=1",
        "csChargingProfiles.chargingProfilePurpose=txdefaultprofile",
        f"{schedule}.chargingRateUnit=a",
        f"{schedule}.chargingSchedulePeriod.0.startPeriod=0",
        f"{schedule}.chargingSchedulePeriod.0.limit=16.5",
        f'{schedule}.chargingSchedulePeriod.1={{"startPeriod": 60, "limit": 0}}',
    ]
    assert build_payload(schemas, "SetChargingProfile", words) == {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [
                    {"startPeriod": 0, "limit": 16.5},
                    {"startPeriod": 60, "limit": 0},
                ],
            },
        },
    }
    assert build_payload(schemas, "ChangeConfiguration", ["key=K", "value=10"])["value"] == "10"
    assert build_payload(schemas, "GetLog", ["log.remoteLocation=ftp://x"]) == {
        "log": {"remoteLocation": "ftp://x"}
    }
    names = [field.path for field in fields(schemas.schema("GetLog"))]
    assert names[:2] == ["log.remoteLocation", "log.oldestTimestamp"]


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("connectorId", "is not FIELD=VALUE"),
        ("connector=1", "no field 'connector'; fields: connectorId, csChargingProfiles"),
        ("connectorId=one", "must be of type integer"),
        (
            "csChargingProfiles.chargingSchedule.chargingSchedulePeriod.1.limit=1",
            "'1' is not the next place in a list",
        ),
    ],
)
def test_a_wrong_word_is_one_sentence(word, sentence):
    with pytest.raises(CsmsError) as caught:
        build_payload(ocpp16_schemas(), "SetChargingProfile", [word])
    assert sentence in str(caught.value)


async def test_words_and_patterns_work_on_the_command_line(csms, client):
    async with RawClient(f"{csms.url}/CP2") as other:
        (code, out, err), call, _ = await asyncio.gather(
            vevgw(csms, "call", "CP*", "reset", "type=soft"),
            client.answer({"status": "Accepted"}),
            other.refuse("GenericError"),
        )
    assert code == 1
    assert call[2:] == ["Reset", {"type": "Soft"}]
    assert out.splitlines() == [
        'CP1  {"status": "Accepted"}',
        "CP2  Reset was refused with CALLERROR GenericError: refused",
    ]
    assert err == "vevgw: 1 of 2 charge points did not answer well.\n"


async def test_any_text_is_sent_from_the_command_line(csms, client):
    text = '[2,"1","Reset",{"type":"Warm"}]'
    code, out, _ = await vevgw(csms, "send", "CP1", text)
    assert code == 0
    assert out.startswith("invalid: type:")
    assert (await client.receive())[3] == {"type": "Warm"}


async def test_operations_and_status_are_shown(csms, client):
    operations = io.StringIO()
    with contextlib.redirect_stdout(operations), pytest.raises(SystemExit):
        main(["csms", "operations"])
    assert len(operations.getvalue().splitlines()) == len(OPERATIONS)
    _, out, _ = await vevgw(csms, "status")
    status = json.loads(out)
    assert (status["url"], status["connected"], status["files"]) == (csms.url, 1, None)


# -- policies --------------------------------------------------------------------------------------


async def test_policies_are_changed_while_it_runs(csms, client):
    assert (await vevgw(csms, "policy", "tag", "A1=blocked,parent=FAMILY"))[0] == 0
    info = (await client.ask("Authorize", {"idTag": "a1"}))[2]["idTagInfo"]
    assert info == {"status": "Blocked", "parentIdTag": "FAMILY"}
    assert (await vevgw(csms, "policy", "tag", "A1", "--remove"))[0] == 0
    assert (await client.ask("Authorize", {"idTag": "a1"}))[2]["idTagInfo"]["status"] == "Accepted"
    code, _, err = await vevgw(csms, "policy", "tag", "A1", "--remove")
    assert (code, err) == (1, "vevgw: The tag 'A1' is not in the table.\n")

    boot = ("policy", "boot", "pending", "rejected", "accepted", "--retry-interval", "2")
    assert (await vevgw(csms, *boot, "--charge-point", "CP1"))[0] == 0
    answers = [(await client.ask("BootNotification", BOOT))[2] for _ in range(3)]
    assert [(a["status"], a["interval"]) for a in answers] == [
        ("Pending", 2),
        ("Rejected", 2),
        ("Accepted", 300),
    ]

    assert (await vevgw(csms, "policy", "transaction-ids", "0,7"))[0] == 0
    starts = [START | {"connectorId": n} for n in (1, 2, 3)]
    ids = [(await client.ask("StartTransaction", s))[2]["transactionId"] for s in starts]
    assert ids == [0, 7, 8]
    _, out, _ = await vevgw(csms, "policy", "show")
    shown = json.loads(out)
    assert shown["boots"]["CP1"]["answers"] == ["Pending", "Rejected", "Accepted"]
    assert shown["transaction_ids"]["values"] == [0, 7]


def test_transaction_ids_never_collide_nor_leave_32_bits():
    assert TransactionIds((5, 6)).next({5: None}, 5) == 6
    highest = 2**31 - 1
    drawn = TransactionIds().next({highest: None}, highest)
    assert 1 <= drawn < highest
    assert TransactionIds(random=True).next({}, 0) > 0


async def test_the_boot_of_one_charge_point_differs(tmp_path):
    behaviour = Behaviour(boots={"CP2": Boot(("Rejected",))})
    async with (
        Csms(db=tmp_path / "db", behaviour=behaviour) as csms,
        RawClient(f"{csms.url}/CP1", boot=False) as one,
        RawClient(f"{csms.url}/CP2", boot=False) as two,
    ):
        answers = [(await c.ask("BootNotification", BOOT))[2]["status"] for c in (one, two)]
    assert answers == ["Accepted", "Rejected"]


@pytest.mark.parametrize(
    ("personality", "first", "last"),
    [
        ("evcc", "ChangeAvailability", "ChangeConfiguration"),
        ("home-assistant", "GetConfiguration", "TriggerMessage"),
    ],
)
async def test_a_personality_calls_after_the_boot_one_by_one(tmp_path, personality, first, last):
    behaviour = Behaviour()
    adopt(behaviour, personality)
    async with (
        Csms(db=tmp_path / "db", behaviour=behaviour) as csms,
        RawClient(f"{csms.url}/CP1") as client,
    ):
        actions = []
        for _ in behaviour.after_boot:
            call = await client.receive()
            actions.append(call[2])
            await client.websocket.send(json.dumps([4, call[1], "NotSupported", "", {}]))
        assert await csms.log.read(lambda log: log.invalid_frames()) == []
    assert (actions[0], actions[-1]) == (first, last)
    with pytest.raises(CsmsError, match="There is no personality 'other'"):
        adopt(behaviour, "other")


# -- files -----------------------------------------------------------------------------------------


async def test_files_are_served_and_uploads_awaited(csms, client, tmp_path):
    image = tmp_path / "image 1.bin"
    image.write_bytes(b"firmware")
    async with FileServer(tmp_path / "files") as server:
        csms.files = server
        result, call = await asyncio.gather(
            vevgw(csms, "update-firmware", "CP1", str(image)), client.answer({})
        )
        assert result == (0, "{}\n", "")
        assert call[2] == "UpdateFirmware"
        assert call[3]["location"] == f"{server.http_url}/files/image%201.bin"
        assert (server.files / "image 1.bin").read_bytes() == b"firmware"

        answer = {"status": "Accepted", "filename": "log.txt"}
        waiting = asyncio.create_task(
            vevgw(csms, "get-log", "CP1", "--scheme", "ftp", "--wait", "5")
        )
        call = await client.answer(answer)
        assert call[3]["log"] == {"remoteLocation": f"{server.ftp_url}/uploads/"}
        (server.uploads / "log.txt").write_text("log")
        assert await waiting == (0, f"{server.uploads.resolve() / 'log.txt'}\n", "")

        (code, _, err), _ = await asyncio.gather(
            vevgw(csms, "get-diagnostics", "CP1", "--wait", "0.3"),
            client.answer({"fileName": "none.txt"}),
        )
        assert (code, err) == (1, "vevgw: The file none.txt did not arrive within 0.3 s.\n")


async def test_signed_firmware_and_certificates_come_from_the_throw_away_ca(csms, client, tmp_path):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    image = tmp_path / "image.bin"
    image.write_bytes(b"firmware")
    tls_dir = ("--tls-dir", str(tmp_path / "tls"))
    async with FileServer(tmp_path / "files") as server:
        csms.files = server
        (code, _, _), call = await asyncio.gather(
            vevgw(csms, "signed-update-firmware", "CP1", str(image), *tls_dir),
            client.answer({"status": "Accepted"}),
        )
    assert code == 0
    firmware = call[3]["firmware"]
    certificate = x509.load_pem_x509_certificate(firmware["signingCertificate"].encode())
    root = x509.load_pem_x509_certificate((tmp_path / "tls" / "ca.pem").read_bytes())
    certificate.verify_directly_issued_by(root)
    signature = base64.b64decode(firmware["signature"])
    certificate.public_key().verify(signature, b"firmware", ec.ECDSA(hashes.SHA256()))

    for name, content in (("image.bin.sig", "c2ln\n"), ("firmware-signer.pem", "PEM\n")):
        (tmp_path / name).write_text(content)
    order = ("signed-update-firmware", "CP1", str(image), "--location", "http://files/image.bin")
    (code, _, _), call = await asyncio.gather(
        vevgw(csms, *order, "--released"), client.answer({"status": "Accepted"})
    )
    assert (code, call[3]["firmware"]["location"]) == (0, "http://files/image.bin")
    assert call[3]["firmware"]["signature"] == "c2ln"
    assert call[3]["firmware"]["signingCertificate"] == "PEM"
    code, _, err = await vevgw(csms, *order, "--signature", "dsa")
    assert (code, err) == (
        2,
        "vevgw: --signature must be one of ecdsa, rsa-pss, rsa-pkcs1, not 'dsa'.\n",
    )

    (code, _, _), call = await asyncio.gather(
        vevgw(csms, "install-certificate", "CP1", *tls_dir), client.answer({"status": "Accepted"})
    )
    assert code == 0
    assert call[3]["certificate"] == (tmp_path / "tls" / "ca.pem").read_text()


async def test_without_a_file_server_a_file_cannot_be_ordered(csms, client):
    code, _, err = await vevgw(csms, "get-diagnostics", "CP1")
    assert (code, err) == (
        1,
        "vevgw: This CSMS has no file server; start it with --files FOLDER.\n",
    )
