"""The same clock and colours for every test of the TUI, whatever the machine is set to."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def same_everywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times in UTC, colours on, no settings of the caller's."""
    monkeypatch.setenv("TZ", "UTC")
    for name in ("NO_COLOR", "TMUX", "STY", "CHAT_CLIENT_CONFIG", "CHAT_DATA_DIR", "CHAT_PASSWORD_FILE"):
        monkeypatch.delenv(name, raising=False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


collect_ignore = [] if shutil.which("tmux") else ["test_terminal.py", "test_rough.py", "test_poor_terminal.py"]


def pytest_report_header() -> list[str]:
    """Say what cannot be tested on this machine."""
    return [f"left out, because there is no tmux: {', '.join(collect_ignore)}"] if collect_ignore else []
