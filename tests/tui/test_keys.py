"""What a terminal sends for a key, and which key the program takes it for."""

from __future__ import annotations

import pytest
from textual import events
from textual._xterm_parser import XTermParser

from chat_client.tui.compat import read_alt_keys


def keys(sent: str) -> list[str]:
    """The keys that stand for what a terminal sends at once."""
    read_alt_keys()
    parser = XTermParser()
    return [event.key for event in (*parser.feed(sent), *parser.feed("")) if isinstance(event, events.Key)]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("\x1ba", ["alt+a"]),
        ("\x1ba\x1ba\x1ba", ["alt+a"] * 3),
        ("\x1bx\x1b[A", ["alt+x", "up"]),
        ("\x1bA", ["alt+shift+a"]),
        ("\x1b1\x1b9", ["alt+1", "alt+9"]),
        ("¡", ["inverted_exclamation_mark"]),
        ("\x1b\r", ["alt+enter"]),
        ("\x1b\x1b[A", ["escape", "up"]),
        ("\x1bb\x1bf", ["ctrl+left", "ctrl+right"]),
        ("\x1bOP\x1b[1;3B\x1b[B", ["f1", "alt+down", "down"]),
        ("\x1bahello", ["alt+a", *"hello"]),
    ],
)
def test_alt_and_a_key_is_one_key(sent: str, expected: list[str]) -> None:
    """However fast they follow each other, none becomes letters; what a keyboard of a Mac types stays a letter."""
    assert keys(sent) == expected


def test_alt_carries_no_text() -> None:
    """Nobody can take the letter of a key with alt for something that was typed."""
    read_alt_keys()
    for sent in ("\x1ba", "\x1b1", "\x1b+", "\x1bé", "\x1b\r"):
        [event] = [event for event in XTermParser().feed(sent) if isinstance(event, events.Key)]
        assert event.character is None, sent
