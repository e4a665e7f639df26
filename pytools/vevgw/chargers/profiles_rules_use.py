"""What a profile must be beyond its shape: what is done with its registers."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from vevgw.chargers.profiles_units import (
    FLOATS,
    TEXTS,
    UNITS,
    fraction,
    is_bit,
    largest_raw,
    scale_to_firmware,
)
from vevgw.chargers.profiles_yaml import Document, Finding, KeyPath, dotted, guess

_AT_START = ("once",)
_CYCLIC = ("status", "meter")
_ACTIONS = ("unlock", "authorize", "deauthorize", "in_service", "out_of_service", "restart")
# Lowest current of IEC 61851, A.
_LOWEST_A = 6


class Use:
    """Checks state, errors, control, watchdog, settings and tag reader."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._data: dict[str, Any] = document.data
        self._registers: dict[str, dict[str, Any]] = self._data["registers"]
        self._used: set[str] = set()

    def findings(self) -> Iterator[Finding]:
        """Returns what is wrong. The document has the right shape."""
        yield from self._gates()
        yield from self._state()
        for index, rule in enumerate(self._data.get("errors", [])):
            yield from self._fault(("errors", index), rule, is_needed=True)
            yield from self._when(("errors", index, "when"), rule["when"], _CYCLIC)
        if "control" in self._data:
            yield from self._limit()
            yield from self._enable()
            yield from self._actions()
        if "watchdog" in self._data:
            yield from self._watchdog()
        for index, row in enumerate(self._data.get("init", [])):
            yield from self._written(("init", index), row["register"], row["value"], row)
            if "when" in row:
                yield from self._when(("init", index, "when"), row["when"], _AT_START)
        yield from self._tag_reader()
        for name, row in self._registers.items():
            if row.get("poll") and "meaning" not in row and name not in self._used:
                yield self._error(
                    ("registers", name),
                    f"Register '{name}' is polled but has no meaning, and no rule uses it.",
                )

    def _error(self, path: KeyPath, message: str) -> Finding:
        return self._document.finding(path, message)

    # --- registers that are named

    def _known(self, path: KeyPath, name: str) -> Iterator[Finding]:
        self._used.add(name)
        if name not in self._registers:
            yield self._error(
                path,
                f"{dotted(path)} names the register '{name}', which the profile does not"
                f" have{guess(name, list(self._registers))}.",
            )

    def _writable(self, path: KeyPath, name: str) -> Iterator[Finding]:
        yield from self._known(path, name)
        register = self._registers.get(name)
        if register is None:
            return
        if "w" not in register.get("access", "r"):
            yield self._error(
                path, f"{dotted(path)} writes the register '{name}', which is read-only."
            )
        for key in ("offset", "shift", "mask", "read_along"):
            if key in register:
                yield self._error(
                    path, f"{dotted(path)} writes the register '{name}', which has a {key}."
                )
        if register.get("type") in TEXTS:
            yield self._error(path, f"{dotted(path)} cannot write a text ('{name}').")

    def _quantity(self, path: KeyPath, name: str, *quantities: str) -> Iterator[Finding]:
        register = self._registers.get(name)
        if register is None:
            return
        unit = register.get("unit")
        if unit is None or UNITS[unit][0] not in quantities:
            units = ", ".join(key for key, (of, _) in UNITS.items() if of in quantities)
            said = "has no unit" if unit is None else f"has the unit {unit}"
            yield self._error(
                path, f"{dotted(path)}: the register '{name}' {said}; possible: {units}."
            )
        elif self._is_scaled(register) and any(scale <= 0 for scale in self._scales(register)):
            yield self._error(path, f"{dotted(path)}: the scale of '{name}' must be above 0.")

    @staticmethod
    def _is_scaled(register: dict[str, Any]) -> bool:
        try:
            Use._scales(register)
        except (ValueError, ZeroDivisionError):
            return False
        return True

    @staticmethod
    def _scales(register: dict[str, Any]) -> list[Fraction]:
        rows: list[dict[str, Any]] = [register, *register.get("variants", [])]
        return [scale_to_firmware(register, row.get("scale", 1)) for row in rows]

    def _raw_fits(self, path: KeyPath, name: str, value: float) -> Iterator[Finding]:
        register = self._registers.get(name)
        if register is None or register.get("type") in (*TEXTS, *FLOATS):
            return
        # Raw values are bit patterns: 0xFFFF of a s16 is -1.
        kind = "u16" if is_bit(register) else register.get("type", "u16")
        highest = largest_raw(register) * (2 if kind[0] == "s" else 1) + (kind[0] == "s")
        lowest = -largest_raw(register) - 1 if kind[0] == "s" else 0
        if value != int(value) or not lowest <= value <= highest:
            what = "a coil is 0 or 1" if is_bit(register) else f"its type is {kind}"
            yield self._error(
                path, f"{dotted(path)}: {value} does not fit the register '{name}': {what}."
            )

    def _written(
        self, path: KeyPath, name: str, value: float, row: dict[str, Any], key: str = "register"
    ) -> Iterator[Finding]:
        yield from self._writable((*path, key), name)
        yield from self._raw_fits((*path, "value"), name, value)
        register = self._registers.get(name, {})
        if "mask" in row and register:
            if is_bit(register) or register.get("type", "u16") != "u16":
                yield self._error(
                    (*path, "mask"), f"{dotted(path)} has a mask: '{name}' must be a u16 register."
                )
            elif register.get("access") != "rw":
                yield self._error(
                    (*path, "mask"), f"{dotted(path)} has a mask: '{name}' must be readable, too."
                )
            elif int(value) & ~row["mask"]:
                yield self._error(
                    (*path, "value"), f"{dotted(path)}: the value has bits outside the mask."
                )

    # --- conditions

    def _when(
        self, path: KeyPath, when: dict[str, Any], polls: tuple[str, ...], self_name: str = ""
    ) -> Iterator[Finding]:
        for name, match in when.items():
            place = (*path, name)
            yield from self._known(place, name)
            register = self._registers.get(name)
            if register is None:
                continue
            is_layout = register.get("meaning") == "layout_version"
            if name != self_name and not is_layout and register.get("poll") not in polls:
                yield self._error(
                    place,
                    f"{dotted(path)} needs the register '{name}' with poll: {' or '.join(polls)}.",
                )
            if register.get("access") == "w":
                yield self._error(place, f"{dotted(place)}: '{name}' cannot be read.")
            yield from self._match(place, name, match)

    def _match(self, path: KeyPath, name: str, match: Any) -> Iterator[Finding]:
        register = self._registers[name]
        kind = "u16" if is_bit(register) else register.get("type", "u16")
        if kind in FLOATS or kind in ("u64", "s64", "utf16", "hex"):
            yield self._error(
                path,
                f"{dotted(path)}: a {kind} register cannot be compared; use u16, u32 or ascii.",
            )
            return
        if register.get("elements", 1) != 1:
            yield self._error(path, f"{dotted(path)}: '{name}' has several elements.")
        literals = match if isinstance(match, list) else [match]
        if isinstance(match, dict):
            yield from self._comparison(path, match, is_text=kind == "ascii")
            keys = ("equals", "not", "min", "max")
            literals = [*(match[key] for key in keys if key in match), *match.get("in", [])]
        bits = 1 if is_bit(register) else 32 if kind in ("u32", "s32") else 16
        for literal in literals:
            if isinstance(literal, str) and kind != "ascii":
                yield self._error(
                    path, f"{dotted(path)}: '{name}' is a number, '{literal}' is none."
                )
            elif not isinstance(literal, str) and kind == "ascii":
                yield self._error(
                    path, f"{dotted(path)}: '{name}' is a text: write {literal} in quotes."
                )
            elif not isinstance(literal, str) and literal >= 2**bits:
                yield self._error(
                    path, f"{dotted(path)}: {literal} does not fit the register '{name}'."
                )

    def _comparison(
        self, path: KeyPath, match: dict[str, Any], *, is_text: bool
    ) -> Iterator[Finding]:
        if is_text:
            yield self._error(path, f"{dotted(path)}: a text is compared with words only.")
            return
        kinds = [key for key in ("bit", "equals", "in", "not") if key in match]
        has_range = "min" in match or "max" in match
        if len(kinds) + has_range != 1:
            yield self._error(
                path, f"{dotted(path)} needs one of bit, equals, in, not, and min with max."
            )
        if "bit" in match and "mask" in match:
            yield self._error(path, f"{dotted(path)} has both bit and mask.")
        if match.get("min", 0) > match.get("max", 2**32):
            yield self._error(path, f"{dotted(path)}: min is above max.")
        if "mask" in match and any(
            literal & ~match["mask"] for literal in (match.get("equals", 0), *match.get("in", []))
        ):
            yield self._error(path, f"{dotted(path)} can never hold: there are bits outside mask.")

    def _gates(self) -> Iterator[Finding]:
        if "identity" in self._data:
            yield from self._when(("identity",), self._data["identity"], _AT_START)
        for name, row in self._registers.items():
            path = ("registers", name)
            if "exists_when" in row:
                yield from self._when((*path, "exists_when"), row["exists_when"], _AT_START)
                if name in row["exists_when"]:
                    yield self._error((*path, "exists_when"), f"'{name}' depends on itself.")
            for index, variant in enumerate(row.get("variants", [])):
                place = (*path, "variants", index, "when")
                yield from self._when(place, variant["when"], _AT_START, name)

    # --- state and errors

    def _fault(self, path: KeyPath, rule: dict[str, Any], *, is_needed: bool) -> Iterator[Finding]:
        if "error" in rule and "warning" in rule:
            yield self._error(path, f"{dotted(path)} has both an error and a warning.")
        if is_needed and "error" not in rule and "warning" not in rule:
            yield self._error(path, f"{dotted(path)} needs an error or a warning.")

    def _state(self) -> Iterator[Finding]:
        if "state" not in self._data:
            return
        rules = self._data["state"]["rules"]
        for index, rule in enumerate(rules):
            path = ("state", "rules", index)
            yield from self._fault(path, rule, is_needed=False)
            if "when" in rule:
                yield from self._when((*path, "when"), rule["when"], ("status",))
            elif index != len(rules) - 1:
                yield self._error(path, f"{dotted(path)} always holds: what follows never counts.")
            if rule["pilot"] in ("E", "X") and "error" not in rule:
                yield self._error(
                    path, f"{dotted(path)} is pilot {rule['pilot']}: it needs an error."
                )
            if rule.get("boot") and rule["pilot"] != "hold":
                yield self._error(path, f"{dotted(path)} is a boot state: its pilot must be hold.")
        pilots = {rule["pilot"][0] for rule in rules}
        for needed, words in (("A", "unplugged"), ("C", "charging")):
            if needed not in pilots and not (needed == "C" and "D" in pilots):
                yield self._error(("state", "rules"), f"No rule means pilot {needed} ({words}).")

    # --- control

    def _limit(self) -> Iterator[Finding]:
        control = self._data["control"]
        limit = control["limit"]
        path = ("control", "limit")
        names = [limit["register"], *limit.get("also", [])]
        places = [(*path, "register"), *((*path, "also", i) for i in range(len(names) - 1))]
        for place, name in zip(places, names, strict=True):
            yield from self._writable(place, name)
            yield from self._quantity(place, name, "current", "power")
            if self._registers.get(name, {}).get("retentive"):
                yield self._error(place, f"'{name}' is retentive: it would wear out.")
        if limit["min_a"] > limit["max_a"]:
            yield self._error(
                (*path, "min_a"), f"min_a ({limit['min_a']}) is above max_a ({limit['max_a']})."
            )
        if limit["min_a"] < _LOWEST_A:
            yield self._error(
                (*path, "min_a"), f"min_a is {limit['min_a']}: IEC 61851 knows nothing below 6 A."
            )
        for key in ("min_a", "max_a", "step_a"):
            if (Fraction(str(limit[key])) * 1000).denominator != 1:
                yield self._error((*path, key), f"{key} is {limit[key]}: whole mA only.")
        yield from self._raw_fits((*path, "off"), limit["register"], limit["off"])
        register = self._registers.get(limit["register"])
        if (
            register is not None
            and register.get("unit") in ("A", "mA")
            and self._is_scaled(register)
        ):
            yield from self._limit_range(limit, register)
        zero = limit["zero_means"]
        if zero == "unlimited" and "enable" not in control:
            yield self._error(
                (*path, "zero_means"),
                "Where 0 lifts the limit there must be an enable register to stop charging.",
            )
        if zero != "stop" and limit["off"] == 0:
            what = "lifts the limit" if zero == "unlimited" else "starts charging"
            yield self._error((*path, "off"), f"off is 0, but 0 {what}.")

    def _limit_range(self, limit: dict[str, Any], register: dict[str, Any]) -> Iterator[Finding]:
        path = ("control", "limit")
        scales = self._scales(register)
        finest = min(scales)
        if finest <= 0:
            return
        name = limit["register"]
        is_float = register.get("type") in FLOATS
        step_ma = Fraction(str(limit["step_a"])) * 1000
        # A scale like 0.06 A does not divide any step: it is rounded down.
        if not is_float and step_ma < finest:
            yield self._error(
                (*path, "step_a"),
                f"step_a is {limit['step_a']} A, but the register '{name}' moves in steps of"
                f" {float(finest / 1000):g} A.",
            )
        if not is_float and Fraction(str(limit["max_a"])) * 1000 / finest > largest_raw(register):
            yield self._error(
                (*path, "max_a"),
                f"max_a ({limit['max_a']}) does not fit the register '{name}' with its scale.",
            )
        off_ma = fraction(limit["off"]) * max(scales)
        is_disabled = limit["off"] > Fraction(str(limit["max_a"])) * 1000 / finest
        has_enable = "enable" in self._data["control"]
        if off_ma >= Fraction(str(limit["min_a"])) * 1000 and not is_disabled and not has_enable:
            yield self._error(
                (*path, "off"),
                f"off ({limit['off']}) would allow {float(off_ma / 1000):g} A.",
            )

    def _enable(self) -> Iterator[Finding]:
        enable = self._data["control"].get("enable")
        if enable is None:
            return
        place = ("control", "enable")
        yield from self._writable((*place, "register"), enable["register"])
        if enable["on"] == enable["off"]:
            yield self._error((*place, "off"), "enable.on and enable.off are the same.")
        for key in ("on", "off"):
            yield from self._raw_fits((*place, key), enable["register"], enable[key])

    def _actions(self) -> Iterator[Finding]:
        control = self._data["control"]
        for name in _ACTIONS:
            yield from self._steps(("control", name), control.get(name, []))
        yield from self._steps(
            ("control", "wake", "steps"), control.get("wake", {}).get("steps", [])
        )
        phases = control.get("phases")
        if phases is None:
            return
        path = ("control", "phases")
        for key in ("one", "three"):
            yield from self._steps((*path, key), phases[key])
        if self._data["phases"] != 3:
            yield self._error(path, "Only a charger with three phases can switch them.")
        if ("register" in phases) != ("one_when" in phases):
            yield self._error(path, "register and one_when of phases go together.")
        elif "register" in phases:
            yield from self._when(
                (*path, "one_when"), {phases["register"]: phases["one_when"]}, _CYCLIC
            )

    def _steps(self, path: KeyPath, steps: list[dict[str, Any]]) -> Iterator[Finding]:
        for index, step in enumerate(steps):
            place = (*path, index)
            kinds = [key for key in ("write", "wait_s", "idle_s") if key in step]
            if len(kinds) != 1:
                yield self._error(place, f"{dotted(place)} needs one of write, wait_s, idle_s.")
                continue
            if kinds != ["write"]:
                for key in ("value", "mask"):
                    if key in step:
                        yield self._error(
                            (*place, key), f"{dotted(place)} writes nothing: no {key}."
                        )
            elif "value" not in step:
                yield self._error(place, f"{dotted(place)} lacks 'value'.")
            else:
                yield from self._written(place, step["write"], step["value"], step, "write")
            if "when" in step:
                yield from self._when((*place, "when"), step["when"], (*_AT_START, *_CYCLIC))

    # --- watchdog and tag reader

    def _watchdog(self) -> Iterator[Finding]:
        watchdog = self._data["watchdog"]
        kind = watchdog["fed_by"]
        if "restart_register" in watchdog:
            place = ("watchdog", "restart_register")
            yield from self._writable(place, watchdog["restart_register"])
            yield from self._quantity(place, watchdog["restart_register"], "current")
        if kind == "none":
            for key in watchdog:
                if key not in ("fed_by", "restart_register"):
                    yield self._error(("watchdog", key), f"Without a watchdog there is no '{key}'.")
            return
        keys = ["default_ms"]
        if "timeout_register" in watchdog:
            keys += ["min_ms", "max_ms"]
        if kind == "token":
            keys += ["register", "value"]
        if kind == "write_timeout":
            keys += ["timeout_register"]
        for key in keys:
            if key not in watchdog:
                yield self._error(("watchdog",), f"watchdog lacks '{key}'.")
        for key in ("register", "value"):
            if key in watchdog and kind != "token":
                yield self._error(("watchdog", key), f"Only a token has a '{key}'.")
        if kind == "token" and "register" in watchdog and "value" in watchdog:
            yield from self._written(("watchdog",), watchdog["register"], watchdog["value"], {})
        low, high = watchdog.get("min_ms", 0), watchdog.get("max_ms", 3600000)
        if "default_ms" in watchdog and not low <= watchdog["default_ms"] <= high:
            yield self._error(
                ("watchdog", "default_ms"), "default_ms is not between min_ms and max_ms."
            )
        yield from self._watchdog_registers(watchdog)

    def _watchdog_registers(self, watchdog: dict[str, Any]) -> Iterator[Finding]:
        failsafe = watchdog.get("failsafe_register", [])
        for index, name in enumerate([failsafe] if isinstance(failsafe, str) else failsafe):
            place: KeyPath = ("watchdog", "failsafe_register")
            place = place if isinstance(failsafe, str) else (*place, index)
            yield from self._writable(place, name)
            yield from self._quantity(place, name, "current")
        if not failsafe and watchdog.get("then", "failsafe_current") == "failsafe_current":
            yield self._document.finding(
                ("watchdog",),
                "The current that the charger falls back to is only set at the charger: the"
                " installer tells the gateway with c?.failsafe_ma.",
                is_error=False,
            )
        name = watchdog.get("timeout_register")
        if name is None:
            return
        place = ("watchdog", "timeout_register")
        yield from self._writable(place, name)
        yield from self._quantity(place, name, "time")
        register = self._registers.get(name)
        if register is None or "max_ms" not in watchdog or not self._is_scaled(register):
            return
        scale = min(self._scales(register))
        if scale > 0 and watchdog["max_ms"] / scale > largest_raw(register):
            yield self._error(("watchdog", "max_ms"), f"max_ms does not fit the register '{name}'.")

    def _tag_reader(self) -> Iterator[Finding]:
        reader = self._data.get("tag_reader")
        if reader is None:
            return
        for key in ("register", "counter", "length"):
            if key not in reader:
                continue
            name, place = reader[key], ("tag_reader", key)
            yield from self._known(place, name)
            register = self._registers.get(name)
            if register is None:
                continue
            if register.get("poll") != "status":
                yield self._error(
                    place, f"{dotted(place)} needs the register '{name}' with poll: status."
                )
            is_text = register.get("type") in TEXTS
            if is_text != (key == "register"):
                kinds = "hex, ascii or utf16" if key == "register" else "a number"
                yield self._error(place, f"{dotted(place)}: '{name}' must be {kinds}.")
