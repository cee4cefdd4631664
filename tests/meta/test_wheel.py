"""What an installation gets: built offline from the tree, as a user would get it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.meta import tree


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=tree.ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """The files in it."""
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_has_the_packages_whole(names: set[str]) -> None:
    """Style sheets, migrations and type markers come along, nothing is missing and nothing else is in it."""
    expected = set().union(*(tree.package_files(package) for package in tree.PACKAGES.values()))

    assert {name for name in names if ".dist-info/" not in name} == expected


def test_wheel_has_the_licence(names: set[str]) -> None:
    """The terms travel with the code."""
    assert [name for name in names if name.endswith("/licenses/LICENSE")]


def test_what_is_installed_speaks_chinese(wheel: Path, tmp_path: Path) -> None:
    """The catalogues come along, and are found where they are put."""
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONIOENCODING": "utf-8", "LC_ALL": "zh_CN.UTF-8"}
    code = (
        "import sys; from chat_client.line.cli import main; print(__import__('chat_client').__file__); main(['--help'])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False
    ).stdout
    assert said.startswith(str(tmp_path)), "this is another installation"
    assert "逐行聊天" in said


def test_scripts_lead_somewhere() -> None:
    """Every command of the package names a function that exists."""
    project = tomllib.loads((tree.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for target in project["scripts"].values():
        module, _, function = target.partition(":")
        code = f"import {module} as m; assert callable(m.{function})"
        subprocess.run([sys.executable, "-c", code], check=True)


def test_changelog_begins_with_this_version() -> None:
    """The version that is built is the one that the changelog tells about first."""
    project = tomllib.loads((tree.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = Path(tree.ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    versions = [line.split("[")[1].split("]")[0] for line in lines if line.startswith("## [")]

    assert next(version for version in versions if version != "Unreleased") == project["version"]
