"""What the line client tells, and what of it counts as read: from states that the real reducer made."""

from __future__ import annotations

from chat_client.core import events
from chat_client.core.events import Event
from chat_client.core.reduce import reduce_all
from chat_client.core.state import ClientState, Conversation, Link, Message
from chat_client.core.text import Safe
from chat_client.line.narrator import Narrator, Shown, Story, prompt
from chat_client.line.printer import Look, plain
from chat_protocol.packets import ConversationEntry, Deleted, Edited, GroupMessage, PrivateMessage, Reaction

ONLINE = events.LinkChanged(Link("online"))


def said(seq: int, text: str, *, place: str = "#ops", sender: str = "bob", mentions: tuple[str, ...] = ()) -> Event:
    """A message came."""
    kind = GroupMessage if place[0] == "#" else PrivateMessage
    fields = {"sender_name": sender, "content": text, "mentions": mentions, "timestamp": 0}
    event = kind(conversation=place, seq=seq, message_id=f"m{place}{seq}", sender=sender, **fields)  # type: ignore[arg-type]
    return events.Arrived(place, (event,))


def entry(place: str, last_seq: int, cursor: int, unread: int = 0, mentions: int = 0) -> ConversationEntry:
    """Where a conversation stands, as the server tells it."""
    read_seq = last_seq - unread
    return ConversationEntry(place, "", last_seq, cursor, read_seq, unread, mentions, "member", False)


class Stage:
    """A narrator and the states that it is told."""

    def __init__(self, *names: str, current: str | None = "#ops", synced: bool = True, echoes: bool = True) -> None:
        known = {name: Conversation(name, "group", role="member") for name in names or ("#ops", "#dev")}
        self.state = ClientState(
            me="me", epoch="e", conversations=known, current=current, link=Link("online", synced=synced)
        )
        self.narrator = Narrator(self.state, Look(time_format="T"), echoes=echoes)

    def tell(self, *happened: Event) -> Story:
        """What is told when this happened."""
        self.state = reduce_all(self.state, happened)
        return self.narrator.tell(self.state)

    def lines(self, *happened: Event) -> list[str]:
        """Its lines."""
        return [plain(line) for line in self.tell(*happened).lines]


def test_live_messages_are_told_everywhere_but_read_only_where_one_is() -> None:
    """Elsewhere a message has its conversation before it and stays unread."""
    story = Stage().tell(said(1, "here"), said(1, "there", place="#dev"))
    assert [plain(line) for line in story.lines] == ["T ^1 bob: here", "T #dev ^1 bob: there"]
    assert story.shown == [Shown("#ops", 1, 1)]


def test_nothing_is_told_twice() -> None:
    """The same state again, and a page of older messages, are no news."""
    stage = Stage()
    assert stage.lines(said(1, "one")) == ["T ^1 bob: one"]
    assert stage.lines() == []
    fresh = Stage()
    older = reduce_all(ClientState(me="me"), [said(5, "old")]).conversations["#ops"].timeline
    page = events.HistoryLoaded("#ops", (), 1, 4)
    assert fresh.lines(said(5, "new")) == ["T ^5 bob: new"]
    assert fresh.lines(page) == []
    assert len(older) == 1


def test_a_muted_conversation_is_silent() -> None:
    """Unless it is the open one."""
    stage = Stage()
    stage.tell(events.MutedChanged("#dev", True), events.MutedChanged("#ops", True))
    assert stage.lines(said(1, "x", place="#dev"), said(1, "y")) == ["T ^1 bob: y"]


def test_what_was_missed_is_one_line_each_but_for_the_open_conversation() -> None:
    """After a connection comes back: a summary of the others, all of the open one."""
    stage = Stage("#ops", "#dev", "#off", synced=False)
    synced = events.Synced("e", (entry("#ops", 2, 0, 2), entry("#dev", 9, 0, 9, 1), entry("#off", 3, 3)))
    told = stage.lines(ONLINE, synced, said(1, "a"), said(2, "b"), said(1, "x", place="#dev"))
    assert told[0] == "— 9 new in #dev since you left, 1 of them mentions you —"
    assert told[1] == "— 2 new in #ops since you left —"
    assert told[2:] == ["T ^1 bob: a", "T ^2 bob: b"]
    assert stage.lines(said(2, "y", place="#dev")) == []
    later = [said(seq, "z", place="#dev") for seq in range(3, 11)]
    assert stage.lines(*later) == ["T #dev ^10 bob: z"]


def test_changes_of_shown_messages() -> None:
    """Edits, reactions and deletions are told as what they are."""
    stage = Stage()
    stage.tell(said(1, "one"))
    common = {"conversation": "#ops", "sender": "bob", "sender_name": "bob", "timestamp": 1, "target": "m#ops1"}
    edited = Edited(seq=2, message_id="e2", content="two", **common)  # type: ignore[arg-type]
    reacted = Reaction(seq=3, message_id="e3", emoji="👍", removed=False, **common)  # type: ignore[arg-type]
    deleted = Deleted(seq=4, message_id="e4", **common)  # type: ignore[arg-type]
    assert stage.lines(events.Arrived("#ops", (edited,))) == ["* the message of bob ^1 was edited: two"]
    assert stage.lines(events.Arrived("#ops", (reacted,))) == ["* @bob reacted 👍 to the message of bob ^1 “two”"]
    story = stage.tell(events.Arrived("#ops", (deleted,)))
    assert [plain(line) for line in story.lines] == ["* the message of bob ^1 was deleted"]
    assert story.shown == [Shown("#ops", 4, 4)]


def queued(text: str, status: str = "pending", reason: str = "") -> Event:
    """The user sent something."""
    message = Message(0, "own", "me", Safe("me"), Safe(text), 0, mine=True, status=status, reason=Safe(reason))  # type: ignore[arg-type]
    return events.MessageQueued("#ops", message)


def own(text: str) -> Event:
    """It stands in the log."""
    event = GroupMessage(conversation="#ops", seq=1, message_id="own", sender="me", sender_name="me", content=text,
                         mentions=(), timestamp=0)  # fmt: skip
    return events.Arrived("#ops", (event,))


def test_own_messages_are_told_when_they_are_sent() -> None:
    """With a connection once, from the log; without, also that they wait."""
    online = Stage()
    assert online.lines(queued("hi")) == []
    assert online.lines(own("hi")) == ["T ^1 you: hi"]
    silent = Stage(echoes=False)
    assert silent.lines(queued("hi"), own("hi")) == ["^1 sent"]
    offline = Stage(synced=False)
    assert offline.lines(queued("hi")) == ["T you, not sent yet (waiting for a connection): hi"]
    assert offline.lines() == []
    assert offline.lines(own("hi")) == ["T ^1 you, sent now: hi"]


def test_failed_and_refused_for_now() -> None:
    """The reason stands beside the text, once."""
    stage = Stage()
    stage.tell(queued("hi"))
    waits = events.MessageWaits("#ops", "own", Safe("too fast"))
    assert stage.lines(waits) == ["T you, not sent yet (too fast): hi"]
    failed = events.MessageFailed("#ops", "own", Safe("no"))
    assert stage.lines(failed) == ["T you, NOT SENT (no; /retry or /discard): hi"]
    assert stage.lines(failed) == []


def test_the_connection_in_words() -> None:
    """Each state once, with what is queued; attempts are silent."""
    stage = Stage()
    away = Link("offline", Safe("nobody answers"), "unreachable", 5)
    lines = stage.lines(events.LinkChanged(away), queued("hi"))
    assert lines[0] == "— offline: nobody answers; it is tried again; 1 message of yours waits to be sent —"
    assert stage.lines(events.LinkChanged(Link("connecting")), events.LinkChanged(away)) == []
    assert stage.lines(ONLINE, events.Synced("e", ())) == ["— online again; 1 message of yours waits to be sent —"]
    refused = events.LinkChanged(Link("refused", Safe("log in again"), "bad_credentials"))
    assert stage.lines(refused)[0] == "— not connected: log in again —"


def test_a_visit_shows_what_is_new_and_reads_only_that() -> None:
    """Opening shows the end with the line above what is new; what lies before it is not marked as read."""
    stage = Stage(current=None)
    stage.tell(*[said(seq, f"t{seq}") for seq in range(1, 61)], events.ReadReceived("#ops", "me", 57))
    stage.state = reduce_all(stage.state, [events.ConversationOpened("#ops")])
    story = stage.narrator.visit(stage.state.conversations["#ops"], 5)
    assert [plain(line) for line in story.lines] == [
        "— #ops —",
        "T ^56 bob: t56",
        "T ^57 bob: t57",
        "— 3 new —",
        "T ^58 bob: t58",
        "T ^59 bob: t59",
        "T ^60 bob: t60",
    ]
    assert story.shown == [Shown("#ops", 56, 60)]


def test_the_prompt() -> None:
    """Where one is, and where something is unread: mentions first, no more than three names."""
    stage = Stage("#ops", "#a", "#b", "#c", "#d")
    assert plain(prompt(stage.state)) == "#ops> "
    stage.tell(
        *[said(1, "x", place=place) for place in ("#a", "#b", "#c")], said(1, "@me", place="#d", mentions=("me",))
    )
    assert plain(prompt(stage.state)) == "#ops [#d 1 @1, #a 1, #b 1, 1 more]> "
    stage.tell(events.LinkChanged(Link("offline")), queued("hi"))
    assert plain(prompt(stage.state)).startswith("#ops (offline, 1 queued) [#d")
    assert plain(prompt(ClientState(link=Link("connecting")))) == "no conversation (connecting)> "
