"""Terminals with real programs in them: windows of a tmux server of the test's own, reached by its own socket alone."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence

DEADLINE_S = 40.0
"""How long anything may take; generous, since tests run on busy machines."""
WIDTH, HEIGHT = 100, 30
_POLL_S = 0.05


class Terminals:
    """A tmux server; end it with :meth:`close`."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chat-tmux-")  # short: a socket's path has a bound
        self._socket = f"chat-{os.getpid()}-{secrets.token_hex(4)}"
        self._env = {key: value for key, value in os.environ.items() if key not in ("TMUX", "TMUX_PANE")}
        self._env |= {"TMUX_TMPDIR": self._folder.name, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
        # A session that only keeps the server alive, so that the options stand before the first program starts.
        self.tmux("-f", os.devnull, "new-session", "-d", "-s", "base", "cat")
        self.tmux("set-option", "-g", "remain-on-exit", "on")
        self.tmux("set-option", "-g", "escape-time", "0")

    def tmux(self, *arguments: str) -> str:
        """Run a command of tmux; returns what it printed."""
        command = ["tmux", "-L", self._socket, *arguments]
        return subprocess.run(command, env=self._env, check=True, capture_output=True, text=True).stdout

    def open(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> Terminal:
        """Start a program in a terminal of its own; no shell is in between."""
        more = [word for key, value in env.items() for word in ("-e", f"{key}={value}")]
        size = ["-x", str(WIDTH), "-y", str(HEIGHT)]
        self.tmux("new-session", "-d", "-s", name, *size, *more, "--", *command)
        return Terminal(self, name)

    def close(self) -> None:
        """End the tmux server and what runs in it."""
        subprocess.run(["tmux", "-L", self._socket, "kill-server"], env=self._env, check=False, capture_output=True)
        self._folder.cleanup()


class Terminal:
    """One program on a screen."""

    def __init__(self, terminals: Terminals, name: str) -> None:
        self._terminals = terminals
        self.name = name

    @property
    def lines(self) -> list[str]:
        """What is on the screen, row by row."""
        return self._terminals.tmux("capture-pane", "-p", "-t", self.name).split("\n")

    @property
    def is_over(self) -> bool:
        """Whether the program has ended."""
        return self._ask("pane_dead") == "1"

    def press(self, *keys: str) -> None:
        """Press keys by their tmux names."""
        self._terminals.tmux("send-keys", "-t", self.name, *keys)

    def type(self, text: str) -> None:
        """Type a text and, when it stands there, Enter."""
        self._terminals.tmux("send-keys", "-t", self.name, "-l", text)
        self.sees(text)
        self.press("Enter")

    def until(self, condition: Callable[[list[str]], object], otherwise: str) -> list[str]:
        """Wait until the screen is so; returns its rows.

        Raises:
            AssertionError: It is not so in time; the text tells what is on the screen.
        """
        until = time.monotonic() + DEADLINE_S
        while not condition(lines := self.lines):
            assert time.monotonic() < until, "\n".join([f"{self.name}: {otherwise}", *lines])
            time.sleep(_POLL_S)  # between two looks; what is waited for is on the screen
        return lines

    def sees(self, *texts: str) -> list[str]:
        """Wait until all of this is on the screen, each text in one row; returns the rows."""
        return self.until(
            lambda lines: all(any(text in line for line in lines) for text in texts), f"{texts} not on the screen"
        )

    def sees_no(self, text: str) -> None:
        """Wait until this is not on the screen."""
        self.until(lambda lines: not any(text in line for line in lines), f"{text!r} is still on the screen")

    def until_over(self) -> str:
        """Wait until the program has ended; its exit status, empty where a signal ended it."""
        self.until(lambda _: self.is_over, "the program still runs")
        # tmux may have seen the end of the output and have missed the signal that tells how it ended: another child's
        # end has it look at all of them.
        while not self._ask("pane_dead_status") + self._ask("pane_dead_signal"):
            self._terminals.tmux("run-shell", "true")
        return self._ask("pane_dead_status")

    def kill9(self) -> None:
        """Kill the program, by its id, without warning."""
        os.kill(int(self._ask("pane_pid")), signal.SIGKILL)
        assert self.until_over() == "", "it ended by itself"

    def close(self) -> None:
        """Take the terminal away."""
        self._terminals.tmux("kill-session", "-t", self.name)

    def _ask(self, variable: str) -> str:
        return self._terminals.tmux("display-message", "-p", "-t", self.name, f"#{{{variable}}}").strip()
