"""A chat-server of this tree on this machine, for as long as it is needed and not a moment longer."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
START_S = 30
STOP_S = 15
_PR_SET_PDEATHSIG = 1


class NoServer(Exception):
    """The server did not come up; the text says why."""


def command(name: str) -> str:
    """The project's command ``name`` in the environment that runs this."""
    return str(Path(sys.executable).with_name(name))


def end_with_parent() -> None:
    """Let this process get SIGTERM when its parent dies, be it by kill -9. Linux only; elsewhere it does nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


@contextmanager
def local_server(data_dir: Path, *options: str) -> Iterator[tuple[str, int]]:
    """Run a server on loopback in plain TCP; yields its host and port once it accepts connections.

    Its log goes to ``server.log`` beside ``data_dir``. It ends when this process does, however that ends.

    Raises:
        NoServer: it did not come up.
    """
    arguments = [command("chat-server"), "--data-dir", str(data_dir), "--host", "127.0.0.1", "--port", "0"]
    arguments += ["--insecure", "--registration", "open", *options]
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    log_path = data_dir.parent / "server.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # the terminal's Ctrl-C is not for the server
            preexec_fn=end_with_parent,  # noqa: PLW1509 - this process has one thread
        )
    try:
        yield _wait_until_ready(process, log_path)
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _wait_until_ready(process: subprocess.Popen[bytes], log_path: Path) -> tuple[str, int]:
    """The host and port of the ``ready`` line (docs/protocol.md 7)."""
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    deadline = time.monotonic() + START_S
    printed = b""
    while b"\n" not in printed:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
            raise NoServer(f"chat-server did not get ready within {START_S} s; its log is {log_path}")
        data = os.read(process.stdout.fileno(), 4096)
        if not data:
            tail = log_path.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise NoServer(f"chat-server ended before it was ready:\n{tail}")
        printed += data
    words = printed.split(b"\n", 1)[0].decode().split()
    if words[:2] != ["ready", "tcp"]:
        raise NoServer(f"chat-server said {' '.join(words)!r} instead of 'ready tcp HOST:PORT'")
    host, _, port = words[2].rpartition(":")
    return host, int(port)
