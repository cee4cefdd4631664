"""Decide whether a run kept the promises of protocol.md 3 to 5. Pure: what was sent and seen in, faults out.

What everybody must have is what was sent: each message exactly once and unaltered, each sender's in the order in which
they were sent, in the places that the server's log gives them, and the same for every member in every view: what was
pushed over the wire, what the client shows, and what it keeps on disk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import zip_longest

__all__ = ["SERVER", "Event", "Fault", "Kind", "Run", "Sent", "View", "check"]

SERVER = "server"
"""The sender of system events (protocol.md 3)."""
MAX_TOLD = 60
"""How much of a text a fault repeats, in characters."""


class Kind(StrEnum):
    """What can be wrong."""

    LOST = "lost"
    """It was sent, or is in the log, and is not here."""
    DUPLICATE = "duplicate"
    """It is here more than once."""
    INVENTED = "invented"
    """Nobody sent it, or the log does not have it."""
    ALTERED = "altered"
    """Its text or its sender is another one."""
    REORDERED = "reordered"
    """It stands before one that comes before it."""
    MOVED = "moved"
    """Its place in the log is not the one that an ack or the log told."""
    UNACKED = "unacked"
    """It was sent and never acknowledged."""
    STRAY = "stray"
    """What the log holds is not what the file says, looked at without any message id."""
    HOLE = "hole"
    """The log's places are not 1, 2, 3, … to its end."""
    ENDING = "ending"
    """The run itself did not end as it must: a member who did not catch up, a queue that is not empty."""


@dataclass(frozen=True)
class Sent:
    """A message that a client took over: its outbox had it on disk."""

    message_id: str
    sender: str
    content: str


@dataclass(frozen=True)
class Event:
    """An event of the log as somebody saw it."""

    seq: int
    message_id: str
    sender: str
    content: str


@dataclass(frozen=True)
class View:
    """What one member has, seen in one way."""

    member: str
    name: str
    """``wire``, ``screen``, ``disk``, …"""
    events: Sequence[Event]
    """In the order in which they stand there; system events are left out by the checker."""
    is_shown: bool = False
    """Whether texts went through what makes them safe to show."""
    skipped: Sequence[tuple[int, int]] = ()
    """Ranges that were announced as not sent (protocol.md 4), inclusive: what lies there may be missing."""


@dataclass(frozen=True)
class Fault:
    """One broken promise."""

    kind: Kind
    where: str
    text: str

    def __str__(self) -> str:
        """Return one line for people."""
        return f"{self.kind:9} {self.where}: {self.text}"


@dataclass
class Run:
    """All that a run left behind."""

    script: list[tuple[str, str]] = field(default_factory=list)
    """Who has to say what, as the file has it."""
    sent: list[Sent] = field(default_factory=list)
    """In the order in which they were sent."""
    acked: dict[str, int] = field(default_factory=dict)
    """message_id → seq, as the acks told."""
    log: list[Event] = field(default_factory=list)
    """The server's log with its system events, in its order."""
    views: list[View] = field(default_factory=list)
    ending: list[str] = field(default_factory=list)
    """What did not end as it must, in words."""


def check(run: Run, *, ordered: bool = False, as_shown: Callable[[str], str] = str) -> list[Fault]:
    """Return all faults; none is what a run has to have.

    Args:
        run: What was sent and what everybody has.
        ordered: Whether each message was sent after the ack of the one before it, whoever sent that: then the order of
            the whole log is that of sending.
        as_shown: What the client does to a text before it shows it.
    """
    faults = [Fault(Kind.ENDING, "run", text) for text in run.ending]
    faults += _places(run.log)
    messages = [event for event in run.log if event.sender != SERVER]
    faults += _follows(run.script, messages, ordered=ordered)
    faults += _compare("log", {sent.message_id: sent for sent in run.sent}, messages)
    faults += _orders(run.sent, messages, ordered=ordered)
    faults += _acks(run, messages)
    known = {event.message_id: event for event in messages}
    shown = {event.message_id: _shown(event, as_shown) for event in messages}
    for view in run.views:
        faults += _view(view, shown if view.is_shown else known)
    return faults


def _shown(event: Event, as_shown: Callable[[str], str]) -> Event:
    return Event(event.seq, event.message_id, event.sender, as_shown(event.content))


def _places(log: Sequence[Event]) -> Iterable[Fault]:
    for place, event in enumerate(log, 1):
        if event.seq != place:
            yield Fault(Kind.HOLE, "log", f"seq {event.seq} stands in place {place}")
            return


def _follows(script: Sequence[tuple[str, str]], log: Sequence[Event], *, ordered: bool) -> Iterable[Fault]:
    """The log's texts are the file's; for each sender, or for all together. The first difference is told."""
    wanted: dict[str, list[tuple[str, str]]] = {}
    for sender, content in script:
        wanted.setdefault("" if ordered else sender, []).append((sender, content))
    found: dict[str, list[tuple[str, str]]] = {}
    for event in log:
        found.setdefault("" if ordered else event.sender, []).append((event.sender, event.content))
    for key in {**wanted, **found}:
        pairs = zip_longest(wanted.get(key, ()), found.get(key, ()))
        for place, (one, other) in enumerate(pairs, 1):
            if one != other:
                yield Fault(Kind.STRAY, f"log, messages of {key or 'all'}", f"number {place} is {other}, not {one}")
                break


def _compare(where: str, expected: Mapping[str, Sent] | Mapping[str, Event], got: Sequence[Event]) -> Iterable[Fault]:
    """Each once, and none changed; order is looked at elsewhere."""
    count = Counter(event.message_id for event in got)
    for message_id, wanted in expected.items():
        if message_id not in count:
            yield Fault(Kind.LOST, where, _told(message_id, wanted.sender, wanted.content))
    for event in got:
        wanted_here = expected.get(event.message_id)
        told = _told(event.message_id, event.sender, event.content)
        if wanted_here is None:
            yield Fault(Kind.INVENTED, where, told)
        elif (wanted_here.sender, wanted_here.content) != (event.sender, event.content):
            was = _told(event.message_id, wanted_here.sender, wanted_here.content)
            yield Fault(Kind.ALTERED, where, f"{was} is {told}")
    for message_id, times in count.items():
        if times > 1:
            yield Fault(Kind.DUPLICATE, where, f"{message_id}, {times} times")


def _told(message_id: str, sender: str, content: str) -> str:
    text = content if len(content) <= MAX_TOLD else content[:MAX_TOLD] + "…"
    return f"{message_id} <{sender}> {text!r}"


def _orders(sent: Sequence[Sent], log: Sequence[Event], *, ordered: bool) -> Iterable[Fault]:
    """The order of each sender, or of all together."""
    was_sent: dict[str, list[str]] = {}
    for message in sent:
        was_sent.setdefault("" if ordered else message.sender, []).append(message.message_id)
    logged: dict[str, list[str]] = {}
    for event in log:
        logged.setdefault("" if ordered else event.sender, []).append(event.message_id)
    for sender, message_ids in was_sent.items():
        where = f"log, messages of {sender}" if sender else "log"
        yield from _order(where, message_ids, logged.get(sender, []))


def _order(where: str, expected: Sequence[str], got: Sequence[str]) -> Iterable[Fault]:
    """What both have must stand in the same order; the first difference is told."""
    common = set(expected) & set(got)
    wanted = list(dict.fromkeys(message_id for message_id in expected if message_id in common))
    found = list(dict.fromkeys(message_id for message_id in got if message_id in common))
    for place, (one, other) in enumerate(zip(wanted, found, strict=True), 1):
        if one != other:
            yield Fault(Kind.REORDERED, where, f"place {place}: {other} where {one} belongs")
            return


def _acks(run: Run, messages: Sequence[Event]) -> Iterable[Fault]:
    places = {event.message_id: event.seq for event in messages}
    for message_id, seq in run.acked.items():
        if message_id not in places:
            yield Fault(Kind.LOST, "log", f"{message_id} was acknowledged at {seq}")
        elif places[message_id] != seq:
            yield Fault(Kind.MOVED, "log", f"{message_id} was acknowledged at {seq} and is at {places[message_id]}")
    for sent in run.sent:
        if sent.message_id not in run.acked:
            yield Fault(Kind.UNACKED, "acks", _told(sent.message_id, sent.sender, sent.content))


def _view(view: View, log: Mapping[str, Event]) -> Iterable[Fault]:
    where = f"{view.member}'s {view.name}"
    got = [event for event in view.events if event.sender != SERVER]
    there = {event.message_id for event in got}
    expected = {
        message_id: event
        for message_id, event in log.items()
        if message_id in there or not any(first <= event.seq <= last for first, last in view.skipped)
    }
    yield from _compare(where, expected, got)
    for event in got:
        if event.message_id in log and log[event.message_id].seq != event.seq:
            told = f"{event.message_id} is at {event.seq}, in the log at {log[event.message_id].seq}"
            yield Fault(Kind.MOVED, where, told)
    yield from _order(where, list(log), [event.message_id for event in got])
