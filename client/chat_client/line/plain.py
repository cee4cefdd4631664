"""Plain lines in, plain lines out: for screen readers, dumb terminals and pipes. Nothing moves, nothing is coloured."""

import asyncio
import codecs
import os
import sys
import threading
from argparse import Namespace
from collections.abc import Callable, Sequence

from chat_client.core.config import ClientConfig
from chat_client.line.printer import Look, TextLine, plain

__all__ = ["PlainScreen", "is_plain"]

READ_BYTES = 64 * 1024


def is_plain(arguments: Namespace) -> bool:
    """Tell whether there is no terminal on which a prompt could stay in its place, or none is wanted."""
    is_dumb = os.environ.get("TERM", "") in ("", "dumb", "unknown")
    return bool(arguments.plain) or is_dumb or not (sys.stdin.isatty() and sys.stdout.isatty())


class PlainScreen:
    """Standard input and output. Make it inside of the event loop; a thread of its own reads."""

    def __init__(self) -> None:
        self.is_pipe = not sys.stdin.isatty()
        self.echoes = self.is_pipe
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._is_closed = False
        self.interrupt: Callable[[], bool] = lambda: False
        # A thread that hangs in read() must not hold up the end, hence a daemon and no buffered file.
        threading.Thread(target=self._read, name="chat-input", daemon=True).start()

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        rest = ""
        while True:
            try:
                data = os.read(0, READ_BYTES)
            except OSError:
                data = b""
            rest += decoder.decode(data, final=not data)
            *lines, rest = rest.split("\n")
            if not data:
                lines += [rest] if rest else []
            try:
                for line in lines:
                    self._loop.call_soon_threadsafe(self._lines.put_nowait, line)
                if not data:
                    self._loop.call_soon_threadsafe(self._lines.put_nowait, None)
            except RuntimeError:
                return  # the loop is closed: nobody listens any more
            if not data:
                return

    def look(self, config: ClientConfig) -> Look:
        """Return how lines are drawn: as long as they are."""
        return Look(time_format=config.time_format)

    def show(self, lines: Sequence[TextLine], *, rings: bool = False) -> None:
        """Print lines."""
        bell = "\a" if rings and sys.stdout.isatty() else ""
        sys.stdout.write(bell + "".join(f"{plain(line)}\n" for line in lines))
        sys.stdout.flush()

    def refresh(self) -> None:
        """Do nothing: there is no prompt."""

    async def read(self) -> str | None:
        """Return the next line; None at the end."""
        return None if self._is_closed else await self._lines.get()

    async def secret(self, question: str) -> str | None:
        """Take the next line; without an echo where a terminal can do that."""
        sys.stdout.write(question)
        sys.stdout.flush()
        if self.is_pipe:
            return await self._lines.get()
        import termios

        before = termios.tcgetattr(0)
        silent = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
        termios.tcsetattr(0, termios.TCSADRAIN, silent)
        try:
            return await self._lines.get()
        finally:
            termios.tcsetattr(0, termios.TCSADRAIN, before)
            sys.stdout.write("\n")

    def close(self) -> None:
        """End the input."""
        self._is_closed = True
        self._lines.put_nowait(None)

    async def flush(self) -> None:
        """Return: everything is printed."""
