"""Sending, and what is done to messages later (protocol.md 5, 6)."""

from __future__ import annotations

from typing import Any

import pytest

from chat_protocol import packets
from chat_server.routing import effects, posting
from tests.server.routing.builders import World, crew


def ack(world: World, who: str, packet: packets.ClientPacket) -> packets.Ack:
    """The ack that a request ends with."""
    found = world.answer(who, packet)
    assert isinstance(found, packets.Ack), found
    return found


def last(world: World, conversation: int) -> dict[str, Any]:
    """The newest event of a conversation."""
    return world.log(conversation)[-1]


def chat(world: World, one: str, other: str) -> int:
    """The private chat of two users."""
    found = world.directory.private(world.who(one).id, world.who(other).id)
    assert found is not None
    return found.id


# ---- messages ------------------------------------------------------------------------------------------------------


def test_group_message() -> None:
    """A message stands in the group's log at the place that the ack tells (protocol.md 5)."""
    world = crew()
    found = ack(world, "mia", packets.PostGroup(1, "#Crew", "m1", "hi @karl"))
    event = last(world, world.where("crew").id)

    assert (found.seq, found.duplicate) == (5, False)
    assert (event["seq"], event["sender"], event["content"], event["mentions"]) == (5, "mia", "hi @karl", ["karl"])


def test_same_message_again() -> None:
    """The same id with the same content is the first event, with any other it is a conflict (protocol.md 5)."""
    world = crew()
    first = ack(world, "mia", packets.PostGroup(1, "crew", "m1", "hi"))
    again = ack(world, "mia", packets.PostGroup(2, "crew", "m1", "hi"))

    assert (again.seq, again.duplicate) == (first.seq, True)
    assert world.code("mia", packets.PostGroup(3, "crew", "m1", "ho")) == "conflict"
    assert world.code("mia", packets.PostGroup(3, "crew", "m1", "hi", reply_to="by-mia")) == "conflict"
    assert world.code("karl", packets.PostGroup(4, "crew", "m1", "hi")) == "conflict"
    assert world.code("mia", packets.PostPrivate(5, "karl", "m1", "hi")) == "conflict"
    assert len(world.log(world.where("crew").id)) == 5


def test_first_private_message() -> None:
    """The first message makes the chat, and both are in it before it is written (protocol.md 4)."""
    world = World(("mia", "karl"))
    (ask,) = world.decide("mia", packets.PostPrivate(1, "karl", "m1", "hi @karl"))
    assert isinstance(ask, effects.Ask)
    (commit,) = ask.then(None)
    assert isinstance(commit, effects.Commit)
    assert [type(step).__name__ for step in commit.steps] == ["PutConversation", *["PutMember", "Begin"] * 2, "Log"]
    world.settle([commit])

    assert last(world, chat(world, "mia", "karl"))["mentions"] == ["karl"]


def test_private_chat_is_one() -> None:
    """Both write into the same log, whoever began (protocol.md 2)."""
    world = World(("mia", "karl"))
    seqs = [
        ack(world, "mia", packets.PostPrivate(1, "karl", "m1", "hi")).seq,
        ack(world, "karl", packets.PostPrivate(1, "MIA", "m2", "ho")).seq,
        ack(world, "mia", packets.PostPrivate(2, "karl", "m3", "ha")).seq,
    ]

    assert seqs == [1, 2, 3]


def test_two_begin_at_once() -> None:
    """Where both write first at the same time it is still one chat (protocol.md 2)."""
    world = World(("mia", "karl"))
    both = [
        world.decide("mia", packets.PostPrivate(1, "karl", "m1", "hi"))[0],
        world.decide("karl", packets.PostPrivate(1, "mia", "m2", "ho"))[0],
    ]
    world.settle(both)

    assert [event["message_id"] for event in world.log(chat(world, "mia", "karl"))] == ["m1", "m2"]


def test_refused_message_makes_no_chat() -> None:
    """A first message that is a conflict begins nothing (protocol.md 5)."""
    world = crew()
    assert world.code("mia", packets.PostPrivate(1, "karl", "by-mia", "hi")) == "conflict"
    assert world.directory.privates == {}


def test_own_notes() -> None:
    """To oneself one keeps notes, with a single member (protocol.md 2)."""
    world = World(("mia",))
    ack(world, "mia", packets.PostPrivate(1, "mia", "m1", "milk"))

    assert [row.user for row in world.store.load().members] == [world.who("mia").id]


@pytest.mark.parametrize("to", ["nobody", "", "#crew", "dora"])
def test_nobody_to_write_to(to: str) -> None:
    """A user who is not there, or is disabled, is not_found (protocol.md 1)."""
    world = crew()
    world.user("dora", disabled=True)
    refusal = world.refusal("mia", packets.PostPrivate(1, to, "m1", "hi"))

    assert (refusal.code, refusal.field, refusal.message) == ("not_found", "to", "there is no such user")


def test_broadcast() -> None:
    """A broadcast stands in the one log for everybody (protocol.md 5)."""
    world = crew()
    ack(world, "root", packets.PostBroadcast(1, "m1", "maintenance"))

    assert last(world, world.directory.announcements.id)["content"] == "maintenance"


@pytest.mark.parametrize(("who", "code"), [("root", "ok"), ("bot", "ok"), ("olga", "forbidden")])
def test_who_may_notify(who: str, code: str) -> None:
    """Admins and bots notify (protocol.md 5)."""
    assert crew().code(who, packets.PostNotification(1, "mia", "m1", "build", "done")) == code


def test_bots_are_no_admins() -> None:
    """A bot may notify and nothing else (protocol.md 5)."""
    world = crew()

    assert world.code("bot", packets.PostBroadcast(1, "m1", "hi")) == "forbidden"
    assert world.code("bot", packets.Stats(2)) == "forbidden"


def test_notification() -> None:
    """A notification stands in the user's own log with what it is about (protocol.md 3)."""
    world = crew()
    ack(world, "bot", packets.PostNotification(1, "mia", "m1", "build", "done", about="#crew", about_seq=3))
    own = world.who("mia").notifications
    assert own is not None
    event = last(world, own.id)

    assert (event["kind"], event["about"], event["about_seq"], event["sender"]) == ("build", "#crew", 3, "bot")
    assert world.code("bot", packets.PostNotification(2, "nobody", "m2", "build", "x")) == "not_found"


# ---- retry_order ---------------------------------------------------------------------------------------------------

SENDS: dict[str, Any] = {
    "group": lambda number, id_: packets.PostGroup(number, "crew", id_, "hi"),
    "private": lambda number, id_: packets.PostPrivate(number, "karl", id_, "hi"),
    "broadcast": lambda number, id_: packets.PostBroadcast(number, id_, "hi"),
    "notification": lambda number, id_: packets.PostNotification(number, "karl", id_, "build", "hi"),
}


@pytest.mark.parametrize("make", SENDS.values(), ids=SENDS)
def test_refused_sends_come_first(make: Any) -> None:
    """After a transient refusal nothing overtakes it in its conversation, until it comes again (protocol.md 1)."""
    world = crew()
    world.answer("root", make(1, "m0"))
    session = world.session("root")
    if isinstance(make(1, "m0"), packets.PostGroup):
        world.answer("root", packets.Join(1, "crew"))
    place = posting.destination(world.context, session, make(1, "m0"))
    assert place is not None
    session.refused[place.id] = "m1"
    before = world.log(place.id)

    assert world.code(session, make(2, "m2")) == "retry_order"
    assert world.log(place.id) == before
    assert world.code(session, make(3, "m1")) == "ok"
    assert world.code(session, make(4, "m2")) == "ok"
    assert [event["message_id"] for event in world.log(place.id)][-2:] == ["m1", "m2"]


def test_refusals_concern_one_conversation() -> None:
    """A refusal in one conversation does not hold up the others, nor other connections (protocol.md 1)."""
    world = crew()
    session = world.session("mia")
    session.refused[world.where("crew").id] = "m1"

    assert world.code(session, packets.PostPrivate(1, "karl", "m2", "hi")) == "ok"
    assert world.code("mia", packets.PostGroup(2, "crew", "m3", "hi")) == "ok"
    assert world.code(session, packets.PostGroup(3, "crew", "m4", "hi")) == "retry_order"


@pytest.mark.parametrize("make", SENDS.values(), ids=SENDS)
def test_destinations(make: Any) -> None:
    """Where a send would go is known without deciding whether it may (protocol.md 1)."""
    world = crew()
    session = world.session("root")
    before = posting.destination(world.context, session, make(1, "m1"))
    if before is None:
        world.answer("root", make(1, "m1"))

    assert posting.destination(world.context, session, make(1, "m1")) is not None


@pytest.mark.parametrize(
    "post",
    [
        packets.PostGroup(1, "nothing", "m1", "hi"),
        packets.PostPrivate(1, "nobody", "m1", "hi"),
        packets.PostPrivate(1, "otto", "m1", "hi"),
        packets.PostNotification(1, "nobody", "m1", "k", "hi"),
    ],
)
def test_no_destination(post: packets.Post) -> None:
    """What does not exist yet is no destination (protocol.md 1)."""
    world = crew()

    assert posting.destination(world.context, world.session("mia"), post) is None


# ---- editing, deleting, reacting -----------------------------------------------------------------------------------


def edit(target: str, id_: str = "e1", content: str = "new") -> packets.Edit:
    """An edit."""
    return packets.Edit(1, id_, target, content)


def test_edit() -> None:
    """One's own message has the new content from then on; mentions are found anew (protocol.md 3, 6)."""
    world = crew()
    group = world.where("crew").id
    assert ack(world, "mia", edit("by-mia", content="new @karl")).seq == 5
    message, event = world.log(group)[2], last(world, group)

    assert (message["content"], message["mentions"]) == ("new @karl", ["karl"])
    assert "edited_at" in message
    assert (event["type"], event["target"], event["content"]) == ("edited", "by-mia", "new @karl")


def test_edit_of_broadcasts() -> None:
    """A broadcast can be edited by its sender, not by another admin (protocol.md 6)."""
    world = crew()
    world.user("rita", "admin")
    ack(world, "root", packets.PostBroadcast(1, "b1", "soon"))

    assert world.code("rita", edit("b1")) == "forbidden"
    assert world.code("root", edit("b1")) == "ok"
    assert world.code("rita", packets.Delete(2, "d1", "b1")) == "ok"


def test_edit_of_broadcasts_by_who_was_an_admin() -> None:
    """Who is no admin any more cannot speak to everybody by editing what they said as one (protocol.md 6)."""
    world = crew()
    world.user("rita", "admin")
    ack(world, "rita", packets.PostBroadcast(1, "b1", "soon"))
    world.ok("root", packets.AdminSetRoles(2, "rita", []))

    assert world.code("rita", edit("b1")) == "forbidden"
    assert world.code("rita", packets.Delete(3, "d1", "b1")) == "ok"


def test_delete() -> None:
    """A deleted message has no content, nor have its edits; nothing can be done to it (protocol.md 3)."""
    world = crew()
    group = world.where("crew").id
    ack(world, "mia", edit("by-mia", content="secret plan"))
    ack(world, "mia", packets.Delete(2, "d1", "by-mia"))

    assert "secret plan" not in repr(world.log(group))
    assert world.log(group)[2]["deleted"] is True
    for packet in (edit("by-mia", "e2"), packets.Delete(3, "d2", "by-mia"), packets.React(4, "r1", "by-mia", "x")):
        assert world.code("mia", packet) == "not_found"


@pytest.mark.parametrize("sender", ["member", "moderator", "owner"])
@pytest.mark.parametrize("who", ["member", "moderator", "owner"])
def test_who_deletes_whose(who: str, sender: str) -> None:
    """Moderators delete members' messages, owners those of moderators and members (protocol.md 6)."""
    world = World(("anna", "beth"))
    group = world.group("crew", {"anna": who, "beth": sender})
    world.said(group, "beth", "m1")
    ranks = ["member", "moderator", "owner"]
    allowed = who != "member" and ranks.index(who) > ranks.index(sender)

    assert world.code("anna", packets.Delete(1, "d1", "m1")) == ("ok" if allowed else "forbidden")
    assert world.code("beth", packets.Delete(2, "d2", "m1")) == ("not_found" if allowed else "ok")


def test_messages_of_those_who_left() -> None:
    """What somebody who left has said can be deleted by a moderator (protocol.md 6)."""
    world = crew()
    ack_ = world.answer("karl", packets.Leave(1, "crew"))
    assert isinstance(ack_, packets.Ok)

    assert world.code("karl", packets.Delete(1, "d1", "by-karl")) == "not_found"
    assert world.code("karl", edit("by-karl")) == "not_found"
    assert world.code("mo", packets.Delete(1, "d2", "by-karl")) == "ok"


def test_private_messages() -> None:
    """In a private chat each edits and deletes their own messages only; others never heard of it (protocol.md 6)."""
    world = crew()
    ack(world, "mia", packets.PostPrivate(1, "karl", "p1", "hi"))

    assert world.code("karl", edit("p1")) == "forbidden"
    assert world.code("karl", packets.Delete(1, "d1", "p1")) == "forbidden"
    assert world.code("karl", packets.React(1, "r1", "p1", "👍")) == "ok"
    assert world.code("root", packets.Delete(1, "d2", "p1")) == "not_found"
    assert world.code("mia", edit("p1", "e2")) == "ok"


def test_notifications_are_the_receivers() -> None:
    """A notification is seen and deleted by its receiver (protocol.md 6)."""
    world = crew()
    ack(world, "bot", packets.PostNotification(1, "mia", "n1", "build", "done"))

    assert world.code("karl", packets.Delete(1, "d1", "n1")) == "not_found"
    assert world.code("mia", edit("n1")) == "forbidden"
    assert world.code("mia", packets.Delete(1, "d2", "n1")) == "ok"


def test_reactions() -> None:
    """A reaction is an event of its own, and can be taken back (protocol.md 3)."""
    world = crew()
    ack(world, "karl", packets.React(1, "r1", "by-mia", "👍"))
    ack(world, "karl", packets.React(2, "r2", "by-mia", "👍", removed=True))
    events = world.log(world.where("crew").id)[-2:]

    assert [(event["emoji"], event["removed"]) for event in events] == [("👍", False), ("👍", True)]


@pytest.mark.parametrize("kind", ["edit", "delete", "react"])
def test_changes_cannot_be_changed(kind: str) -> None:
    """An edit, a deletion or a reaction is no message to edit, delete or react to (protocol.md 6)."""
    world = crew()
    ack(world, "mia", packets.React(1, "r1", "by-karl", "👍"))
    made: dict[str, packets.ClientPacket] = {
        "edit": edit("r1"),
        "delete": packets.Delete(2, "d1", "r1"),
        "react": packets.React(2, "r2", "r1", "x"),
    }

    assert world.code("mia", made[kind]) == "forbidden"


def test_before_one_came() -> None:
    """In a since_join group what was said before one came is as if it did not exist (protocol.md 6)."""
    world = crew(history="since_join")
    world.answer("otto", packets.Join(1, "crew"))

    for target in ("by-mia", "nothing"):
        refusal = world.refusal("otto", packets.React(2, "r1", target, "x"))
        assert (refusal.code, refusal.field, refusal.message) == ("not_found", "target", "there is no such message")


def test_same_change_again() -> None:
    """A change that is sent again is the first one, with anything else a conflict (protocol.md 5)."""
    world = crew()
    first = ack(world, "mia", edit("by-mia"))

    assert ack(world, "mia", edit("by-mia")).seq == first.seq
    assert world.code("mia", edit("by-mia", content="other")) == "conflict"
