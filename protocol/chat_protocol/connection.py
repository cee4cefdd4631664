"""One connection without I/O: bytes in, packets out, and back. Shared by the server's loop and the clients' transport.

A connection never raises for what the other side does; what is wrong comes out as a value, in its place among the
packets.
"""

from __future__ import annotations

from msgspec import UNSET

from chat_protocol import limits
from chat_protocol.codec import decode_client, decode_server, encode
from chat_protocol.errors import CLOSING, ErrorCode, LocalProtocolError, RemoteProtocolError
from chat_protocol.frames import FrameDecoder, encode_frame
from chat_protocol.packets import ClientPacket, Error, Packet, ServerPacket


def error_packet(problem: RemoteProtocolError) -> Error:
    """The ``error`` frame that answers ``problem``."""
    return Error(
        code=problem.code,
        message=problem.message,
        re=UNSET if problem.re is None else problem.re,
        field=UNSET if problem.field is None else problem.field,
    )


class ServerConnection:
    """The server's end: what a client sends.

    ``receive_data`` yields packets and, where a frame could not be read, the :class:`~chat_protocol.packets.Error`
    to answer with. After an error
    with a closing code nothing more is read. Not thread-safe: one thread reads a connection.
    """

    __slots__ = ("_frames", "is_closing")

    def __init__(self, max_frame: int = limits.MAX_FRAME_BEFORE_LOGIN_BYTES) -> None:
        self._frames = FrameDecoder(max_frame)
        self.is_closing = False

    @property
    def max_frame(self) -> int:
        """The longest payload accepted, in bytes. Raised when the client has logged in."""
        return self._frames.max_payload

    @max_frame.setter
    def max_frame(self, size: int) -> None:
        self._frames.max_payload = size

    @property
    def is_mid_frame(self) -> bool:
        """Whether a frame has begun and is not whole yet."""
        return not self._frames.is_clean

    def receive_data(self, data: bytes) -> list[ClientPacket | Error]:
        """What ``data`` completes, in order."""
        if self.is_closing:
            return []
        payloads, problem = self._frames.receive_data(data)
        received: list[ClientPacket | Error] = []
        for payload in payloads:
            try:
                received.append(decode_client(payload))
            except RemoteProtocolError as error:
                received.append(error_packet(error))
                if error.code in CLOSING:
                    self.is_closing = True
                    return received
        if problem is not None:
            received.append(error_packet(problem))
            self.is_closing = True
        return received


class ClientConnection:
    """The client's end: what the server sends.

    Not thread-safe. Unknown types are left out of what ``receive_data`` yields (protocol.md 1).
    """

    __slots__ = ("_frames", "is_closed", "max_frame")

    def __init__(self) -> None:
        self._frames = FrameDecoder(limits.MAX_SERVER_FRAME_BYTES)
        self.max_frame = limits.MAX_FRAME_BEFORE_LOGIN_BYTES
        """The longest payload that the server takes; set it from ``welcome`` and ``session``."""
        self.is_closed = False

    def send(self, packet: Packet) -> bytes:
        """The bytes to send for ``packet``.

        Raises:
            LocalProtocolError: the connection is closed, or the packet is longer than the server accepts.
        """
        if self.is_closed:
            raise LocalProtocolError("the connection is closed")
        payload = encode(packet)
        if len(payload) > self.max_frame:
            raise LocalProtocolError(f"a packet of {len(payload)} bytes, the server accepts {self.max_frame}")
        return encode_frame(payload)

    def receive_data(self, data: bytes) -> list[ServerPacket]:
        """What ``data`` completes, in order.

        Raises:
            RemoteProtocolError: this is no server of ours; the connection is closed. Packets before the bad one are
            lost with it:
                whatever was not told as ``received`` comes again.
        """
        if self.is_closed:
            return []
        payloads, problem = self._frames.receive_data(data)
        received: list[ServerPacket] = []
        try:
            for payload in payloads:
                packet = decode_server(payload)
                if packet is not None:
                    received.append(packet)
        except RemoteProtocolError:
            self.is_closed = True
            raise
        if problem is not None:
            self.is_closed = True
            raise problem
        return received

    def receive_eof(self) -> None:
        """The server closed the stream.

        Raises:
            RemoteProtocolError: in the middle of a frame.
        """
        self.is_closed = True
        if not self._frames.is_clean:
            raise RemoteProtocolError(ErrorCode.BAD_FRAME, "the connection ended in the middle of a frame")
