"""A server of one's own for bad input, so that nobody else's tests meet what is left of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import register_admin
from tests.support.people import People
from tests.support.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with an admin, limits off."""
    made = Server(tmp_path_factory.mktemp("bad") / "data", "--request-limit", "100000", "--request-burst", "100000")
    made.start()
    try:
        register_admin(made)
        yield made
        made.terminate()
    finally:
        made.kill9()


@pytest.fixture
def cast(server: Server) -> Iterator[People]:
    """People on it."""
    people = People(server.address)
    yield people
    people.close()


@pytest.fixture
def log_path(server: Server) -> Path:
    """Where the server's log goes."""
    return server.data_dir.parent / f"{server.data_dir.name}.stderr"
