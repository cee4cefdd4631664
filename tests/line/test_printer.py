"""How messages and events look as lines: in words, safe, and so that none can look like another one."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from prompt_toolkit.utils import get_cwidth

from chat_client.core.results import Listing, Row
from chat_client.core.state import Gap, Message, ReactionCount, SystemLine
from chat_client.core.text import Safe, printable, safe_line
from chat_client.line.printer import (
    Look,
    TextLine,
    changed_lines,
    event_lines,
    line_lines,
    listing_lines,
    plain,
    who,
)
from chat_protocol.packets import Deleted, Edited, GroupMessage, Reaction

LOOK = Look(time_format="%H:%M")
MESSAGE = Message(7, "m7", "bob", Safe("Bob"), Safe("hello"), 0)
HEAD = re.compile(r"\d\d:\d\d (#ops )?\^7 ")


def texts(lines: list[TextLine]) -> list[str]:
    """The lines without their styles."""
    return [plain(line) for line in lines]


def body(message: Message, **more: str) -> str:
    """The first line without its time."""
    return plain(line_lines(message, LOOK, **more)[0])[6:]  # type: ignore[arg-type]


def test_a_message() -> None:
    """Time, number, sender, text; the conversation where it is not obvious."""
    assert body(MESSAGE) == "^7 Bob: hello"
    assert body(MESSAGE, place="#ops") == "#ops ^7 Bob: hello"


def test_marks_are_words() -> None:
    """Mentions, edits, deletions, reactions, answers and what is not sent yet are told in words."""
    assert body(replace(MESSAGE, mentions_me=True)) == "^7 Bob mentions you: hello"
    assert body(replace(MESSAGE, mine=True)) == "^7 you: hello"
    reactions = (ReactionCount(Safe("👍"), ("a", "b")),)
    assert body(replace(MESSAGE, edited_at_ms=5, reactions=reactions)) == "^7 Bob: hello (edited, 👍 2)"
    assert body(replace(MESSAGE, deleted=True, content=Safe(""))) == "^7 Bob: (deleted)"
    answer = replace(MESSAGE, seq=9, reply_to="m7")
    assert texts(line_lines(answer, LOOK, target=MESSAGE))[0].endswith("^9 Bob to ^7 of Bob: hello")
    assert body(answer) == "^9 Bob to an older message: hello"
    pending = replace(MESSAGE, seq=0, mine=True, status="pending")
    assert body(pending, note="not sent yet") == "you, not sent yet: hello"
    assert body(replace(MESSAGE, kind="broadcast")) == "^7 announcement by Bob: hello"
    assert body(replace(MESSAGE, kind="notification", topic=Safe("invited"))) == "^7 notification (invited): hello"


def test_other_lines() -> None:
    """System events carry their own words; a hole is told with what to do about it."""
    system = SystemLine(7, "m", Safe("joined"), Safe("bob"), Safe("bob joined"), 0)
    assert texts(line_lines(system, LOOK))[0].endswith("^7 * bob joined")
    assert texts(line_lines(Gap(3, 9, "limit"), LOOK)) == ["— 7 events before this not shown: /more shows them —"]
    assert "no longer" in texts(line_lines(Gap(3, 3, "retention"), LOOK, place="#ops"))[0]


def test_a_display_name_never_stands_for_another_user() -> None:
    """A display name that is not the user name is shown with it."""
    assert who(MESSAGE) == "Bob"
    assert who(replace(MESSAGE, sender="mallory")) == "Bob (@mallory)"
    assert body(replace(MESSAGE, sender="mallory", sender_name=Safe("bob: hi"))) == "^7 bob: hi (@mallory): hello"


@pytest.mark.parametrize("width", [None, 40])
def test_a_text_cannot_look_like_another_message(width: int | None) -> None:
    """Whatever it holds, only its first line begins at the left edge."""
    look = Look(width=width, cells=get_cwidth)
    fake = "hi\n12:00 ^8 alice: yes, delete it" + " " * 200 + "12:00 ^9 alice: do it\n\n\t12:00 ^8 alice"
    lines = texts(line_lines(replace(MESSAGE, content=printable(fake)), look))
    assert HEAD.match(lines[0])
    assert all(line.startswith("      ") for line in lines[1:])


HOSTILE = "a\x1b]2;pwned\x07\x9b31m\u202edcba\u2066x\r12:00 bob" + "e" + "\u0301" * 50


def test_hostile_text_is_made_harmless() -> None:
    """Escape sequences, reordering and piled up marks of a raw event do not get through, wherever they stand."""
    fields = {"conversation": "#ops", "seq": 7, "message_id": "m", "timestamp": 0}
    raw = GroupMessage(sender=HOSTILE, sender_name=HOSTILE, content=HOSTILE, **fields)  # type: ignore[arg-type]
    edited = Edited(sender=HOSTILE, sender_name=HOSTILE, target="m", content=HOSTILE, **fields)  # type: ignore[arg-type]
    reacted = Reaction(sender=HOSTILE, sender_name="", target="m", emoji=HOSTILE, removed=False, **fields)  # type: ignore[arg-type]
    deleted = Deleted(sender=HOSTILE, sender_name="", target="m", **fields)  # type: ignore[arg-type]
    for event in (raw, edited, reacted, deleted):
        for line in texts(event_lines(event, LOOK, me="alice")):
            assert line == printable(line)
            assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", line)
            assert "\u0301" * 9 not in line


@given(st.text(alphabet=st.sampled_from("ab 界👍\u0301\n🇩🇪e"), max_size=200), st.integers(16, 60))
@example(" 界界a界界界", 16)
def test_wrapping_loses_nothing_and_fits(content: str, width: int) -> None:
    """Lines are at most as wide as the terminal in its own cells, and but for blanks the text is all there."""
    safe = printable(content)
    look = Look(width=width, cells=get_cwidth)
    lines = texts(line_lines(replace(MESSAGE, content=safe), look))
    assert all(get_cwidth(line) <= width for line in lines)
    unwrapped = texts(line_lines(replace(MESSAGE, content=safe), LOOK))
    assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", "".join(unwrapped))


def test_wide_characters_wrap_by_cells() -> None:
    """Chinese text has no blanks: it breaks anywhere, two cells a character."""
    look = Look(width=40, cells=get_cwidth)
    lines = texts(line_lines(replace(MESSAGE, content=Safe("界" * 60)), look))
    assert [get_cwidth(line) for line in lines] == [40, 40, 40, 32]


def test_long_lines_stay_whole_without_a_terminal() -> None:
    """In pipes and for screen readers one event is one line, however long."""
    assert len(line_lines(replace(MESSAGE, content=Safe("word " * 1000)), LOOK)) == 1


def test_changes_are_told() -> None:
    """Edits, deletions and reactions of a message that was shown are events of their own."""

    def told(after: Message, before: Message = MESSAGE) -> list[str]:
        return texts(changed_lines(before, after, LOOK, me="alice"))

    assert told(replace(MESSAGE, content=Safe("bye\nnow"), edited_at_ms=1)) == [
        "* the message of Bob ^7 was edited: bye",
        "      now",
    ]
    assert told(replace(MESSAGE, deleted=True, content=Safe(""))) == ["* the message of Bob ^7 was deleted"]
    reacted = replace(MESSAGE, reactions=(ReactionCount(Safe("👍"), ("carol", "alice")),))
    assert told(reacted) == [
        "* @carol reacted 👍 to the message of Bob ^7 “hello”",
        "* you reacted 👍 to the message of Bob ^7 “hello”",
    ]
    assert told(MESSAGE, reacted)[0] == "* @carol took 👍 back from the message of Bob ^7 “hello”"
    assert told(replace(MESSAGE, delivered=3)) == []


def test_tables_are_aligned() -> None:
    """Columns begin at the same cell, also behind wide characters."""
    rows = (Row((safe_line("@ann"), Safe("安"), Safe("x"))), Row((safe_line("@bob"), Safe("Bobby"), Safe("y"))))
    lines = texts(listing_lines(Listing(Safe("Users"), (), rows, Safe("that is all")), LOOK))
    assert lines == ["— Users —", "  @ann  安     x", "  @bob  Bobby  y", "— that is all —"]
