"""`vevgw profiles`: charger profiles, from YAML to the firmware's tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vevgw.chargers import profiles as store
from vevgw.chargers import profiles_build
from vevgw.chargers.profiles import PROFILES_FOLDER, Profile
from vevgw.chargers.profiles_check import register_words
from vevgw.errors import UserError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

_Folder = Annotated[Path, typer.Option("--folder", help="Folder with the profiles.")]


@app.callback()
def profiles() -> None:
    """Charger models as data: one YAML file each."""


@app.command("list")
def list_profiles(folder: _Folder = PROFILES_FOLDER) -> None:
    """List the charger profiles."""
    for path in store.profile_files(folder):
        profile, findings = store.check_file(path)
        if profile is None:
            errors = sum(finding.is_error for finding in findings)
            print(f"{path.stem:<32} has {errors} mistakes: vevgw profiles check {path.stem}")
        else:
            print(f"{profile.name:<32} {profile.data['title']}")


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="Name of a profile, or a YAML file.")],
    folder: _Folder = PROFILES_FOLDER,
) -> None:
    """Show what a profile reads and writes, and where that is known from."""
    path = store.find_file(name, folder)
    profile, findings = store.check_file(path)
    if profile is None:
        raise UserError(str(next(finding for finding in findings if finding.is_error)))
    print("\n".join(_describe(profile)))


@app.command("check")
def check(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names of profiles or YAML files; default: all.")
    ] = None,
    folder: _Folder = PROFILES_FOLDER,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail, too.")] = False,
) -> None:
    """Explain every mistake in profiles, with file and line."""
    paths = [store.find_file(name, folder) for name in names or []] or store.profile_files(folder)
    if not paths:
        raise UserError(f"There is no charger profile in {folder}.")
    errors = warnings = 0
    for path in paths:
        for finding in store.check_file(path)[1]:
            errors += finding.is_error
            warnings += not finding.is_error
            print(finding)
    said = [
        f"{count} {word}{'' if count == 1 else 's'}"
        for count, word in ((errors, "mistake"), (warnings, "warning"))
        if count
    ]
    if errors or (strict and warnings):
        raise UserError(f"{' and '.join(said)} in {len(paths)} profile(s).")
    print(f"{len(paths)} profile(s) checked: {' and '.join(said) or 'no mistakes'}.")


@app.command("build")
def build(
    check_only: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if the tables do not match.")
    ] = False,
    folder: _Folder = PROFILES_FOLDER,
    output: Annotated[Path, typer.Option(help="C++ file to write.")] = profiles_build.OUTPUT_FILE,
) -> None:
    """Make the firmware's tables from the profiles."""
    loaded = store.load_all(folder)
    if check_only:
        profiles_build.check(loaded, output)
        print(f"{output} matches {len(loaded)} profile(s).")
        return
    changed = profiles_build.write(loaded, output)
    print(f"{output}: {len(loaded)} profile(s), {'changed' if changed else 'unchanged'}.")


def _describe(profile: Profile) -> list[str]:
    data = profile.data
    transport, rtu = data["transport"], data["transport"]["rtu"]
    limit, watchdog = data["control"]["limit"], data["watchdog"]
    lines = [
        f"{data['name']}: {data['title']}",
        f"  models     {', '.join(data['models'])}",
        f"  bus        {rtu['baud']} bit/s, parity {rtu['parity']}, {rtu['stop_bits']} stop bit(s),"
        f" unit {transport['unit']}, {transport['gap_ms']} ms between requests",
        f"  limit      {limit['min_a']} to {limit['max_a']} A in steps of {limit['step_a']} A,"
        f" register {limit['register']}; 0 means {limit['zero_means']}",
    ]
    if watchdog["fed_by"] == "none":
        lines.append("  watchdog   none: the charger goes on when the gateway is gone")
    else:
        lines.append(f"  watchdog   {watchdog['default_ms']} ms, fed by any request")
    lines += [f"  setup      {sentence}" for sentence in data.get("setup", [])]
    lines += ["", f"  {'register':<24} {'space':<8} {'address':>9}  {'type':<6} meaning"]
    for name, row in data["registers"].items():
        last = row["address"] + register_words(row) - 1
        address = str(row["address"]) if last == row["address"] else f"{row['address']}-{last}"
        words = [row.get("meaning", ""), row.get("unit", "")]
        words.append("writable" if "w" in row.get("access", "r") else "")
        words.append(f"from layout 0x{row['from_layout']:04X}" if row.get("from_layout") else "")
        words.append(f"confidence {row['confidence']}")
        words.append(f"({row['note']})" if "note" in row else "")
        said = ", ".join(word for word in words[:-1] if word)
        lines.append(
            f"  {name:<24} {row['space']:<8} {address:>9}  {row.get('type', 'u16'):<6}"
            f" {said} {words[-1]}".rstrip()
        )
    lines += ["", "  state  pilot"]
    for value, row in data["state"]["values"].items():
        what = row.get("error") or (f"warning {row['warning']}" if "warning" in row else "")
        lines.append(f"  {value:>5}  {row['pilot']:<5} {what} {row.get('info', '')}".rstrip())
    lines += ["", "  sources"]
    lines += [f"  {key}: {value}" for key, value in data["sources"].items()]
    lines += [str(finding) for finding in profile.warnings]
    return lines
