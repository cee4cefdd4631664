"""What the user asked for that takes time: sending, commands, loading. Every failure is told where it was asked for."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final

from chat_client.core.client import ChatClient
from chat_client.core.commands import perform
from chat_client.core.errors import ClientError, RequestError
from chat_client.core.language import tr
from chat_client.core.parsing import parse_line
from chat_client.core.results import Listing, Opened, PasswordWanted, Quit, Result, Told
from chat_client.core.state import Gap, Message
from chat_client.core.wording import expand_emoji
from chat_client.tui.about import about_message
from chat_client.tui.screens.dialogs import ListingScreen, PasswordScreen

if TYPE_CHECKING:
    from chat_client.tui.screens.chat import ChatScreen

__all__ = ["Doing"]

APPEAR_S: Final = 5.0
"""How long a conversation may take to appear after it was joined."""
MAX_GREETED: Final = 8
"""Groups that a newcomer is told of."""
COOL_DOWN_S: Final = 5.0
"""How long loading by itself rests after it failed."""

_log = logging.getLogger(__name__)


class Doing:
    """The asynchronous side of the chat screen."""

    def __init__(self, screen: "ChatScreen", client: ChatClient) -> None:
        self._screen = screen
        self._client = client
        self._rests_until: dict[str, float] = {}
        self._loading: set[tuple[str, int]] = set()

    def start(self, work: Awaitable[None]) -> None:
        """Do something beside; what goes wrong is told, and never ends the program."""
        self._screen.run_worker(self._guarded(work), exit_on_error=False)

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except ClientError as error:
            self._screen.tell(str(error), is_error=True)
        except (OSError, sqlite3.Error) as error:
            _log.exception("something failed")
            self._screen.tell(tr("this failed: {error}: try again").format(error=error), is_error=True)
        except Exception:  # noqa: BLE001 - safety net: whatever it is, it is told, and the program goes on
            _log.exception("something failed that should not")
            self._screen.tell(tr("this failed, and should not: try again; the log tells more"), is_error=True)

    # ---- Writing ----------------------------------------------------------------------------------------------------

    async def say(self, text: str, conversation: str | None, reply_to: Message | None) -> None:
        """Send a text or do a command; a text that could not be sent comes back into the composer."""
        parsed = parse_line(text)
        target = reply_to.message_id if reply_to is not None else None
        try:
            result = await perform(self._client, parsed, conversation, reply_to=target)
        except RequestError:
            self._screen.give_back(text, conversation)
            raise
        await self.show(result)

    async def command(self, line: str) -> None:
        """Do a command that a key stands for."""
        await self.show(await perform(self._client, parse_line(line), self._client.state.current))

    async def edit(self, conversation: str, message: Message, text: str) -> None:
        """Give a message another content."""
        try:
            await self._client.edit(conversation, message.message_id, expand_emoji(text))
        except RequestError:
            self._screen.give_back(text, conversation)
            raise

    async def delete(self, conversation: str, message: Message) -> None:
        """Erase a message."""
        await self._client.delete(conversation, message.message_id)

    async def about(self, conversation: str, message: Message) -> None:
        """Show all that is known of a message; of an own one the server is asked how far it got."""
        entry = self._client.state.conversations.get(conversation)
        if entry is None:
            return
        recipients, note = None, ""
        if message.mine and message.seq and not message.deleted:
            try:
                recipients = await self._client.receipts(conversation, message.message_id)
            except RequestError as error:
                note = tr("how far it got now cannot be asked: {error}").format(error=error)
        await self.show(about_message(entry, message, recipients, note))

    async def show(self, result: Result) -> None:
        """Show what a command returned."""
        match result:
            case Told(text, wanted):
                self._screen.tell(text)
                if wanted:
                    self._screen.copy(wanted)
            case Listing():
                opened = await self._screen.app.push_screen_wait(ListingScreen(result, self._screen.looks))
                if opened is not None:
                    await self._open_or_join(opened)
            case Opened():
                await self.open(result)
            case PasswordWanted():
                await self._change_password()
            case Quit():
                self._screen.app.exit()
            case None:
                pass

    async def _change_password(self) -> None:
        passwords = await self._screen.app.push_screen_wait(PasswordScreen())
        if passwords is not None:
            await self._client.set_password(*passwords)
            self._screen.tell(tr("the password is changed"))

    # ---- Going somewhere --------------------------------------------------------------------------------------------

    async def greet(self) -> None:
        """Tell somebody who is in no conversation yet how to begin, with the groups that are there."""
        state = self._client.state
        try:
            groups = await self._client.groups(limit=MAX_GREETED)
        except RequestError:
            groups = []  # whoever cannot ask is told the rest
        if self._client.state.current is not None:
            return
        lines = [tr("Welcome to {server}, {user}.").format(server=state.server_name or "chat", user=state.me)]
        if groups:
            listed = ", ".join(f"#{group.group} ({group.members})" for group in groups)
            lines.append(
                tr("Groups with their members: {listed}. /groups lists all, Enter joins.").format(listed=listed)
            )
        else:
            lines.append(tr("There is no group yet: /create #general makes one."))
        lines.append(
            tr("/msg @user writes to one person; {key} lists all keys and commands.").format(
                key=self._screen.key("chat-help")
            )
        )
        self._screen.transcript.note("\n".join(lines))

    async def _open_or_join(self, opened: Opened) -> None:
        """Open what was chosen from a list, which holds groups of others, too."""
        name = opened.conversation
        entry = self._client.state.conversations.get(name)
        if name.startswith("#") and (entry is None or not entry.joined):
            await self._client.join(name)
        await self.open(opened)

    async def open(self, opened: Opened) -> None:
        """Open a conversation, once it is there, at a line of its log if one is named."""
        name = opened.conversation
        if name.startswith("#") and name not in self._client.state.conversations:
            try:
                async with asyncio.timeout(APPEAR_S):
                    async for state in self._client.changes():
                        if name in state.conversations:
                            break
            except TimeoutError:
                raise RequestError("timeout", tr("{name} did not appear: try /open {name}").format(name=name)) from None
        self._screen.open(name)
        if opened.seq:
            if not await self._client.load_around(name, opened.seq):
                raise RequestError(
                    "not_found", tr("message {number} of {name} cannot be loaded").format(number=opened.seq, name=name)
                )
            self._screen.go_to(name, opened.seq)

    # ---- Loading ----------------------------------------------------------------------------------------------------

    def load_older(self, conversation: str) -> None:
        """Load a page before the first line, unless that failed a moment ago."""
        entry = self._client.state.conversations.get(conversation)
        if entry is None or not entry.has_older or entry.loading_older or self._rests(conversation):
            return
        self.start(self._load_older(conversation))

    async def _load_older(self, conversation: str) -> None:
        try:
            await self._client.load_older(conversation)
        except RequestError as error:
            self._rest(conversation)
            if error.code not in ("offline", "connection_lost", "timeout"):
                self._screen.tell(tr("older messages cannot be loaded: {error}").format(error=error), is_error=True)
        except Exception:
            self._rest(conversation)
            raise

    def fill_gap(self, conversation: str, gap: Gap, *, newest_first: bool, is_asked: bool) -> None:
        """Load a part of the log; by itself only while there is a connection."""
        key = (conversation, gap.seq)
        if key in self._loading or (not is_asked and (self._rests(conversation) or not self._client.state.link.synced)):
            return
        self._loading.add(key)
        self.start(self._fill(conversation, gap, newest_first, is_asked))

    async def _fill(self, conversation: str, gap: Gap, newest_first: bool, is_asked: bool) -> None:
        try:
            await self._client.fill_gap(conversation, gap, newest_first=newest_first)
        except RequestError as error:
            self._rest(conversation)
            if is_asked:
                self._screen.tell(str(error), is_error=True)
        except Exception:
            self._rest(conversation)
            raise
        finally:
            self._loading.discard((conversation, gap.seq))

    def _rest(self, conversation: str) -> None:
        self._rests_until[conversation] = time.monotonic() + COOL_DOWN_S

    def _rests(self, conversation: str) -> bool:
        return time.monotonic() < self._rests_until.get(conversation, 0.0)
