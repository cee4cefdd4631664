"""Exit codes, and the one exception with which a command ends early. Imports nothing of ours."""

from typing import Final

__all__ = [
    "FAILED",
    "NOT_LOGGED_IN",
    "NOT_YET",
    "OK",
    "OUTPUT_CLOSED",
    "UNASKED",
    "UNREACHABLE",
    "USAGE",
    "CommandError",
]

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NOT_YET: Final = 3
UNREACHABLE: Final = 69
UNASKED: Final = 70
"""``ask`` failed: its codes 0 to 2 are choices."""
NOT_LOGGED_IN: Final = 77
OUTPUT_CLOSED: Final = 141
"""Whoever read the output went away; the code that a shell shows for SIGPIPE."""


class CommandError(Exception):
    """A command ends with ``code``; ``str()`` says what happened, what was kept and what to do, safe to show."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        super().__init__(message)
