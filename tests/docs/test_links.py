"""The documents hang together: links lead somewhere, the index of decisions is complete, commands exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.docs.spec import ROOT, table

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = ROOT / "docs" / "adr"
IDS = [path.relative_to(ROOT).as_posix() for path in DOCUMENTS]


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_links_lead_somewhere(document: Path) -> None:
    """Relative links name files and headings that exist."""
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (document.parent / name).resolve() if name else document
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)

    assert not broken


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_named_files_exist(document: Path) -> None:
    """A path in code type that looks like one of the project's is one."""
    pattern = r"`((?:docs|tests|server|client|protocol|tools|bench)/[\w./-]+)`"
    named = re.findall(pattern, document.read_text(encoding="utf-8"))

    assert not [name for name in named if not (ROOT / name).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_make_targets_exist(document: Path) -> None:
    """Every ``make`` command in the documents is a target."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = re.findall(r"(?:^ {4}|`)make ([a-z-]+)", document.read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert not set(named) - targets


def test_help_lists_every_target() -> None:
    """``make`` alone tells about everything that it can do."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.findall(r"^\.PHONY: (.+)$", text, flags=re.MULTILINE)[0].split()
    helped = re.findall(r"^([a-z-]+):.*## ", text, flags=re.MULTILINE)

    assert sorted(phony) == sorted(helped)


def test_index_of_decisions_is_complete() -> None:
    """Each record stands in the index under its number and title, and numbers have no hole."""
    listed = [(number, title) for number, title in table(DECISIONS / "README.md", "nr")]
    records = sorted(DECISIONS.glob("[0-9]*.md"))
    expected = []
    for number, path in enumerate(records, start=1):
        title = path.read_text(encoding="utf-8").splitlines()[0].removeprefix(f"# {number}. ")
        expected.append((f"[{number:04}]({path.name})", title))

    assert listed == expected


def test_readme_names_the_commands() -> None:
    """The README introduces every command that the package installs."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert all(f"`{script}`" in readme for script in scripts)
