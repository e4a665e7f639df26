"""The check of who includes whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from vevgw.build import layering

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in which nothing is wrong."""
    write(tmp_path, "lib/common/status.hpp", "#pragma once\n#include <cstdint>\n")
    write(tmp_path, "lib/platform/clock.hpp", '#include "common/status.hpp"\n')
    write(tmp_path, "lib/ocpp/charge_point.hpp", '#include "charger/charger.hpp"\n')
    write(tmp_path, "lib/charger/charger.hpp", '#include "common/status.hpp"\n')
    write(tmp_path, "lib/bridge/bridge.hpp", '#include "charger/charger.hpp"\n')
    write(tmp_path, "lib/platform_linux/link.cpp", "#include <libwebsockets.h>\n")
    write(tmp_path, "src/app/app.hpp", '#include "ocpp/charge_point.hpp"\n#include "build/v.hpp"\n')
    write(tmp_path, "src/native/main.cpp", '#include "app/app.hpp"\n#include "common/status.hpp"\n')
    write(tmp_path, "include/README", "what is here\n")
    write(tmp_path, "include/build/v.hpp", "#pragma once\n")
    return tmp_path


def write(project: Path, name: str, text: str) -> None:
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def said(project: Path) -> list[str]:
    return [str(violation) for violation in layering.check(project)]


def test_allowed_includes_pass(project: Path) -> None:
    assert said(project) == []


def test_this_project_passes() -> None:
    assert said(ROOT) == []


def test_upward_include_is_named_with_file_and_line(project: Path) -> None:
    write(project, "lib/common/bad.hpp", '#pragma once\n\n#include "ocpp/charge_point.hpp"\n')
    assert said(project) == [
        "lib/common/bad.hpp:3: common must not include ocpp (ocpp/charge_point.hpp); "
        "it may include: nothing"
    ]


@pytest.mark.parametrize(
    ("place", "include"),
    [
        ("lib/common/bad.hpp", '"platform/clock.hpp"'),
        ("lib/common/bad.hpp", "<platform/clock.hpp>"),
        ("lib/common/bad.hpp", '"../platform/clock.hpp"'),
        ("lib/common/deep/bad.hpp", '"../../platform/clock.hpp"'),
        ("lib/common/bad.hpp", '"platform/not_written_yet.hpp"'),
        ("lib/common/bad.hpp", '"common/../platform/clock.hpp"'),
        ("lib/ocpp/bad.cpp", '"bridge/bridge.hpp"'),
        ("lib/bridge/bad.cpp", '"ocpp/charge_point.hpp"'),
        ("lib/gateway/bad.cpp", '"platform_linux/link.hpp"'),
        ("lib/platform_linux/bad.cpp", '"ocpp/charge_point.hpp"'),
        ("lib/ocpp/bad.cpp", '"app/app.hpp"'),
        ("lib/ocpp/bad.cpp", '"../../src/app/app.hpp"'),
        ("lib/ocpp/bad.cpp", '"build/v.hpp"'),
        ("lib/ocpp/bad.cpp", '"boards/pins.hpp"'),
        ("src/app/bad.cpp", '"platform_linux/link.hpp"'),
        ("src/app/bad.cpp", '"native/console.hpp"'),
        ("src/native/bad.cpp", '"platform_esp32/wifi.hpp"'),
        ("src/esp32/bad.cpp", '"platform_linux/link.hpp"'),
        ("src/esp32/bad.cpp", '"../native/main.hpp"'),
        ("lib/ocpp/bad.cpp", "<Arduino.h>"),
        ("lib/gateway/bad.cpp", "<sys/socket.h>"),
        ("src/app/bad.cpp", "<libwebsockets.h>"),
        ("lib/ocpp/bad.cpp", "HEADER_OF_THE_DAY"),
    ],
)
def test_forbidden_include_is_found(project: Path, place: str, include: str) -> None:
    write(project, place, f"\n  #  include {include}  // why\n")
    (violation,) = layering.check(project)
    assert (violation.path, violation.line) == (place, 2)


def test_include_in_a_comment_does_not_count(project: Path) -> None:
    write(
        project,
        "lib/common/good.hpp",
        '/* was:\n#include "ocpp/charge_point.hpp"\n*/\n// #include "ocpp/charge_point.hpp"\n',
    )
    assert said(project) == []


def test_line_is_right_after_a_comment_and_a_continued_line(project: Path) -> None:
    write(
        project,
        "lib/common/bad.hpp",
        '/* one\ntwo */\n#define A \\\n  1\n#include \\\n  "ocpp/charge_point.hpp"\n',
    )
    (violation,) = layering.check(project)
    assert violation.line == 5


def test_unknown_library_needs_a_row(project: Path) -> None:
    write(project, "lib/helpers/a.hpp", "")
    assert said(project) == ["lib/helpers: unknown library; give it a row in ALLOWED"]


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("include/gateway.hpp", "include/ holds boards/ and build/ only"),
        ("src/main.cpp", "belongs to app/, esp32/ or native/"),
        ("src/util/a.cpp", "src/ holds app/, esp32/ and native/ only"),
        ("lib/a.hpp", "belongs to no library"),
        ("test/system/test_boot/a.py", "PlatformIO builds folders called test_* as firmware"),
    ],
)
def test_misplaced_file_is_found(project: Path, place: str, sentence: str) -> None:
    write(project, place, "")
    assert any(sentence in line for line in said(project))


def test_generated_file_without_banner_is_found(project: Path) -> None:
    write(project, "lib/ocpp_messages/action.hpp", "#pragma once\n")
    write(project, "lib/ocpp_messages/enums.hpp", "// GENERATED by vevgw codegen; do not edit.\n")
    write(project, "lib/ocpp_messages/runtime/codec.hpp", "#pragma once\n")
    write(project, "lib/bridge/generated/tables.cpp", '#include "bridge/bridge.hpp"\n')
    sentence = "no banner 'GENERATED by ...'; only generated files live here"
    assert said(project) == [
        f"lib/bridge/generated/tables.cpp: {sentence}",
        f"lib/ocpp_messages/action.hpp: {sentence}",
    ]
