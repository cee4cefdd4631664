"""``make demo`` shows the TUI on a server of its own, and leaves nothing behind however it ends."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.meta.tree import ROOT

SIGNALS = [signal.SIGTERM, signal.SIGHUP]
if sys.platform == "linux":
    SIGNALS.append(signal.SIGKILL)  # only there the children hear of it
DEADLINE_S = 40.0


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Our end of a terminal of 110 columns and 35 lines; the other end is standard input and output of the demo."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 35, 110, 0, 0))
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_demo_leaves_nothing_behind(terminal: tuple[int, int], number: signal.Signals, tmp_path: Path) -> None:
    """The TUI comes up logged in, tells how to join, and server and TUI end with the demo."""
    ours, theirs = terminal
    environment = os.environ | {"TERM": "xterm-256color", "CHAT_DEMO_DIR": str(tmp_path / "try")}
    demo = subprocess.Popen(
        [sys.executable, "-m", "tools.demo"],
        cwd=ROOT,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    try:
        _read_until(ours, [b"make join", b"Lobby"], demo)
        family = _family(demo.pid)
        assert len(family) >= 3, "the demo, the server and the TUI"
        demo.send_signal(number)
        _drain_until_ended(ours, demo)
        _until_gone(family)
    finally:
        demo.kill()
        demo.wait()


def _read_until(terminal: int, wanted: list[bytes], demo: subprocess.Popen[bytes]) -> None:
    """Read what is drawn until everything ``wanted`` was in it."""
    until = time.monotonic() + DEADLINE_S
    drawn = b""
    while not all(text in drawn for text in wanted):
        left = until - time.monotonic()
        assert left > 0, f"not drawn in time: {drawn[-3000:]!r}"
        assert demo.poll() is None, f"the demo ended: {drawn[-3000:]!r}"
        if select.select([terminal], [], [], min(left, 0.5))[0]:
            drawn += os.read(terminal, 65536)


def _drain_until_ended(terminal: int, demo: subprocess.Popen[bytes]) -> None:
    """Take what is drawn while the demo ends: a terminal that nobody reads would hold it up."""
    until = time.monotonic() + DEADLINE_S
    while demo.poll() is None:
        assert time.monotonic() < until, "the demo did not end"
        if select.select([terminal], [], [], 0.1)[0]:
            os.read(terminal, 65536)


def _family(pid: int) -> list[int]:
    """``pid`` and its descendants."""
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], check=True, capture_output=True, text=True).stdout
    children: dict[int, list[int]] = {}
    for line in listing.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    family = [pid]
    for member in family:
        family += children.get(member, [])
    return family


def _until_gone(pids: list[int]) -> None:
    """Wait until none of ``pids`` runs."""
    until = time.monotonic() + DEADLINE_S
    waiting = pids[1:]
    while waiting:
        assert time.monotonic() < until, f"still running: {waiting}"
        waiting = [pid for pid in waiting if _runs(pid)]


def _runs(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], check=False, capture_output=True, text=True).stdout
    return bool(state.strip()) and not state.startswith("Z")
