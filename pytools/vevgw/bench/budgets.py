"""Figures and their budgets: budgets.yaml in this folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from vevgw.errors import UserError

_FILE = Path(__file__).with_name("budgets.yaml")

Group = Literal["size", "bench"]


@dataclass(frozen=True, slots=True)
class Budget:
    """One row of budgets.yaml: what a figure is called, may cost, and costs the peer.

    Attributes:
        budget: What the figure must not exceed.
        goal: What was planned, where that is missed and the budget was argued anew.
    """

    id: str
    name: str
    unit: str
    budget: float | None
    peer: float | None
    source: str
    goal: float | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure. `value` is None when it could not be measured; `note` says why."""

    row: Budget
    value: float | None
    note: str = ""

    @property
    def is_broken(self) -> bool:
        """Whether the figure exceeds its budget."""
        return (
            self.row.budget is not None and self.value is not None and self.value > self.row.budget
        )

    @property
    def over_goal_percent(self) -> float | None:
        """By how much the figure misses its goal; None when it does not."""
        goal = self.row.goal
        if goal is None or self.value is None or self.value <= goal:
            return None
        return 100 * (self.value / goal - 1)

    def complaint(self) -> str:
        """Returns the sentence about a broken budget."""
        row = self.row
        return (
            f"{row.name}: {number(self.value)} {row.unit}, {number(row.budget)} allowed "
            f"({row.id} in budgets.yaml)."
        )


def load(group: Group, file: Path = _FILE) -> dict[str, Budget]:
    """Returns the rows of one group, by id, in the order of the file.

    Raises:
        UserError: The file is not what this module expects.
    """
    try:
        content: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))[group]
        return {name: Budget(id=name, **row) for name, row in content.items()}
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{file} is not a table of budgets: {error}.") from None


def figures(
    rows: Mapping[str, Budget],
    values: Mapping[str, float | None],
    notes: Mapping[str, str] | None = None,
) -> list[Figure]:
    """Puts values beside their budgets, in the order of the rows.

    Raises:
        KeyError: A value without a row, or a row without a value.
    """
    unknown = set(values) - set(rows)
    if unknown:
        raise KeyError(f"no row in budgets.yaml for {sorted(unknown)}")
    return [Figure(row, values[name], (notes or {}).get(name, "")) for name, row in rows.items()]


def number(value: float | None) -> str:
    """Returns a number as tables show it: thousands separated, one decimal only where needed."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:,.1f}"
