"""Length-prefixed frames (protocol.md 1). The length is checked before anything of the payload is kept."""

from __future__ import annotations

from struct import Struct as Layout
from typing import Final

from chat_protocol.errors import ErrorCode, LocalProtocolError, RemoteProtocolError
from chat_protocol.limits import LENGTH_BYTES, MAX_SERVER_FRAME_BYTES, MIN_PAYLOAD_BYTES

_LENGTH: Final = Layout(">I")
_pack = _LENGTH.pack
_unpack_from = _LENGTH.unpack_from


def encode_frame(payload: bytes) -> bytes:
    """``payload`` with its length in front.

    Raises:
        LocalProtocolError: it is longer than any peer accepts.
    """
    if len(payload) > MAX_SERVER_FRAME_BYTES:
        raise LocalProtocolError(f"a payload of {len(payload)} bytes, at most {MAX_SERVER_FRAME_BYTES} can be sent")
    return _pack(len(payload)) + payload


class FrameDecoder:
    """Cuts a stream of bytes into payloads, whatever pieces it comes in.

    Keeps at most one incomplete frame of at most ``max_payload`` bytes. ``max_payload`` may be changed at any time and
    holds for frames whose length has not been read yet.
    """

    __slots__ = ("_buffer", "_need", "max_payload")

    def __init__(self, max_payload: int) -> None:
        self._buffer = bytearray()
        self._need = 0  # bytes that must be there before it is worth looking again
        self.max_payload = max_payload

    @property
    def is_clean(self) -> bool:
        """Whether the stream stands between two frames: an end of the stream here loses nothing."""
        return not self._buffer

    def receive_data(self, data: bytes) -> tuple[list[bytes], RemoteProtocolError | None]:
        """Take the next bytes of the stream.

        Returns:
            The payloads completed by ``data``, and what is wrong with the frame after them (then the stream has no
            position any more: send the error and close). Nothing of a frame with a bad length is kept.
        """
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._need:
                return [], None
            data = bytes(self._buffer)
            self._buffer.clear()
        size = len(data)
        at = 0
        payloads: list[bytes] = []
        self._need = LENGTH_BYTES
        while size - at >= LENGTH_BYTES:
            (length,) = _unpack_from(data, at)
            if not MIN_PAYLOAD_BYTES <= length <= self.max_payload:
                return payloads, RemoteProtocolError(
                    ErrorCode.BAD_FRAME,
                    f"a frame of {length} bytes was announced, {MIN_PAYLOAD_BYTES} to {self.max_payload} are accepted",
                )
            end = at + LENGTH_BYTES + length
            if end > size:
                self._need = LENGTH_BYTES + length
                break
            payloads.append(data[at + LENGTH_BYTES : end])
            at = end
        if at < size:
            self._buffer += data[at:] if at else data
        return payloads, None
