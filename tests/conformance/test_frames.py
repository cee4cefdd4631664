"""Frames, and what a server does with those that break the rules (protocol.md 1)."""

from __future__ import annotations

import json
import struct

import pytest

from tests.support.people import People, contents, history, new_id, refusal, say, until_closed
from tests.support.wire import Client, Frame

BEFORE_LOGIN_BYTES = 4 * 1024
AFTER_LOGIN_BYTES = 64 * 1024


def framed(payload: bytes) -> bytes:
    """The payload with its length before it."""
    return struct.pack(">I", len(payload)) + payload


def encoded(frame: Frame) -> bytes:
    """The object as a frame."""
    return framed(json.dumps(frame, ensure_ascii=False).encode())


def padded(frame: Frame, size: int) -> bytes:
    """The frame with a payload of exactly ``size`` bytes, by a field that nobody knows."""
    empty = len(json.dumps({**frame, "padding": ""}).encode())
    return encoded({**frame, "padding": "x" * (size - empty)})


def closing_code(client: Client) -> str:
    """Read to the end of the connection; the code of the last frame."""
    frames = until_closed(client)
    assert frames, "closed without a word"
    assert frames[-1]["type"] == "error", frames[-1]
    return str(frames[-1]["code"])


def error_push(client: Client) -> Frame:
    """The next frame, which is an error without ``re``."""
    error = client.expect("error")
    assert "re" not in error
    return error


# ---- Lengths -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, BEFORE_LOGIN_BYTES + 1, AFTER_LOGIN_BYTES, 2**31, 2**32 - 1, 0x47455420])
def test_length_out_of_bounds_before_login(people: People, length: int) -> None:
    """A length under 2 or over 4 KiB before login is ``bad_frame`` as soon as it is read (protocol.md 1)."""
    client = people.visitor()
    client.send_bytes(struct.pack(">I", length))
    assert closing_code(client) == "bad_frame"


def test_first_bytes_of_another_protocol(people: People) -> None:
    """Who speaks HTTP to the port is told ``bad_frame`` and closed (protocol.md 1)."""
    client = people.connect()
    client.send_bytes(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")
    assert closing_code(client) == "bad_frame"


@pytest.mark.parametrize("length", [0, 1, AFTER_LOGIN_BYTES + 1, 2**32 - 1])
def test_length_out_of_bounds_after_login(people: People, length: int) -> None:
    """A length under 2 or over ``max_frame`` after login is ``bad_frame`` as soon as it is read (protocol.md 1)."""
    client = people.user()
    client.send_bytes(struct.pack(">I", length))
    assert closing_code(client) == "bad_frame"


def test_longest_frame_before_login(people: People) -> None:
    """A payload of exactly 4 KiB is taken before login (protocol.md 1)."""
    client = people.connect()
    client.send_bytes(padded({"type": "hello", "id": 1, "protocol": 1, "client": "test/1"}, BEFORE_LOGIN_BYTES))
    assert client.answer(1)["type"] == "welcome"


def test_longest_frame_after_login(people: People) -> None:
    """A payload of exactly 64 KiB is taken after login (protocol.md 1)."""
    client = people.user()
    client.send_bytes(padded({"type": "ping", "id": 900}, AFTER_LOGIN_BYTES))
    assert client.answer(900)["type"] == "pong"


@pytest.mark.long
def test_login_in_time(people: People) -> None:
    """A connection that does not log in within 10 s is closed with ``bad_frame`` (protocol.md 1)."""
    client = people.visitor()
    client.deadline_s = 30
    assert closing_code(client) == "bad_frame"


# ---- Segments ------------------------------------------------------------------------------------------------------


def test_byte_by_byte(people: People) -> None:
    """A frame may arrive in any pieces, also in the middle of the length and of a character (protocol.md 1)."""
    alice = people.user()
    request = {
        "type": "private_message",
        "id": 900,
        "to": alice.user,
        "message_id": new_id(),
        "content": "é漢😀",
    }
    for byte in encoded(request):
        alice.send_bytes(bytes([byte]))
    assert alice.answer(900)["type"] == "ack"
    assert contents(history(alice, f"@{alice.user}")) == ["é漢😀"]


def test_many_frames_in_one_segment(people: People) -> None:
    """Frames that arrive together are each answered, once, in order where they are of one kind (protocol.md 1)."""
    alice = people.user()
    alice.send_bytes(b"".join(encoded({"type": "ping", "id": number}) for number in range(1000, 1500)))
    while len(alice.answers) < 500:
        alice.receive()
    assert list(alice.answers) == list(range(1000, 1500))


def test_each_request_has_one_answer(people: People) -> None:
    """Pipelined requests of all kinds, good and bad, have exactly one answer each (protocol.md 1)."""
    alice = people.user()
    group = people.group(alice)
    requests: list[Frame] = []
    for number in range(1000, 1300, 6):
        requests += [
            {"type": "ping", "id": number},
            {"type": "groups", "id": number + 1, "limit": 1},
            {"type": "group_message", "id": number + 2, "group": group, "message_id": new_id(), "content": "x"},
            {"type": "history", "id": number + 3, "conversation": f"#{group}", "limit": 2},
            {"type": "join", "id": number + 4, "group": people.name("nowhere")},
            {"type": "read", "id": number + 5, "conversation": f"#{group}", "seq": 1},
        ]
    alice.send_bytes(b"".join(map(encoded, requests)))
    alice.settle()  # Client itself objects to a second answer
    for request in requests:
        alice.answer(request["id"])
    alice.settle()
    assert not alice.answers


# ---- What is no JSON -----------------------------------------------------------------------------------------------

NOT_JSON = {
    "cut off": b'{"type":"ping"',
    "trailing data": b'{"type":"ping","id":1}x',
    "two objects": b'{"type":"ping"}{"type":"ping"}',
    "trailing comma": b'{"type":"ping",}',
    "single quotes": b"{'type':'ping'}",
    "array": b"[]",
    "string": b'"ping"',
    "number": b"12",
    "null": b"null",
    "spaces": b"    ",
    "BOM": b'\xef\xbb\xbf{"type":"ping"}',
    "UTF-16": '{"type":"ping"}'.encode("utf-16-le"),
    "UTF-32": '{"type":"ping"}'.encode("utf-32-be"),
    "invalid UTF-8": b'{"type":"ping","x":"\xff"}',
    "overlong UTF-8": b'{"type":"ping","x":"\xc0\xaf"}',
    "cut UTF-8": b'{"type":"ping","x":"\xe6\xbc"}',
    "raw control character": b'{"type":"ping","x":"\x01"}',
    "raw newline": b'{"type":"ping","x":"\n"}',
    "NaN": b'{"type":"ping","x":NaN}',
    "Infinity": b'{"type":"ping","x":Infinity}',
    "minus Infinity": b'{"type":"ping","x":-Infinity}',
    "depth 33": b'{"type":"ping","x":' + b"[" * 32 + b"]" * 32 + b"}",
    "depth 33 of objects": b'{"type":"ping","x":' + b'{"a":' * 31 + b"{}" + b"}" * 31 + b"}",
    "depth 2000, never closed": b'{"x":' + b"[" * 2000,
}


@pytest.mark.parametrize("payload", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_bad_json(people: People, payload: bytes) -> None:
    """What is not UTF-8, not JSON, not an object or nested too deep is ``bad_json`` and closes (protocol.md 1)."""
    client = people.visitor()
    client.send_bytes(framed(payload))
    assert closing_code(client) == "bad_json"


def test_depth_of_a_whole_frame(people: People) -> None:
    """64 KiB of opening brackets are ``bad_json``, and the server lives (protocol.md 1)."""
    alice = people.user()
    alice.send_bytes(framed(b'{"type":"ping","x":' + b"[" * 60_000))
    assert closing_code(alice) == "bad_json"
    people.visitor().request("ping")


def test_depth_32(people: People) -> None:
    """Nesting of 32 is allowed, and brackets inside of strings are no nesting (protocol.md 1)."""
    alice = people.user()
    brackets = rb"[{\"[\\" * 100
    alice.send_bytes(framed(b'{"type":"ping","id":900,"x":' + b"[" * 31 + b"]" * 31 + b',"y":"' + brackets + b'"}'))
    assert alice.answer(900)["type"] == "pong"


# ---- Bad requests: the connection stays ----------------------------------------------------------------------------


@pytest.mark.parametrize("identifier", ["0", "-1", "true", "1.0", "1.5", '"1"', "null", "[]", "{}"])
def test_bad_id(people: People, identifier: str) -> None:
    """An ``id`` that is no integer from 1 is a ``bad_request`` without ``re`` (protocol.md 1)."""
    alice = people.user()
    alice.send_bytes(framed(b'{"type":"groups","id":%s}' % identifier.encode()))
    assert error_push(alice)["code"] == "bad_request"
    alice.settle()


@pytest.mark.parametrize("number", [str(2**53), str(2**63), str(-(2**64)), "9" * 1000, "1e999"])
def test_numbers_out_of_any_bound(people: People, number: str) -> None:
    """A number out of any bound is ``bad_request`` or ``bad_json`` (protocol.md 1)."""
    alice = people.user()
    alice.send_bytes(framed(b'{"type":"groups","id":%s}' % number.encode()))
    assert error_push(alice)["code"] in {"bad_request", "bad_json"}
    people.visitor().request("ping")


def test_missing_type(people: People) -> None:
    """A frame without ``type`` is a ``bad_request``, with ``re`` where it has an ``id`` (protocol.md 1)."""
    alice = people.user()
    alice.send({})
    assert error_push(alice)["code"] == "bad_request"
    alice.send({"id": 900})
    assert alice.answer(900)["code"] == "bad_request"
    alice.send({"type": 5, "id": 901})
    assert alice.answer(901)["code"] == "bad_request"
    alice.settle()


def test_missing_id(people: People) -> None:
    """A request without ``id`` is a ``bad_request`` without ``re`` and does nothing (protocol.md 1)."""
    alice = people.user()
    group = people.group(alice)
    before = history(alice, f"#{group}")
    alice.send({"type": "group_message", "group": group, "message_id": new_id(), "content": "x"})
    assert error_push(alice)["code"] == "bad_request"
    assert history(alice, f"#{group}") == before


@pytest.mark.parametrize("value", ["true", "1.0", '"1"', "[1]", "-1"])
def test_bad_integers(people: People, value: str) -> None:
    """True is not 1 and 1.0 is not 1: where a field is an integer they are ``bad_request`` (protocol.md 1)."""
    alice = people.user()
    group = people.group(alice)
    payload = f'{{"type":"history","id":900,"conversation":"#{group}","before":{value}}}'
    alice.send_bytes(framed(payload.encode()))
    assert alice.answer(900)["code"] == "bad_request"
    alice.settle()


def test_bad_fields(people: People) -> None:
    """A missing field or one of the wrong type is a ``bad_request``, and the connection stays (protocol.md 1)."""
    alice = people.user()
    group = people.group(alice)
    good: Frame = {"group": group, "message_id": new_id(), "content": "x"}
    for field in good:
        assert refusal(alice, "group_message", **{key: good[key] for key in good if key != field}) == "bad_request"
        assert refusal(alice, "group_message", **{**good, field: 5}) == "bad_request"
        assert refusal(alice, "group_message", **{**good, field: ["x"]}) == "bad_request"
    assert alice.request("group_message", **good)["seq"] > 0


def test_bad_field_is_named(people: People) -> None:
    """Where an error has ``field``, it names the one that was bad (protocol.md 1)."""
    error = people.user().ask("history", conversation="#x", limit="many")
    assert error["code"] == "bad_request"
    assert error.get("field", "limit") == "limit"


def test_bad_frames_that_have_no_answer(people: People) -> None:
    """What is wrong in a frame that has no ``id`` is told without ``re`` (protocol.md 1)."""
    alice = people.user()
    alice.send({"type": "received", "conversation": "#x", "seq": True})
    assert error_push(alice)["code"] == "bad_request"
    alice.send({"type": "typing"})
    assert error_push(alice)["code"] == "bad_request"
    alice.settle()


def test_unknown_fields(people: People) -> None:
    """An unknown field is ignored, whatever it holds (protocol.md 1)."""
    alice = people.user()
    answer = alice.request("groups", limit=1, later=None, and_more={"a": [1, 2.5, "x"]}, flag=True)
    assert answer["type"] == "ok"


def test_unknown_type(people: People) -> None:
    """An unknown ``type`` is ``unknown_type``, and the connection stays (protocol.md 1)."""
    alice = people.user()
    assert refusal(alice, "teleport", to="moon") == "unknown_type"
    alice.send({"type": "teleport"})
    assert error_push(alice)["code"] == "unknown_type"
    alice.settle()


def test_too_many_errors(people: People) -> None:
    """The 21st error of the client's own making within a minute closes the connection (protocol.md 1)."""
    alice = people.user()
    for _ in range(5):
        assert refusal(alice, "teleport") == "unknown_type"
        assert refusal(alice, "history") == "bad_request"
        assert refusal(alice, "hello", protocol=1, client="test/1") == "wrong_state"
        assert refusal(alice, "create_group", group="x", title="a\x01b") == "bad_text"
    alice.start("teleport")
    assert closing_code(alice) == "too_many_errors"


def test_refusals_are_no_errors_of_that_kind(people: People) -> None:
    """Other refusals are not counted: one may be refused often and stays connected (protocol.md 1)."""
    alice = people.user()
    for _ in range(30):
        assert refusal(alice, "join", group=people.name("nowhere")) == "not_found"
    alice.settle()


# ---- Text ----------------------------------------------------------------------------------------------------------

CONTROL = ["\x00", "\x07", "\x08", "\r", "\x1b", "\x1b]0;title\x07", "\x7f", "\x80", "\x9b31m", "\x9f"]


@pytest.mark.parametrize("text", CONTROL, ids=ascii)
def test_control_characters_in_content(people: People, text: str) -> None:
    """Content with a control character but newline and tab is ``bad_text`` and not stored (protocol.md 1)."""
    alice = people.user()
    group = people.group(alice)
    before = history(alice, f"#{group}")
    fields = {"message_id": new_id(), "content": f"a{text}b"}
    assert refusal(alice, "group_message", group=group, **fields) == "bad_text"
    assert refusal(alice, "private_message", to=alice.user, **fields) == "bad_text"
    assert history(alice, f"#{group}") == before


@pytest.mark.parametrize("text", ["\n", "\t", "\x1b", "\x85"], ids=ascii)
def test_control_characters_in_names_and_titles(people: People, text: str) -> None:
    """Names and titles hold no control character at all, not even newline and tab (protocol.md 1)."""
    alice = people.user()
    group = people.group(alice)
    assert refusal(alice, "set_title", group=group, text=f"a{text}b") == "bad_text"
    assert refusal(alice, "set_profile", display_name=f"a{text}b") == "bad_text"
    assert refusal(alice, "create_group", group=f"a{text}b") in {"bad_text", "bad_name"}


@pytest.mark.parametrize("text", [rb"\ud800", rb"\udc00x", rb"\udc00\ud800", b"\xed\xa0\x80"])
def test_lone_surrogates(people: People, text: bytes) -> None:
    """A lone surrogate is ``bad_text`` or ``bad_json`` and reaches nobody (protocol.md 1)."""
    alice, bob = people.users("alice", "bob")
    payload = b'{"type":"private_message","id":900,"to":"%s","message_id":"%s","content":"%s"}'
    alice.send_bytes(framed(payload % (bob.user.encode(), new_id().encode(), text)))
    frame = alice.receive()
    while frame["type"] != "error":
        frame = alice.receive()
    assert frame["code"] in {"bad_text", "bad_json"}
    say(bob, f"@{bob.user}", "the server is well")
    assert not [push for push in bob.settle() if push["type"] == "private_message"]


def test_surrogate_pairs(people: People) -> None:
    """An escaped pair of surrogates is one character (RFC 8259 7, protocol.md 1)."""
    alice = people.user()
    payload = rb'{"type":"private_message","id":900,"to":"%s","message_id":"%s","content":"\ud83d\ude00"}'
    alice.send_bytes(framed(payload % (alice.user.encode(), new_id().encode())))
    assert alice.answer(900)["type"] == "ack"
    assert contents(history(alice, f"@{alice.user}")) == ["😀"]


def test_messages_tell_nothing_of_the_inside(people: People) -> None:
    """No error message ever holds a path, SQL or a traceback (protocol.md 1)."""
    errors = []
    for payload in (*NOT_JSON.values(), b"{}", b'{"type":5}'):
        client = people.visitor()
        client.send_bytes(framed(payload))
        errors.append(client.receive())
    alice = people.user()
    for kind, fields in (
        ("history", {"conversation": "#' OR 1=1 --"}),
        ("history", {"conversation": "x", "limit": 10**9}),
        ("search", {"query": '"'}),
        ("private_message", {"to": "../../etc/passwd", "message_id": "x", "content": "x"}),
        ("group_message", {"group": {}, "message_id": [], "content": None}),
        ("logout", {"device_id": "' OR 1=1 --"}),
        ("create_group", {"group": "a/b"}),
    ):
        answer = alice.ask(kind, **fields)
        errors += [answer] if answer["type"] == "error" else []
    for error in errors:
        assert error["type"] == "error", error
        text = error["message"].lower()
        for inside in ("traceback", ".py", "sqlite", "select ", "insert ", "/tmp", "/home", "<class", "0x", "msgspec"):
            assert inside not in text, error
