"""Titles and branch names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from vevgw.build import conventions

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "title",
    [
        "chore(repo): create and configure repository",
        "docs(readme): finalize initial project overview",
        "fix(ocpp): keep stop record until CallResult arrives",
        "feat(ocpp): RemoteStartTransaction while a reservation runs",
        "feat(platform)!: report the reason of a reset",
    ],
)
def test_right_title_passes(title: str) -> None:
    assert conventions.title_problem(title) is None


@pytest.mark.parametrize(
    ("title", "sentence"),
    [
        ("", "is not of the form"),
        ("Fix the thing", "is not of the form"),
        ("fix: no scope", "is not of the form"),
        ("fix(ocpp):no space", "is not of the form"),
        ("fix(ocpp): ", "is not of the form"),
        ("fix(ocpp): one\nfix(ocpp): two", "is not of the form"),
        ("feature(ocpp): add it", "'feature' is no type"),
        ("fix(kitchen): add it", "'kitchen' is no scope"),
        ("fix(ocpp): Add it", "must start with a lower-case letter"),
        ("fix(ocpp): add it.", "must not end with a full stop"),
        (f"fix(ocpp): {'a' * 90}", "The title has 101 characters; 100 are allowed"),
    ],
)
def test_wrong_title_is_one_sentence(title: str, sentence: str) -> None:
    assert sentence in (conventions.title_problem(title) or "")


@pytest.mark.parametrize("branch", ["feat/bootnotification-handler", "docs/project-plan", "fix/x2"])
def test_right_branch_passes(branch: str) -> None:
    assert conventions.branch_problem(branch) is None


@pytest.mark.parametrize(
    ("branch", "sentence"),
    [
        ("main", "is not of the form"),
        ("feat/", "is not of the form"),
        ("feat/Upper-Case", "is not of the form"),
        ("feat/two/parts", "is not of the form"),
        ("feat/double--dash", "is not of the form"),
        ("feat/x\n", "is not of the form"),
        ("feature/thing", "'feature' is no type"),
    ],
)
def test_wrong_branch_is_one_sentence(branch: str, sentence: str) -> None:
    assert sentence in (conventions.branch_problem(branch) or "")


def test_module_runs_with_nothing_installed() -> None:
    command = [sys.executable, "-I", "-S", "-c"]
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'pytools')!r});"
        "from vevgw.build.conventions import main;"
        "sys.exit(main(['--title', 'nonsense', '--branch', 'docs/plan']))"
    )
    done = subprocess.run([*command, code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("The title 'nonsense' is not of the form")


def test_every_yaml_file_of_github_is_readable() -> None:
    files = [*(ROOT / ".github").rglob("*.yml")]
    assert files
    for path in files:
        assert yaml.safe_load(path.read_text()), path


def test_templates_propose_known_labels_and_titles() -> None:
    labels = {row["name"] for row in yaml.safe_load((ROOT / ".github/labels.yml").read_text())}
    forms = [
        yaml.safe_load(path.read_text())
        for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")
        if path.name != "config.yml"
    ]
    assert forms
    for form in forms:
        assert set(form["labels"]) <= labels
        assert conventions.title_problem(f"{form['title']}describe it") is None


def test_workflows_pin_actions_and_only_read() -> None:
    for path in (ROOT / ".github/workflows").glob("*.yml"):
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {"contents": "read"}, path
        for job in workflow["jobs"].values():
            for step in job["steps"]:
                if "uses" in step:
                    assert len(step["uses"].split("@")[1]) == 40, (path, step["uses"])


def test_ci_script_runs_the_documented_command() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "python3 noxfile.py tests" in script.read_text()
