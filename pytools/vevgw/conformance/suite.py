"""Runs cases, many at a time: each with its own CSMS and target."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from vevgw.conformance import cleanup
from vevgw.conformance.errors import Deviation
from vevgw.conformance.files import CaseFiles, needs_files
from vevgw.conformance.model import Case, Expect, Place, describe
from vevgw.conformance.mutants import Falsifier, Mutant
from vevgw.conformance.params import Parameters, Scale
from vevgw.conformance.pics import Pics, choose_variant
from vevgw.conformance.runner import Walk
from vevgw.conformance.session import Liar, ScriptedBoot, Session
from vevgw.conformance.stage import Stage
from vevgw.conformance.targets import Target
from vevgw.conformance.tls_side import certificates, tls_of
from vevgw.conformance.verdict import Outcome, Verdict
from vevgw.csms import Behaviour, Csms
from vevgw.errors import UserError

#: Makes the target of one case: (folder for its files, variant).
TargetFactory = Callable[[Path, str], Target]


#: A case begins when so many seconds do not last much longer; after so many looks it begins anyway.
_GATE_S: Final = 0.15
_GATE_LOOKS: Final = 40
_NOWHERE: Final = Place(Path(__file__), 1)


@dataclass(frozen=True, slots=True)
class Plan:
    """How to run cases.

    Attributes:
        folder: Gets one folder per case.
        jobs: Cases at a time; those on one real charge point run one after the other.
        host: Address that the CSMS listens on.
        overrides: Values of parameters.
        firmware: Image that the target can install; None: one for the native gateway.
    """

    target: TargetFactory
    pics: Pics
    folder: Path
    jobs: int = 8
    scale: Scale = "fast"
    host: str = "127.0.0.1"
    port: int = 0
    overrides: Mapping[str, Any] = field(default_factory=dict)
    firmware: Path | None = None


class _Gate:
    """Lets cases begin one after the other, and only while this process keeps up.

    Charge points and chargers that wait for an answer of this process must not wait for long.
    """

    def __init__(self, jobs: int) -> None:
        self._turns = asyncio.Semaphore(jobs)
        self._begin = asyncio.Lock()
        self._is_alone = jobs == 1

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits for the turn of a case."""
        async with self._turns:
            if not self._is_alone:
                async with self._begin:
                    await self._calm()
            yield

    @staticmethod
    async def _calm() -> None:
        for _ in range(_GATE_LOOKS):
            asked_s = time.monotonic()
            await asyncio.sleep(_GATE_S)
            if time.monotonic() - asked_s < 1.3 * _GATE_S:
                return


async def run_cases(
    cases: Sequence[Case], plan: Plan, on_outcome: Callable[[Outcome], None] | None = None
) -> list[Outcome]:
    """Runs cases and returns their outcomes in the same order.

    Args:
        cases: What to run.
        plan: How.
        on_outcome: Called after each.
    """
    gate = _Gate(plan.jobs)

    async def one(case: Case) -> Outcome:
        variant, reason = choose_variant(case, plan.pics)
        if variant is None:
            outcome = Outcome(case, Verdict.NOT_APPLICABLE, reason)
        else:
            async with gate.turn():
                outcome = await run_case(case, plan, variant)
        if on_outcome is not None:
            on_outcome(outcome)
        return outcome

    return list(await asyncio.gather(*(one(case) for case in cases)))


@dataclass(frozen=True, slots=True)
class Trial:
    """A mutant and what the case said to it; None = the case does not apply."""

    mutant: Mutant
    outcome: Outcome | None

    @property
    def is_killed(self) -> bool:
        """Whether the case found out."""
        return self.outcome is not None and self.outcome.verdict is Verdict.FAIL


async def run_mutants(
    mutants: Sequence[Mutant], plan: Plan, on_trial: Callable[[Trial], None] | None = None
) -> list[Trial]:
    """Runs mutants and returns what came out, in the same order."""
    gate = _Gate(plan.jobs)

    async def one(number: int, mutant: Mutant) -> Trial:
        variant, _ = choose_variant(mutant.case, plan.pics)
        outcome: Outcome | None = None
        if variant is not None:
            liar = Falsifier(mutant)
            async with gate.turn():
                name = f"{mutant.case.id}-{number}"
                outcome = await run_case(mutant.case, plan, variant, liar=liar, name=name)
            if liar.hits == 0 and outcome.verdict is Verdict.FAIL:
                outcome.verdict = Verdict.INCONCLUSIVE
                outcome.reason = f"failed without a lie: {outcome.reason}"
        trial = Trial(mutant, outcome)
        if on_trial is not None:
            on_trial(trial)
        return trial

    return list(await asyncio.gather(*(one(at, mutant) for at, mutant in enumerate(mutants))))


async def run_case(
    case: Case, plan: Plan, variant: str, *, liar: Liar | None = None, name: str | None = None
) -> Outcome:
    """Runs one case and gives the verdict.

    Args:
        case: What to run.
        plan: How.
        variant: Of the target.
        liar: Falsifies messages; None: they are shown as they are.
        name: Of the folder for the files; None: the id of the case.
    """
    begin_s = time.monotonic()
    folder = plan.folder / (name or case.id)
    # What an earlier run left would be the state of this charge point.
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    await asyncio.to_thread(folder.mkdir, parents=True)
    parameters = Parameters.of(plan.scale, plan.overrides)
    session = Session(liar=liar)
    boot = ScriptedBoot(
        interval_s=int(parameters("HB")), retry_interval_s=int(parameters("BOOT_RETRY"))
    )
    pics = plan.pics.of(variant)
    has_tls = bool(pics.get("security_2") or pics.get("security_3"))
    begins_plain = bool(pics.get("security_raise"))
    if has_tls or begins_plain:
        parameters.values |= certificates(folder)
    csms = Csms(
        tls=tls_of(folder, plan.host) if has_tls else None,
        also_tls=tls_of(folder, plan.host, is_installed=True) if begins_plain else None,
        host=plan.host,
        port=plan.port,
        db=folder / "csms.sqlite3",
        # Cases send what was signed themselves.
        behaviour=Behaviour(boot=boot, sign_certificate=lambda _: None),
        ping_interval_s=None,
    )
    csms.on_frame(session.listen)
    target = plan.target(folder, variant)
    stage = Stage(csms, target, session, parameters, pics, folder)
    csms.on_opening(session.opened)
    walk = Walk(stage)
    outcome = Outcome(case, Verdict.PASS, variant=variant, log=session.entries)
    try:
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(csms)
            if needs_files(case):
                files = CaseFiles(folder, plan.host, plan.firmware)
                stage.files = await stack.enter_async_context(files)
                parameters.values |= files.names()
            stack.push_async_callback(target.stop)
            await _run(case, walk)
    except Deviation as deviation:
        outcome.verdict, outcome.reason = Verdict.FAIL, str(deviation)
        outcome.entry = deviation.entry
        if deviation.entry is not None:
            session.entries[deviation.entry].mark = "deviation"
    except UserError as error:
        outcome.verdict, outcome.reason = Verdict.INCONCLUSIVE, str(error)
    except Exception as error:
        outcome.verdict, outcome.reason = Verdict.INCONCLUSIVE, f"{type(error).__name__}: {error}"
    if outcome.is_bad and walk.step is not None:
        outcome.step = f"{describe(walk.step)} ({walk.step.place.brief})"
    outcome.warnings = walk.warnings
    outcome.duration_s = time.monotonic() - begin_s
    outcome.files = target.files()
    return outcome


async def _run(case: Case, walk: Walk) -> None:
    stage = walk.stage
    session = stage.session
    session.add("note", "begin", "the charge point comes up")
    await stage.target.start(stage.csms.url, stage.csms.tls_url)
    if stage.target.boots_at_start:
        await _wait_booted(walk)
    else:
        timeout_s = walk.seconds("$LONG_TIMEOUT")
        await stage.charge_point.wait_connected(timeout_s=timeout_s)
        await asyncio.sleep(walk.seconds("$SETTLE"))
    await _configure(case, walk)
    walk.set_policy((), walk.resolve(case.tags))
    try:
        if case.preparation:
            session.add("note", "prepare", "preparation")
            walk.begin()
            await walk.go(case.preparation)
            await asyncio.sleep(walk.seconds("$SETTLE"))
        session.add("note", "case", "the case begins")
        if session.liar is not None:
            session.liar.begin(walk.name)
        walk.begin()
        await walk.go(case.steps)
    finally:
        if not stage.target.is_fresh:
            with contextlib.suppress(Deviation):
                await cleanup.clean_up(walk)


async def _wait_booted(walk: Walk) -> None:
    """Waits until a new charge point is registered and idle."""
    status = Expect(
        place=_NOWHERE,
        action="StatusNotification",
        fields={"status": "Available"},
        connectors="all",
    )
    boot = Expect(place=_NOWHERE, action="BootNotification")
    await walk.go((boot, status))


async def _configure(case: Case, walk: Walk) -> None:
    for name, value in walk.resolve(dict(case.config)).items():
        key = name.removesuffix("?")
        if not walk.stage.target.is_fresh:
            before = await walk.call("GetConfiguration", {"key": [key]})
            for item in before.payload.get("configurationKey", []):
                walk.original_configuration[key] = item.get("value", "")
        answer = await walk.call("ChangeConfiguration", {"key": key, "value": str(value)})
        status = "error" if answer.is_error else answer.payload.get("status")
        if status in ("Accepted", "RebootRequired"):
            walk.stage.session.configuration[key] = str(value)
        elif not name.endswith("?"):
            raise UserError(f"{key} = {value} was answered {status}.")
