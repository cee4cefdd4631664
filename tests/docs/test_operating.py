"""What docs/operating.md tells an operator to do works as it stands there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from chat_server.routing.auditing import ACTIONS
from tests.conftest import StartServer
from tests.docs import spec
from tests.support.people import People, contents, history, say
from tests.support.server import command, environment

_COMMAND = re.compile(r"^chat-server ((?:backup|restore) .+)$", flags=re.MULTILINE)


def test_backup_and_restore(start_server: StartServer, tmp_path: Path) -> None:
    """A copy made under load restores with another epoch, so that clients drop their cursors (protocol.md 4)."""
    text = (spec.ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    copy, renew = _COMMAND.findall(text)
    server = start_server()
    people = People(server.address)
    alice = people.user("alice")
    group = people.group(alice)
    say(alice, f"#{group}", "in the copy")
    restored = tmp_path / "restored"

    _execute(copy, server.data_dir, tmp_path)
    say(alice, f"#{group}", "after the copy")
    _execute(renew, restored, tmp_path)
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


def _execute(line: str, data_dir: Path, backups: Path) -> None:
    words = line.replace("/var/lib/chat-server", str(data_dir)).replace("/var/backups", str(backups)).split()
    subprocess.run(command(*words), env=environment(), check=True, capture_output=True)


def test_every_audited_action_is_told() -> None:
    """The table of actions is the one of the code."""
    text = (spec.ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    section = text.partition("## The audit log")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", section, flags=re.MULTILINE)
    assert dict(rows) == ACTIONS
