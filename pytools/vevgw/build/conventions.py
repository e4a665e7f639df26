"""The conventions of titles and branches, checked: a convention that nobody checks is not one.

Titles of issues, pull requests and commits are `<type>(<scope>): <short description>`, branches are
`<type>/<short-description>`. The workflow calls this file as a module, with nothing installed:

    PYTHONPATH=pytools python3 -m vevgw.build.conventions --title "$TITLE" --branch "$BRANCH"
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence

TYPES = ("build", "chore", "ci", "docs", "feat", "fix", "perf", "refactor", "revert", "test")

# A folder of the project or a tool of it.
SCOPES = (
    *("common", "platform", "charger", "json", "messages", "ocpp", "security", "modbus", "bridge"),
    *("gateway", "esp32", "linux", "sim", "app", "boards", "profiles"),
    *("codegen", "csms", "dut", "chargers", "conformance", "demo", "bench", "nox"),
    *("repo", "ci", "readme", "plan"),
)

MAX_TITLE_CHARACTERS = 100

_TITLE = re.compile(r"(?P<type>[a-z]+)\((?P<scope>[a-z0-9]+)\)!?: (?P<text>\S.*)")
_BRANCH = re.compile(r"(?P<type>[a-z]+)/(?P<text>[a-z0-9]+(?:-[a-z0-9]+)*)")


def title_problem(title: str) -> str | None:
    """Returns one sentence that says what is wrong with a title; None when it is right."""
    match = _TITLE.fullmatch(title)
    if match is None:
        return (
            f"The title '{title}' is not of the form '<type>(<scope>): <short description>', "
            "such as 'feat(ocpp): answer TriggerMessage'."
        )
    text = match["text"]
    if match["type"] not in TYPES:
        return f"'{match['type']}' is no type of change; the types are: {', '.join(TYPES)}."
    if match["scope"] not in SCOPES:
        return f"'{match['scope']}' is no scope; the scopes are: {', '.join(SCOPES)}."
    if re.match(r"[A-Z][a-z]+\b(?![A-Z])", text):
        return f"The description '{text}' must start with a lower-case letter."
    if text.endswith((".", " ")):
        return f"The description '{text}' must not end with a full stop or a space."
    if len(title) > MAX_TITLE_CHARACTERS:
        return f"The title has {len(title)} characters; {MAX_TITLE_CHARACTERS} are allowed."
    return None


def branch_problem(branch: str) -> str | None:
    """Returns one sentence that says what is wrong with a branch name; None when it is right."""
    match = _BRANCH.fullmatch(branch)
    if match is None:
        return (
            f"The branch '{branch}' is not of the form '<type>/<short-description>' in lower case, "
            "such as 'feat/bootnotification-handler'."
        )
    if match["type"] not in TYPES:
        return f"'{match['type']}' is no type of branch; the types are: {', '.join(TYPES)}."
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks the given names and prints a sentence for each that is wrong.

    Returns:
        0 when all are right, 1 otherwise.
    """
    parser = argparse.ArgumentParser(description="Check the title and branch of a pull request.")
    parser.add_argument("--title", help="title of the pull request")
    parser.add_argument("--branch", help="its branch")
    given = parser.parse_args(arguments)
    if given.title is None and given.branch is None:
        parser.error("give --title, --branch or both")
    problems = [
        problem
        for problem in (
            title_problem(given.title) if given.title is not None else None,
            branch_problem(given.branch) if given.branch is not None else None,
        )
        if problem is not None
    ]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
