"""What a page may ask for, besides what `vevgw csms` may: curves, older frames, forms."""

from __future__ import annotations

from typing import Any, Final

from vevgw.csms import control
from vevgw.csms.errors import CsmsError
from vevgw.csms.schemas import ocpp16_schemas
from vevgw.csms.server import Csms
from vevgw.csms.web.forms import fault_forms, operation_forms, scope_form
from vevgw.csms.web.switches import FaultSwitches
from vevgw.csms.web.views import View, frame_view, whole_curve

#: Frames found by one search.
FOUND_FRAMES: Final = 200


class Requests:
    """Carries out the requests of pages."""

    def __init__(self, csms: Csms, switches: FaultSwitches) -> None:
        """Binds them to a CSMS.

        Args:
            csms: What they act on.
            switches: Its faults.
        """
        self._csms = csms
        self._switches = switches

    async def carry_out(self, method: str, parameters: dict[str, Any]) -> Any:
        """Carries one request out and returns its result.

        Args:
            method: One of those below or of the control channel.
            parameters: Of the method.

        Raises:
            CsmsError: It fails; the text is one sentence.
            KeyError, TypeError, ValueError: The parameters are malformed.
        """
        match method:
            case "operations":
                return operation_forms(ocpp16_schemas())
            case "curve":
                return await self._curve(int(parameters["transaction"]))
            case "frame":
                return await self._frame(int(parameters["n"]))
            case "search":
                return await self._search(**parameters)
            case "fault_kinds":
                return {"kinds": fault_forms(), "scope": scope_form()}
            case "fault_add":
                return self._switches.add(dict(parameters["fault"]))
            case "fault_switch":
                return self._switches.switch(str(parameters["id"]), on=bool(parameters["on"]))
            case "fault_remove":
                return self._switches.remove(str(parameters["id"]))
            case _:
                return await control.carry_out(self._csms, method, parameters)

    async def _curve(self, transaction_id: int) -> list[list[float | None]]:
        transaction = self._csms.books.transaction(transaction_id)
        if transaction is None:
            raise CsmsError(f"There is no transaction {transaction_id}.")
        samples = await self._csms.log.read(lambda log: log.samples(transaction_id))
        return whole_curve(transaction, samples)

    async def _search(
        self,
        before: int,
        charge_point: str | None,
        direction: str | None,
        text: str,
        problems: bool,
    ) -> list[View]:
        found = await self._csms.log.read(
            lambda log: log.search(
                before=before,
                limit=FOUND_FRAMES,
                charge_point=charge_point,
                direction=direction,
                text=text,
                problems=problems,
            )
        )
        return [frame_view(frame) for frame in found]

    async def _frame(self, sequence: int) -> View:
        found = await self._csms.log.read(lambda log: log.frames(after=sequence - 1, first=1))
        if not found or found[0].sequence != sequence:
            raise CsmsError(f"There is no frame {sequence} in the log.")
        return frame_view(found[0], limit=None)
