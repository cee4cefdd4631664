"""A server of which one thread dies at its next piece of work: ``python -m tests.faults.dying NAME [flags]``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from chat_server.cli import main
from chat_server.dispatch.dispatcher import Dispatcher
from chat_server.dispatch.writer import Writer
from chat_server.net.loop import IoThread
from chat_server.store.errors import StoreBroken
from chat_server.store.upkeep import Upkeep


def _die(*_: Any, **__: Any) -> Any:
    raise RuntimeError("this thread was made to die")


def _fail(*_: Any, **__: Any) -> Any:
    raise StoreBroken("this disk was made to fail")


DEATHS: Final[dict[str, Callable[[], None]]] = {
    "store-writer": lambda: setattr(Writer, "_commit", _die),
    "store-writer at upkeep": lambda: setattr(Upkeep, "slice", _fail),
    "router": lambda: setattr(Dispatcher, "_take_committed", _die),
    "io": lambda: setattr(IoThread, "_read", _die),
}
"""What is patched so that this thread dies."""


if __name__ == "__main__":
    DEATHS[sys.argv[1]]()
    sys.exit(main(sys.argv[2:]))
