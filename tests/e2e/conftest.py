"""What is left out where the machine has no tmux, and terminals for what is not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.terminals import Terminals

collect_ignore = [] if shutil.which("tmux") else ["test_terminals.py"]


def pytest_report_header() -> list[str]:
    """Say what cannot be tested on this machine."""
    return [f"left out, because there is no tmux: {', '.join(collect_ignore)}"] if collect_ignore else []


@pytest.fixture
def terminals() -> Iterator[Terminals]:
    """Terminals; they and what runs in them end with the test."""
    opened = Terminals()
    yield opened
    opened.close()
