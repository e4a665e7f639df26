"""`vevgw build`: builds and tests through PlatformIO, natively without its registry."""

from __future__ import annotations

from typing import Annotated

import typer

from vevgw.build import pio

app = typer.Typer(no_args_is_help=True, help="Build the firmware and run its test suites.")

Environment = Annotated[str, typer.Option("-e", "--environment", help="see platformio.ini")]


@app.command()
def firmware(environment: Environment = "native") -> None:
    """Build one environment and say where the result is."""
    print(pio.build(pio.project_dir(), environment))


@app.command("test")
def suites(
    environment: Environment = "native",
    filters: Annotated[
        list[str] | None, typer.Option("-f", "--filter", help="suites, such as 'unit/*'")
    ] = None,
) -> None:
    """Run test suites; a suite without a test case counts as failed."""
    results = pio.run_tests(pio.project_dir(), environment, filters or [])
    cases = sum(suite.cases for suite in results)
    print(f"{environment}: {len(results)} suites, {cases} cases, all passed")


@app.command("pio", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def raw(context: typer.Context) -> None:
    """Run any `pio` command with the native core, such as `vevgw build pio run -t clean`."""
    raise typer.Exit(pio.run(pio.project_dir(), context.args, native=True))
