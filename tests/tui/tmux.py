"""chat-tui in a real terminal: a tmux server of the test's own, reached by its own socket and ended by that alone."""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.line.conftest import environment

DEADLINE_S = 30.0
PASSWORD = "correct horse"


class Tmux:
    """One window of a tmux server, in which a shell runs."""

    def __init__(self, folder: Path, width: int = 120, height: int = 36) -> None:
        self.folder = folder
        self._socket = f"chat-{os.getpid()}-{secrets.token_hex(4)}"
        env = {**environment(folder), "TMUX_TMPDIR": str(folder), "LC_ALL": "C.UTF-8", "PS1": "$ ", "TERM": "xterm"}
        for name in ("TMUX", "COLUMNS", "LINES"):
            env.pop(name, None)
        self._env = env
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), "sh")
        self.tmux("set-option", "-g", "default-terminal", "tmux-256color")
        self.tmux("set-option", "-g", "escape-time", "0")

    def tmux(self, *arguments: str) -> str:
        """Run a command of tmux; returns what it printed."""
        command = ["tmux", "-L", self._socket, *arguments]
        return subprocess.run(command, env=self._env, check=True, capture_output=True, text=True).stdout

    def type(self, *keys: str) -> None:
        """Press keys by their tmux names, or whole texts, all at once."""
        self.tmux("send-keys", *keys)

    @property
    def screen(self) -> str:
        """What the terminal shows."""
        return self.tmux("capture-pane", "-p")

    def ask(self, variable: str) -> str:
        """What tmux knows of its pane."""
        return self.tmux("display-message", "-p", f"#{{{variable}}}").strip()

    def until(self, condition: Callable[[], object], otherwise: str) -> None:
        """Wait until it is so.

        Raises:
            AssertionError: It is not so in time; tells what is on the screen.
        """
        until = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < until, f"{otherwise}:\n{self.screen}"
            time.sleep(0.02)

    def sees(self, *texts: str) -> str:
        """Wait until all of this is on the screen; returns the screen."""
        self.until(lambda: all(text in self.screen for text in texts), f"{texts} not on the screen")
        return self.screen

    def sees_not(self, text: str) -> None:
        """Wait until this is not on the screen."""
        self.until(lambda: text not in self.screen, f"{text!r} is still on the screen")

    def record(self) -> Path:
        """Have everything that is written to the terminal from now on go to a file, too."""
        path = self.folder / "raw"
        self.tmux("pipe-pane", "-o", f"cat >{shlex.quote(str(path))}")
        return path

    def send(self, raw: bytes) -> None:
        """Send bytes as the terminal itself would, like a report that it lost the focus."""
        self.tmux("send-keys", "-H", *(f"{byte:02x}" for byte in raw))

    def resize(self, width: int, height: int) -> None:
        """Give the window another size."""
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def start_tui(self, *arguments: str, profile: str = "profile") -> None:
        """Type the command that starts chat-tui."""
        command = [sys.executable, "-m", "chat_client.tui.cli", "--profile", str(self.folder / profile), *arguments]
        self.type(f"{shlex.join(command)}; echo ended=$?", "Enter")

    def start_as(self, name: str, address: tuple[str, int]) -> None:
        """Start chat-tui as a new user of a server on this machine."""
        password = self.folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o600)
        server = ["--server", f"{address[0]}:{address[1]}", "--insecure"]
        self.start_tui(*server, "--new-user", name, "--password-file", str(password))

    def processes(self) -> list[int]:
        """The processes that run chat-tui on the profile of this test."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    line = (entry / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if b"chat_client.tui.cli" in line and any(str(self.folder).encode() in word for word in line):
                    found.append(int(entry.name))
        return found

    def close(self) -> None:
        """End the tmux server and what runs in it."""
        subprocess.run(["tmux", "-L", self._socket, "kill-server"], env=self._env, check=False, capture_output=True)
