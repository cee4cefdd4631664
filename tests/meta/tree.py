"""Where things lie in the source tree, and which files belong to the project."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "chat_protocol": ROOT / "protocol" / "chat_protocol",
    "chat_server": ROOT / "server" / "chat_server",
    "chat_client": ROOT / "client" / "chat_client",
}


def tracked_files() -> list[Path]:
    """The files that git keeps, which are there (a file may be deleted and not yet committed)."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout.decode()
    return [ROOT / name for name in listing.split("\0") if name and (ROOT / name).is_file()]


def sources() -> list[Path]:
    """The modules of the three packages."""
    return sorted(path for package in PACKAGES.values() for path in package.rglob("*.py"))


def package_files(package: Path) -> set[str]:
    """Everything that an installed copy of ``package`` needs, relative to the folder that holds it."""
    return {
        path.relative_to(package.parent).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
