"""The entries of one transcript: which there are, how high each is, and what each looks like beside its neighbours.

Entry 0 is the head; entry ``n + 1`` is line ``n`` of the timeline. So what changed in a timeline is what changed here,
at the same place, and nothing is ever built anew because one message came.
"""

import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from chat_client.core.dates import long_day
from chat_client.core.language import tr
from chat_client.core.state import ClientState, Conversation, Gap, Line, Message, Splice, SystemLine, Timeline
from chat_client.core.timeline import EMPTY_TIMELINE
from chat_client.tui.looks import Looks
from chat_client.tui.widgets.heights import Heights
from chat_client.tui.widgets.layout import Columns, Head, Laid, Note, Surroundings, estimate, lay_out, one_line

__all__ = ["Feed", "Notes", "key_of"]

GROUP_MS: Final = 5 * 60 * 1000
"""A message less than this after another one of its author goes without a name."""
FOLDED: Final = frozenset({"joined", "left"})
MAX_FOLD: Final = 1_000
MAX_CACHED: Final = 512
MAX_NOTES: Final = 50
QUOTE_WIDTH: Final = 160

Entry = Head | Line
Day = tuple[int, int]
Notes = dict[str, tuple[Note, ...]]


def key_of(entry: Entry) -> str:
    """Return what stays the same about an entry when it changes: also when a pending message gets its place."""
    match entry:
        case Head():
            return ""
        case Gap():
            return f"gap {entry.seq}"
        case _:
            return entry.message_id


class Feed:
    """What a transcript shows, and how it is laid out; it knows nothing of scrolling."""

    def __init__(self) -> None:
        self.name = ""
        self.entries: list[Entry] = [Head("")]
        self.heights = Heights([1])
        self.columns = Columns.of(80, 5)
        self.fold_joins = True
        self.hide_joins = False
        self.selected: str | None = None
        self.marked: str | None = None
        self.expanded: set[str] = set()
        self.time_format = "%H:%M"
        self.me = ""
        self._conversation: Conversation | None = None
        self._timeline: Timeline = EMPTY_TIMELINE
        self._notes: Notes = {}
        self._cache: OrderedDict[int, tuple[Entry, Surroundings, Laid]] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of entries, the head included."""
        return len(self.entries)

    # ---- Changes ----------------------------------------------------------------------------------------------------

    def show(self, conversation: Conversation, state: ClientState, notes: Notes | None = None) -> None:
        """Begin with another conversation, with the notes that it had: O(lines)."""
        self._notes = dict(notes or {})
        self.name = conversation.name
        self.me = state.me
        self.selected = self.marked = None
        self.expanded.clear()
        self._conversation = conversation
        self._timeline = conversation.timeline
        self.entries = [_head(conversation), *conversation.timeline]
        self._measure()

    def update(self, conversation: Conversation) -> list[Splice]:
        """Take over what changed in the conversation.

        Returns:
            Where entries came, went or changed, in positions of entries, to be applied one after the other from the
            last to the first.
        """
        self._conversation = conversation
        splices = conversation.timeline.splices(self._timeline)
        self._timeline = conversation.timeline
        self.entries[0] = _head(conversation)
        moved = []
        for splice in reversed(splices):
            start = splice.start + 1
            gone = self.entries[start : start + splice.removed]
            self.entries[start : start + splice.removed] = splice.added
            self.heights.splice(start, splice.removed, [estimate(line, self.columns) for line in splice.added])
            self._keep_notes(gone, splice.added, start)
            moved.append(Splice(start, splice.removed, splice.new_start + 1, splice.added))
        return moved

    def restyle(self, columns: Columns) -> None:
        """Lay everything out anew, for another width or another theme."""
        self._cache.clear()
        if columns != self.columns:
            self.columns = columns
            self._measure()

    def _measure(self) -> None:
        columns = self.columns
        self.heights.reset([estimate(entry, columns) for entry in self.entries])

    def add_note(self, note: Note) -> None:
        """Show a line of the program's own below what is the newest entry now."""
        key = key_of(self.entries[-1])
        self._notes[key] = (*self._notes.get(key, ()), note)[-MAX_NOTES:]

    def clear_notes(self) -> None:
        """Take all lines of the program's own away."""
        self._notes.clear()

    @property
    def notes(self) -> Notes:
        """Lines of the program's own, by the entry that they stand below."""
        return dict(self._notes)

    def _keep_notes(self, gone: list[Entry], added: tuple[Line, ...], start: int) -> None:
        """Hang notes of an entry that is gone below the one before it."""
        if not self._notes:
            return
        there = {key_of(line) for line in added}
        for entry in gone:
            key = key_of(entry)
            if key in self._notes and key not in there:
                heir = key_of(self.entries[start - 1])
                self._notes[heir] = (*self._notes.get(heir, ()), *self._notes.pop(key))[-MAX_NOTES:]

    # ---- Questions --------------------------------------------------------------------------------------------------

    def index_of(self, key: str) -> int | None:
        """Return where the message or system line with this id stands."""
        if not key:
            return 0
        if key.startswith("gap "):
            return self.index_of_seq(int(key[4:]))
        line = self._timeline.by_id(key)
        if line is None:
            return None
        if line.seq:
            index = self._timeline.index_of(line.seq)
            return None if index is None else index + 1
        return self.entries.index(line)

    def index_of_seq(self, seq: int) -> int | None:
        """Return which entry stands at a place of the log, or covers it."""
        index = self._timeline.index_of(seq)
        return None if index is None else index + 1

    def neighbour(self, index: int, step: int) -> int | None:
        """Return the next entry in a direction that can be chosen: a message, a gap, joins told as one line."""
        index += step
        while 0 < index < len(self.entries):
            if isinstance(self.entries[index], Message | Gap) or self._is_fold(index):
                return index
            index += step
        return None

    # ---- Layout -----------------------------------------------------------------------------------------------------

    def lay(self, index: int, looks: Looks) -> Laid:
        """Return the rows of an entry; its height is exact from now on."""
        entry = self.entries[index]
        around = self._around(index, entry)
        cached = self._cache.get(id(entry))
        if cached is not None and cached[0] is entry and cached[1] == around:
            self._cache.move_to_end(id(entry))
            laid = cached[2]
        else:
            laid = lay_out(entry, around, self.columns, looks)
            self._cache[id(entry)] = (entry, around, laid)
            if len(self._cache) > MAX_CACHED:
                self._cache.popitem(last=False)
        self.heights.set(index, len(laid.rows))
        return laid

    def _around(self, index: int, entry: Entry) -> Surroundings:
        key = key_of(entry)
        notes = self._notes.get(key, ()) if self._notes else ()
        if isinstance(entry, Head):
            return Surroundings(notes=notes)
        if isinstance(entry, Gap):
            return Surroundings(is_selected=key == self.selected, notes=notes)
        before = self._before(index)
        there = time.localtime(entry.timestamp_ms / 1000)
        day = _day(there)
        is_new_day = before is None or _day(time.localtime(before.timestamp_ms / 1000)) != day
        conversation = self._conversation
        new = 0
        if conversation is not None and entry.seq and entry.seq == conversation.new_from:
            new = max(conversation.new_count, 1)
        is_broken = is_new_day or bool(new) or isinstance(self.entries[index - 1], Gap)
        shown_day = long_day(there) if is_new_day else ""
        clock = time.strftime(self.time_format, there)
        if isinstance(entry, SystemLine):
            return self._around_system(index, entry, is_broken, shown_day, new, clock, notes)
        is_continued = not is_broken and before is not None and _goes_on(before, entry)
        if is_continued and before is not None and not notes:
            same_minute = time.strftime(self.time_format, time.localtime(before.timestamp_ms / 1000)) == clock
            clock = "" if same_minute else clock
        return Surroundings(
            day=shown_day,
            new=new,
            clock=clock,
            is_continued=is_continued,
            quote=self._quote(entry),
            is_read=conversation is not None and 0 < entry.seq <= conversation.peer_read_seq,
            is_private=conversation is not None and conversation.kind == "private",
            is_selected=key == self.selected,
            is_marked=key == self.marked,
            is_expanded=key in self.expanded,
            notes=notes,
            me=self.me,
        )

    def _around_system(
        self, index: int, line: SystemLine, is_broken: bool, day: str, new: int, clock: str, notes: tuple[Note, ...]
    ) -> Surroundings:
        """Fold joins and leaves in a row into the first of them, unless the day or the visit begins between them."""
        if not self._folds(line):
            is_selected = key_of(line) == self.selected
            return Surroundings(day=day, new=new, clock=clock, is_selected=is_selected, notes=notes)
        if self.hide_joins and not day and not new:
            return Surroundings(is_folded=not notes, notes=notes, clock=clock)
        above = self.entries[index - 1]
        if not is_broken and isinstance(above, SystemLine) and self._folds(above) and not self._has_notes(above):
            return Surroundings(is_folded=not notes, notes=notes, clock=clock)
        counts: dict[str, int] = {}
        for other in self._run(index):
            counts[other.action] = counts.get(other.action, 0) + 1
        fold = tuple(counts.items()) if sum(counts.values()) > 1 else ()
        is_selected = key_of(line) == self.selected
        return Surroundings(day=day, new=new, clock=clock, fold=fold, is_selected=is_selected, notes=notes)

    def _folds(self, line: SystemLine) -> bool:
        return (self.fold_joins or self.hide_joins) and line.action in FOLDED and line.message_id not in self.expanded

    def unfold(self, index: int) -> bool:
        """Tell the joins and leaves one by one that stand folded at ``index``; return whether there are any."""
        if not self._is_fold(index):
            return False
        self.expanded.update([line.message_id for line in self._run(index)])
        return True

    def _is_fold(self, index: int) -> bool:
        entry = self.entries[index]
        return isinstance(entry, SystemLine) and bool(self._around(index, entry).fold)

    def _has_notes(self, entry: Entry) -> bool:
        return bool(self._notes) and key_of(entry) in self._notes

    def _run(self, index: int) -> Iterator[SystemLine]:
        """Iterate over the joins and leaves that stand together from ``index`` on."""
        first_day: Day | None = None
        new_from = self._conversation.new_from if self._conversation is not None else None
        for entry in self.entries[index : index + MAX_FOLD]:
            if not isinstance(entry, SystemLine) or not self._folds(entry):
                return
            day = _day(time.localtime(entry.timestamp_ms / 1000))
            if first_day is not None and (day != first_day or entry.seq == new_from):
                return
            first_day = day
            yield entry
            if self._has_notes(entry):
                return

    def _before(self, index: int) -> Message | SystemLine | None:
        """Return the line above that has a time."""
        for place in range(index - 1, max(index - 4, 0), -1):
            entry = self.entries[place]
            if isinstance(entry, Message | SystemLine):
                return entry
        return None

    def _quote(self, message: Message) -> tuple[str, str] | None:
        if message.reply_to is None:
            return None
        target = self._timeline.by_id(message.reply_to)
        if not isinstance(target, Message):
            return "", tr("an older message")
        text = tr("message deleted") if target.deleted else one_line(target.content, QUOTE_WIDTH)
        return (tr("you") if target.mine else target.sender), text


def _day(there: time.struct_time) -> Day:
    return there.tm_year, there.tm_yday


def _goes_on(before: Message | SystemLine, message: Message) -> bool:
    """Tell whether a message continues what its author said right above."""
    return (
        isinstance(before, Message)
        and before.sender == message.sender
        and before.kind == message.kind == "message"
        and 0 <= message.timestamp_ms - before.timestamp_ms < GROUP_MS
    )


def _head(conversation: Conversation) -> Head:
    if conversation.loading_older:
        return Head(tr("loading older messages"))
    if conversation.has_older:
        return Head(tr("older messages above: PgUp loads them"))
    match conversation.kind:
        case "group":
            return Head(tr("This is the beginning of {name}.").format(name=conversation.name), is_start=True)
        case "private":
            return Head(
                tr("This is the beginning of your chat with {name}.").format(name=conversation.name), is_start=True
            )
        case "announcements":
            return Head(tr("Announcements to everybody on this server."), is_start=True)
        case "notifications":
            return Head(tr("What the server and its bots have to tell you."), is_start=True)
