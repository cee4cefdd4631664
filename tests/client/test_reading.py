"""What was not shown is never marked as read."""

from hypothesis import given, settings
from hypothesis import strategies as st

from chat_client.core import events
from chat_client.core.reduce import reduce, reduce_all
from chat_client.core.state import ClientState, Conversation, Gap, Message
from chat_protocol import packets


def message(seq: int, sender: str = "bob", content: str = "x", **more: object) -> packets.GroupMessage:
    """An event of #ops."""
    return packets.GroupMessage("#ops", seq, f"m{seq}", sender, sender, seq, content=content, **more)  # type: ignore[arg-type]


def entry(**fields: object) -> packets.ConversationEntry:
    """An entry of ``synced``."""
    known = {
        "conversation": "#ops", "title": "Ops", "last_seq": 0, "cursor": 0, "read_seq": 0, "unread": 0, "mentions": 0,
        "role": "member", "muted": False,
    }  # fmt: skip
    return packets.ConversationEntry(**{**known, **fields})  # type: ignore[arg-type]


def start(**fields: object) -> ClientState:
    """A state that is synced with #ops."""
    return reduce(ClientState(me="me"), events.Synced("e", (entry(**fields),)))


def ops(state: ClientState) -> Conversation:
    """The conversation #ops."""
    return state.conversations["#ops"]


def test_the_line_counts_all_that_came_while_nobody_looked() -> None:
    """One by one or together, "n new" is how many there are below the line; what came before the last look is not."""
    state = arrive(reduce(start(), events.ConversationOpened("#ops")), message(1))
    state = reduce(state, events.Shown("#ops", 1, 1))
    for first, last in ((2, 4), (5, 6)):
        state = reduce(state, events.FocusChanged(False))
        for seq in range(first, last + 1):
            state = arrive(state, message(seq))
            assert (ops(state).new_from, ops(state).new_count) == (first, seq - first + 1)
        state = reduce(state, events.FocusChanged(True))
        state = reduce(state, events.Shown("#ops", first, last))
        assert ops(state).unread == 0
        assert ops(state).new_from == first  # it stays until the user leaves or writes


def arrive(state: ClientState, *entries: packets.LogEvent) -> ClientState:
    """The state after events of #ops."""
    return reduce(state, events.Arrived("#ops", entries))


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("bob"), st.just(0), st.just(0)),
        st.tuples(st.just("me"), st.just(0), st.just(0)),
        st.tuples(st.just("reaction"), st.just(0), st.just(0)),
        st.tuples(st.just("skip"), st.integers(1, 5), st.just(0)),
        st.tuples(st.just("shown"), st.integers(0, 40), st.integers(0, 12)),
        st.tuples(st.just("elsewhere"), st.integers(0, 40), st.just(0)),
        st.tuples(st.just("open"), st.just(0), st.just(0)),
        st.tuples(st.just("leave"), st.just(0), st.just(0)),
        st.tuples(st.just("sync"), st.just(0), st.just(0)),
        st.tuples(st.just("focus"), st.integers(0, 1), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=400, deadline=None)
@given(ACTIONS)
def test_never_marks_what_was_not_shown(actions: list[tuple[str, int, int]]) -> None:  # noqa: C901, PLR0912
    """The marker passes a message of others only if it was shown or read elsewhere; counts agree."""
    state = start()
    shown: set[int] = set()
    others: set[int] = set()
    elsewhere = 0
    for action, number, size in actions:
        before = ops(state)
        following = before.cursor + 1
        match action:
            case "bob" | "me":
                state = arrive(state, message(following, action))
                if action == "bob":
                    others.add(following)
            case "reaction" if following > 1:
                reaction = packets.Reaction(
                    "#ops", following, f"r{following}", "bob", "bob", 0, target="m1", emoji="x", removed=False
                )
                state = arrive(state, reaction)
            case "skip":
                state = reduce(state, events.Skipped("#ops", following, following + number - 1, "limit"))
                others.update(range(following, following + number))
            case "shown":
                state = reduce(state, events.Shown("#ops", number, number + size))
                loaded = {line.seq for line in before.timeline if not isinstance(line, Gap)}
                shown.update(loaded & set(range(number, number + size + 1)))
            case "elsewhere":
                elsewhere = max(elsewhere, min(number, before.last_seq))
                state = reduce(state, events.ReadReceived("#ops", "me", min(number, before.last_seq)))
            case "open":
                state = reduce(state, events.ConversationOpened("#ops"))
            case "leave":
                state = reduce(state, events.ConversationOpened(None))
            case "focus":
                state = reduce(state, events.FocusChanged(bool(number)))
            case "sync":
                fields = {"last_seq": before.last_seq, "cursor": before.cursor, "read_seq": elsewhere}
                unread = len([seq for seq in others if seq > elsewhere])
                state = reduce(state, events.Synced("e", (entry(**fields, unread=unread),)))
            case _:
                pass
        after = ops(state)
        assert after.read_seq >= before.read_seq
        passed = {seq for seq in others if seq <= after.read_seq}
        assert passed <= shown | set(range(elsewhere + 1))
        gaps = [line for line in after.timeline.after(after.read_seq) if isinstance(line, Gap)]
        if not gaps:
            assert after.unread == len([seq for seq in others if seq > after.read_seq])
        if after.read_seq >= after.last_seq:
            assert after.unread == 0


def test_marker_follows_what_was_shown_without_a_hole() -> None:
    """Seeing the end does not read the middle; seeing the middle then reads all."""
    state = arrive(start(), *(message(seq) for seq in range(1, 11)))
    state = reduce(state, events.Shown("#ops", 8, 10))
    assert (ops(state).read_seq, ops(state).unread) == (0, 10)
    state = reduce(state, events.Shown("#ops", 1, 4))
    assert (ops(state).read_seq, ops(state).unread) == (4, 6)
    state = reduce(state, events.Shown("#ops", 4, 8))
    assert (ops(state).read_seq, ops(state).unread) == (10, 0)
    assert ops(state).seen == ()


def test_a_gap_stops_the_marker_until_it_is_read_by_word() -> None:
    """What is in a gap was not shown; /read says that it need not be."""
    state = reduce(start(last_seq=300, unread=300), events.Skipped("#ops", 1, 299, "limit"))
    state = arrive(state, message(300))
    state = reduce(state, events.Shown("#ops", 300, 300))
    assert (ops(state).read_seq, ops(state).unread) == (0, 300)
    state = reduce(state, events.MarkedRead("#ops"))
    assert (ops(state).read_seq, ops(state).unread) == (300, 0)


def test_the_line_stands_until_read_and_written() -> None:
    """The "n new" line is above the first unread message of the visit, also after reading; writing ends it."""
    state = arrive(start(), message(1), message(2), message(3))
    state = reduce(state, events.ConversationOpened("#ops"))
    assert (ops(state).new_from, ops(state).new_count) == (1, 3)
    state = reduce(state, events.Shown("#ops", 1, 3))
    assert (ops(state).unread, ops(state).new_from) == (0, 1)
    mine = Message(0, "mine", "me", ops(state).title, ops(state).title, 5, mine=True, status="pending")
    state = reduce(state, events.MessageQueued("#ops", mine))
    assert ops(state).new_from is None


def test_writing_before_reading_keeps_the_line() -> None:
    """An answer given while something is unread does not hide what is unread."""
    state = arrive(start(), message(1), message(2))
    state = reduce(state, events.ConversationOpened("#ops"))
    mine = Message(0, "mine", "me", ops(state).title, ops(state).title, 5, mine=True, status="pending")
    state = reduce(state, events.MessageQueued("#ops", mine))
    assert ops(state).new_from == 1
    state = reduce(state, events.Shown("#ops", 1, 2))
    assert ops(state).new_from is None


def test_leaving_and_returning_moves_the_line() -> None:
    """Another visit has a line of its own, or none."""
    state = arrive(start(), message(1))
    state = reduce_all(state, [events.ConversationOpened("#ops"), events.Shown("#ops", 1, 1)])
    state = reduce_all(state, [events.ConversationOpened(None), events.ConversationOpened("#ops")])
    assert ops(state).new_from is None
    state = reduce(state, events.ConversationOpened(None))
    state = arrive(state, message(2), message(3))
    state = reduce(state, events.ConversationOpened("#ops"))
    assert (ops(state).new_from, ops(state).new_count) == (2, 2)


def test_what_comes_while_looking_draws_no_line() -> None:
    """New messages in the open conversation are simply there; while the user looks away they get a line."""
    state = reduce(arrive(start(), message(1)), events.ConversationOpened("#ops"))
    state = reduce_all(state, [events.Shown("#ops", 1, 1), events.ConversationOpened(None)])
    state = arrive(reduce(state, events.ConversationOpened("#ops")), message(2))
    assert ops(state).new_from is None
    state = reduce_all(state, [events.Shown("#ops", 2, 2), events.FocusChanged(False)])
    state = arrive(state, message(3), message(4))
    assert ops(state).new_from == 3


def test_line_appears_when_the_history_comes_later() -> None:
    """After a start from the cache the line is placed when the page with the first unread message is loaded."""
    saved = Conversation(name="#ops", kind="group", role="member", last_seq=9, cursor=9, loaded_from=10,
                         has_older=True, read_seq=4, unread=5)  # fmt: skip
    state = reduce(ClientState(me="me", conversations={"#ops": saved}), events.ConversationOpened("#ops"))
    assert ops(state).new_from is None
    page = events.HistoryLoaded("#ops", tuple(message(seq) for seq in range(1, 10)), 1, 9, False)
    assert ops(reduce(state, page)).new_from == 5


def test_what_was_missed_without_a_connection_is_new_in_the_open_conversation() -> None:
    """After a reconnect the line stands above what came meanwhile; what arrived and was not read yet draws none."""
    state = arrive(start(last_seq=1, cursor=0), message(1))
    state = reduce_all(state, [events.ConversationOpened("#ops"), events.Shown("#ops", 1, 1)])
    state = reduce(state, events.Synced("e", (entry(last_seq=4, cursor=1, read_seq=1, unread=3),)))
    state = arrive(state, message(2), message(3), message(4))
    assert (ops(state).new_from, ops(state).new_count) == (2, 3)

    state = arrive(start(last_seq=1, cursor=0), message(1))
    state = reduce_all(state, [events.ConversationOpened("#ops"), events.Shown("#ops", 1, 1)])
    state = arrive(state, message(2))
    state = reduce(state, events.Synced("e", (entry(last_seq=2, cursor=2, read_seq=1, unread=1),)))
    assert ops(state).new_from is None


def test_what_has_not_arrived_is_unread_although_this_device_read_further_than_the_server_knows() -> None:
    """After a restart, with nothing loaded yet, a marker that is ahead of the server's hides nothing that is new."""
    restored = Conversation(name="#ops", kind="group", role="member", last_seq=4, cursor=4, loaded_from=5, read_seq=4)
    state = reduce(ClientState(me="me"), events.Restored("me", "Me", "", "e", (restored,), ()))  # type: ignore[arg-type]
    state = reduce(state, events.ConversationOpened("#ops"))
    state = reduce(state, events.Synced("e", (entry(last_seq=7, cursor=4, read_seq=2, unread=4, mentions=1),)))
    assert (ops(state).read_seq, ops(state).unread, ops(state).mentions) == (4, 3, 1)
    state = arrive(state, message(5), message(6), message(7))
    assert (ops(state).unread, ops(state).new_from, ops(state).new_count) == (3, 5, 3)
