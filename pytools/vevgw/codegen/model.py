"""The types to generate, made from schemas and overlay."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from vevgw.codegen.overlay import FieldOverride, Overlay, find_by_suffix
from vevgw.codegen.schemas import Schema, SchemaSet, resolve
from vevgw.errors import UserError

INT32 = (-(2**31), 2**31 - 1)
MAX_FIELDS = 32  # the decoder keeps a bit per field
MAX_ENUM_SIZE = 48  # bytes; the decoder resolves escapes of a value into a buffer of this size
MAX_STRING = 2**16 - 1  # table rows hold 16 bits

# Longest JSON texts, bytes.
BOOLEAN_SIZE = len("false")
INTEGER_SIZE = len("-2147483648")
DECIMAL_SIZE = len("-999999999999.999")
TIME_SIZE = len('"2000-01-01T00:00:00.000Z"')
ESCAPED_CHARACTER_SIZE = len("\\u0000")

CPP_WORDS = (
    "and auto bool break case catch char class const continue default delete do double else enum"
    " explicit export extern false float for friend goto if inline int long mutable namespace new"
    " not operator or private protected public register return short signed sizeof static struct"
    " switch template this throw true try typedef typename union unsigned using virtual void"
    " volatile while"
)


@dataclass(slots=True)
class EnumDef:
    """An enumeration: enumerators with the spelling that is written, and further spellings."""

    name: str
    values: list[tuple[str, str]]
    aliases: list[tuple[str, str]]

    @property
    def size(self) -> int:
        """Longest value with quotes, bytes."""
        return max(len(wire) for _, wire in self.values) + 2


@dataclass(slots=True)
class TypeDef:
    """Type of a field or of an array's elements.

    Attributes:
        kind: boolean, integer, decimal, time, enum, string, text, object or array.
        ref: Name of the enum or struct.
        limit: Longest string in characters (0 = none); step of a decimal, thousandths.
        capacity: Bytes of a stored string.
        uri: The string has the format uri.
        bounds: Range of an integer if it is not that of 32 bits; number of elements of an array
            (0 = no limit).
        item: Elements of an array.
    """

    kind: str
    ref: str = ""
    limit: int = 0
    capacity: int = 0
    uri: bool = False
    bounds: tuple[int, int] | None = None
    item: TypeDef | None = None


@dataclass(slots=True)
class FieldDef:
    """A member of a struct."""

    name: str
    cpp_name: str
    required: bool
    type: TypeDef


@dataclass(slots=True)
class StructDef:
    """A struct; for a message also its action and direction."""

    name: str
    fields: list[FieldDef]
    source: str
    action: str = ""
    integral_decimals: bool = False

    @property
    def header(self) -> str:
        """Stem of its header."""
        return snake_case(self.action or self.name)


@dataclass(slots=True)
class Model:
    """Everything that is generated, in order of definition."""

    enums: dict[str, EnumDef] = field(default_factory=dict)
    structs: dict[str, StructDef] = field(default_factory=dict)
    messages: dict[tuple[str, str], StructDef] = field(default_factory=dict)
    leaves: dict[str, TypeDef] = field(default_factory=dict)

    def size_of(self, type_def: TypeDef) -> int:
        """Longest encoding, bytes; arrays and unbounded texts count as empty."""
        match type_def.kind:
            case "boolean":
                return BOOLEAN_SIZE
            case "integer":
                return INTEGER_SIZE
            case "decimal":
                return DECIMAL_SIZE
            case "time":
                return TIME_SIZE
            case "enum":
                return self.enums[type_def.ref].size
            case "string":
                return type_def.capacity * ESCAPED_CHARACTER_SIZE + 2
            case "text":
                return type_def.limit * ESCAPED_CHARACTER_SIZE + 2
            case "object":
                return self.struct_size(self.structs[type_def.ref])
            case _:
                return len("[]")

    def struct_size(self, struct: StructDef) -> int:
        """Longest encoding of a struct, bytes; see size_of()."""
        members = [len(f.name) + len('"":') + self.size_of(f.type) for f in struct.fields]
        return len("{}") + sum(members) + max(0, len(members) - 1)


def snake_case(name: str) -> str:
    """Returns `chargePointModel` and `ChargePointModel` as `charge_point_model`."""
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name).lower()


def identifier(name: str) -> str:
    """Returns a C++ identifier close to name."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", name)
    if name[0].isdigit():
        name = f"_{name}"
    return f"{name}_" if name in CPP_WORDS.split() else name


def build_model(overlay: Overlay, schemas: SchemaSet) -> Model:
    """Makes the model.

    Raises:
        UserError: A type has no name, two types share one, or a schema uses what the generator
            cannot express.
    """
    return _Builder(overlay, schemas).build()


class _Builder:
    def __init__(self, overlay: Overlay, schemas: SchemaSet) -> None:
        self.overlay = overlay
        self.schemas = schemas
        self.model = Model()
        self.used: set[str] = set()
        self.root: Schema = {}

    def build(self) -> Model:
        for (action, direction), schema in self.schemas.messages.items():
            self.root = schema
            struct = StructDef(
                name=f"{action}{direction.capitalize()}",
                fields=self.fields(schema, f"{action}.{direction}"),
                source=f"{action}.{direction}",
                action=action,
                integral_decimals="draft-04" not in schema.get("$schema", "draft-04"),
            )
            self.model.messages[action, direction] = struct
        self.check_names()
        return self.model

    def check_names(self) -> None:
        for section in ("names", "fields"):
            for pattern in getattr(self.overlay, section):
                if pattern not in self.used:
                    raise UserError(f"{self.overlay.path}: {section}.{pattern} fits no field.")
        for enum in self.overlay.spellings:
            if enum not in self.model.enums:
                raise UserError(f"{self.overlay.path}: enum_spellings.{enum} is no enumeration.")
        messages = {struct.name for struct in self.model.messages.values()}
        names = [*self.model.enums, *self.model.structs, *messages]
        for name in names:
            if names.count(name) > 1:
                raise UserError(f"{self.overlay.path}: two types are called {name}.")

    def override(self, path: str) -> FieldOverride:
        found = find_by_suffix(self.overlay.fields, path)
        if found is None:
            return FieldOverride()
        self.used.add(found[0])
        return found[1]

    def type_name(self, path: str, definition: str | None) -> str:
        found = find_by_suffix(self.overlay.names, path)
        if found is not None:
            self.used.add(found[0])
            return found[1]
        if definition is None:
            raise UserError(f"{self.overlay.path}: names has no name for the type of {path}.")
        for ending in self.overlay.strip:
            if definition.endswith(ending):
                return definition.removesuffix(ending)
        return definition

    def fields(self, schema: Schema, path: str) -> list[FieldDef]:
        required = schema.get("required", ())
        fields = [
            FieldDef(
                name=name,
                cpp_name=identifier(snake_case(name)),
                required=name in required,
                type=self.type_of(child, f"{path}.{name}"),
            )
            for name, child in schema.get("properties", {}).items()
        ]
        if len(fields) > MAX_FIELDS:
            raise UserError(f"{path} has more than {MAX_FIELDS} fields.")
        return fields

    def type_of(self, schema: Schema, path: str) -> TypeDef:
        schema, definition = resolve(self.root, schema)
        type_def = self.make_type(schema, path, definition)
        if type_def.kind not in ("object", "array"):
            self.model.leaves[path] = type_def
        return type_def

    def make_type(self, schema: Schema, path: str, definition: str | None) -> TypeDef:
        if "enum" in schema:
            return self.enum(schema, path, definition)
        match schema.get("type"):
            case "object":
                return self.object(schema, path, definition)
            case "array":
                item = self.type_of(schema["items"], path)
                return TypeDef(
                    "array",
                    item=item,
                    bounds=(schema.get("minItems", 0), schema.get("maxItems", 0)),
                )
            case "string":
                return self.string(schema, path)
            case "integer":
                return self.integer(schema, path)
            case "number":
                return self.number(schema, path)
            case "boolean":
                return TypeDef("boolean")
            case other:
                raise UserError(f"{path}: the generator does not know the JSON type {other}.")

    def integer(self, schema: Schema, path: str) -> TypeDef:
        override = self.override(path)
        bounds = (override.minimum, override.maximum)
        low = max(schema.get("minimum", INT32[0]), INT32[0] if bounds[0] is None else bounds[0])
        high = min(schema.get("maximum", INT32[1]), INT32[1] if bounds[1] is None else bounds[1])
        return TypeDef("integer", bounds=None if (low, high) == INT32 else (low, high))

    def number(self, schema: Schema, path: str) -> TypeDef:
        step = self.override(path).step
        if step is None and "multipleOf" in schema:
            step = round(schema["multipleOf"] * 1000)
        if not step:
            raise UserError(f"{path} is a number without multipleOf: give it a step in fields.")
        return TypeDef("decimal", limit=step)

    def string(self, schema: Schema, path: str) -> TypeDef:
        if schema.get("format") == "date-time":
            return TypeDef("time")
        uri = schema.get("format") == "uri"
        if not uri and "format" in schema:
            raise UserError(f"{path}: the generator does not know the format {schema['format']}.")
        override = self.override(path)
        limit = schema.get("maxLength", 0)
        if limit > MAX_STRING:
            raise UserError(f"{path}: maxLength is above {MAX_STRING}.")
        stored = 0 < limit <= self.overlay.largest_stored_string and not uri
        store = override.store or ("fixed" if stored else "text")
        if store == "text":
            return TypeDef("text", limit=limit, uri=uri)
        return TypeDef("string", limit=limit, capacity=override.size or limit)

    def enum(self, schema: Schema, path: str, definition: str | None) -> TypeDef:
        name = self.type_name(path, definition)
        spellings = self.overlay.spellings.get(name, {})
        values: list[tuple[str, str]] = []
        aliases: list[tuple[str, str]] = []
        for wire in schema["enum"]:
            for enumerator, spelling in spellings.items():
                if wire == spelling.write:
                    values.append((identifier(enumerator), wire))
                    break
                if wire in spelling.also:
                    aliases.append((identifier(enumerator), wire))
                    break
            else:
                values.append((identifier(wire), wire))
        new = EnumDef(name, values, aliases)
        old = self.model.enums.setdefault(name, new)
        if new.size > MAX_ENUM_SIZE:
            raise UserError(f"{path}: a value is longer than {MAX_ENUM_SIZE - 2} characters.")
        if set(old.values) != set(new.values) or set(old.aliases) != set(new.aliases):
            raise UserError(f"{path}: another enumeration {name} has other values.")
        return TypeDef("enum", ref=name)

    def object(self, schema: Schema, path: str, definition: str | None) -> TypeDef:
        name = self.type_name(path, definition)
        new = StructDef(name, self.fields(schema, path), path)
        old = self.model.structs.setdefault(name, new)
        by_name = {f.name: f for f in old.fields}
        if by_name != {f.name: f for f in new.fields}:
            raise UserError(f"{path}: another object {name}, at {old.source}, has other fields.")
        return TypeDef("object", ref=name)


def used_structs(type_def: TypeDef) -> Iterator[str]:
    """Yields the names of the structs that a type mentions."""
    if type_def.kind == "object":
        yield type_def.ref
    if type_def.item is not None:
        yield from used_structs(type_def.item)
