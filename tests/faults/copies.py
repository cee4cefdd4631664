"""Backups that are made under load, and older ones that are put back."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from tests.faults.checker import Finding
from tests.faults.clients import Headless
from tests.faults.crowd import read_store
from tests.faults.stage import Report, Stage, fault
from tests.support.people import People, contents, history, say, until_true
from tests.support.server import command, environment


def chat_server(name: str, data_dir: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run one of the commands that work on a data directory."""
    line = command(name, "--data-dir", str(data_dir), *more)
    return subprocess.run(line, env=environment(), capture_output=True, text=True, timeout=60, check=False)


@fault("backup", quick=3, full=10)
def backup(folder: Path, seed: str, count: int) -> Report:
    """A backup is written under load, and put back later: a new epoch, and all clients have the server's log (X20)."""
    findings: list[Finding] = []
    with Stage(folder, seed) as stage, stage.crowd() as crowd:
        crowd.start()
        data_dir = stage.server.data_dir
        for number in range(count):
            crowd.talk_until(100)
            copy = folder / f"backup{number}.db"
            made = chat_server("backup", data_dir, str(copy))
            assert made.returncode == 0, made.stderr
            crowd.talk_until(100)
            stage.server.kill9()
            crowd.fault("an older store")
            data_dir.rename(folder / f"old{number}")
            put_back = chat_server("restore", data_dir, str(copy))
            assert put_back.returncode == 0, put_back.stderr
            heads: dict[str, int] = {}
            for event in read_store(copy):
                heads[event.conversation] = heads.get(event.conversation, 0) + 1
                if event.seq > heads[event.conversation]:
                    findings.append(Finding("I3", f"the backup has a hole before {event.conversation} {event.seq}"))
            stage.server.start()
        findings += crowd.finish()
        verified = chat_server("verify", data_dir)
        assert verified.returncode == 0, verified.stdout + verified.stderr
    return Report(findings, {"backups put back": count, "acked": crowd.acked})


@fault("old-epoch", quick=1, full=5)
def old_epoch(folder: Path, seed: str, count: int) -> Report:
    """A real client whose server was set back: its cache has the new log and nothing of the other one (X20)."""
    findings: list[Finding] = []
    with Stage(folder, seed) as stage:
        people = People(stage.server.address)
        alice, bob = people.users("alice", "bob")
        conversation = f"#{people.group(alice, bob)}"
        home = folder / "client"
        home.mkdir()
        client = Headless(home, stage.server.address, bob.user, bob.password)
        client.start()
        for number in range(count):
            say(alice, conversation, f"kept {number}")
            copy = folder / f"backup{number}.db"
            assert chat_server("backup", stage.server.data_dir, str(copy)).returncode == 0
            seq = [say(alice, conversation, f"lost {number} {each}")["seq"] for each in range(20)][-1]
            until_true(lambda seq=seq: client.cursor(conversation) >= seq, "the client is behind")  # type: ignore[misc]
            stage.server.terminate()
            stage.server.data_dir.rename(folder / f"old{number}")
            assert chat_server("restore", stage.server.data_dir, str(copy)).returncode == 0
            stage.server.start()
            alice = people.again(alice)
            alice.sync()
            seq = [say(alice, conversation, f"new {number} {each}")["seq"] for each in range(5)][-1]
            until = time.monotonic() + 20
            while client.texts(conversation)[-5:] != [f"new {number} {each}" for each in range(5)]:
                assert time.monotonic() < until, client.texts(conversation)
                time.sleep(0.05)
        texts = contents(history(alice, conversation))
        client.end()
        have = client.texts(conversation)
        if have != texts[len(texts) - len(have) :]:
            findings.append(Finding("I12", f"the client has {have}, the server {texts}"))
        people.close()
    return Report(findings, {"times set back": count})
