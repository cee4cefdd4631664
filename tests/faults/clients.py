"""Faults of real clients: they are killed at any moment, and their disks are full for a while."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from tests.faults.checker import Finding, Run, Stored, check
from tests.faults.crowd import epoch_of, read_store
from tests.faults.history import History, digest
from tests.faults.power import Shim
from tests.faults.stage import Report, Stage, fault
from tests.support.people import People, history, say, until_true
from tests.support.server import ROOT


class Headless:
    """The real client core in a process of its own, with its files in ``folder``."""

    def __init__(self, folder: Path, address: tuple[str, int], user: str, password: str) -> None:
        self.folder = folder
        self.user = user
        self.variables: dict[str, str] = {}
        self._arguments = [str(folder / "profile"), address[0], str(address[1]), user, password]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is connected."""
        path = os.pathsep.join(str(ROOT / part) for part in ("", "protocol", "client"))
        command = [sys.executable, "-m", "tests.faults.headless", *self._arguments]
        env = {**os.environ, "PYTHONPATH": path, **self.variables}
        with (self.folder.parent / f"{self.folder.name}.stderr").open("ab") as log:
            self._process = subprocess.Popen(
                command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=ROOT
            )
        assert self._told() == b"live\n"

    def write(self, conversation: str, text: str) -> None:
        """Let it send a message; does not wait."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{conversation} {text}\n".encode())
        self._process.stdin.flush()

    def wait_kept(self) -> None:
        """Wait until the outbox has one more message."""
        assert self._told() == b"kept\n"

    def _told(self) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def kill(self) -> int:
        """Kill it; returns how many messages it had said to be in its outbox and nobody had waited for."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass  # what was written last was never read
        kept = self._process.stdout.read().count(b"kept\n")
        self._process.stdout.close()
        self._process.wait()
        self._process = None
        return kept

    def end(self) -> None:
        """Let it close in good order."""
        if self._process is not None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.close()
            self._process.stdout.read()
            self._process.stdout.close()
            status = self._process.wait(20)
            self._process = None
            assert status == 0, status

    def cache(self, names: dict[str, str]) -> list[Stored]:
        """What its cache has of conversations, with the names that everybody knows them by."""
        found = []
        for path in sorted(self.folder.glob("profile/*/slot-*/chat.sqlite3")):
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                for conversation, seq, body in database.execute("SELECT conversation, seq, body FROM event"):
                    if conversation in names:
                        event = json.loads(body)
                        found.append(Stored(names[conversation], seq, event["message_id"], ""))
        return found

    def texts(self, conversation: str) -> list[str]:
        """What was said in a conversation, as far as its cache has it."""
        found = []
        for path in self.folder.glob("profile/*/slot-*/chat.sqlite3"):
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                rows = database.execute("SELECT body FROM event WHERE conversation = ? ORDER BY seq", (conversation,))
                found += [json.loads(body).get("content", "") for (body,) in rows]
        return [text for text in found if text]

    def unsent(self) -> int:
        """How many messages wait in its outbox."""
        count = 0
        for path in self.folder.glob("profile/*/slot-*/chat.sqlite3"):
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                count += database.execute("SELECT count(*) FROM outbox").fetchone()[0]
        return count

    def cursor(self, conversation: str) -> int:
        """Up to where its cache says that it has a conversation."""
        cursors = [0]
        for path in self.folder.glob("profile/*/slot-*/chat.sqlite3"):
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                cursors += [
                    cursor
                    for (cursor,) in database.execute("SELECT cursor FROM conversation WHERE name = ?", (conversation,))
                ]
        return max(cursors)


def _compare(stage: Stage, client: Headless, conversation: str) -> list[Finding]:
    """End all; the client's cache must have the whole log, each event once."""
    client.end()
    stage.server.terminate()
    path = stage.server.data_dir / "chat.db"
    stored = [Stored(each.conversation, each.seq, each.message_id, "") for each in read_store(path)]
    caches = {client.user: client.cache({conversation: conversation})}
    have = {each.seq for each in caches[client.user]}
    # a new device begins where its user has read up to: before that nothing is promised
    due = {each.seq for each in stored if each.conversation == conversation and each.seq > min(have)}
    missing = [Finding("I5", f"the cache lacks {conversation} {seq}") for seq in sorted(due - have)[:5]]
    return check(Run(History().notes, stored, epoch_of(path), {}, caches)) + missing


@fault("client-kill", quick=10, full=200)
def client_kill(folder: Path, seed: str, count: int) -> Report:
    """SIGKILL of the real client between any two of its steps: what its outbox had is stored once, in order (X18)."""
    number = 0
    with Stage(folder, seed) as stage:
        people = People(stage.server.address)
        alice, bob = people.users("alice", "bob")
        conversation = f"#{people.group(alice, bob)}"
        home = folder / "client"
        home.mkdir()
        client = Headless(home, stage.server.address, bob.user, bob.password)
        kept: list[str] = []
        for _ in range(count):
            client.start()
            written = []
            for _ in range(stage.random.randint(1, 30)):
                number += 1
                written.append(f"{number}")
                client.write(conversation, f"{number}")
                say(alice, conversation, f"from alice {number}")
            time.sleep(stage.wait(0.0, 0.05))
            kept += written[: client.kill()]
        client.start()
        until_true(lambda: client.unsent() == 0, "the outbox is not empty", 20)
        events = history(bob, conversation)
        until_true(lambda: client.cursor(conversation) >= events[-1]["seq"], "the client is behind", 20)
        mine = [event["content"] for event in events if event["sender"] == bob.user and "content" in event]
        findings = _compare(stage, client, conversation)
        people.close()
    texts = [text for text in mine if text.isdigit()]
    if sorted(set(texts), key=int) != texts:
        findings.append(Finding("I6", "own messages are doubled or have changed places"))
    findings += [Finding("I1", f"the outbox had {text}, the log has not") for text in kept if text not in set(texts)]
    return Report(findings, {"kills": count, "kept": len(kept), "stored": len(texts)})


@fault("client-full", quick=3, full=20)
def client_full(folder: Path, seed: str, count: int) -> Report:
    """The disk of a client is full for a while: afterwards its cache has no hole (I5, X5)."""
    with Stage(folder, seed) as stage:
        people = People(stage.server.address)
        alice, bob = people.users("alice", "bob")
        conversation = f"#{people.group(alice, bob)}"
        home = folder / "client-disk"
        home.mkdir()
        shim = Shim(home)
        client = Headless(home, stage.server.address, bob.user, bob.password)
        client.variables = shim.variables
        client.start()
        for _ in range(count):
            seq = [say(alice, conversation, digest(f"{number}") * 200)["seq"] for number in range(20)][-1]
            until_true(lambda seq=seq: client.cursor(conversation) >= seq, "the client is behind", 20)  # type: ignore[misc]
            shim.set(full=True)
            for number in range(stage.random.randint(5, 20)):
                say(alice, conversation, digest(f"{number}") * 200)
            time.sleep(stage.wait(0.2, 0.5))
            shim.set()
            seq = say(alice, conversation, "there is room again")["seq"]
            until_true(lambda seq=seq: client.cursor(conversation) >= seq, "the client is behind", 20)  # type: ignore[misc]
        findings = _compare(stage, client, conversation)
        people.close()
    return Report(findings, {"times full": count})
