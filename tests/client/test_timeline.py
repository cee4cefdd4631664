"""The persistent sequence of lines."""

from hypothesis import given
from hypothesis import strategies as st

from chat_client.core.text import Safe
from chat_client.core.timeline import CHUNK, Gap, Line, Message, Timeline


def line(seq: int, content: str = "x") -> Message:
    """A message at a place."""
    return Message(seq, f"m{seq}", "bob", Safe("Bob"), Safe(content), seq)


def ascending(seqs: set[int]) -> list[Line]:
    """Messages in log order."""
    return [line(seq) for seq in sorted(seqs)]


PAGES = st.lists(st.sets(st.integers(1, 900), max_size=300), max_size=8)


@given(PAGES)
def test_it_is_the_sorted_union_of_what_was_put(pages: list[set[int]]) -> None:
    """Whatever order pages come in, lines stand in log order, once each, and can be found."""
    timeline = Timeline()
    for page in pages:
        timeline = timeline.put(ascending(page))
    expected = sorted(set().union(*pages))

    assert [entry.seq for entry in timeline] == expected
    assert len(timeline) == len(expected)
    assert [entry.seq for entry in reversed(timeline)] == expected[::-1]
    for index, seq in enumerate(expected):
        assert timeline.index_of(seq) == index
        found = timeline.by_id(f"m{seq}")
        assert found is not None
        assert found.seq == seq


@given(PAGES, st.integers(0, 7))
def test_splices_turn_the_old_into_the_new(pages: list[set[int]], at: int) -> None:
    """Applying the splices to the old lines gives the new lines, whatever lies between."""
    timelines = [Timeline()]
    for page in pages:
        timelines.append(timelines[-1].put(ascending(page)))
    old, new = timelines[min(at, len(timelines) - 1)], timelines[-1]
    lines = list(old)
    for splice in reversed(new.splices(old)):
        lines[splice.start : splice.start + splice.removed] = splice.added
    for splice in new.splices(old):
        assert list(new)[splice.new_start : splice.new_start + len(splice.added)] == list(splice.added)

    assert lines == list(new)


@given(PAGES)
def test_old_values_stay_as_they_were(pages: list[set[int]]) -> None:
    """A timeline is a value: what is put later does not show in it."""
    timeline = Timeline()
    seen: list[tuple[Timeline, list[Line]]] = []
    for page in pages:
        timeline = timeline.put(ascending(page))
        seen.append((timeline, list(timeline)))

    assert all(list(value) == lines for value, lines in seen)


@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 60), st.integers(0, 60))
def test_a_page_takes_its_part_out_of_a_gap(low: int, size: int, first: int, count: int) -> None:
    """A covered range leaves what is outside of it as smaller gaps."""
    gap = Gap(low, low + size, "limit")
    last = first + count
    timeline = Timeline().put([gap]).put([], (first, last))
    left = {seq for entry in timeline for seq in range(entry.first_seq, entry.seq + 1)}

    assert left == {seq for seq in range(low, low + size + 1) if not first <= seq <= last}


def test_replacing_touches_one_line() -> None:
    """An edit is a splice of one line."""
    timeline = Timeline().put([line(seq) for seq in range(1, 1_001)])
    changed = timeline.replace(line(500, "new"))
    splices = changed.splices(timeline)

    assert [(splice.start, splice.removed, len(splice.added)) for splice in splices] == [(499, 1, 1)]


def test_pending_messages_stand_last() -> None:
    """An own message is last until it has its place in the log."""
    mine = Message(0, "mine", "me", Safe("Me"), Safe("hi"), 5, mine=True, status="pending")
    timeline = Timeline().put([line(1)]).with_pending((mine,)).put([line(2)])

    assert [entry.seq for entry in timeline] == [1, 2, 0]
    assert timeline.by_id("mine") is mine
    assert timeline[-1] is mine
    assert timeline.without_pending("mine").pending == ()


def test_before_and_after_walk_from_a_place() -> None:
    """Walking starts in the middle without touching the rest."""
    timeline = Timeline().put([line(seq) for seq in range(1, 3 * CHUNK)])

    assert next(timeline.after(300)).seq == 301
    assert next(timeline.before(300)).seq == 299
    assert [entry.seq for entry in timeline.tail(2)] == [3 * CHUNK - 2, 3 * CHUNK - 1]


@given(st.integers(0, 1_500), st.integers(1, 1_500))
def test_the_newest_lines_stay(total: int, count: int) -> None:
    """At least as many as asked for, less than a chunk more, whole and found by id; the others are not."""
    timeline = Timeline().put(ascending(set(range(1, total + 1))))
    kept = timeline.newest(count)
    seqs = [each.seq for each in kept]
    assert seqs == list(range(total - len(seqs) + 1, total + 1))
    assert min(count, total) <= len(kept) < count + CHUNK
    assert all((kept.by_id(f"m{seq}") is not None) == (seq in set(seqs)) for seq in range(1, total + 1, 97))
