"""Events in, the next state out."""

import pytest

from chat_client.core import events
from chat_client.core.reduce import reduce, reduce_all
from chat_client.core.state import MAX_NOTICES, ClientState, Link, Message, Person, SystemLine
from chat_client.core.text import Safe
from chat_protocol import packets
from tests.client.test_reading import arrive, entry, message, ops, start

HOSTILE = "\x1b]2;PWNED\x1b\\\u202e\x9b31m"


def line(state: ClientState, index: int = -1) -> Message:
    """A message of #ops by its position."""
    found = ops(state).timeline[index]
    assert isinstance(found, Message)
    return found


def reaction(seq: int, target: str, *, removed: bool = False, sender: str = "bob") -> packets.Reaction:
    """A reaction in #ops."""
    return packets.Reaction("#ops", seq, f"r{seq}", sender, sender, 0, target=target, emoji="👍", removed=removed)


def test_everything_from_others_is_safe() -> None:
    """No text of a server or of another user enters the state raw (reliability F2)."""
    raw = start(title=HOSTILE, topic=HOSTILE, role=HOSTILE)
    raw = reduce(raw, events.Synced("e", (entry(conversation="@eve", display_name=HOSTILE),)))
    raw = arrive(
        raw,
        packets.GroupMessage("#ops", 1, "m1", HOSTILE, HOSTILE, 0, content=HOSTILE, mentions=(HOSTILE,), reply_to="m0"),
        packets.SystemMessage("#ops", 2, "m2", "server", HOSTILE, 0, action=HOSTILE, subject=HOSTILE, content=HOSTILE),
        packets.Edited("#ops", 3, "m3", HOSTILE, HOSTILE, 9, target="m1", content=HOSTILE),
        packets.Reaction("#ops", 4, "m4", HOSTILE, HOSTILE, 0, target="m1", emoji=HOSTILE, removed=False),
    )
    raw = reduce(raw, events.Skipped("#ops", 5, 6, HOSTILE))
    raw = reduce(raw, events.TypingReceived("#ops", HOSTILE, 5))
    shown = repr([*ops(raw).timeline, ops(raw).title, ops(raw).topic, ops(raw).role, ops(raw).typing, raw.people])
    names = {person.display_name for person in raw.people.values()}

    assert not set(shown) & {"\x1b", "\x9b", "\u202e"}
    assert "\\x1b" not in shown
    assert "\\u202e" not in shown
    assert "\\x9b" not in shown
    assert Safe("eve") not in names


def test_reaction_before_its_message_is_loaded() -> None:
    """A reaction waits for the history page that brings its message, also one that was taken back."""
    state = start(last_seq=10, cursor=10)
    state = arrive(state, reaction(11, "m3"), reaction(12, "m3", sender="eve"), reaction(13, "m3", removed=True))
    page = tuple(message(seq) for seq in range(1, 11))
    state = reduce(state, events.HistoryLoaded("#ops", (*page[:5], reaction(6, "m3")), 1, 10, False))
    found = ops(state).timeline.by_seq(3)
    assert isinstance(found, Message)
    assert [(count.emoji, count.users) for count in found.reactions] == [("👍", ("eve",))]
    assert ops(state).loose == {}


def test_deletion_erases() -> None:
    """A deleted message has no content and no reactions left; a later edit does not bring it back."""
    state = arrive(start(), message(1), reaction(2, "m1"))
    state = arrive(state, packets.Deleted("#ops", 3, "d", "bob", "bob", 0, target="m1"))
    state = arrive(state, packets.Edited("#ops", 4, "e", "bob", "bob", 9, target="m1", content="back"))
    assert (line(state).deleted, line(state).content, line(state).reactions) == (True, "", ())


def test_history_shows_an_edit_as_it_stands() -> None:
    """An older ``edited`` in a page does not undo a newer one (protocol.md 3)."""
    newest = message(1, content="third", edited_at=30)
    older = packets.Edited("#ops", 2, "e", "bob", "bob", 20, target="m1", content="second")
    state = reduce(start(last_seq=3, cursor=3), events.HistoryLoaded("#ops", (newest, older), 1, 3, False))
    assert line(state).content == "third"


def test_own_message_leaves_the_queue_when_it_arrives() -> None:
    """Pending becomes sent in its place in the log, and tells how far it got."""
    waiting = Message(0, "mine", "me", Safe("Me"), Safe("hi"), 5, mine=True, status="pending")
    state = reduce(start(), events.MessageQueued("#ops", waiting))
    assert state.queued == 1
    state = arrive(state, message(1), packets.GroupMessage("#ops", 2, "mine", "me", "Me", 9, content="hi"))
    state = reduce(state, events.Acked("#ops", "mine", 2, 9, "partial", 3, 2))
    assert state.queued == 0
    assert (line(state).status, line(state).delivered, line(state).stored) == ("sent", 3, 2)
    assert ops(state).unread == 1


def test_repeat_of_what_was_passed_leaves_the_queue() -> None:
    """A duplicate ack of an event below the cursor whose page is not loaded settles the message (protocol.md 5)."""
    waiting = Message(0, "again", "me", Safe("Me"), Safe("hi"), 5, mine=True, status="pending")
    state = reduce(start(), events.MessageQueued("#ops", waiting))
    assert state.queued == 1
    acked = reduce(state, events.Acked("#ops", "again", ops(state).cursor, 1, "success", 1, 0))

    assert acked.queued == 0
    assert not ops(acked).timeline.pending


def test_somebody_elses_message_with_my_id_stays_theirs() -> None:
    """Only an own event takes an own message out of the queue."""
    waiting = Message(0, "m1", "me", Safe("Me"), Safe("hi"), 5, mine=True, status="pending")
    state = arrive(reduce(start(), events.MessageQueued("#ops", waiting)), message(1))
    assert state.queued == 1


def test_kicked_from_a_group_one_may_read_but_not_write() -> None:
    """A conversation that ended keeps its lines (protocol.md 4)."""
    state = arrive(start(), message(1))
    ended = packets.ConversationChanged("#ops", "Ops", 1, 1, 0, 1, 0, None, False)
    state = reduce(state, events.EntryChanged(ended))
    assert not ops(state).joined
    assert len(ops(state).timeline) == 1


def test_group_that_sync_does_not_name_is_left() -> None:
    """After ``synced`` a group that is missing there is not the user's any more."""
    state = reduce(start(), events.Synced("e", ()))
    assert ops(state).role is None


def test_read_here_but_not_told_yet_survives_a_sync() -> None:
    """What was read offline stays read although the server does not know it yet."""
    state = arrive(start(), *(message(seq) for seq in range(1, 6)))
    state = reduce(state, events.Shown("#ops", 1, 4))
    state = reduce(state, events.Synced("e", (entry(last_seq=5, cursor=5, read_seq=0, unread=5),)))
    assert (ops(state).read_seq, ops(state).unread) == (4, 1)


def test_notices_are_for_what_nobody_is_looking_at() -> None:
    """Mentions and private messages are announced unless muted, in focus, or not to be disturbed."""
    mention = message(1, mentions=("me",))
    assert [notice.kind for notice in arrive(start(), mention).notices] == ["mention"]
    assert arrive(start(), message(1)).notices == ()
    assert arrive(start(muted=True), mention).notices == ()
    assert arrive(reduce(start(), events.ConversationOpened("#ops")), mention).notices == ()
    assert arrive(reduce(start(), events.PresenceChosen("dnd", "")), mention).notices == ()
    away = reduce_all(start(), [events.ConversationOpened("#ops"), events.FocusChanged(False)])
    assert len(arrive(away, mention).notices) == 1


def test_notices_are_bounded() -> None:
    """Old notices fall off; numbers go on."""
    state = ClientState()
    for number in range(MAX_NOTICES + 10):
        state = reduce(state, events.NoticeAdded("info", Safe(str(number))))
    assert len(state.notices) == MAX_NOTICES
    assert state.notices[-1].number == state.last_notice == MAX_NOTICES + 10


def test_losing_the_link_forgets_presence_and_typing() -> None:
    """What only a connection can tell is unknown without one."""
    state = reduce_all(
        start(),
        [
            events.LinkChanged(Link("online")),
            events.PeopleListed((Person("bob", Safe("Bob"), "online"),)),
            events.TypingReceived("#ops", "bob", 10),
            events.LinkChanged(Link("offline")),
        ],
    )
    assert state.people["bob"].presence == "unknown"
    assert ops(state).typing == ()


def test_typing_ends_by_time_or_by_a_message() -> None:
    """Typing is shown until it expires or the message comes."""
    state = reduce(start(), events.TypingReceived("#ops", "bob", 10))
    assert ops(reduce(state, events.TypingExpired(9))).typing != ()
    assert ops(reduce(state, events.TypingExpired(10))).typing == ()
    assert ops(arrive(state, message(1))).typing == ()


def test_system_lines() -> None:
    """What happens to a group is a line of its own and not unread."""
    joined = packets.SystemMessage(
        "#ops", 1, "s1", "server", "server", 0, action="joined", subject="bob", content="bob joined"
    )
    state = arrive(start(), joined)
    assert isinstance(ops(state).timeline[0], SystemLine)
    assert ops(state).unread == 0


@pytest.mark.parametrize("name", ["#ops", "@bob"])
def test_unchanged_parts_are_the_same_objects(name: str) -> None:
    """A face compares with ``is``: another conversation's event does not touch this one."""
    state = reduce(start(), events.Synced("e", (entry(), entry(conversation="@bob"))))
    other = "@bob" if name == "#ops" else "#ops"
    kind = packets.GroupMessage if name == "#ops" else packets.PrivateMessage
    after = reduce(state, events.Arrived(name, (kind(name, 1, "x", "bob", "Bob", 0, content="x"),)))
    assert after.conversations[other] is state.conversations[other]
    assert reduce(after, events.FocusChanged(True)) is after
