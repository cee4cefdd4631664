"""Half a server is worse than none: a thread that dies takes the process with it (docs/operating.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.dying import DEATHS
from tests.faults.stage import Stage
from tests.support.people import People
from tests.support.server import command
from tests.support.wire import Client

EXIT_THREAD_DIED = 70


def use(visitor: Client) -> None:
    """Give every thread some work, until the server closes."""
    visitor.hello()
    visitor.register("alice")
    while True:
        visitor.receive()


@pytest.mark.parametrize("thread", DEATHS)
@pytest.mark.parametrize("log_full", [False, True], ids=["", "log full"])
def test_a_dead_thread_ends_the_server(tmp_path: Path, thread: str, log_full: bool) -> None:
    """The process ends with status 70, also where its log cannot be written."""
    stage = Stage(tmp_path, thread)
    stage.server.program = [*command(module="tests.faults.dying"), thread]
    stage.shim.set(log_full=log_full)
    with stage:
        people = People(stage.server.address)
        visitor = people.connect()
        with pytest.raises(EOFError):
            use(visitor)
        people.close()
        assert stage.server.wait(10) == EXIT_THREAD_DIED
        assert ("thread died" in stage.server.log()) is not log_full
