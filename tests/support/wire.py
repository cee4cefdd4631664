"""A client of the wire contract on one page: one blocking socket, the standard library, nothing of ours.

It is written from docs/protocol.md alone and judges nothing: what a frame should have said is for its user to decide.
Every wait reads from the connection until the awaited frame is there, for at most ``deadline_s`` seconds.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from typing import Any

Frame = dict[str, Any]
MAX_FRAME = 1024 * 1024


class Refused(Exception):
    """A request was answered with ``error``; ``code`` tells why, ``error`` is the whole frame."""

    def __init__(self, error: Frame) -> None:
        super().__init__(json.dumps(error))
        self.error = error
        self.code: str = error["code"]


class Client:
    """One connection. Frames with ``re`` wait in ``answers`` until asked for; all others in ``pushes``, in order."""

    def __init__(self, connection: socket.socket, deadline_s: float = 10.0) -> None:
        self.socket = connection
        self.deadline_s = deadline_s
        self.answers: dict[int, Frame] = {}
        self.pushes: list[Frame] = []
        self.user = self.password = self.token = self.device_id = self.epoch = ""
        self._buffer = bytearray()
        self._last_id = 0

    # ---- Frames (section 1) ----

    def send(self, frame: Frame) -> None:
        """Send one object as a frame."""
        payload = json.dumps(frame, ensure_ascii=False).encode()
        self.send_bytes(struct.pack(">I", len(payload)) + payload)

    def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.settimeout(self.deadline_s)
        self.socket.sendall(data)

    def receive(self, until: float | None = None) -> Frame:
        """Read one frame and file it; a ping is answered on the way. Raises EOFError when the server has closed."""
        until = until or time.monotonic() + self.deadline_s
        (length,) = struct.unpack(">I", self._take(4, until))
        assert 2 <= length <= MAX_FRAME, f"the server sent a frame of {length} bytes"
        frame: Frame = json.loads(self._take(length, until).decode())
        if frame["type"] == "ping":
            self.send({"type": "pong", "re": frame["id"]} if "id" in frame else {"type": "pong"})
        elif "re" in frame:
            assert frame["re"] not in self.answers, f"a second answer: {frame}"
            self.answers[frame["re"]] = frame
        else:
            self.pushes.append(frame)
        return frame

    def _take(self, count: int, until: float) -> bytes:
        while len(self._buffer) < count:
            self.socket.settimeout(max(0.001, until - time.monotonic()))
            try:
                data = self.socket.recv(256 * 1024)
            except ConnectionError:
                data = b""
            if not data:
                raise EOFError("the server closed the connection")
            self._buffer += data
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    # ---- Requests and pushes ----

    def start(self, kind: str, /, **fields: object) -> int:
        """Send a request without waiting; its ``id`` is what :meth:`answer` takes."""
        self._last_id += 1
        self.send({"type": kind, "id": self._last_id, **fields})
        return self._last_id

    def answer(self, request: int) -> Frame:
        """The answer to a request, be it an error."""
        until = time.monotonic() + self.deadline_s
        while request not in self.answers:
            self.receive(until)
        return self.answers.pop(request)

    def ask(self, kind: str, /, **fields: object) -> Frame:
        """Send a request and return its answer, be it an error."""
        return self.answer(self.start(kind, **fields))

    def request(self, kind: str, /, **fields: object) -> Frame:
        """Send a request and return its answer; raises Refused for an error."""
        answer = self.ask(kind, **fields)
        if answer["type"] == "error":
            raise Refused(answer)
        return answer

    def expect(self, kind: str, /, **fields: object) -> Frame:
        """Take the first push of this type with these fields; what came before it stays in ``pushes``."""
        until = time.monotonic() + self.deadline_s
        looked_at = 0
        while True:
            for place, push in enumerate(self.pushes[looked_at:], looked_at):
                if push["type"] == kind and fields.items() <= push.items():
                    return self.pushes.pop(place)
            looked_at = len(self.pushes)
            try:
                self.receive(until)
            except TimeoutError:
                raise TimeoutError(f"no {kind} with {fields}; there were {self.pushes}") from None

    def settle(self) -> list[Frame]:
        """Ping, read until the pong, and take all pushes that have come so far."""
        self.request("ping")
        pushes, self.pushes = self.pushes, []
        return pushes

    # ---- Session (section 4) ----

    def hello(self) -> Frame:
        """Open the protocol; the answer is ``welcome``."""
        return self.request("hello", protocol=1, client="example/1.0")

    def register(self, user: str, password: str = "correct horse", **fields: object) -> Frame:
        """Make an account and log in; the answer is ``session``."""
        return self._opened(password, self.request("register", user=user, password=password, **fields))

    def login(self, **credentials: object) -> Frame:
        """Log in with ``token``, or with ``user`` and ``password``; the answer is ``session``."""
        session = self.request("login", **credentials)
        return self._opened(str(credentials.get("password", "")), {"token": credentials.get("token"), **session})

    def _opened(self, password: str, session: Frame) -> Frame:
        self.user, self.device_id, self.epoch = session["user"], session["device_id"], session["epoch"]
        self.password, self.token = password, session["token"]
        return session

    def sync(self, **fields: object) -> Frame:
        """Ask for what was missed; the answer is ``synced``, then come skips, pages and live events as pushes."""
        return self.request("sync", **{"epoch": self.epoch, **fields})
