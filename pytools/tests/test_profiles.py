"""Charger profiles: what `vevgw profiles` says and builds."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from profile_texts import EVERYTHING, HEIDELBERG, METER, MINIMAL, change, findings

from vevgw import cli
from vevgw.chargers import profiles, profiles_build
from vevgw.chargers.profiles_image import image
from vevgw.errors import UserError


def folder_with(tmp_path: Path, text: str = MINIMAL) -> Path:
    (tmp_path / "box.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def run(*words: str) -> int:
    try:
        return cli.main(["profiles", *words])
    except SystemExit as ended:
        return int(ended.code or 0)


def test_check_counts_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_with(tmp_path, change("type: u32", "type: u33"))
    assert run("check", "--folder", str(folder)) == 1
    out, err = capsys.readouterr()
    assert re.search(r"box\.yaml:18: registers\.energy\.type is 'u33'", out)
    assert "1 mistake in 1 profile(s)." in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("stop_bits: 1}", "stop_bits: 1", r"box\.yaml:8: This is not YAML: "),
        ("unit: A, access", "unit: furlong, access", r"box\.yaml:19: .*'furlong', which is unk"),
        ("address: 2,", "address: 1,", r"box\.yaml:17: Register 'energy' at 1 overlaps 'state'"),
        ("unit: Wh", "scale: 0, unit: Wh", r"box\.yaml:18: .* the scale 0: it must not be 0\."),
        ("unit: A, access: rw", "unit: A", r"box\.yaml:26: .* 'limit', which is read-only\."),
    ],
)
@pytest.mark.parametrize("command", ["check", "build", "try", "show"])
def test_every_command_says_a_mistake_in_one_sentence_with_file_and_line(
    command: str,
    old: str,
    new: str,
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = folder_with(tmp_path, change(old, new)) / "box.yaml"
    more = {
        "build": ("-o", str(tmp_path / "box.vevp"), "--binary"),
        "try": ("--port", "/dev/null"),
    }.get(command, ())
    assert run(command, *more, str(path)) == 1
    out, err = capsys.readouterr()
    lines = [line for line in (out + err).splitlines() if "box.yaml" in line]
    assert len(lines) == 1, out + err
    assert re.search(sentence, lines[0])
    assert "Traceback" not in err


def test_check_strict_fails_on_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_with(tmp_path, MINIMAL.replace("confidence: h}", "confidence: l}", 1))
    assert run("check", "--folder", str(folder)) == 0
    assert run("check", "--strict", "--folder", str(folder)) == 1
    assert "1 warning" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "show"])
def test_unknown_profile_is_one_sentence(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command, "heidelberg-energy-contrl") == 1
    err = capsys.readouterr().err
    assert "There is no profile 'heidelberg-energy-contrl'" in err
    assert "did you mean 'heidelberg-energy-control'?" in err
    assert len(err.splitlines()) == 1


def test_missing_file_and_folder_are_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "nowhere/box.yaml") == 1
    assert run("list", "--folder", "/nowhere") == 1
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_list_and_show_name_the_profile(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list") == 0
    assert "heidelberg-energy-control" in capsys.readouterr().out
    assert run("show", "heidelberg-energy-control") == 0
    out = capsys.readouterr().out
    assert re.search(r"current-limit\s+holding\s+261", out)
    assert "follower" in out


def test_committed_tables_match_the_profiles() -> None:
    profiles_build.check(profiles.load_all())


def test_build_check_fails_on_drift(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_with(tmp_path)
    output = tmp_path / "tables"
    assert run("build", "--check", "--folder", str(folder), "--output", str(output)) == 1
    assert run("build", "--folder", str(folder), "--output", str(output)) == 0
    assert run("build", "--check", "--folder", str(folder), "--output", str(output)) == 0
    folder_with(tmp_path, change("max_a: 16", "max_a: 13"))
    assert run("build", "--check", "--folder", str(folder), "--output", str(output)) == 1
    err = capsys.readouterr().err
    assert "run `vevgw profiles build`" in err


def test_build_refuses_a_profile_with_mistakes(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, change("min_a: 6,", "min_a: 20,"))
    with pytest.raises(UserError, match=r"box\.yaml:26: .*above max_a"):
        profiles.load_all(folder)


@pytest.mark.native
def test_tables_of_every_kind_of_profile_compile(tmp_path: Path) -> None:
    extended = MINIMAL.replace(
        "zero_means: stop, off: 0}",
        'zero_means: unlimited, off: 1}\n  enable: {register: enable, "on": 1, "off": 0}',
    ).replace("title: Box", 'title: "Bóx \\"2\\""')
    assert [finding for finding in findings(extended) if finding.is_error] == []
    folder = folder_with(tmp_path, extended)
    (folder / "heidelberg-energy-control.yaml").write_text(HEIDELBERG, encoding="utf-8")
    (folder / "full.yaml").write_text(EVERYTHING.replace("name: box", "name: full"), "utf-8")
    (folder / "meter.yaml").write_text(METER.replace("name: box", "name: meter"), "utf-8")
    output = tmp_path / "tables"
    profiles_build.write(profiles.load_all(folder), output)
    command = ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
    lib = profiles.REPOSITORY / "lib"
    done = subprocess.run(
        [*command, f"-I{lib}", *map(str, output.glob("*.cpp"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


GOLDEN = profiles.REPOSITORY / "test" / "vectors" / "profiles"


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.vevp")), ids=lambda path: path.stem)
def test_profile_files_of_the_firmware_tests_are_up_to_date(path: Path) -> None:
    profile, _ = profiles.check_file(profiles.find_file(path.stem))
    assert profile is not None
    assert path.read_bytes() == image(profile), (
        f"vevgw profiles build --binary {path.stem} -o {path}"
    )


def test_profile_file_is_made_from_a_yaml_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = folder_with(tmp_path) / "box.yaml"
    output = tmp_path / "box.vevp"
    assert run("build", "--binary", str(source), "-o", str(output)) == 0
    content = output.read_bytes()
    assert content.startswith(b"VEVP\x02")
    assert f"box, {len(content)} bytes" in capsys.readouterr().out
    source.write_text(change("type: u32", "type: u33"), encoding="utf-8")
    assert run("build", "--binary", str(source), "-o", str(output)) == 1
    assert "did you mean 'u32'" in capsys.readouterr().err
