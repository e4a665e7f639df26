"""Proves the cases: each must find out when a message is changed, dropped, added or overtaken.

A mutant is a case together with one lie. The CSMS and the charge point talk as ever; the judge
sees what a proxy between them would have made of their messages. A case that passes all the same
proves nothing: its mutant survives.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from vevgw.conformance.expressions import resolve
from vevgw.conformance.falsify import falsified
from vevgw.conformance.matching import matches
from vevgw.conformance.model import (
    Absent,
    Case,
    Expect,
    Group,
    MutantSpec,
    Send,
    Step,
    describe,
)
from vevgw.conformance.session import Entry
from vevgw.csms.handshake import OpeningRequest

#: In place of an action: the opening handshakes.
OPENING: Final = "opening"
#: Something that a charge point may send at the wrong time, as little as is valid.
_INJECTED: Final[dict[str, dict[str, Any]]] = {
    "Authorize": {"idTag": "MUTANT"},
    "BootNotification": {"chargePointVendor": "MUTANT", "chargePointModel": "MUTANT"},
    "Heartbeat": {},
    "MeterValues": {"connectorId": 1, "meterValue": []},
    "StartTransaction": {
        "connectorId": 1,
        "idTag": "MUTANT",
        "meterStart": 0,
        "timestamp": "2026-01-01T00:00:00Z",
    },
    "StatusNotification": {"connectorId": 1, "errorCode": "NoError", "status": "Available"},
    "StopTransaction": {
        "transactionId": 1,
        "meterStop": 0,
        "timestamp": "2026-01-01T00:00:00Z",
    },
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One lie about one case.

    Attributes:
        step: The step whose message is falsified; None when the case names the lie itself.
    """

    case: Case
    spec: MutantSpec
    step: Step | None = None

    def describe(self) -> str:
        """Returns what is done, for people."""
        verb = {
            "change": "changed",
            "drop": "dropped",
            "inject": "added",
            "swap": "overtaken by the next message",
        }[self.spec.kind]
        what = f"the answer to {self.spec.action}" if self.spec.answer else self.spec.action
        if self.spec.action == OPENING:
            what = f"{' and '.join(self.spec.fields)} of a handshake"
        where = f", step '{describe(self.step)}'" if self.step is not None else ""
        return f"{what} {verb}{where}"


def derive(case: Case) -> Mutant | None:
    """Returns the mutant of a case: the one that it names, else that of its last decisive step."""
    if case.mutant is not None:
        return Mutant(case, case.mutant)
    return next(iter(derive_all(case)), None)


def derive_all(case: Case) -> Iterator[Mutant]:
    """Yields a mutant for every step that is decisive, the last one first."""
    for step in reversed(list(_required(case.steps))):
        match step:
            case Expect(action=action, fields=fields):
                is_drop = not fields or step.since is not None
                kind = "drop" if is_drop else "change"
                yield Mutant(case, MutantSpec(kind, action), step)  # type: ignore[arg-type]
            case Send(action=action, answer=answer) if answer:
                yield Mutant(case, MutantSpec("change", action, answer=True), step)
            case Absent(actions=actions):
                action = "StatusNotification" if actions[0] == "*" else actions[0]
                yield Mutant(case, MutantSpec("inject", action), step)


def _required(steps: Iterable[Step]) -> Iterator[Step]:
    """Yields the steps that must be met whatever happens."""
    for step in steps:
        if step.optional or step.when is not None:
            continue
        if isinstance(step, Group):
            yield from _required(step.steps)
        else:
            yield step


class Falsifier:
    """Shows the judge other messages than there were, from the beginning of the case proper.

    Attributes:
        hits: How many messages it has falsified.
    """

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._is_on = False
        self._held: Entry | None = None
        self._count = 0
        self._names: Any = None
        self.hits = 0

    def begin(self, names: Any) -> None:
        """The case proper begins; names resolves $NAMES."""
        self._is_on = True
        self._names = names

    def see(self, entry: Entry) -> Iterator[Entry]:
        """Returns what is seen in place of a message of the charge point."""
        if not self._is_on or not self._is_meant(entry):
            yield entry
            if entry.kind == "cp-call" and self._held is not None:
                held, self._held = self._held, None
                yield held
            return
        self.hits += 1
        match self._mutant.spec.kind:
            case "drop":
                return
            case "swap" if self._held is None:
                self._held = entry
                return
            case "change":
                yield self._changed(entry)
            case _:
                yield entry

    def see_opening(self, request: OpeningRequest) -> OpeningRequest:
        """Returns what is seen in place of an opening handshake."""
        spec = self._mutant.spec
        if not self._is_on or spec.action != OPENING:
            return request
        self._count += 1
        if spec.number not in (0, self._count):
            return request
        self.hits += 1
        return replace(request, **self._resolve(spec.fields))

    def watching(self, step: Absent) -> Entry | None:
        """Returns what comes when nothing may."""
        spec = self._mutant.spec
        if not self._is_on or spec.kind != "inject":
            return None
        if self._mutant.step is not None and step.place != self._mutant.step.place:
            return None
        if self._mutant.step is None and not {spec.action, "*"} & set(step.actions):
            return None
        self.hits += 1
        payload = {**_INJECTED.get(spec.action, {}), **spec.fields}
        payload |= self._plain(self._resolve(step.fields))
        return Entry(0, 0.0, "cp-call", spec.action, payload, f"(added) {spec.action} {payload}")

    def _is_meant(self, entry: Entry) -> bool:
        spec = self._mutant.spec
        if spec.kind == "inject" or entry.action != spec.action or entry.is_error:
            return False
        if entry.kind != ("cp-answer" if spec.answer else "cp-call"):
            return False
        step = self._mutant.step
        if step is not None:
            return matches(entry.payload, self._wanted(step))
        self._count += 1
        return spec.number in (0, self._count)

    def _changed(self, entry: Entry) -> Entry:
        spec = self._mutant.spec
        if self._mutant.step is None:
            payload = {**copy.deepcopy(entry.payload), **self._resolve(spec.fields)}
        else:
            schema = f"{spec.action}Response" if spec.answer else spec.action
            lie = falsified(entry.payload, self._wanted(self._mutant.step), schema)
            if lie is None:
                return entry
            payload = lie
        return replace(entry, payload=payload, text=f"(changed) {entry.action} {payload}")

    def _wanted(self, step: Step) -> Mapping[str, Any]:
        fields = step.answer if isinstance(step, Send) else getattr(step, "fields", {})
        return self._resolve(fields or {})

    def _resolve(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = resolve(dict(fields), self._names)
        return result

    @staticmethod
    def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in fields.items() if not isinstance(value, Mapping)}
