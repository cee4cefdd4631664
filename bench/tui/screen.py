"""A terminal for a program that is measured: it keeps what is on the screen and says when it is so.

It understands what Textual writes (placing the cursor, text, clearing) and skips everything else.
"""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.cells import cell_len

_TOKEN = re.compile(
    r"\x1b\[(?P<row>\d+);(?P<column>\d+)H|(?P<home>\x1b\[H)|\x1b\[(?P<clear>[0-9]?)J|\x1b\[[0-9;?<>=!$ ]*[@-~]"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1bP[^\x1b]*\x1b\\|\x1b[()][A-Z0-9]|\x1b[=>78cDEHMZ]"
    r"|(?P<newline>\r?\n)|(?P<return>\r)|(?P<text>[^\x1b\r\n\x07]+)|\x07"
)
_TICKS = os.sysconf("SC_CLK_TCK")
DEADLINE_S = 60.0


class Screen:
    """What would be seen, row by row."""

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._rows = [[" "] * width for _ in range(height)]
        self._x = self._y = 0
        self._rest = ""

    @property
    def text(self) -> str:
        """All rows."""
        return "\n".join("".join(row) for row in self._rows)

    def feed(self, data: str) -> None:
        """Take over what was written."""
        data = self._rest + data
        at = 0
        while at < len(data):
            token = _TOKEN.match(data, at)
            if token is None:
                if len(data) - at < 64:
                    break  # the rest of an escape sequence has not come yet
                at += 1
                continue
            if token.end() == len(data) and data[at] == "\x1b" and len(data) - at < 3:
                break
            self._do(token)
            at = token.end()
        self._rest = data[at:]

    def _do(self, token: re.Match[str]) -> None:
        if token["row"]:
            self._y, self._x = int(token["row"]) - 1, int(token["column"]) - 1
        elif token["home"]:
            self._x = self._y = 0
        elif token["newline"]:
            self._x, self._y = 0, self._y + 1
        elif token["return"]:
            self._x = 0
        elif token["clear"] is not None:
            self._rows = [[" "] * self._size[0] for _ in self._rows]
        elif token["text"]:
            self._write(token["text"])

    def _write(self, text: str) -> None:
        row = self._rows[min(self._y, self._size[1] - 1)]
        for sign in text:
            if self._x < self._size[0]:
                row[self._x] = sign
            wide = 1 if sign.isascii() else cell_len(sign)
            if wide == 2 and self._x + 1 < self._size[0]:
                row[self._x + 1] = ""
            self._x += wide


class Program:
    """A program in a terminal of its own."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], size: tuple[int, int] = (120, 36)) -> None:
        self.screen = Screen(*size)
        self.written = 0
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.began = time.perf_counter()
        env = {**environment, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        self._process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True, close_fds=True
        )
        os.close(slave)
        self._master = master
        self._decode = _decoder()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def read(self, wait_s: float) -> bool:
        """Take over what is written within a time; return whether anything was."""
        if not select.select([self._master], [], [], wait_s)[0]:
            return False
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:
            data = b""
        if not data:
            raise EOFError(f"it has ended:\n{self.screen.text}")
        self.written += len(data)
        self.screen.feed(self._decode(data))
        return True

    def until(self, condition: Callable[[str], object], deadline_s: float = DEADLINE_S) -> float:
        """Read until the screen is so; return when that was.

        Raises:
            TimeoutError: It was not so in time; tells what was on the screen.
        """
        until = time.perf_counter() + deadline_s
        while not condition(self.screen.text):
            if time.perf_counter() > until:
                raise TimeoutError(self.screen.text)
            self.read(0.2)
        return time.perf_counter()

    def drain(self, seconds: float) -> None:
        """Read for a time."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            self.read(left)

    def cpu_s(self) -> float:
        """CPU time so far (Linux; elsewhere 0)."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_mib(self) -> float:
        """Resident memory (Linux; elsewhere 0)."""
        try:
            lines = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
        except OSError:
            return 0.0
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    def close(self) -> None:
        """End it, in order if it can."""
        self._process.terminate()
        until = time.monotonic() + 10
        while self._process.poll() is None and time.monotonic() < until:
            try:
                self.read(0.05)
            except EOFError:
                break
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._master)


def _decoder() -> Callable[[bytes], str]:
    return codecs.getincrementaldecoder("utf-8")("replace").decode
