"""The command line of the emulated CSMS: operations, log, and one sentence for every mistake."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys

import pytest
import trustme
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from vevgw.cli import main
from vevgw.csms import Csms, RefuseWith
from vevgw.csms.effects import FaultOn
from vevgw.csms.raw_client import RawClient

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


async def vevgw(*arguments: str) -> tuple[int, str, str]:
    """Runs `vevgw csms ...` and returns exit code, output, and errors."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "vevgw.cli",
        "csms",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), 30)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_call_prints_the_answer(csms):
    async with RawClient(f"{csms.url}/CP1") as client:
        payload = '{"transactionId": 1}'
        (code, out, err), call = await asyncio.gather(
            vevgw("call", "CP1", "RemoteStopTransaction", payload, "--port", str(csms.port)),
            client.answer({"status": "Accepted"}, timeout_s=30),
        )
    assert (code, json.loads(out), err) == (0, {"status": "Accepted"}, "")
    assert call[2:] == ["RemoteStopTransaction", {"transactionId": 1}]


async def test_a_refused_call_is_one_sentence(csms):
    async with RawClient(f"{csms.url}/CP1") as client:
        (code, out, err), _ = await asyncio.gather(
            vevgw("call", "CP1", "ClearCache", "--port", str(csms.port)),
            client.refuse("NotSupported", timeout_s=30),
        )
    assert (code, out) == (1, "")
    assert err == "vevgw: ClearCache was refused with CALLERROR NotSupported: refused\n"


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["CP9", "ClearCache"], 1, "Charge point 'CP9' is not connected; connected: CP1."),
        (["CP1", "ClearCache", "{"], 2, "The payload is not valid JSON"),
        (["CP1", "ClearCache", "[]"], 2, "The payload must be a JSON object."),
        (["CP1", "Reset", '{"type":"Warm"}'], 1, "Reset was not sent: type:"),
        (["CP1", "Fly"], 1, "Fly was not sent: unknown action"),
        (["CP1", "ClearCache", "--timeout", "0.2"], 1, "the answer to ClearCache did not come"),
        (["CP1", "ClearCache", "--tls-ca", "/none"], 1, "The file /none holds no usable cert"),
    ],
)
async def test_a_wrong_call_is_one_sentence(csms, arguments, code, sentence):
    async with RawClient(f"{csms.url}/CP1"):
        result = await vevgw("call", *arguments, "--port", str(csms.port))
    assert (result[0], result[1]) == (code, "")
    assert sentence in result[2]
    assert "Traceback" not in result[2]


async def test_call_goes_through_tls_too(tmp_path):
    ca = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("csms.example.org").configure_cert(tls)
    ca_file = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(ca_file))
    async with Csms(db=tmp_path / "db", tls=tls) as csms:
        port = ("--port", str(csms.port))
        code, out, _ = await vevgw("charge-points", *port, "--tls-ca", str(ca_file))
        assert (code, out) == (0, "")
        code, _, err = await vevgw("charge-points", *port)
        assert code == 1
        assert "if it listens with TLS, give --tls-ca" in err
        other = tmp_path / "other.pem"
        trustme.CA().cert_pem.write_to_path(str(other))
        code, _, err = await vevgw("charge-points", *port, "--tls-ca", str(other))
        assert code == 1
        assert "CERTIFICATE_VERIFY_FAILED" in err
        assert len(err.splitlines()) == 1


async def test_close_ends_the_connection(csms):
    async with RawClient(f"{csms.url}/CP1") as client:
        result = await vevgw("close", "CP1", "--code", "1012", "--port", str(csms.port))
        assert result == (0, "", "")
        with pytest.raises(ConnectionClosed):
            await client.receive()
        assert client.websocket.close_code == 1012


async def test_a_csms_that_is_not_there_is_one_sentence(csms):
    await csms.stop()
    code, out, err = await vevgw("call", "CP1", "ClearCache", "--port", str(csms.port))
    assert (code, out) == (1, "")
    assert err.startswith(f"vevgw: No CSMS can be reached at 127.0.0.1:{csms.port}")
    assert len(err.splitlines()) == 1


async def test_something_else_on_the_port_is_one_sentence():
    async def other(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org ready\r\n")
        writer.close()

    async with await asyncio.start_server(other, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        code, _, err = await vevgw("call", "CP1", "ClearCache", "--port", str(port))
    assert code == 1
    assert "is no CSMS of vevgw" in err
    assert len(err.splitlines()) == 1


async def test_web_pages_cannot_operate_the_csms(csms):
    with pytest.raises(InvalidStatus) as caught:
        async with connect(f"{csms.url}/_control/", origin="http://evil.example", proxy=None):
            pass
    assert caught.value.response.status_code == 403


async def test_the_log_is_filtered(csms):
    async with RawClient(f"{csms.url}/CP1") as client, RawClient(f"{csms.url}/CP2") as other:
        csms.charge_point("CP1").fault_policy = FaultOn("Authorize", RefuseWith())
        await client.ask("Authorize", {"idTag": "A"})
        await other.ask("Authorize", {})
        await client.ask("StartTransaction", START)
        await csms.log.read(lambda log: log.frames())
    db = ("--db", str(csms.database))
    _, out, _ = await vevgw("log", *db, "--charge-point", "CP1", "--action", "Authorize", "--json")
    frames = [json.loads(line) for line in out.splitlines()]
    assert [(f["direction"], f["message_type"]) for f in frames] == [("in", 2), ("out", 4)]
    _, out, _ = await vevgw("log", *db, "--verdict", "invalid")
    assert len(out.splitlines()) == 1
    assert "CP2" in out
    _, out, _ = await vevgw("log", *db, "--last", "1")
    assert "(StartTransaction)" in out
    assert len(out.splitlines()) == 1
    code, out, _ = await vevgw("transactions", *db, "--open")
    assert (code, out) == (0, "1  CP1/1  A1  2026-11-22T10:00:00.000Z .. open\n")
    _, out, _ = await vevgw("transactions", *db, "--charge-point", "CP2")
    assert out == ""
    _, out, _ = await vevgw("charge-points", "--port", str(csms.port))
    assert [line.split()[0] for line in out.splitlines()] == ["CP1", "CP2"]


async def test_follow_prints_frames_as_they_come(csms):
    async with RawClient(f"{csms.url}/CP1") as client:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "vevgw.cli", "csms", "log", "--db", str(csms.database)),
            *("--follow", "--action", "Heartbeat"),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        try:
            for _ in range(2):
                await client.ask("Heartbeat", {})
                for arrow in ("<", ">"):
                    line = await asyncio.wait_for(process.stdout.readline(), 30)
                    assert line.decode().split()[1:3] == ["CP1", arrow]
        finally:
            process.terminate()
            await process.wait()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["log", "--db", "/none/x"], 1, "There is no database /none/x."),
        (["transactions", "--db", "/none/x"], 1, "There is no database /none/x."),
        (["log", "--db", "text.txt"], 1, "file is not a database"),
        (["run", "--port", "0", "--db", "text.txt"], 1, "file is not a database"),
        (["run", "--port", "0", "--db", "/none/x"], 1, "No such file or directory"),
        (["run", "--password-file", "/none"], 1, "The password file /none cannot be read"),
        (["run", "--password-file", "text.txt"], 1, "Line 1 of the password file"),
        (["run", "--user-password", "hunter2"], 2, "must be given as ID=PASSWORD"),
        (["run", "--user-password", "CP1=hex:hunter2"], 2, "password of CP1 is not hex"),
        (["run", "--boot", "maybe"], 2, "--boot must be one of"),
        (["run", "--unknown-id-tags", "maybe"], 2, "--unknown-id-tags must be one of"),
        (["run", "--id-tag", "A=Maybe"], 2, "'Maybe' is no tag status"),
        (["run", "--id-tag", "A=Blocked,until=x"], 2, "'until=x' is neither"),
        (["run", "--id-tag", "A,expires=soon"], 2, "'soon' is no ISO 8601 time"),
        (["run", "--tls-key", "/none"], 2, "--tls-key needs --tls-cert"),
        (["run", "--tls-cert", "/none"], 1, "TLS cannot use /none"),
        (["run", "--host", "192.0.2.1", "--port", "0"], 1, "The CSMS cannot listen on 192.0.2.1"),
        (["run", "--host", "no host", "--port", "0"], 1, "The CSMS cannot listen on no host"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, monkeypatch, capsys, arguments, code, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text("This is neither a database nor a password file.\n" * 20)
    assert main(["csms", *arguments]) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert sentence in told.err
    assert len(told.err.splitlines()) == 1
    assert "hunter2" not in told.err


async def test_a_port_in_use_is_one_sentence(csms, tmp_path):
    code, out, err = await vevgw("run", "--port", str(csms.port), "--db", str(tmp_path / "db"))
    assert (code, out) == (1, "")
    assert err == (
        f"vevgw: The CSMS cannot listen on 127.0.0.1 port {csms.port}: the port is in use.\n"
    )
