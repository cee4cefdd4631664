"""The tests that docs/expectations.md names exist, and each expectation names one."""

from __future__ import annotations

import ast
import re

from tests.docs.spec import ROOT

DOCUMENT = (ROOT / "docs" / "expectations.md").read_text(encoding="utf-8")
ROWS = [line for line in DOCUMENT.splitlines() if line.startswith("| ") and not line.startswith(("| what", "| ---"))]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def functions_in(file: str) -> set[str]:
    """The names of the tests in a file; none where there is no such file."""
    path = ROOT / file
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.Module([], [])
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_expectation_names_a_test() -> None:
    """A row without a test is a wish."""
    assert len(ROWS) > 40
    assert [row for row in ROWS if not NAMED.search(row)] == []


def test_the_named_tests_exist() -> None:
    """A test that was renamed is renamed here, too."""
    named = NAMED.findall(DOCUMENT)
    known = {file: functions_in(file) for file, _ in named}
    missing = [f"{file}::{name}" for file, name in named if name not in known[file] or not name.startswith("test_")]

    assert missing == []
    assert len(named) == DOCUMENT.count("::")
