"""`vevgw build`: builds and tests through PlatformIO, natively without its registry."""

from __future__ import annotations

from typing import Annotated

import typer

from vevgw.board import build as board_build
from vevgw.build import cpp_format, fuzz, layering, pio, reproducible
from vevgw.build import suites as test_suites
from vevgw.errors import UserError

app = typer.Typer(invoke_without_command=True)

Environment = Annotated[
    str, typer.Option("-e", "--env", "--environment", help="see platformio.ini")
]
Profiles = Annotated[
    list[str] | None,
    typer.Option("--profile", help="only this charger or meter profile; may be repeated"),
]


@app.callback()
def build(
    context: typer.Context,
    environment: Annotated[
        str | None, typer.Option("-e", "--env", "--environment", help="builds it: see `firmware`")
    ] = None,
    profiles: Profiles = None,
) -> None:
    """Build the firmware and run its test suites."""
    if context.invoked_subcommand is not None:
        if environment is not None or profiles:
            raise UserError(
                f"Name environment and profiles behind the word '{context.invoked_subcommand}'.",
                exit_code=2,
            )
        return
    if environment is None:
        print(context.get_help())
        return
    firmware(environment, profiles)


@app.command()
def firmware(environment: Environment = "native", profiles: Profiles = None) -> None:
    """Build one environment and say where the result is."""
    project = pio.project_dir()
    if pio.is_native(environment):
        chosen = board_build.flags(profiles or [])
        variables = {"PLATFORMIO_BUILD_FLAGS": " ".join(chosen)} if chosen else None
        print(pio.build(project, environment, variables=variables))
        return
    built = board_build.make(project, environment, profiles=profiles or [])
    print(f"{built.version}: {built.sizes.sentence()}")
    print(built.folder)
    print(f"Next: vevgw flash --from {built.folder.relative_to(project)}")


@app.command("reproducible")
def check_reproducible(environment: Environment = "native") -> None:
    """Build the commit twice in different places: the binaries must not differ."""
    if not pio.is_native(environment):
        raise UserError("Only native environments are compared: the board's needs a toolchain.")
    digest = reproducible.check(pio.project_dir(), environment)
    print(f"{environment}: two builds, the same bytes, SHA-256 {digest}")


@app.command("test")
def suites(
    environment: Environment = "native",
    filters: Annotated[
        list[str] | None, typer.Option("-f", "--filter", help="suites, such as 'unit/*'")
    ] = None,
) -> None:
    """Run test suites; a suite without a test case counts as failed."""
    results = test_suites.run(pio.project_dir(), environment, filters or [])
    cases = sum(suite.cases for suite in results)
    print(f"{environment}: {len(results)} suites, {cases} cases, all passed")


@app.command("pio", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def raw(context: typer.Context) -> None:
    """Run any `pio` command with the native core, such as `vevgw build pio run -t clean`."""
    raise typer.Exit(pio.run(pio.project_dir(), context.args, native=True))


@app.command("layering")
def check_layering() -> None:
    """Check that each folder includes only what it may."""
    found = layering.check(pio.project_dir())
    for violation in found:
        print(violation)
    if found:
        raise UserError(f"{len(found)} includes or folders break the layering.")
    print("layering: every include is allowed")


@app.command("format")
def format_cpp(
    check: Annotated[bool, typer.Option("--check", help="only say what would change")] = False,
) -> None:
    """Format the hand-written C++ files with clang-format."""
    project = pio.project_dir()
    changed = cpp_format.run(project, check=check)
    for path in changed:
        print(path.relative_to(project))
    if changed and check:
        raise UserError(
            f"{len(changed)} C++ files are not formatted; run `python3 noxfile.py lint -- --fix`."
        )
    print(f"clang-format: {len(changed)} files {'to change' if check else 'changed'}")


@app.command("fuzz")
def fuzz_targets(
    names: Annotated[list[str] | None, typer.Argument(help="targets; all when absent")] = None,
    seconds: Annotated[int, typer.Option(min=1, help="time for each target, s")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="0 = a new one, printed")] = 0,
) -> None:
    """Run fuzz targets of test/fuzz for a bounded time each, one per core."""
    project = pio.project_dir()
    programs = fuzz.build(project, names or fuzz.targets(project))
    fuzz.run(project, programs, seconds=seconds, seed=seed)
    print(f"fuzz: {len(programs)} targets, nothing found")
