"""What is offered at the caret."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_client.core.completion import complete
from chat_client.core.state import ClientState, Conversation, Member, Person
from chat_client.core.text import Safe

STATE = ClientState(
    me="me",
    current="#general",
    people={
        user: Person(user, Safe(name))
        for user, name in [("alice", "Alice"), ("albert", "Bert"), ("carol", "Alma"), ("me", "Me"), ("zoe", "Zoë")]
    },
    conversations={
        "#general": Conversation("#general", "group", members=(Member("albert", Safe("Bert"), "member"),)),
        "#gentoo": Conversation("#gentoo", "group"),
        "@alice": Conversation("@alice", "private"),
    },
)
MANY = ClientState(me="me", people={f"user{n}": Person(f"user{n}", Safe(f"Person {n}")) for n in range(5_000)})


def offers(text: str, caret: int | None = None) -> list[str]:
    """The texts offered at a place."""
    place = len(text) if caret is None else caret
    return [candidate.text for candidate in complete(text, place, STATE).candidates]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("hi @al", "@albert "),  # a member of the open group comes first
        ("hi @ali", "@alice "),
        ("hi @bert", "@albert "),
        ("@", "@albert "),
        ("#ge", "#general "),
        ("see #gent", "#gentoo "),
        ("/jo", "/join "),
        ("/par", "/part "),
        (":tad", "🎉 "),
        (":th", "👍 "),  # what is common comes before what is short
        ("/react ^3 :", "👍 "),
        ("/react ^3 :ro", "🚀 "),
        ("ok :+1", "👍 "),
        ("/msg al", "@albert "),
        ("/role @alice mod", "moderator "),
        ("/open @a", "@alice "),
        ("/help jo", "/join "),
        ("/reply ^3 @ali", "@alice "),
    ],
)
def test_first_offer(text: str, first: str) -> None:
    """Users, groups, emoji, commands and arguments are offered where they belong."""
    found = offers(text)
    assert found
    assert found[0] == first


@pytest.mark.parametrize("text", ["hello", "a:b", "12:30", "//jo", "mail@al", "", " "])
def test_no_offer(text: str) -> None:
    """Ordinary text is left alone."""
    assert [offer for offer in offers(text) if text] == []


def test_only_the_word_before_the_caret_is_replaced() -> None:
    """The text behind the caret stays."""
    found = complete("hi @ali and bye", 7, STATE)
    assert (found.start, found.end) == (3, 7)


def test_admin_commands_are_for_admins() -> None:
    """What one may not do is not offered."""
    assert "/broadcast " not in offers("/br")


@given(st.text(max_size=30), st.integers(0, 30))
def test_it_never_fails(text: str, caret: int) -> None:
    """Any text, any caret, at most eight offers."""
    found = complete(text, min(caret, len(text)), STATE)
    assert 0 <= found.start <= found.end <= len(text)
    assert len(found.candidates) <= 8


@pytest.mark.serial
def test_it_is_fast_with_5000_users() -> None:
    """Typing is never held up (ecosystem.md 3): a few milliseconds for 5,000 users."""
    complete("hi @user4", 9, MANY)
    best = min(_timed("hi @user49") for _ in range(5))
    assert best < 0.02


def _timed(text: str) -> float:
    begun = time.perf_counter()
    complete(text, len(text), MANY)
    return time.perf_counter() - begun
