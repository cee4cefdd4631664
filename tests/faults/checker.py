"""Decides whether a run kept the promises: reads its history and the store that it left, in linear time.

The names I1, I2, … are those of docs/reliability.md. A finding is a broken promise; an empty list is none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from tests.faults.history import TRANSIENT, Note

MOST_OF_A_KIND = 20
"""Findings that are told of one invariant; the rest is only counted."""


class Stored(Struct, frozen=True, gc=False):
    """An event as the store, or a client's cache, has it."""

    conversation: str
    seq: int
    message_id: str
    digest: str
    sender: str = ""


class Finding(Struct, frozen=True, order=True):
    """A promise that was not kept."""

    invariant: str
    text: str


class Run(Struct, frozen=True):
    """Everything about a run that is over.

    ``members`` tells for each conversation which devices must have all of it in the end. ``caches`` are the disks of
    real clients, by the device's name.
    """

    notes: Sequence[Note]
    stored: Sequence[Stored]
    epoch: str = ""
    members: Mapping[str, Iterable[str]] = {}
    caches: Mapping[str, Sequence[Stored]] = {}


Place = tuple[str, int]


def check(run: Run) -> list[Finding]:
    """All findings, some of each kind."""
    found: list[Finding] = []
    counts: dict[str, int] = defaultdict(int)
    for finding in _Checker(run).findings():
        counts[finding.invariant] += 1
        if counts[finding.invariant] <= MOST_OF_A_KIND:
            found.append(finding)
    for invariant, count in counts.items():
        if count > MOST_OF_A_KIND:
            found.append(Finding(invariant, f"and {count - MOST_OF_A_KIND} more"))
    return sorted(found)


class _Checker:
    def __init__(self, run: Run) -> None:
        self.run = run
        self.epoch = run.epoch
        self.log: dict[Place, Stored] = {}
        self.heads: dict[str, int] = defaultdict(int)
        self.by_id: dict[str, list[Stored]] = defaultdict(list)
        self.acked: set[str] = set()
        for event in run.stored:
            self.log.setdefault((event.conversation, event.seq), event)
            self.heads[event.conversation] = max(self.heads[event.conversation], event.seq)
            self.by_id[event.message_id].append(event)

    def findings(self) -> Iterable[Finding]:
        yield from self._store()
        yield from self._acks()
        yield from self._refusals()
        yield from self._origins()
        yield from self._order()
        yield from self._received()
        yield from self._complete()
        yield from self._monotone()
        yield from self._rights()
        yield from self._caches()
        for note in self.run.notes:
            if note.kind == "late":
                yield Finding("I21", f"{note.device} was not done in time: {note.code}")

    def _is_of_now(self, note: Note) -> bool:
        """Whether a note is about the log as it is, not about one that a restored backup replaced."""
        return note.epoch == self.epoch

    def _store(self) -> Iterable[Finding]:
        """I2 and I3, from the store alone."""
        counts: dict[str, int] = defaultdict(int)
        for event in self.run.stored:
            counts[event.conversation] += 1
        for conversation, head in self.heads.items():
            if counts[conversation] != head or any((conversation, seq) not in self.log for seq in range(1, head + 1)):
                yield Finding("I3", f"{conversation} has {counts[conversation]} events up to seq {head}")
        for message_id, events in self.by_id.items():
            if len(events) > 1:
                places = ", ".join(f"{event.conversation} {event.seq}" for event in events)
                yield Finding("I2", f"{message_id} is stored {len(events)} times: {places}")

    def _acks(self) -> Iterable[Finding]:
        """I1 and I2: what was acknowledged against what is stored."""
        acked: dict[tuple[str, str], int] = {}
        for note in self.run.notes:
            if note.kind != "ok":
                continue
            first = acked.setdefault((note.epoch, note.message_id), note.seq)
            if first != note.seq:
                yield Finding("I2", f"{note.message_id} was acknowledged as {first} and as {note.seq}")
            if self._is_of_now(note):
                self.acked.add(note.message_id)
                event = self.log.get((note.conversation, note.seq))
                if event is None or event.message_id != note.message_id:
                    there = "nothing" if event is None else event.message_id
                    yield Finding(
                        "I1", f"{note.message_id} was acknowledged at {note.conversation} {note.seq}; there is {there}"
                    )

    def _refusals(self) -> Iterable[Finding]:
        """I10: what was refused, and not sent again, is not stored."""
        refused: dict[str, Note] = {}
        under_way: dict[str, int] = defaultdict(int)
        for note in self.run.notes:
            if note.kind == "invoke":
                refused.pop(note.message_id, None)
                under_way[note.message_id] += 1
            elif note.kind == "fail":
                under_way[note.message_id] -= 1
                if note.code not in TRANSIENT or under_way[note.message_id] <= 0:
                    refused[note.message_id] = note
            elif note.kind == "ok":
                under_way[note.message_id] -= 1
                refused.pop(note.message_id, None)
        for message_id, note in refused.items():
            if message_id in self.by_id:
                yield Finding("I10", f"{message_id} was refused as {note.code} and is stored")

    def _origins(self) -> Iterable[Finding]:
        """I1 and I8: every text in the store was sent, by this sender, to this conversation."""
        sent: dict[str, Note] = {}
        for note in self.run.notes:
            if note.kind == "invoke":
                sent.setdefault(note.message_id, note)
        for event in self.run.stored:
            if not event.digest:
                continue
            origin = sent.get(event.message_id)
            if origin is None:
                yield Finding("I8", f"nobody sent {event.message_id} at {event.conversation} {event.seq}")
            elif (origin.digest, origin.conversation) != (event.digest, event.conversation):
                invariant = "I1" if event.message_id in self.acked else "I8"
                yield Finding(invariant, f"{event.message_id} is stored as another text or elsewhere")
            elif event.sender and origin.user != event.sender:
                yield Finding("I8", f"{event.message_id} of {origin.user} is stored as from {event.sender}")

    def _order(self) -> Iterable[Finding]:
        """I6 and I7: the order of the log against the order in which was sent and acknowledged."""
        highest: dict[str, int] = defaultdict(int)
        last_of: dict[tuple[str, str], int] = defaultdict(int)
        known: set[str] = set()
        for note in self.run.notes:
            if note.kind == "ok" and self._is_of_now(note):
                highest[note.conversation] = max(highest[note.conversation], note.seq)
            elif note.kind == "invoke" and note.message_id not in known:
                known.add(note.message_id)
                events = self.by_id.get(note.message_id)
                if not events:
                    continue
                seq = events[0].seq
                if seq <= highest[note.conversation]:
                    yield Finding(
                        "I7",
                        f"{note.message_id} got seq {seq} in {note.conversation}, though"
                        f" {highest[note.conversation]} was acknowledged before it was sent",
                    )
                mine = (note.device, note.conversation)
                if seq < last_of[mine]:
                    yield Finding("I6", f"{note.message_id} of {note.device} was sent behind {last_of[mine]}: {seq}")
                last_of[mine] = max(last_of[mine], seq)

    def _received(self) -> Iterable[Finding]:
        """I4, I8 and I9: what came to the devices."""
        seen: dict[tuple[str, str, int], Note] = {}
        last: dict[tuple[str, int, str], int] = {}
        for note in self.run.notes:
            way = (note.device, note.link, note.conversation)
            if note.kind == "connect":
                last[way] = note.seq
            elif note.kind == "recv":
                if note.seq <= last.get(way, 0):
                    yield Finding(
                        "I9", f"{note.device} got {note.conversation} {note.seq} behind {last[way]} on one connection"
                    )
                last[way] = note.seq
                first = seen.setdefault((note.epoch, note.conversation, note.seq), note)
                if first.message_id != note.message_id or (
                    first.digest and note.digest and first.digest != note.digest
                ):
                    yield Finding("I4", f"{note.conversation} {note.seq} is not the same for all")
        for (epoch, conversation, seq), note in seen.items():
            if epoch != self.epoch:
                continue
            event = self.log.get((conversation, seq))
            if event is None:
                yield Finding("I8", f"{note.device} got {conversation} {seq}, which is not stored")
            elif event.message_id != note.message_id or (note.digest and event.digest and note.digest != event.digest):
                yield Finding("I4", f"{note.device} got another {conversation} {seq} than is stored")

    def _complete(self) -> Iterable[Finding]:
        """I5: in the end every device of a member has, or knows of, every event."""
        known: dict[tuple[str, str], set[int]] = defaultdict(set)
        for note in self.run.notes:
            if not self._is_of_now(note):
                continue
            mine = (note.device, note.conversation)
            if note.kind in ("recv", "ok"):
                known[mine].add(note.seq)
            elif note.kind == "skip":
                known[mine].update(range(note.seq, note.to_seq + 1))
        for conversation, devices in self.run.members.items():
            head = self.heads[conversation]
            for device in devices:
                have = known[device, conversation]
                missing = [seq for seq in range(1, head + 1) if seq not in have]
                if missing:
                    yield Finding(
                        "I5", f"{device} has not {conversation} {missing[:5]} ({len(missing)} of {head} are missing)"
                    )

    def _monotone(self) -> Iterable[Finding]:
        """I13: within an epoch cursors and heads never go back."""
        highest: dict[tuple[str, str, str, str], int] = {}
        for note in self.run.notes:
            if note.kind in ("cursor", "head"):
                mine = (note.kind, note.epoch, note.device, note.conversation)
                if note.seq < highest.get(mine, 0):
                    yield Finding(
                        "I13", f"{note.kind} of {note.device} in {note.conversation}: {highest[mine]}, then {note.seq}"
                    )
                highest[mine] = max(highest.get(mine, 0), note.seq)

    def _rights(self) -> Iterable[Finding]:
        """I11: nothing behind the end of a membership, up to the next one."""
        away = {
            (note.user, note.conversation): (note.seq, note.to_seq) for note in self.run.notes if note.kind == "left"
        }
        for note in self.run.notes:
            if note.kind == "recv" and (note.user, note.conversation) in away:
                end, back = away[note.user, note.conversation]
                if note.seq > end and (not back or note.seq < back):
                    yield Finding("I11", f"{note.user} got {note.conversation} {note.seq} after the membership ended")

    def _caches(self) -> Iterable[Finding]:
        """I5, I9 and I12: the disks of real clients against the log."""
        for device, events in self.run.caches.items():
            places: set[Place] = set()
            ids: set[str] = set()
            for event in events:
                place = (event.conversation, event.seq)
                if place in places or event.message_id in ids:
                    yield Finding("I9", f"the cache of {device} has {event.conversation} {event.seq} twice")
                places.add(place)
                ids.add(event.message_id)
                stored = self.log.get(place)
                if stored is None or stored.message_id != event.message_id:
                    yield Finding("I12", f"the cache of {device} has another {event.conversation} {event.seq}")
            for conversation, devices in self.run.members.items():
                if device in devices:
                    missing = [
                        seq for seq in range(1, self.heads[conversation] + 1) if (conversation, seq) not in places
                    ]
                    if missing:
                        yield Finding("I5", f"the cache of {device} lacks {conversation} {missing[:5]}")
