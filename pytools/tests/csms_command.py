"""`vevgw csms ...` in the process of the tests: starting one of its own takes seconds."""

from __future__ import annotations

import asyncio
import contextlib
import io

from vevgw.cli import main
from vevgw.csms import Csms


def vevgw_csms(*arguments: str) -> tuple[int, str, str]:
    """Returns exit code, output and errors of the command."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(["csms", *arguments])
        except SystemExit as end:
            code = end.code
    return code, out.getvalue(), err.getvalue()


async def vevgw(csms: Csms, *arguments: str) -> tuple[int, str, str]:
    """The same in a thread, towards a CSMS of this loop."""
    return await asyncio.to_thread(vevgw_csms, *arguments, "--port", str(csms.port))
