"""Logs go to standard error, as JSON lines or for people. Never message text, tokens or passwords."""

from __future__ import annotations

import logging
import sys
from typing import TextIO, cast

import structlog


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


def set_up(level: str, log_format: str) -> None:
    """Configure logging for the process; ``auto`` is for people on a terminal and JSON elsewhere."""
    as_json = log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())
    # the renderer's own choice for people shows the local variables of each frame: passwords, tokens, messages
    for_people = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer = structlog.processors.JSONRenderer() if as_json else for_people
    processors: list[structlog.typing.Processor] = [
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
