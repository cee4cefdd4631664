"""Groups: who is in them, with which role, and what they are about (protocol.md 6)."""

from __future__ import annotations

from typing import Final

import pytest

from chat_protocol import packets
from chat_server.routing import effects
from chat_server.routing.context import Rules
from chat_server.routing.directory import Directory
from tests.server.routing.builders import PASSWORD, World, crew

RANKS: Final = ("member", "moderator", "owner")


def told(world: World, group: str = "crew") -> list[tuple[str, str]]:
    """Action and subject of the system events in a group."""
    events = world.log(world.where(group).id)
    return [
        (event["action"], event["subject"])
        for event in events
        if event["type"] == "system_message" and "action" in event
    ]


def roles(world: World, group: str = "crew") -> dict[str, str]:
    """The members of a group with their roles, as stored."""
    users = {row.id: row.name for row in world.store.load().users}
    rows = [row for row in world.store.load().members if row.conversation == world.where(group).id]
    return {users[row.user]: row.role for row in rows if row.until_seq is None}


def notified(world: World, name: str) -> list[tuple[str, str]]:
    """Kind and conversation of what ``name`` was notified of."""
    own = world.who(name).notifications
    return [] if own is None else [(event["kind"], event["about"]) for event in world.log(own.id)]


# ---- making --------------------------------------------------------------------------------------------------------


def test_maker_is_owner() -> None:
    """The maker of a group is its owner and only member (protocol.md 6)."""
    world = World(("mia",))
    answer = world.ok("mia", packets.CreateGroup(1, "#Tea", "Tea time", "private", "since_join"))
    row = world.store.load().conversations[-1]

    assert answer.conversation == "#tea"
    assert (row.kind, row.key, row.title, row.visibility, row.history) == (
        "group",
        "tea",
        "Tea time",
        "private",
        "since_join",
    )
    assert roles(world, "tea") == {"mia": "owner"}
    assert told(world, "tea") == [("created", "mia")]


def test_first_event_is_the_makers() -> None:
    """The group exists, and its maker is in it, before the first event is written (protocol.md 4)."""
    (commit,) = World(("mia",)).decide("mia", packets.CreateGroup(1, "tea"))

    assert isinstance(commit, effects.Commit)
    kinds = [type(step).__name__ for step in commit.steps]
    assert kinds == ["PutConversation", "Begin", "Log", "PutMember", "MarkRead"]


def test_title_is_the_name_by_default() -> None:
    """A group without a title is called by its name (protocol.md 6)."""
    world = World(("mia",))
    world.answer("mia", packets.CreateGroup(1, "tea"))

    assert world.where("tea").title == "tea"


@pytest.mark.parametrize(
    ("name", "code"), [("a b", "bad_name"), ("all", "bad_name"), ("Crew", "name_taken"), ("crevv", "name_taken")]
)
def test_names_of_groups(name: str, code: str) -> None:
    """Group names follow the rule of user names, and may not be confusable (protocol.md 2)."""
    refusal = crew().refusal("mia", packets.CreateGroup(1, name))

    assert (refusal.code, refusal.field) == (code, "group")


def test_quota_of_groups() -> None:
    """A user can be in so many groups only (protocol.md 1, quota)."""
    world = World(("mia",), rules=Rules(max_groups_per_user=1))
    assert world.code("mia", packets.CreateGroup(1, "one")) == "ok"
    assert world.code("mia", packets.CreateGroup(2, "two")) == "quota"
    world.answer("mia", packets.Leave(3, "one"))
    assert world.code("mia", packets.CreateGroup(4, "three")) == "ok"


def test_quota_of_groups_by_joining() -> None:
    """The same by joining: one way around a quota makes it none (protocol.md 1, quota)."""
    world = World(("mia", "olga"), rules=Rules(max_groups_per_user=1))
    for name in ("one", "two"):
        world.group(name, {"olga": "owner"})
    assert world.code("mia", packets.Join(1, "one")) == "ok"
    assert world.code("mia", packets.Join(2, "two")) == "quota"
    assert world.code("mia", packets.Join(3, "one")) == "ok"


def test_quota_of_members() -> None:
    """A group has so many members only (protocol.md 1, quota)."""
    world = World(("mia", "olga", "karl"), rules=Rules(max_members_per_group=2))
    world.group("one", {"olga": "owner"})
    assert world.code("mia", packets.Join(1, "one")) == "ok"
    assert world.code("karl", packets.Join(2, "one")) == "quota"


def test_quota_of_connections() -> None:
    """A user is connected so many times at once only, by token or by password (protocol.md 1, quota)."""
    world = World(("mia",), rules=Rules(max_connections_per_user=2))
    world.who("mia").connections = 2
    for login in (packets.Login(1, token="token of mia"), packets.Login(1, user="mia", password=PASSWORD)):
        assert world.code(None, login) == "quota"
    assert len(world.store.load().devices) == 1


# ---- coming --------------------------------------------------------------------------------------------------------


def test_joining() -> None:
    """A public group is free to join; what was said before is not unread (protocol.md 6)."""
    world = crew()
    world.answer("otto", packets.Join(1, "crew"))
    group = world.where("crew")
    standing = world.store.reader().standings(world.who("otto").id, "device-of-otto", [group.id])[0]

    assert roles(world)["otto"] == "member"
    assert told(world) == [("joined", "otto")]
    assert group.members[world.who("otto").id].since_seq == group.head == 5
    assert (standing.read_seq, standing.unread) == (5, 0)


def test_joining_again() -> None:
    """Joining a group that one is in changes nothing and is ok (protocol.md 6)."""
    world = crew()
    before = world.log(world.where("crew").id)

    assert world.ok("mia", packets.Join(1, "crew")).conversation == "#crew"
    assert world.log(world.where("crew").id) == before


def test_invitation_is_used_up() -> None:
    """An invitation to a private group is used up by joining (protocol.md 6)."""
    world = crew("private")
    assert world.code("gina", packets.Join(1, "crew")) == "ok"
    assert world.code("gina", packets.Leave(2, "crew")) == "ok"
    assert world.code("gina", packets.Join(3, "crew")) == "not_found"
    assert world.store.load().invitations == []


def test_joining_an_empty_group() -> None:
    """Whoever joins an empty group owns it (protocol.md 6)."""
    world = World(("mia", "karl"))
    world.group("crew", {"mia": "owner"})
    world.answer("mia", packets.Leave(1, "crew"))
    world.answer("karl", packets.Join(2, "crew"))

    assert roles(world) == {"karl": "owner"}


def test_inviting() -> None:
    """Who is invited is told so, and may join then (protocol.md 6)."""
    world = crew("private")
    world.answer("mo", packets.Invite(1, "crew", "Otto"))

    assert told(world) == [("invited", "otto")]
    assert notified(world, "otto") == [("invited", "#crew")]
    assert world.code("otto", packets.Join(2, "crew")) == "ok"


@pytest.mark.parametrize(
    ("guest", "code"), [("gina", "ok"), ("karl", "conflict"), ("mo", "conflict"), ("nobody", "not_found")]
)
def test_inviting_again(guest: str, code: str) -> None:
    """Inviting who is invited changes nothing, a member is a conflict, nobody is not_found (protocol.md 6)."""
    world = crew()

    assert world.code("mo", packets.Invite(1, "crew", guest)) == code
    assert told(world) == []


def test_inviting_a_disabled_account() -> None:
    """An account that is disabled cannot be invited (protocol.md 6)."""
    world = crew()
    world.who("otto").disabled = True

    assert world.code("mo", packets.Invite(1, "crew", "otto")) == "not_found"


# ---- going ---------------------------------------------------------------------------------------------------------


def test_leaving() -> None:
    """Who left is out, after the event that says so (protocol.md 4, 6)."""
    world = crew()
    (commit,) = world.decide("karl", packets.Leave(1, "crew"))
    assert isinstance(commit, effects.Commit)
    assert [type(step).__name__ for step in commit.steps] == ["Log", "PutMember", "End"]
    world.settle([commit])
    rows = [row for row in world.store.load().members if row.user == world.who("karl").id]

    assert "karl" not in roles(world)
    assert told(world) == [("left", "karl")]
    assert rows[0].until_seq == world.where("crew").head == 5
    assert world.code("karl", packets.PostGroup(2, "crew", "m1", "hi")) == "not_member"


def test_last_owner_leaves() -> None:
    """If the last owner leaves, the highest-ranking member becomes the owner (protocol.md 6)."""
    world = crew()
    world.answer("olga", packets.Leave(1, "crew"))

    assert roles(world) == {"mo": "owner", "mia": "member", "karl": "member"}
    assert told(world) == [("left", "olga"), ("role", "mo")]


def test_one_of_two_owners_leaves() -> None:
    """While another owner is there nobody is made one (protocol.md 6)."""
    world = crew()
    world.answer("olga", packets.SetRole(1, "crew", "karl", "owner"))
    world.answer("olga", packets.Leave(2, "crew"))

    assert roles(world) == {"mo": "moderator", "mia": "member", "karl": "owner"}


@pytest.mark.parametrize("kicker", RANKS)
@pytest.mark.parametrize("target", RANKS)
def test_who_kicks_whom(kicker: str, target: str) -> None:
    """Moderators kick members; owners kick anybody (protocol.md 6)."""
    world = World(("anna", "beth", "olga"))
    world.group("crew", {"olga": "owner", "anna": kicker, "beth": target})
    allowed = kicker == "owner" or (kicker == "moderator" and target == "member")

    assert world.code("anna", packets.Kick(1, "crew", "beth")) == ("ok" if allowed else "forbidden")
    assert ("beth" in roles(world)) is not allowed


def test_kicked() -> None:
    """Who was kicked is told so, and is out after the kick itself (protocol.md 4, 6)."""
    world = crew()
    world.answer("mo", packets.Kick(1, "crew", "karl"))

    assert told(world) == [("kicked", "karl")]
    assert notified(world, "karl") == [("kicked", "#crew")]
    assert world.who("karl").ended[world.where("crew").id].until_seq == 5


@pytest.mark.parametrize(("target", "code"), [("olga", "forbidden"), ("otto", "not_found"), ("nobody", "not_found")])
def test_nobody_to_kick(target: str, code: str) -> None:
    """To go oneself one leaves; who is not there cannot be kicked (protocol.md 6)."""
    assert crew().code("olga", packets.Kick(1, "crew", target)) == code


# ---- roles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", RANKS)
def test_giving_roles(role: str) -> None:
    """An owner gives roles; the member is told, and the same role again changes nothing (protocol.md 6)."""
    world = crew()
    assert world.code("olga", packets.SetRole(1, "crew", "karl", role)) == "ok"
    changes = role != "member"

    assert roles(world)["karl"] == role
    assert told(world) == ([("role", "karl")] if changes else [])
    assert notified(world, "karl") == ([("role", "#crew")] if changes else [])


def test_group_keeps_an_owner() -> None:
    """The last owner's role cannot be taken away (protocol.md 6)."""
    world = crew()
    assert world.code("olga", packets.SetRole(1, "crew", "olga", "member")) == "forbidden"
    world.answer("olga", packets.SetRole(2, "crew", "mo", "owner"))
    assert world.code("olga", packets.SetRole(3, "crew", "olga", "member")) == "ok"

    assert roles(world)["olga"] == "member"
    assert notified(world, "olga") == []


@pytest.mark.parametrize("target", ["otto", "nobody"])
def test_role_of_a_stranger(target: str) -> None:
    """Who is no member has no role (protocol.md 6)."""
    refusal = crew().refusal("olga", packets.SetRole(1, "crew", target, "member"))

    assert (refusal.code, refusal.field) == ("not_found", "user")


# ---- what it is about ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("packet", "topic", "title"),
    [
        (packets.SetTopic(1, "crew", "tea"), "tea", "Crew"),
        (packets.SetTopic(1, "crew", ""), "", "Crew"),
        (packets.SetTitle(1, "crew", "Tea time"), "", "Tea time"),
        (packets.SetTitle(1, "crew", ""), "", "crew"),
    ],
)
def test_topic_and_title(packet: packets.ClientPacket, topic: str, title: str) -> None:
    """A moderator sets topic and title, everybody is told, and it is stored (protocol.md 6)."""
    world = crew()
    (commit,) = world.decide("mo", packet)
    assert isinstance(commit, effects.Commit)
    assert effects.Changed(world.where("crew")) in commit.steps
    world.settle([commit])
    row = next(row for row in world.store.load().conversations if row.key == "crew")

    assert (row.topic, row.title) == (topic, title)
    assert [subject for _, subject in told(world)] == ["mo"]


# ---- muting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("muted", [True, False])
def test_muting(muted: bool) -> None:
    """Muting is for oneself, and is stored (protocol.md 6)."""
    world = crew()
    world.answer("mia", packets.Mute(1, "#crew", muted))
    stored = {row.user: row.muted for row in world.store.load().members}

    assert stored[world.who("mia").id] is muted
    assert not stored[world.who("karl").id]


@pytest.mark.parametrize(
    ("conversation", "code"),
    [("!notifications", "forbidden"), ("@karl", "forbidden"), ("@nobody", "not_found"), ("nothing", "not_found")],
)
def test_what_cannot_be_muted(conversation: str, code: str) -> None:
    """A conversation in which nothing was said, or which one is not in, cannot be muted (protocol.md 6)."""
    assert crew().code("mia", packets.Mute(1, conversation, True)) == code


def test_mute_outlives_an_absence() -> None:
    """Who comes back finds the group as muted as it was left (protocol.md 6)."""
    world = crew()
    world.answer("mia", packets.Mute(1, "#crew", True))
    world.answer("mia", packets.Leave(2, "crew"))
    world.answer("mia", packets.Join(3, "crew"))

    assert world.where("crew").members[world.who("mia").id].muted


def test_announcements_can_be_muted() -> None:
    """What everybody is in can be muted, too, and stays so over a restart (protocol.md 6)."""
    world = crew()
    assert world.code("mia", packets.Mute(1, "!announcements", True)) == "ok"
    again = Directory(world.store.load())

    assert again.announcements.muted == {world.who("mia").id}
    assert again.announcements.members == {}
