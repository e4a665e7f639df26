"""The state of a case that is being walked through: which steps may come next.

A node is `done` when nothing of it is required any more. Leaves are offered messages by the
runner; groups say which of their leaves are up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from vevgw.conformance.model import Expect, Group, Step

#: Decides whether a step is left out, when its turn comes.
Wanted = Callable[[Step], bool]
#: Replaces a step by what it stands for, when its turn comes (`connectors: all`).
Unfold = Callable[[Expect], tuple[Step, ...]]


@dataclass(slots=True, eq=False)
class Leaf:
    """One step.

    Attributes:
        left: How often its message must still come.
        up_since_s: When it became possible; None before.
        is_skipped: An optional one that did not come.
    """

    step: Step
    optional: bool
    left: int = 1
    up_since_s: float | None = None
    is_done: bool = False
    is_skipped: bool = False

    @property
    def is_message(self) -> bool:
        """Whether it waits for a message of the charge point."""
        return isinstance(self.step, Expect)


@dataclass(slots=True, eq=False)
class Branch:
    """A group."""

    ordered: bool
    optional: bool
    children: list[Leaf | Branch] = field(default_factory=list)
    at: int = 0

    @property
    def is_done(self) -> bool:
        """Whether nothing is left."""
        return all(child.is_done for child in self.children)


class Tree:
    """The steps of a case while it runs."""

    def __init__(self, steps: tuple[Step, ...], wanted: Wanted, unfold: Unfold) -> None:
        self._wanted = wanted
        self._unfold = unfold
        self._root = Branch(ordered=True, optional=False)
        self._fill(self._root, steps, optional=False)
        #: Optional leaves that were passed over; they may still come.
        self.passed: list[Leaf] = []

    @property
    def is_done(self) -> bool:
        """Whether the end is reached."""
        return not any(True for _ in self.heads())

    def heads(self) -> Iterator[Leaf]:
        """Yields the leaves that may come next, required ones and optional ones."""
        yield from self._heads(self._root)

    def _fill(self, branch: Branch, steps: tuple[Step, ...], *, optional: bool) -> None:
        for step in steps:
            branch.children.append(self._node(step, optional=optional))

    def _node(self, step: Step, *, optional: bool) -> Leaf | Branch:
        # What a step is decided only when its turn comes: conditions may depend on what came.
        return Leaf(step, optional or step.optional)

    def _open(self, branch: Branch, at: int) -> Leaf | Branch | None:
        """Looks at a child whose turn it is; None when it is left out."""
        child = branch.children[at]
        if isinstance(child, Branch) or child.is_done or child.up_since_s is not None:
            return child
        step = child.step
        if not self._wanted(step):
            child.is_done = child.is_skipped = True
            return None
        if isinstance(step, Group):
            group = Branch(ordered=step.ordered, optional=child.optional)
            self._fill(group, step.steps, optional=child.optional)
            branch.children[at] = group
            return group
        if isinstance(step, Expect) and step.connectors is not None:
            group = Branch(ordered=False, optional=child.optional)
            self._fill(group, self._unfold(step), optional=child.optional)
            branch.children[at] = group
            return group
        return child

    def _heads(self, branch: Branch) -> Iterator[Leaf]:
        for at in range(len(branch.children)):
            child = self._open(branch, at)
            if child is None or child.is_done:
                continue
            if isinstance(child, Branch):
                inner = list(self._heads(child))
                yield from inner
                if branch.ordered and any(not leaf.optional for leaf in inner):
                    return
                # A stimulus waits until the optional messages before it had their time.
                if branch.ordered and inner and self._acts_next(branch, at + 1):
                    return
                continue
            yield child
            if branch.ordered and (not child.optional or self._acts_next(branch, at + 1)):
                return
            if branch.ordered and not child.is_message:
                return

    def _acts_next(self, branch: Branch, at: int) -> bool:
        """Whether what follows is no message: it must not be done while one may still come."""
        for index in range(at, len(branch.children)):
            child = self._open(branch, index)
            if child is None or child.is_done:
                continue
            leaf = next(self._heads(child), None) if isinstance(child, Branch) else child
            if leaf is not None:
                return not leaf.is_message
        return False

    def pass_over(self, leaf: Leaf) -> None:
        """Gives an optional leaf up; its message may still come later."""
        leaf.is_done = leaf.is_skipped = True
        self.passed.append(leaf)

    def take(self, leaf: Leaf) -> None:
        """A message of a leaf has come; optional ones before it are passed over."""
        leaf.left -= 1
        if leaf.left == 0:
            leaf.is_done = True
        self._pass_before(self._root, leaf)

    def _pass_before(self, branch: Branch, taken: Leaf) -> bool:
        """Passes over what stands before a leaf in ordered groups; whether it is in here."""
        for at, child in enumerate(branch.children):
            is_here = child is taken or (
                isinstance(child, Branch) and self._pass_before(child, taken)
            )
            if not is_here:
                continue
            if branch.ordered:
                for before in branch.children[:at]:
                    self._pass_all(before)
            return True
        return False

    def _pass_all(self, node: Leaf | Branch) -> None:
        if isinstance(node, Branch):
            for child in node.children:
                self._pass_all(child)
        elif not node.is_done:
            self.pass_over(node)
