"""What administrators see and do (protocol.md 6)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import StartServer
from tests.support.people import People, new_id, refusal, say, until_closed
from tests.support.wire import Client


def stats(admin: Client, **fields: object) -> dict[str, Any]:
    """The route statistics, which may stand in a member of their own."""
    answer = admin.request("stats", **fields)
    found: dict[str, Any] = answer.get("stats", answer)
    return found


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("stats", {}),
        ("stats", {"reset": True}),
        ("admin_sessions", {}),
        ("admin_audit", {}),
        ("admin_disable_user", {}),
        ("admin_reset_password", {}),
    ],
)
def test_only_for_admins(people: People, kind: str, fields: dict[str, object]) -> None:
    """Statistics and ``admin_*`` are ``forbidden`` for everybody else (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    target = {"user": bob.user} if kind in {"admin_disable_user", "admin_reset_password"} else {}
    assert refusal(alice, kind, **fields, **target) == "forbidden"
    people.device(bob)


def test_statistics(start_server: StartServer) -> None:
    """``stats`` counts messages by type and by result, retries and what was stored for later (protocol.md 6)."""
    people = People(start_server().address)
    admin, alice, bob = people.users("boss", "alice", "bob")
    group = people.group(admin, alice, bob)
    before = stats(admin)
    say(alice, f"#{group}", "one")
    say(alice, f"@{bob.user}", "two")
    admin.request("broadcast", message_id=new_id(), content="three")
    people.leave_connection(bob, admin)
    say(alice, f"@{bob.user}", "four")
    say(alice, f"#{group}", "five")
    after = stats(admin)
    assert after["total_messages"] - before["total_messages"] == 5
    assert after["stored_offline"] - before["stored_offline"] == 2
    assert isinstance(after["retried"], int)
    shown = str(after)
    for word in ("group_message", "private_message", "broadcast", "success", "partial", "stored", "system"):
        assert word in shown, f"{word} is not in {shown}"
    people.close()


def test_duplicates_are_not_counted_twice(start_server: StartServer) -> None:
    """A message that is sent again is one message (protocol.md 5, 6)."""
    people = People(start_server().address)
    admin = people.user("boss")
    group = people.group(admin)
    before = stats(admin)["total_messages"]
    message_id = new_id()
    for _ in range(3):
        say(admin, f"#{group}", "once", message_id=message_id)
    assert stats(admin)["total_messages"] == before + 1
    people.close()


def test_reset_of_statistics(start_server: StartServer) -> None:
    """``reset`` answers with the numbers so far, and they begin anew (protocol.md 6)."""
    people = People(start_server().address)
    admin = people.user("boss")
    say(admin, f"#{people.group(admin)}", "one")
    assert stats(admin, reset=True)["total_messages"] >= 1
    assert stats(admin)["total_messages"] == 0
    people.close()


def test_sessions_and_audit(people: People, admin: Client) -> None:
    """An admin sees who is connected and what admins did (protocol.md 6)."""
    alice = people.user("alice")
    assert alice.user in str(admin.request("admin_sessions"))
    assert admin.request("admin_audit")["type"] == "ok"


def test_deleted_group(people: People, admin: Client) -> None:
    """An admin can delete a foreign group: it ends for all, and its numbers never come again (protocol.md 3, 6)."""
    alice, bob = people.users("alice", "bob")
    group = people.group(alice, bob, visibility="private")
    last = say(alice, f"#{group}", "hello")["seq"]
    bob.settle()
    assert refusal(alice, "admin_delete_group", group=group) == "forbidden"
    admin.request("admin_delete_group", group=group)
    assert bob.expect("conversation", conversation=f"#{group}")["role"] is None
    assert refusal(bob, "history", conversation=f"#{group}") == "not_found"
    assert refusal(alice, "group_message", group=group, message_id=new_id(), content="x") == "not_found"
    again = alice.ask("create_group", group=group)
    if again["type"] == "ok":  # then cursors of the old log must not hide the new one
        assert say(alice, f"#{group}", "anew")["seq"] > last
    else:
        assert again["code"] == "name_taken"


def test_disabled_user(people: People, admin: Client) -> None:
    """Who is disabled is disconnected and can log in no more, neither by password nor by token (protocol.md 6)."""
    alice = people.user("alice")
    admin.request("admin_disable_user", user=alice.user)
    until_closed(alice)
    visitor = people.visitor()
    assert visitor.ask("login", user=alice.user, password=alice.password)["type"] == "error"
    assert visitor.ask("login", token=alice.token)["type"] == "error"
    assert refusal(admin, "admin_disable_user", user=people.name("nobody")) == "not_found"


def test_reset_password(people: People, admin: Client) -> None:
    """After an admin's reset the old password counts no more (protocol.md 6)."""
    alice = people.user("alice")
    admin.request("admin_reset_password", user=alice.user)
    assert refusal(people.visitor(), "login", user=alice.user, password=alice.password) == "bad_credentials"
