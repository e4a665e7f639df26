"""Code, RAM and stack of the engine on 32-bit targets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vevgw.bench import budgets, features, mapfile, objects, workloads
from vevgw.errors import UserError

# What the figure counts, and what is linked besides because the engine needs it.
_COUNTED = ("common", "json", "ocpp_messages", "ocpp")
_LINKED = ("platform",)
_MAX_CONNECTORS = 8
_SIZE_SYMBOL = "size_of_charge_point"
# Everything of the library, used or not; mbedTLS is not there for these targets and not counted.
_SECURITY = "security"
_EXTENSION = "ocpp/security"
_ALL_OF_IT = (
    *("-nostdlib", "-Wl,--no-gc-sections", "-Wl,-e,0"),
    "-Wl,--unresolved-symbols=ignore-all",
)
# Headers of mbedTLS are the host's, found last; they want the types of threads.
_HOST_HEADERS = ("-D_GNU_SOURCE", "-idirafter", "/usr/include")


@dataclass(frozen=True, slots=True)
class Measurement:
    """The figures of `vevgw size`, and what they are made of.

    Attributes:
        profile: Target to feature to bytes of code and constants.
    """

    figures: list[budgets.Figure]
    details: dict[str, Any]
    profile: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Image:
    libraries: dict[str, dict[mapfile.Kind, int]]
    features: dict[str, int]


def measure(project: Path) -> Measurement:
    """Builds the engine for each target and measures it.

    Raises:
        UserError: A compiler that is needed is missing (exit code 69), or something does not build.
    """
    values: dict[str, float | None] = {}
    notes: dict[str, str] = {}
    image = _image(project, objects.CORTEX_M3)
    arm = image.libraries
    profile = {objects.CORTEX_M3.name: image.features}
    values["code_cortex_m3"] = _text(arm, _COUNTED)
    values["code_cortex_m3_record_log"] = _text(arm, _LINKED)
    values["static_ram"] = sum(sums.get("data", 0) + sums.get("zeroed", 0) for sums in arm.values())
    details: dict[str, Any] = {"cortex-m3": arm}
    if objects.XTENSA_LX106.is_installed:
        image = _image(project, objects.XTENSA_LX106)
        xtensa = image.libraries
        profile[objects.XTENSA_LX106.name] = image.features
        values["code_xtensa_lx106"] = _text(xtensa, _COUNTED)
        details["xtensa-lx106"] = xtensa
    else:
        values["code_xtensa_lx106"] = None
        notes["code_xtensa_lx106"] = f"needs {objects.XTENSA_LX106.package}"

    one, many = (_object_size(project, number) for number in (1, _MAX_CONNECTORS))
    values["engine_ram"] = one
    values["connector_ram"] = (many - one) / (_MAX_CONNECTORS - 1)
    details["engine_ram"] = {"1": one, str(_MAX_CONNECTORS): many}

    for prefix, library in (("security", _SECURITY), ("extension", _EXTENSION)):
        for toolchain in (objects.CORTEX_M3, objects.XTENSA_LX106):
            name = f"{prefix}_code_{toolchain.name.replace('-', '_')}"
            there = toolchain.is_installed
            values[name] = _security_code(project, toolchain, library) if there else None
            notes[name] = "" if there else f"needs {toolchain.package}"
    values["security_ram"] = _security_ram(project, "size_of_credentials")
    values["extension_ram"] = _security_ram(project, "size_of_extension")

    stack = workloads.run(workloads.build(project), measures_stack=True).stack
    # Start-up has the stack to itself; its depth is in the details.
    running = {name: depth for name, depth in stack.items() if name != "begin"}
    values["stack"], notes["stack"] = deepest_stack(running)
    details["stack"] = stack
    details["profile"] = profile
    return Measurement(budgets.figures(budgets.load("size"), values, notes), details, profile)


def deepest_stack(stack: Mapping[str, tuple[int, str]]) -> tuple[int, str]:
    """Returns the deepest stack, bytes, and a note with the three deepest functions."""
    order = sorted(stack.items(), key=lambda item: item[1][0], reverse=True)
    note = ", ".join(f"{name}() {depth:,} in {part}" for name, (depth, part) in order[:3])
    return order[0][1][0], note


def object_size_in(symbols: str, name: str = _SIZE_SYMBOL) -> int:
    """Returns the size of a symbol from the output of `nm --print-size`, bytes.

    Raises:
        UserError: The symbol is not there.
    """
    found = re.search(rf"^[0-9a-f]+ ([0-9a-f]+) [A-Za-z] {name}$", symbols, re.MULTILINE)
    if found is None:
        raise UserError(f"The program in test/bench no longer defines {name}.")
    return int(found[1], 16)


def _with_host_headers(toolchain: objects.Toolchain) -> objects.Toolchain:
    return replace(toolchain, compile_flags=(*toolchain.compile_flags, *_HOST_HEADERS))


def _security_code(project: Path, toolchain: objects.Toolchain, library: str) -> int:
    """Returns code and constants of a library of security, bytes."""
    files = sorted((project / "lib" / library).glob("*.cpp"))
    compiled = objects.build(project, _with_host_headers(toolchain), files)
    image = project / ".cache" / "bench" / toolchain.name / f"{library.replace('/', '-')}.elf"
    map_path = image.with_suffix(".map")
    objects.link(toolchain, compiled, image, *_ALL_OF_IT, f"-Wl,-Map={map_path}")
    sections = mapfile.parse(map_path.read_text(encoding="utf-8"))
    sums = mapfile.totals(sections, {str(name): library for name in compiled})[library]
    if sums.get("data", 0) + sums.get("zeroed", 0) > 0:
        raise UserError(f"lib/{library} has static variables; they belong into its objects.")
    return mapfile.text_of(sums)


def _security_ram(project: Path, symbol: str) -> int:
    """Returns what one object keeps in RAM besides TLS sessions, bytes."""
    toolchain = _with_host_headers(objects.CORTEX_M3)
    main = project / "test" / "bench" / "size_security_main.cpp"
    (compiled,) = objects.build(project, toolchain, [main])
    symbols = objects.call([f"{toolchain.prefix}nm", "--print-size", str(compiled)])
    return object_size_in(symbols, symbol)


def _main(project: Path) -> Path:
    return project / "test" / "bench" / "size_main.cpp"


def _object_size(project: Path, connectors: int) -> int:
    defines = (f"GATEWAY_MAX_CONNECTORS={connectors}",)
    toolchain = objects.CORTEX_M3
    (compiled,) = objects.build(project, toolchain, [_main(project)], defines)
    command = [f"{toolchain.prefix}nm", "--print-size", str(compiled)]
    return object_size_in(objects.call(command))


def _image(project: Path, toolchain: objects.Toolchain) -> _Image:
    """Links the engine and returns what of it takes how many bytes."""
    files = objects.sources(project, (*_COUNTED, *_LINKED))
    # Merged strings count for the first object that has them: the libraries come before main().
    compiled = objects.build(project, toolchain, [*files, _main(project)])
    image = project / ".cache" / "bench" / toolchain.name / "image.elf"
    map_path = image.with_suffix(".map")
    objects.link(toolchain, compiled, image, f"-Wl,-Map={map_path}")
    source_of = {
        str(compiled_file): source.relative_to(project / "lib")
        for source, compiled_file in zip(files, compiled, strict=False)
    }
    library_of = {name: source.parts[0] for name, source in source_of.items()}
    feature_of = {name: features.feature_of(source) for name, source in source_of.items()}
    sections = mapfile.parse(map_path.read_text(encoding="utf-8"))
    by_feature = mapfile.totals(
        sections, {name: feature for name, feature in feature_of.items() if feature is not None}
    )
    return _Image(
        mapfile.totals(sections, library_of),
        {feature: mapfile.text_of(sums) for feature, sums in by_feature.items()},
    )


def _text(sums: dict[str, dict[mapfile.Kind, int]], libraries: Sequence[str]) -> int:
    return sum(mapfile.text_of(sums[name]) for name in libraries if name in sums)
