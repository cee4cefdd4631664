"""One TCP connection to a server, encrypted unless the server is on this machine. It knows packets, no session.

The server's certificate is compared with the pinned fingerprint after the handshake and before any byte of ours is
sent.
"""

import asyncio
import hashlib
import os
import re
import socket
import ssl
from typing import Final

from chat_client.core.addresses import ServerAddress
from chat_client.core.errors import ConnectError
from chat_client.core.language import tr
from chat_client.core.trust import changed_certificate
from chat_protocol.connection import ClientConnection
from chat_protocol.errors import LocalProtocolError, RemoteProtocolError
from chat_protocol.packets import Packet, Ping, ServerPacket

__all__ = ["Transport"]

CONNECT_TIMEOUT_S: Final = 10.0
PING_S: Final = 30.0
DEAD_S: Final = 45.0
"""A peer from which nothing came for this long is gone: it was asked after 30 s and had 15 s to answer."""
READ_BYTES: Final = 256 * 1024
_NUMBER: Final = re.compile(r"\[Errno (\d+)\]")
"""The first number of the system in what asyncio says: with several addresses there are several."""


class Transport:
    """An open connection; made by :meth:`connect`."""

    def __init__(
        self,
        address: ServerAddress,
        fingerprint: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        ping_s: float,
        dead_s: float,
    ) -> None:
        self.address = address
        self.fingerprint = fingerprint
        """Of the server's certificate; empty in the clear."""
        self._connection = ClientConnection()
        self._reader = reader
        self._writer = writer
        self._ping_s = ping_s
        self._dead_s = dead_s
        loop = asyncio.get_running_loop()
        self._last_sent = self._last_received = loop.time()
        self._is_dead = False
        self._timer = loop.call_later(ping_s / 6, self._keep_alive)

    @classmethod
    async def connect(
        cls,
        address: ServerAddress,
        pin: str,
        *,
        timeout_s: float = CONNECT_TIMEOUT_S,
        ping_s: float = PING_S,
        dead_s: float = DEAD_S,
    ) -> "Transport":
        """Connect; ``pin`` is the fingerprint that the server must show.

        Raises:
            ConnectError: ``unreachable``, ``timeout``, ``insecure`` (in the clear to another machine), ``untrusted``
            (no
                pin; the error tells the fingerprint) or ``wrong_fingerprint``.
        """
        if not address.tls and not address.is_loopback:
            raise ConnectError(
                "insecure",
                tr("{address} would be in the clear: use {secure}").format(
                    address=address, secure=f"chat://{address.key}"
                ),
                is_final=True,
            )
        try:
            async with asyncio.timeout(timeout_s):
                reader, writer = await asyncio.open_connection(
                    address.host, address.port, ssl=_context() if address.tls else None, limit=READ_BYTES
                )
        except TimeoutError:
            raise ConnectError(
                "timeout",
                tr("{address} did not answer within {seconds:g} s").format(address=address.key, seconds=timeout_s),
            ) from None
        except ssl.SSLError as error:
            raise ConnectError(
                "unreachable",
                tr("{address} does not answer with TLS 1.3 ({reason}): check host and port").format(
                    address=address.key, reason=error.reason
                ),
            ) from None
        except OSError as error:
            raise ConnectError(
                "unreachable",
                tr("{address} cannot be reached: {reason}").format(address=address.key, reason=_reason(error)),
            ) from None
        fingerprint = _fingerprint(writer) if address.tls else ""
        if address.tls and fingerprint != pin:
            writer.transport.abort()
            raise _mistrust(address, fingerprint, pin)
        _no_delay(writer)
        return cls(address, fingerprint, reader, writer, ping_s=ping_s, dead_s=dead_s)

    @property
    def max_frame(self) -> int:
        """The longest payload that the server takes; set it from ``welcome`` and ``session``."""
        return self._connection.max_frame

    @max_frame.setter
    def max_frame(self, size: int) -> None:
        self._connection.max_frame = size

    def send(self, packets: list[Packet]) -> None:
        """Queue packets for sending, in one write; never blocks.

        Raises:
            LocalProtocolError: A packet is longer than the server accepts; nothing was queued.
        """
        if not packets or self._writer.is_closing():
            return
        data = b"".join([self._connection.send(packet) for packet in packets])
        self._writer.write(data)
        self._last_sent = asyncio.get_running_loop().time()

    async def receive(self) -> list[ServerPacket]:
        """Wait for packets and return all that have come, at least one.

        Raises:
            ConnectError: ``connection_lost``: the connection is over, for whatever reason.
        """
        while True:
            try:
                data = await self._reader.read(READ_BYTES)
                if not data:
                    self._connection.receive_eof()
                    raise ConnectError("connection_lost", self._ending())
                self._last_received = asyncio.get_running_loop().time()
                packets = self._connection.receive_data(data)
            except (RemoteProtocolError, LocalProtocolError) as error:
                raise ConnectError(
                    "connection_lost", tr("the server sent what is no packet: {error}").format(error=error)
                ) from None
            except (OSError, ssl.SSLError) as error:
                raise ConnectError(
                    "connection_lost", tr("the connection broke: {reason}").format(reason=_reason(error))
                ) from None
            if packets:
                return packets

    async def close(self) -> None:
        """Send what is queued, for at most a second, and close."""
        self._timer.cancel()
        try:
            async with asyncio.timeout(1):
                if not self._is_dead:
                    await self._writer.drain()
                self._writer.close()
                await self._writer.wait_closed()
        except (TimeoutError, OSError):
            self.abort()

    def abort(self) -> None:
        """Close at once; what is queued is lost."""
        self._timer.cancel()
        self._writer.transport.abort()

    def _ending(self) -> str:
        if self._is_dead:
            return tr("nothing came from the server for {seconds:g} s").format(seconds=self._dead_s)
        return tr("the server closed the connection")

    def _keep_alive(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now - self._last_received >= self._dead_s:
            self._is_dead = True
            self.abort()
            return
        if self._is_idle(now):
            self.send([Ping()])
        self._timer = loop.call_later(self._ping_s / 6, self._keep_alive)

    def _is_idle(self, now: float) -> bool:
        """Tell whether either side was silent for so long that a word is due."""
        return now - self._last_sent >= self._ping_s or (
            now - self._last_received >= self._ping_s and self._last_sent <= self._last_received
        )


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # The certificate is the server's own; what it must be is decided by its fingerprint, not by an authority.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _fingerprint(writer: asyncio.StreamWriter) -> str:
    ssl_object = writer.get_extra_info("ssl_object")
    certificate = ssl_object.getpeercert(binary_form=True) if ssl_object is not None else None
    return f"sha256:{hashlib.sha256(certificate).hexdigest()}" if certificate else ""


def _mistrust(address: ServerAddress, fingerprint: str, pin: str) -> ConnectError:
    if not pin:
        return ConnectError(
            "untrusted",
            tr("{address} is not known yet: compare its fingerprint with the one that the server printed").format(
                address=address.key
            ),
            fingerprint=fingerprint,
            is_final=True,
        )
    return changed_certificate(address, fingerprint)


def _no_delay(writer: asyncio.StreamWriter) -> None:
    connected = writer.get_extra_info("socket")
    if connected is not None:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _reason(error: OSError) -> str:
    """Return what went wrong in the system's words; asyncio's hold addresses as Python writes them."""
    if not isinstance(error, ssl.SSLError | socket.gaierror):
        told = _NUMBER.search(str(error))
        if told:
            return os.strerror(int(told[1]))
    return error.strerror or str(error) or type(error).__name__
