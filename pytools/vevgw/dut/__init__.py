"""Drives a gateway under test through its console, on a board or as a Linux process.

    gateway = NativeGateway(find_gateway(project), folder, GatewayOptions(csms_url=csms.url))
    async with Dut(NativeTransport(gateway), log_path=folder / "console.log") as dut:
        await dut.expect_event("ready", timeout_s=10)
        print(await dut.command("status"))

The same class drives a board (`SerialTransport("/dev/ttyUSB0")`), a board elsewhere
(`Rfc2217Transport("rfc2217://lab:4000")`), and a process behind the circuit of a board
(`VirtualBoard`).
"""

from vevgw.dut.device import Dut
from vevgw.dut.errors import DutError, NoAnswer
from vevgw.dut.lines import ConsoleLine, LineKind
from vevgw.dut.native import (
    GatewayOptions,
    NativeGateway,
    NativeTransport,
    check_gateway,
    find_gateway,
)
from vevgw.dut.transports import Boot, Rfc2217Transport, SerialTransport, Transport
from vevgw.dut.virtual_board import VirtualBoard

__all__ = [
    "Boot",
    "ConsoleLine",
    "Dut",
    "DutError",
    "GatewayOptions",
    "LineKind",
    "NativeGateway",
    "NativeTransport",
    "NoAnswer",
    "Rfc2217Transport",
    "SerialTransport",
    "Transport",
    "VirtualBoard",
    "check_gateway",
    "find_gateway",
]
