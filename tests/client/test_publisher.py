"""When those who draw are told that the state is another one."""

import asyncio
from collections.abc import Iterator
from itertools import pairwise

import msgspec
import pytest

from chat_client.core.publisher import INTERVAL_S, TYPING_INTERVAL_S, Publisher
from chat_client.core.state import ClientState


class Clocked(asyncio.SelectorEventLoop):
    """A loop whose time goes on only when nothing is left to do: what is due next is due now."""

    now_s = 100.0

    def time(self) -> float:
        return self.now_s

    def run_for(self, seconds: float) -> None:
        """Do all that is due within a time."""
        until = self.now_s + seconds
        while True:
            self.run_until_complete(asyncio.sleep(0))
            due = [handle.when() for handle in self._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
            if not due or min(due) > until:
                break
            self.now_s = max(self.now_s, min(due))
        self.now_s = until


class Watched:
    """A publisher, and when it told what."""

    def __init__(self, loop: Clocked) -> None:
        self.loop = loop
        self.told: list[tuple[float, str]] = []
        self.publisher = Publisher(ClientState())
        self.publisher.subscribe(lambda state: self.told.append((loop.now_s - 100.0, state.me)))

    def put(self, name: str, *, is_own: bool = False, is_typed: bool = False) -> None:
        async def put() -> None:
            state = msgspec.structs.replace(ClientState(), me=name)
            self.publisher.put(state, is_own=is_own, is_typed=is_typed)

        self.loop.run_until_complete(put())

    def flood(self, seconds: float) -> None:
        """200 changes a second by others."""
        for number in range(int(seconds * 200)):
            self.put(f"flood {number}")
            self.loop.run_for(0.005)


@pytest.fixture
def watched() -> Iterator[Watched]:
    """Something that draws."""
    loop = Clocked()
    yield Watched(loop)
    loop.close()


def test_a_change_after_quiet_is_told_at_once(watched: Watched) -> None:
    """Nobody waits for what comes alone."""
    watched.put("one")
    watched.loop.run_for(0)
    assert watched.told == [(0.0, "one")]


def test_a_flood_is_told_at_the_pace_of_a_screen_and_its_last_change_always(watched: Watched) -> None:
    """Many changes become few pictures, and the last of them is the newest state."""
    watched.flood(1.0)
    watched.loop.run_for(1.0)
    times = [at_s for at_s, _ in watched.told]
    assert 20 <= len(times) <= 31
    assert all(later - sooner >= INTERVAL_S - 1e-9 for sooner, later in pairwise(times))
    assert watched.told[-1][1] == "flood 199"


def test_while_the_user_types_a_flood_is_told_less_often(watched: Watched) -> None:
    """A letter seldom has to wait for a picture of what others write."""
    for _ in range(10):
        watched.put("letter", is_typed=True)
        watched.flood(0.1)
    times = [at_s for at_s, _ in watched.told]
    assert 1 / TYPING_INTERVAL_S - 1 <= len(times) <= 1 / TYPING_INTERVAL_S + 1
    assert all(later - sooner >= TYPING_INTERVAL_S - 1e-9 for sooner, later in pairwise(times))


def test_what_the_user_did_is_told_at_once_in_a_flood_and_so_is_the_answer(watched: Watched) -> None:
    """Enter shows the message, and its ack the mark gone, whatever else comes and however fast was typed before."""
    watched.flood(0.5)
    watched.put("letter", is_typed=True)
    watched.loop.run_for(0.002)
    at_s = watched.loop.now_s - 100.0
    watched.put("sent", is_own=True)
    watched.loop.run_for(0.004)
    watched.put("ack")
    watched.loop.run_for(0.001)
    assert [(round(told_s - at_s, 6), name) for told_s, name in watched.told if name in ("sent", "ack")] == [
        (0.0, "sent"),
        (0.004, "ack"),
    ]


def test_closing_tells_the_last_state(watched: Watched) -> None:
    """What was put last is drawn even if the program ends in the same moment."""
    watched.put("one")
    watched.loop.run_for(0)
    watched.put("two")
    watched.loop.run_until_complete(_close(watched.publisher))
    assert [name for _, name in watched.told] == ["one", "two"]


async def _close(publisher: Publisher) -> None:
    publisher.close()
