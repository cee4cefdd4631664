"""The prompt that stays at the bottom while messages print above it."""

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import Final

from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.renderer import print_formatted_text
from prompt_toolkit.shortcuts import PromptSession
from prompt_toolkit.styles import Style
from prompt_toolkit.utils import get_cwidth

from chat_client.core.config import ClientConfig
from chat_client.core.profile import Profile
from chat_client.line.completer import CoreCompleter
from chat_client.line.narrator import prompt
from chat_client.line.printer import INDENT, Look, TextLine, rule
from chat_client.line.script import ScriptClient

__all__ = ["PromptScreen"]

_STYLE: Final = Style.from_dict(
    {
        "time": "ansibrightblack",
        "number": "ansibrightblack",
        "place": "ansicyan bold",
        "name": "ansigreen bold",
        "own": "ansiblue bold",
        "mention": "ansiyellow bold",
        "mark": "italic",
        "rule": "ansicyan",
        "error": "ansired bold",
    }
)


class PromptScreen:
    """A terminal. Make it inside of the event loop."""

    is_pipe = False
    echoes = True

    def __init__(self, client: ScriptClient, profile: Profile, config: ClientConfig) -> None:
        self._client = client
        self._sends_typing = config.typing
        self._waiting: list[TextLine] = []
        self._rings = False
        self._printing: asyncio.Task[None] | None = None
        self._is_closed = False
        self._depth = ColorDepth.DEPTH_1_BIT if os.environ.get("NO_COLOR") else None
        self._session: PromptSession[str] = PromptSession(
            self._prompt,
            multiline=True,
            history=_history(profile),
            completer=CoreCompleter(lambda: client.state),
            complete_while_typing=False,
            key_bindings=_keys(self._hint),
            prompt_continuation=INDENT,
            style=_STYLE,
            color_depth=self._depth,
            erase_when_done=True,
            reserve_space_for_menu=6,
        )
        self._session.default_buffer.on_text_changed += self._edited

    @property
    def _output(self) -> Output:
        return self._session.app.output

    def look(self, config: ClientConfig) -> Look:
        """Return how lines are drawn: as wide as the terminal is now."""
        return Look(time_format=config.time_format, width=self._output.get_size().columns, cells=get_cwidth)

    # ---- Output ----

    def _prompt(self) -> FormattedText:
        return _formatted(prompt(self._client.state))

    def show(self, lines: Sequence[TextLine], *, rings: bool = False) -> None:
        """Print lines above the prompt, soon and in order."""
        self._waiting += lines
        self._rings = self._rings or rings
        if self._printing is None or self._printing.done():
            self._printing = asyncio.create_task(self._print())

    async def _print(self) -> None:
        while self._waiting or self._rings:
            await run_in_terminal(self._write)

    def _write(self) -> None:
        lines, self._waiting = self._waiting, []
        output = self._output
        for line in lines:
            print_formatted_text(output, _formatted((*line, ("", "\n"))), _STYLE, color_depth=self._depth)
        if self._rings:
            self._rings = False
            output.bell()
        output.flush()

    async def flush(self) -> None:
        """Return when everything is printed."""
        if self._printing is not None:
            await self._printing

    def refresh(self) -> None:
        """Draw the prompt again, if there is one."""
        if self._session.app.is_running:
            self._session.app.invalidate()

    def _hint(self) -> None:
        self.show([rule("ctrl-d or /quit ends the program; what is not sent yet is kept")])

    # ---- Input ----

    async def read(self) -> str | None:
        """Return what was typed, on one line or several; None when the user wants to leave."""
        await self.flush()
        if self._is_closed:
            return None
        place = self._client.state.current
        entry = self._client.state.conversations.get(place or "")
        try:
            text = await self._session.prompt_async(default=entry.draft if entry is not None else "")
        except (EOFError, KeyboardInterrupt):
            return None
        if place is not None and place in self._client.state.conversations:
            self._client.set_draft(place, "")
        if text.startswith("/"):
            self.show([(*prompt(self._client.state), ("", text.split("\n", 1)[0]))])
        return text

    def _edited(self, buffer: Buffer) -> None:
        """Keep the half-written text, and let the others know."""
        place = self._client.state.current
        if place is None or place not in self._client.state.conversations:
            return
        text = "" if buffer.text.startswith("/") else buffer.text
        self._client.set_draft(place, text)
        if text and self._sends_typing and place[0] in "#@":
            self._client.typing(place)

    async def secret(self, question: str) -> str | None:
        """Ask for something without showing it."""
        await self.flush()
        session: PromptSession[str] = PromptSession(question, is_password=True, erase_when_done=True)
        try:
            return await session.prompt_async()
        except (EOFError, KeyboardInterrupt):
            return None

    def close(self) -> None:
        """End the input."""
        self._is_closed = True
        if self._session.app.is_running:
            self._session.app.exit(exception=EOFError())


def _formatted(line: TextLine) -> FormattedText:
    return FormattedText([(f"class:{style}" if style else "", text) for style, text in line])


def _history(profile: Profile) -> History:
    """Return what was typed before; kept where only the user can read it, or in memory."""
    path = profile.directory / "line-history"
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except OSError:
        return InMemoryHistory()
    return FileHistory(path)


def _keys(hint: Callable[[], None]) -> KeyBindings:
    """Enter sends, ctrl-j and alt-enter begin a line, ctrl-c clears."""
    keys = KeyBindings()

    @keys.add("enter")
    def _send(event: KeyPressEvent) -> None:
        state = event.current_buffer.complete_state
        if state is not None and state.current_completion is not None:
            event.current_buffer.complete_state = None  # take what Tab chose, and go on typing
        else:
            event.current_buffer.validate_and_handle()

    @keys.add("c-j")
    @keys.add("escape", "enter")
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add("c-c")
    @keys.add("<sigint>")
    def _clear(event: KeyPressEvent) -> None:
        if not event.current_buffer.text:
            hint()
        event.current_buffer.reset()

    return keys
