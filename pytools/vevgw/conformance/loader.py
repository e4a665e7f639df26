"""Reads cases and states; every mistake becomes a finding with file and line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema_rs

from vevgw.chargers.profiles_yaml import Document, Finding, KeyPath, guess, load
from vevgw.conformance import (
    checks_connection,
    checks_core,
    checks_security,
    checks_smart_charging,
    expressions,
    params,
    states,
)
from vevgw.conformance.checks import CHECKS
from vevgw.conformance.errors import Obstacle
from vevgw.conformance.model import (
    PROFILES,
    Absent,
    Case,
    Check,
    Do,
    Expect,
    Group,
    MutantSpec,
    Place,
    Policy,
    Run,
    Send,
    State,
    Step,
    leaves,
)
from vevgw.csms.schemas import CHARGE_POINT_ACTIONS, ocpp16_schemas
from vevgw.errors import UserError

FOLDER: Final = Path(__file__).parent / "cases"
STATES: Final = FOLDER / "states.yaml"
#: Modules that fill CHECKS.
CHECK_MODULES: Final = (checks_connection, checks_core, checks_security, checks_smart_charging)
_SCHEMA: Final = Path(__file__).parent / "case.schema.json"
_KINDS: Final = (
    "do",
    "policy",
    "expect",
    "send",
    "absent",
    "check",
    "any_order",
    "sequence",
    "run",
)


@dataclass(slots=True)
class Library:
    """All cases of a folder.

    Attributes:
        findings: Empty when everything is as it must be.
    """

    cases: list[Case] = field(default_factory=list)
    states: dict[str, State] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(json.loads(_SCHEMA.read_text(encoding="utf-8")))


def load_all(folder: Path = FOLDER) -> list[Case]:
    """Returns all cases in the order of their files.

    Raises:
        UserError: A file is wrong; the text is the first of the mistakes.
    """
    library = read(folder)
    if library.findings:
        raise UserError(str(min(library.findings)))
    return library.cases


def read(folder: Path = FOLDER) -> Library:
    """Reads and checks a folder: states.yaml and PROFILE/*.yaml.

    Raises:
        UserError: A file cannot be read.
    """
    library = Library()
    states_path = folder / STATES.name
    if states_path.is_file():
        _Reader(library, states_path).read_states()
    for profile in PROFILES:
        for path in sorted((folder / profile).glob("*.yaml")):
            _Reader(library, path).read_cases(profile)
    seen: dict[str, Case] = {}
    for case in library.cases:
        if case.id in seen:
            text = f"{case.id} is already in {seen[case.id].place}."
            library.findings.append(Finding(case.place.path, case.place.line, text))
        seen[case.id] = case
    return library


class _Reader:
    """Turns one file into objects."""

    def __init__(self, library: Library, path: Path) -> None:
        self._library = library
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"Cannot read {path}: {error}.") from None
        self._document: Document = load(path, text)
        library.findings += self._document.findings
        self._is_good = not self._document.findings and self._check_shape()
        self._labels: set[str] = set()
        self._local: set[str] = set()

    def _check_shape(self) -> bool:
        errors = list(_validator().iter_errors(self._document.data))
        for error in errors:
            path = tuple(error.instance_path)
            message = error.message
            if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.OneOfNotValid):
                path, message = self._step_mistake(path)
            self._say(path, message[:300])
        return not errors

    def _step_mistake(self, path: KeyPath) -> tuple[KeyPath, str]:
        """Says what is wrong with a step, from the definition that its first word stands for."""
        step: Any = self._document.data
        for key in path:
            step = step[key]
        kind = next((k for k in _KINDS if isinstance(step, dict) and k in step), None)
        if kind is None:
            return path, f"A step begins with one of: {', '.join(_KINDS)}."
        schema = json.loads(_SCHEMA.read_text(encoding="utf-8"))
        part = {"$defs": schema["$defs"], "$ref": f"#/$defs/{kind}"}
        errors = list(jsonschema_rs.Draft202012Validator(part).iter_errors(step))
        nested = [
            e for e in errors if isinstance(e.kind, jsonschema_rs.ValidationErrorKind.OneOfNotValid)
        ]
        if nested:
            return self._step_mistake((*path, *nested[0].instance_path))
        error = errors[0]
        return (*path, *error.instance_path), error.message

    def _say(self, path: KeyPath, message: str) -> None:
        self._library.findings.append(self._document.finding(path, message))

    def _place(self, path: KeyPath) -> Place:
        return Place(self._document.path, self._document.line(path))

    # -- files ------------------------------------------------------------------------------------

    def read_states(self) -> None:
        """Adds the states of the file."""
        if not self._is_good:
            return
        for name, data in self._document.data.get("states", {}).items():
            path: KeyPath = ("states", name)
            parameters = data.get("parameters", {})
            self._labels, self._local = set(), set(parameters)
            steps = self._steps(data["steps"], (*path, "steps"))
            state = State(name, self._place(path), parameters, steps, data.get("config", {}))
            self._library.states[name] = state

    def read_cases(self, profile: str) -> None:
        """Adds the cases of the file."""
        if not self._is_good:
            return
        if "states" in self._document.data:
            self._say(("states",), f"States belong into {STATES.name}.")
        for index, data in enumerate(self._document.data.get("cases", [])):
            self._library.cases.append(self._case(data, ("cases", index), profile))

    def _case(self, data: Mapping[str, Any], path: KeyPath, profile: str) -> Case:
        self._labels, self._local = set(), set()
        config = dict(data.get("config", {}))
        self._check_names(config, (*path, "config"))
        self._check_names(data.get("tags", {}), (*path, "tags"))
        prepare = self._steps(data.get("prepare", []), (*path, "prepare"))
        steps = self._steps(data["steps"], (*path, "steps"))
        if "needs" in data:
            self._check_expression(str(data["needs"]), (*path, "needs"))
        config = self._state_config((*prepare, *steps)) | config
        mutant = data.get("mutant")
        return Case(
            id=data["id"],
            title=data["title"],
            profile=profile,
            place=self._place(path),
            steps=states.expand(self._library.states, steps),
            preparation=states.expand(self._library.states, prepare),
            needs=str(data["needs"]) if "needs" in data else None,
            config=config,
            tags=data.get("tags", {}),
            rules=tuple(data["rules"]),
            legacy=data.get("legacy", False),
            note=data.get("note", ""),
            mutant=MutantSpec(**mutant) if mutant else None,
        )

    # -- steps ------------------------------------------------------------------------------------

    def _steps(self, data: list[Any], path: KeyPath, *, ordered: bool = True) -> tuple[Step, ...]:
        steps = tuple(self._step(one, (*path, at)) for at, one in enumerate(data))
        return states.pair(steps) if ordered else steps

    def _step(self, data: Mapping[str, Any], path: KeyPath) -> Step:
        kind = next(k for k in _KINDS if k in data)
        common: dict[str, Any] = {
            "place": self._place(path),
            "when": str(data["when"]) if "when" in data else None,
            "optional": data.get("optional", False),
            "note": data.get("note", ""),
        }
        if "when" in data:
            self._check_expression(str(data["when"]), (*path, "when"))
        for name, value in data.items():
            if name not in ("when", "note", "any_order", "sequence"):
                self._check_names(value, (*path, name))
        if kind in ("any_order", "sequence"):
            is_ordered = kind == "sequence"
            steps = self._steps(data[kind], (*path, kind), ordered=is_ordered)
            return Group(steps=steps, ordered=is_ordered, **common)
        if kind == "do":
            names = ("connector", "tag", "seconds", "vendor")
            arguments = {name: data[name] for name in names if name in data}
            return Do(action=data["do"], arguments=arguments, **common)
        if kind == "policy":
            policy = data["policy"]
            boot, tags = tuple(policy.get("boot", ())), policy.get("tags", {})
            return Policy(boot=boot, tags=tags, **common)
        if kind == "run":
            state = self._library.states.get(data["run"])
            if state is None and data["run"] not in self._library.states:
                self._say((*path, "run"), self._unknown("state", data["run"], self._library.states))
            elif state is not None:
                for name in data.get("with", {}):
                    if name not in state.parameters:
                        text = self._unknown("parameter", name, state.parameters)
                        self._say((*path, "with", name), text)
            self._labels |= self._labels_of((Run(state=data["run"], **common),))
            return Run(state=data["run"], arguments=data.get("with", {}), **common)
        if kind == "check":
            if data["check"] not in CHECKS:
                self._say((*path, "check"), self._unknown("check", data["check"], CHECKS))
            return Check(name=data["check"], arguments=data.get("with", {}), **common)
        return self._message_step(kind, data, path, common)

    def _message_step(
        self, kind: str, data: Mapping[str, Any], path: KeyPath, common: dict[str, Any]
    ) -> Step:
        if "since" in data and data["since"] not in self._labels:
            self._say((*path, "since"), self._unknown("label", data["since"], self._labels))
        if "label" in data:
            self._labels.add(data["label"])
        if kind == "expect":
            self._check_action(data["expect"], CHARGE_POINT_ACTIONS, (*path, "expect"))
            return Expect(
                action=data["expect"],
                fields=data.get("with", {}),
                label=data.get("label"),
                since=data.get("since"),
                earliest=data.get("earliest"),
                latest=data.get("latest"),
                within=data.get("within"),
                repeat=data.get("repeat", 1),
                connectors=data.get("connectors"),
                **common,
            )
        if kind == "absent":
            for at, action in enumerate(data["absent"]):
                if action != "*":
                    self._check_action(action, CHARGE_POINT_ACTIONS, (*path, "absent", at))
            return Absent(
                actions=tuple(data["absent"]),
                fields=data.get("with", {}),
                duration=data["for"],
                since=data.get("since"),
                **common,
            )
        ours = ocpp16_schemas().actions - (CHARGE_POINT_ACTIONS - {"DataTransfer"})
        self._check_action(data["send"], ours, (*path, "send"))
        return Send(
            action=data["send"],
            payload=data.get("payload", {}),
            answer=data.get("answer"),
            errors=tuple(data.get("or_error", ())),
            warn_on=data.get("warn_on"),
            label=data.get("label"),
            **common,
        )

    # -- what the schema cannot say ---------------------------------------------------------------

    def _check_action(self, action: str, known: Iterable[str], path: KeyPath) -> None:
        if action not in known:
            self._say(path, self._unknown("message", action, known))

    def _check_expression(self, text: str, path: KeyPath) -> None:
        try:
            expressions.names_of(text)
        except Obstacle as error:
            self._say(path, str(error))

    def _check_names(self, value: Any, path: KeyPath) -> None:
        if isinstance(value, Mapping):
            for key, part in value.items():
                self._check_names(key, (*path, key))
                self._check_names(part, (*path, key))
        elif isinstance(value, list):
            for at, part in enumerate(value):
                self._check_names(part, (*path, at))
        elif isinstance(value, str):
            for name in expressions.parameters_of(value):
                if name not in params.known_names() | self._local | self._labels:
                    self._say(path, self._unknown("parameter", name, params.known_names()))

    @staticmethod
    def _unknown(what: str, name: str, known: Iterable[str]) -> str:
        return f"There is no {what} '{name}'{guess(name, sorted(known))}."

    # -- states -----------------------------------------------------------------------------------

    def _labels_of(self, steps: tuple[Step, ...]) -> set[str]:
        """Returns the labels that states give to messages."""
        found = (
            getattr(leaf, "label", None)
            for leaf in leaves(states.expand(self._library.states, steps))
        )
        return {label for label in found if label is not None}

    def _state_config(self, steps: tuple[Step, ...]) -> dict[str, Any]:
        config: dict[str, Any] = {}
        for step in steps:
            if isinstance(step, Run) and (state := self._library.states.get(step.state)):
                config |= {**self._state_config(state.steps), **state.config}
            elif isinstance(step, Group):
                config |= self._state_config(step.steps)
        return config
