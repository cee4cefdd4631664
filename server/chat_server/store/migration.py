"""Brings a database to the schema of this code: forward only, one transaction a step."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from importlib.resources import files
from typing import Final

from chat_server.store import chain
from chat_server.store.errors import StoreBroken

APPLICATION_ID: Final = 0x63686174
"""``chat`` in ASCII: how ``file`` and this code know the database."""

_FOLDER: Final = files("chat_server.store") / "migrations"


def newest() -> int:
    """The schema that this code works with."""
    return max(int(entry.name[:4]) for entry in _FOLDER.iterdir() if entry.name.endswith(".sql"))


def schema(connection: sqlite3.Connection) -> int:
    """The schema that ``connection``'s database has; 0 where it is empty. Only reads.

    Raises:
        StoreBroken: it belongs to another program, or to a newer version of this one.
        sqlite3.Error: it cannot be read.
    """
    found = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    is_new = found == 0 and version == 0 and not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
    if not is_new and found != APPLICATION_ID:
        raise StoreBroken(f"this is not a database of chat-server (application id {found:#x})")
    if version > newest():
        raise StoreBroken(
            f"the database has schema {version}, this version of chat-server knows up to {newest()}: use a newer one"
        )
    return int(version)


def migrate(connection: sqlite3.Connection) -> None:
    """Apply the steps that ``connection``'s database lacks.

    Raises:
        StoreBroken: it belongs to another program, or to a newer version of this one.
        sqlite3.Error: a step failed; those before it are applied.
    """
    version = schema(connection)
    connection.create_function("audit_link", 6, chain.link, deterministic=True)
    for step in range(version + 1, newest() + 1):
        _apply(connection, step)


def _apply(connection: sqlite3.Connection, step: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in statements((_FOLDER / f"{step:04}.sql").read_text("utf-8")):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={step}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def statements(script: str) -> Iterator[str]:
    """The statements of ``script``, one by one: ``executescript`` would commit before it begins."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if pending.strip():
        yield pending
