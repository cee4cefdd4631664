"""Messages and events as lines of text. Pure: it knows no terminal, no state and no clock but the time zone.

A line is a tuple of fragments, each a style's name and a text; :func:`plain` drops the styles. Everything is said in
words, styles only repeat it. A line that continues a message is indented, so none can look like the start of another.
"""

import re
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from chat_client.core.language import tr, tr_n
from chat_client.core.lines import line_of
from chat_client.core.results import Listing
from chat_client.core.state import Gap, Line, Message, SystemLine
from chat_client.core.terms import action_sentence, notification_word
from chat_client.core.text import printable, safe_line
from chat_protocol.packets import Deleted, Edited, LogEvent, Reaction

__all__ = [
    "Fragment",
    "Look",
    "TextLine",
    "changed_lines",
    "event_lines",
    "line_lines",
    "listing_lines",
    "plain",
    "rule",
    "who",
]

Fragment = tuple[str, str]
"""Style and text. Styles: ``time number place name own mention mark rule error`` or empty."""
TextLine = tuple[Fragment, ...]

INDENT: Final = "      "
_WORD: Final = re.compile(" +|[^ ]+")
MAX_QUOTE: Final = 40


class Look(msgspec.Struct, frozen=True):
    """How lines are drawn."""

    time_format: str = "%H:%M"
    width: int | None = None
    """Columns of the terminal; None: lines are not wrapped."""
    cells: Callable[[str], int] = len
    """How many columns a text takes; asked only where ``width`` is set."""


def plain(line: TextLine) -> str:
    """Return a line's text."""
    return "".join(text for _, text in line)


def rule(text: str, style: str = "rule") -> TextLine:
    """Return a line of the program's own, which is no message."""
    return ((style, f"— {text} —"),)


def who(message: Message) -> str:
    """Return how the sender is called: a display name that is not the user name never stands alone."""
    if message.sender_name.casefold() == message.sender:
        return message.sender_name
    return f"{message.sender_name} (@{message.sender})"


def quote(content: str) -> str:
    """Return the beginning of a text as one line."""
    line = " ".join(content.split())
    return line if len(line) <= MAX_QUOTE else f"{line[: MAX_QUOTE - 1]}…"


def stamp(timestamp_ms: int, look: Look) -> str:
    """Return a time in the local time zone."""
    return safe_line(time.strftime(look.time_format, time.localtime(timestamp_ms / 1000)))


def line_lines(
    line: Line, look: Look, *, place: str = "", target: Message | None = None, note: str = ""
) -> list[TextLine]:
    """Return a line of a timeline as lines of text.

    Args:
        line: A message, a system event or a gap.
        look: How to draw.
        place: The conversation, where it is not obvious.
        target: The message that this one answers, if it is known.
        note: A mark in words behind the sender, like ``not sent yet``.
    """
    match line:
        case Gap():
            return [_gap_line(line, place)]
        case SystemLine():
            head = _head(line.timestamp_ms, look, place, line.seq)
            return _flow((*head, ("mark", f"* {action_sentence(line.action, line.subject, line.content)}")), (), look)
        case Message():
            head = _head(line.timestamp_ms, look, place, line.seq)
            return _flow((*head, *_sender(line, target, note)), _body(line), look)


def _gap_line(gap: Gap, place: str) -> TextLine:
    events = tr_n("{count} event", "{count} events", gap.count)
    if place:
        events = tr("{events} of {place}").format(events=events, place=place)
    reasons = {
        "limit": tr("/more shows them"),
        "retention": tr("the server keeps them no longer"),
        "not_visible": tr("not for you"),
    }
    reason = reasons.get(gap.reason, gap.reason)
    return rule(tr("{events} before this not shown: {reason}").format(events=events, reason=reason))


def _head(timestamp_ms: int, look: Look, place: str, seq: int) -> TextLine:
    head: list[Fragment] = [("time", f"{stamp(timestamp_ms, look)} ")]
    if place:
        head.append(("place", f"{place} "))
    if seq:
        head.append(("number", f"^{seq} "))
    return tuple(head)


def _sender(message: Message, target: Message | None, note: str) -> TextLine:
    if message.kind == "notification":
        return (("mark", tr("notification ({topic})").format(topic=notification_word(message.topic))), ("", tr(": ")))
    name = tr("you") if message.mine else who(message)
    fragments: list[Fragment] = []
    if message.kind == "broadcast":
        fragments.append(("mark", tr("announcement by ")))
    fragments.append(("own" if message.mine else "name", name))
    if message.reply_to is not None:
        to: str = tr(" to an older message")
        if target:
            to = tr(" to ^{number} of {name}").format(number=target.seq, name=who(target))
        fragments.append(("mark", to))
    if message.mentions_me:
        fragments.append(("mention", tr(" mentions you")))
    if note:
        fragments.append(("error" if message.status == "failed" else "mark", f"{tr(', ')}{note}"))
    return (*fragments, ("", tr(": ")))


def _body(message: Message) -> TextLine:
    if message.deleted:
        return (("mark", tr("(deleted)")),)
    marks: list[str] = [tr("edited")] if message.edited_at_ms is not None else []
    marks += [f"{reaction.emoji} {len(reaction.users)}" for reaction in message.reactions if reaction.users]
    style = "mention" if message.mentions_me else ""
    suffix: TextLine = (("mark", f" ({', '.join(marks)})"),) if marks else ()
    return ((style, message.content), *suffix)


def changed_lines(before: Message, after: Message, look: Look, *, place: str = "", me: str = "") -> list[TextLine]:
    """Return what to say when a message that was shown is another one now: edited, deleted, reacted to."""
    lines: list[TextLine] = []
    whose = tr("your message") if after.mine else tr("the message of {name}").format(name=who(after))
    number: Fragment = ("number", f"^{after.seq}")
    head: TextLine = (("place", f"{place} "),) if place else ()
    if after.deleted:
        if not before.deleted:
            lines += _flow((*head, ("mark", f"* {whose} "), number, ("mark", tr(" was deleted"))), (), look)
        return lines
    if after.content != before.content:
        lines += _flow(
            (*head, ("mark", f"* {whose} "), number, ("mark", tr(" was edited: "))), (("", after.content),), look
        )
    for emoji, user, is_new in _reaction_changes(before, after):
        name = tr("you") if user == me else f"@{user}"
        did = tr("* {name} reacted {emoji} to {whose} ") if is_new else tr("* {name} took {emoji} back from {whose} ")
        told = did.format(name=name, emoji=emoji, whose=whose)
        text = f" “{quote(after.content)}”"
        lines += _flow((*head, ("mark", told), number, ("mark", text)), (), look)
    return lines


def _reaction_changes(before: Message, after: Message) -> list[tuple[str, str, bool]]:
    if before.reactions == after.reactions:
        return []
    old = {(str(count.emoji), user): None for count in before.reactions for user in count.users}
    new = {(str(count.emoji), user): None for count in after.reactions for user in count.users}
    added = [(emoji, user, True) for emoji, user in new if (emoji, user) not in old]
    return added + [(emoji, user, False) for emoji, user in old if (emoji, user) not in new]


def event_lines(event: LogEvent, look: Look, *, me: str, place: str = "") -> list[TextLine]:
    """Return an event of a log as lines of text, where no timeline is at hand (``tail``)."""
    line = line_of(event, me)
    if line is not None:
        return line_lines(line, look, place=place)
    head = _head(event.timestamp, look, place, event.seq)
    sender = tr("you") if event.sender == me else f"@{safe_line(event.sender)}"
    match event:
        case Edited() if isinstance(event.content, str) and event.deleted is not True:
            return _flow(
                (*head, ("mark", tr("* {sender} edited a message: ").format(sender=sender))),
                (("", printable(event.content)),),
                look,
            )
        case Edited():
            did = tr("edited a message that is deleted now")
        case Deleted():
            did = tr("deleted a message")
        case Reaction():
            did = tr("took back the reaction {emoji}") if event.removed else tr("reacted {emoji}")
            did = safe_line(did.format(emoji=safe_line(event.emoji)))
        case _:
            did = safe_line(type(event).__name__)
    return _flow((*head, ("mark", f"* {sender} {did}")), (), look)


def listing_lines(listing: Listing, look: Look) -> list[TextLine]:
    """Return a table as lines: columns are aligned, the last one flows."""
    cells = look.cells if look.width is not None else _plain_cells
    rows = [row.cells for row in listing.rows]
    last = max((len(row) for row in rows), default=0) - 1
    widths = [max((cells(row[at]) for row in rows if at < len(row)), default=0) for at in range(last)]
    lines: list[TextLine] = [rule(listing.title)]
    for row in rows:
        padded = [text + " " * (width - cells(text)) for text, width in zip(row, widths, strict=False)]
        text = "  ".join([*padded, *row[last:]]).rstrip()
        lines += _flow((("", "  "),), (("", text),), look)
    if listing.note:
        lines.append(rule(listing.note))
    return lines


def _plain_cells(text: str) -> int:
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


# ---- Flowing -------------------------------------------------------------------------------------------------------


def _flow(head: Sequence[Fragment], body: Iterable[Fragment], look: Look) -> list[TextLine]:
    """Break at line ends, and at the width if there is one; all but the first line are indented."""
    lines: list[list[Fragment]] = [[]]
    for style, text in (*head, *body):
        for number, part in enumerate(text.expandtabs(4).split("\n")):
            if number:
                lines.append([("", INDENT)])
            if part:
                lines[-1].append((style, part))
    if look.width is None:
        return [tuple(line) for line in lines]
    return [piece for line in lines for piece in _wrap(line, look.width, look.cells)]


def _wrap(line: Sequence[Fragment], width: int, cells: Callable[[str], int]) -> list[TextLine]:
    """Break one line between words; a word that is longer than a line is broken anywhere but before a mark."""
    width = max(width, len(INDENT) + 10)
    if cells(plain(tuple(line))) <= width:
        return [tuple(line)]
    done: list[TextLine] = []
    current: list[Fragment] = []
    used = 0
    for style, text in line:
        for word in _WORD.findall(text):
            size = cells(word)
            if used + size > width and used > len(INDENT) and (word.isspace() or size <= width - len(INDENT)):
                done.append(tuple(current))
                current, used = [("", INDENT)], len(INDENT)
                if word.isspace():
                    continue  # the line break stands for it
            while used + cells(word) > width:
                taken = _fitting(word, width - used, cells)
                if not taken and used <= len(INDENT):
                    taken = 1  # wider than a line; something has to be taken
                current.append((style, word[:taken]))
                done.append(tuple(current))
                current, used, word = [("", INDENT)], len(INDENT), word[taken:]  # noqa: PLW2901 - the rest of it
            current.append((style, word))
            used += cells(word)
    return [*done, tuple(current)]


def _fitting(word: str, room: int, cells: Callable[[str], int]) -> int:
    """Return how many characters fit; marks and joined emoji stay with their base."""
    taken = used = 0
    while taken < len(word) and used + cells(word[taken]) <= room:
        used += cells(word[taken])
        taken += 1
    while 0 < taken < len(word) and (cells(word[taken]) == 0 or word[taken - 1] == "\u200d"):
        taken -= 1
    return taken
