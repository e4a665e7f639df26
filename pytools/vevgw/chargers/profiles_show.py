"""What a profile says, for people."""

from __future__ import annotations

from typing import Any

from vevgw.chargers.profiles import Profile
from vevgw.chargers.profiles_units import register_words


def describe(profile: Profile) -> list[str]:
    """Returns the lines of `vevgw profiles show`."""
    data = profile.data
    lines = [
        f"{data['name']}: {data['title']}",
        f"  models     {', '.join(data['models'])}",
        *_transport(data["transport"]),
    ]
    if not profile.is_meter:
        lines += _control(data)
    lines += [f"  setup      {sentence}" for sentence in data.get("setup", [])]
    lines += [f"  note       {sentence}" for sentence in data.get("notes", [])]
    lines += ["", f"  {'register':<24} {'space':<8} {'address':>9}  {'type':<6} meaning"]
    lines += [_register(name, row) for name, row in data["registers"].items()]
    if not profile.is_meter:
        lines += ["", "  pilot  when"]
        lines += [_rule(row) for row in data["state"]["rules"]]
    if "errors" in data:
        lines += ["", "  error"]
        lines += [_rule(row) for row in data["errors"]]
    lines += ["", "  sources"]
    lines += [f"  {key}: {value}" for key, value in data["sources"].items()]
    lines += [str(finding) for finding in profile.warnings]
    return lines


def _transport(transport: dict[str, Any]) -> list[str]:
    lines = []
    for key, name in (("rtu", "RTU"), ("ascii", "ASCII")):
        if key in transport:
            line = transport[key]
            lines.append(
                f"  bus        Modbus {name}, {line['baud']} bit/s, parity {line['parity']},"
                f" {line['stop_bits']} stop bit(s)"
            )
    if "tcp" in transport:
        lines.append(f"  bus        Modbus TCP, port {transport['tcp'].get('port', 502)}")
    lines.append(f"  unit       {transport['unit']}, {transport['gap_ms']} ms between requests")
    return lines


def _control(data: dict[str, Any]) -> list[str]:
    limit, watchdog = data["control"]["limit"], data["watchdog"]
    lines = [
        f"  limit      {limit['min_a']} to {limit['max_a']} A in steps of {limit['step_a']} A,"
        f" register {limit['register']}; 0 means {limit['zero_means']}"
    ]
    actions = [name for name in data["control"] if name not in ("limit", "enable")]
    if actions:
        lines.append(f"  can        {', '.join(actions)}")
    if watchdog["fed_by"] == "none":
        lines.append("  watchdog   none: the charger goes on when the gateway is gone")
    else:
        by = watchdog["fed_by"].replace("_", " ")
        lines.append(f"  watchdog   {watchdog['default_ms']} ms, fed by {by}")
    return lines


def _register(name: str, row: dict[str, Any]) -> str:
    last = row["address"] + register_words(row) - 1
    address = str(row["address"]) if last == row["address"] else f"{row['address']}-{last}"
    words = [row.get("meaning", ""), row.get("unit", "")]
    words.append("writable" if "w" in row.get("access", "r") else "")
    words.append("retentive" if row.get("retentive") else "")
    words.append(f"from layout 0x{row['from_layout']:04X}" if row.get("from_layout") else "")
    words.append("optional" if row.get("optional") else "")
    words.append(f"confidence {row['confidence']}")
    said = ", ".join(word for word in words if word)
    note = f" ({row['note']})" if "note" in row else ""
    return f"  {name:<24} {row['space']:<8} {address:>9}  {row.get('type', 'u16'):<6} {said}{note}"


def _rule(row: dict[str, Any]) -> str:
    when = ", ".join(f"{name} {_match(match)}" for name, match in row.get("when", {}).items())
    what = row.get("error") or (f"warning {row['warning']}" if "warning" in row else "")
    info = row.get("info", "")
    words = [
        f"  {row.get('pilot', ''):<6} {when or 'otherwise'}",
        what,
        f"({info})" if info else "",
    ]
    return "  ".join(word for word in words if word)


def _match(match: Any) -> str:
    if isinstance(match, list):
        return " or ".join(map(str, match))
    if isinstance(match, dict):
        return " ".join(f"{key} {value}" for key, value in match.items())
    return f"= {match}"
