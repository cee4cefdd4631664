"""Each event once and in order, whatever comes how often."""

import random

from hypothesis import given
from hypothesis import strategies as st

from chat_client.core.events import Arrived, Skipped
from chat_client.core.sequence import Sequence
from chat_protocol.packets import GroupMessage, LogEvent


def event(seq: int) -> GroupMessage:
    """An event of #ops."""
    return GroupMessage("#ops", seq, f"m{seq}", "bob", "Bob", seq, content=str(seq))


def seqs(out: list[Arrived | Skipped]) -> list[int]:
    """The places that were let through, shown or skipped."""
    found: list[int] = []
    for item in out:
        if isinstance(item, Arrived):
            found += [entry.seq for entry in item.events]
        else:
            found += range(item.first_seq, item.last_seq + 1)
    return found


@given(st.integers(1, 40), st.integers(0, 10), st.randoms(use_true_random=False), st.floats(0, 0.6))
def test_any_order_any_repeats(count: int, start: int, rng: random.Random, loss: float) -> None:
    """Shuffled, repeated and lost events come out once, ascending, without a hole; what is lost is asked for."""
    log = [event(seq) for seq in range(1, count + 1)]
    sequence = Sequence("#ops", min(start, count))
    sent = [entry for entry in log * 2 if rng.random() >= loss]
    rng.shuffle(sent)
    out: list[int] = []
    for entry in sent:
        out += seqs(sequence.take([entry]))
    while (after := sequence.hole()) is not None:
        sequence.is_asking = True
        page = log[after : after + 5]
        out += seqs(sequence.answer(page, after + 5 < len(log)))
    highest = max([entry.seq for entry in sent if entry.seq > min(start, count)], default=min(start, count))

    assert out == list(range(min(start, count) + 1, sequence.cursor + 1))
    assert sequence.cursor >= highest


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 10)), max_size=10), st.randoms(use_true_random=False))
def test_skips_close_holes(ranges: list[tuple[int, int]], rng: random.Random) -> None:
    """Announced holes are passed once, also overlapping and early ones."""
    sequence = Sequence("#ops", 0)
    covered = {seq for first, size in ranges for seq in range(first, first + size + 1)}
    missing = [seq for seq in range(1, 45) if seq not in covered]
    work: list[tuple[str, int, int]] = [("skip", first, first + size) for first, size in ranges]
    work += [("event", seq, seq) for seq in missing]
    rng.shuffle(work)
    out: list[int] = []
    for kind, first, last in work:
        out += seqs(sequence.skip(first, last, "limit") if kind == "skip" else sequence.take([event(first)]))

    assert out == list(range(1, 45))


def test_what_history_leaves_out_is_not_visible() -> None:
    """A hole that history does not know is passed as not visible (protocol.md 4)."""
    sequence = Sequence("#ops", 2)
    assert sequence.take([event(6)]) == []
    assert sequence.hole() == 2
    sequence.is_asking = True
    assert sequence.hole() is None
    page: list[LogEvent] = [event(4)]
    out = sequence.answer(page, False)

    assert out == [
        Skipped("#ops", 3, 3, "not_visible"),
        Arrived("#ops", (event(4),)),
        Skipped("#ops", 5, 5, "not_visible"),
        Arrived("#ops", (event(6),)),
    ]
