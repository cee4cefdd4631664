"""The prompt that stays at the bottom while messages print above it."""

import asyncio
import os
import select
import sys
import termios
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, Final

from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.renderer import print_formatted_text
from prompt_toolkit.shortcuts import PromptSession
from prompt_toolkit.styles import Style
from prompt_toolkit.utils import get_cwidth

from chat_client.core.config import ClientConfig
from chat_client.core.language import tr
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


class _Keyboard(Vt100Input):
    """Keys that mean the same while lines print above the prompt.

    prompt_toolkit gives the terminal its own line editing back for as long as something prints. Enter that is pressed
    in that moment would arrive as ctrl-j, which begins a line here and sends nothing.
    """

    def cooked_mode(self) -> AbstractContextManager[None]:
        return nullcontext()


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
        self._typed: asyncio.Queue[str | None] = asyncio.Queue()
        self._prompting: asyncio.Task[None] | None = None
        self._modes: list[Any] | None = None
        """Those of the terminal before the prompt."""
        self._question = ""
        self._secret: asyncio.Future[str | None] | None = None
        self._place: str | None = None
        self.interrupt: Callable[[], bool] = lambda: False
        """Stops what the last line caused; returns whether something did run."""
        self._depth = ColorDepth.DEPTH_1_BIT if os.environ.get("NO_COLOR") else None
        self._session: PromptSession[str] = PromptSession(
            self._prompt,
            multiline=True,
            history=_history(profile),
            completer=CoreCompleter(lambda: client.state),
            complete_while_typing=False,
            key_bindings=_keys(self._entered, self._cleared),
            prompt_continuation=INDENT,
            style=_STYLE,
            color_depth=self._depth,
            erase_when_done=True,
            reserve_space_for_menu=6,
            input=_Keyboard(sys.stdin),
            is_password=Condition(lambda: self._secret is not None),
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
        if self._secret is not None:
            return FormattedText([("", self._question)])
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
        """Take the prompt away; returns when everything is printed."""
        if self._prompting is not None:
            self.close()
            await asyncio.gather(self._prompting, return_exceptions=True)
        if self._printing is not None:
            await self._printing

    def refresh(self) -> None:
        """Draw the prompt again; in another conversation than before, with what was half written there."""
        state = self._client.state
        if state.current != self._place:
            self._place = state.current
            entry = state.conversations.get(state.current or "")
            if entry is not None and entry.draft and not self._session.default_buffer.text:
                self._session.default_buffer.insert_text(entry.draft)
        if self._session.app.is_running:
            self._session.app.invalidate()

    # ---- Input ----

    async def read(self) -> str | None:
        """Return what was typed, on one line or several; None when the user wants to leave.

        The prompt stays while what was typed is done, so nothing typed meanwhile is lost.
        """
        if self._prompting is None:
            draft = self._session.default_buffer.text
            self._prompting = asyncio.create_task(self._run(draft + self._take_what_was_typed_ahead()))
        return await self._typed.get()

    def _take_what_was_typed_ahead(self) -> str:
        """Do the lines that were typed before there was a prompt, and return the beginning of the one after them.

        Up to here the terminal edits lines itself and ends them with ctrl-j, which would begin a line in the prompt.
        So Enter becomes Enter first: a line that ends between here and the prompt must not be taken for half of one.
        """
        file = sys.stdin.fileno()
        while select.select([file], [], [], 0)[0]:
            data = os.read(file, 65_536)
            for line in data.decode(errors="replace").splitlines():
                self._typed.put_nowait(line)
            if not data:
                self._typed.put_nowait(None)  # ctrl-d
                break
        self._modes = modes = termios.tcgetattr(file)
        plain = [modes[0] & ~termios.ICRNL, *modes[1:3], modes[3] & ~(termios.ICANON | termios.ECHO), *modes[4:]]
        termios.tcsetattr(file, termios.TCSANOW, plain)
        rest = b""
        while select.select([file], [], [], 0)[0] and (data := os.read(file, 65_536)):
            rest += data
        *lines, beginning = rest.decode(errors="replace").replace("\r", "\n").split("\n")
        for line in lines:
            self._typed.put_nowait(line)
        return beginning if beginning.isprintable() else ""

    async def _run(self, beginning: str) -> None:
        try:
            await self._session.prompt_async(default=beginning)
        except (EOFError, KeyboardInterrupt):
            pass  # ctrl-d, or the signal to end
        finally:
            self._typed.put_nowait(None)
            if self._secret is not None and not self._secret.done():
                self._secret.set_result(None)
            if self._modes is not None:
                with suppress(termios.error):  # the terminal may be gone
                    termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._modes)

    def _entered(self, buffer: Buffer) -> None:
        """Hand on what was typed, and begin a new line."""
        text = buffer.text
        if self._secret is not None:
            buffer.reset()
            if not self._secret.done():
                self._secret.set_result(text)
            return
        if text.strip():
            buffer.append_to_history()
        buffer.reset()
        self._keep_draft("")
        if text.startswith("/"):
            self.show([(*prompt(self._client.state), ("", text.split("\n", 1)[0]))])
        self._typed.put_nowait(text)

    def _cleared(self, buffer: Buffer) -> None:
        """Clear the line; an empty one stops what runs."""
        if self._secret is not None and not self._secret.done():
            self._secret.set_result(None)
        elif not buffer.text and not self.interrupt():
            self.show([rule(tr("ctrl-d or /quit ends the program; what is not sent yet is kept"))])
        buffer.reset()
        self._keep_draft("")

    def _keep_draft(self, text: str) -> None:
        place = self._client.state.current
        if place is not None and place in self._client.state.conversations:
            self._client.set_draft(place, text)

    def _edited(self, buffer: Buffer) -> None:
        """Keep the half-written text, and let the others know."""
        place = self._client.state.current
        if self._secret is not None or place is None:
            return
        text = "" if buffer.text.startswith("/") else buffer.text
        self._keep_draft(text)
        if text and self._sends_typing and place[0] in "#@":
            self._client.typing(place)

    async def secret(self, question: str) -> str | None:
        """Ask for something without showing it; None if the user does not want to."""
        self._question = question
        self._secret = asyncio.get_running_loop().create_future()
        self._session.default_buffer.reset()
        self.refresh()
        try:
            return await self._secret
        finally:
            self._secret = None
            self._session.default_buffer.reset()
            self.refresh()

    def close(self) -> None:
        """End the input."""
        if self._session.app.is_running:
            self._session.app.exit(exception=EOFError())
        else:
            self._typed.put_nowait(None)


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


def _keys(entered: Callable[[Buffer], None], cleared: Callable[[Buffer], None]) -> KeyBindings:
    """Enter sends, ctrl-j and alt-enter begin a line, ctrl-c clears."""
    keys = KeyBindings()

    @keys.add("enter")
    def _send(event: KeyPressEvent) -> None:
        state = event.current_buffer.complete_state
        if state is not None and state.current_completion is not None:
            event.current_buffer.complete_state = None  # take what Tab chose, and go on typing
        else:
            entered(event.current_buffer)

    @keys.add("c-j")
    @keys.add("escape", "enter")
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add("c-c")
    @keys.add("<sigint>")
    def _clear(event: KeyPressEvent) -> None:
        cleared(event.current_buffer)

    return keys
