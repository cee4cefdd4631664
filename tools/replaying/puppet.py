"""A member whose client is a process of its own, so that it can be killed like one.

The process takes lines of JSON: ``{"say": TEXT}``, ``{"go": "online" | "offline" | "end"}``. It tells in the same way
what its outbox has on disk (``queued``), what the server acknowledged (``acked``, with ``seq``) and what is ``done``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

from tools.local_server import end_with_parent
from tools.replaying.member import DEADLINE_S, Member, Stuck
from tools.replaying.notes import Notes
from tools.replaying.schedule import How
from tools.replaying.serving import python_path

__all__ = ["Puppet"]

Told = dict[str, Any]


class Puppet:
    """The side that holds the strings; it speaks and goes like a :class:`~tools.replaying.member.Member`.

    Attributes:
        user: The user name.
        acked: message_id → seq.
        kills: How often the process was killed.
    """

    def __init__(self, user: str, home: Path, address: tuple[str, int], group: str) -> None:
        self.user = user
        self.acked: dict[str, int] = {}
        self.kills = 0
        self._arguments = [user, str(home), address[0], str(address[1]), group]
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._replies: asyncio.Queue[Told] = asyncio.Queue()
        self._notes = Notes(user, f"#{group}")

    async def start(self) -> None:
        """Start the process; it goes online by itself."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tools.replaying.puppet", *self._arguments),
            stdin=PIPE,
            stdout=PIPE,
            env={**os.environ, "PYTHONPATH": python_path()},
            start_new_session=True,
        )
        self._replies = asyncio.Queue()
        self._reading = asyncio.get_running_loop().create_task(self._read(self._process))

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None
        while (line := await process.stdout.readline()).endswith(b"\n"):  # killed in the middle of a line, it is void
            told = json.loads(line)
            if "acked" in told:
                self.acked[told["acked"]] = told["seq"]
                self._notes.note_ack(told["acked"], told["seq"])
            else:
                self._replies.put_nowait(told)

    async def _order(self, **order: str) -> Told:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await self._replies.get()
        except TimeoutError:
            raise Stuck(f"{self.user}'s process does not answer to {order}") from None

    async def say(self, content: str) -> str:
        """Write a message; returns its id when the outbox has it on disk."""
        return str((await self._order(say=content))["queued"])

    async def until_acked(self, message_id: str) -> None:
        """Wait until a message is acknowledged.

        Raises:
            Stuck: it takes too long.
        """
        try:
            async with asyncio.timeout(DEADLINE_S):
                await self._notes.until_acked(message_id)
        except TimeoutError:
            raise Stuck(f"{self.user}'s {message_id} is not acknowledged after {DEADLINE_S:g} s") from None

    async def away(self) -> None:
        """Go offline: what is said from now on is queued."""
        await self._order(go="offline")

    async def kill_and_restart(self) -> None:
        """Kill -9, and a new process with the same files."""
        assert self._process is not None
        self._process.kill()
        self.kills += 1
        await self._gone()
        await self.start()

    async def end(self) -> None:
        """Wait until nothing is queued, close the client in good order and end the process."""
        if self._process is not None:
            await self._order(go="end")
            await self._gone()

    async def close(self) -> None:
        """End the process, in whatever state it is."""
        if self._process is not None:
            if self._process.returncode is None:
                self._process.kill()
            await self._gone()

    async def _gone(self) -> None:
        process, self._process = self._process, None
        assert process is not None
        await process.wait()
        if self._reading is not None:
            await self._reading


# ---- In the process ------------------------------------------------------------------------------------------------


class _TellingNotes(Notes):
    def note_ack(self, message_id: str, seq: int) -> None:
        super().note_ack(message_id, seq)
        _tell(acked=message_id, seq=seq)


def _tell(**told: object) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


async def _obey(member: Member) -> None:
    """Do what the lines on standard input say, until ``end`` or the end of the input."""
    reader = asyncio.StreamReader(limit=1024 * 1024)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await member.back()
    while line := await reader.readline():
        order = json.loads(line)
        if "say" in order:
            _tell(queued=await member.say(order["say"]))
            continue
        match order["go"]:
            case "online":
                await member.back()
            case "offline":
                await member.away(How.OFFLINE)
            case _:
                await member.back()
                await member.until_sent()
                await member.close()
                _tell(done="end")
                return
        _tell(done=order["go"])


def main() -> None:
    """The process."""
    end_with_parent()
    parser = argparse.ArgumentParser()
    for name in ("user", "home", "host", "port", "group"):
        parser.add_argument(name)
    given = parser.parse_args()
    member = Member(given.user, given.user, Path(given.home), (given.host, int(given.port)), given.group)
    member.notes = _TellingNotes(given.user, f"#{given.group}")
    asyncio.run(_obey(member))


if __name__ == "__main__":
    main()
