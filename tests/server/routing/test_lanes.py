"""Priority lanes: order, fairness, and nothing lost (protocol.md 5)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chat_protocol.names import Kind
from chat_server.routing.lanes import LANE_OF, Lane, Lanes

Work = tuple[Lane, int, int]
WORK = st.lists(st.tuples(st.sampled_from(Lane), st.integers(1, 4)), max_size=200)


def filled(kinds: list[tuple[Lane, int]]) -> tuple[Lanes[Work], list[Work]]:
    """Lanes with work of these lanes and flows, numbered in the order of coming."""
    lanes: Lanes[Work] = Lanes()
    work = [(lane, flow, number) for number, (lane, flow) in enumerate(kinds)]
    for each in work:
        lanes.push(each[0], each[1], each)
    return lanes, work


def emptied(lanes: Lanes[Work], most: int) -> list[list[Work]]:
    """Everything, turn by turn."""
    turns = []
    while lanes:
        turns.append(lanes.take(most))
    return turns


@given(WORK, st.integers(1, 60))
def test_nothing_is_lost(kinds: list[tuple[Lane, int]], most: int) -> None:
    """Everything that waits is taken once, at most so much in a turn, and always something (protocol.md 5)."""
    lanes, work = filled(kinds)
    turns = emptied(lanes, most)

    assert sorted(each for turn in turns for each in turn) == sorted(work)
    assert all(1 <= len(turn) <= most for turn in turns)
    assert len(lanes) == 0


@given(WORK, st.integers(1, 60))
def test_order_of_a_conversation(kinds: list[tuple[Lane, int]], most: int) -> None:
    """Within a conversation the order never changes (protocol.md 5)."""
    lanes, work = filled(kinds)
    taken = [each for turn in emptied(lanes, most) for each in turn]

    for flow in {each[:2] for each in work}:
        assert [each for each in taken if each[:2] == flow] == [each for each in work if each[:2] == flow]


@given(WORK, st.integers(1, 60))
def test_priority_within_a_turn(kinds: list[tuple[Lane, int]], most: int) -> None:
    """In each turn system comes first, then private, group and broadcast (protocol.md 5)."""
    lanes, _ = filled(kinds)
    for turn in emptied(lanes, most):
        order = [each[0] for each in turn]
        assert order == sorted(order)


@given(st.integers(8, 100), st.sampled_from(list(Lane)[:-1]), st.sampled_from(Lane))
def test_no_lane_starves(most: int, busy: Lane, waiting: Lane) -> None:
    """A lane that waits behind one that is always full gets its share of every turn (protocol.md 5)."""
    lanes: Lanes[Lane] = Lanes()
    for _ in range(5):
        for _ in range(most * 2):
            lanes.push(busy, 1, busy)
        lanes.push(waiting, 2, waiting)
        assert waiting in lanes.take(most)


@given(st.integers(8, 64))
def test_busy_conversation_does_not_delay_others(most: int) -> None:
    """Conversations of a lane take turns: what comes last into an idle one is not last (protocol.md 5)."""
    lanes: Lanes[str] = Lanes()
    for _ in range(1000):
        lanes.push(Lane.GROUP, 1, "busy")
    lanes.push(Lane.GROUP, 2, "idle")

    assert "idle" in [*lanes.take(most), *lanes.take(most), *lanes.take(most)]


@given(WORK, st.integers(1, 60))
def test_depths(kinds: list[tuple[Lane, int]], most: int) -> None:
    """The depth of each lane is what waits in it (protocol.md 6, stats)."""
    lanes, work = filled(kinds)
    taken = set(lanes.take(most)) if work else set()
    left = [each for each in work if each not in taken]

    assert [lanes.depth(lane) for lane in Lane] == [sum(each[0] is lane for each in left) for lane in Lane]
    assert len(lanes) == len(left)


def test_every_conversation_has_a_lane() -> None:
    """System, then private, then group, then broadcast (protocol.md 5)."""
    order = sorted(Kind, key=lambda kind: LANE_OF[kind])

    assert order == [Kind.NOTIFICATIONS, Kind.PRIVATE, Kind.GROUP, Kind.ANNOUNCEMENTS]
