"""Cases as objects; cases/case.schema.json says what the files look like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

PROFILES: Final = (
    "Core",
    "LocalAuthListManagement",
    "FirmwareManagement",
    "Reservation",
    "RemoteTrigger",
    "SmartCharging",
    "Security",
)

#: Messages that may come at any time: they are shown, but never out of place.
BACKGROUND: Final = frozenset({"Heartbeat", "MeterValues", "SecurityEventNotification"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written, for findings and reports."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"

    @property
    def brief(self) -> str:
        """Name of the file and line."""
        return f"{self.path.name}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What all steps have.

    Attributes:
        when: Expression; the step is left out when it is false.
        optional: A message that need not come.
        note: For readers.
    """

    place: Place
    when: str | None = None
    optional: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Do(Step):
    """A stimulus of the target: `do: plug_in`."""

    action: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(Step):
    """How the CSMS answers from now on: `policy: {boot: [Rejected], tags: {...}}`."""

    boot: tuple[str, ...] = ()
    tags: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect(Step):
    """A CALL of the charge point: `expect: StatusNotification`.

    Attributes:
        fields: Matchers, see matching.py.
        label: Other steps refer to it by this name.
        since: Label that `earliest` and `latest` count from, s.
        within: Longest wait, s; None: $MSG_TIMEOUT, or $OPTIONAL for an optional one.
        repeat: It must come so many times.
        connectors: "all": for 0 and every connector; "each": without 0; "others": for all but
            $CONN.
    """

    action: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    label: str | None = None
    since: str | None = None
    earliest: Any = None
    latest: Any = None
    within: Any = None
    repeat: Any = 1
    connectors: Literal["all", "each", "others"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Send(Step):
    """A CALL of the CSMS and the answer that must come: `send: Reset`.

    Attributes:
        answer: Matchers; None: anything valid.
        errors: Codes of a CALLERROR that pass, too; "*" = any.
        warn_on: Matchers of an answer that passes with a warning.
    """

    action: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any] | None = None
    errors: tuple[str, ...] = ()
    warn_on: Mapping[str, Any] | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent(Step):
    """CALLs that must not come: `absent: [Authorize]`; "*" = any at all.

    Attributes:
        fields: Only those that match.
        duration: s, from now on or from the label `since`.
    """

    actions: tuple[str, ...]
    duration: Any
    fields: Mapping[str, Any] = field(default_factory=dict)
    since: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Step):
    """A check of checks.py: `check: required_keys`."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Step):
    """Steps in any order, or one after the other inside such."""

    steps: tuple[Step, ...]
    ordered: bool
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Step):
    """A reusable state; the loader replaces it by its steps."""

    state: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class State:
    """Steps that several cases share.

    Attributes:
        parameters: Names with their defaults.
        config: Configuration that it needs.
    """

    name: str
    place: Place
    parameters: Mapping[str, Any]
    steps: tuple[Step, ...]
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MutantSpec:
    """The lie that a case must find, when the automatic one does not fit.

    Attributes:
        kind: change, drop, inject or swap.
        action: Of the message.
        number: Which of the messages of this action, from 1 = the first; 0 = all.
        fields: New values.
        answer: It is the answer to a CALL of the CSMS.
    """

    kind: Literal["change", "drop", "inject", "swap"]
    action: str
    number: int = 1
    fields: Mapping[str, Any] = field(default_factory=dict)
    answer: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One case, its states expanded.

    Attributes:
        needs: Expression over the PICS; None = always applicable.
        config: Keys that are set before; one that ends in "?" only where it exists.
        preparation: Steps before the case proper.
        timeout: Longest duration, s; expression.
    """

    id: str
    title: str
    profile: str
    place: Place
    steps: tuple[Step, ...]
    preparation: tuple[Step, ...] = ()
    needs: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, Any] = field(default_factory=dict)
    rules: tuple[str, ...] = ()
    legacy: bool = False
    note: str = ""
    mutant: MutantSpec | None = None

    @property
    def official_id(self) -> str:
        """The id that the test tool of the Open Charge Alliance uses."""
        return self.id.removesuffix("_CP") + "_CS"


def leaves(steps: tuple[Step, ...]) -> Iterator[Step]:
    """Yields all steps that are no groups, in the order in which they are written."""
    for step in steps:
        if isinstance(step, Group):
            yield from leaves(step.steps)
        else:
            yield step


def describe(step: Step) -> str:
    """Returns a step as a short line."""
    match step:
        case Do(action=action, arguments=arguments):
            words = ", ".join(f"{name} {value}" for name, value in arguments.items())
            return f"{action.replace('_', ' ')} ({words})" if words else action.replace("_", " ")
        case Expect(action=action, fields=fields):
            return f"{action} {_fields(fields)}".rstrip()
        case Send(action=action, payload=payload):
            return f"CSMS sends {action} {_fields(payload)}".rstrip()
        case Absent(actions=actions):
            return f"no {', '.join(actions)}".replace("no *", "no message at all")
        case Check(name=name):
            return f"check: {name.replace('_', ' ')}"
        case Policy():
            return "the CSMS changes its mind"
        case Group(ordered=ordered, title=title):
            return title or ("in this order" if ordered else "in any order")
        case _:
            return type(step).__name__


def _fields(fields: Mapping[str, Any]) -> str:
    shown = [
        f"{name}={value}" for name, value in fields.items() if not isinstance(value, dict | list)
    ]
    return " ".join(shown)
