"""What the packages import is what pyproject.toml asks for: nothing by luck, nothing for nothing."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain

from tests.meta import tree


def imported() -> set[str]:
    """The top-level modules of others that the packages import, wherever in a module."""
    found: set[str] = set()
    for path in tree.sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=names):
                    found.update(each.name.partition(".")[0] for each in names)
                case ast.ImportFrom(module=str(module), level=0):
                    found.add(module.partition(".")[0])
                case _:
                    pass
    return found - set(sys.stdlib_module_names) - set(tree.PACKAGES)


def declared() -> set[str]:
    """The distributions that the project depends on, those of its extras too, in their canonical spelling."""
    project = tomllib.loads((tree.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    return {canonical(re.split(r"[<>=!~\[ ;]", each, maxsplit=1)[0]) for each in asked}


def canonical(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_dependencies_are_what_is_imported() -> None:
    """Every import has its requirement and every requirement its import."""
    homes = packages_distributions()
    used = {canonical(distribution) for module in imported() for distribution in set(homes.get(module, [module]))}

    assert used == declared()
