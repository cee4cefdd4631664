"""Events as the rules make them (protocol.md 3)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from chat_protocol import packets
from chat_protocol.codec import decode_server, place_event
from chat_server.routing import effects, events
from chat_server.store.base import SERVER, Append
from tests.server.routing.builders import NOW_MS, crew


def shown(append: Append) -> Any:
    """The event in ``append`` as a client gets it."""
    return decode_server(place_event("#crew", b'"seq":5,' + append.body))


def test_messages() -> None:
    """A message has its sender's names, the server's time, and the content unchanged (protocol.md 3)."""
    world = crew()
    post = packets.PostGroup(1, "crew", "m1", "*hi* @karl", reply_to="by-karl")
    append = events.message(world.context, world.where("crew"), world.who("mia"), post)

    assert shown(append) == packets.GroupMessage(
        "#crew", 5, "m1", "mia", "Mia", NOW_MS, content="*hi* @karl", reply_to="by-karl", mentions=("karl",)
    )
    assert (append.kind, append.sender, append.mentions) == (
        "group_message",
        world.who("mia").id,
        (world.who("karl").id,),
    )


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("hi", ()),
        ("@karl @mo @karl", ("karl", "mo")),
        ("@otto @root @nobody", ()),
        ("@MIA", ("mia",)),
        ("mail karl@mo.org", ()),
    ],
)
def test_mentions_are_members(content: str, found: tuple[str, ...]) -> None:
    """Those who are mentioned are members; others cannot be, and do not learn of it (protocol.md 3)."""
    world = crew()
    users = events.find_mentions(world.context, world.where("crew"), content)

    assert tuple(user.name for user in users) == found


def test_system_events() -> None:
    """What happened to a group is told by the server (protocol.md 3)."""
    world = crew()
    log = events.system(world.context, world.where("crew"), "joined", "otto", "otto joined")

    assert isinstance(shown(log.append), packets.SystemMessage)
    assert (shown(log.append).sender, log.append.sender, log.re) == ("server", SERVER, None)


def test_first_notification_makes_the_conversation() -> None:
    """A user's notifications begin with the first one (protocol.md 2)."""
    world = crew()
    first = events.notify(world.context, world.who("mia"), "invited", "come", about="#crew")
    second = events.notify(world.context, world.who("mia"), "invited", "come")

    assert [type(step).__name__ for step in first] == ["PutConversation", "Begin", "Log"]
    assert [type(step).__name__ for step in second] == ["Log"]
    assert isinstance(second[0], effects.Log)
    assert second[0].conversation is world.who("mia").notifications


def test_digests_tell_repeats_from_conflicts() -> None:
    """Whatever a sender asked for counts, so that a conflict is one (protocol.md 5)."""
    parts: list[tuple[Any, ...]] = [("a",), ("b",), ("a", "b"), ("ab",), ("a", UNSET), ("a", 1), ("a", True)]

    assert len({events.digest(*each) for each in parts}) == len(parts)
    assert events.digest("a", 1) == events.digest("a", 1)
