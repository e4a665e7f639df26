"""Turns the model into the text of C++ files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import jinja2

from vevgw.codegen.model import FieldDef, Model, StructDef, TypeDef, snake_case, used_structs
from vevgw.codegen.overlay import Overlay
from vevgw.codegen.schemas import SchemaSet

TEMPLATE_FOLDER = Path(__file__).parent / "templates"
CPP_TYPES = {"boolean": "bool", "integer": "int32_t", "decimal": "Decimal", "text": "Text"}
RUNTIME_HEADERS = {"array": "array_view", "decimal": "decimal", "text": "text"}
COMMON_HEADERS = {"string": "fixed_string", "time": "time"}


def cpp_type(type_def: TypeDef) -> str:
    """Returns the C++ type of a value."""
    match type_def.kind:
        case "time":
            return "common::UtcTime"
        case "string":
            return f"common::FixedString<{type_def.capacity}>"
        case "enum" | "object":
            return type_def.ref
        case "array":
            assert type_def.item is not None
            return f"ArrayView<{cpp_type(type_def.item)}>"
        case kind:
            return CPP_TYPES[kind]


def member_type(field: FieldDef) -> str:
    """Returns the C++ type of a struct member."""
    return cpp_type(field.type) if field.required else f"Optional<{cpp_type(field.type)}>"


def initializer(field: FieldDef) -> str:
    """Returns the default of a member; classes have their own."""
    if not field.required:
        return ""
    return {"boolean": " = false", "integer": " = 0", "enum": "{}"}.get(field.type.kind, "")


def detail(owner: StructDef, field_name: str, type_def: TypeDef) -> str:
    """Returns the expression for what a table row says besides kind and presence."""
    match type_def.kind:
        case "enum":
            return f"&runtime::k{type_def.ref}Enum"
        case "object":
            return f"&runtime::k{type_def.ref}Object"
        case "string":
            return f"{{{type_def.limit}, {type_def.capacity}}}"
        case "array":
            return f"&k{owner.name}_{field_name}_array"
        case "integer" if type_def.bounds is not None:
            return f"&k{owner.name}_{field_name}_range"
        case "decimal" | "text":
            return f"Detail::limit({type_def.limit})"
        case _:
            return "{}"


def includes(structs: Iterable[StructDef]) -> list[str]:
    """Returns the headers that the members of some structs need, sorted."""
    found: set[str] = set()
    for struct in structs:
        for field in struct.fields:
            if not field.required:
                found.add("ocpp_messages/runtime/optional.hpp")
            types = [field.type]
            if field.type.item is not None:
                types.append(field.type.item)
            for type_def in types:
                if type_def.kind in RUNTIME_HEADERS:
                    found.add(f"ocpp_messages/runtime/{RUNTIME_HEADERS[type_def.kind]}.hpp")
                if type_def.kind in COMMON_HEADERS:
                    found.add(f"common/{COMMON_HEADERS[type_def.kind]}.hpp")
                if type_def.kind == "enum":
                    found.add("ocpp_messages/enums.hpp")
            found.update(f"ocpp_messages/{snake_case(s)}.hpp" for s in used_structs(field.type))
    return sorted(found)


def input_hash(overlay: Overlay, schemas: SchemaSet) -> str:
    """Returns a digest of all that the output depends on: schemas, overlay, templates."""
    digest = hashlib.sha256(schemas.digest.encode())
    digest.update(overlay.text.encode())
    for path in sorted(TEMPLATE_FOLDER.glob("*.j2")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def render(overlay: Overlay, schemas: SchemaSet, model: Model) -> Mapping[str, str]:
    """Returns all generated files: name to content."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE_FOLDER),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.globals.update(
        protocol=overlay.protocol,
        source=f"{overlay.package}/{overlay.folder}",
        overlay_name=f"pytools/vevgw/codegen/overlay/{overlay.path.name}",
        input_hash=input_hash(overlay, schemas),
        model=model,
        overlay=overlay,
        cpp_type=cpp_type,
        member_type=member_type,
        initializer=initializer,
        detail=detail,
        includes=includes,
        snake_case=snake_case,
    )
    files: dict[str, str] = {}

    def add(name: str, template: str, **values: object) -> None:
        files[name] = environment.get_template(template).render(**values)

    for stem in ("action", "rpc_error_code", "enums"):
        add(f"{stem}.hpp", f"{stem}.hpp.j2")
        add(f"{stem}.cpp", f"{stem}.cpp.j2")
    add("tables.hpp", "tables.hpp.j2")
    add("all.hpp", "all.hpp.j2")
    units = {struct.header: [struct] for struct in model.structs.values()}
    for struct in model.messages.values():
        units.setdefault(struct.header, []).append(struct)
    for stem, structs in units.items():
        add(f"{stem}.hpp", "structs.hpp.j2", structs=structs)
        add(f"{stem}.cpp", "structs.cpp.j2", structs=structs, stem=stem)
    return files
