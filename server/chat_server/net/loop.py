"""An I/O thread: its share of the connections, on one selector. It waits in ``select`` only.

Per turn it reads what is ready, hands all packets up in one batch, carries out the router's orders, and writes once
per connection.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final

import structlog

from chat_protocol import packets
from chat_protocol.codec import encode
from chat_protocol.errors import ErrorCode
from chat_protocol.frames import encode_frame
from chat_protocol.packets import Error
from chat_server.dispatch.inbox import Inbox
from chat_server.dispatch.peer import Close, Deliver, Item, News, Order, Resume, Send, Widen
from chat_server.net.channel import Channel
from chat_server.net.patience import Patience, Verdict
from chat_server.net.strangers import Strangers
from chat_server.net.tls import Credentials, TlsLayer
from chat_server.net.waker import make_waker

_log = structlog.get_logger("net")

_READ_BYTES: Final = 64 * 1024
_SWEEP_S: Final = 1.0
_MOST_UNROUTED: Final = 512
"""Packets of one connection that wait for the router; above, it is not read any more until half of them are routed."""
_PAUSED_S: Final = 0.01
"""How often connections that are not read are looked at again."""
_LINGER_S: Final = 2.0
"""How long a connection that the server closes may stay half open."""
_LAST_LINGER_S: Final = 0.2
"""The same while the server stops."""
SLOW_CONSUMER: Final = str(ErrorCode.SLOW_CONSUMER)
"""The reason of GONE for a connection that was given up."""
_PING: Final = encode_frame(encode(packets.Ping()))


class IoThread(threading.Thread):
    """An I/O thread. ``post``, ``adopt``, ``watch`` and ``stop`` may be called from any thread."""

    def __init__(self, number: int, inbox: Inbox, patience: Patience, credentials: Credentials | None = None) -> None:
        super().__init__(name=f"io-{number}", daemon=True)
        self._inbox = inbox
        self._credentials = credentials
        self._patience = patience
        self._selector = selectors.DefaultSelector()
        self._waker = make_waker()
        self._selector.register(self._waker.fileno(), selectors.EVENT_READ, None)
        self._orders: deque[list[Order]] = deque()
        self._calls: deque[Callable[[], None]] = deque()
        self._is_signalled = False
        self._channels: set[Channel] = set()
        self._dirty: set[Channel] = set()
        self._paused: set[Channel] = set()
        self._news: list[Item] = []
        self._now = monotonic()
        self._next_sweep = self._now + _SWEEP_S
        self._sweep_s = _SWEEP_S
        self._stop_at: float | None = None

    @property
    def load(self) -> int:
        """How many connections it has. Any thread."""
        return len(self._channels)

    # ---- called from other threads

    def post(self, orders: list[Order]) -> None:
        """Hand over orders; never blocks."""
        self._orders.append(orders)
        self._signal()

    def adopt(self, sock: socket.socket, address: str, strangers: Strangers, *, is_operator: bool = False) -> None:
        """Take over a connected, non-blocking socket; that of an operator is local and not encrypted."""
        self._call(lambda: self._open(sock, address, strangers, is_operator))

    def watch(self, sock: socket.socket, on_ready: Callable[[], None]) -> None:
        """Call ``on_ready`` in this thread whenever ``sock`` (a listening one) is readable."""
        self._call(lambda: self._register(sock, on_ready))

    def unwatch(self, sock: socket.socket) -> None:
        """Stop watching and close ``sock``."""
        self._call(lambda: self._unregister(sock))

    def stop(self, within_s: float) -> None:
        """Send what is ordered, close all connections, end; at the latest after ``within_s``."""
        self._call(lambda: self._begin_stop(within_s))

    def close(self) -> None:
        """Release what other threads may use to reach this one, once it has ended and they have no reason to."""
        self._waker.close()

    def _call(self, work: Callable[[], None]) -> None:
        self._calls.append(work)
        self._signal()

    def _signal(self) -> None:
        # the flag is cleared before the queues are emptied, so a wake-up is never lost; one too many does no harm
        if not self._is_signalled:
            self._is_signalled = True
            self._waker.wake()

    # ---- the loop

    def run(self) -> None:
        """The thread's work."""
        while self._stop_at is None or (self._channels and self._now < self._stop_at):
            ready = self._selector.select(self._timeout_s())
            self._now = monotonic()
            self._take_ready(ready)
            if self._news:
                news, self._news = self._news, []
                self._inbox.put(news)
            self._is_signalled = False
            while self._calls:
                self._calls.popleft()()
            while self._orders:
                self._carry_out(self._orders.popleft())
            if self._dirty:
                dirty, self._dirty = self._dirty, set()
                for channel in dirty:
                    self._write(channel)
            if self._paused:
                self._resume_paused()
            if self._now >= self._next_sweep:
                self._sweep()
        self._close_all()

    def _take_ready(self, ready: list[tuple[selectors.SelectorKey, int]]) -> None:
        for key, mask in ready:
            channel = key.data
            if channel.__class__ is Channel:
                if mask & selectors.EVENT_READ:
                    self._read(channel)
                if mask & selectors.EVENT_WRITE and channel.is_blocked:
                    self._write_rest(channel)
            elif channel is None:
                self._waker.clear()
            else:
                channel()

    def _timeout_s(self) -> float:
        return _PAUSED_S if self._paused else max(0.0, self._next_sweep - self._now)

    # ---- reading

    def _read(self, channel: Channel) -> None:
        try:
            data = channel.sock.recv(_READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(channel, error.strerror or "read failed")
            return
        if not data:
            self._lose(channel, "closed by the client")
            return
        if channel.is_closing:
            return  # read only so that the last frame is not lost by a reset
        if channel.tls is not None:
            decrypted = self._decrypt(channel, channel.tls, data)
            if not decrypted:
                return
            data = decrypted
        channel.last_heard = self._now
        connection = channel.connection
        received = connection.receive_data(data)
        if received:
            self._news.append((News.PACKETS, channel, received))
            channel.frame_since = 0.0
            channel.taken += len(received)
            if channel.taken - channel.routed > _MOST_UNROUTED:
                self._pause(channel)
        if connection.is_mid_frame:
            if not channel.frame_since:
                channel.frame_since = self._now
        else:
            channel.frame_since = 0.0

    def _decrypt(self, channel: Channel, tls: TlsLayer, data: bytes) -> bytes:
        try:
            plain, answer = tls.receive(data)
        except ssl.SSLError as error:
            _log.info("no TLS", address=channel.session.address, reason=error.reason)
            self._lose(channel, "no TLS")
            return b""
        if answer:
            self._transmit(channel, answer)
        return plain

    def _pause(self, channel: Channel) -> None:
        """Read nothing more of a connection that asks faster than it is answered, or takes its answers up."""
        channel.is_paused = True
        self._paused.add(channel)
        self._watch_for(channel)

    def _resume_paused(self) -> None:
        for channel in list(self._paused):
            is_routed = channel.taken - channel.routed <= _MOST_UNROUTED // 2
            if is_routed and channel.unsent_bytes <= self._patience.low_bytes:
                self._paused.discard(channel)
                channel.is_paused = False
                self._watch_for(channel)

    def _watch_for(self, channel: Channel) -> None:
        """Tell the selector what is of interest now; a socket without any is left out of it."""
        interest = 0 if channel.is_paused else selectors.EVENT_READ
        if channel.is_blocked:
            interest |= selectors.EVENT_WRITE
        if channel not in self._channels:
            return
        if not interest:
            self._selector.unregister(channel.sock)
        elif channel.sock in self._selector.get_map():
            self._selector.modify(channel.sock, interest, channel)
        else:
            self._selector.register(channel.sock, interest, channel)

    # ---- the router's orders

    def _carry_out(self, orders: list[Order]) -> None:
        for order in orders:
            if order.__class__ is Deliver:
                self._deliver(order)
            elif order.__class__ is Send:
                self._send(order)
            else:
                self._carry_out_rare(order)

    def _carry_out_rare(self, order: Order) -> None:
        channel = order.peer  # type: ignore[union-attr]
        if channel not in self._channels:
            return
        match order:
            case Resume(_, conversation):
                channel.behind -= {conversation}
                channel.settle()
            case Widen(_, max_frame):
                channel.connection.max_frame = max_frame
                channel.admit()
            case Close(_, blob):
                if blob:
                    channel.out.append(blob)
                channel.is_closing = True
                channel.settle()
                self._dirty.add(channel)
            case Deliver() | Send():
                pass

    def _deliver(self, order: Deliver) -> None:
        blob = order.blob
        own = order.own
        peers: tuple[Channel, ...] = order.peers  # type: ignore[assignment]
        if own is not None:
            for peer in own:
                peer.is_special = True  # type: ignore[attr-defined]
        for channel in peers:
            if channel.is_special:
                self._deliver_special(channel, order)
            else:
                channel.out.append(blob)
        self._dirty.update(peers)

    def _deliver_special(self, channel: Channel, order: Deliver) -> None:
        blob = order.blob
        if order.own is not None:
            blob = order.own.get(channel, blob)
        channel.settle()
        if channel.is_closing or not blob or order.conversation in channel.behind:
            return
        if channel.is_blocked and channel.unsent_bytes + len(blob) > self._patience.high_bytes:
            channel.behind |= {order.conversation}
            channel.tells_drained = True
            channel.settle()
            self._news.append((News.LAGGED, channel, (order.conversation, order.first)))
            return
        channel.out.append(blob)

    def _send(self, order: Send) -> None:
        channel: Channel = order.peer  # type: ignore[assignment]
        if channel.is_closing or channel not in self._channels:
            return
        channel.out.append(order.blob)
        if order.tell:
            channel.tells_drained = True
        self._dirty.add(channel)

    # ---- writing

    def _write(self, channel: Channel) -> None:
        out = channel.out
        if channel not in self._channels:
            out.clear()
            return
        if out:
            data = out[0] if len(out) == 1 else b"".join(out)
            out.clear()
            if channel.tls is not None:
                if not channel.tls.is_ready:
                    self._lose(channel, "no TLS in time")
                    return
                data = channel.tls.encrypt(data)
            self._transmit(channel, data)
        if not channel.is_blocked and channel in self._channels:
            self._sent_all(channel)

    def _transmit(self, channel: Channel, data: bytes) -> None:
        was_blocked = channel.is_blocked
        try:
            channel.transmit(data, self._now)
        except OSError as error:
            self._lose(channel, error.strerror or "write failed")
            return
        if channel.is_blocked and not was_blocked:
            self._watch_for(channel)
        if channel.unsent_bytes > self._patience.most_unsent_bytes:
            self._lose(channel, SLOW_CONSUMER)
        elif channel.unsent_bytes > self._patience.high_bytes and not channel.is_paused:
            self._pause(channel)

    def _sent_all(self, channel: Channel) -> None:
        if channel.tells_drained:
            channel.tells_drained = False
            self._tell(News.DRAINED, channel, None)
        if channel.is_closing and not channel.close_at:
            self._half_close(channel)

    def _half_close(self, channel: Channel) -> None:
        """Say that nothing more comes, and wait a little for the client: a hard close could lose the last frame."""
        channel.close_at = self._now + (_LINGER_S if self._stop_at is None else _LAST_LINGER_S)
        try:
            channel.sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._lose(channel, error.strerror or "gone")

    def _write_rest(self, channel: Channel) -> None:
        """The socket takes something again, or is tried again."""
        try:
            channel.transmit_rest(self._now)
        except OSError as error:
            self._lose(channel, error.strerror or "write failed")
            return
        if channel.tells_drained and channel.unsent_bytes < self._patience.low_bytes:
            channel.tells_drained = False
            self._tell(News.DRAINED, channel, None)
        if not channel.is_blocked:
            self._watch_for(channel)
            self._sent_all(channel)

    def _tell(self, news: News, channel: Channel, detail: object) -> None:
        self._news.append((news, channel, detail))
        # told in this turn if it comes from a socket, else at the beginning of the next one
        self._signal()

    # ---- opening and closing

    def _open(self, sock: socket.socket, address: str, strangers: Strangers, is_operator: bool) -> None:
        tls = None if self._credentials is None or is_operator else TlsLayer(self._credentials)
        channel = Channel(self, sock, address, strangers, self._patience.max_frame_before_login, self._now, tls)
        channel.session.is_operator = channel.is_open = is_operator
        self._channels.add(channel)
        self._selector.register(sock, selectors.EVENT_READ, channel)
        self._tell(News.CONNECTED, channel, None)

    def _lose(self, channel: Channel, reason: str) -> None:
        if channel not in self._channels:
            return
        self._channels.discard(channel)
        self._paused.discard(channel)
        if channel.sock in self._selector.get_map():
            self._selector.unregister(channel.sock)
        channel.close()
        channel.unsent = None
        channel.out.clear()
        self._tell(News.GONE, channel, reason)

    def _register(self, sock: socket.socket, on_ready: Callable[[], None]) -> None:
        self._selector.register(sock, selectors.EVENT_READ, on_ready)

    def _unregister(self, sock: socket.socket) -> None:
        self._selector.unregister(sock)
        sock.close()

    def _begin_stop(self, within_s: float) -> None:
        self._stop_at = self._now + within_s
        self._sweep_s = _LAST_LINGER_S
        self._next_sweep = self._now + _LAST_LINGER_S
        for channel in self._channels:
            channel.close_at = min(channel.close_at, self._next_sweep)

    def _close_all(self) -> None:
        for channel in list(self._channels):
            channel.sock.close()
        self._selector.close()

    # ---- deadlines

    def _sweep(self) -> None:
        """Look once at every connection's deadlines."""
        now = self._now
        self._next_sweep = now + self._sweep_s
        for channel in list(self._channels):
            verdict, reason = self._patience.judge(channel, now)
            if verdict is Verdict.RETRY:
                self._retry(channel)
            elif verdict is Verdict.REJECT:
                self._reject(channel, reason)
            elif verdict is Verdict.LOSE:
                self._lose(channel, reason)
            elif verdict is Verdict.WAIT:
                channel.was_pinged = False
            elif not channel.was_pinged:
                channel.was_pinged = True
                channel.out.append(_PING)
                self._dirty.add(channel)

    def _reject(self, channel: Channel, message: str) -> None:
        channel.out.append(encode_frame(encode(Error(code=ErrorCode.BAD_FRAME, message=message))))
        channel.is_closing = True
        channel.settle()
        self._dirty.add(channel)
        self._signal()

    def _retry(self, channel: Channel) -> None:
        """The connection takes no byte: try again, each time after twice as long; after the last time give it up."""
        attempts = channel.retries + 1
        before = channel.unsent_bytes
        self._write_rest(channel)
        self._tell(News.RETRIED, channel, attempts)
        if channel.unsent_bytes < before or channel not in self._channels:
            return
        if attempts >= self._patience.retries:
            # an error frame could only go into the middle of the one that is not taken up
            self._lose(channel, SLOW_CONSUMER)
            return
        channel.retries = attempts
        channel.retry_at = self._now + self._patience.retry_delay_s(attempts)
