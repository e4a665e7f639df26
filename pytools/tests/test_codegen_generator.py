"""The generator: drift check, errors a user can make, independence from one protocol version."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from vevgw import cli
from vevgw.codegen import page
from vevgw.codegen.model import build_model, identifier, snake_case
from vevgw.codegen.output import DEFAULT_FOLDER, DEFAULT_OVERLAY, check, generate, write
from vevgw.codegen.overlay import find_by_suffix, load_overlay
from vevgw.codegen.schemas import load_schemas
from vevgw.errors import UserError


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """A copy of the overlay that a test may spoil."""
    return Path(shutil.copy(DEFAULT_OVERLAY, tmp_path / "ocpp16.yaml"))


def change(overlay: Path, old: str, new: str) -> None:
    text = overlay.read_text()
    assert text.count(old) == 1
    overlay.write_text(text.replace(old, new))


def test_committed_files_match_their_inputs() -> None:
    check(generate(DEFAULT_OVERLAY), DEFAULT_FOLDER)


def test_generating_twice_changes_nothing(tmp_path: Path) -> None:
    files = generate(DEFAULT_OVERLAY)
    assert sorted(write(files, tmp_path)) == sorted(files)
    assert write(files, tmp_path) == []
    check(files, tmp_path)


def test_check_fails_with_one_sentence_when_overlay_was_touched(
    overlay: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overlay.write_text(overlay.read_text() + "\n# another comment\n")
    code = cli.main(["codegen", "--check", "--overlay", str(overlay)])
    said = capsys.readouterr()
    assert code == 1
    assert said.out == ""
    assert "does not match schemas, overlay and templates" in said.err
    assert said.err.count("\n") == 1


def test_check_passes_from_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["codegen", "--check"])
    assert ended.value.code == 0
    assert "match" in capsys.readouterr().out


@pytest.mark.parametrize("fault", ["edited", "missing", "stray"])
def test_check_names_the_file_that_differs(fault: str, tmp_path: Path) -> None:
    files = generate(DEFAULT_OVERLAY)
    write(files, tmp_path)
    path = tmp_path / ("stray.cpp" if fault == "stray" else "reset.cpp")
    if fault == "missing":
        path.unlink()
    else:
        path.write_text("// changed by hand\n")
    with pytest.raises(UserError, match=path.name):
        check(files, tmp_path)
    assert write(files, tmp_path) == [path.name]
    check(files, tmp_path)


def test_hand_written_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "runtime").mkdir()
    kept = [tmp_path / "README.md", tmp_path / "runtime" / "codec.hpp"]
    for path in kept:
        path.write_text("by hand")
    files = generate(DEFAULT_OVERLAY)
    write(files, tmp_path)
    check(files, tmp_path)
    assert [path.read_text() for path in kept] == ["by hand", "by hand"]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("  ClearCache: csms\n", "", "does not list the schema ClearCache.json"),
        ("  ClearCache: csms\n", "  ClearCache: nobody\n", "sender of ClearCache"),
        ("  Reset: csms\n", "  Reset: csms\n  Restart: csms\n", "no schema Restart.json"),
        ("  Reset.req.type: ResetType\n", "", "no name for the type of Reset.req.type"),
        ("  Reset.req.type: ResetType\n", "  Reset.req.type: ResetStatus\n", "has other values"),
        ("  Reset.req.type: ResetType\n", "  Reset.req.type: ResetReq\n", "called ResetReq"),
        ("  idTagInfo: IdTagInfo\n", "  idTagInfo: SampledValue\n", "has other fields"),
        ("  unknownKey: {", "  unknownKeys: {", "fields.unknownKeys fits no field"),
        ("  UnitOfMeasure:\n", "  Unit:\n", "enum_spellings.Unit is no enumeration"),
        ("remove_values: [Hertz]", "remove_values: [Hz]", "does not list Hz"),
        ("StopTransaction.req.transactionData.sampledValue", "Stop.req.x", "no Stop.req.x"),
        ("largest_stored_string: 50\n", "", "lacks the entry 'largest_stored_string'"),
        ("syntax: FormationViolation", "syntax: FormatViolation", "errors.roles.syntax"),
        ("store: text }      #", "keep: text }      #", "entry of the wrong kind"),
        ("  package: ocpp\n", "  package: ocppp\n", "not installed"),
        ("actions:\n", "actions:\n : : :\n", "not valid YAML"),
    ],
)
def test_overlay_error_is_one_sentence(
    old: str, new: str, sentence: str, overlay: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(overlay, old, new)
    code = cli.main(["codegen", "--check", "--overlay", str(overlay)])
    said = capsys.readouterr().err
    assert code == 1
    assert sentence in said
    assert said.count("\n") == 1


def test_missing_overlay_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["codegen", "--overlay", "/nonexistent.yaml"]) == 1
    assert "Cannot read the overlay /nonexistent.yaml" in capsys.readouterr().err


def test_another_protocol_is_generated_without_a_change_of_the_generator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "newpackage" / "schemas"
    folder.mkdir(parents=True)
    (tmp_path / "newpackage" / "__init__.py").write_text("")
    request = {
        "$schema": "http://json-schema.org/draft-06/schema#",
        "definitions": {
            "ModeEnumType": {"type": "string", "enum": ["Fast-1", "3Phase"]},
            "PartType": {
                "type": "object",
                "properties": {
                    "count": {"type": "integer", "minimum": 0, "maximum": 9},
                    "class": {"type": "string", "maxLength": 8},
                },
                "required": ["count"],
            },
        },
        "type": "object",
        "properties": {
            "mode": {"$ref": "#/definitions/ModeEnumType"},
            "parts": {
                "type": "array",
                "items": {"$ref": "#/definitions/PartType"},
                "minItems": 1,
                "maxItems": 4,
            },
        },
        "required": ["mode"],
    }
    (folder / "PingRequest.json").write_text(json.dumps(request))
    (folder / "PingResponse.json").write_text('{"type": "object", "properties": {}}')
    overlay = tmp_path / "new.yaml"
    overlay.write_text(
        yaml.safe_dump(
            {
                "protocol": "New",
                "source": {
                    "package": "newpackage",
                    "folder": "schemas",
                    "request": "{action}Request.json",
                    "response": "{action}Response.json",
                },
                "errors": {
                    "codes": ["FormatViolation"],
                    "roles": dict.fromkeys(
                        ["syntax", "unknown_field", "occurrence", "type", "constraint"],
                        "FormatViolation",
                    ),
                },
                "actions": {"Ping": "both"},
                "strip_from_definitions": ["EnumType", "Type"],
                "largest_stored_string": 50,
            }
        )
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    files = generate(overlay)
    assert "Fast_1,  ///< Fast-1" in files["enums.hpp"]
    assert "_3Phase,  ///< 3Phase" in files["enums.hpp"]
    assert "Optional<common::FixedString<8>> class_;" in files["part.hpp"]
    assert "IntegerRange kPart_count_range{0, 9};" in files["part.cpp"]
    assert "&runtime::kPartObject), 1, 4);" in files["ping.cpp"]
    assert "PingReq::kType = object(kPingReqFields, 2, true, sizeof(PingReq));" in files["ping.cpp"]
    assert "FormatViolation," in files["rpc_error_code.hpp"]
    assert not any("ocpp 1.6" in text.lower() for text in files.values())


def test_every_enumeration_of_the_model_is_named_once() -> None:
    overlay = load_overlay(DEFAULT_OVERLAY)
    model = build_model(overlay, load_schemas(overlay))
    assert model.enums["UnitOfMeasure"].aliases == [("Celsius", "Celsius")]
    assert ("Celsius", "Celcius") in model.enums["UnitOfMeasure"].values
    assert len(model.messages) == 2 * len(overlay.actions)
    assert all(struct.fields for struct in model.structs.values())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("idTag", "id_tag"),
        ("csChargingProfiles", "cs_charging_profiles"),
        ("chargingRateUnit", "charging_rate_unit"),
        ("BootNotification", "boot_notification"),
        ("SoC", "so_c"),
        ("getURLNow", "get_url_now"),
    ],
)
def test_snake_case(name: str, expected: str) -> None:
    assert snake_case(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"), [("L1-N", "L1_N"), ("default", "default_"), ("3Phase", "_3Phase")]
)
def test_identifier(name: str, expected: str) -> None:
    assert identifier(name) == expected


def test_longest_pattern_wins() -> None:
    table = {"status": 1, "b.status": 2, "A.req.b.status": 3}
    assert find_by_suffix(table, "A.req.b.status") == ("A.req.b.status", 3)
    assert find_by_suffix(table, "X.req.b.status") == ("b.status", 2)
    assert find_by_suffix(table, "X.req.c.status") == ("status", 1)
    assert find_by_suffix(table, "X.req.nostatus") is None


def test_the_committed_setup_page_matches_its_html() -> None:
    check(page.generate(), page.DEFAULT_FOLDER)


def test_a_page_that_changed_is_one_sentence(tmp_path: Path) -> None:
    changed = tmp_path / "setup_page.html"
    changed.write_text(page.DEFAULT_PAGE.read_text() + "\n  <p>more</p>\n")
    with pytest.raises(UserError, match="does not match setup_page"):
        check(page.generate(changed), page.DEFAULT_FOLDER, "setup_page.html")
    changed.write_text("<p>" + "long" * page.MAX_BYTES)
    with pytest.raises(UserError, match="bytes without indentation, of"):
        page.generate(changed)
    with pytest.raises(UserError, match="cannot be read"):
        page.generate(tmp_path / "none.html")


def test_only_the_own_style_and_script_of_the_page_may_run() -> None:
    assert page.policy("<style>a</style><script>b</script>") == (
        "default-src 'none'; "
        "style-src 'sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs='; "
        "script-src 'sha256-PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0='; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
