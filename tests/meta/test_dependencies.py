"""What the packages import is what pyproject.toml asks for: nothing by luck, nothing for nothing."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain

from tests.meta import tree

SERVER = tree.ROOT / "requirements" / "server.in"
OPTIONAL = {"textual"}
"""For ``chat-server top`` alone, which says so where it is not there."""
LOCK = tree.ROOT / "requirements" / "server.lock"


def imported(*packages: str) -> set[str]:
    """The top-level modules of others that the packages, or else all, import, wherever in a module."""
    found: set[str] = set()
    for path in tree.sources():
        if packages and not any(path.is_relative_to(tree.PACKAGES[package]) for package in packages):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=names):
                    found.update(each.name.partition(".")[0] for each in names)
                case ast.ImportFrom(module=str(module), level=0):
                    found.add(module.partition(".")[0])
                case _:
                    pass
    return found - set(sys.stdlib_module_names) - set(tree.PACKAGES)


def asked() -> list[str]:
    """The project's requirements as they are written, those of its extras too."""
    project = tomllib.loads((tree.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]


def name_of(requirement: str) -> str:
    """The distribution that a requirement is about, in its canonical spelling."""
    return canonical(re.split(r"[<>=!~\[ ;]", requirement, maxsplit=1)[0])


def canonical(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def distributions(modules: set[str]) -> set[str]:
    """The distributions that modules come from."""
    homes = packages_distributions()
    return {canonical(distribution) for module in modules for distribution in set(homes.get(module, [module]))}


def test_dependencies_are_what_is_imported() -> None:
    """Every import has its requirement and every requirement its import."""
    assert distributions(imported()) == set(map(name_of, asked()))


def test_the_server_asks_for_what_it_imports() -> None:
    """requirements/server.in names what the server imports, with the ranges of pyproject.toml."""
    written = {line for line in SERVER.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")}
    needed = distributions(imported("chat_server", "chat_protocol")) - OPTIONAL

    assert written == {requirement for requirement in asked() if name_of(requirement) in needed}


def test_the_lock_pins_the_server() -> None:
    """requirements/server.lock has each of them in its range, each pin with hashes, and names no place to get it."""
    text = LOCK.read_text(encoding="utf-8")
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", text, flags=re.MULTILINE))
    blocks = re.split(r"^(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)[1:]

    assert all("--hash=sha256:" in block for block in blocks)
    assert len(blocks) == len(pins)
    assert "://" not in text
    for line in SERVER.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, least = line.split(">=")
            assert version(pins[name]) >= version(least)


def version(text: str) -> list[int]:
    """The numbers of a version."""
    return [int(part) for part in re.findall(r"\d+", text)]
