"""A silent member that speaks the wire protocol by itself, from docs/protocol.md alone, and judges each frame.

It uses nothing of the client or the protocol package: what it sees is what the server sends.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tools.replaying.checker import Event, View
from tools.replaying.member import DEADLINE_S, Stuck

__all__ = ["Listener"]

Frame = dict[str, Any]
MAX_FRAME = 1024 * 1024
RETRY_S = 0.1
READ_LIMIT = 256 * 1024
_PASSWORD = "a silent ear"  # noqa: S105 - of accounts that a test makes
_EVENTS = frozenset(["group_message", "system_message", "edited", "deleted", "reaction"])


class _Refused(Exception):
    """A request was answered with ``error``."""


class _Wire:
    """One connection: frames in and out, nothing kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._last_id = 0

    def send(self, kind: str, /, **fields: object) -> None:
        if self._writer.is_closing():
            return  # what had come before the end is still to be read
        payload = json.dumps({"type": kind, **fields}, ensure_ascii=False).encode()
        self._writer.write(struct.pack(">I", len(payload)) + payload)

    async def receive(self) -> Frame:
        """The next frame that is no ping. Raises EOFError or OSError where the connection is over."""
        while True:
            (length,) = struct.unpack(">I", await self._reader.readexactly(4))
            if not 2 <= length <= MAX_FRAME:
                raise Stuck(f"the server sent a frame of {length} bytes")
            frame: Frame = json.loads(await self._reader.readexactly(length))
            if frame["type"] != "ping":
                return frame
            self.send("pong", **({"re": frame["id"]} if "id" in frame else {}))

    def start(self, kind: str, /, **fields: object) -> int:
        self._last_id += 1
        self.send(kind, id=self._last_id, **fields)
        return self._last_id

    async def ask(self, kind: str, /, **fields: object) -> Frame:
        """Send a request and return its answer; pushes before it are dropped, so use it before ``sync`` only."""
        request = self.start(kind, **fields)
        while (frame := await self.receive()).get("re") != request:
            pass
        if frame["type"] == "error":
            raise _Refused(f"{kind}: {frame['code']}: {frame['message']}")
        return frame

    def close(self) -> None:
        self._writer.transport.abort()


@asynccontextmanager
async def _connected(address: tuple[str, int]) -> AsyncIterator[_Wire]:
    """Connect and say hello; raises OSError or EOFError where there is no server."""
    wire = _Wire(*await asyncio.open_connection(*address, limit=READ_LIMIT))
    try:
        await wire.ask("hello", protocol=1, client="listener/1.0")
        yield wire
    finally:
        wire.close()


class Listener:
    """A member who reads along and reconnects at once when the connection is lost.

    Attributes:
        user: The user name.
        faults: Frames that broke the contract, in words.
        syncs: How often a connection came as far as ``synced``.
    """

    def __init__(self, user: str, address: tuple[str, int], group: str) -> None:
        self.user = user
        self.faults: list[str] = []
        self.syncs = 0
        self._address = address
        self._group = group
        self._conversation = f"#{group}"
        self._token = ""
        self._cursor: int | None = None
        self._events: list[Event] = []
        self._skipped: list[tuple[int, int]] = []
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def enlist(self) -> None:
        """Make the account and join the group."""
        async with _connected(self._address) as wire:
            session = await wire.ask("register", user=self.user, password=_PASSWORD, device="listener")
            self._token = session["token"]
            await wire.ask("join", group=self._group)

    def back(self) -> None:
        """Connect and listen, from now on until :meth:`away`."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._listen())

    async def until_live(self) -> None:
        """Wait until what is said is pushed here.

        Raises:
            Stuck: it takes too long.
        """
        await self._until(lambda: self.syncs > 0, "live")

    async def away(self) -> None:
        """Cut the connection.

        Raises:
            Exception: what the listener died of, if it did.
        """
        task, self._task = self._task, None
        if task is None:
            return
        if not task.done():
            task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error

    async def log(self) -> list[Event]:
        """The whole log of the group, page by page, on a connection of its own (``history``, protocol.md 6)."""
        found: list[Event] = []
        async with _connected(self._address) as wire:
            await wire.ask("login", token=self._token)
            more = True
            while more:
                after = found[-1].seq if found else 0
                page = await wire.ask("history", conversation=self._conversation, after=after, limit=200)
                found += [_event(frame) for frame in page["events"]]
                more = page["more"]
        return found

    async def view(self, head: int) -> View:
        """Wait until ``head`` has come, hang up, and return what came.

        Raises:
            Stuck: it did not come.
        """
        await self._until(lambda: (self._cursor or 0) >= head, f"at {head}")
        await self.away()
        return View(self.user, "wire", self._events, skipped=self._skipped)

    async def _until(self, condition: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not condition():
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            raise Stuck(f"{self.user} is not {what} after {DEADLINE_S:g} s but at {self._cursor}") from None

    # ---- Listening -------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        while True:
            try:
                async with _connected(self._address) as wire:
                    await self._follow(wire)
            except (OSError, EOFError):
                await asyncio.sleep(RETRY_S)  # there is no server now

    async def _follow(self, wire: _Wire) -> None:
        """Log in, ask for everything after the cursor, and take what comes until the connection is lost."""
        session = await wire.ask("login", token=self._token)
        cursors = {} if self._cursor is None else {self._conversation: self._cursor}
        request = wire.start("sync", epoch=session["epoch"], cursors=cursors, limit=None)
        is_synced = False
        while True:
            frame = await wire.receive()
            if frame.get("re") == request:
                self._synced(frame)
                is_synced = True
                self.syncs += 1
                self._moved.set()
            elif frame["type"] == "error" and "re" not in frame:
                continue  # the reason for what comes next: the end of the connection
            elif frame.get("conversation") == self._conversation:
                if not is_synced:
                    self.faults.append(f"{self.user}: {frame['type']} came before synced")
                self._take(frame)
                wire.send("received", conversation=self._conversation, seq=self._cursor)

    def _synced(self, frame: Frame) -> None:
        entries = [each for each in frame.get("conversations", ()) if each["conversation"] == self._conversation]
        if len(entries) != 1:
            self.faults.append(f"{self.user}: synced names the group {len(entries)} times")
        elif self._cursor is None:
            self._cursor = int(entries[0]["cursor"])
            if self._cursor:
                self._skipped.append((1, self._cursor))
        elif entries[0]["cursor"] != self._cursor:
            self.faults.append(f"{self.user}: asked from {self._cursor}, synced says {entries[0]['cursor']}")

    def _take(self, frame: Frame) -> None:
        """Each event of the conversation comes once and in order, every hole announced (protocol.md 4)."""
        cursor = self._cursor or 0
        if frame["type"] == "skip":
            self._expect(frame["from"], cursor, "a skip")
            self._skipped.append((frame["from"], frame["to"]))
            self._cursor = frame["to"]
        elif frame["type"] == "backlog" or frame["type"] in _EVENTS:
            for event in frame["events"] if frame["type"] == "backlog" else [frame]:
                self._expect(event["seq"], self._cursor or 0, event["message_id"])
                self._cursor = event["seq"]
                self._events.append(_event(event))
        self._moved.set()

    def _expect(self, seq: int, cursor: int, what: str) -> None:
        if seq != cursor + 1:
            self.faults.append(f"{self.user}: {what} at {seq} came after {cursor}")


def _event(frame: Frame) -> Event:
    return Event(frame["seq"], frame["message_id"], frame["sender"], frame.get("content", ""))
