"""Nothing from others reaches a terminal raw."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chat_client.core.text import MAX_MARKS, printable, safe_line, sendable

HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(
            "\x1b\x9b\x07\r\n\t\u202e\u2066\u200f\u061c\u2028\u200b\u200d\ufe0f\ufeff\u0301\u20e3👩💻🏽1#a漢"
        ),
        st.integers(0xE0000, 0xE01EF).map(chr),
        st.integers(0xD800, 0xDFFF).map(chr),
        st.integers(0x300, 0x36F).map(chr),
    ),
    max_size=80,
)
BIDI = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C}


def is_dangerous(character: str) -> bool:
    """Whether a character could act on a terminal."""
    code = ord(character)
    return (
        (code < 0x20 and character not in "\n\t")
        or 0x7F <= code <= 0x9F
        or code in BIDI
        or code in (0x2028, 0x2029, 0xFEFF, 0x200B, 0x200C, 0x2060)
        or 0xE0000 <= code <= 0xE007F
        or unicodedata.category(character) in ("Cs", "Co")
        or code & 0xFFFE == 0xFFFE
    )


@given(HOSTILE)
@example("\x1b]2;PWNED\x1b\\")
@example("\x9b31m\u202edesrever")
@example("a" + "\u0301" * 200)
def test_nothing_dangerous_is_left(text: str) -> None:
    """No control, no bidi override, no tag, no surrogate survives (reliability I22)."""
    shown = printable(text)

    assert not [character for character in shown if is_dangerous(character)]


@given(HOSTILE)
def test_it_is_idempotent(text: str) -> None:
    """What went through the door goes through it unchanged."""
    assert printable(printable(text)) == printable(text)
    assert safe_line(safe_line(text)) == safe_line(text)


@given(HOSTILE)
def test_marks_do_not_pile_up(text: str) -> None:
    """At most eight combining marks follow each other, and none stands first in a line."""
    run = 0
    previous = "\n"
    for character in printable(text):
        run = run + 1 if unicodedata.category(character).startswith("M") else 0
        assert run <= MAX_MARKS + 1  # an emoji selector may stand between base and marks
        assert not (run and previous in "\n\t")
        previous = character


@given(HOSTILE)
def test_a_line_is_one_line(text: str) -> None:
    """Names and titles hold no newline and no tab."""
    assert not set(safe_line(text)) & {"\n", "\t"}


@given(st.text(st.characters(exclude_categories=("C", "M", "Zl", "Zp", "Lo")), max_size=50))
def test_ordinary_text_is_left_alone(text: str) -> None:
    """Letters, digits, punctuation and symbols come back as they are."""
    shown = "".join(character for character in text if character != "\u2800")

    assert printable(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "👩\u200d💻",
        "❤\ufe0f",
        "👍🏽",
        "1\ufe0f\u20e3",
        "🏳\ufe0f\u200d🌈",
        "नमस्ते",
        "สวัสดี",
        "你好",
        "é",
        "e\u0301",
        "a\u00a0b",
    ],
)
def test_real_writing_survives(text: str) -> None:
    """Emoji sequences and scripts with marks are shown as they were written."""
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "␛[31m"),
        ("a\x00b", "a␀b"),
        ("\x7f", "␡"),
        ("\x9b", "\ufffd"),
        ("\u202eabc", "\ufffdabc"),
        ("zero\u200bwidth", "zerowidth"),
        ("a\r\nb\rc", "a\nb␍c"),
        ("\u0301x", "\u25cc\u0301x"),
        ("a\u200db", "ab"),
        ("x\U000e0041", "x"),
        ("[red]x[/]", "[red]x[/]"),
    ],
)
def test_what_is_shown_instead(text: str, shown: str) -> None:
    """Escapes are visible, the invisible is gone, markup is text."""
    assert printable(text) == shown


@given(HOSTILE)
def test_what_is_sent_is_what_the_server_takes(text: str) -> None:
    """Own text goes out without controls and can be encoded (protocol.md 1)."""
    sent = sendable(text)

    assert not [character for character in sent if ord(character) < 0x20 and character not in "\n\t"]
    sent.encode()
