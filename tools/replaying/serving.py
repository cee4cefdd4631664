"""The server of a replay: a process that can be killed and started again on the same data and port."""

from __future__ import annotations

import asyncio
import os
import random
import runpy
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

from tools.local_server import ROOT, NoServer, end_with_parent

__all__ = ["ServerProcess", "free_port", "python_path"]

START_S = 30
STOP_S = 15
_OPTIONS = [
    *("--host", "127.0.0.1", "--insecure", "--registration", "open", "--rate-limit", "off"),
    # Hundreds of accounts are made at the start; what a hash costs is not what is looked at here.
    *("--argon2-memory-kib", "64", "--argon2-time-cost", "1", "--log-level", "warning", "--log-format", "json"),
]


def python_path() -> str:
    """This tree's packages, for the environment of a child."""
    return os.pathsep.join(str(ROOT / part) for part in (".", "protocol", "server", "client"))


class ServerProcess:
    """A chat-server on loopback in plain TCP; it ends when this process does, however that ends.

    Attributes:
        log_path: Where its log is.
    """

    def __init__(self, folder: Path) -> None:
        self.log_path = folder / "server.log"
        self._data = folder / "server"
        self._port = 0
        self._process: Process | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, the same after each start."""
        return "127.0.0.1", self._port

    async def start(self) -> None:
        """Start it and wait until it accepts connections.

        Raises:
            NoServer: it did not come up; the text holds the end of its log.
        """
        self._port = self._port or free_port()
        environment = {key: value for key, value in os.environ.items() if not key.startswith("CHAT_SERVER_")}
        with self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tools.replaying.serving"),
                *("--data-dir", str(self._data), "--port", str(self._port), *_OPTIONS),
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=log,
                env={**environment, "PYTHONPATH": python_path()},
                start_new_session=True,  # the terminal's Ctrl-C is not for the server
            )
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(START_S):
                words = (await self._process.stdout.readline()).decode().split()
        except TimeoutError:
            words = []
        if words[:2] != ["ready", "tcp"]:
            await self.kill()
            raise NoServer(f"chat-server said {' '.join(words)!r} instead of 'ready tcp HOST:PORT'\n{self.log()}")

    async def kill(self) -> None:
        """Kill -9; does nothing where it has ended."""
        if self._process is None:
            return
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        self._process = None

    async def stop(self) -> int | None:
        """SIGTERM, and wait for the end; its exit code, None where it did not end in 15 s and was killed."""
        if self._process is None:
            return None
        if self._process.returncode is None:
            self._process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                code = await self._process.wait()
        except TimeoutError:
            await self.kill()
            return None
        self._process = None
        return code

    def log(self) -> str:
        """The newest 4,000 characters of its log."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")[-4000:] if self.log_path.exists() else ""


def free_port() -> int:
    """A port of this machine that nobody uses, below those that the system gives to outgoing connections.

    One of these could be taken while the server is down: by a client that tries to reach it and meets itself.
    """
    while True:
        port = random.randrange(15_000, 32_000)  # noqa: S311 - no secret
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


if __name__ == "__main__":
    # A step in between, so that the order to end with the parent is given in the child and without a fork handler,
    # which is not safe while threads run.
    end_with_parent()
    runpy.run_module("chat_server.cli", run_name="__main__", alter_sys=True)
