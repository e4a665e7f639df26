"""States in cases: their steps, with the arguments put in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vevgw.conformance.model import Expect, Group, Run, State, Step

#: Statuses that may overtake the message about the transaction, and be overtaken by it.
_REVERSIBLE: Final = {"StartTransaction": "Charging", "StopTransaction": "Finishing"}
#: States may use states, so deep at most.
_DEPTH: Final = 5


def expand(
    states: Mapping[str, State], steps: tuple[Step, ...], depth: int = 0
) -> tuple[Step, ...]:
    """Replaces each `run` by the steps of its state."""
    result: list[Step] = []
    for step in steps:
        if isinstance(step, Group):
            result.append(_replace(step, steps=expand(states, step.steps, depth)))
        elif isinstance(step, Run):
            state = states.get(step.state)
            if state is None or depth > _DEPTH:
                continue
            values = {**state.parameters, **step.arguments}
            inner = expand(states, state.steps, depth + 1)
            inner = tuple(substitute(one, values) for one in inner)
            title = f"state {state.name}"
            result.append(
                Group(place=step.place, when=step.when, steps=inner, ordered=True, title=title)
            )
        else:
            result.append(step)
    return tuple(result)


def _replace(step: Any, **changes: Any) -> Any:
    fields = {name: getattr(step, name) for name in step.__dataclass_fields__}
    return type(step)(**(fields | changes))


def substitute(step: Step, values: Mapping[str, Any]) -> Step:
    """Puts arguments of a state into a step; other names stay."""
    if isinstance(step, Group):
        inner = tuple(substitute(one, values) for one in step.steps)
        when = _put_in_text(step.when, values)
        return _replace(step, steps=inner, when=when)  # type: ignore[no-any-return]
    changes = {
        name: _put(getattr(step, name), values)
        for name in step.__dataclass_fields__
        if name not in ("place", "note", "when", "optional", "action", "actions", "label", "name")
    }
    changes["when"] = _put_in_text(step.when, values)
    return _replace(step, **changes)  # type: ignore[no-any-return]


def _put_in_text(text: str | None, values: Mapping[str, Any]) -> str | None:
    if text is None:
        return None
    for name, value in values.items():
        text = text.replace(f"${name}", repr(value) if not str(value).startswith("$") else value)
    return text


def _put(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        result: dict[str, Any] = {}
        for key, part in value.items():
            inner = _put(part, values)
            if inner is None and part is not None:
                continue
            if key == "+" and isinstance(inner, Mapping):
                result.update(inner)
            else:
                result[_put(key, values)] = inner
        return result
    if isinstance(value, list | tuple):
        return type(value)(_put(part, values) for part in value)
    if isinstance(value, str) and value.startswith("$") and value[1:] in values:
        return values[value[1:]]
    return value


def pair(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Makes a message about a transaction and the status that belongs to it reversible."""
    result: list[Step] = []
    for step in steps:
        last = result[-1] if result else None
        if isinstance(last, Expect) and isinstance(step, Expect) and _belong(last, step):
            result[-1] = Group(place=last.place, steps=(last, step), ordered=False)
        else:
            result.append(step)
    return tuple(result)


def _belong(one: Expect, other: Expect) -> bool:
    for message, status in ((one, other), (other, one)):
        wanted = _REVERSIBLE.get(message.action)
        if wanted and status.action == "StatusNotification":
            return bool(status.fields.get("status") == wanted)
    return False
