"""Stands between clients and a server and does to their bytes what networks do.

It hands on late, in small pieces or in large ones, swallows one direction or both, and cuts connections with a reset
at any byte. One thread, on loopback only.
"""

from __future__ import annotations

import random
import selectors
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from msgspec import Struct

_TURN_S: Final = 0.005
_HELD_BACK: Final = 256 * 1024
_RESET: Final = struct.pack("ii", 1, 0)


class Weather(Struct):
    """What happens to connections that are made from now on; ``cut_at`` counts bytes in both directions."""

    piece: tuple[int, int] = (65536, 65536)
    """Bytes that are handed on at once, from and to."""
    delay_s: tuple[float, float] = (0.0, 0.0)
    cut_at: tuple[int, int] | None = None
    holes_up: bool = False
    """What clients send is swallowed."""
    holes_down: bool = False
    """What the server sends is swallowed."""


class _Way:
    """One direction of a connection."""

    def __init__(self, source: socket.socket, target: socket.socket, pair: _Pair, is_up: bool) -> None:
        self.source, self.target, self.pair, self.is_up = source, target, pair, is_up
        self.waiting: deque[tuple[float, bytearray]] = deque()
        self.held = 0
        self.is_read = False
        """The source has said its last byte."""
        self.is_over = False
        """The target knows that, too."""


class _Pair:
    """A client's connection and the one to the server."""

    def __init__(self, near: socket.socket, far: socket.socket, weather: Weather, chance: random.Random) -> None:
        self.sockets = (near, far)
        self.weather = weather
        self.ways = (_Way(near, far, self, True), _Way(far, near, self, False))
        self.left = chance.randint(*weather.cut_at) if weather.cut_at else -1
        self.is_over = False


class Proxy(threading.Thread):
    """Listens on ``address`` and connects to what ``find`` returns; use it as a context manager."""

    def __init__(self, find: Callable[[], tuple[str, int]], seed: str) -> None:
        super().__init__(name="proxy", daemon=True)
        self._find = find
        self._random = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._listener.setblocking(False)
        self._pairs: list[_Pair] = []
        self._ending = threading.Event()
        self.weather = Weather()
        self.cuts = 0
        """Connections that were cut on purpose."""
        self.address: tuple[str, int] = self._listener.getsockname()

    def __enter__(self) -> Proxy:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self.join(10.0)

    def calm(self) -> None:
        """Let all go well from now on, for connections that are there as well."""
        self.weather = Weather()
        for pair in list(self._pairs):
            if pair.weather.holes_up or pair.weather.holes_down:
                pair.left = 0  # what was swallowed never comes: such a connection is of no use
            pair.weather = self.weather

    def run(self) -> None:
        """The thread's work."""
        try:
            while not self._ending.is_set():
                self._turn()
        finally:
            for pair in self._pairs:
                self._end(pair)
            self._listener.close()

    def _turn(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            for pair in self._pairs:
                for way in pair.ways:
                    if not way.is_read and way.held < _HELD_BACK:
                        selector.register(way.source, selectors.EVENT_READ, way)
            for key, _ in selector.select(_TURN_S):
                if key.data is None:
                    self._accept()
                elif not key.data.pair.is_over:
                    self._read(key.data)
        for pair in self._pairs:
            for way in pair.ways:
                if not pair.is_over:
                    self._hand_on(way)
            if pair.left == 0 and not pair.is_over:
                self.cuts += 1
                self._end(pair)
            elif all(way.is_over for way in pair.ways) and not pair.is_over:
                self._close(pair)
        self._pairs = [pair for pair in self._pairs if not pair.is_over]

    def _accept(self) -> None:
        try:
            near, _ = self._listener.accept()
        except OSError:
            return
        try:
            far = socket.create_connection(self._find(), timeout=1.0)
        except OSError:
            near.close()
            return
        for each in (near, far):
            each.setblocking(False)
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pairs.append(_Pair(near, far, self.weather, self._random))

    def _read(self, way: _Way) -> None:
        try:
            data = way.source.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            self._end(way.pair)
            return
        weather = way.pair.weather
        if weather.holes_up if way.is_up else weather.holes_down:
            if not data:
                self._end(way.pair)
            return
        way.is_read = not data
        at = 0
        due = time.monotonic() + self._random.uniform(*weather.delay_s)
        while at < len(data):
            size = self._random.randint(*weather.piece)
            way.waiting.append((due, bytearray(data[at : at + size])))
            at += size
        way.held += len(data)

    def _hand_on(self, way: _Way) -> None:
        now = time.monotonic()
        pair = way.pair
        while way.waiting and way.waiting[0][0] <= now and pair.left != 0:
            piece = way.waiting[0][1]
            try:
                sent = way.target.send(piece if pair.left < 0 else piece[: pair.left])
            except BlockingIOError:
                return
            except OSError:
                self._end(pair)
                return
            way.held -= sent
            if pair.left > 0:
                pair.left -= sent
            del piece[:sent]
            if not piece:
                way.waiting.popleft()
        if way.is_read and not way.waiting and not way.is_over:
            way.is_over = True
            try:
                way.target.shutdown(socket.SHUT_WR)
            except OSError:
                self._end(pair)

    def _close(self, pair: _Pair) -> None:
        """Close both sides in peace: all that was said is handed on."""
        pair.is_over = True
        for each in pair.sockets:
            each.close()

    def _end(self, pair: _Pair) -> None:
        """Reset both sides: what lies in their buffers is gone."""
        pair.is_over = True
        for each in pair.sockets:
            try:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            except OSError:
                pass  # the other side was faster
            each.close()
