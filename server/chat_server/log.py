"""Logs go to standard error, as JSON lines or for people. Never message text, tokens or passwords."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from time import monotonic
from typing import Final, TextIO, cast

import structlog

_MINUTE_S: Final = 60.0


class _Unfailing:
    """Standard error for the log. On a full disk, or where nobody reads any more, a line is lost and not a thread."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write, or lose, a line."""
        try:
            return self._file.write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        """Write what is held back, or keep it for later."""
        try:
            self._file.flush()
        except OSError:
            pass


class Sparing:
    """Leaves lines out where strangers could fill the disk: of one event at most ``MOST`` a minute. Any thread.

    The last one of a minute says so, the first one afterwards how many there were. Errors are all told: a user may have
    been given the number of one. So are lines for finding faults, which somebody asked for. Event names are few, for
    what varies is in the fields.
    """

    MOST: Final = 20

    def __init__(self, now_s: Callable[[], float] = monotonic) -> None:
        self._now_s = now_s
        self._lock = threading.Lock()
        self._minutes: dict[str, tuple[float, int]] = {}
        """When the minute of an event began, and how many of it there were since."""

    def __call__(self, logger: object, level: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        """See :class:`structlog.typing.Processor`.

        Raises:
            DropEvent: the line is left out.
        """
        if level not in ("info", "warning"):
            return line
        now_s = self._now_s()
        with self._lock:
            began_s, count = self._minutes.get(line["event"], (-_MINUTE_S, 0))
            if is_over := now_s >= began_s + _MINUTE_S:
                self._minutes[line["event"]] = (now_s, 1)
            else:
                self._minutes[line["event"]] = (began_s, count + 1)
        if is_over:
            return {**line, "left_out": count - self.MOST} if count > self.MOST else line
        if count >= self.MOST:
            raise structlog.DropEvent
        return {**line, "more": "left out for a minute"} if count + 1 == self.MOST else line


def set_up(level: str, log_format: str) -> None:
    """Configure logging for the process; ``auto`` is for people on a terminal and JSON elsewhere."""
    as_json = log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())
    # the renderer's own choice for people shows the local variables of each frame: passwords, tokens, messages
    for_people = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer = structlog.processors.JSONRenderer() if as_json else for_people
    processors: list[structlog.typing.Processor] = [
        Sparing(),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if as_json:
        processors.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Unfailing(sys.stderr))),
        cache_logger_on_first_use=True,
    )
