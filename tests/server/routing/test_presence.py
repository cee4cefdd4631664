"""Who hears of whose presence (protocol.md 6)."""

from __future__ import annotations

from chat_protocol import packets
from chat_server.routing import effects, presence
from tests.server.routing.builders import World


def heard(world: World, name: str) -> set[str]:
    """The names of those who may hear of ``name``."""
    return {world.directory.users[user].name for user in presence.audience(world.directory, world.who(name))}


def test_those_who_share_something() -> None:
    """Presence is told to those in a common group or private chat, and to nobody else (protocol.md 6)."""
    world = World(("mia", "karl", "otto", "gina"))
    world.group("crew", {"mia": "owner", "karl": "member"})
    world.answer("mia", packets.PostPrivate(1, "gina", "m1", "hi"))

    assert heard(world, "mia") == {"karl", "gina"}
    assert heard(world, "karl") == {"mia"}
    assert heard(world, "otto") == set()


def test_own_notes_tell_nobody() -> None:
    """Oneself is not among those who hear (protocol.md 6)."""
    world = World(("mia",))
    world.answer("mia", packets.PostPrivate(1, "mia", "m1", "note"))

    assert heard(world, "mia") == set()


def test_large_groups_are_not_told() -> None:
    """A group of more than 100 members is no reason to tell; one of 100 is (protocol.md 6)."""
    names = [f"user{number}" for number in range(101)]
    world = World(names)
    world.group("small", dict.fromkeys(names[:100], "member"))
    world.group("large", dict.fromkeys(names, "member"))

    assert heard(world, names[0]) == set(names[1:100])
    assert heard(world, names[100]) == set()


def test_left_groups_tell_nothing() -> None:
    """Who left shares nothing any more (protocol.md 6)."""
    world = World(("mia", "karl"))
    world.group("crew", {"mia": "owner", "karl": "member"})
    world.answer("karl", packets.Leave(1, "crew"))

    assert heard(world, "mia") == heard(world, "karl") == set()


def test_setting_presence() -> None:
    """A change is told, the same again is not (protocol.md 6)."""
    world = World(("mia",))
    away = packets.SetPresence(1, "away", "lunch")

    assert world.decide("mia", away) == [
        effects.Reply(packets.Ok(re=1)),
        effects.PresenceChanged(world.who("mia").id),
    ]
    assert world.decide("mia", away) == [effects.Reply(packets.Ok(re=1))]


def test_what_is_shown() -> None:
    """Without a connection one is offline, whatever one said (protocol.md 6)."""
    world = World(("mia",))
    user = world.who("mia")
    user.presence, user.status = "dnd", "busy"
    assert presence.presence_packet(user) == packets.PresenceNow("mia", "offline", "busy")
    user.connections = 1
    assert presence.presence_packet(user) == packets.PresenceNow("mia", "dnd", "busy")
