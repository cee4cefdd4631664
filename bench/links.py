"""Connections for a load: many in one thread, little work for each frame, and every event is checked all the same."""

from __future__ import annotations

import re
import selectors
import struct
import time
from collections.abc import Callable

from tests.support.people import People
from tests.support.wire import Client

_LENGTH = struct.Struct(">I")
_MESSAGE = b'{"type":"group_message","id":%d,"group":"%s","message_id":"%s-%d","content":"%s"}'
_SEQ = re.compile(rb'"seq":(\d+)')
STUCK_S = 30.0
"""A load that does not come forward for so long has failed."""


class Fault(Exception):
    """The server did something that it must not do; the numbers of this run mean nothing."""


class Link:
    """One logged-in connection, read without decoding; ``on_ack`` is called for each ack, which come in order."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.socket = client.socket
        self.socket.setblocking(False)
        self.events = 0
        self.acks = 0
        self.is_synced = False
        self.speaks = False
        """Its own events come as acks, which have no order among the pushes: so holes are no faults here."""
        self.on_ack: Callable[[], None] = lambda: None
        self._last_seq = 0
        self._buffer = b""
        self._unsent = b""

    @property
    def has_unsent(self) -> bool:
        """Whether the socket did not take everything yet."""
        return bool(self._unsent)

    def send(self, frames: bytes) -> None:
        """Send as much as the socket takes now, the rest with the next call."""
        self._unsent += frames
        try:
            sent = self.socket.send(self._unsent)
        except BlockingIOError:
            return
        self._unsent = self._unsent[sent:]

    def read(self) -> None:
        """Count what has come.

        Raises:
            Fault: an error frame, a closed connection, or events out of order.
        """
        data = self.socket.recv(1024 * 1024)
        if not data:
            raise Fault("the server closed a connection")
        data = self._buffer + data
        at = 0
        while len(data) - at >= 4:
            end = at + 4 + _LENGTH.unpack_from(data, at)[0]
            if end > len(data):
                break
            self._frame(data[at + 4 : end])
            at = end
        self._buffer = data[at:]

    def _frame(self, payload: bytes) -> None:
        if payload.startswith(b'{"type":"ack"'):
            self.acks += 1
            self.on_ack()
        elif payload.startswith(b'{"type":"synced"'):
            self.is_synced = True
        elif b'"seq":' in payload:
            for found in _SEQ.findall(payload):
                self._event(int(found))
        elif payload.startswith(b'{"type":"error"'):
            raise Fault(payload.decode())

    def _event(self, seq: int) -> None:
        if self._last_seq and seq != self._last_seq + 1 and not self.speaks:
            raise Fault(f"after seq {self._last_seq} came {seq}")
        self._last_seq = seq
        self.events += 1


class Sender:
    """Keeps ``window`` messages unacknowledged until ``count`` are sent; remembers how long each took."""

    def __init__(self, link: Link, group: str, count: int, window: int, name: str) -> None:
        self._link = link
        self._group = group
        self._left = count
        self._name = name
        self._sent_at: list[float] = []
        self.latencies_ms: list[float] = []
        self._window = window
        link.speaks = True
        link.on_ack = self._acked

    def start(self) -> None:
        """Send the first ones."""
        self._send(min(self._window, self._left))

    def _acked(self) -> None:
        self.latencies_ms.append((time.perf_counter() - self._sent_at[len(self.latencies_ms)]) * 1000)
        if self._left:
            self._send(1)

    def _send(self, count: int) -> None:
        frames = []
        now = time.perf_counter()
        for _ in range(count):
            number = len(self._sent_at)
            self._sent_at.append(now)
            payload = _MESSAGE % (number + 1000, self._group.encode(), self._name.encode(), number, b"x" * 120)
            frames.append(_LENGTH.pack(len(payload)) + payload)
        self._left -= count
        self._link.send(b"".join(frames))


def run(links: list[Link], is_done: Callable[[], bool]) -> float:
    """Read all links until ``is_done``; how many seconds that took.

    Raises:
        Fault: nothing came for ``STUCK_S``, or a link had a fault.
    """
    began = time.perf_counter()
    with selectors.DefaultSelector() as selector:
        for link in links:
            selector.register(link.socket, selectors.EVENT_READ, link)
        while not is_done():
            ready = selector.select(STUCK_S)
            if not ready:
                raise Fault(f"nothing came for {STUCK_S:.0f} s")
            for key, _ in ready:
                key.data.read()
            for link in links:
                if link.has_unsent:
                    link.send(b"")
    return time.perf_counter() - began


def members(crowd: Callable[[], People], group: str, count: int) -> list[Link]:
    """``count`` new users in ``group``, live from its end on."""
    clients: list[Client] = []
    while len(clients) < count:
        people = crowd()
        clients += [people.user("member", sync=False) for _ in range(min(200, count - len(clients)))]
    for client in clients:
        client.request("join", group=group)
    return [Link(live(client)) for client in clients]


def live(client: Client) -> Client:
    """Let ``client`` get live events, without a backlog."""
    client.sync(limit=0)
    client.settle()
    return client
