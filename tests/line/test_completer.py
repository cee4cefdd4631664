"""What Tab offers in the line client: the core's candidates, and the commands that only this client has."""

from __future__ import annotations

from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from chat_client.core.state import ClientState, Conversation, Person
from chat_client.core.text import Safe
from chat_client.line.completer import CoreCompleter
from chat_client.line.talk import LOCAL_COMMANDS

STATE = ClientState(
    me="me",
    conversations={"#ops": Conversation("#ops", "group", role="member"), "@bob": Conversation("@bob", "private")},
    people={"bob": Person("bob", Safe("Bob")), "carol": Person("carol", Safe("Carol"))},
)


def completed(text: str) -> list[str]:
    """What the line becomes for each offer."""
    offers = CoreCompleter(lambda: STATE).get_completions(Document(text), CompleteEvent())
    return [text[: len(text) + offer.start_position] + offer.text for offer in offers]


def test_names_conversations_emoji_and_commands() -> None:
    """The same offers as everywhere, put into the line where they belong."""
    assert completed("hi @ca") == ["hi @carol "]
    assert completed("see #o") == ["see #ops "]
    assert "so :tad".replace(":tad", "🎉 ") in completed("so :tad")
    assert "/join " in completed("/jo")
    assert completed("/open #o") == ["/open #ops "]
    assert completed("plain") == []


def test_own_commands() -> None:
    """/go, /more and /unread are offered too, and /go takes conversations like /open."""
    for name in LOCAL_COMMANDS:
        assert f"/{name} " in completed(f"/{name[:2]}")
    assert completed("/go #o") == ["/go #ops "]
    assert completed("/go b") == ["/go @bob "]
