"""What the program does when the system asks it to end, and when its terminal is gone."""

import asyncio
import logging
import os
import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from chat_client.tui.app import ChatApp

__all__ = ["listen"]

GRACE_S: Final = 3.0
"""How long writing down takes at most once the terminal is gone."""

_log = logging.getLogger(__name__)


def listen(app: "ChatApp") -> None:
    """End in order on SIGTERM; on SIGHUP write everything down and go without a word to a terminal that is gone."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    def hung_up() -> None:
        task = loop.create_task(_leave(app))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    loop.add_signal_handler(signal.SIGTERM, lambda: app.exit(128 + signal.SIGTERM))
    loop.add_signal_handler(signal.SIGHUP, hung_up)


async def _leave(app: "ChatApp") -> None:
    _log.info("the terminal is gone")
    try:
        async with asyncio.timeout(GRACE_S):
            await app.close_client()
    except Exception:  # noqa: BLE001 - safety net: whatever it is, the process must not outlive its terminal
        _log.exception("not everything could be written down")
    finally:
        # Textual's way out would write to the terminal, and wait for that.
        os._exit(128 + signal.SIGHUP)
