"""Values and conditions that cases write down: `$NAME`, `$DUR + $DEV`, `config.Key == 'true'`."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from vevgw.conformance.errors import Obstacle

_NAME: Final = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_ARITHMETIC: Final = re.compile(r"[\s()+*/.\d-]*\Z")

_COMPARE: Final[dict[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Eq: lambda a, b: bool(a == b),
    ast.NotEq: lambda a, b: bool(a != b),
    ast.Lt: lambda a, b: bool(a < b),
    ast.LtE: lambda a, b: bool(a <= b),
    ast.Gt: lambda a, b: bool(a > b),
    ast.GtE: lambda a, b: bool(a >= b),
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
_OPERATE: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}

#: Gives the value of a name; raises KeyError.
Names = Callable[[str], Any]


def evaluate(text: str, names: Names) -> Any:
    """Computes an expression of numbers, strings, names, comparisons, and, or, not.

    A name that is not known is None, and so is a member of it; `$NAME` is a name, too.

    Raises:
        Obstacle: The text is no such expression.
    """
    return _value(_parse(text), names)


def names_of(text: str) -> list[str]:
    """Returns the names in an expression, in the order of their first use.

    Raises:
        Obstacle: The text is no expression.
    """
    found = [node.id for node in ast.walk(_parse(text)) if isinstance(node, ast.Name)]
    return list(dict.fromkeys(found))


def parameters_of(text: str) -> list[str]:
    """Returns the names that a text refers to as `$NAME`."""
    return _NAME.findall(text)


def resolve(value: Any, names: Names) -> Any:
    """Replaces `$NAME` in strings all through a value; arithmetic with names becomes a number.

    Raises:
        Obstacle: A name is not known.
    """
    if isinstance(value, Mapping):
        result: dict[str, Any] = {}
        for key, part in value.items():
            inner = resolve(part, names)
            if key == "+":
                result.update(inner or {})
            elif inner is not None or part is None:
                result[str(resolve(key, names))] = inner
        return result
    if isinstance(value, list):
        return [resolve(part, names) for part in value]
    if not isinstance(value, str) or "$" not in value:
        return value
    if whole := _NAME.fullmatch(value):
        return _known(whole[1], names)
    if _ARITHMETIC.match(_NAME.sub("", value)):
        return evaluate(value, names)
    return _NAME.sub(lambda found: str(_known(found[1], names)), value)


def _known(name: str, names: Names) -> Any:
    try:
        return names(name)
    except KeyError:
        raise Obstacle(f"There is no parameter ${name}.") from None


def _parse(text: str) -> ast.expr:
    try:
        return ast.parse(_NAME.sub(r"\1", text).strip(), mode="eval").body
    except SyntaxError:
        raise Obstacle(f"{text!r} is no expression.") from None


def _value(node: ast.expr, names: Names) -> Any:
    match node:
        case ast.Constant(value):
            return value
        case ast.List(parts) | ast.Tuple(parts):
            return [_value(part, names) for part in parts]
        case ast.Name(name):
            try:
                return names(name)
            except KeyError:
                return None
        case ast.Attribute(of, member):
            owner = _value(of, names)
            return owner.get(member) if isinstance(owner, Mapping) else None
        case ast.BoolOp(operator, parts):
            values = (bool(_value(part, names)) for part in parts)
            return all(values) if isinstance(operator, ast.And) else any(values)
        case ast.UnaryOp(ast.Not(), of):
            return not _value(of, names)
        case ast.UnaryOp(ast.USub(), of):
            return -_value(of, names)
        case ast.BinOp(left, operator, right) if type(operator) in _OPERATE:
            return _OPERATE[type(operator)](_value(left, names), _value(right, names))
        case ast.Compare(left, [operator], [right]) if type(operator) in _COMPARE:
            return _COMPARE[type(operator)](_value(left, names), _value(right, names))
        case _:
            raise Obstacle(f"An expression cannot contain {ast.unparse(node)!r}.")
