"""`vevgw conformance`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console

from vevgw.conformance import loader
from vevgw.conformance.model import PROFILES, Case
from vevgw.conformance.mutants import Mutant, derive, derive_all
from vevgw.conformance.params import FIXED, SCALED, Scale
from vevgw.conformance.pics import NATIVE, load_pics
from vevgw.conformance.report.html import write_html
from vevgw.conformance.report.junit import write_junit
from vevgw.conformance.report.terminal import TerminalReport
from vevgw.conformance.suite import Plan, Trial, run_cases, run_mutants
from vevgw.conformance.targets.choose import choose
from vevgw.errors import UserError

app = typer.Typer(no_args_is_help=True, help="Judge an OCPP 1.6J charge point.")

#: Longest wait for a message while one is falsified, s: some wallboxes raise their limit only every
#: 20 s.
MUTANT_TIMEOUT_S = 25
#: Cases at a time: most of them wait most of the time.
JOBS = 16

CaseOption = Annotated[
    list[str] | None, typer.Option("--case", metavar="TC_...", help="only these cases")
]
ProfileOption = Annotated[
    list[str] | None, typer.Option("--profile", help=f"only these: {', '.join(PROFILES)}")
]
JobsOption = Annotated[int, typer.Option(min=1, help="cases at a time on the native gateway")]
FolderOption = Annotated[
    Path | None, typer.Option(help="keeps the logs of every case; default: kept when one is bad")
]


@app.command()
def run(
    target: Annotated[
        str,
        typer.Option(help="native, serial:DEVICE, rfc2217://HOST:PORT or command:FILE"),
    ] = "native",
    program: Annotated[
        Path | None, typer.Option(help="native gateway; default: the one built in the project")
    ] = None,
    case: CaseOption = None,
    profile: ProfileOption = None,
    jobs: JobsOption = JOBS,
    pics: Annotated[
        Path | None, typer.Option(help="what the charge point supports; default: the gateway's")
    ] = None,
    scale: Annotated[
        str | None, typer.Option(help="intervals: fast or slow; default: as the target needs")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="of a parameter")
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="address of the CSMS; default: this machine's own")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="of the CSMS; 0 = any")] = 0,
    charger_port: Annotated[
        str | None, typer.Option(help="with a board: RS-485 adapter that plays the charger")
    ] = None,
    firmware: Annotated[
        Path | None, typer.Option(help="with a board: image of it for firmware updates")
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="writes JUnit XML")] = None,
    html: Annotated[Path | None, typer.Option(help="writes a page to look at")] = None,
    folder: FolderOption = None,
) -> None:
    """Run cases. Exit code 1: one failed, or nothing can be said about one."""
    cases = select(loader.load_all(), case, profile)
    if pics is None and target.startswith("command:"):
        raise UserError(f"What does it support? --pics FILE says so; {NATIVE} is one.", exit_code=2)
    with place_for_logs(folder) as place:
        chosen = choose(
            target, charger_port=charger_port, folder=place, is_attended=True, program=program
        )
        plan = Plan(
            chosen.make,
            load_pics(pics or NATIVE).only(chosen.variants),
            place,
            jobs=min(jobs, chosen.jobs or jobs),
            scale=parse_scale(scale) if scale else chosen.scale,
            host=host or ("127.0.0.1" if target == "native" else own_address()),
            port=port,
            overrides=parse_values(set_ or []),
            firmware=firmware,
        )
        report = TerminalReport(Console(soft_wrap=True))
        begin_s = time.monotonic()
        outcomes = asyncio.run(run_cases(cases, plan, report.on_outcome))
        took_s = time.monotonic() - begin_s
        report.summary(outcomes, took_s)
        if html is not None:
            write_html(outcomes, plan.pics, html, target=target, took_s=took_s)
        if junit is not None:
            write_junit(outcomes, junit)
        if any(outcome.is_bad for outcome in outcomes):
            raise typer.Exit(1)


@app.command()
def mutants(
    case: CaseOption = None,
    profile: ProfileOption = None,
    jobs: JobsOption = JOBS,
    every_step: Annotated[
        bool, typer.Option("--every-step", help="one mutant for each decisive step of each case")
    ] = False,
    folder: FolderOption = None,
) -> None:
    """Prove the cases: falsify a message of each; exit code 1: a case did not find out."""
    chosen: list[Mutant] = []
    for one in select(loader.load_all(), case, profile):
        found = list(derive_all(one)) if every_step else []
        if not found and (single := derive(one)) is not None:
            found = [single]
        chosen += found
        if not found:
            raise UserError(f"{one.id} names no mutant, and none can be derived ({one.place}).")
    console = Console(soft_wrap=True)

    def show(trial: Trial) -> None:
        if trial.outcome is None or trial.is_killed:
            return
        console.print(
            f"survived  {trial.mutant.case.id}: {trial.mutant.describe()}: "
            f"{trial.outcome.verdict} {trial.outcome.reason}",
            markup=False,
            highlight=False,
        )

    begin_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="vevgw-conformance-") as temporary:
        place = folder or Path(temporary)
        target = choose("native", charger_port=None, folder=place, is_attended=False)
        # Messages that are falsified are waited for in vain.
        plan = Plan(
            target.make,
            load_pics(),
            place,
            jobs=jobs,
            overrides={"MSG_TIMEOUT": MUTANT_TIMEOUT_S},
        )
        trials = asyncio.run(run_mutants(chosen, plan, show))
    tried = [trial for trial in trials if trial.outcome is not None]
    killed = sum(trial.is_killed for trial in tried)
    print(f"{killed} of {len(tried)} mutants found in {time.monotonic() - begin_s:.0f} s")
    if killed < len(tried):
        raise typer.Exit(1)


@app.command("list")
def list_cases(case: CaseOption = None, profile: ProfileOption = None) -> None:
    """List the cases."""
    for one in select(loader.load_all(), case, profile):
        print(f"{one.id:<12} {one.profile:<24} {one.title}")


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="with states.yaml and PROFILE/*.yaml")] = (
        loader.FOLDER
    ),
) -> None:
    """Check the files of cases; each mistake is one line with file and line."""
    library = loader.read(folder)
    for finding in sorted(library.findings):
        print(_relative(str(finding)))
    if library.findings:
        raise typer.Exit(1)
    print(f"{len(library.cases)} cases and {len(library.states)} states are well-formed.")


@contextlib.contextmanager
def place_for_logs(folder: Path | None) -> Iterator[Path]:
    """Gives a folder; one of its own goes again, unless an error leaves: its logs were named."""
    place = folder or Path(tempfile.mkdtemp(prefix="vevgw-conformance-"))
    yield place
    if folder is None:
        shutil.rmtree(place, ignore_errors=True)


def own_address() -> str:
    """The address of the interface with the default route; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


def parse_scale(text: str) -> Scale:
    """Reads fast or slow."""
    if text == "fast":
        return "fast"
    if text == "slow":
        return "slow"
    raise UserError(f"The scale is fast or slow, not {text}.", exit_code=2)


def parse_values(texts: list[str]) -> dict[str, Any]:
    """Reads NAME=VALUE; numbers become numbers.

    Raises:
        UserError: There is no such parameter, or it is a number and the value is none.
    """
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.removeprefix("$")
        if not equals or name not in {**SCALED, **FIXED}:
            raise UserError(f"--set {text}: there is no parameter {name}.", exit_code=2)
        values[name] = yaml.safe_load(value)
        usual = SCALED[name][0] if name in SCALED else FIXED[name][0]
        if not isinstance(usual, str) and not isinstance(values[name], int | float):
            raise UserError(f"--set {text}: {name} is a number.", exit_code=2)
    return values


def _relative(text: str) -> str:
    return text.removeprefix(f"{os.getcwd()}{os.sep}")


def select(cases: list[Case], ids: list[str] | None, profiles: list[str] | None) -> list[Case]:
    """Returns the cases that were asked for.

    Raises:
        UserError: One does not exist, or nothing is left.
    """
    wanted = {one.upper().removesuffix("_CS").removesuffix("_CP") + "_CP" for one in ids or ()}
    unknown = sorted(wanted - {case.id for case in cases})
    if unknown:
        raise UserError(f"There is no case {unknown[0]}; 'vevgw conformance list' shows them.")
    for profile in profiles or ():
        if profile not in PROFILES:
            raise UserError(f"There is no profile {profile}; there are: {', '.join(PROFILES)}.")
    chosen = [
        case
        for case in cases
        if (not wanted or case.id in wanted) and (not profiles or case.profile in profiles)
    ]
    if not chosen:
        raise UserError("No case is left to run.")
    return chosen
