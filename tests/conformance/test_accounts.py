"""Accounts: profile, password and invites (protocol.md 4, 6)."""

from __future__ import annotations

import pytest

from tests.support.people import People, contents, history, new_id, refusal, say
from tests.support.wire import Client


def shown_as(asker: Client, user: str) -> list[str]:
    """The display name of a user, as others see it in the list of users."""
    users = asker.request("users", query=user)["users"]
    return [each["display_name"] for each in users if each["user"] == user]


def test_set_profile(people: People) -> None:
    """A new display name is shown in lists and with what one says from now on (protocol.md 6)."""
    alice, bob = people.user("alice", display_name="Alice"), people.user("bob")
    group = people.group(alice, bob)
    say(alice, f"#{group}", "one")
    assert bob.expect("group_message")["sender_name"] == "Alice"
    alice.request("set_profile", display_name="Alice Δ 漢")
    assert shown_as(bob, alice.user) == ["Alice Δ 漢"]
    say(alice, f"#{group}", "two")
    assert bob.expect("group_message", content="two")["sender_name"] == "Alice Δ 漢"
    assert bob.request("members", conversation=f"#{group}")["members"][0].keys() >= {"user", "display_name"}


@pytest.mark.parametrize("name", ["", "x" * 65, None, 5])
def test_bad_profile(people: People, name: object) -> None:
    """A display name has 1 to 64 characters (protocol.md 2)."""
    alice = people.user("alice", display_name="Alice")
    assert refusal(alice, "set_profile", display_name=name) == "bad_request"
    assert shown_as(alice, alice.user) == ["Alice"]


def test_set_password(people: People) -> None:
    """The new password counts at once and the old one no more (protocol.md 6)."""
    alice = people.user()
    alice.request("set_password", old=alice.password, new="battery staple")
    visitor = people.visitor()
    assert refusal(visitor, "login", user=alice.user, password=alice.password) == "bad_credentials"
    visitor.login(user=alice.user, password="battery staple")


def test_set_password_needs_the_old_one(people: People) -> None:
    """Without the old password, or with a bad new one, the password stays (protocol.md 4, 6)."""
    alice = people.user()
    assert refusal(alice, "set_password", old="wrong password", new="battery staple") == "bad_credentials"
    assert refusal(alice, "set_password", old=alice.password, new="short") == "bad_request"
    assert refusal(alice, "set_password", old=alice.password, new="x" * 257) == "bad_request"
    people.device(alice)


def test_invite_to_a_group(people: People, admin: Client) -> None:
    """An invite may be to a group: who registers with it can be in a private one (protocol.md 6)."""
    group = people.group(admin, visibility="private")
    invite = admin.request("create_invite", group=group, uses=1, expires_in_s=3600)["invite"]
    assert isinstance(invite, str)
    assert invite
    alice = people.user("alice", invite=invite)
    answer = alice.ask("join", group=group)  # a member already, or only invited: the contract leaves it open
    assert answer["type"] == "ok" or answer["code"] == "conflict"
    say(alice, f"#{group}", "hello")
    assert contents(history(admin, f"#{group}")) == ["hello"]


@pytest.mark.parametrize("fields", [{"uses": 0}, {"uses": -1}, {"expires_in_s": 0}, {"uses": True}, {"uses": "many"}])
def test_bad_invites(people: People, admin: Client, fields: dict[str, object]) -> None:
    """An invite can be used at least once and lives at least a second (protocol.md 6)."""
    assert refusal(admin, "create_invite", **{"uses": 1, "expires_in_s": 60, **fields}) == "bad_request"


def test_invite_to_a_foreign_group(people: People, admin: Client) -> None:
    """Nobody invites to a group that they may not know (protocol.md 1, 6)."""
    alice, bob = people.users("alice", "bob")
    group = people.group(alice, visibility="private")
    for asker in (admin, bob):
        hidden = asker.ask("create_invite", group=group, uses=1, expires_in_s=60)
        missing = asker.ask("create_invite", group=people.name("nowhere"), uses=1, expires_in_s=60)
        assert hidden["code"] == missing["code"]
        assert hidden["code"] in {"not_found", "forbidden"}


def test_accounts_are_apart(people: People) -> None:
    """One user's own conversations are nothing to another (protocol.md 2, 6)."""
    alice, bob = people.users("alice", "bob")
    say(alice, f"@{alice.user}", "own note")
    target = history(alice, f"@{alice.user}")[0]["message_id"]
    assert history(bob, f"@{alice.user}") == []
    assert refusal(bob, "react", message_id=new_id(), target=target, emoji="👍") == "not_found"
    assert "own note" not in str(history(bob, f"@{bob.user}"))
