"""What admins and moderators do stands in the audit log, whatever happens to the server (protocol.md 6)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.conftest import StartServer
from tests.support.people import People, history, new_id, refusal, say, until_closed
from tests.support.server import command, environment

WORD = "zanzibar"


def run(data_dir: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """One of the server's commands, on its data."""
    arguments = command(*words, "--data-dir", str(data_dir))
    return subprocess.run(arguments, env=environment(), check=False, capture_output=True, text=True)


def test_kill_keeps_action_and_line_together(start_server: StartServer) -> None:
    """Through kill -9 in the middle of many actions there is a line for each that happened, and no other (I24)."""
    server = start_server("--rate-limit", "off")
    for round_ in range(3):
        people = People(server.address)
        owner = people.user("owner")
        group = people.group(owner)
        for number in range(400):
            owner.start("set_topic", group=group, text=f"{number}")
        while sum(answer["type"] == "ok" for answer in owner.answers.values()) < 20 * (round_ + 1):
            owner.receive()
        server.kill9()
        people.close()
        assert run(server.data_dir, "verify").returncode == 0
        found = run(server.data_dir, "audit", "--json")
        assert (found.returncode, found.stderr) == (0, "")
        lines = [json.loads(line) for line in found.stdout.splitlines()]
        told = [line for line in lines if (line["action"], line["detail"]) == ("set_topic", f"group={group}")]
        server.start()
        people = People(server.address)
        back = people.visitor()
        back.login(token=owner.token)
        done = [event for event in history(back, f"#{group}") if event.get("action") == "topic"]
        people.close()

        assert 20 <= len(done) == len(told)


def test_no_message_text_and_no_secret(start_server: StartServer) -> None:
    """Neither what was said, nor topics, titles, passwords, tokens and invites stand in it; over the wire the same."""
    server = start_server("--registration", "invite")
    people = People(server.address)
    invite = server.log().split("with the invite ")[1].split()[0]
    admin = people.user("boss", password=WORD + "1", invite=invite)
    group = people.group(admin, visibility="private", title=WORD)
    code = admin.request("create_invite", group=group, uses=2)["invite"]
    alice = people.user("alice", password=WORD + "2", invite=code)
    admin.request("set_topic", group=group, text=WORD)
    target = say(alice, f"#{group}", WORD)["message_id"]
    admin.request("delete", message_id=new_id(), target=target)
    admin.request("broadcast", message_id=new_id(), content=WORD)
    admin.request("kick", group=group, user=alice.user)
    reset = admin.request("admin_reset_password", user=alice.user)["password"]
    assert until_closed(alice)

    shown = run(server.data_dir, "audit")
    wire = admin.request("admin_audit")["audit"]
    actions = ["create_invite", "register", "create_invite", "register", "set_topic", "delete"]
    assert [line["action"] for line in reversed(wire)] == [*actions, "broadcast", "kick", "admin_reset_password"]
    assert shown.stdout.splitlines()[-1] == f"head {wire[0]['id']}:{wire[0]['hash']}"
    for text in (shown.stdout, json.dumps(wire)):
        for secret in (WORD, invite, code, reset, admin.token, alice.token):
            assert secret not in text
    people.close()


def test_lines_since_a_noted_head(start_server: StartServer) -> None:
    """Whoever writes down the head sees later what is new, and that nothing before it was changed."""
    server = start_server()
    people = People(server.address)
    admin, alice = people.users("boss", "alice")
    head = run(server.data_dir, "audit").stdout.split()[-1]
    admin.request("admin_disable_user", user=alice.user, disabled=True)

    new = run(server.data_dir, "audit", "--since", head)
    assert new.returncode == 0
    assert len(new.stdout.splitlines()) == 2
    assert f"admin_disable_user  user={alice.user} disabled=yes" in new.stdout
    forged = run(server.data_dir, "audit", "--since", head[:-1] + ("0" if head[-1] != "0" else "1"))
    assert forged.returncode == 1
    assert "is not in the audit log" in forged.stderr
    assert run(server.data_dir, "audit", "--since", "nonsense").returncode == 69
    people.close()


def test_only_admins_read_it(start_server: StartServer) -> None:
    """By the protocol; and nothing can be written there (protocol.md 6)."""
    people = People(start_server().address)
    _, alice = people.users("boss", "alice")
    people.group(alice)
    assert refusal(alice, "admin_audit") == "forbidden"
    people.close()
