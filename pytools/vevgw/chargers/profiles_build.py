"""Makes the firmware's tables (lib/bridge/generated) from profiles."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from vevgw.chargers.profiles import REPOSITORY, Profile
from vevgw.chargers.profiles_units import scale_to_firmware
from vevgw.errors import UserError

OUTPUT_FOLDER = REPOSITORY / "lib" / "bridge" / "generated"
INDEX = "charger_profiles.cpp"
COMMAND = "vevgw profiles build"

_MEANINGS = {
    "state": "kState",
    "current": "kCurrent",
    "voltage": "kVoltage",
    "power": "kPower",
    "energy_total": "kEnergyTotal",
    "energy_session": "kEnergySession",
    "temperature": "kTemperature",
    "frequency": "kFrequency",
    "layout_version": "kLayoutVersion",
    "hardware_max": "kHardwareMax",
    "hardware_min": "kHardwareMin",
    "external_lock": "kExternalLock",
}
_SPACES = {"input": "kInput", "holding": "kHolding", "coil": "kCoil", "discrete": "kDiscrete"}
_POLLS = {None: "kNever", "once": "kOnce", "status": "kStatus", "meter": "kMeter"}
_PARITIES = {"none": "kNone", "even": "kEven", "odd": "kOdd"}
_PILOTS = {
    "A": "kA",
    "A1": "kA",
    "A2": "kA",
    "B": "kB",
    "B1": "kB1",
    "B2": "kB2",
    "C": "kC",
    "C1": "kC1",
    "C2": "kC2",
    # Ventilation: for the firmware the same as C.
    "D": "kC",
    "D1": "kC1",
    "D2": "kC2",
    "E": "kE",
    "F": "kF",
    "X": "kX",
    "hold": "kHold",
}
_ERRORS = {"EVCommunicationError": "kEvCommunicationError"}


def _error(name: str | None) -> str:
    if name is None:
        return "Error::kNone"
    return f"Error::{_ERRORS.get(name, 'k' + name)}"


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    # Not ASCII: octal bytes, which cannot run into the next character.
    return (
        '"'
        + "".join(
            char if " " <= char <= "~" else "".join(f"\\{byte:03o}" for byte in char.encode())
            for char in escaped
        )
        + '"'
    )


def _identifier(name: str) -> str:
    return "k" + "".join(part.capitalize() for part in name.split("-"))


def _milli(value: float) -> int:
    return int(Fraction(str(value)) * 1000)


class _Tables:
    """The tables of one profile. Registers that the firmware does not use are left out."""

    def __init__(self, profile: Profile) -> None:
        self._data = profile.data
        self._id = _identifier(profile.name)
        order = list(_SPACES)
        used = self._used_names()
        self._names = sorted(
            (name for name in self._data["registers"] if name in used),
            key=lambda name: (
                order.index(self._data["registers"][name]["space"]),
                self._data["registers"][name]["address"],
            ),
        )

    def _used_names(self) -> set[str]:
        data = self._data
        names = {name for name, row in data["registers"].items() if row.get("meaning")}
        names.add(data["control"]["limit"]["register"])
        if "enable" in data["control"]:
            names.add(data["control"]["enable"]["register"])
        names |= {row["register"] for row in data.get("init", [])}
        watchdog = data["watchdog"]
        return names | {
            watchdog[key] for key in ("timeout_register", "failsafe_register") if key in watchdog
        }

    def _index(self, name: str | None) -> str:
        return "kNoRegister" if name is None else str(self._names.index(name))

    def _register(self, name: str) -> str:
        row = self._data["registers"][name]
        scale = scale_to_firmware(row)
        kind = row.get("type", "u16")
        order = "kLowFirst" if row.get("word_order") == "low_first" else "kHighFirst"
        meaning = _MEANINGS.get(row.get("meaning", ""), "kNone")
        fields = [
            f"Meaning::{meaning}",
            f"Space::{_SPACES[row['space']]}",
            str(row["address"]),
            f"WordType::k{kind.upper()}",
            f"WordOrder::{order}",
            str(row.get("elements", 1)),
            str(scale.numerator),
            str(scale.denominator),
            f"0x{row.get('from_layout', 0):04X}",
            f"Poll::{_POLLS[row.get('poll')]}",
            "true" if row.get("retentive") else "false",
        ]
        return f"    {{{', '.join(fields)}}},  // {self._names.index(name)} {name}"

    def _state(self, value: int, row: dict[str, Any]) -> str:
        flags = []
        if "warning" in row:
            flags.append("kStateWarning")
        if row.get("boot"):
            flags.append("kStateBoot")
        error = _error(row.get("error", row.get("warning")))
        joined = " | ".join(flags) or "0"
        info = _text(row.get("info", ""))
        return f"    {{{value}, Pilot::{_PILOTS[row['pilot']]}, {error}, {joined}, {info}}},"

    def arrays(self) -> list[str]:
        """Returns the lines of the arrays that the profile points at."""
        lines = [f"constexpr RegisterRow {self._id}Registers[] = {{"]
        lines += [self._register(name) for name in self._names]
        lines += ["};", f"constexpr StateRow {self._id}States[] = {{"]
        for row in self._data["state"]["rules"]:
            lines += [self._state(value, row) for value in row["when"].values()]
        lines += ["};"]
        if self._data.get("init"):
            lines += [f"constexpr InitRow {self._id}Init[] = {{"]
            for row in self._data["init"]:
                verify = "true" if row.get("verify") else "false"
                lines.append(
                    f"    {{{self._index(row['register'])}, {row['value']}, {verify}}},"
                    f"  // {row['register']}"
                )
            lines += ["};"]
        return lines

    def entry(self) -> list[str]:
        """Returns the lines of the profile itself."""
        data = self._data
        transport, rtu = data["transport"], data["transport"]["rtu"]
        function = "Single" if transport["write_with"] == "single" else "Multiple"
        plural = "" if function == "Single" else "s"
        has_init = bool(data.get("init"))
        init = f"common::Span<const InitRow>({self._id}Init)" if has_init else "{}"
        return [
            "    {",
            f"        {_text(data['name'])},",
            f"        {_text(data['title'])},",
            f"        {{{rtu['baud']}, platform::Parity::{_PARITIES[rtu['parity']]},"
            f" {rtu['stop_bits']}}},",
            f"        {transport['unit']},  // unit",
            f"        {transport['gap_ms']},  // gap_ms",
            f"        {transport['timeout_ms']},  // timeout_ms",
            f"        {transport['max_registers']},  // max_read_registers",
            f"        {str(transport['read_across_gaps']).lower()},  // read_across_gaps",
            f"        modbus::Function::kWrite{function}Register{plural},",
            f"        {data['phases']},  // phases",
            f"        common::Span<const RegisterRow>({self._id}Registers),",
            f"        common::Span<const StateRow>({self._id}States),",
            *self._control(),
            *self._watchdog(),
            f"        {init},",
            "    };",
        ]

    def _control(self) -> list[str]:
        limit = self._data["control"]["limit"]
        enable = self._data["control"].get("enable", {})
        zero = "kStop" if limit["zero_means"] == "stop" else "kUnlimited"
        return [
            "        {",
            f"            {self._index(limit['register'])},  // limit_register",
            f"            {self._index(enable.get('register'))},  // enable_register",
            f"            {enable.get('on', 0)},  // enable_on",
            f"            {enable.get('off', 0)},  // enable_off",
            f"            {limit['off']},  // off_raw",
            f"            ZeroMeans::{zero},",
            f"            {_milli(limit['min_a'])},  // min_ma",
            f"            {_milli(limit['max_a'])},  // max_ma",
            f"            {_milli(limit['step_a'])},  // step_ma",
            f"            {_milli(limit.get('increase_every_s', 0))},  // increase_ms",
            "        },",
        ]

    def _watchdog(self) -> list[str]:
        watchdog = self._data["watchdog"]
        kind = "kNone" if watchdog["fed_by"] == "none" else "kAnyTransaction"
        return [
            "        {",
            f"            Heartbeat::{kind},",
            f"            {self._index(watchdog.get('timeout_register'))},  // timeout_register",
            f"            {watchdog.get('default_ms', 0)},  // default_ms",
            f"            {watchdog.get('min_ms', 0)},  // min_ms",
            f"            {watchdog.get('max_ms', 0)},  // max_ms",
            f"            {watchdog.get('divisor', 4)},  // feed_divisor",
            f"            {self._index(watchdog.get('failsafe_register'))},  // failsafe_register",
            "        },",
        ]


def render(profile: Profile) -> str:
    """Returns the C++ source with the tables of one profile."""
    table = _Tables(profile)
    lines = [
        f"// Generated by `{COMMAND}` from {profile.path.parent.name}/{profile.path.name}.",
        "// Do not edit.",
        "// clang-format off",
        '#include "bridge/profile.hpp"',
        "",
        "namespace bridge {",
        "",
        "namespace {",
        "",
        "using charger::Error;",
        "",
        *table.arrays(),
        "",
        "}  // namespace",
        "",
        f"extern const Profile {_identifier(profile.name)};",
        f"const Profile {_identifier(profile.name)} =",
        *table.entry(),
        "",
        "}  // namespace bridge",
        "",
    ]
    return "\n".join(lines)


def render_index(profiles: list[Profile]) -> str:
    """Returns the C++ source that lists the profiles."""
    names = [_identifier(profile.name) for profile in profiles]
    lines = [
        f"// Generated by `{COMMAND}`. Do not edit.",
        "// clang-format off",
        "#include <cstring>",
        "",
        '#include "bridge/profile.hpp"',
        "",
        "namespace bridge {",
        "",
        *(f"extern const Profile {name};" for name in names),
        "",
        "namespace {",
        "",
        "constexpr const Profile* kProfiles[] = {",
        *(f"    &{name}," for name in names),
        "};",
        "",
        "}  // namespace",
        "",
        "common::Span<const Profile* const> charger_profiles() { return kProfiles; }",
        "",
        "const Profile* find_charger_profile(const char* name) {",
        "  for (const Profile* profile : kProfiles) {",
        "    if (std::strcmp(profile->name, name) == 0) return profile;",
        "  }",
        "  return nullptr;",
        "}",
        "",
        "}  // namespace bridge",
        "",
    ]
    return "\n".join(lines)


def _sources(profiles: list[Profile]) -> dict[str, str]:
    profiles = sorted(profiles, key=lambda profile: profile.name)
    sources = {f"{profile.name.replace('-', '_')}.cpp": render(profile) for profile in profiles}
    return {**sources, INDEX: render_index(profiles)}


def _stale(folder: Path, sources: dict[str, str]) -> list[Path]:
    """Returns tables of profiles that are gone."""
    return [path for path in sorted(folder.glob("*.cpp")) if path.name not in sources]


def write(profiles: list[Profile], folder: Path = OUTPUT_FOLDER) -> int:
    """Writes the tables. Returns how many files changed.

    Raises:
        UserError: A file cannot be written.
    """
    sources = _sources(profiles)
    changed = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in _stale(folder, sources):
            path.unlink()
            changed += 1
        for name, content in sources.items():
            path = folder / name
            if path.is_file() and path.read_text(encoding="utf-8") == content:
                continue
            path.write_text(content, encoding="utf-8")
            changed += 1
    except OSError as error:
        raise UserError(f"Cannot write {error.filename}: {error.strerror}.") from None
    return changed


def check(profiles: list[Profile], folder: Path = OUTPUT_FOLDER) -> None:
    """Compares without writing.

    Raises:
        UserError: The committed tables are not what the profiles give.
    """
    sources = _sources(profiles)
    wrong = _stale(folder, sources)
    for name, content in sources.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != content:
            wrong.append(path)
    if wrong:
        raise UserError(
            f"{wrong[0]} does not match the profiles: run `{COMMAND}` and commit the result."
        )
