"""The shape of the source tree (docs/architecture.md): small modules, and nothing where it would be importable."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.meta import tree

MAX_MODULE_LINES = 450
MAX_FUNCTION_LINES = 60
LONG_ON_PURPOSE = {
    "packets.py": 850,  # one struct for each frame of the protocol, in the order of the specification
}
LONG_FUNCTIONS = {
    "_decide_known",  # one arm for each request
}


@pytest.mark.parametrize("package", tree.PACKAGES.values(), ids=tree.PACKAGES)
def test_top_folders_hold_the_package_only(package: Path) -> None:
    """In an editable install each of these folders is on the path: a file beside the package would be a module."""
    beside = {path.name for path in package.parent.iterdir()} - {package.name, "__pycache__"}

    assert not beside


@pytest.mark.parametrize("package", tree.PACKAGES.values(), ids=tree.PACKAGES)
def test_packages_are_typed(package: Path) -> None:
    """Who installs the wheel gets the types."""
    assert (package / "py.typed").is_file()


def test_modules_are_small() -> None:
    """A module that grows beyond one subject is split; the few long ones say why here."""
    lines = {path: path.read_text(encoding="utf-8").count("\n") for path in tree.sources()}
    long = {
        path.relative_to(tree.ROOT).as_posix(): count
        for path, count in lines.items()
        if count > LONG_ON_PURPOSE.get(path.name, MAX_MODULE_LINES)
    }

    assert not long


def test_functions_are_short() -> None:
    """A function is one thought; docstrings do not count."""
    long: dict[str, int] = {}
    for path in tree.sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name in LONG_FUNCTIONS:
                continue
            body = node.body[1:] if ast.get_docstring(node) else node.body
            count = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
            if count > MAX_FUNCTION_LINES:
                long[f"{path.relative_to(tree.ROOT).as_posix()}:{node.lineno} {node.name}"] = count

    assert not long


def test_modules_say_what_they_are() -> None:
    """A module with code opens with a sentence."""
    silent = [
        path.relative_to(tree.ROOT).as_posix()
        for path in tree.sources()
        if (module := ast.parse(path.read_text(encoding="utf-8"))).body and ast.get_docstring(module) is None
    ]

    assert not silent


def test_no_paths_of_a_machine() -> None:
    """Nothing in the repository depends on where it lies or on who works on it."""
    pattern = re.compile(r"(?<![\w.~-])/(?:home|root|Users|work|mnt|opt)/\w")
    found = [
        f"{path.relative_to(tree.ROOT).as_posix()}:{number}: {line.strip()}"
        for path in tree.tracked_files()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        if pattern.search(line)
    ]

    assert not found


def test_nothing_is_put_off() -> None:
    """What is left to do stands in issues, not in the code."""
    pattern = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    found = [
        f"{path.relative_to(tree.ROOT).as_posix()}:{number}"
        for path in tree.tracked_files()
        if path.suffix in {".py", ".md", ".toml", ".tcss", ".sql"}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]

    assert not found
