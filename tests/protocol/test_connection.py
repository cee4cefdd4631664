"""One connection without I/O, both ends (protocol.md 1)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from chat_protocol import limits, packets
from chat_protocol.codec import encode
from chat_protocol.connection import ClientConnection, ServerConnection, error_packet
from chat_protocol.errors import ErrorCode, LocalProtocolError, RemoteProtocolError
from chat_protocol.frames import encode_frame

PING = encode_frame(encode(packets.Ping(id=1)))


def frame(payload: bytes) -> bytes:
    """A frame of ``payload``, as it is."""
    return encode_frame(payload)


# ---- the server's end ----------------------------------------------------------------------------------------------


def test_errors_keep_their_place() -> None:
    """What is wrong with a frame is answered in its place among the others (protocol.md 1)."""
    server = ServerConnection()
    received = server.receive_data(PING + frame(b'{"type":"nope","id":2}') + PING)

    assert received == [
        packets.Ping(1),
        packets.Error("unknown_type", "unknown type: nope", re=2),
        packets.Ping(1),
    ]
    assert not server.is_closing


@pytest.mark.parametrize(
    ("bad", "code"), [(frame(b"nope"), "bad_json"), (b"\xff\xff\xff\xff", "bad_frame"), (b"\0\0\0\1x", "bad_frame")]
)
def test_closing_errors_end_reading(bad: bytes, code: str) -> None:
    """After an error that closes nothing more is read (protocol.md 1)."""
    server = ServerConnection()
    received = server.receive_data(PING + bad + PING)

    assert [type(each) for each in received] == [packets.Ping, packets.Error]
    assert isinstance(received[1], packets.Error)
    assert received[1].code == code
    assert server.is_closing
    assert server.receive_data(PING) == []


def test_frames_before_login_are_short() -> None:
    """Payloads of up to 4 KiB before login, of up to max_frame after it (protocol.md 1, 4)."""
    long = frame(b'{"type":"ping","x":"%s"}' % (b"x" * 5000))
    assert isinstance(ServerConnection().receive_data(long)[0], packets.Error)

    server = ServerConnection()
    assert server.max_frame == limits.MAX_FRAME_BEFORE_LOGIN_BYTES
    server.max_frame = limits.MAX_FRAME_BYTES
    assert server.receive_data(long) == [packets.Ping()]
    assert server.max_frame == limits.MAX_FRAME_BYTES


def test_middle_of_a_frame() -> None:
    """A frame that has begun is known, for it has a deadline (protocol.md 1)."""
    server = ServerConnection()
    server.receive_data(PING[:3])
    assert server.is_mid_frame
    server.receive_data(PING[3:])
    assert not server.is_mid_frame


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_server_survives_any_bytes(data: bytes, cuts: list[int]) -> None:
    """Whatever comes in, values come out, the same however it is cut (protocol.md 1)."""
    whole, cut = ServerConnection(), ServerConnection()
    places = [0, *sorted(min(place, len(data)) for place in cuts), len(data)]
    found = [packet for low, high in itertools.pairwise(places) for packet in cut.receive_data(data[low:high])]

    assert whole.receive_data(data) == found
    assert whole.is_closing == cut.is_closing


def test_error_packet_of_an_error() -> None:
    """The answer says which request and which field, where it is known (protocol.md 1)."""
    assert error_packet(RemoteProtocolError(ErrorCode.BAD_TEXT, "no", re=1, field="content")) == packets.Error(
        "bad_text", "no", re=1, field="content"
    )
    assert error_packet(RemoteProtocolError(ErrorCode.BAD_JSON, "no")) == packets.Error("bad_json", "no")


# ---- the client's end ----------------------------------------------------------------------------------------------


def test_both_ends_understand_each_other() -> None:
    """What one end sends the other receives (protocol.md 1)."""
    client, server = ClientConnection(), ServerConnection()
    login = packets.Login(id=2, user="bob", password="x" * 12)

    assert server.receive_data(client.send(login)) == [login]
    assert client.receive_data(frame(encode(packets.Ok(re=2)))) == [packets.Ok(re=2)]


def test_client_ignores_what_it_does_not_know() -> None:
    """A type that a client does not know is left out (protocol.md 1)."""
    client = ClientConnection()

    assert client.receive_data(frame(b'{"type":"news","x":[1]}') + PING) == [packets.Ping(1)]


@pytest.mark.parametrize("bad", [frame(b"{}"), frame(b"nope"), b"\xff\xff\xff\xff"])
def test_client_closes_on_what_is_no_packet(bad: bytes) -> None:
    """A server that is none is an error, and the end of the connection (protocol.md 1)."""
    client = ClientConnection()
    with pytest.raises(RemoteProtocolError):
        client.receive_data(PING + bad)
    assert client.is_closed
    assert client.receive_data(PING) == []
    with pytest.raises(LocalProtocolError):
        client.send(packets.Ping())


def test_client_keeps_to_max_frame() -> None:
    """A packet longer than the server accepts is not sent; the next one is (protocol.md 1)."""
    client = ClientConnection()
    post = packets.PostGroup(1, "ops", "m1", "x" * 5000)
    with pytest.raises(LocalProtocolError):
        client.send(post)
    client.max_frame = limits.MAX_FRAME_BYTES

    assert client.send(post)


def test_end_of_the_stream() -> None:
    """An end between two frames is an end, within one it is an error (protocol.md 1)."""
    whole, cut = ClientConnection(), ClientConnection()
    whole.receive_data(PING)
    whole.receive_eof()
    cut.receive_data(PING + PING[:6])
    with pytest.raises(RemoteProtocolError):
        cut.receive_eof()

    assert whole.is_closed
    assert cut.is_closed


def test_longest_frame_of_the_server() -> None:
    """A client takes frames of up to 1 MiB (protocol.md 1)."""
    head = len(encode(packets.Ok(re=1, password="")))
    long = packets.Ok(re=1, password="x" * (limits.MAX_SERVER_FRAME_BYTES - head))

    assert ClientConnection().receive_data(frame(encode(long))) == [long]
    assert long.invite is UNSET
