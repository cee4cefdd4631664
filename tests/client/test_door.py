"""A server may say anything in any field; whatever reaches a face is safe to show (docs/adr/0007)."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from chat_client.core import answers, events
from chat_client.core.lines import line_of
from chat_client.core.reduce import reduce_all
from chat_client.core.sending import SendQueue
from chat_client.core.session import Session
from chat_client.core.state import ClientState, Message, Person
from chat_client.core.text import printable, safe_line
from chat_protocol import packets

ME: Final = "ada"
ATTACKS: Final = [
    "\x1b]2;PWNED\x07",
    "\x9b31m",
    "a\u202eb\u2066",
    "\ue000\U000e0041",
    "z" + "\u0301" * 40,
    "a\u200bb",
    "\ud800",
    "\r\n\t\x00",
]
KNOWN: Final = [
    "#ops",
    f"@{ME}",
    "@bob",
    "!announcements",
    ME,
    "bob",
    "m1",
    "m2",
    "ops",
    "online",
    "member",
    "dnd",
    "edited",
]
IDS: Final = ["m1", "m2"]
PLACES: Final = ["#ops", "@bob", "!announcements", "!notifications"]
UNSEEN: Final = frozenset({"loose", "message_id", "reply_to", "epoch", "pending_edits"})
"""Fields that no face draws: ids, the store's epoch, and reactions whose message is not there."""

texts = st.sampled_from(KNOWN) | st.sampled_from(ATTACKS) | st.text(max_size=20)


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Anything that a packet's field can hold once it is decoded, texts being what an attacker likes."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return values(arguments[0])
    if origin is typing.Union or origin is types.UnionType:
        return st.one_of([values(argument) for argument in arguments])
    if origin is list:
        return st.lists(values(arguments[0]), max_size=3)
    if origin is tuple:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(texts, st.recursive(texts | st.integers(), st.lists, max_leaves=4), max_size=3)
    if annotation is str:
        return texts
    if annotation is int:
        return st.integers(0, 9)
    if annotation is bool:
        return st.booleans()
    if annotation in (None, types.NoneType, msgspec.UnsetType):
        return st.just(None if annotation is not msgspec.UnsetType else msgspec.UNSET)
    return packet(annotation)


def packet(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """A packet, or a part of one; most are of a conversation that there is."""
    hints = typing.get_type_hints(kind, include_extras=True)
    members = {name: values(hints[name]) for name in kind.__struct_fields__}
    if "conversation" in members and hints["conversation"] is str:
        members["conversation"] = st.sampled_from(PLACES) | texts
    for name in {"message_id", "target"} & set(members):
        members[name] = st.sampled_from(IDS) | texts
    return st.builds(kind, **members)


def in_order(batch: list[Any]) -> list[Any]:
    """The packets with their events numbered as a log is, so that none waits for others."""
    heads: dict[str, int] = {}

    def place(one: Any, conversation: str) -> Any:
        heads[conversation] = heads.get(conversation, 0) + 1
        return msgspec.structs.replace(one, conversation=conversation, seq=heads[conversation])

    placed: list[Any] = []
    for one in batch:
        if isinstance(one, packets.Backlog):
            events_ = [place(each, one.conversation) for each in one.events]
            placed.append(msgspec.structs.replace(one, events=events_))
        else:
            placed.append(place(one, one.conversation) if isinstance(one, packets.LogEvent) else one)
    return placed


def raw_texts(value: Any, path: str = "") -> Iterator[str]:
    """Where in ``value`` there is a text that :func:`printable` would change: the paths to them."""
    if isinstance(value, str):
        if printable(value) != value:
            yield path
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            if name not in UNSEEN:
                yield from raw_texts(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from raw_texts(key, f"{path} key")
            yield from raw_texts(item, f"{path}[]")
    elif hasattr(value, "__iter__") and not isinstance(value, bytes):
        for item in value:
            yield from raw_texts(item, f"{path}[]")


kinds = [packet(kind) for kind in typing.get_args(packets.ServerPacket)]
logged = st.one_of([packet(kind) for kind in typing.get_args(packets.LogEvent)])
batches = st.lists(st.one_of(kinds), max_size=12) | st.lists(logged | st.one_of(kinds), max_size=12).map(in_order)


@given(batches)
def test_nothing_raw_gets_into_the_state(batch: list[packets.ServerPacket]) -> None:
    """Any packets after the login: all that a face can draw of the state has gone through the door."""
    session = Session(ME, "Ada", "e", {}, SendQueue())
    first = packets.Synced(1, "e", [packets.ConversationEntry("#ops", "Ops", 3, 0, 0, 0, 0, "member", False)])
    state = reduce_all(ClientState(), session.receive([first], 0).events)

    step = session.receive(batch, 1)
    state = reduce_all(state, step.events)

    event("changed" if step.events else "nothing")
    assert list(raw_texts(state)) == []


def story(attack: str) -> list[packets.ServerPacket]:
    """What goes together: a message, its edit and reactions, a gap, somebody who writes, a group that changes."""
    place = {"sender": attack, "sender_name": attack, "timestamp": 1}
    return [
        packets.GroupMessage("#ops", 1, "m1", content=attack, mentions=(attack,), **place),  # type: ignore[arg-type]
        packets.Edited("#ops", 2, "m2", target="m1", content=attack, **place),  # type: ignore[arg-type]
        packets.Reaction("#ops", 3, "m3", target="m1", emoji=attack, removed=False, **place),  # type: ignore[arg-type]
        packets.Skip("#ops", 4, 6, attack),
        packets.TypingNow("#ops", attack),
        packets.PresenceNow(attack, attack, attack),
        packets.ConversationChanged("#new", attack, 0, 0, 0, 0, 0, attack, False, attack, attack, attack),
        packets.ConversationChanged("@bob", attack, 0, 0, 0, 0, 0, None, False, display_name=attack),
    ]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_story_is_told_safely(attack: str) -> None:
    """The attack stands in every field, and in none of the state's."""
    session = Session(ME, "Ada", "e", {"#ops": 0}, SendQueue())
    step = session.receive(story(attack), 1)
    state = reduce_all(ClientState(), [events.SessionStarted(ME, safe_line(ME), ()), *step.events])

    message = state.conversations["#ops"].timeline[0]
    assert isinstance(message, Message)
    assert message.edited_at_ms is not None
    assert message.reactions
    assert state.conversations["#ops"].typing
    assert list(raw_texts(state)) == []


@given(packet(packets.Ok))
def test_nothing_raw_is_answered(ok: packets.Ok) -> None:
    """What the lists of groups, people, members, devices, receipts and statistics are made of."""
    makers: list[tuple[Any, Callable[[Any], object]]] = [
        (ok.groups, answers.group),
        (ok.users, answers.person),
        (ok.members, answers.person),
        (ok.members, answers.member),
        (ok.devices, answers.device),
        (ok.recipients, answers.recipient),
        (ok.events, lambda one: line_of(one, ME)),
    ]
    made = [make(one) for listed, make in makers if listed is not msgspec.UNSET for one in listed]
    made += [answers.safe_tree(tree) for tree in (ok.stats, ok.trace) if tree is not msgspec.UNSET]

    assert list(raw_texts(made)) == []


def test_what_is_raw_would_be_found() -> None:
    """In a text, a key, a list and a part of a part."""
    attack = ATTACKS[0]
    person = Person(attack, safe_line(attack))

    assert list(raw_texts({"a": [person], attack: ["b", attack]})) == ["[][].user", " key", "[][]"]
    assert list(raw_texts(events.Arrived("#ops", ()))) == []
