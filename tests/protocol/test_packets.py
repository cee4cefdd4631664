"""The packets' shapes: what mypy cannot see (protocol.md 1 to 6)."""

from __future__ import annotations

from collections import Counter
from typing import get_args, get_type_hints

import msgspec
import pytest
from msgspec import UNSET, Struct

from chat_protocol import codec, limits, packets
from chat_protocol.errors import RemoteProtocolError

CLIENT = get_args(packets.ClientPacket)
SERVER = get_args(packets.ServerPacket)
UNANSWERED = {"received", "typing", "ping", "pong"}


def tags(structs: tuple[type[Struct], ...]) -> list[str]:
    """The wire types of ``structs``."""
    return [str(struct.__struct_config__.tag) for struct in structs]


@pytest.mark.parametrize("structs", [CLIENT, SERVER])
def test_types_are_unique(structs: tuple[type[Struct], ...]) -> None:
    """Each type names one packet of its direction (protocol.md 1)."""
    assert max(Counter(tags(structs)).values()) == 1
    assert all(tag.islower() and tag.replace("_", "").isalpha() for tag in tags(structs))


def test_requests_have_an_id() -> None:
    """Every frame of a client has an id, but for those that are never answered (protocol.md 1)."""
    for struct in CLIENT:
        assert issubclass(struct, packets.Request) == (struct.__struct_config__.tag not in UNANSWERED)
        if issubclass(struct, packets.Request):
            assert struct.__struct_fields__[0] == "id"


def test_answers_have_re() -> None:
    """What answers a request has ``re``, what is pushed has not (protocol.md 1)."""
    answers = {str(each.__struct_config__.tag) for each in SERVER if "re" in each.__struct_fields__}

    assert answers == {"welcome", "session", "synced", "ack", "ok", "error", "pong"}


def test_codec_knows_every_packet() -> None:
    """The tables of types are complete (protocol.md 1)."""
    assert sorted(codec.CLIENT_TYPES) == sorted(tags(CLIENT))
    assert sorted(codec.SERVER_TYPES) == sorted(tags(SERVER))


def test_events_of_a_log() -> None:
    """These eight stand in logs, and each has a place (protocol.md 3)."""
    events = get_args(packets.LogEvent)

    assert set(tags(events)) == {
        "group_message",
        "private_message",
        "system_message",
        "broadcast",
        "notification",
        "edited",
        "deleted",
        "reaction",
    }
    for event in events:
        assert event.__struct_fields__[:6] == (
            "conversation",
            "seq",
            "message_id",
            "sender",
            "sender_name",
            "timestamp",
        )


def test_entry_and_change_are_alike() -> None:
    """A conversation that changes is told with the members of an entry of synced (protocol.md 4)."""
    entry = get_type_hints(packets.ConversationEntry, include_extras=True)
    change = get_type_hints(packets.ConversationChanged, include_extras=True)
    own = packets.ConversationEntry.__struct_fields__

    assert own == packets.ConversationChanged.__struct_fields__
    assert {name: entry[name] for name in own} == {name: change[name] for name in own}


def test_packets_are_frozen() -> None:
    """A packet is a value."""
    for struct in (*CLIENT, *SERVER):
        assert struct.__struct_config__.frozen


@pytest.mark.parametrize(
    ("payload", "packet"),
    [
        (b'{"type":"sync","id":1}', packets.Sync(1, "", {}, 200)),
        (b'{"type":"sync","id":1,"limit":null}', packets.Sync(1, "", {}, None)),
        (b'{"type":"sync","id":1,"limit":0}', packets.Sync(1, "", {}, 0)),
        (b'{"type":"history","id":1,"conversation":"#a"}', packets.History(1, "#a", UNSET, UNSET, 50)),
        (b'{"type":"search","id":1,"query":"x"}', packets.Search(1, "x", limit=50)),
        (b'{"type":"groups","id":1}', packets.ListGroups(1, "", 100, "")),
        (b'{"type":"create_group","id":1,"group":"a"}', packets.CreateGroup(1, "a", "", "public", "all")),
        (b'{"type":"create_invite","id":1}', packets.CreateInvite(1, UNSET, 1, 604800)),
    ],
)
def test_defaults(payload: bytes, packet: packets.ClientPacket) -> None:
    """A request that names no limit has the default one (protocol.md 4, 6)."""
    assert codec.decode_client(payload) == packet


@pytest.mark.parametrize(
    ("kind", "field", "most"),
    [
        ("history", "limit", limits.MAX_HISTORY_LIMIT),
        ("search", "limit", limits.MAX_SEARCH_LIMIT),
        ("groups", "limit", limits.MAX_LIST_LIMIT),
        ("create_invite", "uses", 10_000),
        ("create_invite", "expires_in_s", 366 * 24 * 3600),
    ],
)
def test_bounds(kind: str, field: str, most: int) -> None:
    """Limits are bounded below by 1 and above (protocol.md 6)."""

    def payload(value: int) -> bytes:
        return msgspec.json.encode({"type": kind, "id": 1, "conversation": "#a", "query": "x", field: value})

    for value in (1, most):
        assert getattr(codec.decode_client(payload(value)), field) == value
    for value in (0, most + 1):
        with pytest.raises(RemoteProtocolError):
            codec.decode_client(payload(value))
