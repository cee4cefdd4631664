"""Frames: cutting a stream into payloads (protocol.md 1)."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_protocol import limits
from chat_protocol.errors import ErrorCode, LocalProtocolError
from chat_protocol.frames import FrameDecoder, encode_frame

PAYLOADS = st.lists(st.binary(min_size=2, max_size=40), max_size=8)


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    """``stream`` cut at ``cuts``, wherever they are."""
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    return [stream[start:end] for start, end in itertools.pairwise(places)]


def decode(decoder: FrameDecoder, parts: list[bytes]) -> list[bytes]:
    """All payloads of ``parts``, of which none is wrong."""
    found: list[bytes] = []
    for part in parts:
        payloads, problem = decoder.receive_data(part)
        assert problem is None
        found += payloads
    return found


@given(PAYLOADS, st.lists(st.integers(0, 400), max_size=12))
def test_any_split(payloads: list[bytes], cuts: list[int]) -> None:
    """However the stream is cut, the same payloads come out in order (protocol.md 1)."""
    decoder = FrameDecoder(40)
    stream = b"".join(map(encode_frame, payloads))

    assert decode(decoder, pieces(stream, cuts)) == payloads
    assert decoder.is_clean


@given(PAYLOADS)
def test_byte_by_byte(payloads: list[bytes]) -> None:
    """A stream that comes byte by byte gives the same payloads (protocol.md 1)."""
    stream = b"".join(map(encode_frame, payloads))

    assert decode(FrameDecoder(40), [bytes([byte]) for byte in stream]) == payloads


def test_byte_by_byte_is_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large frame byte by byte is looked at a few times only, not once for each byte (reliability.md B4)."""
    looks = 0
    unpack = FrameDecoder.receive_data.__globals__["_unpack_from"]

    def counted(data: bytes, at: int) -> tuple[int]:
        nonlocal looks
        looks += 1
        return unpack(data, at)  # type: ignore[no-any-return]

    monkeypatch.setitem(FrameDecoder.receive_data.__globals__, "_unpack_from", counted)
    payload = b"x" * 50_000
    stream = encode_frame(payload)

    assert decode(FrameDecoder(65_536), [stream[i : i + 1] for i in range(len(stream))]) == [payload]
    assert looks <= 3


@pytest.mark.parametrize("length", [0, 1, 41, 2**31, 2**32 - 1])
def test_bad_length(length: int) -> None:
    """A length out of bounds is bad_frame as soon as it is read, and nothing of the frame is kept (protocol.md 1)."""
    decoder = FrameDecoder(40)
    good = encode_frame(b"{}")
    payloads, problem = decoder.receive_data(good + length.to_bytes(4, "big") + b"rest")

    assert payloads == [b"{}"]
    assert problem is not None
    assert problem.code is ErrorCode.BAD_FRAME
    assert decoder.is_clean


def test_length_is_checked_before_the_payload() -> None:
    """Four bytes are enough to refuse a frame; before them nothing is wrong (protocol.md 1)."""
    decoder = FrameDecoder(40)

    assert decoder.receive_data(b"\0\0\0") == ([], None)
    assert decoder.receive_data(b"\x29")[1] is not None


@pytest.mark.parametrize("size", [limits.MIN_PAYLOAD_BYTES, 40])
def test_bounds_are_inclusive(size: int) -> None:
    """Payloads of 2 to max_frame bytes are accepted (protocol.md 1)."""
    assert FrameDecoder(40).receive_data(encode_frame(b"x" * size)) == ([b"x" * size], None)


def test_bound_may_be_raised() -> None:
    """The bound of a stream holds for frames whose length is not read yet (protocol.md 4, max_frame)."""
    decoder = FrameDecoder(2)
    decoder.receive_data(encode_frame(b"{}"))
    decoder.max_payload = 3

    assert decoder.receive_data(encode_frame(b"{ }")) == ([b"{ }"], None)


def test_is_clean_between_frames_only() -> None:
    """An end of the stream loses nothing between two frames, and something within one (protocol.md 1)."""
    decoder = FrameDecoder(40)
    frame = encode_frame(b"{}")
    decoder.receive_data(frame[:5])
    assert not decoder.is_clean
    decoder.receive_data(frame[5:])
    assert decoder.is_clean


def test_longest_frame() -> None:
    """A payload of 1 MiB can be sent, a longer one is a mistake of this side (protocol.md 1)."""
    assert len(encode_frame(b"x" * limits.MAX_SERVER_FRAME_BYTES)) == limits.MAX_SERVER_FRAME_BYTES + 4
    with pytest.raises(LocalProtocolError):
        encode_frame(b"x" * (limits.MAX_SERVER_FRAME_BYTES + 1))
