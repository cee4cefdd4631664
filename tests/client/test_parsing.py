"""What typed lines mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_client.core.commands import ALIASES, COMMANDS
from chat_client.core.parsing import Invocation, Say, UsageError, parse_line
from chat_client.core.wording import expand_emoji, split_words


@given(st.text(max_size=40))
def test_any_line_is_understood_or_refused(line: str) -> None:
    """Nothing typed raises, and a line with one slash is never said."""
    parsed = parse_line(line)

    assert isinstance(parsed, Say | Invocation | UsageError)
    if line.startswith("/") and not line.startswith("//"):
        assert not isinstance(parsed, Say)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("hello", "hello"),
        ("//join me", "/join me"),
        ("//", "/"),
        ("  two  blanks ", "  two  blanks "),
        ("a /join", "a /join"),
    ],
)
def test_what_is_said(line: str, text: str) -> None:
    """Everything without a slash is said as it is; two slashes say one."""
    assert parse_line(line) == Say(text)


@pytest.mark.parametrize("line", ["/foo", "/", "/ join", "/1", "/\x1b[2J", "/jion x"])
def test_unknown_commands_are_refused(line: str) -> None:
    """An unknown command is told, never sent, and its name is safe to show."""
    parsed = parse_line(line)
    assert isinstance(parsed, UsageError)
    assert "nothing was sent" in parsed.message
    assert "\x1b" not in parsed.message


@pytest.mark.parametrize(
    ("line", "name", "arguments"),
    [
        ("/join #ops", "join", {"group": "#ops"}),
        ("/J ops", "join", {"group": "ops"}),
        ("/part", "leave", {"group": ""}),
        ("/msg @bob hi  there", "msg", {"user": "@bob", "text": "hi  there"}),
        ("/edit ^42 new text", "edit", {"message": "^42", "text": "new text"}),
        ("/edit 42 is the answer", "edit", {"message": "", "text": "42 is the answer"}),
        ("/react 👍", "react", {"message": "", "emoji": "👍"}),
        ("/role @bob owner #ops", "role", {"user": "@bob", "role": "owner", "group": "#ops"}),
        (
            "/create #ops Title of it",
            "create",
            {"private": "", "since-join": "", "group": "#ops", "title": "Title of it"},
        ),
        ("/create --private #ops", "create", {"private": "--private", "since-join": "", "group": "#ops", "title": ""}),
        ("/why", "receipts", {"message": ""}),
    ],
)
def test_commands_and_their_arguments(line: str, name: str, arguments: dict[str, str]) -> None:
    """Arguments are cut off from the left; the last one of a text keeps its blanks."""
    parsed = parse_line(line)
    assert isinstance(parsed, Invocation)
    assert (parsed.command.name, dict(parsed.arguments)) == (name, arguments)


@pytest.mark.parametrize("line", ["/join", "/role @bob king", "/quit now", "/msg", "/me"])
def test_wrong_usage_shows_the_usage(line: str) -> None:
    """A missing, wrong or superfluous argument is told with the usage."""
    parsed = parse_line(line)
    assert isinstance(parsed, UsageError)
    assert f"/{line[1:].split(maxsplit=1)[0]}" in parsed.message


def test_the_table_is_complete_and_consistent() -> None:
    """The commands that the documents promise are there; names and aliases do not clash."""
    promised = [
        "help",
        "join",
        "leave",
        "part",
        "create",
        "msg",
        "me",
        "topic",
        "title",
        "invite",
        "kick",
        "role",
        "who",
        "members",
        "groups",
        "users",
        "search",
        "edit",
        "delete",
        "react",
        "reply",
        "read",
        "mute",
        "unmute",
        "away",
        "back",
        "dnd",
        "nick",
        "password",
        "devices",
        "logout",
        "invite-link",
        "broadcast",
        "notify",
        "stats",
        "receipts",
        "why",
        "quit",
    ]
    assert [name for name in promised if name not in COMMANDS and name not in ALIASES] == []
    assert not set(COMMANDS) & set(ALIASES)
    for command in COMMANDS.values():
        assert command.summary.endswith(".")
        rest = [argument.rest for argument in command.arguments]
        assert True not in rest[:-1]


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        (":tada: yes", "🎉 yes"),
        ("`:tada:` no", "`:tada:` no"),
        ("```\n:tada:\n``` :+1:", "```\n:tada:\n``` 👍"),
        ("12:30:45 :nonsense:", "12:30:45 :nonsense:"),
    ],
)
def test_emoji_codes(text: str, sent: str) -> None:
    """Short codes become emoji, but not in code."""
    assert expand_emoji(text) == sent


def test_words_and_phrases() -> None:
    """A quoted phrase is one word; a lone quote is a character."""
    assert split_words('a "b c" d') == ["a", "b c", "d"]
    assert split_words("don't stop") == ["don't", "stop"]
