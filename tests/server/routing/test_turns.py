"""Who is taken up next: a flood delays the others by one turn."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from chat_server.routing.turns import QUANTUM, Turns


class Crowd:
    """Senders with requests; ``taken`` is the order in which these were taken up."""

    def __init__(self, requests: dict[str, int]) -> None:
        self.waiting = {sender: deque(range(count)) for sender, count in requests.items()}
        self.taken: list[tuple[str, int]] = []
        self.turns: Turns[str] = Turns()
        for sender in requests:
            self.turns.add(sender)

    def take_up(self, sender: str, most: int) -> int:
        """Take up what there is."""
        waiting = self.waiting[sender]
        count = min(most, len(waiting))
        self.taken += [(sender, waiting.popleft()) for _ in range(count)]
        return count


def test_a_flood_delays_by_one_turn() -> None:
    """Whoever has one request waits for one turn of the flood."""
    crowd = Crowd({"flood": 1_000, "one": 1, "two": 1})
    crowd.turns.serve(crowd.take_up, 10_000)
    assert crowd.taken.index(("one", 0)) == QUANTUM
    assert crowd.taken.index(("two", 0)) == QUANTUM + 1
    assert not crowd.turns


def test_a_stop_keeps_the_order_of_turns() -> None:
    """Where serving stops, it goes on with the next sender, and with whoever comes behind them."""
    crowd = Crowd({"a": 3 * QUANTUM, "b": 3 * QUANTUM})
    crowd.turns.serve(crowd.take_up, QUANTUM)
    assert {sender for sender, _ in crowd.taken} == {"a"}
    crowd.waiting["c"] = deque([0])
    crowd.turns.add("c")
    crowd.turns.serve(crowd.take_up, 2 * QUANTUM + 1)
    assert [sender for sender, _ in crowd.taken[QUANTUM:]] == ["b"] * QUANTUM + ["a"] * QUANTUM + ["c"]
    assert crowd.turns


@given(
    st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.integers(0, 200), max_size=12), st.integers(1, 300)
)
def test_everything_once_in_order_and_nobody_far_ahead(requests: dict[str, int], most: int) -> None:
    """All is taken up, each sender's in order, and while two have something neither gets two turns more."""
    crowd = Crowd(requests)
    while crowd.turns:
        before = len(crowd.taken)
        crowd.turns.serve(crowd.take_up, most)
        assert len(crowd.taken) - before < most + QUANTUM
    for sender, count in requests.items():
        assert [number for name, number in crowd.taken if name == sender] == list(range(count))
    got = dict.fromkeys(requests, 0)
    for sender, _ in crowd.taken:
        got[sender] += 1
        others = [got[other] for other in requests if got[other] < requests[other]]
        assert got[sender] <= min(others, default=got[sender]) + 2 * QUANTUM
