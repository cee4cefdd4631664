"""The checker finds every fault that it exists for, and none where there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tools.replaying.checker import SERVER, Event, Fault, Kind, Run, Sent, View, check

SAID = [
    ("m1", "anna", "one"),
    ("m2", "ben", "one"),
    ("m3", "anna", "two\x1b[31m"),
    ("m4", "ben", "two"),
    ("m5", "anna", "three"),
    ("m6", "carla", "ok"),
    ("m7", "carla", "ok"),
]
"""Ids, senders and texts: two people say the same, and one says the same twice."""
FIRST = 3
"""The place of the first message: somebody made the group and somebody joined before."""


def as_shown(text: str) -> str:
    """Stands for what a client does to a text before it shows it."""
    return text.replace("\x1b[31m", "")


def good_run() -> Run:
    """A run in which all went well, with four views by two members."""
    messages = [Event(seq, *said) for seq, said in enumerate(SAID, FIRST)]
    log = [Event(1, "s1", SERVER, "created"), Event(2, "s2", SERVER, "joined"), *messages]
    shown = [replace(event, content=as_shown(event.content)) for event in log]
    return Run(
        script=[(sender, content) for _, sender, content in SAID],
        sent=[Sent(*said) for said in SAID],
        acked={event.message_id: event.seq for event in messages},
        log=log,
        views=[
            View("anna", "disk", list(log)),
            View("anna", "screen", shown, is_shown=True),
            View("ben", "disk", list(log)),
            View("ben", "wire", messages[3:], skipped=[(1, FIRST + 2)]),
        ],
    )


def faults(run: Run, *, ordered: bool = True) -> list[Fault]:
    """What the checker finds."""
    return check(run, ordered=ordered, as_shown=as_shown)


def kinds(run: Run, *, ordered: bool = True) -> set[tuple[Kind, str]]:
    """What is wrong, and where."""
    return {(fault.kind, fault.where) for fault in faults(run, ordered=ordered)}


def drop(events: list[Event], message_id: str) -> None:
    """Take an event away."""
    events[:] = [event for event in events if event.message_id != message_id]


def swap(events: list[Event], one: str, other: str) -> None:
    """Let two events stand in each other's place, each with its own seq."""
    places = {event.message_id: place for place, event in enumerate(events)}
    first, second = places[one], places[other]
    events[first], events[second] = events[second], events[first]


def renumber(events: list[Event]) -> None:
    """Give places without a hole."""
    events[:] = [replace(event, seq=place) for place, event in enumerate(events, 1)]


def change(events: list[Event], message_id: str, **values: object) -> None:
    """Make an event another one."""
    events[:] = [replace(event, **values) if event.message_id == message_id else event for event in events]  # type: ignore[arg-type]


def view(run: Run, place: int) -> list[Event]:
    """The events of a view, to be spoilt."""
    events = run.views[place].events
    assert isinstance(events, list)
    return events


@pytest.mark.parametrize("ordered", [True, False])
def test_a_good_run_has_no_faults(ordered: bool) -> None:
    """Skipped ranges, texts made safe to show and system events are no faults."""
    assert faults(good_run(), ordered=ordered) == []


Spoil = Callable[[list[Event]], None]
BAD_VIEWS: dict[str, tuple[Spoil, set[Kind]]] = {
    "loss": (lambda events: drop(events, "m5"), {Kind.LOST}),
    "loss of one of two that are the same": (lambda events: drop(events, "m7"), {Kind.LOST}),
    "loss of the end": (lambda events: drop(events, events[-1].message_id), {Kind.LOST}),
    "duplicate": (lambda events: events.append(events[-1]), {Kind.DUPLICATE}),
    "duplicate far behind": (lambda events: events.append(events[-4]), {Kind.DUPLICATE}),
    "duplicate under another seq": (
        lambda events: events.append(replace(events[-1], seq=99)),
        {Kind.DUPLICATE, Kind.MOVED},
    ),
    "reorder": (lambda events: swap(events, "m4", "m5"), {Kind.REORDERED}),
    "reorder of two that are the same": (lambda events: swap(events, "m6", "m7"), {Kind.REORDERED}),
    "alteration by one character": (lambda events: change(events, "m5", content="three "), {Kind.ALTERED}),
    "alteration to nothing": (lambda events: change(events, "m5", content=""), {Kind.ALTERED}),
    "another sender": (lambda events: change(events, "m5", sender="ben"), {Kind.ALTERED}),
    "foreign message": (lambda events: events.append(Event(10, "x1", "anna", "I never said that")), {Kind.INVENTED}),
    "another place": (lambda events: change(events, "m7", seq=42), {Kind.MOVED}),
    "nothing at all": (lambda events: events.clear(), {Kind.LOST}),
}


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize(("spoil", "expected"), BAD_VIEWS.values(), ids=BAD_VIEWS)
def test_one_view_that_differs_is_found_and_named(spoil: Spoil, expected: set[Kind], place: int) -> None:
    """The others are not blamed."""
    run = good_run()
    spoil(view(run, place))
    where = f"{run.views[place].member}'s {run.views[place].name}"
    assert kinds(run) == {(kind, where) for kind in expected}


def test_what_was_made_safe_is_a_fault_where_nothing_is_shown() -> None:
    """The disk holds what was sent, character by character."""
    run = good_run()
    change(view(run, 0), "m3", content="two")
    assert kinds(run) == {(Kind.ALTERED, "anna's disk")}


def test_what_was_not_made_safe_is_a_fault_on_the_screen() -> None:
    """A control character of somebody else never gets there."""
    run = good_run()
    change(view(run, 1), "m3", content="two\x1b[31m")
    assert kinds(run) == {(Kind.ALTERED, "anna's screen")}


def test_a_loss_beside_a_skipped_range_is_found() -> None:
    """Only what was announced as not sent may be missing."""
    run = good_run()
    run.views[3] = replace(run.views[3], skipped=[(1, FIRST + 1)])
    assert kinds(run) == {(Kind.LOST, "ben's wire")}


def test_what_comes_in_spite_of_a_skip_is_looked_at_too() -> None:
    """It may be there, and then it has to be right."""
    run = good_run()
    run.views[3] = replace(run.views[3], skipped=[(1, FIRST + 4)])
    change(view(run, 3), "m4", content="five")
    assert kinds(run) == {(Kind.ALTERED, "ben's wire")}


def without_the_views(run: Run) -> Run:
    """Have everybody agree with the log, so that it alone is judged."""
    run.views = [View("anna", "disk", list(run.log))]
    return run


def test_a_loss_in_the_log_is_found_by_what_was_sent_by_the_file_and_by_the_acks() -> None:
    """Everybody agrees, and yet a message is gone that was acknowledged."""
    run = good_run()
    drop(run.log, "m7")
    assert kinds(without_the_views(run)) == {
        (Kind.LOST, "log"),
        (Kind.STRAY, "log, messages of all"),
    }
    assert [fault.text for fault in faults(run) if "acknowledged" in fault.text] == ["m7 was acknowledged at 9"]


def test_a_message_that_was_never_acknowledged_is_found() -> None:
    """Though it is there."""
    run = good_run()
    del run.acked["m4"]
    assert kinds(run) == {(Kind.UNACKED, "acks")}


def test_an_ack_that_told_another_place_is_found() -> None:
    """What an ack tells is for ever."""
    run = good_run()
    run.acked["m4"] = 7
    assert kinds(run) == {(Kind.MOVED, "log")}


def test_a_duplicate_in_the_log_is_found() -> None:
    """A message that was sent again and stored again."""
    run = good_run()
    run.log.append(replace(run.log[-1], seq=len(run.log) + 1))
    assert {kind for kind, _ in kinds(without_the_views(run))} == {Kind.DUPLICATE, Kind.STRAY, Kind.MOVED}


def test_a_duplicate_under_another_id_is_found() -> None:
    """A client that sends twice what was written once."""
    run = good_run()
    run.sent.append(Sent("m8", "carla", "ok"))
    run.log.append(Event(10, "m8", "carla", "ok"))
    run.acked["m8"] = 10
    assert kinds(without_the_views(run)) == {(Kind.STRAY, "log, messages of all")}


def test_a_message_of_the_file_that_was_never_sent_is_found() -> None:
    """The tool itself could lose one."""
    run = good_run()
    run.script.append(("ben", "and another"))
    assert kinds(run) == {(Kind.STRAY, "log, messages of all")}
    assert kinds(run, ordered=False) == {(Kind.STRAY, "log, messages of ben")}


def test_the_order_of_one_sender_counts_always() -> None:
    """Also where several write at the same time."""
    run = good_run()
    swap(run.log, "m1", "m3")
    renumber(run.log)
    run.acked = {event.message_id: event.seq for event in run.log}
    found = kinds(without_the_views(run), ordered=False)
    assert {(Kind.REORDERED, "log, messages of anna"), (Kind.STRAY, "log, messages of anna")} <= found


def test_the_order_of_all_counts_where_one_waited_for_the_other() -> None:
    """And only there: two who write at the same time may come in either order."""
    run = good_run()
    swap(run.log, "m4", "m5")
    renumber(run.log)
    run.acked = {event.message_id: event.seq for event in run.log if event.sender != SERVER}
    without_the_views(run)
    assert kinds(run, ordered=False) == set()
    assert kinds(run) == {(Kind.REORDERED, "log"), (Kind.STRAY, "log, messages of all")}


@pytest.mark.parametrize("place", [0, 4, 8])
def test_a_hole_in_the_log_is_found(place: int) -> None:
    """Also at the start and at the end."""
    run = good_run()
    run.log[place:] = [replace(event, seq=event.seq + 1) for event in run.log[place:]]
    run.acked = {event.message_id: event.seq for event in run.log if event.sender != SERVER}
    assert kinds(without_the_views(run)) == {(Kind.HOLE, "log")}


def test_a_foreign_message_in_the_log_is_found() -> None:
    """The server has one that nobody sent."""
    run = good_run()
    run.log.append(Event(10, "x1", "anna", "I never said that"))
    assert kinds(without_the_views(run)) == {(Kind.INVENTED, "log"), (Kind.STRAY, "log, messages of all")}


def test_a_run_that_did_not_end_well_is_a_fault() -> None:
    """A member who did not catch up, or whose counts are wrong."""
    run = good_run()
    run.ending.append("ben is told 3 unread after 0 and has 4")
    assert [str(fault) for fault in faults(run)] == ["ending    run: ben is told 3 unread after 0 and has 4"]


def test_a_fault_is_told_in_one_short_line() -> None:
    """Texts are cut and control characters are not printed as they are."""
    run = good_run()
    change(view(run, 0), "m3", content="\x1b[31m" + "long " * 100)
    (fault,) = faults(run)
    assert "\x1b" not in str(fault)
    assert "\n" not in str(fault)
    assert len(str(fault)) < 250
