"""Who is who and who belongs where (protocol.md 2, 4)."""

from __future__ import annotations

import pytest

from chat_protocol import packets
from chat_protocol.names import Kind
from chat_server.routing.directory import Directory
from chat_server.store.base import AT_HEAD, Snapshot
from tests.server.routing.builders import World, crew

EMPTY = Snapshot("epoch", [], [], [], [], [], [], {})


def test_empty_store() -> None:
    """A new store has the announcements, and nobody to read them (protocol.md 2)."""
    directory = Directory(EMPTY)

    assert directory.announcements.kind is Kind.ANNOUNCEMENTS
    assert (directory.epoch, directory.users, directory.next_user_id()) == ("epoch", {}, 1)


def test_built_anew_it_is_the_same() -> None:
    """What was decided is what is stored: a restart changes nothing (reliability.md I2)."""
    world = crew("private", "since_join")
    for who, packet in (
        ("karl", packets.Leave(1, "crew")),
        ("gina", packets.Join(1, "crew")),
        ("mo", packets.Invite(1, "crew", "otto")),
        ("mia", packets.PostPrivate(1, "karl", "m1", "hi")),
        ("olga", packets.SetRole(1, "crew", "mia", "moderator")),
        ("mo", packets.SetTopic(1, "crew", "tea")),
        ("mia", packets.Mute(1, "#crew", True)),
    ):
        world.do(who, packet)
    now, again = world.directory, Directory(world.store.load())

    assert describe(now) == describe(again)
    assert now.next_user_id() == again.next_user_id()


def describe(directory: Directory) -> object:
    """Everything that outlives a restart."""

    def stay(one: object) -> tuple[object, ...]:
        return tuple(getattr(one, name) for name in ("role", "since_seq", "until_seq", "muted"))

    return (
        [
            (user.row(), set(user.conversations), {key: stay(one) for key, one in user.ended.items()})
            for user in directory.users.values()
        ],
        [
            (each.row(), each.head, {user: stay(one) for user, one in each.members.items()}, each.invited)
            for each in directory.conversations.values()
        ],
        sorted(directory.devices.items()),
        sorted(directory.privates),
        sorted(directory.groups),
    )


@pytest.mark.parametrize("name", ["mia", "MIA", "Mia"])
def test_users_by_any_spelling(name: str) -> None:
    """A user is found however the name is written (protocol.md 2)."""
    world = World(("mia",))

    assert world.directory.user(name) is world.who("mia")


@pytest.mark.parametrize("name", ["", "nobody", "@mia", "mia ", "m\u0131a", "a" * 40])
def test_no_such_user(name: str) -> None:
    """What is no name is nobody's (protocol.md 2)."""
    assert World(("mia",)).directory.user(name) is None


@pytest.mark.parametrize(
    ("name", "found"), [("crew", True), ("#crew", True), ("#CREW", True), ("##crew", False), ("", False)]
)
def test_groups_by_any_spelling(name: str, found: bool) -> None:
    """A group is found with or without its sign, however it is written (protocol.md 2)."""
    assert (crew().directory.group(name) is not None) is found


def test_each_side_names_a_private_chat() -> None:
    """A private chat is named by the other side, one's own notes by oneself (protocol.md 2)."""
    world = World(("mia", "karl"))
    world.answer("mia", packets.PostPrivate(1, "karl", "m1", "hi"))
    world.answer("mia", packets.PostPrivate(2, "mia", "m2", "note"))
    directory, mia, karl = world.directory, world.who("mia").id, world.who("karl").id
    chat, notes = directory.private(karl, mia), directory.private(mia, mia)

    assert chat is not None
    assert notes is not None
    assert [directory.name_for(chat, viewer) for viewer in (mia, karl)] == ["@karl", "@mia"]
    assert directory.name_for(notes, mia) == "@mia"


def test_everybodys_conversations() -> None:
    """Everybody has the announcements and the groups and chats that they are in (protocol.md 2)."""
    world = crew()
    world.answer("root", packets.PostNotification(1, "mia", "m1", "build", "done"))
    world.answer("mia", packets.PostPrivate(2, "karl", "m2", "hi"))
    kinds = [each.kind for each in world.directory.conversations_of(world.who("mia"))]

    assert sorted(kinds) == ["announcements", "group", "notifications", "private"]
    assert [each.kind for each in world.directory.conversations_of(world.who("otto"))] == [Kind.ANNOUNCEMENTS]


def test_positions_until_they_are_stored() -> None:
    """A stay begins and ends at the head of a commit that is not done yet (protocol.md 4)."""
    world = crew()
    directory, group, otto = world.directory, world.where("crew"), world.who("otto")

    assert directory.begin_stay(group, otto, "member").since_seq == AT_HEAD
    assert directory.end_stay(group, otto).until_seq == AT_HEAD
    assert group.id in otto.ended


def test_coming_back_ends_the_absence() -> None:
    """Who is a member again has no ended stay (protocol.md 4)."""
    world = crew()
    world.answer("karl", packets.Leave(1, "crew"))
    world.answer("karl", packets.Join(2, "crew"))

    assert world.who("karl").ended == {}
    assert world.where("crew").members[world.who("karl").id].until_seq is None


def test_devices() -> None:
    """Devices are known by token, the newest first, until they are dropped (protocol.md 6)."""
    world = World(("mia",))
    directory = world.directory
    row = directory.devices["device-of-mia"]

    assert directory.devices_of(row.user) == [row]
    assert directory.drop_device(row.id) == row
    assert directory.drop_device(row.id) is None
    assert (directory.devices_of(row.user), directory.tokens) == ([], {})


def test_ids_are_never_used_twice() -> None:
    """A conversation's id is not given again when it is deleted (protocol.md 3)."""
    world = crew()
    first = world.where("crew").id
    world.do("root", packets.AdminDeleteGroup(1, "crew"))
    world.answer("mia", packets.CreateGroup(2, "other"))

    assert world.where("other").id > first
    assert all(first not in user.ended for user in world.directory.users.values())
