"""A client that never gives up: it keeps an outbox, resends with the same ids, and goes on from its cursors.

It is written from docs/protocol.md alone and runs in a thread of its own. What it keeps (outbox, cursors) stands for
its disk: it survives everything but the end of the run.
"""

from __future__ import annotations

import json
import random
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from tests.faults.history import TRANSIENT, History, digest, signed
from tests.support.people import new_id

WINDOW: Final = 16
"""Sends that are on their way at once."""
ANSWER_S: Final = 10.0
"""How long a connection may say nothing while something is awaited; then it is given up."""
EVENTS: Final = frozenset(
    ["group_message", "private_message", "system_message", "broadcast", "notification", "edited", "deleted", "reaction"]
)

Frame = dict[str, Any]


class Talker(threading.Thread):
    """One device.

    ``find`` returns where the server, or what stands before it, is at the moment. ``names`` are the conversations that
    it writes to and has to have all of, as this user calls them.
    """

    def __init__(
        self, device: str, token: str, user: str, names: list[str], find: Callable[[], tuple[str, int]],
        history: History, secret: bytes, seed: str,
    ) -> None:  # fmt: skip
        super().__init__(name=device, daemon=True)
        self.device, self.token, self.user, self.names = device, token, user, names
        self._find, self._history, self._secret = find, history, secret
        self._random = random.Random(seed)
        self.sending = threading.Event()
        self.leaving = threading.Event()
        self.frozen = threading.Event()
        """While set nothing is read or written, and the connection stays open."""
        self.hang_up = threading.Event()
        """Set: leave the connection, once, and make another one."""
        self.repeats = 1
        """How often each frame of a send is written."""
        self.pause_s = 0.0
        """At least so long passes from one new message to the next."""
        self.outbox: dict[str, tuple[str, str]] = {}
        self.cursors: dict[str, int] = {}
        self.acked = 0
        self.connections = 0
        self.epoch = ""
        self.is_live = False
        self._ahead: dict[str, set[int]] = {}
        self._number = 0
        self._link = 0

    # ---- What others ask --------------------------------------------------------------------------------------------

    def canonical(self, name: str) -> str:
        """A conversation as everybody calls it."""
        return "|".join(sorted((self.user, name[1:]))) if name.startswith("@") else name

    def has_all(self, heads: dict[str, int]) -> bool:
        """Whether nothing waits to be sent, and every one of these logs is here to its end."""
        return not self.outbox and all(
            self.cursors.get(name, 0) >= heads.get(self.canonical(name), 0) for name in self.names
        )

    def leave(self) -> None:
        """Go; returns when the connection is closed."""
        self.leaving.set()
        self.frozen.clear()
        self.join(20.0)
        assert not self.is_alive(), f"{self.device} did not end"

    # ---- Connections ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Connect again and again."""
        while not self.leaving.is_set():
            self._link += 1
            try:
                with socket.create_connection(self._find(), timeout=ANSWER_S) as connection:
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._talk(connection)
            except (OSError, EOFError):
                pass
            self.is_live = False
            self.leaving.wait(self._random.uniform(0.005, 0.05))

    def _talk(self, connection: socket.socket) -> None:
        link = _Link(connection, self.frozen, self.leaving)
        link.send({"type": "hello", "id": 1, "protocol": 1, "client": "talker/1.0"})
        link.wait_for(1)
        link.send({"type": "login", "id": 2, "token": self.token})
        session = link.wait_for(2)
        if session["type"] == "error":
            raise EOFError(session["code"])
        cursors = {name: seq for name, seq in self.cursors.items() if seq} if session["epoch"] == self.epoch else {}
        link.send({"type": "sync", "id": 3, "epoch": session["epoch"], "cursors": cursors, "limit": None})
        synced = link.wait_for(3)
        if synced["type"] == "error":
            raise EOFError(synced["code"])
        self._begin(synced)
        self.connections += 1
        self.is_live = True
        self.hang_up.clear()
        self._serve(link)

    def _begin(self, synced: Frame) -> None:
        if synced["epoch"] != self.epoch:
            self.epoch = synced["epoch"]
            self.cursors, self._ahead = {}, {}
        for entry in synced["conversations"]:
            name = entry["conversation"]
            if name not in self.names:
                continue
            # where this device named no cursor the server used its own, which it may have learnt from us only
            known = max(entry["cursor"], self.cursors.get(name, 0))
            if name not in self.cursors and entry["cursor"]:
                self._note("skip", name, seq=1, to_seq=entry["cursor"])
            self.cursors[name] = known
            self._ahead.setdefault(name, set())
            self._note("connect", name, seq=entry["cursor"])
            self._note("head", name, seq=entry["last_seq"])

    def _serve(self, link: _Link) -> None:
        flying: dict[int, str] = {}
        waiting = list(self.outbox)
        request = 10
        is_refused = False
        next_at = 0.0
        heard_at = time.monotonic()
        while not self.leaving.is_set() and not self.hang_up.is_set():
            while len(flying) < WINDOW and not is_refused and link.can_send():
                if waiting:
                    message_id = waiting.pop(0)
                elif self.sending.is_set() and time.monotonic() >= next_at:
                    message_id = self._write_one()
                    next_at = time.monotonic() + self.pause_s
                else:
                    break
                request += 1
                flying[request] = message_id
                self._send(link, request, message_id)
            for frame in link.receive(0.02):
                heard_at = time.monotonic()
                if frame["type"] == "ping":
                    link.send({"type": "pong", **({"re": frame["id"]} if "id" in frame else {})})
                elif frame["type"] in ("ack", "error"):
                    is_refused |= self._answered(frame, flying)
                else:
                    self._pushed(link, frame)
            if is_refused and not flying:  # all is answered: again from the first that is not stored
                is_refused = False
                waiting = list(self.outbox)
                self.leaving.wait(0.05)
            if flying and time.monotonic() - heard_at > ANSWER_S:
                raise EOFError("nothing comes")

    # ---- Sending ----------------------------------------------------------------------------------------------------

    def _write_one(self) -> str:
        self._number += 1
        name = self._random.choice(self.names)
        content = signed(self._secret, self.user, self._number, "x" * self._random.choice((0, 20, 200)))
        message_id = new_id()
        self.outbox[message_id] = (name, content)
        return message_id

    def _send(self, link: _Link, request: int, message_id: str) -> None:
        name, content = self.outbox[message_id]
        place = {"type": "group_message", "group": name[1:]}
        if name.startswith("@"):
            place = {"type": "private_message", "to": name[1:]}
        self._note("invoke", name, message_id=message_id, digest=digest(content))
        link.send({**place, "id": request, "message_id": message_id, "content": content})
        for again in range(1, self.repeats):  # answers to these are nobody's
            link.send({**place, "id": 10**9 * again + request, "message_id": message_id, "content": content})

    def _answered(self, frame: Frame, flying: dict[int, str]) -> bool:
        """File an answer; True where the message has to be sent again."""
        message_id = flying.pop(frame.get("re", 0), "")
        if frame["type"] == "ack":
            name = frame["conversation"]
            self.outbox.pop(frame["message_id"], None)
            self.acked += not frame["duplicate"]
            self._note("ok", name, message_id=frame["message_id"], seq=frame["seq"])
            self._have(name, frame["seq"])
            return False
        code = frame["code"]
        if not message_id:
            return False
        self._note("fail", self.outbox[message_id][0], message_id=message_id, code=code)
        if code in TRANSIENT:
            return True
        del self.outbox[message_id]
        return False

    # ---- Receiving --------------------------------------------------------------------------------------------------

    def _pushed(self, link: _Link, frame: Frame) -> None:
        name = frame.get("conversation", "")
        if name not in self.names:
            return
        before = self.cursors.get(name, 0)
        if frame["type"] == "skip":
            self._note("skip", name, seq=frame["from"], to_seq=frame["to"])
            for seq in range(frame["from"], frame["to"] + 1):
                self._have(name, seq)
        elif frame["type"] == "backlog":
            for event in frame["events"]:
                self._event(name, event)
        elif frame["type"] in EVENTS:
            self._event(name, frame)
        after = self.cursors.get(name, 0)
        if after // 32 > before // 32:
            link.send({"type": "received", "conversation": name, "seq": after})

    def _event(self, name: str, event: Frame) -> None:
        is_text = event["type"] in ("group_message", "private_message")
        content = digest(event["content"]) if is_text and "content" in event else ""
        self._note("recv", name, message_id=event["message_id"], seq=event["seq"], digest=content)
        self._have(name, event["seq"])

    def _have(self, name: str, seq: int) -> None:
        """An event is on the disk; the cursor is the end of what is there without a hole."""
        cursor = before = self.cursors.get(name, 0)
        if seq <= cursor:
            return
        ahead = self._ahead.setdefault(name, set())
        ahead.add(seq)
        while cursor + 1 in ahead:
            cursor += 1
            ahead.remove(cursor)
        if cursor > before:
            self.cursors[name] = cursor
            self._note("cursor", name, seq=cursor)

    def _note(self, kind: Any, name: str, **fields: str | int) -> None:
        self._history.add(
            kind, device=self.device, user=self.user, link=self._link, conversation=self.canonical(name),
            epoch=self.epoch, **fields,
        )  # fmt: skip


class _Link:
    """Frames on one socket, without ever waiting long: this end may be frozen, and told to leave."""

    def __init__(self, connection: socket.socket, frozen: threading.Event, leaving: threading.Event) -> None:
        self._socket = connection
        self._frozen, self._leaving = frozen, leaving
        self._in = bytearray()
        self._out = bytearray()
        connection.setblocking(False)

    def send(self, frame: Frame) -> None:
        """Queue a frame and write what the socket takes."""
        payload = json.dumps(frame, ensure_ascii=False).encode()
        self._out += struct.pack(">I", len(payload)) + payload
        self._flush()

    def can_send(self) -> bool:
        """Whether not too much waits to be written."""
        return len(self._out) < 65536

    def receive(self, wait_s: float) -> list[Frame]:
        """The frames that are there now, or come within ``wait_s``."""
        while self._frozen.is_set() and not self._leaving.is_set():
            self._leaving.wait(0.01)
        readable, _, _ = select.select([self._socket], [self._socket] if self._out else [], [], wait_s)
        self._flush()
        if readable:
            data = self._socket.recv(256 * 1024)
            if not data:
                raise EOFError("closed")
            self._in += data
        return self._cut()

    def _flush(self) -> None:
        if self._out:
            try:
                sent = self._socket.send(self._out)
            except BlockingIOError:
                return
            del self._out[:sent]

    def _cut(self) -> list[Frame]:
        frames: list[Frame] = []
        at = 0
        while len(self._in) - at >= 4:
            (length,) = struct.unpack_from(">I", self._in, at)
            if len(self._in) - at - 4 < length:
                break
            frames.append(json.loads(self._in[at + 4 : at + 4 + length]))
            at += 4 + length
        del self._in[:at]
        return frames

    def wait_for(self, request: int) -> Frame:
        """The answer to a request; before ``sync`` nothing else comes but pings."""
        until = time.monotonic() + ANSWER_S
        kept: list[Frame] = []
        while time.monotonic() < until and not self._leaving.is_set():
            frames = self.receive(0.05)
            for place, frame in enumerate(frames):
                if frame.get("re") == request:
                    self._in[:0] = b"".join(map(_packed, [*kept, *frames[place + 1 :]]))
                    return frame
                if frame["type"] == "error" and "re" not in frame:
                    raise EOFError(frame["code"])
                kept.append(frame)
        raise EOFError("no answer")


def _packed(frame: Frame) -> bytes:
    payload = json.dumps(frame).encode()
    return struct.pack(">I", len(payload)) + payload
