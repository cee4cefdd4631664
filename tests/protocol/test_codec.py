"""Bytes to packets and back (protocol.md 1, 3)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from chat_protocol import codec, limits, packets
from chat_protocol.errors import ErrorCode, RemoteProtocolError
from tests.protocol.strategies import packets_of

CLIENT = get_args(packets.ClientPacket)
SERVER = get_args(packets.ServerPacket)
EVENTS = get_args(packets.LogEvent)
POST = {"type": "group_message", "id": 9, "group": "ops", "message_id": "m1", "content": "hi"}


def tag(struct: type[Struct]) -> str:
    """The wire type of ``struct``, for the names of tests."""
    return str(struct.__struct_config__.tag)


Decoded = Struct | RemoteProtocolError | None


def outcome(decode: Callable[[bytes], Decoded], payload: bytes) -> Decoded:
    """What comes of ``payload``: a packet, or the error that says why not."""
    try:
        return decode(payload)
    except RemoteProtocolError as error:
        return error


def refused(payload: bytes | dict[str, Any]) -> RemoteProtocolError:
    """The error with which a client's payload is refused."""
    found = outcome(codec.decode_client, payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    assert isinstance(found, RemoteProtocolError), found
    return found


# ---- there and back ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("struct", CLIENT, ids=tag)
@settings(max_examples=15)
@given(data=st.data())
def test_client_packets(struct: type[Struct], data: st.DataObject) -> None:
    """Every valid request comes out of its own encoding as it was (protocol.md 4 to 6)."""
    packet = data.draw(packets_of(struct))

    assert codec.decode_client(codec.encode(packet)) == packet


@pytest.mark.parametrize("struct", SERVER, ids=tag)
@settings(max_examples=10)
@given(data=st.data())
def test_server_packets(struct: type[Struct], data: st.DataObject) -> None:
    """Every frame of the server comes out of its own encoding as it was (protocol.md 3 to 6)."""
    packet = data.draw(packets_of(struct))

    assert codec.decode_server(codec.encode(packet)) == packet


def test_absent_members_are_left_out() -> None:
    """An optional member without a value is not on the wire (protocol.md 1)."""
    assert json.loads(codec.encode(packets.Ping())) == {"type": "ping"}


# ---- anything at all -----------------------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_FIELDS = sorted({field for struct in (*CLIENT, *SERVER) for field in struct.__struct_fields__} | {"type"})
_TYPES = st.sampled_from(sorted(codec.CLIENT_TYPES.keys() | codec.SERVER_TYPES.keys() | {"nope"}))
_NEARLY = st.builds(
    lambda kind, rest: json.dumps({"type": kind, **rest}).encode(),
    _TYPES,
    st.dictionaries(st.sampled_from(_FIELDS), _JSON, max_size=6),
)
_PIECES = st.lists(
    st.sampled_from([b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b'"type"', b'"ping"', b"1", b"\xff", b"\xc3"])
    | st.binary(max_size=3),
    max_size=60,
).map(b"".join)


@settings(max_examples=200)
@given(st.binary(max_size=60) | _PIECES | _NEARLY | _JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes(payload: bytes) -> None:
    """Any bytes give a packet or RemoteProtocolError, on both sides, and nothing else (protocol.md 1)."""
    client, server = outcome(codec.decode_client, payload), outcome(codec.decode_server, payload)

    assert isinstance(client, (*CLIENT, RemoteProtocolError))
    assert server is None or isinstance(server, (*SERVER, RemoteProtocolError))
    for found in (client, server):
        if isinstance(found, RemoteProtocolError):
            assert found.code in ErrorCode
            assert found.message


@settings(max_examples=100)
@given(st.one_of([packets_of(each) for each in CLIENT]), st.integers(0, 10_000), st.binary(min_size=1, max_size=2))
def test_damaged_requests(packet: Struct, at: int, patch: bytes) -> None:
    """A request with some bytes overwritten is a packet or RemoteProtocolError (protocol.md 1)."""
    payload = bytearray(codec.encode(packet))
    at %= len(payload)
    payload[at : at + len(patch)] = patch
    assert isinstance(outcome(codec.decode_client, bytes(payload)), (*CLIENT, RemoteProtocolError))


# ---- depth ---------------------------------------------------------------------------------------------------------


def nested(depth: int, opening: str = "[", closing: str = "]") -> bytes:
    """A ping with an unknown member, ``depth`` deep in all."""
    return f'{{"type":"ping","x":{opening * (depth - 1)}{closing * (depth - 1)}}}'.encode()


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('[{"a":[[', "]]}]")])
def test_depth_is_bounded(opening: str, closing: str) -> None:
    """32 levels are accepted, 33 are bad_json, on both sides (protocol.md 1)."""
    levels = len(opening.replace('"a":', ""))
    fits = (
        b'{"type":"ping","x":' + (opening * (28 // levels) + "[[[" + "]]]" + closing * (28 // levels)).encode() + b"}"
    )

    assert isinstance(codec.decode_client(fits), packets.Ping)
    assert codec.decode_client(nested(32)) == codec.decode_server(nested(32)) == packets.Ping()
    assert refused(nested(33)).code == "bad_json"
    with pytest.raises(RemoteProtocolError):
        codec.decode_server(nested(33))


@pytest.mark.parametrize("payload", [b"[" * 60_000, b'{"a":' * 12_000, nested(30_000), b'"' + b"[" * 40, b"[]" * 9000])
def test_depth_is_counted_before_parsing(payload: bytes) -> None:
    """However deep, no parser is asked (reliability.md F6, B10)."""
    assert refused(payload).code == "bad_json"


@pytest.mark.parametrize("text", ["[" * 100, "{" * 100, '"' + "[" * 99, "\\" + "{[" * 50, '\\"' + "]" * 50 + "[" * 90])
def test_brackets_in_strings(text: str) -> None:
    """Brackets inside of strings, behind escapes or not, are no nesting (protocol.md 1)."""
    packet = codec.decode_client(json.dumps({**POST, "content": text}).encode())

    assert isinstance(packet, packets.PostGroup)
    assert packet.content == text


@given(st.text(st.sampled_from('[]{}"\\a'), max_size=120))
def test_brackets_in_any_string(text: str) -> None:
    """No string is taken for nesting (protocol.md 1)."""
    assert codec.decode_client(json.dumps({"type": "ping", text: text}).encode()) is not None


# ---- JSON and nothing else -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"  ",
        b"nope",
        b'{"type":"ping"',
        b'{"type":"ping"} x',
        b'{"type":"ping"}{"type":"ping"}',
        b'{"type":"ping","x":NaN}',
        b'{"type":"ping","x":Infinity}',
        b'{"type":"ping","x":-Infinity}',
        b'{"type":"ping","x":01}',
        b"{'type':'ping'}",
        b'\xef\xbb\xbf{"type":"ping"}',
        '{"type":"ping"}'.encode("utf-16"),
        '{"type":"ping"}'.encode("utf-32"),
        b'{"type":"ping","x":"\xff"}',
        b'{"type":"ping","x":"\xc0\xaf"}',
        b'{"type":"ping","x":"\xed\xa0\x80"}',
        b'{"type":"ping","\xc3":1}',
        b'{"type":"ping","x":"\x01"}',
        b"[]",
        b'[{"type":"ping"}]',
        b"5",
        b'"ping"',
        b"null",
    ],
)
def test_bad_json(payload: bytes) -> None:
    """Not UTF-8, not JSON or not an object is bad_json, also in members that are ignored (protocol.md 1)."""
    assert refused(payload).code == "bad_json"


def test_lone_surrogates() -> None:
    """A lone surrogate is refused wherever it stands (protocol.md 1)."""
    for member in ("content", "ignored"):
        payload = json.dumps(POST | {member: "\ud800"}).encode()
        assert refused(payload).code in {"bad_json", "bad_text"}


def test_surrogate_pairs() -> None:
    """An escaped pair is one character (protocol.md 1)."""
    packet = codec.decode_client(json.dumps({**POST, "content": "\U0001f600"}).encode())

    assert isinstance(packet, packets.PostGroup)
    assert packet.content == "\U0001f600"


@pytest.mark.parametrize("value", ["1.0", "1e0", "true", "false", "null", '"1"', "[1]", "{}", "0", "-1", "-0"])
def test_ids_are_integers(value: str) -> None:
    """1.0 is not 1, true is not 1, and an id is at least 1; without ``re``, for the id is bad (protocol.md 1)."""
    error = refused(f'{{"type":"ping","id":{value}}}'.encode())

    assert (error.code, error.re, error.field) == ("bad_request", None, "id")


@pytest.mark.parametrize("value", [2**53, 2**63, 2**64, 10**30, -(2**53), 10**400, "1e400", "-1e400", "9" * 4301])
def test_huge_numbers(value: int | str) -> None:
    """A number out of any bound is bad_request or bad_json (protocol.md 1)."""
    payload = b'{"type":"read","id":1,"conversation":"#ops","seq":%s}' % str(value).encode()

    assert refused(payload).code in {"bad_request", "bad_json"}


def test_greatest_number() -> None:
    """2^53-1 is within the bounds (protocol.md 1)."""
    payload = b'{"type":"read","id":%d,"conversation":"#ops","seq":%d}' % (2**53 - 1, 2**53 - 1)

    assert codec.decode_client(payload) == packets.Read(2**53 - 1, "#ops", 2**53 - 1)


def test_unknown_members_are_ignored() -> None:
    """A member that this version does not know changes nothing (protocol.md 1)."""
    payload = json.dumps(POST | {"colour": ["red", {"a": None}], "x": 1.5}).encode()

    assert codec.decode_client(payload) == packets.PostGroup(9, "ops", "m1", "hi")


@pytest.mark.parametrize("types", [("ping", "nope"), ("nope", "ping"), ("ping", "pong"), ("ping", "group_message")])
def test_two_types(types: tuple[str, str]) -> None:
    """An object with two types is one packet or refused, never both (reliability.md B13)."""
    payload = b'{"type":"%s","type":"%s"}' % (types[0].encode(), types[1].encode())
    found = outcome(codec.decode_client, payload)

    if isinstance(found, RemoteProtocolError):
        assert found.code in {"bad_request", "unknown_type", "bad_json"}
    else:
        assert found is not None
        assert tag(type(found)) in types


# ---- what is wrong with a request ----------------------------------------------------------------------------------


@pytest.mark.parametrize("struct", [each for each in CLIENT if issubclass(each, packets.Request)], ids=tag)
def test_missing_members(struct: type[Struct]) -> None:
    """Each required member that is missing is named, with ``re`` but for the id itself (protocol.md 1)."""
    whole: dict[str, Any] = {"user": "bob", "group": "ops", "to": "bob", "conversation": "#ops", "password": "12345678"}
    whole |= {"message_id": "m1", "target": "m2", "content": "x", "emoji": "x", "kind": "k", "role": "member"}
    whole |= {"text": "x", "seq": 1, "query": "x", "state": "away", "muted": True, "display_name": "B", "old": "x"}
    whole |= {"new": "12345678", "protocol": 1, "roles": [], "id": 7}
    required = [
        field.name
        for field in msgspec.structs.fields(struct)
        if field.default is msgspec.NODEFAULT and field.default_factory is msgspec.NODEFAULT
    ]
    payload = {"type": tag(struct)} | {name: whole[name] for name in required}
    codec.decode_client(json.dumps(payload).encode())

    for name in required:
        error = refused({key: value for key, value in payload.items() if key != name})
        assert (error.code, error.field, error.re) == ("bad_request", name, None if name == "id" else 7)


@pytest.mark.parametrize("struct", CLIENT, ids=tag)
def test_wrong_types(struct: type[Struct]) -> None:
    """Each member of a wrong type is named (protocol.md 1)."""
    for field in msgspec.structs.fields(struct):
        payload = codec.encode({"type": tag(struct), "id": 7, "limit": 1} | {field.name: [{}]})
        error = refused(payload)
        assert error.code == "bad_request"
        assert error.re == (None if field.name == "id" else 7)


@pytest.mark.parametrize("kind", ["nope", "welcome", "", "PING", "x" * 40, "\u202e", "ping "])
def test_unknown_types(kind: str) -> None:
    """A type that is no request is unknown_type, with ``re`` where there is an id (protocol.md 1)."""
    error = refused({"type": kind, "id": 5})

    assert (error.code, error.re) == ("unknown_type", 5)
    assert len(error.message) < 60
    assert error.message.isprintable()
    assert refused({"type": kind, "id": "5"}).re is None


@pytest.mark.parametrize("value", [None, 5, True, [], {}])
def test_type_is_a_string(value: object) -> None:
    """A type that is missing or no string is bad_request (protocol.md 1)."""
    assert (refused({"type": value, "id": 5}).code, refused({"type": value, "id": 5}).re) == ("bad_request", 5)
    assert (refused({"id": 5}).field, refused({"id": 5}).re) == ("type", 5)


# ---- text ----------------------------------------------------------------------------------------------------------

_CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
_SINGLE_LINES = [
    ("register", "user", {"password": "12345678"}),
    ("register", "display_name", {"user": "bob", "password": "12345678"}),
    ("register", "device", {"user": "bob", "password": "12345678"}),
    ("register", "invite", {"user": "bob", "password": "12345678"}),
    ("login", "token", {}),
    ("login", "user", {}),
    ("hello", "client", {"protocol": 1}),
    ("group_message", "group", {"message_id": "m", "content": "x"}),
    ("private_message", "to", {"message_id": "m", "content": "x"}),
    ("notification", "kind", {"to": "bob", "message_id": "m", "content": "x"}),
    ("notification", "about", {"to": "bob", "message_id": "m", "content": "x", "kind": "k"}),
    ("react", "emoji", {"message_id": "m", "target": "t"}),
    ("create_group", "title", {"group": "ops"}),
    ("set_topic", "text", {"group": "ops"}),
    ("set_title", "text", {"group": "ops"}),
    ("set_profile", "display_name", {}),
    ("presence", "text", {"state": "away"}),
    ("groups", "query", {}),
    ("users", "after", {}),
    ("mute", "conversation", {"muted": True}),
    ("logout", "device_id", {}),
]
_TEXTS = [
    ("group_message", "content", {"group": "ops", "message_id": "m"}),
    ("private_message", "content", {"to": "bob", "message_id": "m"}),
    ("broadcast", "content", {"message_id": "m"}),
    ("notification", "content", {"to": "bob", "message_id": "m", "kind": "k"}),
    ("edit", "content", {"message_id": "m", "target": "t"}),
    ("search", "query", {}),
    ("register", "password", {"user": "bob"}),
]


@pytest.mark.parametrize(("kind", "field", "rest"), _SINGLE_LINES)
def test_lines_have_no_control_characters(kind: str, field: str, rest: dict[str, Any]) -> None:
    """Names, titles and other lines hold no control character at all (protocol.md 1)."""
    for control in _CONTROLS:
        error = refused({"type": kind, "id": 3, field: f"ab{control}", **rest})
        assert (error.code, error.field, error.re) == ("bad_text", field, 3)


@pytest.mark.parametrize(("kind", "field", "rest"), _TEXTS)
def test_text_has_newline_and_tab_only(kind: str, field: str, rest: dict[str, Any]) -> None:
    """Newline and tab are the only control characters in text (protocol.md 1)."""
    for control in _CONTROLS:
        payload = {"type": kind, "id": 3, field: f"12345{control}678", **rest}
        if control in "\n\t":
            codec.decode_client(json.dumps(payload).encode())
        else:
            assert (refused(payload).code, refused(payload).field, refused(payload).re) == ("bad_text", field, 3)


@pytest.mark.parametrize(
    "character", ["\u200d", "\u202e", "\u2028", "\ufeff", "\u00a0", "\u0301", "\U000e0041", "\x7e"]
)
def test_other_characters_are_text(character: str) -> None:
    """Whatever is no control character is stored unchanged; showing it safely is the reader's (protocol.md 3)."""
    packet = codec.decode_client(json.dumps({**POST, "content": character}).encode())

    assert isinstance(packet, packets.PostGroup)
    assert packet.content == character


@pytest.mark.parametrize(
    ("kind", "rest"),
    [
        ("create_group", {"group": "ops", "visibility": "public\n"}),
        ("create_group", {"group": "ops", "history": "all\n"}),
        ("set_role", {"group": "ops", "user": "bob", "role": "owner\n"}),
        ("presence", {"state": "dnd\n"}),
        ("admin_set_roles", {"user": "bob", "roles": ["admin\n"]}),
    ],
)
def test_choices_are_exact(kind: str, rest: dict[str, Any]) -> None:
    """A word with a newline behind it is none of the words to choose from (protocol.md 6)."""
    assert refused({"type": kind, "id": 3, **rest}).code in {"bad_request", "bad_text"}


@pytest.mark.parametrize(("kind", "field", "rest"), _TEXTS[:5])
def test_content_is_bounded(kind: str, field: str, rest: dict[str, Any]) -> None:
    """Content has 1 to 8,000 characters and at most 16 KiB; more is too_long (protocol.md 3)."""

    def post(content: str) -> dict[str, Any]:
        return {"type": kind, "id": 3, field: content, **rest}

    for content in ("x" * 8000, "é" * 8000, "\u20ac" * 5461, "\U0001f600" * 4096):
        codec.decode_client(json.dumps(post(content)).encode())
    for content in ("x" * 8001, "\u20ac" * 5462, "\U0001f600" * 4097):
        error = refused(post(content))
        assert (error.code, error.field, error.re) == ("too_long", field, 3)
    assert refused(post("")).code == "bad_request"


@pytest.mark.parametrize(
    ("kind", "field", "most"), [("create_group", "title", 120), ("set_title", "text", 120), ("set_topic", "text", 500)]
)
def test_titles_and_topics_are_bounded(kind: str, field: str, most: int) -> None:
    """A title of more than 120 characters, a topic of more than 500, is too_long (protocol.md 1)."""
    codec.decode_client(json.dumps({"type": kind, "id": 3, "group": "ops", field: "é" * most}).encode())
    error = refused({"type": kind, "id": 3, "group": "ops", field: "x" * (most + 1)})

    assert (error.code, error.field, error.re) == ("too_long", field, 3)


@pytest.mark.parametrize("message_id", ["", "a b", "a\n", "ä", "x" * 65, "a.b", "\u0661"])
def test_bad_message_ids(message_id: str) -> None:
    """A message id is 1 to 64 of A-Z a-z 0-9 _ - (protocol.md 5)."""
    for field in ("message_id", "reply_to"):
        error = refused({**POST, field: message_id})
        assert (error.code, error.field, error.re) == ("bad_request", field, 9)


def test_longest_password_and_name() -> None:
    """Passwords have 8 to 256 characters (protocol.md 4)."""
    for password in ("x" * 7, "x" * 257):
        assert refused({"type": "register", "id": 1, "user": "bob", "password": password}).field == "password"


# ---- frames of the server ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [b'{"type":"news"}', b'{"type":"login","id":1}', b'{"type":"x","deep":[[1]]}'])
def test_client_ignores_unknown_types(payload: bytes) -> None:
    """A type that a client does not know is ignored (protocol.md 1)."""
    assert codec.decode_server(payload) is None


@pytest.mark.parametrize(
    "payload", [b"{}", b"[]", b"", b'{"type":5}', b'{"type":"ok"}', b'{"type":"ok","re":0}', b"\xff", b'{"type":null}']
)
def test_bad_server_frames(payload: bytes) -> None:
    """What is no packet is an error for the client, too (protocol.md 1)."""
    with pytest.raises(RemoteProtocolError):
        codec.decode_server(payload)


# ---- events as logs keep them --------------------------------------------------------------------------------------

_NAMES = st.sampled_from(["#ops", "@bob", "!announcements", "!notifications"])
_SEQS = st.integers(1, limits.MAX_INT)
_EVENT = st.one_of([packets_of(event) for event in EVENTS])


def unplaced(event: Struct) -> Any:
    """``event`` as it is before it has a place in a log."""
    return msgspec.structs.replace(event, conversation="", seq=0)


def stored(event: Struct, seq: int) -> bytes:
    """``event`` as the store keeps it."""
    return b'"seq":%d,%s' % (seq, codec.encode_event(unplaced(event)))


@given(_EVENT, _NAMES, _SEQS)
def test_placed_events(event: Struct, name: str, seq: int) -> None:
    """An event that was kept without its place is the same with it (protocol.md 3)."""
    placed = codec.decode_server(codec.place_event(name, stored(event, seq)))

    assert placed == msgspec.structs.replace(event, conversation=name, seq=seq)


@given(st.lists(_EVENT, max_size=4), _NAMES, st.booleans())
def test_pages_of_events(events: list[Struct], name: str, more: bool) -> None:
    """Backlog and history show the same events, joined from what is kept (protocol.md 4, 6)."""
    bodies = [stored(event, seq) for seq, event in enumerate(events, start=1)]
    expected = [msgspec.structs.replace(each, conversation=name, seq=seq) for seq, each in enumerate(events, start=1)]

    assert codec.decode_server(codec.encode_backlog(name, bodies, more=more)) == packets.Backlog(
        name,
        expected,  # type: ignore[arg-type]
        more,
    )
    history = codec.decode_server(codec.encode_history(7, name, iter(bodies), more=more))
    assert history == packets.Ok(7, events=expected, more=more)  # type: ignore[arg-type]


@given(st.lists(st.tuples(_NAMES, _EVENT, st.text(max_size=12)), max_size=3), st.none() | _SEQS)
def test_hits(hits: list[tuple[str, Struct, str]], next_: int | None) -> None:
    """Search results show events as they are kept, each in its conversation (protocol.md 6)."""
    payload = codec.encode_hits(3, [(name, stored(event, 5), snippet) for name, event, snippet in hits], next_)
    answer = codec.decode_server(payload)

    assert isinstance(answer, packets.Ok)
    assert answer.hits == [
        packets.SearchHit(msgspec.structs.replace(event, conversation=name, seq=5), snippet)  # type: ignore[arg-type]
        for name, event, snippet in hits
    ]
    assert answer.next == (msgspec.UNSET if next_ is None else next_)


def test_content_like_the_seam() -> None:
    """A message that looks like the place of an event is kept whole (protocol.md 3)."""
    content = '"conversation":"","seq":0,'
    event = packets.GroupMessage("", 0, "m1", "bob", content, 1, content=content)
    placed = codec.decode_server(codec.place_event("#ops", b'"seq":4,' + codec.encode_event(event)))

    assert placed == packets.GroupMessage("#ops", 4, "m1", "bob", content, 1, content=content)
