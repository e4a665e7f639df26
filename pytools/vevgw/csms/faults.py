"""Faults on purpose as data: what goes wrong, for whom, on which frames, how often, and when.

    csms.faults.add({"what": "error", "code": "InternalError", "action": "StopTransaction",
                     "charge_point": "CP*", "count": 2})
    csms.faults.add({"what": "http", "status": 503, "retry_after_s": 30, "to_s": 60})
    csms.faults.add({"what": "close", "code": 1012, "from_s": 5, "direction": "now"})

A fault can be added and removed while charge points are connected, from Python, from the command
line (`vevgw csms fault`) and from a file (read_fault_script()). Of several that fit a frame the
first that fires wins.
"""

from __future__ import annotations

import logging
import random
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import jsonschema_rs

from vevgw.csms.effects import Effect
from vevgw.csms.errors import CsmsError
from vevgw.csms.fault_kinds import DIRECTIONS, FAULT_KINDS
from vevgw.csms.history import Direction, FrameRecord

_LOG = logging.getLogger(__name__)

_MESSAGES: Final = {"call": (2,), "result": (3,), "error": (4,), "answer": (3, 4)}
#: JSON schema of what all faults have in common; the other keys are options of its kind.
SCOPE_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["what"],
    "properties": {
        "what": {"enum": list(FAULT_KINDS)},
        "id": {"type": "string", "minLength": 1, "maxLength": 40},
        "charge_point": {"type": "string"},
        "direction": {"enum": list(DIRECTIONS)},
        "action": {"type": "string"},
        "message": {"enum": ["any", *_MESSAGES]},
        "probability": {"type": "number", "minimum": 0, "maximum": 1},
        "count": {"type": ["integer", "null"], "minimum": 1},
        "skip": {"type": "integer", "minimum": 0},
        "from_s": {"type": "number", "minimum": 0},
        "to_s": {"type": ["number", "null"], "minimum": 0},
    },
}
_SCOPE: Final = jsonschema_rs.Draft7Validator(SCOPE_SCHEMA)
_SCOPE_KEYS: Final = frozenset(SCOPE_SCHEMA["properties"]) - {"what", "id"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        id: Unique among the faults in force.
        what: Kind; see fault_kinds.py.
        effect: What is done.
        direction: connect, in, out (seen from the CSMS) or now.
        charge_point: Pattern of identities, with ``*`` and ``?``.
        action: Pattern of actions; of an answer that of its CALL.
        message: call, result, error, answer (result or error) or any. Default: call for received
            frames, any for those to send.
        probability: Of each matching event.
        count: How often per charge point; None = always.
        skip: Matching events per charge point to let pass first.
        from_s: Seconds after it was added from which it acts.
        to_s: Seconds after it was added until which it acts; None = for ever.
        options: As given.
    """

    id: str
    what: str
    effect: Effect
    direction: str
    charge_point: str = "*"
    action: str = "*"
    message: str = "any"
    probability: float = 1.0
    count: int | None = None
    skip: int = 0
    from_s: float = 0.0
    to_s: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        """How a frame that it acted on is marked in the log."""
        return f"{self.id} {self.what}"

    def as_data(self) -> dict[str, Any]:
        """Returns what parse_fault() reads."""
        scope = {key: getattr(self, key) for key in SCOPE_SCHEMA["properties"] if key != "options"}
        return scope | dict(self.options)


def parse_fault(data: Mapping[str, Any], fault_id: str = "F") -> Fault:
    """Reads a fault from plain data.

    Args:
        data: Keys of SCOPE_SCHEMA and options of the kind; only ``what`` must be there.
        fault_id: For a fault that brings no id.

    Raises:
        CsmsError: A key or a value is wrong.
    """
    if (what := data.get("what")) is not None and what not in FAULT_KINDS:
        raise CsmsError(
            f"There is no fault {what!r}; there are: {', '.join(FAULT_KINDS)}.", exit_code=2
        )
    for error in _SCOPE.iter_errors(dict(data)):
        where = ".".join(str(part) for part in error.instance_path)
        raise CsmsError(f"A fault is wrong: {where or 'it'}: {error.message}.", exit_code=2)
    kind = FAULT_KINDS[data["what"]]
    scope = {key: value for key, value in data.items() if key in _SCOPE_KEYS}
    options = {key: value for key, value in data.items() if key not in (*_SCOPE_KEYS, "what", "id")}
    direction = scope.setdefault("direction", kind.directions[0])
    if direction not in kind.directions:
        raise CsmsError(
            f"Fault {kind.name} acts on {' or '.join(kind.directions)}, not on {direction}.",
            exit_code=2,
        )
    scope.setdefault("message", "call" if direction == "in" else "any")
    return Fault(
        id=data.get("id", fault_id),
        what=kind.name,
        effect=kind.make(options),
        options=options,
        **scope,
    )


@dataclass(slots=True)
class _Armed:
    """A fault in force and what it has done."""

    fault: Fault
    since_s: float
    fired: dict[str, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    draws: dict[str, random.Random] = field(default_factory=dict)


class Faults:
    """The faults in force of one CSMS.

    Attributes:
        seed: Of all draws. Those of each fault and charge point are independent of all others, so
            the same traffic of a charge point meets the same faults again.
    """

    def __init__(
        self, seed: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Starts without faults.

        Args:
            seed: None = a fresh one.
            clock: Monotonic time, s.
        """
        self.seed = random.SystemRandom().randrange(1 << 31) if seed is None else seed
        self.listeners: list[Callable[[], None]] = []
        self.at_once: Callable[[Fault], None] | None = None
        self._clock = clock
        self._armed: dict[str, _Armed] = {}
        self._frames: dict[str, list[_Armed]] = {}
        self._count = 0

    def add(self, data: Mapping[str, Any]) -> Fault:
        """Puts a fault in force.

        Args:
            data: See parse_fault().

        Raises:
            CsmsError: A key or a value is wrong, or its id is in use.
        """
        fault = parse_fault(data, f"F{self._count + 1}")
        if fault.id in self._armed:
            raise CsmsError(f"There is already a fault {fault.id!r}.", exit_code=2)
        self._count += 1
        self._armed[fault.id] = _Armed(fault, self._clock())
        self._changed()
        if fault.probability < 1:
            _LOG.info("Fault %s draws with seed %d.", fault.mark, self.seed)
        if fault.direction == "now" and self.at_once is not None:
            self.at_once(fault)
        return fault

    def remove(self, fault_id: str) -> None:
        """Ends a fault.

        Raises:
            CsmsError: There is none with this id.
        """
        if fault_id not in self._armed:
            names = ", ".join(self._armed) or "none"
            raise CsmsError(f"There is no fault {fault_id!r}; there are: {names}.")
        del self._armed[fault_id]
        self._changed()

    def clear(self) -> None:
        """Ends all faults."""
        self._armed.clear()
        self._changed()

    def __contains__(self, fault_id: object) -> bool:
        return fault_id in self._armed

    def as_data(self) -> list[dict[str, Any]]:
        """Returns all faults in force, with ``fired``: how often each has acted."""
        return [
            armed.fault.as_data()
            | {"fired": sum(armed.fired.values()), "age_s": round(self._clock() - armed.since_s, 3)}
            for armed in self._armed.values()
        ]

    def on_connect(self, charge_point: str) -> Fault | None:
        """Decides about an opening handshake; called once for each."""
        return self._first("connect", charge_point, None, None)

    def on_frame(self, record: FrameRecord) -> Fault | None:
        """Decides about a frame; called once for each, in order."""
        if not self._frames:
            return None
        direction = "in" if record.direction is Direction.IN else "out"
        return self._first(direction, record.charge_point, record.action, record.message_type)

    def fire(self, fault: Fault, charge_point: str) -> bool:
        """Decides whether a fault of direction now acts on a charge point."""
        armed = self._armed.get(fault.id)
        return armed is not None and self._fires(armed, charge_point, None, None)

    def _changed(self) -> None:
        self._frames = {}
        for armed in self._armed.values():
            self._frames.setdefault(armed.fault.direction, []).append(armed)
        for listener in self.listeners:
            listener()

    def _first(
        self, direction: str, charge_point: str, action: str | None, message_type: int | None
    ) -> Fault | None:
        for armed in self._frames.get(direction, ()):
            if self._fires(armed, charge_point, action, message_type):
                return armed.fault
        return None

    def _fires(
        self, armed: _Armed, charge_point: str, action: str | None, message_type: int | None
    ) -> bool:
        fault = armed.fault
        age_s = self._clock() - armed.since_s
        if age_s < fault.from_s or (fault.to_s is not None and age_s >= fault.to_s):
            return False
        if not fnmatchcase(charge_point, fault.charge_point):
            return False
        if fault.direction in ("in", "out"):
            if fault.message != "any" and message_type not in _MESSAGES[fault.message]:
                return False
            if fault.action != "*" and not fnmatchcase(action or "", fault.action):
                return False
        fired = armed.fired.get(charge_point, 0)
        if fault.count is not None and fired >= fault.count:
            return False
        seen = armed.seen[charge_point] = armed.seen.get(charge_point, 0) + 1
        if seen <= fault.skip:
            return False
        if fault.probability < 1:
            draws = armed.draws.get(charge_point)
            if draws is None:
                draws = random.Random(f"{self.seed}/{fault.id}/{charge_point}")
                armed.draws[charge_point] = draws
            if draws.random() >= fault.probability:
                return False
        armed.fired[charge_point] = fired + 1
        return True


def read_fault_script(file: Path) -> tuple[list[dict[str, Any]], int | None]:
    """Reads faults from a YAML or TOML file: a list ``faults`` and, if wanted, a ``seed``.

    Returns:
        The faults, checked, and the seed. Their times count from when they are added.

    Raises:
        CsmsError: The file cannot be read, or a fault is wrong.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise CsmsError(f"The faults in {file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CsmsError(f"The faults in {file} are not UTF-8 text.") from None
    data: Any
    if file.suffix == ".toml":
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise CsmsError(f"The faults in {file} are not TOML: {error}.", exit_code=2) from None
    else:
        import yaml  # only this needs it

        try:
            data = yaml.safe_load(text)
        except yaml.YAMLError as error:
            flat = " ".join(str(error).split())
            raise CsmsError(f"The faults in {file} are not YAML: {flat}.", exit_code=2) from None
    if not isinstance(data, dict) or not set(data) <= {"seed", "faults"}:
        raise CsmsError(f"{file} must hold a list 'faults' and, if wanted, a 'seed'.", exit_code=2)
    faults, seed = data.get("faults", []), data.get("seed")
    if not isinstance(faults, list) or not (seed is None or type(seed) is int):
        raise CsmsError(f"In {file}, 'faults' is no list or 'seed' no integer.", exit_code=2)
    for number, fault in enumerate(faults, start=1):
        if not isinstance(fault, dict):
            raise CsmsError(f"Fault {number} in {file} is no table.", exit_code=2)
        try:
            parse_fault(fault)
        except CsmsError as error:
            raise CsmsError(f"Fault {number} in {file}: {error}", exit_code=2) from None
    return faults, seed
