"""Nothing that arrives, changes or turns out otherwise moves what somebody reads."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from chat_client.core import events
from chat_client.core.events import Event
from chat_client.core.reduce import reduce, reduce_all
from chat_client.core.state import ClientState, Gap, Message
from chat_client.tui.widgets.feed import Feed, key_of
from chat_client.tui.widgets.layout import Columns
from chat_client.tui.widgets.viewport import Viewport
from chat_protocol import packets
from tests.tui.stage import START_MS, entry, message, online
from tests.tui.test_layout import LOOKS

NAME = "#general"
FIRST = 200
"""Where the loaded part begins; the part before it comes as history."""


def content(seq: int) -> str:
    """Something short, long, wide or of many lines."""
    texts = ("ok", "word " * (seq % 60), "你好 " * (seq % 40), "a\nb\nc\n\nd", "x" * (seq % 300 + 1))
    return texts[seq % 5].strip() or "-"


def line(seq: int) -> packets.LogEvent:
    """An event of the log: messages of three people, over days, and people who come and go."""
    if seq % 7 in (2, 3):
        action = "joined" if seq % 2 else "left"
        return packets.SystemMessage(
            NAME, seq, f"s{seq}", "server", "Server", START_MS + seq * 600_000, action=action, subject="eve", content=""
        )
    return message(NAME, seq, ("bob", "carol", "ada")[seq // 3 % 3], content(seq), at_ms=START_MS + seq * 600_000)


class Reading:
    """Somebody who reads a conversation of which ``FIRST`` to ``FIRST + 60`` is loaded."""

    def __init__(self, width: int, height: int) -> None:
        started = [
            *online(entry(NAME, FIRST + 60, cursor=FIRST - 1)),
            events.Arrived(NAME, tuple(map(line, range(FIRST, FIRST + 61)))),
        ]
        self.state = reduce_all(ClientState(), started)
        self.feed = Feed()
        self.viewport = Viewport(self.feed, LOOKS)
        self.viewport.height = height
        self.first = FIRST
        self.feed.restyle(Columns.of(width, 5))
        self.feed.show(self.state.conversations[NAME], self.state)
        self.viewport.settle()

    def happen(self, event: Event) -> None:
        """Something happens to the conversation."""
        self.state = reduce(self.state, event)
        for splice in self.feed.update(self.state.conversations[NAME]):
            self.viewport.spliced(splice)
        self.viewport.settle()

    def resize(self, width: int, height: int) -> None:
        """The terminal gets another size."""
        self.viewport.resize(height)
        self.viewport.restyle(Columns.of(width, 5))
        self.viewport.settle()

    def page_above(self, count: int) -> None:
        """Older messages are loaded."""
        low = max(self.first - count, 1)
        loaded = tuple(map(line, range(low, self.first)))
        if loaded:
            self.happen(events.HistoryLoaded(NAME, loaded, low, self.first - 1, low > 1))
            self.first = low

    def next(self) -> int:
        """The next position of the log."""
        return self.state.conversations[NAME].last_seq + 1

    @property
    def shown(self) -> list[tuple[str, int]]:
        """For each row of the screen its entry and which row of its own words it is; below 0: a row above them."""
        return [
            (key_of(self.feed.entries[drawn.index]), drawn.row - self.feed.lay(drawn.index, LOOKS).lead)
            for drawn in self.viewport.drawn
        ]

    def check(self) -> None:
        """What is drawn are rows in order, without a hole, as many as fit."""
        heights = [len(self.feed.lay(index, LOOKS).rows) for index in range(len(self.feed))]
        rows = [(index, row) for index, height in enumerate(heights) for row in range(height)]
        drawn = [(each.index, each.row) for each in self.viewport.drawn]
        start = rows.index(drawn[0])
        assert drawn == rows[start : start + len(drawn)]
        assert len(drawn) == min(self.viewport.height, len(rows))
        if self.viewport.follows:
            assert drawn[-1] == rows[-1]


sizes = st.tuples(st.integers(20, 130), st.integers(3, 40))
steps = st.lists(st.tuples(st.sampled_from(["arrive", "older", "edit", "react", "mine", "draw"]), st.integers(1, 60)),
                 max_size=12)  # fmt: skip


def _do(reading: Reading, what: str, number: int) -> None:
    seq = reading.next()
    match what:
        case "arrive":
            reading.happen(events.Arrived(NAME, tuple(map(line, range(seq, seq + number % 9 + 1)))))
        case "older":
            reading.page_above(number)
        case "edit":
            target = f"general-{FIRST + number}"
            edited = packets.Edited(NAME, seq, f"e{seq}", "bob", "Bob", START_MS + seq * 600_000, target=target,
                                    content="edited " * number)  # fmt: skip
            reading.happen(events.Arrived(NAME, (edited,)))
        case "react":
            target = f"general-{FIRST + number}"
            reaction = packets.Reaction(NAME, seq, f"r{seq}", "bob", "Bob", START_MS + seq * 600_000, target=target,
                                        emoji="👍", removed=False)  # fmt: skip
            reading.happen(events.Arrived(NAME, (reaction,)))
        case "mine":
            reading.happen(events.MessageQueued(NAME, Message(seq=0, message_id=f"q{seq}-{number}", sender="ada",
                           sender_name="Ada", content="x", timestamp_ms=START_MS, mine=True, status="pending")))  # type: ignore[arg-type]  # fmt: skip
        case _:
            reading.viewport.settle()


@settings(deadline=None)
@given(sizes, st.integers(5, 300), steps)
def test_whoever_has_scrolled_up_stays_where_they_are(
    size: tuple[int, int], up: int, happened: list[tuple[str, int]]
) -> None:
    """The first message on the screen begins on the same row after anything that happens elsewhere."""
    reading = Reading(*size)
    if not reading.viewport.move(-up):
        return
    reading.viewport.settle()
    for what, number in happened:
        was_following = reading.viewport.follows
        before = reading.shown
        place = reading.viewport.place
        _do(reading, what, number)
        reading.check()
        if was_following:
            assert reading.viewport.follows
        elif place is not None and what in ("edit", "react") and place.key == f"general-{FIRST + number}":
            continue  # what is read itself became another: nothing of it need be where it was
        elif place is not None and before[0][0] and not before[0][0].startswith("gap"):
            rows = [
                y for y, (key, row) in enumerate(reading.shown) if key == place.key and row == -min(place.offset, 0)
            ]
            assert rows[:1] == [max(place.offset, 0)], (what, before[:3], reading.shown[:3])


@settings(deadline=None)
@given(sizes, sizes, st.integers(5, 300))
def test_the_message_that_is_read_stays_over_a_resize(size: tuple[int, int], other: tuple[int, int], up: int) -> None:
    """The first message on the screen is there after another width and height, and after the way back."""
    reading = Reading(*size)
    if not reading.viewport.move(-up):
        return
    reading.viewport.settle()
    place = reading.viewport.place
    reading.resize(*other)
    reading.check()
    if place is not None and not reading.viewport.follows:
        assert place.key in {key for key, _ in reading.shown}


@settings(deadline=None)
@given(sizes, st.lists(st.integers(-80, 80), max_size=12))
def test_scrolling_back_and_forth_comes_to_the_same_rows(size: tuple[int, int], moves: list[int]) -> None:
    """Going up and the same way down ends on the same rows, off by none, wherever heights were guesses."""
    reading = Reading(*size)
    reading.viewport.move(-100)
    reading.viewport.settle()
    for rows in moves:
        reading.viewport.move(rows)
        reading.viewport.settle()
        reading.check()
    before, top = reading.shown, reading.viewport.top_row
    if reading.viewport.follows or top < 5:
        return
    reading.viewport.move(-5)
    reading.viewport.settle()
    reading.viewport.move(5)
    reading.viewport.settle()
    assert reading.shown == before


def test_a_gap_in_the_middle_is_filled_from_the_side_that_is_read() -> None:
    """A gap is one row; when it is filled, what stands below it stays."""
    started = [
        *online(entry(NAME, 300, cursor=100)),
        events.Arrived(NAME, tuple(map(line, range(101, 121)))),
        events.Skipped(NAME, 121, 280, "limit"),
        events.Arrived(NAME, tuple(map(line, range(281, 301)))),
    ]
    reading = Reading(100, 20)
    reading.state = reduce_all(ClientState(), started)
    reading.feed.show(reading.state.conversations[NAME], reading.state)
    reading.viewport.settle()
    assert sum(isinstance(each, Gap) for each in reading.feed.entries) == 1
    index = reading.feed.index_of_seq(285)
    assert index is not None
    reading.viewport.stand(index, 4)
    reading.viewport.settle()
    place = reading.viewport.place
    reading.happen(events.HistoryLoaded(NAME, tuple(map(line, range(121, 281))), 121, 280))
    assert not any(isinstance(each, Gap) for each in reading.feed.entries)
    assert reading.viewport.place == place
