"""What the charge point supports, and what follows for a case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import yaml

from vevgw.conformance import expressions
from vevgw.conformance.model import Case
from vevgw.errors import UserError

NATIVE: Final = Path(__file__).parent / "pics.yaml"


@dataclass(frozen=True, slots=True)
class Pics:
    """The items of a file.

    Attributes:
        values: By name.
        texts: What each means.
        variants: Name of a variant and the items in which it differs.
    """

    path: Path
    values: Mapping[str, Any]
    texts: Mapping[str, str]
    variants: Mapping[str, Mapping[str, Any]]

    def of(self, variant: str) -> dict[str, Any]:
        """Returns the items of a variant."""
        return {**self.values, **self.variants.get(variant, {})}

    def only(self, variants: tuple[str, ...] | None) -> Pics:
        """Returns them without the variants that a target cannot be; None: as they are."""
        if variants is None:
            return self
        kept = {name: items for name, items in self.variants.items() if name in variants}
        return replace(self, variants=kept or {"": {}})


def load_pics(path: Path = NATIVE) -> Pics:
    """Reads a file.

    Raises:
        UserError: It cannot be read, or names items that nobody knows.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        items: dict[str, Any] = data["items"]
        values = {name: item["value"] for name, item in items.items()}
        variants = data.get("variants") or {"": {}}
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from None
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no PICS file: {str(error).splitlines()[0]}.") from None
    texts = {name: str(item.get("text", "")) for name, item in items.items()}
    if path != NATIVE:
        known = load_pics()
        unknown = sorted(set(values) - set(known.values))
        if unknown:
            raise UserError(f"{path}: there is no item '{unknown[0]}'.")
        values = {**dict.fromkeys(known.values, False), **values}
        texts = {**known.texts, **{name: text for name, text in texts.items() if text}}
    return Pics(
        path, values, texts, {name: overrides or {} for name, overrides in variants.items()}
    )


def choose_variant(case: Case, pics: Pics) -> tuple[str | None, str]:
    """Finds the variant that a case runs on.

    Returns:
        Its name and "", or None and why the case does not apply.
    """
    if case.needs is None:
        return next(iter(pics.variants)), ""
    for variant in pics.variants:
        values = pics.of(variant)
        if expressions.evaluate(case.needs, values.__getitem__):
            return variant, ""
    values = pics.of(next(iter(pics.variants)))
    reasons = [
        f"{pics.texts.get(name) or name}: {'yes' if values.get(name) else 'no'}"
        for name in expressions.names_of(case.needs)
    ]
    return None, "; ".join(reasons)
