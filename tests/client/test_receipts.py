"""What is told to the server, and how often."""

from hypothesis import given
from hypothesis import strategies as st

from chat_client.core import events
from chat_client.core.receipts import MAX_DELAY_MS, MAX_EVENTS, Coalesced, ReadMarkers, TypingLimit
from chat_client.core.state import Conversation
from chat_protocol.packets import Received, Typing


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 60)), max_size=60))
def test_received_is_rare_and_complete(steps: list[tuple[int, int]]) -> None:
    """At most one for 64 events or 100 ms, only forward, and in the end all is told."""
    coalesced = Coalesced()
    seq = now_ms = 0
    told: list[tuple[int, int]] = []
    for more, wait_ms in steps:
        seq += more
        now_ms += wait_ms
        coalesced.stored("#ops", seq, now_ms)
        told += [(packet.seq, now_ms) for packet in coalesced.due(now_ms)]
    due_ms = coalesced.next_due_ms()
    if due_ms is not None:
        told += [(packet.seq, due_ms) for packet in coalesced.due(due_ms)]

    assert [entry[0] for entry in told] == sorted({entry[0] for entry in told})
    assert (told[-1][0] if told else 0) == seq
    assert len(told) <= seq // MAX_EVENTS + now_ms // MAX_DELAY_MS + 1


def test_received_does_not_go_back() -> None:
    """What was told once is not told again (protocol.md 4)."""
    coalesced = Coalesced()
    coalesced.stored("#ops", 100, 0)
    assert coalesced.due(0) == [Received("#ops", 100)]
    coalesced.stored("#ops", 90, 1)
    assert (coalesced.due(1_000), coalesced.next_due_ms()) == ([], None)


def test_typing_is_limited_per_conversation() -> None:
    """Once in 3 s; a sent message begins anew."""
    limit = TypingLimit()
    assert limit.typing("#ops", 0) == Typing("#ops")
    assert limit.typing("#ops", 2_999) is None
    assert limit.typing("@bob", 2_999) is not None
    assert limit.typing("#ops", 3_000) is not None
    limit.sent("#ops")
    assert limit.typing("#ops", 3_001) is not None


def test_read_markers_are_told_once() -> None:
    """What another device or the server said is known already."""
    markers = ReadMarkers()
    conversations = {"#ops": Conversation("#ops", "group", read_seq=5), "#dev": Conversation("#dev", "group")}
    assert markers.untold(conversations)
    assert markers.take(conversations) == [("#ops", 5)]
    assert markers.take(conversations) == []
    markers.note(events.ReadReceived("#dev", "me", 7), "me")
    markers.note(events.ReadReceived("#ops", "bob", 9), "me")
    conversations = {name: Conversation(name, "group", read_seq=7) for name in conversations}
    assert markers.take(conversations) == [("#ops", 7)]
