"""How a store fails. The router thread and the writer decide by the class; the text is for the log and the operator."""

from __future__ import annotations


class StoreError(Exception):
    """A store operation failed as a whole; nothing of it was applied."""


class StoreUnavailable(StoreError):
    """It failed for a reason that may pass (disk full, busy); the same call may succeed later."""


class StoreBroken(StoreError):
    """It failed for a reason that does not pass (I/O or fsync error, corruption); stop, never acknowledge again."""


class BadWrite(ValueError):
    """One write of a batch can never be stored; nothing was applied. Without it the same batch may be committed.

    ``index`` is its place in the batch. The router validates before, so this is a fault of the server's own.
    """

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(f"write {index} of the batch: {reason}")
        self.index = index


class BadQuery(Exception):
    """A search that cannot be understood; the text says what to write instead."""
