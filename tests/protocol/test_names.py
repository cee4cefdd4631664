"""Names of users, groups and conversations (protocol.md 2)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_protocol import names

VALID = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,31}", fullmatch=True)


@given(VALID)
def test_valid_names_are_folded(text: str) -> None:
    """1 to 32 of a-z 0-9 _ . -, first a letter or digit, folded to lower case (protocol.md 2)."""
    assert names.user_name(text) == text.lower()
    assert names.group_name("#" + text) == text.lower()


@given(st.text(max_size=40))
def test_any_text(text: str) -> None:
    """Whatever is typed is a canonical name or BadName, and folding twice changes nothing (protocol.md 2)."""
    try:
        name = names.user_name(text)
    except names.BadName:
        return
    assert re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,31}", name, re.ASCII)
    assert names.user_name(name) == name


@pytest.mark.parametrize(
    "text", ["", " ", "_a", ".a", "-a", "a b", "a" * 33, "@bob", "ä", "аdmin", "\u212a", "a\n", "##a", "a\u202eb", "Ａ"]
)
def test_bad_names(text: str) -> None:
    """Empty, long, foreign or decorated text is no name (protocol.md 2, reliability.md B18)."""
    with pytest.raises(names.BadName):
        names.user_name(text)
    with pytest.raises(names.BadName):
        names.group_name(text)


@pytest.mark.parametrize("name", sorted(names.RESERVED))
def test_reserved_names(name: str) -> None:
    """Nobody can take a reserved name, however it is written; it can still be asked for (protocol.md 2)."""
    with pytest.raises(names.BadName):
        names.new_name(name.upper())
    assert names.user_name(name) == name


@pytest.mark.parametrize("name", ["systern", "SYSTERN", "a11", "al1", "adrnin", "adm1n", "rne"])
def test_reserved_lookalikes(name: str) -> None:
    """A name that looks like a reserved one cannot be taken either: it would speak for the server (protocol.md 2)."""
    with pytest.raises(names.BadName):
        names.new_name(name)


@pytest.mark.parametrize("name", ["ali", "serve", "mel", "her", "systems", "admiral"])
def test_near_reserved_names(name: str) -> None:
    """Ordinary names that are merely near a reserved one can be taken (protocol.md 2)."""
    assert names.new_name(name) == name


def test_reserved_are_those_of_the_specification() -> None:
    """The reserved names are these six (protocol.md 2)."""
    assert {"server", "system", "admin", "me", "all", "here"} == names.RESERVED


@pytest.mark.parametrize(("one", "other"), [("bob", "b0b"), ("alice", "a1ice"), ("morn", "mom"), ("vvill", "will")])
def test_confusable_names(one: str, other: str) -> None:
    """Names that look alike have one skeleton (protocol.md 2)."""
    assert names.skeleton(one) == names.skeleton(other)


@given(st.from_regex(r"[a-z0-9][a-z0-9_.\-]{0,31}", fullmatch=True))
def test_skeleton_ignores_lookalikes(name: str) -> None:
    """Swapping lookalike digits and letters never changes a skeleton (protocol.md 2)."""
    swapped = name.translate(str.maketrans("o0l1", "0o1l"))
    assert names.skeleton(swapped) == names.skeleton(name)


def test_different_names_have_different_skeletons() -> None:
    """What does not look alike is not kept from anybody (protocol.md 2)."""
    assert len({names.skeleton(name) for name in ("bob", "rob", "bobo", "b-b", "b.b", "b_b")}) == 6


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("#ops", "group"),
        ("@bob", "private"),
        ("!announcements", "announcements"),
        ("!notifications", "notifications"),
        ("!other", None),
        ("ops", None),
        ("", None),
    ],
)
def test_kinds(name: str, kind: str | None) -> None:
    """A conversation's kind is read from its name (protocol.md 2)."""
    assert names.kind_of(name) == kind


def test_conversations_are_named() -> None:
    """Groups are named #group, private chats @user (protocol.md 2)."""
    assert names.group_conversation("ops") == "#ops"
    assert names.private_conversation("bob") == "@bob"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("@bob", ["bob"]),
        ("hi @Bob, @alice!", ["bob", "alice"]),
        ("@bob @bob @BOB", ["bob"]),
        ("thanks @bob.", ["bob"]),
        ("(@bob-)", ["bob"]),
        ("mail bob@example.org", []),
        ("@@bob", []),
        ("x.@bob", []),
        ("@", []),
        ("no one", []),
        ("é@bob", ["bob"]),
        ("@j.doe: and @a_b", ["j.doe", "a_b"]),
    ],
)
def test_mentions(content: str, found: list[str]) -> None:
    """@name in a text mentions; an address or a stray sign does not (protocol.md 3)."""
    assert names.mentioned(content) == found


@given(st.text(st.sampled_from("@ab.-_ \n#é0"), max_size=60))
def test_mentions_are_names(content: str) -> None:
    """Whatever is found in a text is a valid name, each once (protocol.md 3)."""
    found = names.mentioned(content)
    assert [names.user_name(name) for name in found] == found
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("content", ["@a" * 4000, "@" * 8000, "@" + "a" * 8000, "@a." * 2600, " @a" * 2600])
def test_mentions_of_long_text(content: str) -> None:
    """The longest content is searched without trouble (reliability.md B31)."""
    assert len(names.mentioned(content)) <= 1
