"""``tail``: the events of conversations as lines, live, with a position to continue from."""

import asyncio
import json
import os
import signal
import sys
from argparse import Namespace
from pathlib import Path
from typing import Final

import msgspec

from chat_client.core.config import load_config
from chat_client.core.language import tr, tr_n
from chat_client.core.state import ClientState
from chat_client.core.text import safe_line
from chat_client.line.codes import FAILED, OK, CommandError
from chat_client.line.oneshot import conversation_named, known_conversation
from chat_client.line.printer import Look, event_lines, plain, rule
from chat_client.line.reader import Cursor, LogReader
from chat_client.line.script import ScriptClient, connected, link_error
from chat_client.line.setup import profile_of, require_account
from chat_protocol import packets
from chat_protocol.packets import LogEvent

__all__ = ["tail"]

DEFAULT_COUNT: Final = 10


class _CursorFile:
    """The file with the position: read once, replaced whole, so that it always holds an old or a new one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = ""

    def read(self) -> str:
        try:
            self._written = self._path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or tr("it holds no cursor")
            raise CommandError(
                FAILED, tr("{path} cannot be read: {reason}").format(path=self._path, reason=reason)
            ) from None
        return self._written

    def write(self, cursor: str) -> None:
        """Replace the content; on the disk when this returns."""
        if cursor == self._written:
            return
        draft = self._path.with_name(f"{self._path.name}.new")
        try:
            with draft.open("w", encoding="ascii") as file:
                file.write(f"{cursor}\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            raise CommandError(
                FAILED, tr("{path} cannot be written: {error}").format(path=self._path, error=error.strerror)
            ) from None
        self._written = cursor


class _Tail:
    """Prints what a reader emits; the position is written when the lines before it are out."""

    def __init__(self, arguments: Namespace, client: ScriptClient, wanted: list[str]) -> None:
        self._arguments = arguments
        self._client = client
        self._look = Look(time_format=f"%Y-%m-%d {load_config().time_format}")
        self._names_places = len(wanted) != 1
        self._file = _CursorFile(Path(arguments.cursor_file)) if arguments.cursor_file else None
        self._reader = LogReader(client, wanted, self._emit)
        self._ended = asyncio.Event()

    def _emit(self, event: LogEvent | packets.Skip) -> None:
        if self._arguments.json:
            fields = msgspec.to_builtins(event)
            self._out(json.dumps({**fields, "cursor": str(self._reader.cursor)}))
        elif isinstance(event, packets.Skip):
            name = safe_line(event.conversation)
            told = tr_n(
                "{count} older event of {name} is not shown", "{count} older events of {name} are not shown",
                event.to, name=name,
            )  # fmt: skip
            self._out(plain(rule(told)))
        else:
            place = safe_line(event.conversation) if self._names_places else ""
            for line in event_lines(event, self._look, me=self._client.state.me, place=place):
                self._out(plain(line))

    def _out(self, text: str) -> None:
        sys.stdout.write(f"{text}\n")

    def _settle(self) -> None:
        """Everything that was emitted is out: it need not come again."""
        sys.stdout.flush()
        if self._file is not None:
            self._file.write(str(self._reader.cursor))

    async def run(self) -> int:
        given = self._arguments.since or (self._file.read() if self._file else "")
        cursor = Cursor.parse(given) if given else None
        if cursor is not None and cursor.epoch == self._client.state.epoch:
            self._reader.start_at(cursor)
        else:
            if cursor is not None:
                self._tell_replaced()
            await self._start()
        self._settle()
        await self._step()
        if self._arguments.follow:
            await self._follow()
        return OK

    async def _start(self) -> None:
        count = DEFAULT_COUNT if self._arguments.n is None else self._arguments.n
        await self._reader.start_with_newest(count)

    def _tell_replaced(self) -> None:
        text = tr("the server's store is another one than before: positions are void, the newest events follow")
        sys.stderr.write(f"chat-cli tail: {text}\n")

    async def _step(self) -> None:
        if not await self._reader.catch_up():
            self._tell_replaced()
            await self._start()
        self._settle()
        for name in self._client.state.conversations:
            self._client.let_go(name)

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._ended.set)
        following = asyncio.create_task(self._steps())
        ended = asyncio.create_task(self._ended.wait())
        await asyncio.wait({following, ended}, return_when=asyncio.FIRST_COMPLETED)
        if following.done():
            ended.cancel()
            await following
        else:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            self._settle()

    async def _steps(self) -> None:
        def is_due(state: ClientState) -> bool:
            return state.link.status == "refused" or self._reader.is_behind(state)

        while True:
            await self._client.wait_for(is_due, None)
            if self._client.state.link.status == "refused":
                raise link_error(self._client.account, self._client.state.link)
            await self._step()


def tail(arguments: Namespace) -> int:
    """Print the newest events, or those since a position, and with ``--follow`` all that come."""
    return asyncio.run(_tail(arguments))


async def _tail(arguments: Namespace) -> int:
    profile = profile_of(arguments)
    wanted = [conversation_named(name) for name in arguments.conversations]
    async with connected(require_account(arguments, profile), profile) as client:
        await client.ready(arguments.timeout)
        for name in wanted:
            known_conversation(client.state, name)
        return await _Tail(arguments, client, wanted).run()
