"""Write a text in the user's own editor."""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

__all__ = ["edit_text", "editor_command"]


def editor_command(environment: Mapping[str, str]) -> list[str]:
    """Return the command that ``VISUAL`` or ``EDITOR`` names; empty: there is none, or it cannot be understood."""
    try:
        return shlex.split(environment.get("VISUAL") or environment.get("EDITOR") or "")
    except ValueError:
        return []


def edit_text(command: list[str], text: str, folder: Path) -> str:
    """Return what the user made of ``text``; blocks until the editor ends, and needs the terminal for itself.

    Args:
        command: The editor.
        text: What to begin with.
        folder: Where the text lies meanwhile, in a file that only the user can read.

    Raises:
        OSError: The editor cannot be started, or the file cannot be written.
        subprocess.CalledProcessError: The editor failed: the text stays as it was.
        UnicodeDecodeError: What it left is no text.
    """
    handle, name = tempfile.mkstemp(prefix="draft-", suffix=".txt", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        subprocess.run([*command, name], check=True)  # noqa: S603 - the user's own choice
        return Path(name).read_text(encoding="utf-8").removesuffix("\n")
    finally:
        Path(name).unlink(missing_ok=True)
