"""Runs a real ``chat-server`` process for tests: on loopback, with its own data directory and a cheap password hash."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 20.0
"""How long a server may take to start; generous, since tests run on busy machines."""

CHEAP_HASH = {"CHAT_SERVER_ARGON2_MEMORY_KIB": "64", "CHAT_SERVER_ARGON2_TIME_COST": "1"}


def command(*flags: str, module: str = "chat_server.cli") -> list[str]:
    """The command line that runs the server of this tree, or another module that starts it."""
    return [sys.executable, "-m", module, *flags]


def environment(**more: str) -> dict[str, str]:
    """The environment for :func:`command`: this tree's packages, no option of the caller, a cheap hash."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("CHAT_SERVER_")}
    path = os.pathsep.join(str(ROOT / part) for part in ("protocol", "server"))
    return {**env, "PYTHONPATH": path, **CHEAP_HASH, **more}


class Server:
    """One data directory and the server process that runs on it, or none at the moment.

    Attributes:
        data_dir: Where the server keeps its data; it survives restarts.
        ready: The words of the ready line, of the newest start.
        variables: Added to the environment of each start.
        program: The words that run the server; the flags come behind them.
    """

    def __init__(
        self,
        data_dir: Path,
        *flags: str,
        registration: str = "open",
        insecure: bool = True,
        log_dir: Path | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.registration = registration
        self.ready: list[str] = []
        self.variables: dict[str, str] = {}
        self.program = command()
        self._flags = ["--host", "127.0.0.1", "--port", "0", "--rate-limit", "off", *flags]
        if insecure:
            self._flags.append("--insecure")
        self._log = (log_dir or data_dir.parent) / f"{data_dir.name}.stderr"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port; another port after each start."""
        host, port = self.ready[2].rsplit(":", 1)
        return host, int(port)

    @property
    def pid(self) -> int | None:
        """The process id; None while it does not run."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process and wait for its ready line.

        Raises:
            AssertionError: it ended, or said something else, or was not ready in time; the message holds its log.
        """
        assert self._process is None, "it is running"
        flags = ["--data-dir", str(self.data_dir), "--registration", self.registration, *self._flags]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.program, *flags], stdout=subprocess.PIPE, stderr=log, env=environment(**self.variables)
            )
        try:
            self.ready = self._first_line().split()
            assert self.ready[:1] == ["ready"], f"the server said {self.ready}\n{self.log()}"
        except BaseException:
            self.kill9()
            raise

    def _first_line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        output = self._process.stdout.fileno()
        until = time.monotonic() + DEADLINE_S
        line = b""
        while not line.endswith(b"\n"):
            readable, _, _ = select.select([output], [], [], max(0.0, until - time.monotonic()))
            data = os.read(output, 4096) if readable else b""
            assert data, f"the server {'ended' if readable else 'was not ready in time'}\n{self.log()}"
            line += data
        return line.decode()

    def keep_port(self) -> None:
        """Listen on the present port at later starts, too."""
        self._flags += ["--port", str(self.address[1])]

    def signal_stop(self) -> None:
        """Send SIGTERM and do not wait."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def wait(self, deadline_s: float = DEADLINE_S) -> int:
        """Wait for the process to end; returns its exit code.

        Raises:
            subprocess.TimeoutExpired: it is still running after ``deadline_s``.
        """
        assert self._process is not None
        code = self._process.wait(deadline_s)
        self._forget()
        return code

    def terminate(self) -> None:
        """End it as an operator would: SIGTERM, and it has to exit with 0."""
        self.signal_stop()
        code = self.wait()
        assert code == 0, f"the server exited with {code}\n{self.log()}"

    def kill9(self) -> None:
        """Kill it without warning; does nothing where it has ended already."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._forget()

    def restart(self) -> None:
        """End it in good order, where it runs, and start it again on the same data."""
        if self._process is not None:
            self.terminate()
        self.start()

    def log(self) -> str:
        """What it wrote to standard error, the newest 8 KiB."""
        return self._log.read_text(errors="replace")[-8192:] if self._log.exists() else ""

    def _forget(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
