"""Checks charger profiles: shape by the JSON Schema, sense by the rules here."""

from __future__ import annotations

import difflib
import itertools
import json
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from vevgw.chargers.profiles_yaml import Document, Finding, KeyPath, load

SCHEMA_FILE = Path(__file__).parent / "schema" / "charger-profile.schema.json"

WORDS = {"u16": 1, "s16": 1, "u32": 2, "s32": 2, "f32": 2, "u64": 4, "s64": 4, "f64": 4}
# Unit -> (quantity, factor to the firmware's unit: mA, mV, W, Wh, 0.1 degC, mHz, ms).
UNITS: dict[str, tuple[str, Fraction]] = {
    "A": ("current", Fraction(1000)),
    "mA": ("current", Fraction(1)),
    "V": ("voltage", Fraction(1000)),
    "mV": ("voltage", Fraction(1)),
    "W": ("power", Fraction(1)),
    "VA": ("power", Fraction(1)),
    "kW": ("power", Fraction(1000)),
    "kVA": ("power", Fraction(1000)),
    "Wh": ("energy", Fraction(1)),
    "VAh": ("energy", Fraction(1)),
    "kWh": ("energy", Fraction(1000)),
    "kVAh": ("energy", Fraction(1000)),
    "degC": ("temperature", Fraction(10)),
    "Hz": ("frequency", Fraction(1000)),
    "ms": ("time", Fraction(1)),
    "s": ("time", Fraction(1000)),
}
# Meaning -> quantity its unit must have; None: a number without unit.
QUANTITIES: dict[str, str | None] = {
    "state": None,
    "current": "current",
    "voltage": "voltage",
    "power": "power",
    "energy_total": "energy",
    "energy_session": "energy",
    "temperature": "temperature",
    "frequency": "frequency",
    "layout_version": None,
    "hardware_max": "current",
    "hardware_min": "current",
    "external_lock": None,
}
PER_PHASE = ("current", "voltage")
INT32_MAX = 2**31 - 1


@cache
def schema() -> dict[str, Any]:
    """Returns the JSON Schema of the profile format."""
    loaded: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return loaded


@cache
def _validator() -> Any:
    return jsonschema_rs.validator_for(schema())


def check_text(path: Path, text: str) -> tuple[Document, list[Finding]]:
    """Checks one profile.

    Returns:
        The parsed file and everything to say about it, in the order of the lines.
    """
    document = load(path, text)
    findings = list(document.findings)
    if not findings:
        findings = list(_shape_findings(document))
    if not findings:
        findings = [*_name_findings(document), *_Rules(document).findings()]
    return document, sorted(set(findings))


def scale_to_firmware(register: dict[str, Any]) -> Fraction:
    """Returns by what a raw value is multiplied to get the firmware's unit."""
    scale = Fraction(str(register.get("scale", 1)))
    unit = register.get("unit")
    return scale if unit is None else scale * UNITS[unit][1]


def register_words(register: dict[str, Any]) -> int:
    """Returns how many registers (or bits) the register row covers."""
    elements = int(register.get("elements", 1))
    if register["space"] in ("coil", "discrete"):
        return elements
    return elements * WORDS[register.get("type", "u16")]


def _dotted(path: Iterable[str | int]) -> str:
    return ".".join(str(part) for part in path)


def _shape_findings(document: Document) -> Iterator[Finding]:
    for error in _validator().iter_errors(document.data):
        path = _key_path(document.data, error.instance_path)
        where = _dotted(path)
        yield from (
            document.finding(at, sentence)
            for at, sentence in _sentences(document, error, path, where)
        )


def _key_path(data: Any, path: Iterable[str | int]) -> KeyPath:
    """Returns the path with keys as they are: the validator takes a key like "2" for an index."""
    result: list[str | int] = []
    for part in path:
        key = str(part) if isinstance(data, dict) else part
        data = data[key]
        result.append(key)
    return tuple(result)


def _sentences(
    document: Document, error: Any, path: KeyPath, where: str
) -> Iterator[tuple[KeyPath, str]]:
    kind = error.kind.name
    value = _value_at(document, path)
    place = where or "the profile"
    if kind == "enum":
        options = [str(option) for option in error.kind.options]
        yield path, f"{place} is '{value}', which is unknown{_guess(str(value), options)}."
    elif kind == "additionalProperties":
        known = sorted(_known_keys(error))
        for key in map(str, error.kind.unexpected):
            yield (*path, key), f"{place} has no key '{key}'{_guess(key, known)}."
    elif kind == "required":
        yield path, f"{place} lacks '{error.kind.property}'."
    elif kind == "type":
        wanted = " or ".join(map(str, error.kind.types))
        article = "an" if wanted[0] in "aeiou" else "a"
        yield path, f"{place} is {json.dumps(value)[:60]}, not {article} {wanted}."
    else:
        yield path, f"{place}: {error.message}."


def _value_at(document: Document, path: KeyPath) -> Any:
    value = document.data
    for part in path:
        value = value[part]
    return value


def _known_keys(error: Any) -> Iterable[str]:
    node: Any = schema()
    for part in error.schema_path[:-1]:
        if isinstance(node, dict) and "$ref" in node:
            node = schema()["$defs"][node["$ref"].rsplit("/", 1)[1]]
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            return []
    return list(node.get("properties", {})) if isinstance(node, dict) else []


def _guess(word: str, options: list[str]) -> str:
    close = difflib.get_close_matches(word, options, n=1, cutoff=0.6)
    if close:
        return f" (did you mean '{close[0]}'?)"
    return f" (possible: {', '.join(options)})" if options else ""


def _name_findings(document: Document) -> Iterator[Finding]:
    name = document.data["name"]
    if name != document.path.stem:
        yield document.finding(
            ("name",),
            f"The name is '{name}', but the file is '{document.path.name}': make them equal.",
        )


class _Rules:
    """What the schema cannot say. The document has the right shape."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._data: dict[str, Any] = document.data
        self._registers: dict[str, dict[str, Any]] = self._data["registers"]

    def findings(self) -> Iterator[Finding]:
        """Returns all findings."""
        yield from self._overlaps()
        for name in self._registers:
            yield from self._register(name)
        yield from self._meanings()
        yield from self._state()
        yield from self._control()
        yield from self._watchdog()
        yield from self._init()

    def _error(self, path: KeyPath, message: str) -> Finding:
        return self._document.finding(path, message)

    def _warning(self, path: KeyPath, message: str) -> Finding:
        return self._document.finding(path, message, is_error=False)

    def _overlaps(self) -> Iterator[Finding]:
        rows = sorted(
            (register["space"], register["address"], register_words(register), name)
            for name, register in self._registers.items()
        )
        for (space, address, words, name), (space2, address2, _, name2) in itertools.pairwise(rows):
            if space == space2 and address2 < address + words:
                yield self._error(
                    ("registers", name2),
                    f"Register '{name2}' at {address2} overlaps '{name}', which covers"
                    f" {address} to {address + words - 1} of the {space} registers.",
                )

    def _register(self, name: str) -> Iterator[Finding]:
        register = self._registers[name]
        path = ("registers", name)
        is_bit = register["space"] in ("coil", "discrete")
        kind = register.get("type", "u16")
        meaning = register.get("meaning")
        access = register.get("access", "r")
        if register["address"] + register_words(register) > 0x10000:
            yield self._error(path, f"Register '{name}' goes beyond address 65535.")
        if is_bit and ("type" in register or "scale" in register):
            yield self._error(path, f"Register '{name}' is one bit: it has no type and no scale.")
        if access != "r" and register["space"] in ("input", "discrete"):
            yield self._error(
                path,
                f"Register '{name}' is in the {register['space']} registers, which cannot be"
                " written: access must be r.",
            )
        yield from self._scale(name)
        if meaning is None and register.get("poll") is not None:
            yield self._error(path, f"Register '{name}' is polled but has no meaning.")
        if meaning is not None:
            yield from self._meaning(name, meaning, kind)
        limit = self._data["transport"]["max_registers"]
        if register_words(register) > limit:
            yield self._error(
                path,
                f"Register '{name}' needs {register_words(register)} registers, but"
                f" max_registers is {limit}.",
            )
        for index, source in enumerate(register.get("sources", [])):
            if source not in self._data["sources"]:
                options = list(self._data["sources"])
                yield self._error(
                    (*path, "sources", index),
                    f"Register '{name}' names the source '{source}', which the profile does not"
                    f" list{_guess(source, options)}.",
                )
        if register.get("from_layout") and not self._with_meaning("layout_version"):
            yield self._error(
                (*path, "from_layout"),
                f"Register '{name}' depends on the layout version, but no register has the"
                " meaning layout_version.",
            )
        if register["confidence"] == "l":
            yield self._warning(
                path, f"Register '{name}' is doubtful (confidence l): compare it with the charger."
            )

    def _scale(self, name: str) -> Iterator[Finding]:
        register = self._registers[name]
        path = ("registers", name, "scale")
        scale = register.get("scale", 1)
        if not 0 < scale < float("inf"):
            yield self._error(path, f"Register '{name}' has the scale {scale}: it must be above 0.")
            return
        if "scale" in register and "unit" not in register:
            yield self._error(path, f"Register '{name}' has a scale but no unit.")
        exact = scale_to_firmware(register)
        if exact.numerator > INT32_MAX or exact.denominator > INT32_MAX:
            yield self._error(
                path, f"Register '{name}' has the scale {scale}, which no real register needs."
            )

    def _meaning(self, name: str, meaning: str, kind: str) -> Iterator[Finding]:
        register = self._registers[name]
        path = ("registers", name)
        quantity = QUANTITIES[meaning]
        unit = register.get("unit")
        if quantity is None and unit is not None:
            yield self._error((*path, "unit"), f"Register '{name}' ({meaning}) has no unit.")
        if quantity is not None and (unit is None or UNITS[unit][0] != quantity):
            units = ", ".join(key for key, (of, _) in UNITS.items() if of == quantity)
            said = "no unit" if unit is None else f"the unit {unit}"
            yield self._error(
                (*path, "unit"),
                f"Register '{name}' is a {meaning.replace('_', ' ')} with {said}; possible:"
                f" {units}.",
            )
        if meaning not in PER_PHASE and register.get("elements", 1) != 1:
            yield self._error(path, f"Register '{name}' ({meaning}) can only have one element.")
        if meaning in ("state", "layout_version") and (
            kind != "u16" or register["space"] not in ("input", "holding")
        ):
            yield self._error(path, f"Register '{name}' ({meaning}) must be one u16 register.")
        if register.get("access", "r") == "w":
            yield self._error(path, f"Register '{name}' ({meaning}) cannot be read: access is w.")
        if meaning != "layout_version" and register.get("poll") is None:
            yield self._error(
                path, f"Register '{name}' ({meaning}) is never read: poll is missing."
            )
        if meaning == "state" and register.get("poll") not in (None, "status"):
            yield self._error((*path, "poll"), f"Register '{name}' (state) needs poll: status.")
        if meaning in ("hardware_max", "hardware_min") and register.get("poll") != "once":
            yield self._error((*path, "poll"), f"Register '{name}' ({meaning}) needs poll: once.")

    def _with_meaning(self, meaning: str) -> list[str]:
        return [name for name, row in self._registers.items() if row.get("meaning") == meaning]

    def _meanings(self) -> Iterator[Finding]:
        for meaning in QUANTITIES:
            names = self._with_meaning(meaning)
            if len(names) > 1:
                yield self._error(
                    ("registers", names[1], "meaning"),
                    f"Registers '{names[0]}' and '{names[1]}' both mean {meaning}.",
                )
        if not self._with_meaning("energy_total") and not self._with_meaning("energy_session"):
            yield self._warning(
                ("registers",), "The profile reads no energy: the charger needs a meter of its own."
            )

    def _known(self, path: KeyPath, name: str) -> Iterator[Finding]:
        if name not in self._registers:
            yield self._error(
                path,
                f"{_dotted(path)} names the register '{name}', which the profile does not"
                f" have{_guess(name, list(self._registers))}.",
            )

    def _writable(self, path: KeyPath, name: str, *, allow_bit: bool) -> Iterator[Finding]:
        if name not in self._registers:
            yield from self._known(path, name)
            return
        register = self._registers[name]
        if "w" not in register.get("access", "r"):
            yield self._error(
                path, f"{_dotted(path)} writes the register '{name}', which is read-only."
            )
        is_bit = register["space"] in ("coil", "discrete")
        if is_bit and not allow_bit:
            yield self._error(path, f"{_dotted(path)} needs a register, '{name}' is one bit.")
        if not is_bit and (register.get("type", "u16") != "u16" or register_words(register) != 1):
            yield self._error(
                path, f"{_dotted(path)} can only write u16 registers; '{name}' is not one."
            )

    def _quantity(self, path: KeyPath, name: str, quantity: str) -> Iterator[Finding]:
        unit = self._registers.get(name, {}).get("unit")
        if name in self._registers and (unit is None or UNITS[unit][0] != quantity):
            units = ", ".join(key for key, (of, _) in UNITS.items() if of == quantity)
            said = "has no unit" if unit is None else f"has the unit {unit}"
            yield self._error(
                path, f"{_dotted(path)}: the register '{name}' {said}; possible: {units}."
            )

    def _state(self) -> Iterator[Finding]:
        state = self._data["state"]
        name = state["register"]
        yield from self._known(("state", "register"), name)
        if name in self._registers and self._registers[name].get("meaning") != "state":
            yield self._error(
                ("state", "register"), f"The register '{name}' does not have the meaning state."
            )
        for value, row in state["values"].items():
            path = ("state", "values", value)
            if int(value) > 65535:
                yield self._error(path, f"State {value} does not fit a register.")
            if str(int(value)) != value:
                yield self._error(path, f"State {value} must be written as a plain number.")
            if "error" in row and "warning" in row:
                yield self._error(path, f"State {value} has both an error and a warning.")
            if row["pilot"] in ("E", "X") and "error" not in row:
                yield self._error(
                    path, f"State {value} is pilot {row['pilot']}: it needs an error."
                )
            if row.get("boot") and row["pilot"] != "hold":
                yield self._error(path, f"State {value} is a boot state: its pilot must be hold.")
        pilots = {row["pilot"][0] for row in state["values"].values()}
        for needed, words in (("A", "unplugged"), ("C", "charging")):
            if needed not in pilots and not (needed == "C" and "D" in pilots):
                yield self._error(("state", "values"), f"No state means pilot {needed} ({words}).")

    def _control(self) -> Iterator[Finding]:
        control = self._data["control"]
        limit = control["limit"]
        path = ("control", "limit")
        name = limit["register"]
        yield from self._writable((*path, "register"), name, allow_bit=False)
        yield from self._quantity((*path, "register"), name, "current")
        if limit["min_a"] > limit["max_a"]:
            yield self._error(
                (*path, "min_a"), f"min_a ({limit['min_a']}) is above max_a ({limit['max_a']})."
            )
        if limit["min_a"] < 6:
            yield self._error(
                (*path, "min_a"), f"min_a is {limit['min_a']}: IEC 61851 knows nothing below 6 A."
            )
        for key in ("min_a", "max_a", "step_a"):
            if (Fraction(str(limit[key])) * 1000).denominator != 1:
                yield self._error((*path, key), f"{key} is {limit[key]}: whole mA only.")
        if name in self._registers and self._registers[name].get("unit") in ("A", "mA"):
            yield from self._limit_range(limit, self._registers[name])
        is_unlimited = limit["zero_means"] == "unlimited"
        if is_unlimited and "enable" not in control:
            yield self._error(
                (*path, "zero_means"),
                "Where 0 lifts the limit there must be an enable register to stop charging.",
            )
        if is_unlimited and limit["off"] == 0:
            yield self._error((*path, "off"), "off is 0, but 0 lifts the limit.")
        if "enable" in control:
            enable = control["enable"]
            place = ("control", "enable")
            yield from self._writable((*place, "register"), enable["register"], allow_bit=True)
            if enable["on"] == enable["off"]:
                yield self._error((*place, "off"), "enable.on and enable.off are the same.")
            row = self._registers.get(enable["register"], {})
            if row.get("space") == "coil" and max(enable["on"], enable["off"]) > 1:
                yield self._error(place, "A coil is 0 or 1.")
        if "pilot_interrupt" in control:
            name = control["pilot_interrupt"]["register"]
            where = ("control", "pilot_interrupt", "register")
            yield from self._writable(where, name, allow_bit=True)

    def _limit_range(self, limit: dict[str, Any], register: dict[str, Any]) -> Iterator[Finding]:
        path = ("control", "limit")
        raw_ma = scale_to_firmware(register)
        if raw_ma <= 0:
            return
        name = limit["register"]
        step_ma = Fraction(str(limit["step_a"])) * 1000
        if step_ma < raw_ma or (step_ma / raw_ma).denominator != 1:
            yield self._error(
                (*path, "step_a"),
                f"step_a is {limit['step_a']} A, but the register '{name}' moves in steps of"
                f" {float(raw_ma / 1000):g} A.",
            )
        if Fraction(str(limit["max_a"])) * 1000 / raw_ma > 65535:
            yield self._error(
                (*path, "max_a"),
                f"max_a ({limit['max_a']}) does not fit the register '{name}' with its scale.",
            )
        off_ma = limit["off"] * raw_ma
        if off_ma >= Fraction(str(limit["min_a"])) * 1000:
            yield self._error(
                (*path, "off"), f"off ({limit['off']}) would allow {float(off_ma / 1000):g} A."
            )

    def _watchdog(self) -> Iterator[Finding]:
        watchdog = self._data["watchdog"]
        if watchdog["fed_by"] == "none":
            for key in watchdog:
                if key != "fed_by":
                    yield self._error(("watchdog", key), f"Without a watchdog there is no '{key}'.")
            return
        keys = ("default_ms", "min_ms", "max_ms")
        for key in keys:
            if key not in watchdog:
                yield self._error(("watchdog",), f"watchdog lacks '{key}'.")
        if all(key in watchdog for key in keys) and not (
            watchdog["min_ms"] <= watchdog["default_ms"] <= watchdog["max_ms"]
        ):
            yield self._error(
                ("watchdog", "default_ms"), "default_ms is not between min_ms and max_ms."
            )
        for key, quantity in (("timeout_register", "time"), ("failsafe_register", "current")):
            if key in watchdog:
                place = ("watchdog", key)
                yield from self._writable(place, watchdog[key], allow_bit=False)
                yield from self._quantity(place, watchdog[key], quantity)
        name = watchdog.get("timeout_register")
        if name in self._registers and "max_ms" in watchdog:
            raw_ms = scale_to_firmware(self._registers[name])
            if raw_ms > 0 and watchdog["max_ms"] / raw_ms > 65535:
                yield self._error(
                    ("watchdog", "max_ms"), f"max_ms does not fit the register '{name}'."
                )

    def _init(self) -> Iterator[Finding]:
        for index, row in enumerate(self._data.get("init", [])):
            yield from self._writable(("init", index, "register"), row["register"], allow_bit=True)
