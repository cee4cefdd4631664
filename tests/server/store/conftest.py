"""The stores that one contract is tested on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chat_server.store import parts
from chat_server.store.base import Reader, Store
from chat_server.store.memory import MemoryStore
from chat_server.store.sqlite import SqliteStore, open_store
from tests.support.store import rooms

BACKENDS: dict[str, Callable[[Path], Store]] = {
    "memory": lambda folder: MemoryStore(),
    "sqlite": open_store,
}


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the index begin a new table so often that tests have several."""
    monkeypatch.setattr(parts, "STRETCH", 97)


@pytest.fixture(params=sorted(BACKENDS))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store of each kind, with two groups."""
    made = BACKENDS[request.param](tmp_path / "data")
    made.load()
    made.commit([*rooms()])
    yield made
    made.close()


@pytest.fixture
def reader(store: Store) -> Iterator[Reader]:
    """A reader of ``store``."""
    made = store.reader()
    yield made
    made.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SqliteStore]:
    """A store on disk, in ``tmp_path / "data"``, with two groups."""
    made = open_store(tmp_path / "data")
    made.load()
    made.commit([*rooms()])
    yield made
    made.close()
