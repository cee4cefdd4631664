"""INSERT statements of many rows at once.

``executemany`` gives up and takes back the interpreter lock for every row, and so stands in line behind every other
thread as often; one statement of 256 rows does so once. Small batches are one statement, too: beside a thread that
computes all the time, ten rows in one take half as long as in four.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

SIZES: Final = (256, 64, 32, *range(16, 0, -1))
"""Rows of the statements that are kept prepared."""

MOST: Final = SIZES[0]


class MultiRow:
    """An INSERT for any number of rows.

    ``head`` is everything up to VALUES, ``row`` one row's placeholders in brackets, ``tail`` what follows the rows.
    """

    def __init__(self, head: str, row: str, tail: str = "") -> None:
        self.width = row.count("?")
        self._full_sql = f"{head} VALUES {','.join([row] * MOST)} {tail}"
        self._sql = tuple((n * self.width, f"{head} VALUES {','.join([row] * n)} {tail}") for n in SIZES)

    def full(self, connection: sqlite3.Connection, values: list[Any]) -> None:
        """Insert exactly :data:`MOST` rows, given as one flat list."""
        connection.execute(self._full_sql, values)

    def all(self, connection: sqlite3.Connection, values: Sequence[Any]) -> None:
        """Insert rows that are given as one flat sequence."""
        start, end = 0, len(values)
        for count, sql in self._sql:
            while end - start >= count:
                connection.execute(sql, values[start : start + count])
                start += count
