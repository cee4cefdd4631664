"""What docs/operating.md tells an operator to do works as it stands there."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from tests.conftest import StartServer
from tests.docs import spec
from tests.support.people import People, contents, history, say

_COMMAND = re.compile(r"^sqlite3 (\S+) \"(.+)\"$", flags=re.MULTILINE)


def test_backup_and_restore(start_server: StartServer, tmp_path: Path) -> None:
    """A copy made under load restores with another epoch, so that clients drop their cursors (protocol.md 4)."""
    text = (spec.ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    (_, copy), (_, renew) = _COMMAND.findall(text)
    server = start_server()
    people = People(server.address)
    alice = people.user("alice")
    group = people.group(alice)
    say(alice, f"#{group}", "in the copy")
    restored = tmp_path / "restored"
    restored.mkdir()

    _execute(f"file:{server.data_dir}/chat.db?mode=ro", copy.replace("/var/backups", str(restored)))
    say(alice, f"#{group}", "after the copy")
    _execute(f"file:{restored}/chat.db", renew)
    people.close()
    server.terminate()
    server.data_dir = restored
    server.start()
    people = People(server.address)
    back = people.visitor()
    back.login(token=alice.token)
    synced = back.sync(epoch=alice.epoch, cursors={f"#{group}": 3})

    assert synced["epoch_changed"] is True
    assert synced["epoch"] != alice.epoch
    assert contents(history(back, f"#{group}")) == ["in the copy"]
    people.close()


def _execute(database: str, statement: str) -> None:
    connection = sqlite3.connect(database, uri=True, isolation_level=None)
    connection.execute(statement)
    connection.close()
