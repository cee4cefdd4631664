"""Several people with several devices in several conversations, on a server to which something is done meanwhile."""

from __future__ import annotations

import json
import random
import secrets
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from tests.faults.checker import Finding, Run, Stored, check
from tests.faults.history import History, digest
from tests.faults.talker import Talker
from tests.support.people import People, history
from tests.support.server import Server

DONE_S: Final = 20.0
"""How long all may take to be done after the last fault: twice the promise, for machines that are busy."""


class Crowd:
    """Four people, five devices, two groups and a private chat; made on a server that runs.

    ``find`` is where the devices connect to, if not the server itself.
    """

    def __init__(self, server: Server, seed: str, find: Callable[[], tuple[str, int]] | None = None) -> None:
        self.server = server
        self.history = History()
        self.random = random.Random(seed)
        self._people = People(server.address)
        alice, bob, carol, dave = clients = self._people.users("alice", "bob", "carol", "dave")
        everybody = f"#{self._people.group(alice, bob, carol, dave)}"
        some = f"#{self._people.group(bob, alice, carol)}"
        self.asker = alice
        names = {
            alice.user: [everybody, some, f"@{bob.user}"],
            bob.user: [everybody, some, f"@{alice.user}"],
            carol.user: [everybody, some],
            dave.user: [everybody],
        }
        devices = [*clients, self._people.device(alice)]
        secret = secrets.token_bytes(16)
        self.talkers = [
            Talker(
                f"{client.user}/{number}", client.token, client.user, names[client.user],
                find or (lambda: server.address), self.history, secret, f"{seed} {number}",
            )
            for number, client in enumerate(devices)
        ]  # fmt: skip
        for client in devices:
            client.socket.close()

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        self.disperse()

    def fault(self, what: str) -> None:
        """Note that something is done to the server."""
        self.history.add("fault", code=what)

    def start(self) -> None:
        """Let all connect and begin to talk."""
        for talker in self.talkers:
            talker.sending.set()
            talker.start()

    @property
    def acked(self) -> int:
        """Messages that were acknowledged so far."""
        return sum(talker.acked for talker in self.talkers)

    def talk_until(self, more: int, deadline_s: float = 20.0) -> None:
        """Wait until so many more messages were acknowledged."""
        goal = self.acked + more
        until = time.monotonic() + deadline_s
        while self.acked < goal:
            assert time.monotonic() < until, f"not {more} more acks in {deadline_s} s\n{self.server.log()}"
            time.sleep(0.005)

    def hush(self) -> None:
        """Let nobody write anything new; what is in an outbox is still sent."""
        for talker in self.talkers:
            talker.sending.clear()

    def finish(self, caches: dict[str, list[Stored]] | None = None) -> list[Finding]:
        """End the run on a server that runs: all catch up, the server stops in order, its store is checked."""
        self.hush()
        until = time.monotonic() + DONE_S
        while time.monotonic() < until and not all(talker.is_live and not talker.outbox for talker in self.talkers):
            time.sleep(0.01)
        heads = self._heads()
        while time.monotonic() < until and not all(talker.has_all(heads) for talker in self.talkers):
            time.sleep(0.01)
        for talker in self.talkers:
            if not talker.has_all(heads):
                state = f"{len(talker.outbox)} unsent, cursors {talker.cursors} of {heads}, live: {talker.is_live}"
                self.history.add("late", device=talker.device, code=state)
        self.disperse()
        self.server.terminate()
        return self.check(caches or {})

    def check(self, caches: dict[str, list[Stored]]) -> list[Finding]:
        """Check the history against the store of a server that does not run."""
        path = self.server.data_dir / "chat.db"
        members: dict[str, list[str]] = {}
        for talker in self.talkers:
            for name in talker.names:
                members.setdefault(talker.canonical(name), []).append(talker.device)
        return check(Run(self.history.notes, read_store(path), epoch_of(path), members, caches))

    def disperse(self) -> None:
        """End all devices."""
        for talker in self.talkers:
            talker.leaving.set()
        for talker in self.talkers:
            if talker.ident is not None:
                talker.leave()
        self._people.close()

    def browse(self) -> int:
        """Read the whole log of a group as somebody who just comes in; how many events there are."""
        self._people.address = self.server.address
        reader = self._people.again(self.asker)
        events = history(reader, self.talkers[0].names[0])
        reader.socket.close()
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        return len(events)

    def _heads(self) -> dict[str, int]:
        """The ends of the logs as the server tells them to somebody who is in all of them."""
        self._people.address = self.server.address
        asker = self._people.again(self.asker)
        entries = asker.sync(limit=0)["conversations"]
        asker.socket.close()
        alice = self.talkers[0]
        return {alice.canonical(each["conversation"]): each["last_seq"] for each in entries}


def read_store(path: Path) -> list[Stored]:
    """All events of a store that no server has open, read without the server's code."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        users = dict(database.execute("SELECT id, name FROM user"))
        names = {
            number: _canonical(kind, key, users)
            for number, kind, key in database.execute("SELECT id, kind, key FROM conversation")
        }
        found = []
        for conversation, seq, deleted, body in database.execute("SELECT conversation, seq, deleted, body FROM event"):
            event = json.loads(b"{" + bytes(body))
            assert event["seq"] == seq, f"{names[conversation]} {seq} says {event['seq']}"
            is_text = event["type"] in ("group_message", "private_message") and not deleted
            content = digest(event["content"]) if is_text and "edited_at" not in event else ""
            found.append(Stored(names[conversation], seq, event["message_id"], content, event["sender"]))
    return found


def epoch_of(path: Path) -> str:
    """The epoch of a store that no server has open."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return str(database.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0])


def _canonical(kind: str, key: str, users: dict[int, str]) -> str:
    if kind == "group":
        return f"#{key}"
    if kind == "private":
        return "|".join(sorted(users[int(number)] for number in key.split(":")))
    return f"!{kind} {key}"
