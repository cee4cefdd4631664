"""Looking things up: history, search, lists, markers, receipts (protocol.md 6)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from chat_protocol import packets
from chat_server.routing import effects
from chat_server.store.base import Advance
from tests.server.routing.builders import NOW_MS, World, answer_of, crew, told


def page(world: World, who: str, request: packets.History) -> tuple[list[int], bool]:
    """The seqs of a page of history, and whether there are more."""
    answer = world.ok(who, request)
    assert isinstance(answer.events, list)
    assert isinstance(answer.more, bool)
    return [event.seq for event in answer.events], answer.more


# ---- history -------------------------------------------------------------------------------------------------------


@given(
    st.integers(0, 12),
    st.none() | st.integers(0, 15),
    st.none() | st.integers(0, 15),
    st.integers(1, 15),
    st.sampled_from([1, 4]),
)
def test_pages_of_history(size: int, before: int | None, after: int | None, limit: int, joined: int) -> None:
    """A page is the newest below ``before``, or the oldest above ``after``, of what may be read (protocol.md 6)."""
    world = World(("mia",))
    group = world.group("crew", {}, history="since_join" if joined > 1 else "all")
    for _ in range(size):
        world.said(group, "mia")
    world.where("crew")
    stay = world.directory.begin_stay(world.where("crew"), world.who("mia"), "member", since_seq=joined)
    assert stay.since_seq == joined
    request = packets.History(1, "#crew", UNSET if before is None else before, UNSET if after is None else after, limit)
    within = [seq for seq in range(joined, size + 1) if (after or 0) < seq < (99 if before is None else before)]
    expected = within[:limit] if after is not None else within[-limit:]

    assert page(world, "mia", request) == (expected, len(within) > limit)


def test_history_of_a_chat_that_has_not_begun() -> None:
    """A chat in which nothing was said is empty (protocol.md 6)."""
    assert page(crew(), "mia", packets.History(1, "@karl")) == ([], False)


def test_history_names_the_conversation_as_the_reader_does() -> None:
    """Each side of a private chat reads it under its own name (protocol.md 2)."""
    world = crew()
    world.answer("mia", packets.PostPrivate(1, "karl", "m1", "hi"))
    for who, name in (("mia", "@karl"), ("karl", "@mia")):
        events = world.ok(who, packets.History(2, name)).events
        assert isinstance(events, list)
        assert [event.conversation for event in events] == [name]


def test_history_after_leaving() -> None:
    """Who left reads nothing any more (protocol.md 6)."""
    world = crew()
    world.answer("karl", packets.Leave(1, "crew"))

    assert world.code("karl", packets.History(2, "#crew")) == "not_member"


@pytest.mark.parametrize("way", ["left", "kicked", "deleted"])
def test_history_that_is_answered_after_the_end(way: str) -> None:
    """A page that was asked for before the end of a membership and read after it holds nothing (protocol.md 6)."""
    world = crew("private")
    asked = world.decide("karl", packets.History(1, "#crew"))
    searched = world.decide("karl", packets.Search(2, "said"))
    receipts = world.decide("karl", packets.Receipts(3, "#crew", "by-olga"))
    match way:
        case "left":
            world.answer("karl", packets.Leave(4, "crew"))
        case "kicked":
            world.answer("olga", packets.Kick(4, "crew", "karl"))
        case _:
            world.answer("root", packets.AdminDeleteGroup(4, "crew"))
    if way != "deleted":
        world.said(world.group_ids["crew"], "olga")
    told = [answer_of(effect) for found in (asked, receipts, searched) for effect in world.settle(found)]

    assert [getattr(each, "code", "") for each in told] == ["not_found", "not_found", ""]
    assert isinstance(told[2], packets.Ok)
    assert told[2].hits == []


def test_history_that_is_answered_after_coming_back() -> None:
    """Who was away meanwhile reads on from the new join, where history begins with it (protocol.md 6)."""
    world = crew(history="since_join")
    asked = world.decide("karl", packets.History(1, "#crew"))
    searched = world.decide("karl", packets.Search(2, "said"))
    world.answer("karl", packets.Leave(3, "crew"))
    hidden = world.said(world.group_ids["crew"], "olga")
    world.where("crew").head += 1
    world.answer("karl", packets.Join(4, "crew"))
    page, found = (answer_of(effect) for effects_ in (asked, searched) for effect in world.settle(effects_))

    assert isinstance(page, packets.Ok)
    assert isinstance(page.events, list)
    assert [event.message_id for event in page.events if event.message_id in ("by-olga", hidden)] == []
    assert isinstance(found, packets.Ok)
    assert found.hits == []


# ---- search --------------------------------------------------------------------------------------------------------


def hits(world: World, who: str, request: packets.Search) -> list[str]:
    """The message ids that a search finds."""
    found = world.ok(who, request).hits
    assert isinstance(found, list)
    return [hit.event.message_id for hit in found]


def test_search_everywhere() -> None:
    """A search finds what one may read, in all conversations or in one, of all senders or of one (protocol.md 6)."""
    world = crew()
    world.answer("mia", packets.PostPrivate(1, "karl", "p1", "said in private"))

    assert hits(world, "mia", packets.Search(1, "said")) == ["p1", "by-karl", "by-mia", "by-mo", "by-olga"]
    assert hits(world, "mia", packets.Search(1, "said", conversation="@karl")) == ["p1"]
    assert hits(world, "mia", packets.Search(1, "said", sender="Karl")) == ["by-karl"]
    assert hits(world, "mo", packets.Search(1, "private")) == []
    assert hits(world, "mia", packets.Search(1, "said", conversation="@otto")) == []


def test_search_page_by_page() -> None:
    """``next`` continues a search, and is absent where there is nothing more (protocol.md 6)."""
    world = crew()
    first = world.ok("mia", packets.Search(1, "said", limit=3))
    assert isinstance(first.next, int)
    second = world.ok("mia", packets.Search(1, "said", limit=3, before=first.next))
    assert isinstance(second.hits, list)

    assert [hit.event.message_id for hit in second.hits] == ["by-olga"]
    assert second.next is UNSET


@pytest.mark.parametrize(
    ("request_", "code", "field"),
    [
        (packets.Search(1, ""), "bad_query", "query"),
        (packets.Search(1, '"'), "bad_query", "query"),
        (packets.Search(1, "x", sender="nobody"), "not_found", "sender"),
        (packets.Search(1, "x", conversation="#nothing"), "not_found", "conversation"),
    ],
)
def test_bad_searches(request_: packets.Search, code: str, field: str) -> None:
    """A search for nothing, or for what is not there, says so (protocol.md 6)."""
    refusal = crew().refusal("mia", request_)

    assert (refusal.code, refusal.field) == (code, field)


def test_search_since_join() -> None:
    """What was said before one came is not found where history is since_join (protocol.md 6)."""
    world = crew(history="since_join")
    world.answer("otto", packets.Join(1, "crew"))
    world.answer("mia", packets.PostGroup(2, "crew", "m1", "said later"))

    assert hits(world, "otto", packets.Search(3, "said")) == ["m1"]


# ---- markers -------------------------------------------------------------------------------------------------------


def mark(world: World, name: str) -> int:
    """The stored read marker in the group."""
    user = world.who(name).id
    return world.store.reader().standings(user, "", [world.where("crew").id])[0].read_seq


def test_read_marker_only_moves_forward() -> None:
    """A read marker never goes back (protocol.md 6)."""
    world = crew()
    for seq, expected in ((3, 3), (2, 3), (3, 3), (4, 4), (0, 4)):
        assert world.code("mia", packets.Read(1, "#crew", seq)) == "ok"
        assert mark(world, "mia") == expected


def test_read_marker_ends_at_the_head() -> None:
    """What is not written yet cannot be read (protocol.md 6)."""
    world = crew()
    found = world.do("mia", packets.Read(1, "#crew", 2**53 - 1))

    assert mark(world, "mia") == 4
    assert told(found) == [((world.who("mia").id,), packets.ReadMoved("#crew", "mia", 4))]


def test_same_marker_again_tells_nobody() -> None:
    """A marker that does not move is ok and not told (protocol.md 6)."""
    world = crew()
    world.do("mia", packets.Read(1, "#crew", 3))

    assert [type(effect) for effect in world.do("mia", packets.Read(2, "#crew", 3))] == [effects.Reply]


def test_read_is_told_to_the_peer() -> None:
    """In a private chat the other side hears of it, under its own name for the chat (protocol.md 6)."""
    world = crew()
    world.answer("mia", packets.PostPrivate(1, "karl", "m1", "hi"))
    found = world.do("karl", packets.Read(2, "@mia", 1))
    mia, karl = world.who("mia").id, world.who("karl").id

    assert told(found) == [
        ((karl,), packets.ReadMoved("@mia", "karl", 1)),
        ((mia,), packets.ReadMoved("@karl", "karl", 1)),
    ]


def test_read_of_own_notes_and_empty_chats() -> None:
    """There is nobody else to tell (protocol.md 6)."""
    world = crew()
    world.answer("mia", packets.PostPrivate(1, "mia", "m1", "note"))

    assert len(told(world.do("mia", packets.Read(2, "@mia", 1)))) == 1
    assert told(world.do("mia", packets.Read(3, "@karl", 1))) == []


def test_read_is_told_once_it_is_stored() -> None:
    """A marker is told when it is stored (protocol.md 6)."""
    (commit,) = crew().decide("mia", packets.Read(1, "#crew", 3))

    assert isinstance(commit, effects.Commit)
    assert [type(effect) for effect in commit.then] == [effects.Reply, effects.Tell]


def test_received() -> None:
    """A device tells what it has; also of a group that one has left, of which it missed the end (protocol.md 4)."""
    world = crew()
    group = world.where("crew")
    assert world.decide("karl", packets.Received("#crew", 3)) == [effects.Advanced(group, 3)]
    world.answer("karl", packets.Leave(1, "crew"))

    assert world.decide("karl", packets.Received("#crew", 5)) == [effects.Advanced(group, 5)]
    for name in ("#crew", "#nothing", "@karl", "nothing"):
        assert world.decide("otto", packets.Received(name, 5)) == []


# ---- receipts ------------------------------------------------------------------------------------------------------


def asked_of(world: World, who: str, request: packets.Receipts) -> set[str]:
    """The users whom receipts are told of."""
    (found,) = world.do(who, request)
    assert isinstance(found, effects.TellReceipts)
    return {world.directory.users[user].name for user in found.users}


def test_recipients() -> None:
    """Receipts tell of everybody who was there, but the sender (protocol.md 6)."""
    world = crew()
    world.answer("otto", packets.Join(1, "crew"))

    assert asked_of(world, "mia", packets.Receipts(2, "#crew", "by-karl")) == {"olga", "mo", "mia"}
    world.answer("mia", packets.PostGroup(3, "crew", "m1", "hi"))
    assert asked_of(world, "karl", packets.Receipts(4, "#crew", "m1")) == {"olga", "mo", "karl", "otto"}


def test_recipients_elsewhere() -> None:
    """Receipts of private messages, broadcasts and notifications (protocol.md 6)."""
    world = crew()
    world.answer("mia", packets.PostPrivate(1, "karl", "p1", "hi"))
    world.answer("root", packets.PostBroadcast(1, "b1", "hi"))
    world.answer("bot", packets.PostNotification(1, "mia", "n1", "build", "hi"))

    assert asked_of(world, "mia", packets.Receipts(2, "@karl", "p1")) == {"karl"}
    assert len(asked_of(world, "mia", packets.Receipts(2, "!announcements", "b1"))) == len(world.directory.users) - 1
    assert asked_of(world, "mia", packets.Receipts(2, "!notifications", "n1")) == {"mia"}


@pytest.mark.parametrize(
    ("conversation", "target"), [("#crew", "nothing"), ("@karl", "by-karl"), ("!announcements", "by-karl")]
)
def test_receipts_of_nothing(conversation: str, target: str) -> None:
    """A message that is not in that conversation is not_found (protocol.md 6)."""
    refusal = crew().refusal("mia", packets.Receipts(1, conversation, target))

    assert (refusal.code, refusal.field) == ("not_found", "target")


def test_receipts_before_one_came() -> None:
    """In a since_join group what was said before is as if it did not exist (protocol.md 6)."""
    world = crew(history="since_join")
    world.answer("otto", packets.Join(1, "crew"))

    assert world.code("otto", packets.Receipts(2, "#crew", "by-mia")) == "not_found"


# ---- typing --------------------------------------------------------------------------------------------------------


def test_typing() -> None:
    """Typing is told to the others at most once in 3 s (protocol.md 6)."""
    world = crew()
    mia, karl = world.who("mia").id, world.who("karl").id

    assert world.decide("mia", packets.Typing("#crew")) == [
        effects.TellMembers(world.where("crew"), packets.TypingNow("#crew", "mia"))
    ]
    assert world.decide("mia", packets.Typing("#crew")) == []
    assert world.decide("mia", packets.Typing("@karl")) == [effects.Tell((karl,), packets.TypingNow("@mia", "mia"))]
    world.context.now_ms = NOW_MS + 3_000
    assert world.decide("mia", packets.Typing("#CREW")) != []
    assert world.decide("mia", packets.Typing("#crew")) == []
    assert mia not in [user for users, _ in told(world.decide("mia", packets.Typing("@karl"))) for user in users]


@pytest.mark.parametrize("conversation", ["@mia", "@nobody", "!announcements", "!notifications", "#nothing", "x"])
def test_typing_to_nobody(conversation: str) -> None:
    """Where nobody listens nothing is told (protocol.md 6)."""
    assert crew().decide("mia", packets.Typing(conversation)) == []


# ---- lists ---------------------------------------------------------------------------------------------------------


def names(items: Any, field: str) -> list[Any]:
    """One field of each item of a list."""
    assert isinstance(items, list)
    return [getattr(item, field) for item in items]


def test_list_of_users() -> None:
    """Users are listed by name, page by page, without those who are disabled (protocol.md 6)."""
    world = crew()
    world.who("karl").disabled = True

    assert names(world.ok("mia", packets.ListUsers(1, limit=3)).users, "user") == ["bot", "gina", "mia"]
    assert names(world.ok("mia", packets.ListUsers(2, limit=2, after="Mia")).users, "user") == ["mo", "olga"]
    assert names(world.ok("mia", packets.ListUsers(3, "GI")).users, "user") == ["gina"]
    assert names(world.ok("mia", packets.ListUsers(4, "zz")).users, "user") == []


def test_list_of_groups() -> None:
    """Groups are listed by name, found by name or title, and say whether one is in them (protocol.md 6)."""
    world = crew()
    world.answer("karl", packets.CreateGroup(1, "Tea", "Hot WATER"))
    found = world.ok("mia", packets.ListGroups(2)).groups
    assert isinstance(found, list)

    assert [(each.group, each.members, each.joined) for each in found] == [("crew", 4, True), ("tea", 1, False)]
    assert names(world.ok("mia", packets.ListGroups(3, "water")).groups, "group") == ["tea"]
    assert names(world.ok("mia", packets.ListGroups(4, after="crew")).groups, "group") == ["tea"]


def test_list_of_members() -> None:
    """Members are listed by name with role and presence (protocol.md 6)."""
    world = crew()
    world.who("mo").connections = 1
    found = world.ok("mia", packets.ListMembers(1, "#crew")).members
    assert isinstance(found, list)

    assert [(each.user, each.role, each.presence) for each in found] == [
        ("karl", "member", "offline"),
        ("mia", "member", "offline"),
        ("mo", "moderator", "online"),
        ("olga", "owner", "offline"),
    ]


@pytest.mark.parametrize(
    ("conversation", "expected"), [("@karl", ["karl", "mia"]), ("@mia", ["mia"]), ("!notifications", None)]
)
def test_members_of_a_chat(conversation: str, expected: list[str] | None) -> None:
    """A private chat has two members, also before anything was said (protocol.md 6)."""
    world = crew()
    found = world.ok("mia", packets.ListMembers(1, conversation)).members

    assert names(found, "user") == (expected or ["mia"])
    if conversation.startswith("@"):
        world.answer("mia", packets.PostPrivate(2, conversation[1:], "m1", "hi"))
        assert names(world.ok("mia", packets.ListMembers(3, conversation)).members, "user") == expected


def test_members_of_everything() -> None:
    """Everybody is in the announcements (protocol.md 2)."""
    world = crew()
    found = world.ok("mia", packets.ListMembers(1, "!announcements")).members

    assert len(names(found, "user")) == len(world.directory.users)


# ---- audit ---------------------------------------------------------------------------------------------------------


def test_audit_page_by_page() -> None:
    """The audit log is read from the newest line back (protocol.md 6)."""
    world = World(("mia",), admins=("root",))
    for disabled in (True, False, True):
        world.answer("root", packets.AdminDisableUser(1, "mia", disabled))
    first = world.ok("root", packets.AdminAudit(2, limit=2)).audit
    assert isinstance(first, list)
    second = world.ok("root", packets.AdminAudit(3, before=first[-1].id)).audit

    assert names(first, "id") == [3, 2]
    assert names(second, "id") == [1]


def test_cursors_of_unknown_devices() -> None:
    """A cursor of a device that is gone is nothing (protocol.md 4)."""
    world = crew()
    world.put(Advance("gone", 1, world.group_ids["crew"], 3, NOW_MS))

    assert world.store.reader().standings(1, "gone", [world.group_ids["crew"]])[0].cursor is None
