"""People who sit in front of chat-tui and chat-cli, and what these programs have on disk."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.terminals import Terminal, Terminals
from tests.support.server import ROOT

PASSWORD = "correct horse"


@dataclass(frozen=True)
class Kept:
    """A message as a client's cache has it."""

    seq: int
    sender: str
    content: str


class Person:
    """Somebody with an account and a directory for the client's files."""

    def __init__(self, terminals: Terminals, folder: Path, name: str, address: tuple[str, int]) -> None:
        self.name = name
        self._terminals = terminals
        self._home = folder / name
        self._home.mkdir(mode=0o700)
        self._server = ["--server", f"{address[0]}:{address[1]}", "--insecure"]
        self._password = folder / f"{name}.password"
        self._password.write_text(PASSWORD, encoding="utf-8")
        self._password.chmod(0o600)

    def start_tui(self) -> Terminal:
        """Open chat-tui; the first time it makes the account. Waits until it is connected."""
        terminal = self.open_tui()
        terminal.sees("● connected")
        return terminal

    def open_tui(self) -> Terminal:
        """Open chat-tui, also where there is no server."""
        first = [] if self._paths() else [*self._server, "--new-user", self.name, *self._with_password()]
        return self._open("chat_client.tui.cli", first)

    def start_cli(self, *arguments: str) -> Terminal:
        """Make the account and open chat-cli."""
        command = [sys.executable, "-m", "chat_client.line.cli", "register", *self._server, "--user", self.name]
        command += [*self._with_password(), "--profile", str(self._home)]
        subprocess.run(command, env={**os.environ, **self._env()}, check=True, capture_output=True)
        return self._open("chat_client.line.cli", arguments)

    def _with_password(self) -> list[str]:
        return ["--password-file", str(self._password)]

    def _open(self, module: str, arguments: Sequence[str]) -> Terminal:
        command = [sys.executable, "-m", module, "--profile", str(self._home), *arguments]
        return self._terminals.open(self.name, command, self._env())

    def _env(self) -> dict[str, str]:
        path = os.pathsep.join(str(ROOT / part) for part in ("protocol", "client"))
        settings = self._home / "client.toml"
        return {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "CHAT_CLIENT_CONFIG": str(settings), "TZ": "UTC"}

    # ---- On disk ---------------------------------------------------------------------------------------------------

    def kept(self, conversation: str) -> list[Kept]:
        """The messages of a conversation in the cache, in the order of the log; there must be no gap among them."""
        assert self._rows("SELECT first, last FROM gap WHERE conversation = ?", conversation) == []
        rows = self._rows("SELECT body FROM event WHERE conversation = ? ORDER BY seq", conversation)
        events = [json.loads(str(body, "utf-8") if isinstance(body, bytes) else str(body)) for (body,) in rows]
        return [
            Kept(event["seq"], event["sender"], event["content"])
            for event in events
            if event["type"] in ("group_message", "private_message")
        ]

    def queued(self) -> list[str]:
        """The texts in the outbox, in order."""
        rows = self._rows("SELECT body FROM outbox ORDER BY id")
        return [json.loads(bytes(body) if isinstance(body, bytes) else str(body))["content"] for (body,) in rows]

    def counts(self, conversation: str) -> tuple[int, int]:
        """What the cache has of unread messages, and of mentions among them."""
        ((unread, mentions),) = self._rows("SELECT unread, mentions FROM conversation WHERE name = ?", conversation)
        assert isinstance(unread, int)
        assert isinstance(mentions, int)
        return unread, mentions

    def _rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        (path,) = self._paths()
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return database.execute(query, values).fetchall()

    def _paths(self) -> list[Path]:
        return sorted(self._home.glob("*/slot-*/chat.sqlite3"))
