"""The interactive client without a terminal: what is typed comes in as lines, what happens goes out as lines."""

import asyncio
import contextlib
import signal
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from chat_client.core.accounts import Account
from chat_client.core.commands import perform
from chat_client.core.config import ClientConfig, load_config
from chat_client.core.errors import RequestError
from chat_client.core.language import mark, tr
from chat_client.core.parsing import parse_line
from chat_client.core.profile import Profile
from chat_client.core.results import Listing, Opened, PasswordWanted, Quit, Result, Told
from chat_client.core.state import ClientState, Conversation, Gap, Line, kind_of
from chat_client.core.text import safe_line
from chat_client.line.codes import FAILED, OK, UNREACHABLE, CommandError
from chat_client.line.narrator import Narrator, Story, queue_text
from chat_client.line.oneshot import conversation_line
from chat_client.line.printer import Look, TextLine, listing_lines, rule
from chat_client.line.script import ScriptClient, connected
from chat_client.line.setup import first_run, profile_of
from chat_protocol.names import group_name, user_name

__all__ = ["LOCAL_COMMANDS", "Screen", "Talk", "chat"]

START_S: Final = 10.0
TAIL: Final = 20
PAGE: Final = 40
JOIN_S: Final = 5.0
FAREWELL_S: Final = 10.0
"""How long the end of piped input waits for acks."""

LOCAL_COMMANDS: Final = {
    "go": mark("Open a conversation: #group or @user; its name alone does, too."),
    "more": mark("Show older messages of this conversation."),
    "unread": mark("List your conversations with what is unread."),
}
"""What only this client needs; all other commands are the core's."""


class Screen(Protocol):
    """Where lines come from and go to."""

    is_pipe: bool
    """Whether no person types: then the end of the input waits for acks, and a mistake at the start ends all."""
    echoes: bool
    """Whether own messages are to be told: not where the terminal shows what was typed anyway."""

    def look(self, config: ClientConfig) -> Look:
        """Return how lines are to be drawn now."""

    def show(self, lines: Sequence[TextLine], *, rings: bool = False) -> None:
        """Print lines above what is being typed."""

    def refresh(self) -> None:
        """The prompt may be another one."""

    async def read(self) -> str | None:
        """Return what was typed; None at the end of the input."""

    async def secret(self, question: str) -> str | None:
        """Ask for something without showing it; None if the user does not want to."""

    def close(self) -> None:
        """End :meth:`read`."""

    interrupt: Callable[[], bool]
    """Set by who uses the screen: stops what the last line caused, returns whether something did run."""

    async def flush(self) -> None:
        """End; returns when everything is printed."""


class Talk:
    """One account's conversations on one screen."""

    def __init__(self, client: ScriptClient, screen: Screen, config: ClientConfig) -> None:
        self.client = client
        self._screen = screen
        self._config = config
        self._narrator = Narrator(client.state, screen.look(config), echoes=screen.echoes)
        self._oldest: dict[str, int] = {}
        self._running: asyncio.Task[bool] | None = None

    # ---- Telling ----

    async def watch(self) -> None:
        """Print what happens, until the client is closed."""
        async for state in self.client.changes():
            self._narrator.look = self._screen.look(self._config)
            self._print(self._narrator.tell(state))
            for name in state.conversations:
                self.client.let_go(name)  # what was printed stays on the terminal
            self._screen.refresh()

    async def tell(self) -> None:
        """Print what happened since."""
        self._print(self._narrator.tell(self.client.state))

    def _print(self, story: Story) -> None:
        if story.lines or story.rings:
            self._screen.show(story.lines, rings=story.rings and self._config.notify != "none")
        for shown in story.shown:
            self.client.shown(shown.conversation, shown.first_seq, shown.last_seq)

    def _say(self, text: str, style: str = "rule") -> None:
        self._screen.show([rule(text, style)])

    # ---- Typing ----

    async def listen(self) -> None:
        """Do what is typed, line by line, until the end."""
        while True:
            text = await self._screen.read()
            if text is None or not await self._guarded(text):
                return

    async def _guarded(self, text: str) -> bool:
        """Do one line; an interrupt ends it and not the program."""
        self._running = asyncio.create_task(self.enter(text))
        try:
            return await self._running
        except asyncio.CancelledError:
            if not self._running.cancelled():
                raise
            self._say(tr("interrupted"))
            return True
        finally:
            self._running = None

    def interrupt(self) -> bool:
        """Stop what the last line caused; where a pipe types, everything. Returns whether something did run."""
        running = self._running
        if running is not None:
            running.cancel()
        elif self._screen.is_pipe:
            self._screen.close()
        return running is not None

    async def enter(self, text: str) -> bool:
        """Do what a line means; returns whether to go on."""
        text = text.rstrip()
        if not text:
            return True
        if self._screen.is_pipe and text.startswith("/"):
            # A script means the message before, not one that is still on its way.
            await self.client.sent(JOIN_S)
        try:
            return await self._do(text)
        except RequestError as error:
            self._say(error.message, "error")
        except ValueError as error:
            self._say(safe_line(str(error)), "error")
        return True

    async def _do(self, text: str) -> bool:
        word, _, rest = text.partition(" ")
        if word == "/go":
            text = f"/open {rest.strip()}" if rest.strip() else "/unread"
        if text == "/unread":
            self._overview()
        elif word == "/more":
            await self._more()
        elif _names_place(text):
            await self._result(await perform(self.client, parse_line(f"/open {text}"), self.client.state.current))
        else:
            result = await perform(self.client, parse_line(text), self.client.state.current)
            if isinstance(result, Quit):
                return False
            await self._result(result)
        return True

    async def _result(self, result: Result) -> None:
        match result:
            case Told(text):
                self._say(text)
            case Listing():
                lines = listing_lines(result, self._screen.look(self._config))
                if result.title == tr("Commands"):
                    lines[-1:-1] = [(("", f"  /{name}  {tr(summary)}"),) for name, summary in LOCAL_COMMANDS.items()]
                self._screen.show(lines)
            case Opened(conversation, seq):
                await self.open(conversation, seq)
            case PasswordWanted():
                await self._change_password()
            case Quit() | None:
                pass

    def _overview(self) -> None:
        state = self.client.state
        entries = sorted(state.conversations.values(), key=lambda entry: entry.sort_key)
        mine = [entry for entry in entries if entry.kind != "group" or entry.role is not None]
        lines: list[TextLine] = [(("", f"  {conversation_line(entry, state)}"),) for entry in mine]
        self._screen.show([rule(tr("conversations")), *lines])

    async def _change_password(self) -> None:
        old = await self._screen.secret(tr("Old password: "))
        new = await self._screen.secret(tr("New password: ")) if old else None
        again = await self._screen.secret(tr("Once more: ")) if new else None
        if not old or not new or new != again:
            self._say(
                tr("the password is the old one") if not new or not again else tr("the two differ: it is the old one")
            )
            return
        await self.client.set_password(old, new)
        self._say(tr("the password is changed"))

    # ---- Conversations ----

    async def start(self, name: str | None) -> None:
        """Open the conversation to begin with; without one, list them.

        Raises:
            CommandError: It cannot be opened, and nobody is there to name another one.
        """

        def is_told(state: ClientState) -> bool:
            gave_up = state.link.status == "refused" or (state.link.status == "offline" and bool(state.link.code))
            is_known = name is not None and name in state.conversations and not self._screen.is_pipe
            return is_known or state.link.synced or gave_up

        self._narrator.quiet = name or ""
        await self.client.wait_for(is_told, START_S)
        if name is None:
            self._overview()
            self._say(tr("open one with its name, like #group or @user; /help lists the commands"))
            return
        try:
            await self._result(await perform(self.client, parse_line(f"/open {name}"), None))
        except (RequestError, ValueError) as error:
            if self._screen.is_pipe:
                raise CommandError(
                    FAILED, tr("nothing was sent: {reason}").format(reason=safe_line(str(error)))
                ) from None
            self._narrator.quiet = ""
            self._say(safe_line(str(error)), "error")

    async def open(self, name: str, seq: int = 0) -> None:
        """Turn to a conversation and show its end, or what stands around ``seq``."""
        self._narrator.quiet = name
        try:
            if kind_of(name) == "group":
                await self.client.wait_for(lambda state: name in state.conversations, JOIN_S)
            if self._screen.is_pipe:
                # the input may end at once: what was missed is shown, and read, before
                await self.client.wait_for(lambda state: _is_caught_up(state, name), JOIN_S)
            await self._load(name)
            self.client.open(name)
            self._print(self._narrator.tell(self.client.state))
        finally:
            self._narrator.quiet = ""
        entry = self.client.state.conversations[name]
        if seq:
            lines = [*reversed(_some(entry.timeline.before(seq), 5)), *_some(entry.timeline.after(seq - 1), 6)]
            self._screen.show([rule(tr("{name}, around ^{seq}").format(name=safe_line(name), seq=seq))])
            self._print(self._narrator.page(entry, lines))
        else:
            lines = [line for line in entry.timeline.tail(TAIL) if line.seq]
            self._oldest[name] = lines[0].first_seq if lines else entry.loaded_from
            self._print(self._narrator.visit(entry, TAIL))
        self._screen.refresh()

    async def _load(self, name: str) -> None:
        """Load enough to show, if that is possible now."""
        entry = self.client.state.conversations.get(name)
        if entry is not None and entry.has_older and len(entry.timeline) < TAIL:
            with contextlib.suppress(RequestError):
                await self.client.load_older(name)

    async def _more(self) -> None:
        name = self.client.state.current
        if name is None:
            self._say(tr("no conversation is open: /go '#group'"), "error")
            return
        before = self._oldest.get(name) or self._entry(name).timeline.first_seq or 1
        lines = _before(self._entry(name), before)
        if len(lines) < PAGE:
            await self._load_before(name, before)
            lines = _before(self._entry(name), before)
        if not lines:
            is_all = not self._entry(name).has_older
            self._say(
                tr("{name} begins here").format(name=safe_line(name))
                if is_all
                else tr("older messages need a connection")
            )
            return
        self._oldest[name] = lines[0].first_seq
        self._say(tr("older messages of {name}").format(name=safe_line(name)))
        self._print(self._narrator.page(self._entry(name), lines))
        self._say(tr("end of the older messages"))

    def _entry(self, name: str) -> Conversation:
        return self.client.state.conversations[name]

    async def _load_before(self, name: str, before: int) -> None:
        gap = next((line for line in self._entry(name).timeline.before(before) if isinstance(line, Gap)), None)
        if gap is not None and gap.loadable:
            await self.client.fill_gap(name, gap)
            return
        while self._entry(name).has_older and len(_before(self._entry(name), before)) < PAGE:
            reached = self._entry(name).loaded_from
            await self.client.load_older(name)  # more than once where lines were let go since ``before`` was printed
            if self._entry(name).loaded_from == reached:
                return


def _before(entry: Conversation, seq: int) -> list[Line]:
    """Return up to a page of lines before ``seq``, ascending, as far as they are loaded."""
    lines: list[Line] = []
    for line in entry.timeline.before(seq):
        if len(lines) >= PAGE or (isinstance(line, Gap) and line.loadable):
            break
        lines.append(line)
    return lines[::-1]


def _is_caught_up(state: ClientState, name: str) -> bool:
    """Tell whether all that a conversation holds has arrived, or cannot now."""
    entry = state.conversations.get(name)
    return entry is None or not state.link.synced or entry.cursor >= entry.last_seq


def _some(lines: Iterable[Line], count: int) -> list[Line]:
    return [line for line, _ in zip(lines, range(count), strict=False)]


def _names_place(text: str) -> bool:
    """Tell whether a line is nothing but the name of a conversation, which opens it."""
    if text in ("!announcements", "!notifications"):
        return True
    try:
        if text.startswith("#"):
            return bool(group_name(text[1:]))
        return text.startswith("@") and bool(user_name(text[1:]))
    except ValueError:
        return False


# ---- Running ------------------------------------------------------------


def chat(arguments: Namespace) -> int:
    """Chat until the user leaves."""
    profile = profile_of(arguments)
    config = load_config()
    account = first_run(arguments, profile)
    from chat_client.line.plain import PlainScreen, is_plain

    if is_plain(arguments):
        return asyncio.run(_chat(arguments, account, profile, config, lambda client: PlainScreen()))
    from chat_client.line.app import PromptScreen

    return asyncio.run(_chat(arguments, account, profile, config, lambda client: PromptScreen(client, profile, config)))


async def _chat(
    arguments: Namespace,
    account: Account,
    profile: Profile,
    config: ClientConfig,
    make: Callable[[ScriptClient], Screen],
) -> int:
    async with connected(account, profile) as client:
        screen = make(client)
        talk = Talk(client, screen, config)
        loop = asyncio.get_running_loop()
        screen.interrupt = talk.interrupt
        loop.add_signal_handler(signal.SIGINT, talk.interrupt)
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, screen.close)
        try:
            await _until_end(talk, arguments.conversation)
            if screen.is_pipe:
                await client.sent(FAREWELL_S)
                await talk.tell()
        finally:
            await screen.flush()
        left = queue_text(client.state)
    if left:
        told = tr("{left} and go out with the next run").format(left=left)
        sys.stderr.write(f"chat-cli: {told}\n")
        return UNREACHABLE
    return OK


async def _until_end(talk: Talk, conversation: str | None) -> None:
    """Talk until the input ends; what goes wrong while printing ends it, too."""

    async def type_in() -> None:
        await talk.start(conversation)
        await talk.listen()

    tasks = [asyncio.create_task(type_in()), asyncio.create_task(talk.watch())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
