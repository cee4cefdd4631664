"""Play a log: everybody joins, speaks in the log's order, goes and comes, and in the end everybody has everything.

It decides what happens when; how somebody does it is in ``member``, ``puppet`` and ``listener``, and whether all was
well is for ``checker`` to say.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.replaying.checker import Run, Sent, View
from tools.replaying.doom import Doom
from tools.replaying.irclog import Utterance
from tools.replaying.listener import Listener
from tools.replaying.member import Member
from tools.replaying.puppet import Puppet
from tools.replaying.schedule import How, absences, times
from tools.replaying.serving import ServerProcess

__all__ = ["Figures", "Settings", "play"]

AT_ONCE = 16
"""How many members log in, or catch up, at the same time."""
WRITING_AT_ONCE = 32
"""How many members are putting a message into their outbox at the same time, where the log's pace is not kept."""
DOWN_MESSAGES = 12
"""How many messages are written while the server is down."""


@dataclass(frozen=True)
class Settings:
    """What a run is to be like."""

    group: str = "replay"
    tag: str = ""
    """Ends the names of members who are not in the log."""
    speed: float = 0.0
    """1 is the log's own, 2 is twice as fast; 0 is as fast as it goes."""
    ordered: bool = False
    """Whether a message is written only after the one before it was acknowledged."""
    offline_share: float = 0.3
    silent: int = 3
    """Members who never speak, at least one; two listeners on the bare wire come on top."""
    kill_server_at: tuple[float, ...] = ()
    """Where in the log (0 to 1) the server is killed."""
    kill_client_at: tuple[float, ...] = ()
    """Where in the log (0 to 1) the client of the most talkative speaker goes offline, to be killed with a queue."""
    seed: int = 1


@dataclass
class Figures:
    """What a run amounted to."""

    messages: int = 0
    speakers: int = 0
    members: int = 0
    deliveries: int = 0
    """Messages of others that were pushed to a member or listener."""
    loaded: int = 0
    """Events that were announced as skipped after an absence and loaded then."""
    absences: int = 0
    reconnects: int = 0
    at_kills: list[tuple[int, int]] = field(default_factory=list)
    """For each kill of the server, how many messages were acknowledged before it and how many written and not."""
    client_kills: int = 0
    sending_s: float = 0.0
    """From the first message written to the last."""
    complete_s: float = 0.0
    """From the first message written until all was acknowledged and everybody had everything."""

    def __str__(self) -> str:
        """Return lines for people."""
        rate = self.messages / self.sending_s if self.sending_s else 0.0
        kills = "".join(f" ({acked} acknowledged, {waiting} not yet)" for acked, waiting in self.at_kills)
        return (
            f"{self.messages} messages of {self.speakers} speakers to {self.members} members:"
            f" {self.deliveries} deliveries, {self.loaded} loaded after absences\n"
            f"{self.absences} absences, {self.reconnects} reconnects,"
            f" {len(self.at_kills)} kills of the server{kills}, {self.client_kills} of a client\n"
            f"written in {self.sending_s:.1f} s ({rate:.0f}/s), complete at everybody after {self.complete_s:.1f} s"
        )


@dataclass
class _Cast:
    """Who takes part."""

    members: dict[str, Member]
    """Those in this process, by user name."""
    puppet: Puppet | None
    listeners: tuple[Listener, Listener]
    """One that is always there and one that comes and goes."""
    speakers: set[str] = field(default_factory=set)


async def play(
    utterances: Sequence[Utterance],
    settings: Settings,
    folder: Path,
    server: ServerProcess | tuple[str, int],
    tell: Callable[[str], None],
) -> tuple[Run, Figures]:
    """Play ``utterances`` on a server; what is left behind, and how much it was.

    Args:
        utterances: What is said, at least one.
        settings: How.
        folder: Where the members keep their files.
        server: One of our own, which is running and may be killed, or the address of another.
        tell: Takes a line of progress now and then.

    Raises:
        Stuck: The members could not even be assembled, or the run did not come to its end.
    """
    address = server.address if isinstance(server, ServerProcess) else server
    cast = _make_cast(utterances, settings, folder, address)
    stage = _Stage(cast, settings, server if isinstance(server, ServerProcess) else None, utterances)
    try:
        await stage.assemble()
        tell(f"{len(cast.members) + 2 + bool(cast.puppet)} members are in #{settings.group}")
        await stage.perform()
        tell(f"{len(utterances)} messages are written")
        await stage.finish()
    finally:
        await stage.close()
    return stage.run, stage.figures


def _make_cast(utterances: Sequence[Utterance], settings: Settings, folder: Path, address: tuple[str, int]) -> _Cast:
    nicks = {each.user: each.nick for each in reversed(utterances)}
    silent = [f"silent-{number}{settings.tag}" for number in range(1, max(settings.silent, 1) + 1)]
    talkative = Counter(each.user for each in utterances).most_common(1)[0][0]
    names = [*silent, *reversed(nicks)]
    members = {
        name: Member(name, nicks.get(name, name), folder / "clients" / name, address, settings.group) for name in names
    }
    puppet = None
    if settings.kill_client_at:
        puppet = Puppet(talkative, folder / "clients" / talkative, address, settings.group)
    listeners = (
        Listener(f"wire-1{settings.tag}", address, settings.group),
        Listener(f"wire-2{settings.tag}", address, settings.group),
    )
    return _Cast(members, puppet, listeners, set(nicks))


class _Stage:
    """One run in progress."""

    def __init__(
        self, cast: _Cast, settings: Settings, server: ServerProcess | None, utterances: Sequence[Utterance]
    ) -> None:
        count = len(utterances)
        self.run = Run(script=[(each.user, each.content) for each in utterances])
        self.figures = Figures(messages=count, speakers=len(cast.speakers))
        self._cast = cast
        self._settings = settings
        self._server = server
        self._utterances = utterances
        self._tasks: list[asyncio.Task[None]] = []
        self._server_kills = {round(share * count) for share in settings.kill_server_at}
        self._restart_at: int | None = None
        self._steady: set[str] = set()
        self._room = asyncio.Semaphore(WRITING_AT_ONCE)
        self._doom = Doom(cast.puppet, [round(share * count) for share in settings.kill_client_at], settings.ordered)
        self._began = 0.0

    # ---- Before ----------------------------------------------------------------------------------------------------

    async def assemble(self) -> None:
        """Everybody gets an account, joins and is online."""
        founder, *others = self._cast.members.values()
        await founder.enlist(founds=True)
        listeners = self._cast.listeners
        await _all([member.enlist() for member in others] + [listener.enlist() for listener in listeners])
        for listener in listeners:
            listener.back()
            await listener.until_live()
        puppet = self._cast.puppet
        if puppet is not None:
            await self._cast.members[puppet.user].close()
            await puppet.start()
        self.figures.members = len(self._cast.members) + len(listeners)

    # ---- During ----------------------------------------------------------------------------------------------------

    async def perform(self) -> None:
        """Say everything, at its time."""
        loop = asyncio.get_running_loop()
        moves = self._moves()
        due = times([each.minute for each in self._utterances], self._settings.speed)
        self._began = loop.time()
        for index, utterance in enumerate(self._utterances):
            if due is not None:
                await asyncio.sleep(self._began + due[index] - loop.time())
            await self._look_after_server(index)
            for move in moves.get(index, ()):
                self._tasks.append(loop.create_task(move()))
            await self._say(index, utterance)
        if self._restart_at is not None:
            await self._restart()
        await _all(self._tasks)
        self.figures.sending_s = loop.time() - self._began

    async def _say(self, index: int, utterance: Utterance) -> None:
        """Have it said, if need be after others; several members write at the same time, one member never does."""
        puppet = self._cast.puppet
        if puppet is not None and utterance.user == puppet.user:
            await self._doom.before(index)
            await self._write(puppet, utterance)
            await self._doom.after()
            return
        await self._room.acquire()
        member = self._cast.members[utterance.user]
        writing = asyncio.get_running_loop().create_task(self._write(member, utterance))
        self._tasks.append(writing)
        writing.add_done_callback(lambda _: self._room.release())
        if self._settings.ordered:
            await writing

    async def _write(self, speaker: Member | Puppet, utterance: Utterance) -> None:
        message_id = await speaker.say(utterance.content)
        self.run.sent.append(Sent(message_id, utterance.user, utterance.content))
        if self._settings.ordered:
            await speaker.until_acked(message_id)

    def _moves(self) -> dict[int, list[Callable[[], Coroutine[Any, Any, None]]]]:
        """What members and a listener do before which message, beside speaking."""
        settings, traveller = self._settings, self._cast.listeners[1]
        puppet = self._cast.puppet
        movable = [name for name in self._cast.members if puppet is None or name != puppet.user]
        plan = absences(movable, len(self._utterances), settings.offline_share, settings.seed)
        if settings.offline_share:
            plan += absences([traveller.user], len(self._utterances), 1.0, settings.seed)
        self.figures.absences = len(plan)
        self._steady = set(movable) - {each.member for each in plan}
        moves: dict[int, list[Callable[[], Coroutine[Any, Any, None]]]] = {}
        for absence in plan:
            member = self._cast.members.get(absence.member)
            leave, come = _pair(member, self._how(absence.how)) if member else (traveller.away, _come(traveller))
            moves.setdefault(absence.start, []).append(leave)
            moves.setdefault(absence.end, []).append(come)
        return moves

    def _how(self, how: How) -> How:
        """Who has to be acknowledged before the next one speaks cannot write offline: they come back for it."""
        return How.CLOSED if self._settings.ordered else how

    async def _look_after_server(self, index: int) -> None:
        if self._server is None:
            return
        if index + DOWN_MESSAGES in self._server_kills:
            await self._settle(index)
        if index in self._server_kills:
            acked = len(self._acked())
            self.figures.at_kills.append((acked, len(self.run.sent) - acked))
            await self._server.kill()
            self._restart_at = index + (0 if self._settings.ordered else DOWN_MESSAGES)
        if self._restart_at is not None and index >= self._restart_at:
            await self._restart()

    async def _settle(self, index: int) -> None:
        """Wait until something is acknowledged that a kill could lose; what is said next may be anywhere on its way."""
        await _all(self._tasks)
        said = Counter(each.user for each in self._utterances[:index] if each.user in self._steady)
        for name, _ in said.most_common(1):
            await self._cast.members[name].until_sent()

    def _acked(self) -> dict[str, int]:
        """What clients have been told to be in the log, and where."""
        acked = dict(self._cast.puppet.acked) if self._cast.puppet is not None else {}
        for member in self._cast.members.values():
            acked |= member.notes.acked
        return acked

    async def _restart(self) -> None:
        self._restart_at = None
        assert self._server is not None
        await self._server.start()

    # ---- After -----------------------------------------------------------------------------------------------------

    async def finish(self) -> None:
        """Everybody comes back, what waits is sent, and it is written down what everybody has."""
        cast, run = self._cast, self.run
        await self._doom.finish()
        cast.listeners[1].back()
        puppet = cast.puppet
        if puppet is not None:
            await puppet.end()
        await _all([member.back() for member in cast.members.values()])
        await _all([member.until_sent() for member in cast.members.values()])
        run.log = await cast.listeners[0].log()
        head = run.log[-1].seq
        for views in await _all([member.views(head) for member in cast.members.values()]):
            # What was pushed to the processes of the puppet is not known here.
            run.views += [
                view for view in views if puppet is None or (view.member, view.name) != (puppet.user, "pushes")
            ]
        run.views += await _all([listener.view(head) for listener in cast.listeners])
        self.figures.complete_s = asyncio.get_running_loop().time() - self._began
        self._sum_up()

    def _sum_up(self) -> None:
        cast, run, figures = self._cast, self.run, self.figures
        run.acked = self._acked()
        for member in cast.members.values():
            run.ending += member.faults
        for listener in cast.listeners:
            run.ending += listener.faults
        if cast.puppet is not None:
            figures.client_kills = cast.puppet.kills
        figures.deliveries = sum(_from_others(view) for view in run.views if view.name in ("pushes", "wire"))
        figures.loaded = sum(
            last - first + 1 for member in cast.members.values() for first, last in member.notes.skipped
        )
        syncs = [member.notes.syncs for member in cast.members.values()]
        syncs += [listener.syncs for listener in cast.listeners]
        figures.reconnects = sum(syncs) - len(syncs)

    async def close(self) -> None:
        """Close every client, whatever has happened."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._cast.puppet is not None:
            await self._cast.puppet.close()
        ends = [listener.away() for listener in self._cast.listeners]
        ends += [member.close() for member in self._cast.members.values()]
        await asyncio.gather(*ends, return_exceptions=True)


def _pair(member: Member, how: How) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
    return lambda: member.away(how), member.back


def _come(listener: Listener) -> Callable[[], Coroutine[Any, Any, None]]:
    async def come() -> None:
        listener.back()

    return come


def _from_others(view: View) -> int:
    return sum(event.sender not in (view.member, "server") for event in view.events)


async def _all(works: Iterable[Any]) -> list[Any]:
    """Do all, some at a time; the first failure ends the rest."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(work: Any) -> Any:
        async with room:
            return await work

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(work)) for work in works]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
