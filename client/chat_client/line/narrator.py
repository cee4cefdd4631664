"""What happened between two states, told in lines, each thing once. It writes nowhere and asks nobody.

Told in full is what comes live, and everything new in the conversation that is open. What came into other conversations
while there was no connection is told as one line each.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from chat_client.core.language import tr, tr_n
from chat_client.core.state import ClientState, Conversation, Gap, Line, Message
from chat_client.core.terms import conversation_title
from chat_client.core.text import safe_line
from chat_client.line.printer import Look, TextLine, changed_lines, line_lines, rule

__all__ = ["Narrator", "Shown", "Story", "prompt", "queue_text"]

MAX_NAMED: Final = 3
"""Conversations that a prompt names besides the open one."""


class Shown(msgspec.Struct, frozen=True):
    """A range of a log that the user sees with the story: for :meth:`ChatClient.shown`."""

    conversation: str
    first_seq: int
    last_seq: int


class Story(msgspec.Struct):
    """What to print, what of it counts as read, and whether it is worth a bell."""

    lines: list[TextLine] = msgspec.field(default_factory=list)
    shown: list[Shown] = msgspec.field(default_factory=list)
    rings: bool = False


class Narrator:
    """Remembers what it told.

    Args:
        look: How lines are drawn; may be replaced at any time.
        echoes: Whether own messages are told when they stand in the log. Off where the terminal still shows the typed
            line: then only their marks are told.
    """

    def __init__(self, state: ClientState, look: Look, *, echoes: bool = True) -> None:
        self.look = look
        self._echoes = echoes
        self._before = state
        self._positions = {name: entry.cursor for name, entry in state.conversations.items()}
        self._notice = state.last_notice
        self._link = ""
        self.quiet = ""
        """A conversation that is being opened: nothing of it is told until :meth:`visit` shows its end."""
        self._waiting: set[str] = set()
        self._failed: set[str] = set()

    def tell(self, state: ClientState) -> Story:
        """Return what happened since the last call."""
        story = Story()
        before, self._before = self._before, state
        story.lines += self._link_lines(state)
        if state.link.synced and not before.link.synced:
            story.lines += self._missed(state)
        if state.epoch != before.epoch and before.epoch:
            self._positions.clear()
            story.lines.append(rule(tr("the server's store was replaced: everything older is gone"), "error"))
        for name, entry in state.conversations.items():
            known = before.conversations.get(name)
            if known is not entry:
                self._conversation(entry, known, state, story)
        for message, entry in _unsent(state):
            story.lines += self._unsent(message, entry, state)
        self._notices(state, story)
        return story

    # ---- The connection ----

    def _link_lines(self, state: ClientState) -> Iterator[TextLine]:
        link = state.link
        if link.status == "connecting" or (link.status == "online" and not link.synced):
            return
        text = f"{link.status}{link.detail}"
        if text == self._link:
            return
        was_told, self._link = self._link, text
        if link.status == "online":
            if was_told:
                yield rule(f"{tr('online again')}{_behind(queue_text(state))}")
        elif link.status == "refused":
            yield rule(tr("not connected: {detail}").format(detail=link.detail), "error")
        elif link.detail:
            offline = tr("offline: {detail}; it is tried again").format(detail=link.detail)
            yield rule(f"{offline}{_behind(queue_text(state))}", "error")

    def _missed(self, state: ClientState) -> Iterator[TextLine]:
        """Tell what came while there was no connection; from here on everything is live."""
        for name, entry in sorted(state.conversations.items(), key=lambda item: item[1].sort_key):
            position = self._positions.get(name, entry.loaded_from - 1)
            self._positions[name] = position
            is_new = entry.unread and entry.last_seq > position
            if name == self.quiet:
                continue
            if name == state.current:
                if is_new:
                    yield rule(_new_since(entry), "mention")
                continue
            self._positions[name] = max(position, entry.last_seq)
            if entry.unread and not entry.muted:
                told = _new_since(entry)
                if entry.mentions:
                    told += tr_n(", {count} of them mentions you", ", {count} of them mention you", entry.mentions)
                style = "mention" if entry.mentions else "rule"
                yield rule(told, style)

    # ---- Conversations ----

    def _conversation(self, entry: Conversation, known: Conversation | None, state: ClientState, story: Story) -> None:
        position = self._positions.setdefault(entry.name, entry.loaded_from - 1)
        is_open = entry.name == state.current
        is_told = entry.name != self.quiet and (is_open or not entry.muted)
        place = "" if is_open else safe_line(entry.name)
        first = 0
        for line in _changed(entry, known):
            if line.seq > position:
                if is_told and (is_open or not isinstance(line, Gap)):
                    story.lines += self._new(line, entry, place)
                first = first or line.first_seq
            elif known is not None and is_told and isinstance(line, Message):
                old = known.timeline.by_seq(line.seq)
                if isinstance(old, Message) and old is not line:
                    story.lines += changed_lines(old, line, self.look, place=place, me=state.me)
        self._positions[entry.name] = max(position, entry.cursor)
        if is_open and is_told and entry.cursor > position:
            story.shown.append(Shown(entry.name, first or position + 1, entry.cursor))

    def _new(self, line: Line, entry: Conversation, place: str) -> list[TextLine]:
        note = ""
        if isinstance(line, Message) and line.mine:
            was_waiting = line.message_id in self._waiting
            self._waiting.discard(line.message_id)
            self._failed.discard(line.message_id)
            note = tr("sent now") if was_waiting else ""
            if not self._echoes and not was_waiting:
                return [((("number", f"^{line.seq} "), ("mark", tr("sent"))))]
        return line_lines(line, self.look, place=place, target=_target(line, entry), note=note)

    def _unsent(self, message: Message, entry: Conversation, state: ClientState) -> list[TextLine]:
        """Tell once that a message waits, and once that it failed."""
        if message.status == "failed":
            if message.message_id in self._failed:
                return []
            self._failed.add(message.message_id)
            note = tr("NOT SENT ({reason}; /retry or /discard)").format(reason=message.reason)
        elif message.message_id in self._waiting or (state.link.synced and not message.reason):
            return []
        else:
            self._waiting.add(message.message_id)
            reason = message.reason or tr("waiting for a connection")
            note = tr("not sent yet ({reason})").format(reason=reason)
        place = "" if entry.name == state.current else safe_line(entry.name)
        return line_lines(message, self.look, place=place, target=_target(message, entry), note=note)

    # ---- Showing on demand ----

    def visit(self, entry: Conversation, count: int) -> Story:
        """Return the end of a conversation that is opened: what is unread, up to 200 lines, and at least ``count``."""
        lines = entry.timeline.tail(200)
        new_from = entry.new_from
        fresh = sum(1 for line in lines if new_from is not None and line.seq >= new_from)
        lines = [line for line in lines[-max(count, fresh) :] if line.seq]
        called = conversation_title(entry, self._before) if entry.title and entry.kind != "private" else ""
        title = tr(": {title}").format(title=called) if called else ""
        topic = f" ({entry.topic})" if entry.topic else ""
        story = Story([rule(f"{safe_line(entry.name)}{title}{topic}")])
        self._positions[entry.name] = entry.cursor
        for line in lines:
            if line.seq == new_from:
                story.lines.append(rule(tr_n("{count} new", "{count} new", entry.new_count), "mention"))
            story.lines += line_lines(line, self.look, target=_target(line, entry))
        if not lines and not entry.has_older:
            story.lines.append(rule(tr("nothing was said here yet")))
        if lines:
            story.shown.append(Shown(entry.name, lines[0].first_seq, entry.cursor))
        elif entry.cursor:
            story.shown.append(Shown(entry.name, 1, entry.cursor))
        return story

    def page(self, entry: Conversation, lines: Iterable[Line]) -> Story:
        """Return some lines of a conversation, wherever they stand."""
        story = Story()
        for line in lines:
            story.lines += line_lines(line, self.look, target=_target(line, entry))
            if line.seq and not isinstance(line, Gap):
                story.shown.append(Shown(entry.name, line.first_seq, line.seq))
        return story

    def _notices(self, state: ClientState, story: Story) -> None:
        for notice in state.notices:
            if notice.number <= self._notice:
                continue
            if notice.kind in ("info", "error"):
                story.lines.append(rule(notice.text, "error" if notice.kind == "error" else "rule"))
            else:
                story.rings = True
        self._notice = state.last_notice


def _changed(entry: Conversation, known: Conversation | None) -> Iterator[Line]:
    """Yield the lines of the log that are not the same as before."""
    if known is None:
        yield from (line for line in entry.timeline if line.seq)
        return
    for splice in entry.timeline.splices(known.timeline):
        yield from (line for line in splice.added if line.seq)


def _unsent(state: ClientState) -> Iterator[tuple[Message, Conversation]]:
    for entry in state.conversations.values():
        for message in entry.timeline.pending:
            yield message, entry


def _new_since(entry: Conversation) -> str:
    name = safe_line(entry.name)
    return tr_n("{count} new in {name} since you left", "{count} new in {name} since you left", entry.unread, name=name)


def _target(line: Line, entry: Conversation) -> Message | None:
    if not isinstance(line, Message) or line.reply_to is None:
        return None
    target = entry.timeline.by_id(line.reply_to)
    return target if isinstance(target, Message) and target.seq else None


def queue_text(state: ClientState) -> str:
    """Return in words what waits to be sent; empty if nothing does."""
    if not state.queued:
        return ""
    return tr_n("{count} message of yours waits to be sent", "{count} messages of yours wait to be sent", state.queued)


def _behind(text: str) -> str:
    return f"{tr('; ')}{text}" if text else ""


def prompt(state: ClientState) -> TextLine:
    """Return the prompt: where one is, whether there is a connection, and where something is unread."""
    parts: list[tuple[str, str]] = [("place", safe_line(state.current) if state.current else tr("no conversation"))]
    if not state.link.synced:
        link = tr("connecting") if state.link.status == "connecting" else tr("offline")
        queued = tr(", {count} queued").format(count=state.queued) if state.queued else ""
        parts.append(("error", f" ({link}{queued})"))
    entries = [entry for entry in state.conversations.values() if entry.unread and not entry.muted]
    others = sorted((entry for entry in entries if entry.name != state.current), key=lambda entry: entry.sort_key)
    if others:
        parts.append(("", " ["))
        for number, entry in enumerate(others[:MAX_NAMED]):
            mentions = f" @{entry.mentions}" if entry.mentions and entry.kind == "group" else ""
            parts.append(("", ", " if number else ""))
            parts.append(("mention" if entry.mentions else "", f"{safe_line(entry.name)} {entry.unread}{mentions}"))
        more = len(others) - MAX_NAMED
        parts.append(("", tr(", {count} more]").format(count=more) if more > 0 else "]"))
    return (*parts, ("", "> "))
