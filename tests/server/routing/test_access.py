"""The one rule of who may read (protocol.md 6)."""

from __future__ import annotations

from typing import get_args

import pytest

from chat_protocol import packets
from chat_protocol.limits import MAX_INT
from chat_server.routing import access
from chat_server.routing.directory import Conversation
from tests.server.routing.builders import World, crew


@pytest.mark.parametrize(("name", "rank"), [("olga", 3), ("mo", 2), ("mia", 1), ("otto", 0), ("root", 0), ("gina", 0)])
def test_ranks(name: str, rank: int) -> None:
    """Owner over moderator over member over nobody; an admin of the server is nobody in a group (protocol.md 6)."""
    world = crew()

    assert access.rank(world.where("crew"), world.who(name).id) == rank


@pytest.mark.parametrize(("name", "knows"), [("mia", True), ("gina", True), ("otto", False), ("root", False)])
def test_who_may_know_of_a_private_group(name: str, knows: bool) -> None:
    """Members and the invited may know that a private group exists (protocol.md 6)."""
    world = crew("private")

    assert access.may_know(world.where("crew"), world.who(name)) is knows
    assert access.may_know(crew().where("crew"), world.who(name))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("#crew", None),
        ("#nothing", "not_found"),
        ("@nobody", "not_found"),
        ("crew", "not_found"),
        ("", "not_found"),
        ("#", "not_found"),
    ],
)
def test_finding_conversations(name: str, code: str | None) -> None:
    """A conversation is found by its name as the reader writes it (protocol.md 2)."""
    world = crew()
    found = access.find(world.directory, world.who("mia"), name)

    assert (found.code if isinstance(found, access.Denied) else None) == code
    assert isinstance(found, Conversation) is (code is None)


def test_private_chats_are_ones_own() -> None:
    """Nobody can name a private chat of two others (protocol.md 2)."""
    world = crew()
    world.answer("mia", packets.PostPrivate(1, "karl", "m1", "hi"))
    mine = access.find(world.directory, world.who("mia"), "@karl")

    assert isinstance(mine, Conversation)
    assert access.find(world.directory, world.who("karl"), "@mia") is mine
    assert access.find(world.directory, world.who("otto"), "@karl") is None
    assert access.find(world.directory, world.who("root"), "@mia") is None


def test_notifications_are_ones_own() -> None:
    """!notifications are the asker's (protocol.md 2)."""
    world = crew()
    world.answer("root", packets.PostNotification(1, "mia", "m1", "build", "done"))

    assert access.find(world.directory, world.who("mia"), "!notifications") is world.who("mia").notifications
    assert access.find(world.directory, world.who("karl"), "!notifications") is None
    assert access.find(world.directory, world.who("karl"), "!announcements") is world.directory.announcements


@pytest.mark.parametrize(("history", "first"), [("all", 1), ("since_join", 5)])
def test_first_visible(history: str, first: int) -> None:
    """Where history is since_join nothing before the join may be read (protocol.md 6)."""
    world = crew(history=history)
    world.answer("otto", packets.Join(1, "crew"))
    group = world.where("crew")

    assert access.first_visible(group, world.who("otto")) == first
    assert access.first_visible(group, world.who("mia")) == 1
    assert access.first_visible(group, world.who("root")) == MAX_INT


def test_nothing_is_visible_before_the_join_is_stored() -> None:
    """While the join is on its way nothing of a since_join group may be read (protocol.md 6)."""
    world = crew(history="since_join")
    world.decide("otto", packets.Join(1, "crew"))

    assert access.first_visible(world.where("crew"), world.who("otto")) == MAX_INT


def test_scopes() -> None:
    """A search covers what one may read and nothing else (protocol.md 6)."""
    world = crew()
    world.answer("mia", packets.PostPrivate(1, "karl", "m1", "hi"))
    world.answer("karl", packets.Leave(2, "crew"))

    def covered(name: str) -> set[int]:
        return {scope.conversation for scope in access.scopes(world.directory, world.who(name))}

    chat = world.directory.private(world.who("mia").id, world.who("karl").id)
    assert chat is not None
    everybodys = world.directory.announcements.id
    assert covered("mia") == {everybodys, chat.id, world.where("crew").id}
    assert covered("karl") == {everybodys, chat.id}
    assert covered("root") == {everybodys}


def test_admins() -> None:
    """Who has the role admin administers the server (protocol.md 4)."""
    world = World(("mia",), admins=("root",))

    assert access.is_admin(world.who("root"))
    assert not access.is_admin(world.who("mia"))


# ---- the matrix ----------------------------------------------------------------------------------------------------

CAST = ("otto", "mia", "mo", "olga")
"""By rank: outside, member, moderator, owner."""


@pytest.mark.parametrize("right", get_args(access.GroupRight))
def test_rights_in_a_group_grow_with_the_rank(right: access.GroupRight) -> None:
    """Who ranks higher may what who ranks lower may, and outside nobody may anything (protocol.md 6)."""
    world = crew()
    may = [access.may(world.where("crew"), world.who(name), right) for name in CAST]

    assert may == sorted(may)
    assert (may[0], may[3]) == (False, True)
    assert not access.may(world.where("crew"), world.who("root"), right)


@pytest.mark.parametrize("right", get_args(access.RightOver))
@pytest.mark.parametrize("other", CAST)
def test_rights_over_somebody(right: access.RightOver, other: str) -> None:
    """They grow with the rank, shrink with the other's, and nobody but an owner has one over an equal."""
    world = crew()
    group, target = world.where("crew"), world.who(other).id
    may = [access.may_over(group, world.who(name), right, target) for name in CAST]

    assert may == sorted(may)
    assert not any(may[: max(2, CAST.index(other))])
    assert not access.may_over(group, world.who("root"), right, target)
    if other in ("mia", "mo"):
        assert may[3]
        assert not may[CAST.index(other)]


def test_every_right_is_in_the_matrix() -> None:
    """None is missing in a table, and each table knows every rank there is."""
    assert set(access.IN_GROUP) == set(get_args(access.GroupRight))
    assert set(access.ON_SERVER) == set(get_args(access.ServerRight))
    assert set(access.OVER_SOMEBODY) == set(get_args(access.RightOver))
    for needed in access.OVER_SOMEBODY.values():
        assert set(needed) == {0, *access.RANKS.values()}


@pytest.mark.parametrize("right", get_args(access.ServerRight))
def test_rights_on_the_server(right: access.ServerRight) -> None:
    """They come from roles of the server alone; a bot may notify and no more (protocol.md 5, 6)."""
    world = crew()

    assert access.may_on_server(world.who("root"), right)
    assert access.may_on_server(world.who("bot"), right) is (right == "notify")
    assert not access.may_on_server(world.who("olga"), right)
