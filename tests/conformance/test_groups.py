"""Groups: who may make, see, join, leave and change them (protocol.md 2, 6)."""

from __future__ import annotations

import pytest

from tests.support.people import People, contents, entry, history, new_id, refusal, say
from tests.support.wire import Client


def roles(asker: Client, group: str) -> dict[str, str]:
    """The members of a group and their roles."""
    members = asker.request("members", conversation=f"#{group}")["members"]
    return {each["user"]: each["role"] for each in members}


def listed(asker: Client, **fields: object) -> list[str]:
    """The names that ``groups`` lists."""
    return [each["group"] for each in asker.request("groups", **fields)["groups"]]


# ---- Making ----


def test_create(people: People) -> None:
    """Who creates a group is its owner, and it is there (protocol.md 6)."""
    alice = people.user()
    name = people.name("group")
    answer = alice.request("create_group", group=name, title="A Title", visibility="public", history="all")
    assert answer["conversation"] == f"#{name}"
    assert roles(alice, name) == {alice.user: "owner"}
    told = alice.expect("conversation", conversation=f"#{name}")
    assert (told["title"], told["role"]) == ("A Title", "owner")
    assert alice.expect("system_message", action="created")["seq"] == 1


def test_create_with_less(people: People) -> None:
    """Only the name is needed to create a group (protocol.md 6)."""
    alice = people.user()
    name = people.name("group")
    alice.request("create_group", group=name)
    assert say(alice, f"#{name}", "hello")["seq"] > 1


def test_group_names_are_folded(people: People) -> None:
    """Group names follow the rule of user names: folded, and used once (protocol.md 1, 2)."""
    alice, bob = people.users("alice", "bob")
    name = people.name("group")
    assert alice.request("create_group", group=name.upper())["conversation"] == f"#{name}"
    assert say(alice, f"#{name.title()}", "hello")["conversation"] == f"#{name}"
    assert refusal(alice, "create_group", group=name) == "name_taken"
    assert refusal(bob, "create_group", group=name.upper()) == "name_taken"


def test_users_and_groups_have_names_of_their_own(people: People) -> None:
    """A group may be called like a user (protocol.md 2)."""
    alice = people.user()
    assert alice.request("create_group", group=alice.user)["conversation"] == f"#{alice.user}"


@pytest.mark.parametrize("fields", [{"visibility": "secret"}, {"history": "none"}, {"visibility": 1}, {"title": 5}])
def test_bad_options(people: People, fields: dict[str, object]) -> None:
    """Visibility is public or private, history all or since_join, and nothing else (protocol.md 6)."""
    alice = people.user()
    name = people.name("group")
    assert refusal(alice, "create_group", group=name, **fields) == "bad_request"
    assert refusal(alice, "join", group=name) == "not_found"


# ---- Joining and leaving ----


def test_join_and_leave(people: People) -> None:
    """Public groups are free to join, and to leave (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    name = people.group(alice)
    bob.request("join", group=name)
    assert roles(alice, name) == {alice.user: "owner", bob.user: "member"}
    say(bob, f"#{name}", "hello")
    bob.request("leave", group=name)
    assert roles(alice, name) == {alice.user: "owner"}
    assert refusal(bob, "leave", group=name) == "not_member"
    assert refusal(bob, "join", group=people.name("nowhere")) == "not_found"
    assert refusal(bob, "leave", group=people.name("nowhere")) == "not_found"


def test_joining_twice(people: People) -> None:
    """Who is a member and joins again is still a member, once, and nobody hears of it (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    name = people.group(alice, bob)
    before = history(alice, f"#{name}")
    answer = bob.ask("join", group=name)
    assert answer["type"] == "ok" or answer["code"] == "conflict"
    assert history(alice, f"#{name}") == before
    assert roles(alice, name) == {alice.user: "owner", bob.user: "member"}


def test_private_groups_need_an_invite(people: People) -> None:
    """A private group is ``not_found`` for who is not invited, exactly as if it did not exist (protocol.md 1, 6)."""
    alice, bob = people.users("alice", "bob")
    name, nowhere = people.group(alice, visibility="private"), people.name("nowhere")
    requests: list[tuple[str, dict[str, object]]] = [
        ("join", {}),
        ("leave", {}),
        ("invite", {"user": bob.user}),
        ("kick", {"user": alice.user}),
        ("set_role", {"user": bob.user, "role": "owner"}),
        ("set_topic", {"text": "x"}),
        ("set_title", {"text": "x"}),
    ]
    for kind, fields in requests:
        hidden, missing = bob.ask(kind, group=name, **fields), bob.ask(kind, group=nowhere, **fields)
        assert hidden["code"] == missing["code"] == "not_found", kind
        assert hidden["message"].replace(name, "") == missing["message"].replace(nowhere, "")
    requests = [("members", {}), ("history", {}), ("read", {"seq": 1}), ("mute", {"muted": True})]
    for kind, fields in requests:
        hidden = bob.ask(kind, conversation=f"#{name}", **fields)
        missing = bob.ask(kind, conversation=f"#{nowhere}", **fields)
        assert hidden["code"] == missing["code"] == "not_found", kind
        assert hidden["message"].replace(name, "") == missing["message"].replace(nowhere, "")
    alice.request("invite", group=name, user=bob.user)
    bob.request("join", group=name)
    assert roles(bob, name) == {alice.user: "owner", bob.user: "member"}


def test_an_invitation_is_used_up(people: People) -> None:
    """An invitation is used up by joining: who has left a private group needs another one (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    name = people.group(alice, bob, visibility="private")
    bob.request("leave", group=name)
    assert refusal(bob, "join", group=name) == "not_found"
    alice.request("invite", group=name, user=bob.user)
    bob.request("join", group=name)


def test_outsiders_of_a_public_group(people: People) -> None:
    """In a public group one who is no member gets ``not_member`` (protocol.md 1, 6)."""
    alice, bob = people.users("alice", "bob")
    name = people.group(alice)
    for kind, fields in (
        ("invite", {"user": bob.user}),
        ("kick", {"user": alice.user}),
        ("set_role", {"user": bob.user, "role": "owner"}),
        ("set_topic", {"text": "x"}),
        ("set_title", {"text": "x"}),
    ):
        assert refusal(bob, kind, group=name, **fields) == "not_member", kind
    assert refusal(bob, "history", conversation=f"#{name}") == "not_member"
    assert refusal(bob, "members", conversation=f"#{name}") == "not_member"
    assert roles(alice, name) == {alice.user: "owner"}


def test_who_is_invited_must_exist(people: People) -> None:
    """To invite, kick or promote nobody is ``not_found`` (protocol.md 1, 6)."""
    alice = people.user()
    name, nobody = people.group(alice), people.name("nobody")
    assert refusal(alice, "invite", group=name, user=nobody) == "not_found"
    assert refusal(alice, "kick", group=name, user=nobody) == "not_found"
    assert refusal(alice, "set_role", group=name, user=nobody, role="moderator") == "not_found"


# ---- Roles ----


def test_kick(people: People) -> None:
    """Who is kicked can neither read nor post any more, and stays known to be a user (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    public, private = people.group(alice, bob), people.group(alice, bob, visibility="private")
    for name, code in ((public, "not_member"), (private, "not_found")):
        alice.request("kick", group=name, user=bob.user)
        assert roles(alice, name) == {alice.user: "owner"}
        message = {"message_id": new_id(), "content": "x"}
        assert refusal(bob, "group_message", group=name, **message) == code
        assert refusal(bob, "history", conversation=f"#{name}") == code
        assert refusal(bob, "members", conversation=f"#{name}") == code
    assert refusal(bob, "join", group=private) == "not_found"


def test_set_role(people: People) -> None:
    """An owner gives roles: owner, moderator, member and nothing else (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    name = people.group(alice, bob)
    for role in ("moderator", "owner", "member"):
        alice.request("set_role", group=name, user=bob.user, role=role)
        assert roles(bob, name)[bob.user] == role
        assert entry(people.again(bob).sync(), f"#{name}")["role"] == role
    assert refusal(alice, "set_role", group=name, user=bob.user, role="king") == "bad_request"


def test_members_have_no_power(people: People) -> None:
    """A plain member cannot kick anybody or give roles, also not to themselves (protocol.md 6)."""
    alice, bob, carol = people.users("alice", "bob", "carol")
    name = people.group(alice, bob, carol)
    assert refusal(bob, "kick", group=name, user=carol.user) == "forbidden"
    assert refusal(bob, "kick", group=name, user=alice.user) == "forbidden"
    assert refusal(bob, "set_role", group=name, user=bob.user, role="owner") == "forbidden"
    assert refusal(bob, "set_role", group=name, user=alice.user, role="member") == "forbidden"
    assert roles(alice, name) == {alice.user: "owner", bob.user: "member", carol.user: "member"}


def test_moderators(people: People) -> None:
    """A moderator kicks members, but neither the owner nor gives away ownership (protocol.md 6)."""
    alice, bob, carol = people.users("alice", "bob", "carol")
    name = people.group(alice, bob, carol)
    alice.request("set_role", group=name, user=bob.user, role="moderator")
    assert refusal(bob, "kick", group=name, user=alice.user) == "forbidden"
    assert refusal(bob, "set_role", group=name, user=bob.user, role="owner") == "forbidden"
    bob.request("kick", group=name, user=carol.user)
    assert roles(alice, name) == {alice.user: "owner", bob.user: "moderator"}


def test_moderators_delete_messages(people: People) -> None:
    """A message that breaks the house rules can be deleted by who leads the group (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    name = people.group(alice, bob)
    target = say(bob, f"#{name}", "spam")["message_id"]
    assert alice.request("delete", message_id=new_id(), target=target)["type"] == "ack"
    assert "spam" not in str(history(bob, f"#{name}"))


def test_admins_have_no_right_inside_groups(people: People, admin: Client) -> None:
    """A server admin has no right inside groups that he is not in (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    name = people.group(alice, bob, visibility="private")
    target = say(alice, f"#{name}", "secret")["message_id"]
    assert refusal(admin, "history", conversation=f"#{name}") == "not_found"
    assert refusal(admin, "members", conversation=f"#{name}") == "not_found"
    assert refusal(admin, "join", group=name) == "not_found"
    assert refusal(admin, "kick", group=name, user=bob.user) == "not_found"
    assert refusal(admin, "delete", message_id=new_id(), target=target) == "not_found"
    assert "secret" not in str(admin.request("search", query="secret")["hits"])


# ---- Title, topic and lists ----


def test_title_and_topic(people: People) -> None:
    """Title and topic are shown in lists and told as events (protocol.md 3, 6)."""
    alice, bob = people.users("alice", "bob")
    name = people.group(alice, bob)
    alice.request("set_title", group=name, text="Ünï 漢字")
    alice.request("set_topic", group=name, text="what we talk about")
    assert [bob.expect("system_message", action=action)["subject"] for action in ("title", "topic")]
    found = bob.request("groups", query=name)["groups"]
    assert [(each["title"], each["topic"]) for each in found] == [("Ünï 漢字", "what we talk about")]


def test_list_of_groups(people: People) -> None:
    """``groups`` lists public groups and one's own, with what one needs to choose (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    public, private = people.group(alice, bob, title="Public"), people.group(alice, visibility="private")
    query = public[:-3]
    found = {each["group"]: each for each in alice.request("groups", query=query)["groups"]}
    assert found[public] == {
        "group": public, "title": "Public", "topic": "", "members": 2, "joined": True, "visibility": "public",
    }  # fmt: skip
    assert (found[private]["joined"], found[private]["visibility"]) == (True, "private")
    assert private not in listed(bob, query=query)
    stranger = people.user("stranger")
    shown = stranger.request("groups", query=query)["groups"]
    assert [(each["group"], each["joined"]) for each in shown] == [(public, False)]


def test_pages_of_groups(people: People) -> None:
    """``groups`` comes in pages: at most ``limit``, each ``after`` the last of the one before (protocol.md 6)."""
    alice = people.user()
    names = sorted(people.group(alice) for _ in range(7))
    query = names[0][:-3]
    seen: list[str] = []
    while page := listed(alice, query=query, limit=3, **({"after": seen[-1]} if seen else {})):
        assert len(page) <= 3
        seen += page
    assert sorted(seen) == names
    assert seen == names
    assert refusal(alice, "groups", limit=-1) == "bad_request"


def test_history_since_join(people: People) -> None:
    """Where history begins with the join, nobody sees what was said before they came (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    name = people.group(alice, history="since_join")
    say(alice, f"#{name}", "before")
    bob.request("join", group=name)
    last = say(alice, f"#{name}", "after")["seq"]
    assert contents(history(alice, f"#{name}")) == ["before", "after"]
    assert contents(history(bob, f"#{name}")) == ["after"]
    older = bob.request("history", conversation=f"#{name}", before=last - 1)
    assert (older["events"], older["more"]) == ([], False)


def test_history_all(people: People) -> None:
    """Where history is for all, who joins can read what was said before (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    name = people.group(alice, history="all")
    say(alice, f"#{name}", "before")
    bob.request("join", group=name)
    assert contents(history(bob, f"#{name}")) == ["before"]
