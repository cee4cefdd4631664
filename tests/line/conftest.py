"""A real server and users of it who run chat-cli in processes of their own."""

from __future__ import annotations

import codecs
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import Shared, StartServer
from tests.support.people import People
from tests.support.server import ROOT, Server

PASSWORD = "correct horse"
DEADLINE_S = 30.0
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_CUT = re.compile(r"\x1b(\[[0-9;]*)?$")


def environment(data: Path, **more: str) -> dict[str, str]:
    """This tree's packages, files of the test's own, and nothing of the caller's settings."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("CHAT_", "NO_COLOR"))}
    path = os.pathsep.join(str(ROOT / part) for part in ("protocol", "client"))
    own = {"PYTHONPATH": path, "CHAT_DATA_DIR": str(data), "CHAT_CLIENT_CONFIG": str(data / "client.toml"), "TZ": "UTC"}
    return {**env, **own, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8", **more}


class Person:
    """Somebody with a profile directory who runs chat-cli."""

    def __init__(self, name: str, data: Path, address: tuple[str, int]) -> None:
        self.name = name
        self.data = data
        self.server = f"{address[0]}:{address[1]}"

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """Start chat-cli with pipes."""
        command = [sys.executable, "-m", "chat_client.line.cli", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
            encoding="utf-8",
            env=environment(self.data, **more),
        )

    def run(self, *arguments: str, typed: str = "", code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run chat-cli to its end; it has to exit with ``code``, if one is given."""
        process = self.start(*arguments)
        try:
            out, err = process.communicate(typed, DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        assert "Traceback" not in err, err
        assert code in (None, process.returncode), f"{arguments} exited with {process.returncode}: {out}{err}"
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def register(self) -> Person:
        """Make the account."""
        where = ["--server", self.server, "--insecure", "--user", self.name]
        self.run("register", *where, typed=f"{PASSWORD}\n")
        return self


class Terminal:
    """A chat-cli on a terminal of its own."""

    def __init__(self, person: Person, *arguments: str, term: str = "xterm", **more: str) -> None:
        self.text = ""
        """What came and was not expected yet, without colours."""
        self.raw = b""
        """All that came."""
        command = [sys.executable, "-m", "chat_client.line.cli", *arguments]
        self._master, slave = pty.openpty()
        os.set_blocking(self._master, False)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""
        self._process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment(person.data, TERM=term, **more),
            preexec_fn=partial(os.login_tty, slave),  # noqa: PLW1509 - this process has one thread
        )  # fmt: skip
        os.close(slave)

    def type(self, keys: str) -> None:
        """Press keys; a carriage return is Enter."""
        os.write(self._master, keys.encode())

    def expect(self, text: str) -> str:
        """Read until ``text`` is there; returns everything up to its end and forgets that."""
        until = time.monotonic() + DEADLINE_S
        while text not in self.text:
            assert self._read(until), f"{text!r} did not come:\n{self.text}"
        before, _, self.text = self.text.partition(text)
        return before + text

    def _read(self, until: float) -> bool:
        readable, _, _ = select.select([self._master], [], [], max(0.0, until - time.monotonic()))
        try:
            data = os.read(self._master, 65536) if readable else b""
        except OSError:
            data = b""
        # A terminal answers when it is asked where the cursor is.
        if b"\x1b[6n" in data:
            os.write(self._master, b"\x1b[1;1R")
        self.raw += data
        # A read may end within a sequence, or within a letter.
        self._rest += self._decoder.decode(data)
        cut = _CUT.search(self._rest)
        end = cut.start() if cut is not None else len(self._rest)
        self.text += _COLOUR.sub("", self._rest[:end])
        self._rest = self._rest[end:]
        return bool(data)

    def end(self) -> int:
        """Read until it ends; returns its exit code."""
        until = time.monotonic() + DEADLINE_S
        while self._read(until):
            pass
        assert time.monotonic() < until, f"it did not end:\n{self.text}"
        return self._process.wait(DEADLINE_S)

    def hang_up(self) -> None:
        """Take the terminal away, as closing its window does; returns when the program has ended."""
        self._master, gone = os.open(os.devnull, os.O_RDWR), self._master
        os.close(gone)
        self._process.wait(DEADLINE_S)

    def signal(self, number: int) -> None:
        """Send a signal to it alone."""
        self._process.send_signal(number)

    def close(self) -> None:
        """Kill it, if it still runs."""
        if self._process.poll() is None:
            self.signal(signal.SIGKILL)
            self._process.wait()
        os.close(self._master)


Open = Callable[..., Terminal]
Register = Callable[..., Person]


@pytest.fixture
def person(shared_server: Shared, people: People, tmp_path: Path) -> Register:
    """Make people with accounts on the shared server."""

    def make(stem: str) -> Person:
        name = people.name(stem)
        return Person(name, tmp_path / name, shared_server.address).register()

    return make


@pytest.fixture
def own_server(start_server: StartServer) -> Server:
    """A server that the test may stop; it comes back on the same port."""
    from tests.client.test_real_server import free_port

    return start_server("--port", str(free_port()))


@pytest.fixture
def terminal() -> Iterator[Open]:
    """Open terminals with a chat-cli on each."""
    opened: list[Terminal] = []

    def make(person: Person, *arguments: str, term: str = "xterm", **more: str) -> Terminal:
        opened.append(Terminal(person, *arguments, term=term, **more))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def group(owner: Person, *members: Person, stem: str = "group") -> str:
    """Make a group with these members."""
    name = f"#{stem}-{owner.name}"[:33].rstrip("-.")
    owner.run(typed=f"/create {name}\n")
    for member in members:
        member.run(typed=f"/join {name}\n")
    return name
