"""What befalls the client that is killed, and when. It is told what its user does; the log goes on meanwhile."""

from __future__ import annotations

from tools.replaying.puppet import Puppet

__all__ = ["Doom"]

QUEUED_MESSAGES = 3
"""How many messages wait in the client that is killed."""


class Doom:
    """What becomes of the puppet: offline, some messages queued, killed; then killed once more with one on its way."""

    def __init__(self, puppet: Puppet | None, due: list[int], ordered: bool) -> None:
        self._puppet = puppet
        self._due = sorted(due)
        self._ordered = ordered
        self._queued: int | None = None
        self._is_flying = False

    async def before(self, index: int) -> None:
        """The puppet is about to speak."""
        if self._puppet is None or not self._due or index < self._due[0]:
            return
        del self._due[0]
        if self._ordered:
            self._is_flying = True
        else:
            await self._puppet.away()
            self._queued = 0

    async def after(self) -> None:
        """The puppet has spoken: its outbox has it."""
        if self._puppet is None:
            return
        if self._is_flying:
            self._is_flying = False
            await self._puppet.kill_and_restart()
        elif self._queued is not None:
            self._queued += 1
            if self._queued == QUEUED_MESSAGES:
                self._queued = None
                self._is_flying = True
                await self._puppet.kill_and_restart()

    async def finish(self) -> None:
        """The log is over: do what is still due."""
        if self._puppet is not None and (self._queued is not None or self._is_flying or self._due):
            await self._puppet.kill_and_restart()
