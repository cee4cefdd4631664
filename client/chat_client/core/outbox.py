"""What the user wrote and the server has not acknowledged. Each function is work for :class:`Database`'s thread.

A message is here before it is sent for the first time and until its ack is here too, so it goes out exactly once
whatever happens to this process in between.
"""

import sqlite3
from typing import Final

import msgspec

from chat_client.core.sending import Outgoing

__all__ = ["add", "adopt", "everything", "failed", "forget", "pending"]

_decoder: Final = msgspec.json.Decoder(Outgoing)


def add(connection: sqlite3.Connection, item: Outgoing) -> None:
    """Keep an item as the last one. An item that failed before and is tried again becomes the last one."""
    connection.execute("DELETE FROM outbox WHERE message_id = ?", (item.message_id,))
    connection.execute(
        "INSERT INTO outbox (message_id, body) VALUES (?, ?)", (item.message_id, msgspec.json.encode(item))
    )


def forget(connection: sqlite3.Connection, message_ids: list[str]) -> None:
    """Forget items that are in the log, or that the user threw away."""
    connection.executemany("DELETE FROM outbox WHERE message_id = ?", [(message_id,) for message_id in message_ids])


def failed(connection: sqlite3.Connection, message_id: str, reason: str) -> None:
    """Keep an item that was refused for good, for the user to decide."""
    connection.execute("UPDATE outbox SET failed = ? WHERE message_id = ?", (reason, message_id))


def pending(connection: sqlite3.Connection) -> list[Outgoing]:
    """Return what is to be sent, in order."""
    rows = connection.execute("SELECT body FROM outbox WHERE failed IS NULL ORDER BY id")
    return [_decoder.decode(body) for (body,) in rows]


def everything(connection: sqlite3.Connection) -> list[tuple[Outgoing, str | None]]:
    """Return all items in order, each with why it failed or None."""
    rows = connection.execute("SELECT body, failed FROM outbox ORDER BY id")
    return [(_decoder.decode(body), reason) for body, reason in rows]


def adopt(connection: sqlite3.Connection, items: list[tuple[Outgoing, str | None]]) -> None:
    """Take over the items of a client that does not run any more, behind one's own. One that is here already stays."""
    connection.executemany(
        "INSERT OR IGNORE INTO outbox (message_id, body, failed) VALUES (?, ?, ?)",
        [(item.message_id, msgspec.json.encode(item), reason) for item, reason in items],
    )
