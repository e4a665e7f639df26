"""Walks through one case: does the stimuli, sends the CALLs, and compares what comes."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vevgw.conformance import expressions, stimuli
from vevgw.conformance.checks import CHECKS
from vevgw.conformance.errors import Deviation, Obstacle
from vevgw.conformance.matching import mismatch
from vevgw.conformance.model import (
    BACKGROUND,
    Absent,
    Check,
    Do,
    Expect,
    Policy,
    Send,
    Step,
    describe,
)
from vevgw.conformance.nodes import Leaf, Tree
from vevgw.conformance.session import Entry, ScriptedBoot
from vevgw.conformance.stage import Stage
from vevgw.conformance.transitions import Statuses
from vevgw.csms import (
    CallRefused,
    CsmsError,
    IdTag,
    InvalidAnswer,
    NotConnected,
    WaitTimeout,
)


class Walk:
    """Goes through steps, one list after the other, on the same stage.

    Attributes:
        seen: Messages by the label of their step, oldest first.
        step: The step that is worked on, for reports.
        original_configuration: What keys were before the case set them.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.seen: dict[str, list[Entry]] = {}
        self.step: Step | None = None
        self.warnings: list[str] = []
        self.original_configuration: dict[str, str] = {}
        self._cursor = 0
        self._statuses = Statuses()
        self._tree = Tree((), self._wanted, self._unfold)

    # -- names ------------------------------------------------------------------------------------

    def name(self, name: str) -> Any:
        """Returns what a name in an expression stands for; KeyError when it is not known."""
        session = self.stage.session
        if name in self.seen:
            return self.seen[name][-1].payload
        if name in session.captured:
            return session.captured[name]
        if name == "config":
            return session.configuration
        if name == "CONNECTORS":
            return self.stage.target.connectors
        if name in self.stage.parameters:
            return self.stage.parameters(name)
        return self.stage.pics[name]

    def resolve(self, value: Any) -> Any:
        """Replaces the $NAMES in a value."""
        return expressions.resolve(value, self.name)

    def seconds(self, value: Any) -> float:
        """Returns a duration that a case writes, s."""
        return float(self.resolve(value))

    def _wanted(self, step: Step) -> bool:
        return step.when is None or bool(expressions.evaluate(step.when, self.name))

    def _unfold(self, step: Expect) -> tuple[Step, ...]:
        own = self.name("CONN")
        ids = range(1 if step.connectors == "each" else 0, self.stage.target.connectors + 1)
        return tuple(
            replace(step, connectors=None, fields={**step.fields, "connectorId": connector})
            for connector in ids
            if step.connectors != "others" or connector != own
        )

    # -- walking ----------------------------------------------------------------------------------

    def begin(self) -> None:
        """Forgets the messages so far: what comes next is about what is done next."""
        calls = self.stage.session.calls
        for entry in calls[self._cursor :]:
            if entry.action == "StatusNotification":
                self._statuses.mistake(entry.payload)
        self._cursor = len(calls)

    async def go(self, steps: tuple[Step, ...]) -> None:
        """Goes through the steps.

        Raises:
            Deviation: The charge point did something else.
            UserError: A stimulus failed.
        """
        self._tree = Tree(steps, self._wanted, self._unfold)
        while heads := list(self._tree.heads()):
            now = self.stage.session.now_s()
            for leaf in heads:
                self._bring_up(leaf, now)
            act = next((leaf for leaf in heads if not leaf.is_message), None)
            if act is not None:
                self.step = act.step
                await self._act(act.step)
                act.is_done = True
            else:
                await self._wait(heads)
        for entry in self.stage.session.entries:
            if entry.wrong:
                raise Deviation(f"{entry.action} is not valid: {entry.wrong}", entry.index)

    def _bring_up(self, leaf: Leaf, now: float) -> None:
        if leaf.up_since_s is None:
            leaf.up_since_s = now
            if isinstance(leaf.step, Expect):
                leaf.left = int(self.resolve(leaf.step.repeat))

    def _limit(self, leaf: Leaf) -> float:
        """When the wait for the message of a leaf ends, s of the session."""
        assert isinstance(leaf.step, Expect)
        assert leaf.up_since_s is not None
        within = leaf.step.within or ("$OPTIONAL" if leaf.optional else "$MSG_TIMEOUT")
        return leaf.up_since_s + self.seconds(within)

    async def _wait(self, heads: list[Leaf]) -> None:
        session = self.stage.session
        required = [leaf for leaf in heads if not leaf.optional]
        self.step = (required or heads)[0].step
        until = min(self._limit(leaf) for leaf in heads)
        entry = await session.call_after(self._cursor, until - session.now_s())
        if entry is not None:
            self._cursor += 1
            self._judge(entry, heads)
            await session.answered(entry)
            return
        now = session.now_s()
        for leaf in heads:
            if now < self._limit(leaf):
                continue
            if not leaf.optional:
                self.step = leaf.step
                raise Deviation(self._missing(leaf))
            self._tree.pass_over(leaf)

    def _judge(self, entry: Entry, heads: list[Leaf]) -> None:
        """Finds the step that a message belongs to."""
        if entry.wrong:
            raise Deviation(f"{entry.action} is not valid: {entry.wrong}", entry.index)
        if entry.action == "BootNotification":
            self._statuses.forget()
        is_all_told = self.stage.session.configuration.get("MinimumStatusDuration", "0") == "0"
        if entry.action == "StatusNotification" and is_all_told:
            mistake = self._statuses.mistake(entry.payload)
            if mistake is not None:
                raise Deviation(mistake, entry.index)
        candidates = [leaf for leaf in heads if not leaf.optional]
        candidates += [leaf for leaf in heads if leaf.optional]
        for leaf in candidates:
            if self._fits(entry, leaf) is None:
                self.step = leaf.step
                self._accept(entry, leaf)
                self._tree.take(leaf)
                return
        for leaf in self._tree.passed:
            if leaf.left > 0 and self._fits(entry, leaf) is None:
                leaf.left -= 1
                self._accept(entry, leaf)
                return
        if entry.action in BACKGROUND or self._is_aside(entry):
            entry.mark = "background"
        elif entry.action == "StatusNotification":
            entry.mark = "unexpected"
        else:
            raise Deviation(self._out_of_place(entry, candidates), entry.index)

    def _is_aside(self, entry: Entry) -> bool:
        """Whether it is the status of a connector that the case is not about."""
        if entry.action != "StatusNotification":
            return False
        return bool(entry.payload.get("connectorId") != self.name("CONN"))

    def _fits(self, entry: Entry, leaf: Leaf) -> str | None:
        """Returns what is wrong with a message, None when it is the one of the step."""
        step = leaf.step
        assert isinstance(step, Expect)
        if entry.action != step.action:
            return "another message"
        return mismatch(entry.payload, self.resolve(step.fields))

    def _accept(self, entry: Entry, leaf: Leaf) -> None:
        step = leaf.step
        assert isinstance(step, Expect)
        entry.mark = "expected"
        entry.place = step.place.brief
        if step.since is not None:
            passed = entry.at_s - self.seen[step.since][-1].at_s
            for bound, is_earliest in ((step.earliest, True), (step.latest, False)):
                if bound is None:
                    continue
                limit = self.seconds(bound)
                if passed < limit if is_earliest else passed > limit:
                    which = "early: not before" if is_earliest else "late: after"
                    raise Deviation(
                        f"{entry.action} came {passed:.1f} s after '{step.since}', too {which} "
                        f"{limit:g} s",
                        entry.index,
                    )
        if step.label is not None:
            self.seen.setdefault(step.label, []).append(entry)

    def _missing(self, leaf: Leaf) -> str:
        assert isinstance(leaf.step, Expect)
        wanted = f"{leaf.step.action} {self._shown(leaf.step.fields)}".rstrip()
        others = [
            entry
            for entry in self.stage.session.calls
            if entry.action == leaf.step.action
            and entry.mark == "unexpected"
            and leaf.up_since_s is not None
            and entry.at_s >= leaf.up_since_s - 0.5
        ]
        came = f"; {self._fits(others[-1], leaf)}" if others else ""
        waited = self._limit(leaf) - (leaf.up_since_s or 0)
        return f"{wanted} did not come within {waited:g} s{came}"

    def _out_of_place(self, entry: Entry, candidates: list[Leaf]) -> str:
        for leaf in candidates:
            if leaf.step.action == entry.action:  # type: ignore[attr-defined]
                self.step = leaf.step
                return f"{entry.action} is wrong: {self._fits(entry, leaf)}"
        wanted = " or ".join(
            dict.fromkeys(leaf.step.action for leaf in candidates)  # type: ignore[attr-defined]
        )
        return f"{entry.action} came where {wanted} was expected"

    def _shown(self, fields: Mapping[str, Any]) -> str:
        parts = [
            f"{name} {value}" for name, value in self.resolve(fields).items() if value is not None
        ]
        return f"({', '.join(parts)})" if parts else ""

    # -- acting -----------------------------------------------------------------------------------

    async def _act(self, step: Step) -> None:
        match step:
            case Do():
                await self._do(step)
            case Policy():
                self.set_policy(step.boot, self.resolve(step.tags))
            case Send():
                await self._send(step)
            case Absent():
                await self._watch(step)
            case Check():
                outcome = CHECKS[step.name](self, self.resolve(step.arguments))
                if outcome is not None:
                    await outcome
            case _:
                raise Obstacle(f"Nobody knows how to do {type(step).__name__}.")

    async def _do(self, step: Do) -> None:
        arguments = self.resolve(step.arguments)
        text = describe(replace(step, arguments=arguments))
        self.stage.session.add("stimulus", step.action, text).place = step.place.brief
        target = self.stage.target
        if step.action.startswith(("link_", "power_")):
            self._statuses.forget()
        if step.action == "wait":
            await asyncio.sleep(float(arguments["seconds"]))
        elif step.action in ("locked", "unlocked"):
            locked = await target.is_locked(int(arguments.get("connector", self.name("CONN"))))
            if locked is None:
                self.warnings.append(f"look whether the cable is {step.action}")
            elif locked != (step.action == "locked"):
                raise Deviation(f"the cable is not {step.action}")
        elif step.action in stimuli.BY_CSMS:
            await stimuli.BY_CSMS[step.action](self)
        else:
            await target.do(step.action, arguments)

    def set_policy(self, boot: tuple[str, ...], tags: Mapping[str, Any]) -> None:
        """Changes how the CSMS answers."""
        behaviour = self.stage.csms.behaviour
        if boot:
            assert isinstance(behaviour.boot, ScriptedBoot)
            behaviour.boot.script[:] = boot
        for tag, row in tags.items():
            if isinstance(row, str):
                row = {"status": row}
            behaviour.id_tags[tag] = IdTag(row.get("status", "Accepted"), row.get("parent"))
            text = f"CSMS: {tag} is {row.get('status', 'Accepted')}"
            if row.get("parent"):
                text += f", of the group {row['parent']}"
            self.stage.session.add("note", "policy", text)

    async def _send(self, step: Send) -> None:
        payload = self.resolve(step.payload)
        if step.action == "ChangeConfiguration":
            payload["value"] = str(payload["value"])
        answer = await self.call(step.action, payload)
        answer.place = step.place.brief
        if step.label is not None:
            self.seen.setdefault(step.label, []).append(answer)
        if answer.is_error:
            code = str(answer.payload["code"])
            if code in step.errors or "*" in step.errors:
                answer.mark = "expected"
                return
            raise Deviation(f"{step.action} was answered with the error {code}", answer.index)
        if answer.wrong:
            raise Deviation(f"the answer to {step.action}: {answer.wrong}", answer.index)
        if (
            step.warn_on is not None
            and mismatch(answer.payload, self.resolve(step.warn_on)) is None
        ):
            self.warnings.append(f"{step.action} was answered {answer.payload}")
            answer.mark = "expected"
            return
        wrong = mismatch(answer.payload, self.resolve(step.answer)) if step.answer else None
        if wrong is not None:
            raise Deviation(f"the answer to {step.action} is wrong: {wrong}", answer.index)
        answer.mark = "expected"

    async def call(self, action: str, payload: Any) -> Entry:
        """Sends a CALL and returns the answer as the judge sees it.

        Raises:
            Deviation: No answer.
        """
        timeout_s = self.seconds("$MSG_TIMEOUT")
        charge_point = self.stage.charge_point
        message_id = str(uuid.uuid4())
        answer = self.stage.session.await_answer(message_id)
        try:
            await charge_point.wait_connected(timeout_s=timeout_s)
            await charge_point.call(action, payload, timeout_s=timeout_s, message_id=message_id)
        except (CallRefused, InvalidAnswer):
            pass
        except NotConnected:
            raise Deviation(f"the connection was lost before {action} was answered") from None
        except WaitTimeout:
            raise Deviation(f"{action} was not answered within {timeout_s:g} s") from None
        except CsmsError as error:
            raise Obstacle(str(error)) from None
        if not answer.done():
            raise Deviation(f"{action} was not answered")
        return answer.result()

    async def _watch(self, step: Absent) -> None:
        """Watches out for messages that must not come; those that come stay for later steps."""
        session = self.stage.session
        begin = session.now_s() if step.since is None else self.seen[step.since][-1].at_s
        duration = self.seconds(step.duration)
        names = ", ".join(step.actions).replace("*", "any message")
        text = f"nothing may come of {names} for {duration:g} s"
        session.add("note", "watch", text).place = step.place.brief
        fields = self.resolve(step.fields)
        if session.liar is not None and (lie := session.liar.watching(step)) is not None:
            session.inject(lie)
        cursor = self._cursor
        while True:
            entry = await session.call_after(cursor, begin + duration - session.now_s())
            if entry is None:
                return
            cursor += 1
            if entry.wrong:
                raise Deviation(f"{entry.action} is not valid: {entry.wrong}", entry.index)
            if entry.at_s > begin + duration:
                continue
            if entry.action not in step.actions and "*" not in step.actions:
                continue
            if mismatch(entry.payload, fields) is None:
                raise Deviation(f"{entry.action} came, which must not come here", entry.index)
